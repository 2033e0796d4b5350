"""Reads the TIFF structure that holds EXIF, in whatever state it is, and says what its values mean.

Owns the walk over the bytes (byte order, sizes, bounds, loops: a bad entry costs only itself) and the reading
of a value as text, number or degrees. Which tag answers which question is for metadata.py, dates.py, positions.py
and reconciling.py to know.
Rules: TIFF 6.0 section 2; BigTIFF (Aware Systems, 2004: TIFF with numbers of 8 bytes for counts and places); Exif 2.32
sections 4.6.2, 4.6.5 (comments) and 4.6.6 (degrees); 3.0 (type 129).
"""

from __future__ import annotations

import math
import struct
import unicodedata
from dataclasses import dataclass

Scalar = int | float | tuple[int, int]  # a pair is a rational
Value = bytes | Scalar | tuple[Scalar, ...]
Tags = dict[int, Value]

# bytes of one value, by its type
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_WIDE_SIZES = {16: 8, 17: 8, 18: 8}  # BigTIFF's own types
_CODES = {1: "B", 3: "H", 4: "L", 5: "L", 6: "b", 8: "h", 9: "l", 10: "l", 11: "f", 12: "d", 13: "L"}
_CODES |= {16: "Q", 17: "q", 18: "Q"}
_TEXT = (2, 129)
_UNDEFINED = 7
_RATIONALS = (5, 10)
_CHILDREN = {"0th": {0x8769: "Exif", 0x8825: "GPS"}, "Exif": {0xA005: "Interop"}}
_USER_COMMENT = 0x9286
_XP_TAGS = range(0x9C9B, 0x9CA0)  # title, comment, author, keywords, subject
_MAX_SHOWN = 64
_MAX_ENTRIES = 4096  # in one IFD; the fullest real ones have some hundred
_MAX_ARRAY = 1024  # a longer list of numbers stays bytes: as Python objects it would grow twentyfold


@dataclass(frozen=True, slots=True)
class _Layout:
    """The numbers of a structure by struct's letters: a place in it, how many entries there are; with their bytes.

    A value that has no more bytes than a place lies in its entry: tag, type, count, then the value or its place.
    """

    place: str
    width: int
    entries: str
    head: int
    sizes: dict[int, int]


_CLASSIC, _BIG = _Layout("L", 4, "H", 2, SIZES), _Layout("Q", 8, "Q", 8, SIZES | _WIDE_SIZES)
_STARTS = {  # the first bytes -> byte order, layout; where the place of the first IFD stands
    b"II*\0": ("<", _CLASSIC, 4),
    b"MM\0*": (">", _CLASSIC, 4),
    b"II+\0": ("<", _BIG, 8),
    b"MM\0+": (">", _BIG, 8),
}


@dataclass(frozen=True, slots=True)
class Exif:
    """The tags of each IFD ("0th", "Exif", "GPS", "Interop", "1st": piexif's names and shapes).

    `damaged`: at least one entry or IFD could not be read and is missing.
    """

    ifds: dict[str, Tags]
    damaged: bool
    big_endian: bool


def read(tiff: bytes) -> Exif:
    """All that can be read. Never raises; memory stays in proportion to `tiff`."""
    walk = _Walk(tiff)
    walk.start()
    return Exif(walk.ifds, walk.damaged, walk.order == ">")


class _Walk:
    """One pass over one structure."""

    def __init__(self, tiff: bytes) -> None:
        self.tiff = tiff
        self.order, self.layout, self.first = _STARTS.get(tiff[:4], ("", _CLASSIC, 0))
        self.ifds: dict[str, Tags] = {name: {} for name in ("0th", "Exif", "GPS", "Interop", "1st")}
        self.damaged = False
        self.seen: set[int] = set()
        # honest values do not overlap, so together they are no larger than the file that holds them
        self.unread = len(tiff)

    def start(self) -> None:
        if self.order and len(self.tiff) >= self.first + self.layout.width:
            self._ifd("0th", self._unpack(self.layout.place, self.first)[0])
        else:
            self.damaged = True

    def _unpack(self, codes: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + codes, self.tiff, offset)

    def _ifd(self, name: str, offset: int) -> None:
        begin = offset + self.layout.head
        if offset in self.seen or begin > len(self.tiff):
            self.damaged = True
            return
        self.seen.add(offset)
        (count,) = self._unpack(self.layout.entries, offset)
        each = 4 + 2 * self.layout.width
        fitting = min(count, _MAX_ENTRIES, (len(self.tiff) - begin) // each)
        self.damaged |= fitting < count
        for position in range(begin, begin + each * fitting, each):
            self._entry(self.ifds[name], position)
        for tag, child in _CHILDREN.get(name, {}).items():
            if tag in self.ifds[name]:
                self._child(child, self.ifds[name][tag])
        if name == "0th":
            self._thumbnail(begin + each * count)

    def _child(self, name: str, pointer: Value) -> None:
        if isinstance(pointer, int):
            self._ifd(name, pointer)
        else:
            self.damaged = True

    def _thumbnail(self, link: int) -> None:
        if link + self.layout.width > len(self.tiff):
            return  # writers that know of no second IFD often leave out the link's zeros
        (offset,) = self._unpack(self.layout.place, link)
        if offset:
            self._ifd("1st", offset)

    def _entry(self, tags: Tags, position: int) -> None:
        tag, kind, count = self._unpack("HH" + self.layout.place, position)
        if kind == 0:
            return  # padding: some cameras leave entries unused
        size = self.layout.sizes.get(kind, 0) * count
        inside = position + 4 + self.layout.width
        at = inside if size <= self.layout.width else self._unpack(self.layout.place, inside)[0]
        if kind not in self.layout.sizes or at + size > len(self.tiff) or size > self.unread:
            self.damaged = True
            return
        self.unread -= size
        value = self._value(kind, count, self.tiff[at : at + size])
        if value != ():
            tags.setdefault(tag, value)

    def _value(self, kind: int, count: int, raw: bytes) -> Value:
        if kind in _TEXT:
            return raw.rstrip(b"\0")
        if kind == _UNDEFINED or count > _MAX_ARRAY:
            return raw
        numbers = struct.unpack(f"{self.order}{len(raw) // struct.calcsize('=' + _CODES[kind])}{_CODES[kind]}", raw)
        values = tuple(zip(numbers[::2], numbers[1::2], strict=True)) if kind in _RATIONALS else numbers
        return values[0] if len(values) == 1 else values


def clean(text: str | None) -> str | None:
    """Without control characters, surrogates and outer white space; None when nothing is left."""
    kept = (c for c in text or "" if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip() or None


def decoded(raw: bytes) -> str:
    """Text whose character set nobody states: UTF-8 if it is valid, else what Windows made of it."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def text(value: Value | None) -> str | None:
    """A tag's text up to its first NUL (behind it lies what was there before); a number as its digits."""
    if isinstance(value, int):
        return str(value)
    return decoded(value.partition(b"\0")[0]) if isinstance(value, bytes) else None


def utf16(value: Value | None) -> str | None:
    """The text of Windows' XP tags: UTF-16LE in a list of bytes."""
    raw = _raw(value)
    return None if raw is None else raw.decode("utf-16-le", "replace").partition("\0")[0]


def comment(value: Value | None, big_endian: bool) -> str | None:
    """The text of a UserComment by its 8-byte character code; without a known code, as undeclared text."""
    raw = _raw(value)
    if raw is None:
        return None
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        return _unicode(body, big_endian).rstrip("\0")
    if code == b"JIS\0\0\0\0\0":
        return body.rstrip(b"\0").decode("iso2022_jp", "replace")
    if code in (b"ASCII\0\0\0", bytes(8)):
        raw = body
    return decoded(raw.rstrip(b"\0"))


def _unicode(body: bytes, big_endian: bool) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    high, low = body[::2].count(0), body[1::2].count(0)
    if high != low:  # the zeros of Latin letters tell the order, and many writers ignore the file's
        big_endian = high > low
    return body.decode("utf-16-be" if big_endian else "utf-16-le", "replace")


def _raw(value: Value | None) -> bytes | None:
    if isinstance(value, tuple) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(byte for byte in value if isinstance(byte, int))
    return value if isinstance(value, bytes) else None


def number(value: Value | None) -> float | None:
    """A finite number from an integer, float, rational or digits; None for 0/0, n/0 and all else."""
    try:
        if isinstance(value, bytes):
            result = float(value.rstrip(b"\0"))
        elif isinstance(value, tuple):
            top, bottom = value
            result = top / bottom  # type: ignore[operator]  # TypeError is an answer here
        else:
            result = float(value)  # type: ignore[arg-type]  # and here
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def integer(value: Value | None) -> int | None:
    """A whole number; the first of several (some cameras repeat the ISO)."""
    first = value[0] if isinstance(value, tuple) and value else value
    result = number(first)
    return int(result) if result is not None and result == int(result) else None


def degrees(value: Value | None) -> float | None:
    """Degrees from a GPS coordinate: up to three numbers (degrees, minutes, seconds), or one."""
    if not isinstance(value, tuple) or not any(isinstance(part, tuple) for part in value):
        return number(value)
    parts = [number(part) for part in value[:3]]
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(parts):
        return None
    return sum(part / scale for part, scale in zip(numbers, (1, 60, 3600), strict=False))


def shown(tag: int, value: Value, rational: bool, big_endian: bool) -> object:
    """JSON-safe: text whole, rationals as numbers (None for n/0), bytes and long lists as their size.

    `rational`: what the tag's definition says; two integers by themselves do not tell.
    """
    if tag in _XP_TAGS:
        return clean(utf16(value))
    if tag == _USER_COMMENT:
        return clean(comment(value, big_endian))
    if isinstance(value, bytes):
        content = value.rstrip(b"\0")
        binary = any(byte < 32 and byte not in b"\t\n\r\0" for byte in content)
        return f"({len(value)} bytes)" if binary else clean(text(content))
    if not isinstance(value, tuple) or (rational and isinstance(value[0], int)):
        return value if isinstance(value, int) else number(value)
    if len(value) > _MAX_SHOWN:
        return f"({len(value)} values)"
    return [one if isinstance(one, int) else number(one) for one in value]
