"""Zip archives: the directory as members, and a member's bytes. zipfile trusts archives, so the guards are here.

A member is known by its place in the directory: two may have one name, and no member's path is ever used as a path.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from watcher.errors import RejectedError
from watcher.ignoring import is_junk
from watcher.model import Limits, Member

_CHUNK = 1 << 20
_RATIO_FLOOR = 50_000_000  # bytes; below it a high ratio is a screenshot, not a bomb
_open: tuple[tuple[str, int, int], zipfile.ZipFile] | None = None


def members(path: str, limits: Limits) -> tuple[Member, ...]:
    """The files in the archive, folders left out. Raises RejectedError when the directory lies or is over a limit."""
    archive = _archive(path)
    entries = archive.infolist()
    if len(entries) > limits.zip_members:
        raise RejectedError(f"the zip has {len(entries):,} members; limits.zip_members allows {limits.zip_members:,}")
    total = sum(entry.file_size for entry in entries)
    if total > limits.zip_bytes:
        raise RejectedError(f"the zip unpacks to {total:,} bytes; limits.zip_bytes allows {limits.zip_bytes:,}")
    size = os.path.getsize(path)
    if total > _RATIO_FLOOR and total > size * limits.zip_ratio:
        raise RejectedError(
            f"the zip unpacks to {total // size} times its size; limits.zip_ratio allows {limits.zip_ratio}"
        )
    _check_ranges(entries, size)
    return tuple(
        Member(index, member_path(entry), entry.file_size, is_junk(member_path(entry)))
        for index, entry in enumerate(entries)
        if not (entry.is_dir() and entry.file_size == 0)
    )


def extract(path: str, index: int, target: BinaryIO, limits: Limits) -> None:
    """Write a member's bytes to `target`. Raises RejectedError when they cannot be had whole.

    The archive stays open for the next member: opening one of 20,000 members costs a tenth of a second.
    """
    entry = _archive(path).infolist()[index]
    if entry.flag_bits & 0x1:
        raise RejectedError("the member is encrypted; unpack the zip with its password and drop the files")
    if entry.file_size > limits.max_file_bytes:
        raise RejectedError(
            f"the member has {entry.file_size:,} bytes; limits.max_file_bytes allows {limits.max_file_bytes:,}"
        )
    with _understood("the member"), _archive(path).open(entry) as source:
        left = entry.file_size
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            target.write(chunk)
    if left:
        raise RejectedError("the member is damaged: it is not as long as the zip's directory says")


def member_path(entry: zipfile.ZipInfo) -> str:
    """A member's path as text. Without the UTF-8 flag zipfile reads cp437; most such names are UTF-8 all the same."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _archive(path: str) -> zipfile.ZipFile:
    global _open
    status = os.stat(path)
    identity = (path, status.st_ino, status.st_mtime_ns)
    if _open is not None and _open[0] == identity:
        return _open[1]
    if _open is not None:
        _open[1].close()
        _open = None
    with _understood("the zip"):
        _open = (identity, zipfile.ZipFile(path))
    return _open[1]


def _check_ranges(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Each member's bytes must lie in the file and apart from others' (CVE-2024-0450: zipfile does not look)."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start = entry.header_offset
        if start < end:
            raise RejectedError(f"the zip's directory lies: the bytes of {entry.filename!r} overlap another member's")
        end = start + 30 + entry.compress_size  # 30: the fixed part of a local header (APPNOTE 4.3.7)
        if start < 0 or end > size:
            raise RejectedError(f"the zip's directory lies: {entry.filename!r} would end behind the end of the file")


@contextlib.contextmanager
def _understood(what: str) -> Iterator[None]:
    """zipfile raises eight classes and more (zlib.error, RuntimeError, struct.error ...): one sentence for all."""
    try:
        yield
    except (RejectedError, MemoryError):
        raise
    except NotImplementedError as error:
        raise RejectedError(f"{what} is packed by a method that this program does not know ({error})") from None
    except Exception as error:
        raise RejectedError(f"{what} is damaged and cannot be unpacked ({error or type(error).__name__})") from None
