"""Where a zip's central directory lies, and what it says. It believes nothing, and unpacks nothing.

The numbers are those of PKWARE's APPNOTE.TXT 6.3.10. The standard library's reader is not used: one odd entry (an extra
field cut short, a name that is not UTF-8, a high version) makes it refuse the whole archive, with a dozen exceptions.
What a name means is zipnames' business, whether the whole is bearable archive's.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from watcher.errors import RejectedError

LOCAL = struct.Struct("<4s22xHH")  # 4.3.7: signature ... length of name, length of extra field
LOCAL_SIGNATURE = b"PK\3\4"
UTF8 = 0x800  # general purpose flag 11 (4.4.4)

_CENTRAL = struct.Struct("<4sxBxx2HL3L3H4xLL")  # 4.3.12, from the maker on
_CENTRAL_SIGNATURE = b"PK\1\2"
_DIGITAL_SIGNATURE = b"PK\5\5"  # 4.3.13, may follow the entries
_END = struct.Struct("<4sH4xH2LH")  # 4.3.16
_END_SIGNATURE = b"PK\5\6"
_END64 = struct.Struct("<4s12xL12xQQQ")  # 4.3.14
_LOCATOR64 = struct.Struct("<4s4xQ4x")  # 4.3.15
_FULL, _FULL_DISK = 0xFFFF_FFFF, 0xFFFF  # the value is in the zip64 form
_ZIP64 = 0x0001  # extra field (4.5.3)
_MOST_BYTES = 1 << 27  # of directory: 100,000 members with 1.3 KB each
_MODES = (3, 19)  # makers that write a Unix mode: Unix, macOS (4.4.2)
_FAT_FOLDER = 0x10


class Entry(NamedTuple):
    """A member as the directory has it. `start` is where its local header begins in the file; sizes are in bytes."""

    name: bytes
    maker: int  # the system that its attributes are of (4.4.2)
    flags: int
    method: int
    date: int  # DOS date in the upper 16 bits, DOS time in the lower
    crc: int
    packed: int
    size: int
    attributes: int
    start: int
    extra: bytes

    @property
    def mode(self) -> int:
        """Its Unix mode, 0 where the maker does not know any."""
        return self.attributes >> 16 if self.maker in _MODES else 0

    @property
    def folder(self) -> bool:
        """Whether it claims to be a folder, whatever bytes it has."""
        marked = self.maker not in _MODES and self.attributes & _FAT_FOLDER
        return self.name.endswith(b"/") or stat.S_ISDIR(self.mode) or bool(marked)


class Directory(NamedTuple):
    entries: list[Entry]
    start: int  # where it lies in the file
    end: int


class _End(NamedTuple):
    at: int
    disk: int
    named: int  # entries that it says there are
    size: int
    offset: int


def read(file: BinaryIO, most: int) -> Directory:
    """The directory of the zip. Raises RejectedError when there is none, it is damaged or has over `most` entries."""
    length = file.seek(0, 2)
    # an end that names nothing comes last: an empty zip behind a full one, or a comment, would hide all members
    for end in sorted(_ends(file, length), key=lambda end: end.named == 0):
        # bytes before a zip shift it; whether its offsets were adjusted to that, only a look can tell
        for start in (end.at - end.size, end.offset):
            if _begins(file, start, end):
                shift = start - end.offset
                return Directory(_entries(_bytes(file, start, end), end, shift, most), start, start + end.size)
    raise RejectedError("the zip is damaged or cut off: it has no directory at its end; copy it again")


def field(extra: bytes, wanted: int) -> bytes | None:
    """The content of an extra field (4.5.1), or None. What follows a field that claims too much is not read."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        at += 4
        if at + size > len(extra):
            return None
        if kind == wanted:
            return extra[at : at + size]
        at += size
    return None


def _ends(file: BinaryIO, length: int) -> Iterator[_End]:
    """All records that may be the end, the last first: a comment may hold the signature too."""
    base = max(0, length - _END.size - 0xFFFF)
    tail = _at(file, base, length - base)
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        if at + _END.size <= len(tail):
            _, disk, count, size, offset, _ = _END.unpack_from(tail, at)
            yield from _ends64(file, base + at)
            yield _End(base + at, disk, count, size, offset)
        at = tail.rfind(_END_SIGNATURE, 0, at + 3)


def _ends64(file: BinaryIO, end: int) -> Iterator[_End]:
    locator = _at(file, end - _LOCATOR64.size, _LOCATOR64.size)
    if not locator.startswith(b"PK\6\7"):
        return
    for at in (end - _LOCATOR64.size - _END64.size, _LOCATOR64.unpack(locator)[1]):
        record = _at(file, at, _END64.size) if at < end else b""
        if record.startswith(b"PK\6\6") and len(record) == _END64.size:
            yield _End(at, *_END64.unpack(record)[1:])


def _begins(file: BinaryIO, start: int, end: _End) -> bool:
    if end.size == 0:
        return end.named == 0
    return start + end.size <= end.at and _at(file, start, 4) == _CENTRAL_SIGNATURE


def _bytes(file: BinaryIO, start: int, end: _End) -> bytes:
    if end.disk not in (0, _FULL_DISK):
        raise RejectedError("the zip is the last part of one that was split; join its parts (zip -s 0) and drop that")
    if end.size > _MOST_BYTES:
        raise RejectedError(f"the zip's directory alone has {end.size:,} bytes; at most {_MOST_BYTES:,} are read")
    return _at(file, start, end.size)


def _entries(directory: bytes, end: _End, shift: int, most: int) -> list[Entry]:
    """All of them, however many the end record counts: old writers count modulo 65,536."""
    entries: list[Entry] = []
    at = 0
    while at < len(directory) and not directory.startswith(_DIGITAL_SIGNATURE, at):
        if len(entries) == most:
            raise RejectedError(f"the zip has more members than limits.zip_members allows ({most:,})")
        entry, at = _entry(directory, at, shift)
        entries.append(entry)
    if len(entries) < end.named:
        raise RejectedError(f"the zip's directory lies: it counts {end.named:,} members and names {len(entries):,}")
    return entries


def _entry(directory: bytes, at: int, shift: int) -> tuple[Entry, int]:
    """The entry at `at`, and where the next one begins."""
    if len(directory) < at + _CENTRAL.size or not directory.startswith(_CENTRAL_SIGNATURE, at):
        raise RejectedError("the zip's directory is damaged")
    fixed = _CENTRAL.unpack_from(directory, at)
    _, maker, flags, method, date, crc, packed, size, *lengths, attributes, start = fixed
    name_end, extra_end, end = _ends_of(at + _CENTRAL.size, lengths)
    if end > len(directory):
        raise RejectedError("the zip's directory is damaged")
    extra = directory[name_end:extra_end]
    size, packed, start = _widened(extra, size, packed, start)
    name = directory[at + _CENTRAL.size : name_end]
    return Entry(name, maker, flags, method, date, crc, packed, size, attributes, start + shift, extra), end


def _ends_of(at: int, lengths: list[int]) -> Iterator[int]:
    for length in lengths:
        at += length
        yield at


def _widened(extra: bytes, *values: int) -> Iterator[int]:
    """The values with those that are full taken from the zip64 field, where they stand in this order."""
    wide = b""
    if _FULL in values:
        wide = field(extra, _ZIP64) or b""
    for value in values:
        if value == _FULL and len(wide) >= 8:
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        yield value


def _at(file: BinaryIO, start: int, size: int) -> bytes:
    """Bytes of the file from `start`, which its end bounds; b"" before its beginning."""
    if start < 0:
        return b""
    file.seek(start)
    return file.read(size)
