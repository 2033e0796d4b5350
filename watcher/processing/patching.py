"""Changes what a picture says about itself in place: dates and orientation. Bytes to bytes of the same length.

Owns where those values lie in a whole file, and what may be written there. What they mean is exif.py's and
metadata.py's; turning pixels and thumbnails, turning.py's. Understood: EXIF and XMP of JPEG, EXIF of TIFF.
In any other file, and where a structure is broken, nothing is found and nothing changes. A maker note never changes.
Rules: TIFF 6.0 section 2; Exif 2.32 section 4.6; XMP specification part 3 (where a JPEG keeps it).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from watcher.processing.exif import SIZES

_NUMBERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 11: "f", 12: "d", 13: "L"}
_TEXT = (2, 7, 129)  # UNDEFINED too: where a writer took it for a text, our reading does so as well
_POINTERS = (3, 4, 13)
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF_POINTER, _MAKER_NOTE, _ORIENTATION = ("0th", 0x8769), ("Exif", 0x927C), ("0th", 0x0112)
LINK = ("0th", -1)  # not a tag: the offset of the next directory, behind the last entry
_SIDES = ("Exif", 0xA002), ("Exif", 0xA003)  # PixelXDimension, PixelYDimension
_ORIGINAL, _DIGITIZED, _DATE_TIME = ("Exif", 0x9003), ("Exif", 0x9004), ("0th", 0x0132)
# What exiftool calls AllDates (its "Shortcuts" page): in each group that has a tag of one of the three names.
_EXIF_DATES = {_ORIGINAL: "EXIF:DateTimeOriginal", _DIGITIZED: "EXIF:DateTimeDigitized", _DATE_TIME: "EXIF:DateTime"}
_XMP_DATES = ("exif:DateTimeOriginal", "xmp:CreateDate", "xmp:ModifyDate")
_SPACES = {b"xmp": b"xap"}  # in a namespace's URI; the others are called as in their prefix
_DECLARED = re.compile(rb"xmlns:([\w.-]{1,40})\s{0,9}=\s{0,9}[\"']http://ns\.adobe\.com/(\w{1,9})/1\.0/[\"']")
_PROPERTY = rb"\sNAME\s{0,9}=\s{0,9}[\"']([^\"'<]{1,64})[\"']|<NAME(?:\s[^<>]*)?>([^<]{1,64})</"
_DATE = re.compile(rb"\s*(\d{4})[-:/.](\d\d)[-:/.](\d\d)[T ](\d\d):(\d\d):(\d\d)")
_MARKER = re.compile(rb"\xff[^\0\xff]")
_AFTER_CODED = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")  # stuffed zeros and restarts belong to the coded data
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_ALONE = (0x01, _END, *range(0xD0, 0xD9))  # markers without a length
_MARKS = {"exif": b"Exif\0\0", "xmp": b"http://ns.adobe.com/xap/1.0/\0"}


@dataclass(frozen=True, slots=True)
class Change:
    """One value that became another of the same length. `tag` like "XMP:tiff:Orientation", `offset` in the file."""

    tag: str
    offset: int
    before: bytes
    after: bytes


Patched = tuple[bytes, list[Change]]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a JPEG by its marker: `start` is that of the marker, `body` follows it and the length, if any."""

    marker: int
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory. `head`: where it lies; `start` to `end`: its value. All in the file; `base` is where
    its structure begins, from which the offsets that it states count."""

    order: str
    base: int
    kind: int
    count: int
    head: int
    start: int
    end: int

    def touches(self, start: int, end: int) -> bool:
        lies = ((self.head, self.head + 12), (self.start, self.end))
        return any(start < its_end and end > its_start for its_start, its_end in lies)


Structure = dict[tuple[str, int], list[Entry]]  # a few cameras write a tag twice


def shift_dates(content: bytes, delta: timedelta) -> Patched:
    """Date and time of taking, of digitizing and of the last change moved by `delta` (whole seconds).

    Stays as it is: a date that is blank, zero, impossible or without seconds; one that would leave the years 1 to
    9999; offsets, fractions, and the time of the GPS, which is right by itself.
    """
    places = [
        (name, entry.start, entry.end)
        for structure in structures(content)
        for key, name in _EXIF_DATES.items()
        for entry in structure.get(key, ())
        if entry.kind in _TEXT
    ]
    places += [(f"XMP:{name}", *place) for name in _XMP_DATES for place in _properties(content, name)]
    return applied(content, ((tag, start, _shifted(content[start:end], delta)) for tag, start, end in places))


def follow_original(content: bytes) -> Patched:
    """EXIF DateTime becomes DateTimeOriginal, where both are there and the latter is a date."""
    edits = []
    for structure in structures(content):
        original = first(structure, _ORIGINAL)
        date = content[original.start : original.end].lstrip()[:19] if original and original.kind in _TEXT else b""
        for entry in structure.get(_DATE_TIME, ()) if _shifted(date, timedelta()) else ():
            if entry.kind in _TEXT and entry.end - entry.start >= len(date):
                edits.append((_EXIF_DATES[_DATE_TIME], entry.start, date.ljust(entry.end - entry.start, b"\0")))
    return applied(content, edits)


def set_orientation(content: bytes, orientation: int, sides_swapped: bool) -> Patched:
    """EXIF and XMP Orientation, where they are stated; PixelXDimension and PixelYDimension exchanged if asked to.

    EXIF's may be of any type; XMP's sides are exchanged only when both have as many digits.
    """
    edits = []
    for structure in structures(content):
        for entry in structure.get(_ORIENTATION, ()):
            edits.append(("EXIF:Orientation", entry.start, written(content, entry, orientation)))
        edits += _exchanged_entries(content, structure) if sides_swapped else []
    for start, end in _properties(content, "tiff:Orientation"):
        digit = str(orientation).encode()
        edits.append(("XMP:tiff:Orientation", start, re.sub(rb"(?<!\d)\d(?!\d)", digit, content[start:end])))
    edits += _exchanged_properties(content) if sides_swapped else []
    return applied(content, edits)


def segments(jpeg: bytes) -> Iterator[Segment]:
    """The parts up to the end of the image; a scan's reaches to the end of its coded data. Damage ends it early."""
    at = 2 if jpeg.startswith(b"\xff\xd8") else len(jpeg)
    while found := _MARKER.search(jpeg, at):
        marker, body = jpeg[found.start() + 1], found.end()
        at = body if marker in _ALONE else body + int.from_bytes(jpeg[body : body + 2], "big")
        if at > len(jpeg) or (at < body + 2 and marker not in _ALONE):
            return
        if marker == _SCAN:
            after = _AFTER_CODED.search(jpeg, at)
            at = after.start() if after else len(jpeg)
        yield Segment(marker, found.start(), min(body if marker in _ALONE else body + 2, at), at)
        if marker == _END:
            return


def applied(content: bytes, edits: Iterable[tuple[str, int, bytes]]) -> Patched:
    """Each edit is computed from `content`, so that values which share their bytes change once."""
    result, changes = bytearray(content), []
    for tag, offset, after in edits:
        before = bytes(result[offset : offset + len(after)])
        if before != after:
            result[offset : offset + len(after)] = after
            changes.append(Change(tag, offset, before, after))
    return bytes(result), changes


def _shifted(text: bytes, delta: timedelta) -> bytes:
    """`text` with its date moved, its separators kept; empty when that is no date, or none in the calendar."""
    match = _DATE.match(text)
    if match is None:
        return b""
    try:
        moved = datetime(*map(int, match.groups())) + delta  # type: ignore[arg-type]  # six numbers
    except (ValueError, OverflowError):
        return b""
    result = bytearray(match[0])
    for group, number in enumerate(moved.timetuple()[:6], start=1):
        start, end = match.span(group)
        result[start:end] = b"%0*d" % (end - start, number)
    return bytes(result)


def written(content: bytes, entry: Entry, value: int) -> bytes:
    """`value` as the first value of `entry`, in its own type; empty for a text that is no number."""
    if entry.kind in _TEXT:
        was = content[entry.start : entry.end]
        return b"%d" % value + bytes(len(was) - 1) if was.strip(b" \0").isdigit() else b""
    if entry.kind in _NUMBERS:
        return struct.pack(entry.order + _NUMBERS[entry.kind], value)
    return struct.pack(entry.order + "LL", value, 1)[: entry.end - entry.start]


def _exchanged_entries(content: bytes, structure: Structure) -> Iterator[tuple[str, int, bytes]]:
    """Type, count and value change places as they are, since the two may be of different types."""
    across, down = (first(structure, key) for key in _SIDES)
    if across and down and across.start == across.head + 8 and down.start == down.head + 8:
        yield "EXIF:PixelXDimension", across.head + 2, content[down.head + 2 : down.head + 12]
        yield "EXIF:PixelYDimension", down.head + 2, content[across.head + 2 : across.head + 12]


def _exchanged_properties(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    sides = (_properties(content, f"exif:Pixel{side}Dimension") for side in "XY")
    for across, down in zip(*sides, strict=False):
        if across[1] - across[0] == down[1] - down[0]:
            yield "XMP:exif:PixelXDimension", across[0], content[slice(*down)]
            yield "XMP:exif:PixelYDimension", down[0], content[slice(*across)]


def structures(content: bytes) -> Iterator[Structure]:
    """The entries of each EXIF structure by directory ("0th", "Exif", "1st") and tag.

    Left out: what lies beyond the structure's end, and what shares bytes with the maker note.
    """
    for kind, start, end in _blocks(content):
        if kind == "exif":
            found = _walk(content, start, end)
            notes = found.get(_MAKER_NOTE, [])[:2]  # one in each "Exif"; a file with thousands only means to cost time
            yield {key: [entry for entry in found[key] if not _in_notes(entry, notes)] for key in found}


def _in_notes(entry: Entry, notes: list[Entry]) -> bool:
    return entry not in notes and any(entry.touches(note.start, note.end) for note in notes)


def first(structure: Structure, key: tuple[str, int]) -> Entry | None:
    """The entry that counts: of two with the same tag, the first."""
    return next(iter(structure.get(key, ())), None)


def _walk(content: bytes, start: int, end: int) -> Structure:
    found: Structure = {}
    order = _ORDERS.get(content[start : start + 4])
    if order is None or end - start < 8:
        return found
    (offset,) = struct.unpack_from(order + "L", content, start + 4)
    found[LINK] = _directory(found, "0th", content, (start, start + offset, end), order)
    # some Olympus cameras give the thumbnail an "Exif" of its own, with the same dates again
    for name, key in (("Exif", _EXIF_POINTER), ("1st", LINK), ("Exif", ("1st", 0x8769))):
        leads_to = stated(content, first(found, key))
        if leads_to is not None:
            _directory(found, name, content, (start, start + leads_to, end), order)
    return found


def stated(content: bytes, entry: Entry | None) -> int | None:
    """The one whole number that `entry` holds, as offsets and sizes are; None when it holds anything else."""
    if entry is None or entry.kind not in _POINTERS or entry.count != 1:
        return None
    number: int = struct.unpack_from(entry.order + _NUMBERS[entry.kind], content, entry.start)[0]
    return number


def _directory(found: Structure, name: str, content: bytes, lies: tuple[int, int, int], order: str) -> list[Entry]:
    """Add the entries of the directory at `lies[1]` to `found`; the link behind them, unless absent or zero."""
    start, at, end = lies
    if at + 2 > end:
        return []
    (entries,) = struct.unpack_from(order + "H", content, at)
    behind = at + 2 + 12 * entries
    for head in range(at + 2, min(behind, end - 11), 12):
        tag, kind, count = struct.unpack_from(order + "HHL", content, head)
        size = SIZES.get(kind, 0) * count
        value = head + 8 if size <= 4 else start + struct.unpack_from(order + "L", content, head + 8)[0]
        if size and value + size <= end:
            entry = Entry(order, start, kind, count, head, value, value + size)
            found.setdefault((name, tag), []).append(entry)
    if behind + 4 > end or not any(content[behind : behind + 4]):
        return []
    return [Entry(order, start, 4, 1, behind - 8, behind, behind + 4)]  # as if it were the value of an entry


def _blocks(content: bytes) -> Iterator[tuple[str, int, int]]:
    """Where "exif" (from its byte order on) and "xmp" lie."""
    if content[:4] in _ORDERS:
        yield "exif", 0, len(content)
    for segment in segments(content):
        if segment.marker == _SCAN:
            return
        for kind, mark in _MARKS.items():
            if segment.marker == _APP1 and content.startswith(mark, segment.body):
                yield kind, segment.body + len(mark), segment.end


def _properties(content: bytes, name: str) -> Iterator[tuple[int, int]]:
    """Where the texts of an XMP property lie, as attribute or as element, whatever the prefix of its namespace."""
    space, _, own = name.encode().partition(b":")
    for kind, start, end in _blocks(content):
        declared = _DECLARED.finditer(content, start, end if kind == "xmp" else start)
        # an honest packet has one; to look for the thousands of a hostile one, in each of its packets, would take hours
        for prefix in islice(dict.fromkeys(m[1] for m in declared if m[2] == _SPACES.get(space, space)), 4):
            pattern = _PROPERTY.replace(b"NAME", re.escape(prefix) + b":" + own)
            for match in re.compile(pattern).finditer(content, start, end):
                yield match.span(match.lastindex or 0)
