"""Facts of real pictures, field by field, against exiftool's reading of the same files."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from watcher.model import Facts
from watcher.processing import exif, metadata
from watcher.processing.metadata import Blobs

pytestmark = pytest.mark.corpus

CLOCK = 1_790_000_000.0  # 2026-09: after the youngest picture, before the dates that are meant to be impossible
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"

# field -> exiftool's names for it, the first that has a value counts
NAMES = {
    "orientation": ("IFD0:Orientation", "XMP-tiff:Orientation"),
    "camera_make": ("IFD0:Make", "XMP-tiff:Make"),
    "camera_model": ("IFD0:Model", "XMP-tiff:Model"),
    "lens": ("ExifIFD:LensModel", "XMP-aux:Lens"),
    "iso": ("ExifIFD:ISO", "XMP-exif:ISO"),
    "f_number": ("ExifIFD:FNumber", "XMP-exif:FNumber"),
    "exposure_time": ("ExifIFD:ExposureTime", "XMP-exif:ExposureTime"),
    "focal_length_mm": ("ExifIFD:FocalLength", "XMP-exif:FocalLength"),
    "latitude": ("Composite:GPSLatitude", "XMP-exif:GPSLatitude"),
    "longitude": ("Composite:GPSLongitude", "XMP-exif:GPSLongitude"),
    "altitude_m": ("Composite:GPSAltitude", "XMP-exif:GPSAltitude"),
}
# our name for a date's source -> exiftool's names for date and time, fraction, offset
DATES = {
    "EXIF:DateTimeOriginal": (
        ("ExifIFD:DateTimeOriginal",),
        "ExifIFD:SubSecTimeOriginal",
        ("ExifIFD:OffsetTimeOriginal", "ExifIFD:OffsetTime"),
    ),
    "XMP-exif:DateTimeOriginal": (("XMP-exif:DateTimeOriginal",), "", ()),
    "XMP-photoshop:DateCreated": (("XMP-photoshop:DateCreated",), "", ()),
    "IPTC:DateCreated": (("IPTC:DateCreated", "IPTC:TimeCreated"), "", ()),
    "EXIF:DateTimeDigitized": (
        ("ExifIFD:CreateDate",),
        "ExifIFD:SubSecTimeDigitized",
        ("ExifIFD:OffsetTimeDigitized", "ExifIFD:OffsetTime"),
    ),
    "XMP-xmp:CreateDate": (("XMP-xmp:CreateDate",), "", ()),
    "EXIF:DateTime": (("IFD0:ModifyDate",), "ExifIFD:SubSecTime", ("ExifIFD:OffsetTime",)),
}

ZERO = "0, 0 is what a receiver without a fix writes: absent, and flagged gps_invalid"
AHEAD = "a date more than a day ahead of the clock is passed over, and flagged date_invalid"
DIFFERENCES = {
    ("Issue 609.jpg", "taken"): "a date of zeros is passed over, and flagged date_invalid",
    ("exif_gps.jpg", "taken"): AHEAD,
    ("gen_date_2107.jpg", "taken"): AHEAD,
    ("Samsung GT-I9000 (Galaxy S).jpg", "latitude"): ZERO,
    ("Samsung GT-I9000 (Galaxy S).jpg", "longitude"): ZERO,
    ("gen_null_island.jpg", "latitude"): ZERO,
    ("gen_null_island.jpg", "longitude"): ZERO,
    ("exif_text.png", "orientation"): "EXIF in a text chunk named exif: exiftool shows it without reading it",
}


def jpeg_blobs(data: bytes) -> Blobs:
    tiff = xmp = photoshop = b""
    position = 2
    while data[position] == 0xFF and data[position + 1] not in (0xDA, 0xD9):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        marker, body = data[position + 1], data[position + 4 : position + 2 + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            tiff += body if not tiff else body[6:]
        elif marker == 0xE1 and body.startswith(XMP_MARK) and not xmp:
            xmp = body.removeprefix(XMP_MARK)
        elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
            photoshop += body[14:]
        position += 2 + length
    return Blobs(tiff or None, xmp or None, iptc_resource(photoshop))


def iptc_resource(photoshop: bytes) -> bytes | None:
    """The IIM records in Photoshop's image resources (number 0x0404)."""
    found = b""
    while photoshop.startswith(b"8BIM"):
        name_end = 6 + (photoshop[6] + 2) // 2 * 2
        size = int.from_bytes(photoshop[name_end : name_end + 4], "big")
        content = photoshop[name_end + 4 :]
        if photoshop[4:6] == b"\x04\x04":
            found += content[:size]
        photoshop = content[size + size % 2 :]
    return found or None


def tiff_blobs(data: bytes) -> Blobs:
    order = "<" if data[:2] == b"II" else ">"
    tags = exif.read(data).ifds["0th"]
    xmp, iptc, photoshop = (in_bytes(tags.get(tag), order) for tag in (700, 33723, 34377))
    return Blobs(data, xmp, iptc or iptc_resource(photoshop or b""))


def in_bytes(value: exif.Value | None, order: str) -> bytes | None:
    """The value as it lay in the file: some writers call IPTC records a list of longs."""
    if isinstance(value, tuple):
        code = "B" if max(value) < 256 else "L"
        return struct.pack(f"{order}{len(value)}{code}", *value)
    return value if isinstance(value, bytes) else None


def png_or_webp_blobs(info: dict[Any, Any]) -> Blobs:
    tiff = info.get("exif")
    raw = info.get("Raw profile type exif")
    if tiff is None and isinstance(raw, str):  # ImageMagick: name, length, then hexadecimal digits
        tiff = bytes.fromhex("".join(raw.split()[2:]))
    xmp = info.get("xmp")
    text = {key: value for key, value in info.items() if isinstance(value, str)}
    return Blobs(tiff, xmp.encode() if isinstance(xmp, str) else xmp, None, text)


def blobs_of(path: Path) -> Blobs:
    data = path.read_bytes()
    if data.startswith(b"\xff\xd8"):
        return jpeg_blobs(data)
    with Image.open(path) as image:
        return tiff_blobs(data) if image.format == "TIFF" else png_or_webp_blobs(dict(image.info))


def stated(reading: dict[str, Any], *names: str) -> Any:
    values = (reading[name] for name in names if reading.get(name) not in (None, ""))
    value = next(values, None)
    return value[0] if isinstance(value, list) else value


def expected_date(reading: dict[str, Any]) -> tuple[str, str, str | None] | None:
    """(source, date as far as it is known, offset), from the first source that says anything."""
    for source, (names, fraction, offsets) in DATES.items():
        if not stated(reading, names[0]):
            continue
        parts = re.findall(r"\d+", " ".join(str(reading[name]) for name in names if name in reading))
        written = str(stated(reading, names[-1]) or "")
        offset = re.search(r":\d\d(?:\.\d+)?(Z|[+-]\d+:\d\d)$", written)
        day, clock = "-".join(parts[:3]), ":".join(parts[3:6])
        inside = re.search(r":\d\d\.(\d+)", written)
        digits = stated(reading, fraction) if fraction else inside[1] if inside else None
        at = f"{day}T{clock}" + (f".{str(digits)[:3]:0<3}" if digits is not None else "") if clock else day
        return source, at, offset[1] if offset else stated(reading, *offsets)
    return None


def same_offset(ours: str | None, theirs: str | None) -> bool:
    theirs = "+00:00" if theirs == "Z" else theirs
    return ours == theirs or (theirs is not None and ours == f"{theirs[0]}{theirs[1:].zfill(5)}")


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, str):
        return ours == str(theirs).strip()
    return ours == theirs or (
        isinstance(ours, float) and isinstance(theirs, int | float) and math.isclose(ours, theirs, rel_tol=1e-8)
    )


def compared(facts: Facts, reading: dict[str, Any]) -> Iterator[tuple[str, Any, Any, bool]]:
    """(field, ours, exiftool's, equal) for each field that one of the two knows."""
    for field, names in NAMES.items():
        ours, theirs = getattr(facts, field), stated(reading, *names)
        if ours is not None or theirs is not None:
            yield field, ours, theirs, same(ours, theirs)
    expected = expected_date(reading)
    if expected is not None or facts.taken_at is not None:
        taken = (facts.taken_source, facts.taken_at, facts.taken_offset)
        source, at, offset = expected or (None, "", None)
        known = facts.taken_at or ""
        whole = known if facts.taken_precision == "second" else known[: len(at)]
        yield "taken", taken, expected, (source, at) == (taken[0], whole) and same_offset(taken[2], offset)


def test_facts_equal_exiftools_reading_of_real_pictures(corpus: Path) -> None:
    readings = {item["SourceFile"]: item for item in json.loads((corpus / "exiftool.json").read_bytes())}
    files = [path for folder in ("metadata", "orientation") for path in sorted((corpus / folder).iterdir())]
    total, different = 0, {}
    for path in files:
        if path.suffix == ".avif":  # turned by their container, not by anything that is read here
            continue
        facts = metadata.read(blobs_of(path), clock=lambda: CLOCK)
        for field, ours, theirs, equal in compared(facts, readings[f"{path.parent.name}/{path.name}"]):
            total += 1
            if not equal:
                different[path.name, field] = (ours, theirs)
    unexplained = {key: value for key, value in different.items() if key not in DIFFERENCES}
    assert unexplained == {}
    assert different.keys() == DIFFERENCES.keys()
    assert total > 550
    assert (total - len(different)) / total > 0.985


def test_nothing_in_the_collection_makes_the_reading_raise(corpus: Path) -> None:
    seen = 0
    for folder in ("metadata", "orientation", "broken", "formats"):
        for path in sorted((corpus / folder).iterdir()):
            data = path.read_bytes()[: 1 << 20]
            at = max(data.find(b"Exif\0\0"), 0)
            facts = metadata.read(Blobs(data[at:], data[data.find(b"<?xpacket") :], data), clock=lambda: CLOCK)
            json.dumps(facts.everything, allow_nan=False).encode()
            seen += 1
    assert seen > 100
