"""Whether a file's end is there, told from its content by reading an open descriptor.

Reads with pread only: a file that is cut while it is mapped into memory would kill us with SIGBUS. What a
format's end means for taking a file is settling's to say. Every walk has a bound, so that no file can hold up
the loop.
"""

from __future__ import annotations

import enum
import os
import re
import struct
from collections.abc import Callable

from watcher.processing import sniffing


class Ending(enum.Enum):
    COMPLETE = "complete"  # the end of its format is there; bytes after it are allowed
    CUT = "cut"  # begins like a format whose end is missing
    NONE = "none"  # a format without an end of its own, or one that we do not know


_STEPS = 1_000_000  # segments, chunks or blocks that one look walks over before it gives up with NONE
_CHUNK = 1 << 16
_ZIP_TAIL = 65_557  # the end record (22 bytes) and the longest comment

_JPEG = b"\xff\xd8"
_PNG = b"\x89PNG\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_ZIP_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"
_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_JP2 = b"\0\0\0\x0cjP  "
_CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000 without boxes
_STARTS = (_JPEG, _PNG, _CODESTREAM, b"RIFF", b"GIF87a", b"GIF89a", _ZIP, _ZIP_END, b"BM", _EBML, b"\0\0\0")  # a box
_SHORTEST = 12  # no format told apart here has a shorter header


def ending(fd: int, size: int) -> Ending:
    """Tell whether the `size` bytes of `fd` are a whole file. Raises OSError when they cannot be read."""
    head = os.pread(fd, min(size, sniffing.HEAD_BYTES), 0)
    if not head:
        return Ending.CUT
    if len(head) < _SHORTEST and any(head.startswith(start[: len(head)]) for start in _STARTS):
        return Ending.CUT
    return _walker(head)(_Window(fd, size))


def _walker(head: bytes) -> Callable[[_Window], Ending]:
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI "):
        return _riff
    for start, walk in _WALKERS:
        if head.startswith(start):
            return walk
    if head[4:8] in (b"ftyp", *sniffing.MOVIE_BOXES) and sniffing.sniff(head) == "video":
        return _movie
    if head[4:8] == b"ftyp":
        return _bmff
    return _json if sniffing.begins_json(head) else _xmp


class _Window:
    """The file, read in pieces of 64 KB: a walk over small blocks costs no system call each."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size
        self._start = 0
        self._piece = b""

    def at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the file ends. `length` is at most 64 KB and some."""
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._piece):
            self._start, begin = offset, 0
            self._piece = os.pread(self._fd, max(length, _CHUNK), offset)
        return self._piece[begin : begin + length]


def _jpeg(window: _Window) -> Ending:
    # the segments are walked first: the thumbnail in an APP1 segment has an end of image of its own
    offset = 2
    for _ in range(_STEPS):
        marker = window.at(offset, 4)
        if len(marker) < 4:
            return Ending.CUT
        if marker[0] != 0xFF:
            return Ending.NONE
        if marker[1] == 0xFF:  # a fill byte
            offset += 1
        elif marker[1] == 0xDA:
            return _end_of_image(window, offset)
        elif marker[1] == 0x01 or 0xD0 <= marker[1] <= 0xD9:  # these stand alone
            offset += 2
        else:
            offset += 2 + max(2, int.from_bytes(marker[2:4]))
    return Ending.NONE


def _end_of_image(window: _Window, scan: int) -> Ending:
    # backwards, since it is nearly always at the very end; pieces overlap by a byte for an end on their seam
    end = window.size
    while end > scan:
        begin = max(scan, end - _CHUNK)
        if b"\xff\xd9" in window.at(begin, end - begin + 1):
            return Ending.COMPLETE
        end = begin
    return Ending.CUT


def _png(window: _Window) -> Ending:
    offset = len(_PNG)
    for _ in range(_STEPS):
        chunk = window.at(offset, 8)
        if not chunk[4:].isalpha():  # too short, or zeros where a file was laid out before it was written
            return Ending.CUT
        offset += 12 + int.from_bytes(chunk[:4])
        if chunk[4:] == b"IEND":
            return Ending.COMPLETE if offset <= window.size else Ending.CUT
    return Ending.NONE


def _riff(window: _Window) -> Ending:
    offset = 0
    for _ in range(_STEPS):  # a film of more than a gigabyte goes on in further RIFF chunks (OpenDML AVI 1.02)
        chunk = window.at(offset, 8)
        if chunk[:4] != b"RIFF":
            return Ending.COMPLETE
        length = int.from_bytes(chunk[4:], "little")
        if offset + 8 + length > window.size:
            return Ending.CUT
        if length == 0:
            return Ending.NONE
        offset += 8 + length + (length & 1)
    return Ending.NONE


def _bmff(window: _Window) -> Ending:
    return _boxes(window, {b"mdat"})


def _movie(window: _Window) -> Ending:
    # cameras write the index last: without it no player shows what is there
    return _boxes(window, {b"mdat", b"moov"})


def _boxes(window: _Window, needed: set[bytes]) -> Ending:
    offset = 0
    for _ in range(_STEPS):
        if offset >= window.size:
            return Ending.COMPLETE if not needed and offset == window.size else Ending.CUT
        box = window.at(offset, 16)
        if len(box) < 8 or not box[4:8].isascii() or not box[4:8].strip(b"\0"):
            return Ending.CUT
        length = int.from_bytes(box[:4])
        if length == 0:  # to the end of the file, wherever that is
            return Ending.NONE
        if length == 1:
            length = int.from_bytes(box[8:16])
        needed = needed - {box[4:8]}
        offset += max(8, length)
    return Ending.NONE


def _matroska(window: _Window) -> Ending:
    offset = 0
    for _ in range(_STEPS):
        name = window.at(offset, 4)
        offset += 4 if name in (_EBML, _SEGMENT) else 1  # what else stands here is padding: Void, CRC-32
        field = window.at(offset, 8)
        if not field or not field[0]:  # the end, or zeros where a file was laid out before it was written
            return Ending.CUT
        width = 9 - field[0].bit_length()  # RFC 8794, section 4
        length = int.from_bytes(field[:width]) - (1 << 7 * width)
        if length == (1 << 7 * width) - 1:  # unknown: a recording that nobody went back to
            return Ending.NONE
        offset += width + max(0, length)
        if offset > window.size:
            return Ending.CUT
        if name == _SEGMENT:
            return Ending.COMPLETE
    return Ending.NONE


def _jp2(window: _Window) -> Ending:
    offset, pixels = 0, False
    for _ in range(_STEPS):
        box = window.at(offset, 16)
        if len(box) < 8:
            return Ending.COMPLETE if pixels and offset == window.size else Ending.CUT
        length = int.from_bytes(box[:4])
        pixels = pixels or box[4:8] == b"jp2c"
        if length == 0:  # to the end of the file: the codestream's own end must be there
            return _codestream(window) if pixels else Ending.NONE
        if length == 1:
            length = int.from_bytes(box[8:16])
        offset += max(8, length)
    return Ending.NONE


def _codestream(window: _Window) -> Ending:
    # its end of codestream looks like a JPEG's end of image, and can stand nowhere else (ISO/IEC 15444-1, annex A)
    return _end_of_image(window, 2)


def _gif(window: _Window) -> Ending:
    offset = 13 + _colour_table(window.at(10, 1))
    for _ in range(_STEPS):
        block = window.at(offset, 10)
        if block[:1] == b";":
            return Ending.COMPLETE
        if block[:1] == b"!":
            offset += 2
        elif block[:1] == b",":
            offset += 11 + _colour_table(block[9:10])
        else:
            return Ending.CUT if offset >= window.size else Ending.NONE
        offset = _after_blocks(window, offset)
    return Ending.NONE


def _colour_table(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _after_blocks(window: _Window, offset: int) -> int:
    for _ in range(_STEPS):
        length = window.at(offset, 1)
        if not length:
            break
        offset += 1 + length[0]
        if length == b"\0":
            break
    return offset


def _bmp(window: _Window) -> Ending:
    length = int.from_bytes(window.at(2, 4), "little")
    if length == 0:
        return Ending.NONE
    return Ending.COMPLETE if length <= window.size else Ending.CUT


def _zip(window: _Window) -> Ending:
    tail = _tail(window, _ZIP_TAIL)
    start = window.size - len(tail)
    found = tail.rfind(_ZIP_END)
    while found >= 0:
        before = tail[found - 20 : found - 16] if found >= 20 else b""
        if _ends_archive(tail[found:], start + found, before):
            return Ending.COMPLETE
        found = tail.rfind(_ZIP_END, 0, found)
    return Ending.CUT


def _ends_archive(record: bytes, offset: int, before: bytes) -> bool:
    # a stored member can be an archive itself: only the record right behind its own directory ends ours
    if len(record) < 22:
        return False
    length, begin, comment = struct.unpack_from("<IIH", record, 12)
    large = before == _ZIP64_LOCATOR or 0xFFFFFFFF in (length, begin)
    return len(record) >= 22 + comment and (large or begin + length == offset)


def _xmp(window: _Window) -> Ending:
    start = window.at(0, _CHUNK)
    root = sniffing.xmp_root(start)
    if root is None:
        return Ending.NONE
    # without its zeros, UTF-16 is as readable as UTF-8 where only tags are looked for
    packet = b"<?xpacket" in start.replace(b"\0", b"")
    end = rb"<\?xpacket\s+end[^>]*>" if packet else rb"</" + root.encode() + rb"\s*>"
    return Ending.COMPLETE if re.search(end, _tail(window, _CHUNK).replace(b"\0", b"")) else Ending.CUT


def _json(window: _Window) -> Ending:
    return Ending.COMPLETE if _tail(window, _CHUNK).rstrip(b" \t\r\n").endswith(b"}") else Ending.CUT


def _tail(window: _Window, length: int) -> bytes:
    start = max(0, window.size - length)
    return window.at(start, window.size - start)


_WALKERS: tuple[tuple[bytes, Callable[[_Window], Ending]], ...] = (
    (_JPEG, _jpeg),
    (_PNG, _png),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (_ZIP, _zip),
    (_ZIP_END, _zip),
    (b"BM", _bmp),
    (_EBML, _matroska),
    (_JP2, _jp2),
    (_CODESTREAM, _codestream),
)
