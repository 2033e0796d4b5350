"""Zip archives: what they hold, and that none of them costs more than it may, or writes where it should not."""

from __future__ import annotations

import bz2
import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from memory_costs import measured

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import archive

LIMITS = Limits()


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return str(path)


def read(path: str, index: int, limits: Limits = LIMITS) -> bytes:
    out = io.BytesIO()
    archive.extract(path, index, out, limits)
    return out.getvalue()


def refused(path: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(RejectedError) as caught:
        archive.members(path, limits)
    return str(caught.value)


def test_members_are_the_files_in_the_order_of_the_directory(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"b.jpg": b"bb", "sub/": b"", "sub/a.jpg": b"a", "__MACOSX/._b.jpg": b"x"})
    found = archive.members(path, LIMITS)
    assert [(m.index, m.path, m.size, m.junk) for m in found] == [
        (0, "b.jpg", 2, False),
        (2, "sub/a.jpg", 1, False),
        (3, "__MACOSX/._b.jpg", 1, True),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_comes_out_whole_by_each_method(tmp_path: Path, method: int) -> None:
    content = os.urandom(300_000) + bytes(3_000_000)
    path = zipped(tmp_path / "a.zip", {"empty": b"", "a": content, "b": b"second"}, method)
    assert [read(path, index) for index in range(3)] == [b"", content, b"second"]


def test_two_members_of_one_name_are_two(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target, pytest.warns(UserWarning, match="Duplicate name"):
        target.writestr("a.jpg", b"first")
        target.writestr("a.jpg", b"second")
    assert [read(str(tmp_path / "a.zip"), index) for index in (0, 1)] == [b"first", b"second"]


def test_an_archive_replaced_under_its_path_is_read_anew(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"old.jpg": b"old"})
    assert [m.path for m in archive.members(path, LIMITS)] == ["old.jpg"]
    os.replace(zipped(tmp_path / "b.zip", {"new.jpg": b"new"}), path)
    assert [m.path for m in archive.members(path, LIMITS)] == ["new.jpg"]
    assert read(path, 0) == b"new"


def test_the_directory_is_read_once_and_the_file_is_not_held_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "a.zip", {f"{number}.jpg": b"%d" % number for number in range(50)})
    reads: list[object] = []
    real = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined]
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", lambda self: (reads.append(self), real(self)))
    archive.members(path, LIMITS)
    assert [read(path, index) for index in range(50)] == [b"%d" % number for number in range(50)]
    assert len(reads) == 1
    held = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)]
    assert not [target for target in held if "a.zip" in target]


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(zip_members=2), "limits.zip_members"),
        (Limits(zip_bytes=100), "limits.zip_bytes"),
    ],
)
def test_each_limit_on_archives_is_named_by_its_error(tmp_path: Path, limits: Limits, named: str) -> None:
    path = zipped(tmp_path / "a.zip", {"a": bytes(50), "b": bytes(50), "c": bytes(50)})
    assert named in refused(path, limits)


def test_a_zip_that_unpacks_to_too_many_times_its_size_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"zeros": bytes(60_000_000)})
    assert "limits.zip_ratio allows 200" in refused(path)
    small = zipped(tmp_path / "b.zip", {"zeros": bytes(10_000_000)})  # a screenshot packs like that
    assert len(archive.members(small, LIMITS)) == 1


def test_a_member_over_the_limit_of_a_file_is_refused_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"big": bytes(1000), "small": b"fine"})
    with pytest.raises(RejectedError, match=r"limits\.max_file_bytes"):
        read(path, 0, Limits(max_file_bytes=999))
    assert read(path, 1, Limits(max_file_bytes=999)) == b"fine"


def directory_patched(path: str, at: int, value: int, entry: int = 0) -> str:
    """Overwrite four bytes at `at` in an entry of the central directory."""
    content = bytearray(Path(path).read_bytes())
    start = content.find(b"PK\1\2")
    for _ in range(entry):
        start = content.find(b"PK\1\2", start + 4)
    content[start + at : start + at + 4] = struct.pack("<I", value)
    Path(path).write_bytes(content)
    return path


COMPRESSED, UNPACKED, OFFSET = 20, 24, 42  # places in a directory entry (APPNOTE 4.3.12)


def test_a_directory_that_lies_about_places_is_refused_whole(tmp_path: Path) -> None:
    files = {"a": os.urandom(100), "b": os.urandom(100)}
    overlapping = directory_patched(zipped(tmp_path / "1.zip", files, 0), OFFSET, 0, entry=1)
    assert "overlap" in refused(overlapping)
    outside = directory_patched(zipped(tmp_path / "2.zip", files, 0), OFFSET, 1 << 30, entry=1)
    assert "behind the end" in refused(outside)
    longer = directory_patched(zipped(tmp_path / "3.zip", files, 0), COMPRESSED, 1 << 30, entry=1)
    assert "behind the end" in refused(longer)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("claimed", [10, 2000])
def test_a_member_that_is_not_as_long_as_it_says_is_refused(tmp_path: Path, method: int, claimed: int) -> None:
    path = directory_patched(zipped(tmp_path / "a.zip", {"a": os.urandom(1000)}, method), UNPACKED, claimed)
    out = io.BytesIO()
    with pytest.raises(RejectedError, match="damaged"):
        archive.extract(path, 0, out, LIMITS)
    assert len(out.getvalue()) <= claimed


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_a_member_with_a_flipped_bit_is_refused(tmp_path: Path, method: int) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"a": b"x" * 1000, "b": b"fine"}, method))
    content = bytearray(path.read_bytes())
    content[31 + 20] ^= 4
    path.write_bytes(content)
    with pytest.raises(RejectedError, match="the member is damaged"):
        read(str(path), 0)
    assert read(str(path), 1) == b"fine"


def test_a_member_that_unpacks_to_more_than_it_says_costs_no_memory(tmp_path: Path) -> None:
    packed = bz2.compress(bytes(1 << 27))  # 134 MB in some hundred bytes
    path = zipped(tmp_path / "a.zip", {"bomb": packed}, zipfile.ZIP_STORED)
    directory_patched(path, UNPACKED, 1000)
    content = bytearray(Path(path).read_bytes())
    directory = content.find(b"PK\1\2")
    content[directory + 10 : directory + 12] = content[8:10] = struct.pack("<H", zipfile.ZIP_BZIP2)
    Path(path).write_bytes(content)
    ((said, grown_kb),) = measured(refusal_of_the_first, [(path,)])
    assert said.startswith("the member is damaged")
    assert grown_kb < 50_000


def refusal_of_the_first(path: str) -> str:
    try:
        read(path, 0)
    except RejectedError as error:
        return str(error)
    return "not refused"


@pytest.mark.parametrize(
    ("name", "flagged", "expected"),
    [
        ("été.jpg".encode(), True, "été.jpg"),
        ("été.jpg".encode(), False, "été.jpg"),
        ("été.jpg".encode("cp437"), False, "été.jpg"),
        (b"dir\\a.jpg", False, "dir\\a.jpg"),
        (b"a.jpg\0.exe", False, "a.jpg"),
        (b"../../a.jpg", False, "../../a.jpg"),
        (b"", False, ""),
    ],
)
def test_a_members_path_is_read_as_text_whatever_wrote_it(
    tmp_path: Path, name: bytes, flagged: bool, expected: str
) -> None:
    path = tmp_path / "a.zip"
    content = bytearray(Path(zipped(path, {"x" * len(name) or "x": b"content"})).read_bytes())
    directory = content.find(b"PK\1\2")
    if flagged:
        content[directory + 9] |= 0x08
    if name:
        content[30 : 30 + len(name)] = content[directory + 46 : directory + 46 + len(name)] = name
        path.write_bytes(content)
    else:
        empty = zipfile.ZipInfo("x")
        empty.filename = ""
        with zipfile.ZipFile(path, "w") as target:
            target.writestr(empty, b"content")
    (member,) = archive.members(str(path), LIMITS)
    assert member.path == expected


def test_links_and_what_is_encrypted_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(link, b"/etc/passwd")
        target.writestr("secret.jpg", b"x")
    content = bytearray(path.read_bytes())
    second = content.rfind(b"PK\1\2")
    content[second + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(RejectedError, match="symbolic link"):
        read(str(path), 0)
    with pytest.raises(RejectedError, match="encrypted"):
        read(str(path), 1)


def test_a_full_disk_is_not_the_members_fault(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(28, "No space left on device")

    path = zipped(tmp_path / "a.zip", {"a": b"content"})
    with pytest.raises(OSError, match="No space left"):
        archive.extract(path, 0, Full(), LIMITS)


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["archives", "hostile-archives"])
def test_every_archive_of_the_collection_is_read_or_refused_in_words(
    corpus: Path, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    whole, members, refusals = 0, 0, []
    for path in sorted((corpus / folder).iterdir()):
        try:
            found = archive.members(str(path), LIMITS)
        except RejectedError as error:
            refusals.append(str(error))
            continue
        whole += 1
        for member in found:
            out = io.BytesIO()
            try:
                archive.extract(str(path), member.index, out, LIMITS)
            except RejectedError as error:
                refusals.append(str(error))
            else:
                members += 1
            assert len(out.getvalue()) <= member.size < 20_000_000
    assert whole > 40 and members > 2000
    assert all(said.startswith(("the zip", "the member")) and "\n" not in said for said in refusals)
    assert list(tmp_path.rglob("*")) == [work]
