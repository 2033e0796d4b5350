"""Zip archives: the directory as members, and a member's bytes. zipfile trusts archives, so the guards are here.

A member is known by its place in the directory: two may have one name, and no member's path is ever used as a path.
"""

from __future__ import annotations

import bz2
import contextlib
import copy
import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import IO, BinaryIO

from watcher.errors import RejectedError
from watcher.ignoring import is_junk
from watcher.model import Limits, Member
from watcher.processing.complaints import said

_CHUNK = 1 << 20
_LZMA_CHUNK = 1 << 12  # bytes asked for; zipfile unpacks all that a chunk holds, up to 7,000 times as much
_RATIO_FLOOR = 50_000_000  # bytes; below it a high ratio is a screenshot, not a bomb
_NO_YEAR = 1980  # the first that a zip can name, and what writers put who do not know
_LOCAL_HEADER = 30  # bytes, its fixed part (APPNOTE 4.3.7)
_ENCRYPTED, _UTF8 = 0x1, 0x800  # general purpose flags (APPNOTE 4.4.4)
_last: tuple[tuple[int, ...], zipfile.ZipFile] | None = None


def members(path: str, limits: Limits) -> tuple[Member, ...]:
    """The files in the archive, folders left out. Raises RejectedError when the directory lies or is over a limit."""
    with _opened(path) as archive:
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
        if entry.file_size or not entry.filename.endswith("/")
    )


def extract(path: str, index: int, target: BinaryIO, limits: Limits) -> None:
    """Write a member's bytes to `target`. Raises RejectedError when they cannot be had whole.

    Never more than the directory says: what lies about its size costs neither disk nor memory.
    """
    with _opened(path) as archive:
        entry = archive.infolist()[index]
        _check_member(entry, limits)
        with _understood("the member"), _unpacked(archive, entry) as source:
            left, checksum = entry.file_size, 0
            step = _LZMA_CHUNK if entry.compress_type == zipfile.ZIP_LZMA else _CHUNK
            while chunk := source.read(min(step, left)):
                left -= len(chunk)
                checksum = zlib.crc32(chunk, checksum)
                target.write(chunk)
            if left or source.read(1) or checksum != entry.CRC:
                raise RejectedError("the member is damaged: it is not what the zip's directory says")


def modified(path: str, index: int) -> float | None:
    """When a member was last changed, unix seconds; zips know it by local time. None where that is not said."""
    with _opened(path) as archive:
        date = archive.infolist()[index].date_time
    if date[0] <= _NO_YEAR:
        return None
    try:
        return datetime(*date).timestamp()
    except (ValueError, OverflowError):
        return None


def member_path(entry: zipfile.ZipInfo) -> str:
    """A member's path as text. Without the UTF-8 flag zipfile reads cp437; most such names are UTF-8 all the same."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


@contextlib.contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    """The archive. The last directory read is kept: reading one of 20,000 members costs a tenth of a second.

    The file itself is opened each time: an archive that is held open keeps its room on the disk when it is deleted.
    """
    global _last
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if _last is None or _last[0] != identity:
            with _understood("the zip"):
                _last = (identity, zipfile.ZipFile(file))
        archive = _last[1]
        archive.fp = file
        yield archive


def _check_member(entry: zipfile.ZipInfo, limits: Limits) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise RejectedError("the member is encrypted; unpack the zip with its password and drop the files")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise RejectedError("the member is a symbolic link, not a file")
    if entry.file_size > limits.max_file_bytes:
        raise RejectedError(
            f"the member has {entry.file_size:,} bytes; limits.max_file_bytes allows {limits.max_file_bytes:,}"
        )


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    """The member's bytes as a stream. bzip2 is unpacked here: zipfile would make gigabytes of 4 KB in one go."""
    if entry.compress_type != zipfile.ZIP_BZIP2:
        return archive.open(entry)
    packed = copy.copy(entry)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, entry.compress_size
    packed.CRC = None  # type: ignore[assignment]  # it is of the unpacked bytes; zipfile checks none then
    return bz2.BZ2File(archive.open(packed))


def _check_ranges(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Each member's bytes must lie in the file and apart from others' (CVE-2024-0450: zipfile does not look)."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start = entry.header_offset
        if start < 0:
            raise RejectedError(f"the zip's directory lies: {entry.filename!r} would begin before the file")
        if start < end:
            raise RejectedError(f"the zip's directory lies: the bytes of {entry.filename!r} overlap another member's")
        end = start + _LOCAL_HEADER + entry.compress_size
        if end > size:
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
    except UnicodeDecodeError:
        raise RejectedError(f"{what} has a name that is marked as UTF-8 and is not") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk, read or written; EINVAL is a seek to where the zip pointed
        raise RejectedError(f"{what} is damaged and cannot be unpacked ({said(error)})") from None
