"""Reads IPTC-IIM records (the older newsroom metadata) as text by name.

Owns the record structure, the character set, the names of the datasets of record 2 and how they write a date.
What they mean for a picture is for metadata.py, dates.py, positions.py and reconciling.py to know.
Rules: IPTC-NAA Information Interchange Model 4.2: datasets, record 1 (1:90) and record 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from watcher.processing.exif import decoded

_NAMES = {
    5: "ObjectName",
    7: "EditStatus",
    10: "Urgency",
    12: "SubjectReference",
    15: "Category",
    20: "SupplementalCategories",
    25: "Keywords",
    26: "ContentLocationCode",
    27: "ContentLocationName",
    30: "ReleaseDate",
    35: "ReleaseTime",
    40: "SpecialInstructions",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    92: "Sub-location",
    95: "Province-State",
    100: "Country-PrimaryLocationCode",
    101: "Country-PrimaryLocationName",
    103: "OriginalTransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption-Abstract",
    122: "Writer-Editor",
}
_MARK = 0x1C
# What dataset 1:90 holds: an escape sequence of ISO 2022. Who declares Latin-1 on Windows writes cp1252.
_CODECS = dict.fromkeys((b"\x1b%G", b"\x1b%/G", b"\x1b%/H", b"\x1b%/I"), "utf-8") | {
    b"\x1b" + half + final: codec
    for half in (b"-", b".")
    for final, codec in ((b"A", "cp1252"), (b"B", "iso8859-2"), (b"F", "iso8859-7"), (b"L", "iso8859-5"))
}
_CLOCK = re.compile(r"\d\d:?\d\d:?\d\d([+-]\d\d:?\d\d)?", re.ASCII)
_MAX_RECORDS = 10_000


def read(records: bytes) -> dict[str, list[str]]:
    """The texts of record 2 by dataset name ("2:nnn" without one), in file order. Never raises."""
    found: dict[str, list[str]] = {}
    codec: str | None = None
    for record, dataset, raw in _records(records):
        if (record, dataset) == (1, 90):
            codec = _CODECS.get(raw)
        elif record == 2 and dataset != 0:
            text = raw.decode(codec, "replace") if codec else decoded(raw)
            found.setdefault(_NAMES.get(dataset, f"2:{dataset}"), []).append(text)
    return found


def _records(records: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(record, dataset, bytes) until something else begins or a record is cut off."""
    position = 0
    for _ in range(_MAX_RECORDS):
        head = records[position : position + 5]
        if len(head) < 5 or head[0] != _MARK:
            return
        length = int.from_bytes(head[3:5], "big")
        position += 5
        if length & 0x8000:  # an extended dataset: this many bytes hold the length
            width = length & 0x7FFF
            length = int.from_bytes(records[position : position + min(width, 8)], "big")
            position += width
        raw = records[position : position + length]
        if len(raw) < length:
            return
        position += length
        yield head[1], head[2], raw


def date(records: dict[str, list[str]]) -> str:
    """DateCreated and TimeCreated as `CCYYMMDD[THHMMSS[+HHMM]]`; shorter where a part is not known (00)."""
    day = records.get("DateCreated", [""])[0].strip()
    clock = records.get("TimeCreated", [""])[0].strip()
    if re.fullmatch(r"\d{8}", day, re.ASCII) and day.endswith("00"):
        return day[:4] if day.endswith("0000") else day[:6]
    return f"{day}T{clock}" if day and _CLOCK.fullmatch(clock) else day
