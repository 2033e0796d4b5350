"""Zip archives: what they hold, and that none of them costs more than it may, or writes where it should not."""

from __future__ import annotations

import io
import itertools
import os
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest
from memory_costs import measured

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import archive, zipdirectory

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
    real = zipdirectory.read
    monkeypatch.setattr(zipdirectory, "read", lambda file, most: reads.append(file) or real(file, most))
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
    shared = directory_patched(zipped(tmp_path / "4.zip", files, 0), OFFSET, 131, entry=0)
    assert "overlap" in refused(shared)


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


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_unpacks_to_more_than_it_says_costs_no_memory(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb": bytes(1 << 27)}, method)  # 134 MB in some kilobytes
    directory_patched(path, UNPACKED, 1000)
    ((said, grown_kb),) = measured(refusal_of_the_first, [(path,)])
    assert said.startswith("the member is damaged")
    assert grown_kb < 50_000


def refusal_of_the_first(path: str) -> str:
    try:
        read(path, 0)
    except RejectedError as error:
        return str(error)
    return "not refused"


def unreadable(path: str, index: int = 0, limits: Limits = LIMITS, clock: archive.Clock = time.monotonic) -> str:
    with pytest.raises(archive.UnreadableMemberError) as caught:
        archive.extract(path, index, io.BytesIO(), limits, clock)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFLNK, "a symbolic link"),
        (stat.S_IFCHR, "a device"),
        (stat.S_IFBLK, "a device"),
        (stat.S_IFSOCK, "a socket"),
        (stat.S_IFDIR, "a folder that has content"),
    ],
)
def test_what_is_no_file_is_refused_in_words(tmp_path: Path, mode: int, words: str) -> None:
    odd = zipfile.ZipInfo("odd.jpg")
    odd.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(odd, b"/etc/passwd")
        target.writestr("good.jpg", b"good")
    assert f"the member is {words}" in unreadable(str(tmp_path / "a.zip"))
    assert read(str(tmp_path / "a.zip"), 1) == b"good"


@pytest.mark.parametrize(("size", "taken"), [(7, True), (0, False)])
def test_what_a_packer_read_from_a_pipe_is_taken_and_a_pipe_is_not(tmp_path: Path, size: int, taken: bool) -> None:
    piped = zipfile.ZipInfo("-")
    piped.external_attr = (stat.S_IFIFO | 0o600) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(piped, bytes(size))
    if taken:
        assert read(str(tmp_path / "a.zip"), 0) == bytes(size)
    else:
        assert "a named pipe" in unreadable(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2001])
def test_what_is_encrypted_costs_itself_alone(tmp_path: Path, flags: int) -> None:
    path = directory_patched(zipped(tmp_path / "a.zip", {"secret": b"x", "open": b"o"}), 6, flags << 16 | 20)
    assert "encrypted" in unreadable(path)
    assert read(path, 1) == b"o"


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (1, "shrinking"),
        (6, "imploding"),
        (9, "Deflate64"),
        (93, "Zstandard"),
        (95, "XZ"),
        (98, "PPMd"),
        (77, "method 77"),
    ],
)
def test_a_method_that_is_not_unpacked_is_named(tmp_path: Path, method: int, name: str) -> None:
    path = directory_patched(zipped(tmp_path / "a.zip", {"a": b"x", "good": b"good"}), 10, method)
    assert f"packed by {name}, which" in unreadable(path)
    assert read(path, 1) == b"good"


def retold(path: str, method: int, size: int) -> str:
    """The first member, said to be packed by another method and to have another size."""
    return directory_patched(directory_patched(path, 10, method), UNPACKED, size)


EMPTY_BLOCK = bytes.fromhex("000000ffff")  # of deflate, stored (RFC 1951, 3.2.4)


@pytest.mark.parametrize("unpacks_to", ["much", "nothing"])
def test_a_member_that_takes_too_long_is_given_up(tmp_path: Path, unpacks_to: str) -> None:
    if unpacks_to == "much":
        path = zipped(tmp_path / "a.zip", {"a": bytes(20_000_000)})
    else:
        path = retold(zipped(tmp_path / "a.zip", {"a": EMPTY_BLOCK * 2_000_000}, 0), zipfile.ZIP_DEFLATED, 9)
    ticks = itertools.count()
    assert "limits.zip_seconds allows (5 s)" in unreadable(path, 0, Limits(zip_seconds=5), lambda: next(ticks))


def test_bytes_that_run_into_the_next_member_are_refused(tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"a": b"first", "b": b"second"}, 0))
    content = bytearray(path.read_bytes())
    content[28] = 40  # an extra field in the local header that is not there
    path.write_bytes(content)
    assert len(archive.members(str(path), LIMITS)) == 2
    assert "runs into what follows it" in unreadable(str(path))
    assert read(str(path), 1) == b"second"


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (33, b"\6", "its LZMA properties are none"),
        (36, b"\xff\xff\xff\xff", "its LZMA properties are none"),
        (35, b"\xff", "is damaged and cannot be unpacked"),
    ],
    ids=["length of the properties", "a dictionary of 4 GB", "bits that there are none of"],
)
def test_lzma_properties_that_no_packer_writes_are_refused(tmp_path: Path, at: int, value: bytes, words: str) -> None:
    path = retold(zipped(tmp_path / "a.zip", {"a": b"content"}, zipfile.ZIP_LZMA), zipfile.ZIP_LZMA, 300_000_000)
    content = bytearray(Path(path).read_bytes())
    content[at : at + len(value)] = value
    Path(path).write_bytes(content)
    assert words in unreadable(path, 0, Limits(zip_ratio=1 << 40))


def test_a_member_that_unpacks_to_too_many_times_its_size_is_refused_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"zeros": bytes(60_000_000)})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as target:
        target.writestr("photo.jpg", os.urandom(1_000_000))
    assert [member.path for member in archive.members(path, LIMITS)] == ["zeros", "photo.jpg"]
    assert "limits.zip_ratio" in unreadable(path)
    assert len(read(path, 1)) == 1_000_000


def test_members_come_in_groups_that_together_are_all(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(7)]
    path = zipped(
        tmp_path / "a.zip",
        {"sub/": b"", **dict.fromkeys(names[:4], b"x"), "dir/": b"", "4.jpg": b"x", "5.jpg": b"x", "6.jpg": b"x"},
    )
    groups, start = [], 0
    while group := archive.members(path, LIMITS, start, 3):
        groups.append([member.path for member in group])
        start = group[-1].index + 1
    assert groups == [names[:3], names[3:6], names[6:]]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"batch.toml": b"a", "sub/batch.toml": b"b", "c.jpg": b"c"}, b"a"),
        ({"trip/": b"", "trip/c.jpg": b"c", "trip/batch.toml": b"b", "__MACOSX/trip/._c.jpg": b""}, b"b"),
        ({"trip/batch.toml": b"b", "other/c.jpg": b"c"}, None),
        ({"trip/sub/batch.toml": b"b", "trip/c.jpg": b"c"}, None),
        ({"batch.toml/": b"", "c.jpg": b"c"}, None),
        ({}, None),
    ],
)
def test_the_settings_of_a_batch_are_no_member(tmp_path: Path, files: dict[str, bytes], expected: bytes | None) -> None:
    path = zipped(tmp_path / "a.zip", files)
    assert archive.batch_options(path, LIMITS) == expected
    listed = {member.path: files[member.path] for member in archive.members(path, LIMITS)}
    kept = {name: content for name, content in files.items() if not name.endswith("/") and content != expected}
    assert listed == kept


def test_settings_that_are_too_long_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"batch.toml": bytes(65_537)})
    with pytest.raises(archive.UnreadableMemberError, match=r"batch\.toml in the zip has 65,537 bytes"):
        archive.batch_options(path, LIMITS)


def test_a_full_disk_is_not_the_members_fault(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(28, "No space left on device")

    path = zipped(tmp_path / "a.zip", {"a": b"content"})
    with pytest.raises(OSError, match="No space left"):
        archive.extract(path, 0, Full(), LIMITS)
