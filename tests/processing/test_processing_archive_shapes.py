"""Zips in the shapes that writers give them: long, prefixed, commented, in zip64, streamed, cut, counted wrongly."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import archive

LIMITS = Limits()
END = b"PK\5\6"


def packed(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return target.getvalue()


def contents(path: Path) -> dict[str, bytes]:
    found = {}
    for member in archive.members(str(path), LIMITS):
        out = io.BytesIO()
        archive.extract(str(path), member.index, out, LIMITS)
        found[member.path] = out.getvalue()
    return found


def refused(path: Path) -> str:
    with pytest.raises(RejectedError) as caught:
        archive.members(str(path), LIMITS)
    return str(caught.value)


def ended(content: bytes, at: int, form: str, value: int) -> bytes:
    """The zip with a value in its end record overwritten."""
    changed = bytearray(content)
    struct.pack_into(form, changed, content.rfind(END) + at, value)
    return bytes(changed)


NAMED, SIZE = 10, 12  # places in the end record (APPNOTE 4.3.16)
PLAIN = packed(a=b"first", b=b"second")
BOTH = {"a": b"first", "b": b"second"}


@pytest.mark.parametrize(
    "content",
    [
        b"#!/bin/sh\nexit\n" + PLAIN,  # offsets as if nothing stood before them
        PLAIN + bytes(1000),  # padded by a transfer
        PLAIN + packed(),  # an empty one behind it
        PLAIN[:-2] + b"\xff\xff" + b"c" * 65_535,
        PLAIN[:-2] + (22).to_bytes(2, "little") + END + bytes(18),  # a comment that looks like the end of an empty zip
        ended(PLAIN, NAMED, "<H", 1),  # old writers count modulo 65,536
    ],
    ids=["prefixed", "padded", "empty one behind", "long comment", "end in the comment", "counted too low"],
)
def test_what_stands_around_a_zip_does_not_hide_its_members(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert contents(path) == BOTH


def test_a_program_that_unpacks_itself_is_read_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "a.exe"
    path.write_bytes(b"MZ" + bytes(4000))
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("a", b"first")
    assert contents(path) == {"a": b"first"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed(lost=b"x") + PLAIN, "begins with members that its directory leaves out"),
        (ended(PLAIN, NAMED, "<H", 500), "counts 500 members and names 2"),
        (ended(PLAIN, 4, "<H", 3), "the last part of one that was split"),
        (PLAIN[:-30], "no directory at its end"),
        (PLAIN[: len(PLAIN) // 2], "no directory at its end"),
        (b"", "no directory at its end"),
        (END + b"\xff" * 18, "no directory at its end"),
        (ended(PLAIN, SIZE, "<L", 60), "directory is damaged"),
        (PLAIN.replace(b"PK\1\2", b"PK\1\7").replace(b"PK\1\7", b"PK\1\2", 1), "directory is damaged"),
    ],
    ids=[
        "two in one",
        "counted too high",
        "split",
        "no end",
        "half",
        "empty",
        "nonsense",
        "short",
        "bad entry",
    ],
)
def test_what_would_lose_members_in_silence_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_streamed_zip_has_its_sizes_behind_the_bytes(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, content: object) -> int:
            self.content += bytes(content)  # type: ignore[call-overload]
            return len(content)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", b"first" * 1000)
    assert pipe.content[6] & 8, "the flag of a data descriptor"
    (tmp_path / "a.zip").write_bytes(pipe.content)
    assert contents(tmp_path / "a.zip") == {"a": b"first" * 1000}


def test_more_members_than_16_bits_can_count_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed(**{str(number): b"" for number in range(65_540)}))
    assert len(archive.members(str(path), LIMITS)) == 65_540


def test_a_zip_of_over_four_gigabytes_is_read_where_it_lies(tmp_path: Path) -> None:
    """Sparse: a member of 5 GB of zeros that nobody reads, and one behind it. Their sizes and places are zip64's."""
    path, content, hole = tmp_path / "a.zip", b"behind", 5 << 30
    with open(path, "wb") as file, zipfile.ZipFile(file, "w") as target:
        target.writestr("hole", b"")
        first = target.infolist()[0]
        file.seek(hole, os.SEEK_CUR)
        target.start_dir = file.tell()
        target.writestr("behind", content)
        first.file_size = first.compress_size = hole
    assert path.stat().st_blocks * 512 < 1 << 20 < path.stat().st_size
    found = archive.members(str(path), LIMITS)
    assert [(member.path, member.size) for member in found] == [("hole", hole), ("behind", len(content))]
    out = io.BytesIO()
    archive.extract(str(path), 1, out, LIMITS)
    assert out.getvalue() == content
    with pytest.raises(archive.UnreadableMemberError, match=r"limits\.max_file_bytes"):
        archive.extract(str(path), 0, io.BytesIO(), LIMITS)


def test_one_odd_entry_does_not_cost_the_others(tmp_path: Path) -> None:
    content = bytearray(PLAIN)
    entry = content.find(b"PK\1\2")
    content[entry + 6] = 255  # needs version 25.5 of the format
    content[entry + 9] |= 8  # a name in UTF-8 ...
    content[entry + 46] = content[30] = 0xFF  # ... which it is not
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert list(contents(path).values()) == [b"first", b"second"]


def test_times_are_exact_where_the_zip_has_them_and_local_elsewhere(tmp_path: Path) -> None:
    noon = datetime(2024, 5, 17, 12, 0, 1, tzinfo=UTC)
    exact = zipfile.ZipInfo("exact", (1999, 1, 1, 0, 0, 0))
    exact.extra = struct.pack("<HHBl", 0x5455, 5, 1, int(noon.timestamp()))
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(exact, b"")
        target.writestr(zipfile.ZipInfo("local", (2024, 5, 17, 14, 23, 2)), b"")
        target.writestr(zipfile.ZipInfo("unknown", (1980, 1, 1, 0, 0, 0)), b"")
    found = [archive.modified(str(path), index) for index in range(3)]
    assert found == [noon.timestamp(), datetime(2024, 5, 17, 14, 23, 2).timestamp(), None]


def test_directories_of_archives_that_take_turns_are_read_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    real = archive.zipdirectory.read
    monkeypatch.setattr(archive.zipdirectory, "read", lambda file, most: reads.append(file) or real(file, most))
    parts = [tmp_path / f"{number}.zip" for number in range(3)]
    for part in parts:
        part.write_bytes(PLAIN)
    for index in (0, 1):
        for part in parts:
            archive.extract(str(part), index, io.BytesIO(), LIMITS)
    assert len(reads) == len(parts)
