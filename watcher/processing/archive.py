"""Zip archives: the directory as members, and a member's bytes, never more than the limits allow.

A member is known by its place in the directory: two may have one name, and no member's path is ever used as a path.
What the directory says is zipdirectory's to read, its names are zipnames', the methods unpacking's. Zips within zips
are files to this module: whoever extracted one may list it again.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from watcher.errors import RejectedError
from watcher.ignoring import is_junk
from watcher.model import MOST_OPTIONS, OPTIONS_NAME, Limits, Member
from watcher.pairing import is_movie
from watcher.processing import unpacking, zipdirectory, zipnames
from watcher.processing.unpacking import UnreadableMemberError as UnreadableMemberError  # what `extract` raises
from watcher.processing.zipdirectory import LOCAL, LOCAL_SIGNATURE, Entry

Clock = Callable[[], float]

_RATIO_FLOOR = 50_000_000  # bytes; below it a high ratio is a screenshot, not a bomb
_NO_YEAR = 1980  # the first that a zip can name, and what writers put who do not know
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # general purpose flags (APPNOTE 4.4.4): a password, strong, the directory too
_AES = 99  # the method that says so (WinZip)
_TIMES = 0x5455  # Info-ZIP's extra field of times: flags, then seconds since 1970, the last change first
_SPECIAL = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
}
_MOST_KEPT = 200_000  # entries of directories, some 100 MB; one archive alone may have more


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of an archive. `bounds`: where in the file something begins or it ends, in order."""

    entries: list[Entry]
    paths: list[str]
    bounds: list[int]
    options: int | None  # which entry is batch.toml


_kept: dict[tuple[int, ...], _Known] = {}


def members(path: str, limits: Limits, start: int = 0, most: int | None = None) -> tuple[Member, ...]:
    """The files in the archive from place `start` on, at most `most`; folders and batch.toml are left out.

    Fewer than `most` are the last; else the next group starts behind the last one's `index`. The first group alone
    looks at the archive as a whole, and raises RejectedError when its directory lies or is over a limit.
    """
    with open(path, "rb") as file:
        known = _known(file, limits.zip_members)
        if start == 0:
            _check(known, file, limits)
    found: list[Member] = []
    for index in range(start, len(known.entries)):
        if len(found) == most:
            break
        entry, name = known.entries[index], known.paths[index]
        if index != known.options and (entry.size or not entry.folder):
            found.append(Member(index, name, entry.size, is_junk(name)))
    return tuple(found)


def extract(path: str, index: int, target: BinaryIO, limits: Limits, clock: Clock = time.monotonic) -> None:
    """Write a member's bytes to `target`. Raises UnreadableMemberError when they cannot be had whole.

    Never more than the directory says: what lies about its size costs neither disk nor memory. `clock` tells seconds.
    """
    with open(path, "rb") as file:
        known = _known(file, limits.zip_members)
        if index >= len(known.entries):
            raise UnreadableMemberError("the zip has changed: it no longer has this member")
        entry = known.entries[index]
        _check_member(entry, limits, is_movie(known.paths[index]))
        pieces = unpacking.unpacked(_packed(file, entry, known.bounds), entry.method, entry.size)
        left, checksum = entry.size, 0
        for piece in _in_time(pieces, limits.zip_seconds, clock):
            left -= len(piece)
            if left < 0:
                break
            checksum = zlib.crc32(piece, checksum)
            target.write(piece)
        if left or checksum != entry.crc:
            raise UnreadableMemberError("the member is damaged: it is not what the zip's directory says")


def modified(path: str, index: int) -> float | None:
    """When a member was last changed, unix seconds: exactly, or by local time. None where the zip does not say."""
    with open(path, "rb") as file:
        entry = _known(file, sys.maxsize).entries[index]
    times = zipdirectory.field(entry.extra, _TIMES) or b""
    if len(times) >= 5 and times[0] & 1:
        return float(struct.unpack_from("<l", times, 1)[0])
    return _local(entry.date)


def batch_options(path: str, limits: Limits) -> bytes | None:
    """The content of batch.toml at the archive's root, or in the one folder that holds all else; None without one.

    Raises UnreadableMemberError when it is there and cannot be read, or has more than 64 KB.
    """
    with open(path, "rb") as file:
        known = _known(file, limits.zip_members)
    if known.options is None:
        return None
    size = known.entries[known.options].size
    if size > MOST_OPTIONS:
        raise UnreadableMemberError(f"{OPTIONS_NAME} in the zip has {size:,} bytes; it may have {MOST_OPTIONS:,}")
    content = io.BytesIO()
    extract(path, known.options, content, limits)
    return content.getvalue()


def _known(file: BinaryIO, most: int) -> _Known:
    """The archive's directory, kept between calls: reading one of 20,000 members costs a tenth of a second.

    Several are kept, since the members of several archives take turns; no file is, as an archive that is held open
    keeps its room on the disk when it is deleted.
    """
    status = os.fstat(file.fileno())
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    known = _kept.pop(identity, None) or _read(file, status.st_size, most)
    _kept[identity] = known
    while len(_kept) > 1 and sum(len(one.entries) for one in _kept.values()) > _MOST_KEPT:
        del _kept[next(iter(_kept))]  # the one that was not asked for the longest
    return known


def _read(file: BinaryIO, length: int, most: int) -> _Known:
    directory = zipdirectory.read(file, most)
    paths = zipnames.paths(directory.entries)
    bounds = sorted((*(entry.start for entry in directory.entries), directory.start, length))
    return _Known(directory.entries, paths, bounds, _options(directory.entries, paths))


def _options(entries: list[Entry], paths: list[str]) -> int | None:
    """The place of batch.toml: at the root, or in a folder that everything but litter is in."""
    files = {path: index for index, path in reversed([*enumerate(paths)]) if not entries[index].folder}
    if OPTIONS_NAME in files:
        return files[OPTIONS_NAME]
    tops = {path.partition("/")[0] for path in files if not is_junk(path)}
    return files.get(f"{tops.pop()}/{OPTIONS_NAME}") if len(tops) == 1 else None


def _check(known: _Known, file: BinaryIO, limits: Limits) -> None:
    size = os.fstat(file.fileno()).st_size
    total = sum(entry.size for entry in known.entries)
    if total > limits.zip_bytes:
        raise RejectedError(f"the zip unpacks to {total:,} bytes; limits.zip_bytes allows {limits.zip_bytes:,}")
    if _over(total, size, limits):
        raise RejectedError(
            f"the zip unpacks to {total // size} times its size; limits.zip_ratio allows {limits.zip_ratio}"
        )
    _check_places(known)
    _check_first(known, file)


def _over(unpacked: int, packed: int, limits: Limits) -> bool:
    return unpacked > _RATIO_FLOOR and unpacked > packed * limits.zip_ratio


def _check_places(known: _Known) -> None:
    """Each member's bytes must lie in the file and apart from others' (CVE-2024-0450)."""
    for entry, path in zip(known.entries, known.paths, strict=True):
        name = f"{path[-100:]!r}"
        if entry.start < 0:
            raise RejectedError(f"the zip's directory lies: {name} would begin before the file")
        end = entry.start + LOCAL.size + entry.packed
        if end > known.bounds[-1]:
            raise RejectedError(f"the zip's directory lies: {name} would end behind the end of the file")
        if end > _behind(entry, known.bounds):
            raise RejectedError(f"the zip's directory lies: the bytes of {name} overlap another member's")
    starts = {entry.start for entry in known.entries}
    if len(starts) < len(known.entries):
        raise RejectedError("the zip's directory lies: the bytes of one member overlap another member's")


def _behind(entry: Entry, bounds: list[int]) -> int:
    """Where the next member begins, or the directory, or the file ends."""
    return bounds[bisect_right(bounds, entry.start)]


def _check_first(known: _Known, file: BinaryIO) -> None:
    """A file may begin with a program that unpacks it; with a member that the directory leaves out, it is two zips.

    Those of the first would be lost in silence.
    """
    file.seek(0)
    if file.read(4) == LOCAL_SIGNATURE and all(entry.start for entry in known.entries):
        raise RejectedError(
            "the zip begins with members that its directory leaves out; unpack it and drop what it holds"
        )


def _check_member(entry: Entry, limits: Limits, movie: bool) -> None:
    if entry.flags & _ENCRYPTED or entry.method == _AES:
        raise UnreadableMemberError("the member is encrypted; unpack the zip with its password and drop the files")
    if entry.folder:
        raise UnreadableMemberError("the member is a folder that has content of its own, not a file")
    special = _SPECIAL.get(stat.S_IFMT(entry.mode))
    # what a packer read from a pipe is marked as one, and is a file all the same
    if special and not (stat.S_ISFIFO(entry.mode) and entry.size):
        raise UnreadableMemberError(f"the member is {special}, not a file")
    if entry.size > limits.max_file_bytes and not movie:  # that is of pictures; a movie is stored as it is
        raise UnreadableMemberError(
            f"the member has {entry.size:,} bytes; limits.max_file_bytes allows {limits.max_file_bytes:,}"
        )
    if _over(entry.size, entry.packed, limits):
        raise UnreadableMemberError(
            f"the member unpacks to over {limits.zip_ratio} times its size, more than limits.zip_ratio allows"
        )


def _packed(file: BinaryIO, entry: Entry, bounds: list[int]) -> Iterator[bytes]:
    """The member's bytes as they lie in the file, in pieces. The local header is believed for its length alone."""
    inside = 0 <= entry.start <= bounds[-1]
    file.seek(entry.start if inside else bounds[-1])
    header = file.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(LOCAL_SIGNATURE):
        raise UnreadableMemberError("the member is damaged: it does not begin where the zip's directory says")
    begin = entry.start + LOCAL.size + sum(LOCAL.unpack(header)[1:])
    left = entry.packed
    if begin + left > _behind(entry, bounds):
        raise UnreadableMemberError("the member is damaged: it runs into what follows it")
    file.seek(begin)
    while left and (chunk := file.read(min(left, unpacking.PIECE))):
        left -= len(chunk)
        yield chunk


def _in_time(pieces: Iterator[bytes], seconds: float, clock: Clock) -> Iterator[bytes]:
    end = clock() + seconds
    for piece in pieces:
        if clock() > end:
            raise UnreadableMemberError(
                f"the member took longer to unpack than limits.zip_seconds allows ({seconds:g} s)"
            )
        yield piece


def _local(date: int) -> float | None:
    """Unix seconds of a DOS date and time (APPNOTE 4.4.6), which are local."""
    year, month, day = _NO_YEAR + (date >> 25), date >> 21 & 0xF, date >> 16 & 0x1F
    hour, minute, second = date >> 11 & 0x1F, date >> 5 & 0x3F, (date & 0x1F) * 2
    if year <= _NO_YEAR:
        return None
    try:
        return datetime(year, month, day, hour, minute, second).timestamp()
    except (ValueError, OverflowError):
        return None
