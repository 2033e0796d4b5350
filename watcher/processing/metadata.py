"""What a picture says about itself: Facts from EXIF, XMP, IPTC and PNG text. The only home of piexif.

Owns which source answers which question, and in what order. The structures are read by exif.py, xmp.py and
iptc.py; finding the blobs in a file is image.py's. Nothing here raises, whatever the bytes: what cannot be
read is absent, and `Facts.flags` says so (exif_damaged, xmp_unreadable, date_invalid, gps_invalid).
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import piexif
from piexif import GPSIFD, ExifIFD, ImageIFD

from watcher.model import Facts
from watcher.processing import exif, iptc, xmp

_PIEXIF_BYTES = 1 << 20  # beyond this, as in a whole TIFF, its lists of numbers would outgrow a worker
_UNKEPT = {ImageIFD.ExifTag, ImageIFD.GPSTag, ExifIFD.InteroperabilityTag, ExifIFD.MakerNote}
_RATIONALS = (piexif.TYPES.Rational, piexif.TYPES.SRational)
_RATINGS = range(-1, 6)
_ISOS = range(10_000_000)
_FILLER = re.compile(  # what cameras put where a person's words belong
    r"((olympus|sony|sanyo|samsung|konica|minolta|konica minolta|kodak|casio|pentax|fujifilm|nikon|canon|ge"
    r"|hp|traveler|maginon|vivitar|polaroid|jvc|benq)?\s*(digital (still )?camera|dsc)?"
    r"|dcim\\.*|default|exif[_ ]jpeg([_ ]picture)?|untitled|<?digimax.*|dscn?[_ ]?\d+|charset=.*)",
    re.IGNORECASE | re.DOTALL,
)
_DATE = re.compile(
    r"(?P<year>\d{4})(?:[-:/.]?(?P<month>\d\d)(?:[-:/.]?(?P<day>\d\d)"
    r"(?:[T ]+(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<offset>Z|[+-]\d\d?:?\d\d)?)?)?)?[\s:]*",
    re.ASCII,
)
_OLDEST_YEAR = 1826  # of the first photograph that lasts


@dataclass(frozen=True, slots=True)
class Blobs:
    """The raw metadata of one file: a TIFF structure (with or without the leading Exif, NUL, NUL), an XMP
    packet, IPTC-IIM records, PNG text chunks by keyword."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sources:
    image: exif.Tags  # IFD0
    photo: exif.Tags  # ExifIFD
    gps: exif.Tags
    xmp: xmp.Properties
    iptc: dict[str, list[str]]
    text: dict[str, str]
    big_endian: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    at: str | None = None
    offset: str | None = None
    precision: str | None = None
    source: str | None = None


def read(blobs: Blobs, clock: Callable[[], float] = time.time) -> Facts:
    """The facts. Never raises. `clock` gives unix seconds; a date more than a day ahead is not believed."""
    flags: list[str] = []
    sources = _open(blobs, flags)
    image, photo, properties = sources.image, sources.photo, sources.xmp
    exposure_time = _number(photo.get(ExifIFD.ExposureTime), properties.get("exif:ExposureTime"))
    taken = _taken(sources, datetime.fromtimestamp(clock()) + timedelta(days=1), flags)
    latitude, longitude, altitude = _place(sources, flags)
    return Facts(
        orientation=_orientation(sources),
        taken_at=taken.at,
        taken_offset=taken.offset,
        taken_precision=taken.precision,
        taken_source=taken.source,
        camera_make=_first(exif.text(image.get(ImageIFD.Make)), xmp.text(properties.get("tiff:Make"))),
        camera_model=_first(exif.text(image.get(ImageIFD.Model)), xmp.text(properties.get("tiff:Model"))),
        lens=_first(exif.text(photo.get(ExifIFD.LensModel)), xmp.text(properties.get("aux:Lens"))),
        iso=_iso(sources),
        f_number=_number(photo.get(ExifIFD.FNumber), properties.get("exif:FNumber")),
        exposure_time=exposure_time,
        exposure=_exposure(exposure_time),
        focal_length_mm=_number(photo.get(ExifIFD.FocalLength), properties.get("exif:FocalLength")),
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        title=_title(sources),
        description=_description(sources),
        keywords=_keywords(sources),
        rating=_rating(sources),
        flags=tuple(dict.fromkeys(flags)),
        everything=_everything(sources),
    )


def _open(blobs: Blobs, flags: list[str]) -> _Sources:
    ifds, big_endian = _exif(blobs.exif, flags)
    properties = xmp.read(blobs.xmp) if blobs.xmp else {}
    if properties is None:
        flags.append("xmp_unreadable")
    records = iptc.read(blobs.iptc or b"")
    return _Sources(ifds["0th"], ifds["Exif"], ifds["GPS"], properties or {}, records, blobs.text, big_endian)


def _exif(blob: bytes | None, flags: list[str]) -> tuple[dict[str, exif.Tags], bool]:
    """The tags as piexif reads them, completed by our own reading; by that alone where piexif is no help.

    piexif drops tags that it does not know and the last letter of text without a NUL. It raises on real files
    and asks for gigabytes when a count is a lie, so it only gets what the tolerant reader found sound.
    """
    tiff = (blob or b"").removeprefix(b"Exif\0\0")
    own = exif.read(tiff)
    if blob and own.damaged:
        flags.append("exif_damaged")
    loaded: dict[str, exif.Tags] = {}
    if not own.damaged and len(tiff) <= _PIEXIF_BYTES:
        with contextlib.suppress(Exception):  # ValueError, struct.error ...: the list is not closed
            # the prefix matters: without one that it knows, piexif takes the bytes for the name of a file
            loaded = piexif.load(b"Exif\0\0" + tiff)
    return {name: _completed(loaded.get(name, {}), tags) for name, tags in own.ifds.items()}, own.big_endian


def _completed(loaded: exif.Tags, own: exif.Tags) -> exif.Tags:
    return loaded | {tag: own[tag] for tag in own if tag not in loaded or isinstance(own[tag], bytes)}


def _first(*texts: str | None) -> str | None:
    return next(filter(None, map(exif.clean, texts)), None)


def _number(value: exif.Value | None, other: xmp.Value | None) -> float | None:
    result = exif.number(value)
    return xmp.number(other) if result is None else result


def _whole(value: float | None, allowed: range) -> int | None:
    return int(value) if value is not None and value in allowed else None


def _orientation(sources: _Sources) -> int | None:
    stated = _whole(exif.number(sources.image.get(ImageIFD.Orientation)), range(1, 9))
    return stated or _whole(xmp.number(sources.xmp.get("tiff:Orientation")), range(1, 9))


def _iso(sources: _Sources) -> int | None:
    stated = exif.integer(sources.photo.get(ExifIFD.ISOSpeedRatings))
    return _whole(xmp.number(sources.xmp.get("exif:ISOSpeedRatings")), _ISOS) if stated is None else stated


def _rating(sources: _Sources) -> int | None:
    stated = _whole(xmp.number(sources.xmp.get("xmp:Rating")), _RATINGS)
    return _whole(exif.number(sources.image.get(ImageIFD.Rating)), _RATINGS) if stated is None else stated


def _exposure(seconds: float | None) -> str | None:
    """As a camera shows it: 1/250 below 0.3 s, else seconds with at most one decimal."""
    if not seconds or seconds < 0:
        return None
    return f"1/{1 / seconds:.0f}" if seconds < 0.3 else f"{seconds:.1f}".removesuffix(".0")


def _taken(sources: _Sources, latest: datetime, flags: list[str]) -> _Taken:
    """The first date in the order of `_dates` that can be true."""
    for source, text in _dates(sources):
        if not any(c.isdigit() for c in text):
            continue  # EXIF writes an unknown date as blanks between colons
        taken = _moment(source, text, latest)
        if taken is not None:
            return taken
        flags.append("date_invalid")
    return _Taken()


def _dates(sources: _Sources) -> Iterator[tuple[str, str]]:
    photo, texts = sources.photo, sources.xmp
    original = (ExifIFD.OffsetTimeOriginal, ExifIFD.OffsetTime)
    digitized = (ExifIFD.OffsetTimeDigitized, ExifIFD.OffsetTime)
    written = exif.date(photo, ExifIFD.DateTimeOriginal, ExifIFD.SubSecTimeOriginal, original)
    yield "EXIF:DateTimeOriginal", written
    yield "XMP-exif:DateTimeOriginal", xmp.text(texts.get("exif:DateTimeOriginal")) or ""
    yield "XMP-photoshop:DateCreated", xmp.text(texts.get("photoshop:DateCreated")) or ""
    yield "IPTC:DateCreated", iptc.date(sources.iptc)
    written = exif.date(photo, ExifIFD.DateTimeDigitized, ExifIFD.SubSecTimeDigitized, digitized)
    yield "EXIF:DateTimeDigitized", written
    yield "XMP-xmp:CreateDate", xmp.text(texts.get("xmp:CreateDate")) or ""
    # DateTime lies in IFD0, its fraction and offset in ExifIFD
    written = exif.date(photo | sources.image, ImageIFD.DateTime, ExifIFD.SubSecTime, (ExifIFD.OffsetTime,))
    yield "EXIF:DateTime", written


def _moment(source: str, text: str, latest: datetime) -> _Taken | None:
    """What a date's text says, EXIF's, XMP's or IPTC's; None when it is none, or cannot be true."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = (int(match[name] or 1) for name in ("year", "month", "day"))
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    if year < _OLDEST_YEAR or moment > latest:
        return None
    precision = "second" if match["hour"] else match.lastgroup
    fraction = f".{match['fraction'][:3]:0<3}" if match["fraction"] else ""
    return _Taken(moment.isoformat() + fraction, _offset(match["offset"]), precision, source)


def _offset(text: str | None) -> str | None:
    """`+02:00`, from Z, +0200, +2:00; None when no place on earth keeps such time."""
    digits = (text or "").lstrip("+-Z").replace(":", "").zfill(4)
    hours, minutes = int(digits[:2]), int(digits[2:])
    if text is None or hours > 14 or minutes > 59:
        return None
    return f"{'-' if text[0] == '-' else '+'}{hours:02}:{minutes:02}"


def _place(sources: _Sources, flags: list[str]) -> tuple[float | None, float | None, float | None]:
    """Latitude, longitude, altitude: EXIF's where they can be true, else XMP's."""
    gps, texts = sources.gps, sources.xmp
    places = (exif.position(gps), xmp.position(texts))
    latitude, longitude = next((place for place in places if _possible(*place)), (None, None))
    altitude = exif.altitude(gps) if GPSIFD.GPSAltitude in gps else xmp.altitude(texts)
    stated = gps.keys() & {GPSIFD.GPSLatitude, GPSIFD.GPSLongitude} or "exif:GPSLatitude" in texts
    if (stated and latitude is None) or (GPSIFD.GPSAltitude in gps and altitude is None):
        flags.append("gps_invalid")
    return latitude, longitude, altitude


def _possible(latitude: float | None, longitude: float | None) -> bool:
    """On earth, and not exactly 0, 0: that is what a receiver without a fix writes."""
    if latitude is None or longitude is None or latitude == longitude == 0:
        return False
    return abs(latitude) <= 90 and abs(longitude) <= 180


def _title(sources: _Sources) -> str | None:
    return _first(
        xmp.text(sources.xmp.get("dc:title")),
        *sources.iptc.get("ObjectName", []),
        exif.utf16(sources.image.get(ImageIFD.XPTitle)),
        sources.text.get("Title"),
    )


def _description(sources: _Sources) -> str | None:
    """EXIF before XMP before IPTC, as the Metadata Working Group's guidelines (2.0) have it."""
    texts = (
        exif.text(sources.image.get(ImageIFD.ImageDescription)),
        xmp.text(sources.xmp.get("dc:description")),
        *sources.iptc.get("Caption-Abstract", []),
        exif.utf16(sources.image.get(ImageIFD.XPComment)),
        exif.comment(sources.photo.get(ExifIFD.UserComment), sources.big_endian),
        sources.text.get("Description"),
    )
    return next((text for text in map(exif.clean, texts) if text and not _FILLER.fullmatch(text)), None)


def _keywords(sources: _Sources) -> tuple[str, ...]:
    words = (
        *xmp.texts(sources.xmp.get("dc:subject")),
        *sources.iptc.get("Keywords", []),
        *(exif.utf16(sources.image.get(ImageIFD.XPKeywords)) or "").split(";"),
    )
    return tuple(dict.fromkeys(word for word in map(exif.clean, words) if word))


def _everything(sources: _Sources) -> dict[str, Any]:
    big_endian = sources.big_endian
    groups: dict[str, dict[str, Any]] = {
        "EXIF": _named(sources.image, "Image", big_endian) | _named(sources.photo, "Exif", big_endian),
        "GPS": _named(sources.gps, "GPS", big_endian),
        "XMP": {name: xmp.shown(value) for name, value in sources.xmp.items()},
        "IPTC": {name: [exif.clean(text) for text in texts] for name, texts in sources.iptc.items()},
        "PNG": {name: exif.clean(text) for name, text in sources.text.items()},
    }
    return {group: tags for group, tags in groups.items() if tags}


def _named(tags: exif.Tags, table: str, big_endian: bool) -> dict[str, Any]:
    named = {}
    for tag in (tag for tag in tags if tag not in _UNKEPT):
        known = piexif.TAGS[table].get(tag, {"name": f"0x{tag:04x}", "type": None})
        named[known["name"]] = exif.shown(tag, tags[tag], known["type"] in _RATIONALS, big_endian)
    return named


def build_exif(zeroth: dict[int, Any], exif: dict[int, Any], gps: dict[int, Any]) -> bytes:
    """New EXIF from tag numbers and values in piexif's shapes; never a camera's: its maker notes would be lost."""
    return bytes(piexif.dump({"0th": zeroth, "Exif": exif, "GPS": gps}))
