"""Facts of real pictures, field by field, against exiftool's reading of the same files.

Two readings: by groups, and by the Metadata Working Group's rules. Each difference is listed with its reason: either
the program's own rules ask for it (BY_RULE), or one of the two reads wrong (DIFFERENCES).
"""

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
from watcher.processing.xmp import EXTENSION

pytestmark = pytest.mark.corpus

CLOCK = 1_790_000_000.0  # 2026-09: after the youngest picture, before the dates that are meant to be impossible
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
IPTC, DIGEST = b"\x04\x04", b"\x04\x25"

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
TITLES = ("XMP-dc:Title", "IPTC:ObjectName", "IFD0:XPTitle", "PNG:Title")
# field -> its name in exiftool's reading by the Working Group's rules
MWG = {name: f"MWG:{name.title()}" for name in ("description", "rating", "creator", "copyright", "keywords")}
MWG |= {name: f"MWG:{name.title()}" for name in ("city", "state", "country", "location")}
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
    "GPS:GPSDateTime": (("Composite:GPSDateTime",), "", ()),
    "XMP-exif:GPSTimeStamp": (("XMP-exif:GPSDateTime",), "", ()),
    "EXIF:DateTime": (("IFD0:ModifyDate",), "ExifIFD:SubSecTime", ("ExifIFD:OffsetTime",)),
}

ZERO = "0, 0 is what a receiver without a fix writes: absent, and flagged gps_invalid"
AHEAD = "a date more than a day ahead of the clock is passed over, and flagged date_invalid"
FILLER = "the camera wrote it, not a person"
MEASURED = "the receiver's time and the local time give the offset"
LEVELS = "each level of a hierarchy is a keyword, too"
CP1252 = "what is not UTF-8 and not declared is cp1252; exiftool shows a question mark"
XP = "Windows' own tags speak where the Working Group's sources are silent"
# What the rules of this program say otherwise than exiftool
BY_RULE = {
    ("Issue 609.jpg", "taken"): "a date of zeros is passed over, and flagged date_invalid",
    ("exif_gps.jpg", "taken"): AHEAD,
    ("gen_date_2107.jpg", "taken"): AHEAD,
    ("tiff_16bit_RGB.tiff", "taken"): "no minute has 70 seconds: passed over, and flagged date_invalid",
    ("tiff_strip_planar_16bit_RGB.tiff", "taken"): "no minute has 70 seconds: passed over, and flagged date_invalid",
    ("Samsung GT-I9000 (Galaxy S).jpg", "latitude"): ZERO,
    ("Samsung GT-I9000 (Galaxy S).jpg", "longitude"): ZERO,
    ("gen_null_island.jpg", "latitude"): ZERO,
    ("gen_null_island.jpg", "longitude"): ZERO,
    ("GE.jpg", "description"): FILLER,
    ("GoPro.jpg", "description"): FILLER,
    ("Issue 339.jpg", "description"): FILLER,
    ("Konica Q-M100 (1).jpg", "description"): FILLER,
    ("Olympus C2040Z.jpg", "description"): FILLER,
    ("Olympus PEN E-P3.jpg", "description"): FILLER,
    ("Olympus μ Digital 800.JPG", "description"): FILLER,
    ("Samsung GT-I9000 (Galaxy S).jpg", "description"): FILLER,
    ("Sanyo SR662.jpg", "description"): FILLER,
    ("Traveler SX330Z.jpg", "description"): FILLER,
    ("el_torcal_rocks.jpeg", "description"): FILLER,
    ("GoPro.jpg", "taken_offset"): MEASURED,
    ("HTC Desire.jpg", "taken_offset"): MEASURED,
    ("Sony DSC-HX5V (2).jpg", "taken_offset"): MEASURED,
    ("thompson-springs.jpg", "taken_offset"): MEASURED,
    ("gen_xmp_only.jpg", "keywords"): LEVELS,
    ("portrait-orientation-6.jpg", "keywords"): LEVELS,
    ("gen_iptc_latin1_no_charset.jpg", "description"): CP1252,
    ("gen_iptc_latin1_no_charset.jpg", "keywords"): CP1252,
    ("hopper_jpg.tif", "description"): CP1252,
    ("hopper_lzma.tif", "description"): CP1252,
    ("hopper_lzw.tif", "description"): CP1252,
    ("hopper_webp.tif", "description"): CP1252,
    ("gen_xp_tags.jpg", "keywords"): XP,
    ("gen_usercomment_unicode.jpg", "description"): "a comment is a description where there is no other",
}
# What one of the two does not read
DIFFERENCES = {
    ("exif_text.png", "orientation"): "EXIF in a text chunk named exif: exiftool shows it without reading it",
}
# exiftool's names for the formats whose blobs are found by the functions below, and what Pillow does not open
TYPES = {"JPEG", "MPO", "PNG", "APNG", "WEBP", "Extended WEBP", "AVIF", "GIF", "TIFF", "BTF", "BMP"}
UNREAD = {"rgb32bf.bmp", "rgb32f_color.tiff"}


def jpeg_blobs(data: bytes) -> Blobs:
    tiff = xmp = photoshop = b""
    extensions = []
    position = 2
    while data[position] == 0xFF and data[position + 1] not in (0xDA, 0xD9):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        marker, body = data[position + 1], data[position + 4 : position + 2 + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            tiff += body if not tiff else body[6:]
        elif marker == 0xE1 and body.startswith(XMP_MARK) and not xmp:
            xmp = body.removeprefix(XMP_MARK)
        elif marker == 0xE1 and body.startswith(EXTENSION):
            extensions.append(body)
        elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
            photoshop += body[14:]
        position += 2 + length
    return Blobs(
        tiff or None,
        xmp or None,
        resource(photoshop, IPTC),
        iptc_digest=resource(photoshop, DIGEST),
        xmp_extended=tuple(extensions),
    )


def resource(photoshop: bytes, number: bytes) -> bytes | None:
    """What Photoshop's image resources hold under this number."""
    found = b""
    while photoshop.startswith(b"8BIM"):
        name_end = 6 + (photoshop[6] + 2) // 2 * 2
        size = int.from_bytes(photoshop[name_end : name_end + 4], "big")
        content = photoshop[name_end + 4 :]
        if photoshop[4:6] == number:
            found += content[:size]
        photoshop = content[size + size % 2 :]
    return found or None


def tiff_blobs(data: bytes) -> Blobs:
    order = "<" if data[:2] == b"II" else ">"
    tags = exif.read(data).ifds["0th"]
    xmp, iptc, photoshop = (in_bytes(tags.get(tag), order) for tag in (700, 33723, 34377))
    return Blobs(data, xmp, iptc or resource(photoshop or b"", IPTC))


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
        if image.format == "PNG":
            image.load()  # chunks may follow the pixels
        return tiff_blobs(data) if image.format == "TIFF" else png_or_webp_blobs(dict(image.info))


def stated(reading: dict[str, Any], *names: str) -> Any:
    values = (reading[name] for name in names if reading.get(name) not in (None, ""))
    value = next(values, None)
    return value[0] if isinstance(value, list) else value


def expected_dates(reading: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """(source, date as far as it is known, offset), from each source that says anything."""
    for source, (names, fraction, offsets) in DATES.items():
        if not stated(reading, names[0]):
            continue
        parts = re.findall(r"\d+", " ".join(str(reading[name]) for name in names if name in reading))
        if "GPS" in source and len(parts) < 6:
            continue  # a time without a day
        written = str(stated(reading, names[-1]) or "")
        offset = re.search(r":\d\d(?:\.\d+)?(Z|[+-]\d+:\d\d)$", written)
        day, clock = "-".join(parts[:3]), ":".join(parts[3:6])
        inside = re.search(r":\d\d\.(\d+)", written)
        digits = stated(reading, fraction) if fraction else inside[1] if inside else None
        at = f"{day}T{clock}" + (f".{str(digits)[:3]:0<3}" if digits is not None else "") if clock else day
        yield source, at, offset[1] if offset else stated(reading, *offsets)


def to_the_second(date: str) -> str:
    return "".join(re.findall(r"\d", date))[:14]


def same_offset(ours: str | None, theirs: str | None) -> bool:
    theirs = "+00:00" if theirs == "Z" else theirs
    return ours == theirs or (theirs is not None and ours == f"{theirs[0]}{theirs[1:].zfill(5)}")


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, tuple):
        listed = theirs if isinstance(theirs, list) else [theirs]
        return list(ours) == [str(one).strip() for one in listed]
    if isinstance(ours, str):
        return ours == str(theirs).strip()
    return ours == theirs or (
        isinstance(ours, float) and isinstance(theirs, int | float) and math.isclose(ours, theirs, rel_tol=1e-8)
    )


def blank(value: Any) -> bool:
    return value is None or value == () or (isinstance(value, str) and not value.strip())


def compared(facts: Facts, reading: dict[str, Any], mwg: dict[str, Any]) -> Iterator[tuple[str, Any, Any, bool]]:
    """(field, ours, exiftool's, equal) for each field that one of the two knows."""
    pairs = {field: stated(reading, *names) for field, names in NAMES.items()}
    pairs |= {field: mwg.get(name) for field, name in MWG.items()} | {"title": stated(reading, *TITLES)}
    for field, theirs in pairs.items():
        ours = getattr(facts, field)
        if not (blank(ours) and blank(theirs)):
            yield field, ours, theirs, same(ours, theirs)
    dates = {one["source"]: one["value"] for one in facts.everything.get("sources", {}).get("taken_at", ())}
    expected = {source: (source, at, offset) for source, at, offset in expected_dates(reading)}
    for source in dates.keys() | {source for source, (_, at, _) in expected.items() if to_the_second(at)}:
        at = expected.get(source, ("", "", ""))[1]
        yield source, dates.get(source), at, to_the_second(dates.get(source, "")) == to_the_second(at)
    if expected or facts.taken_at is not None:
        source, at, offset = next(iter(expected.values()), (None, "", None))
        known = facts.taken_at or ""
        whole = known if facts.taken_precision == "second" else known[: len(at)]
        yield "taken", (facts.taken_source, facts.taken_at), (source, at), (source, at) == (facts.taken_source, whole)
        yield "taken_offset", facts.taken_offset, offset, same_offset(facts.taken_offset, offset)


def readings(corpus: Path, name: str) -> dict[str, dict[str, Any]]:
    return {reading["SourceFile"]: reading for reading in json.loads((corpus / name).read_bytes())}


def pictures(corpus: Path, by_group: dict[str, dict[str, Any]]) -> Iterator[Path]:
    for name, reading in by_group.items():
        path = corpus / name
        compared_here = name.startswith(("metadata/", "orientation/", "formats/")) and path.name not in UNREAD
        if compared_here and reading.get("File:FileType") in TYPES:
            yield path


def test_facts_equal_exiftools_reading_of_real_pictures(corpus: Path) -> None:
    by_group, by_mwg = readings(corpus, "exiftool.json"), readings(corpus, "exiftool_mwg.json")
    total, different = 0, {}
    for path in pictures(corpus, by_group):
        name = f"{path.parent.name}/{path.name}"
        facts = metadata.read(blobs_of(path), clock=lambda: CLOCK, timezone="UTC")
        for field, ours, theirs, equal in compared(facts, by_group[name], by_mwg.get(name, {})):
            if (path.suffix, field) == (".avif", "orientation"):
                continue  # turned by its container, not by anything that is read here
            total += 1
            if not equal:
                different[path.name, field] = (ours, theirs)
    unexplained = {key: value for key, value in different.items() if key not in BY_RULE | DIFFERENCES}
    assert unexplained == {}
    assert different.keys() == BY_RULE.keys() | DIFFERENCES.keys()
    assert total > 1050
    assert (total - len(DIFFERENCES)) / total > 0.995


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
