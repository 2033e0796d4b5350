"""What a picture and its sidecars say about it: Facts from EXIF, XMP, IPTC, PNG text and JSON. piexif's only home.

Owns the reading of the blobs into Sources, and what the camera says of itself and its settings. Dates are dates.py's
to know, places positions.py's, texts reconciling.py's; the structures are read by exif.py, xmp.py, iptc.py and
takeout.py; finding the blobs in a file is embedded.py's, a movie's are movie.py's. Nothing here raises, whatever the
bytes: what cannot be read is absent, and `Facts.flags` says so (exif_repaired, xmp_unreadable, sidecar_unreadable,
date_invalid, gps_invalid). Two more are what Google said: takeout_trashed, takeout_archived.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import piexif

from watcher.model import Facts
from watcher.processing import dates, exif, iptc, positions, reconciling, takeout, xmp
from watcher.processing.sources import Named, Sources, Stated, told
from watcher.processing.takeout import Takeout

_PIEXIF_BYTES = 1 << 20  # beyond this, as in a whole TIFF, its lists of numbers would outgrow a worker
_UNKEPT = {"ExifTag", "GPSTag", "InteroperabilityTag", "MakerNote"}
_RATIONALS = (piexif.TYPES.Rational, piexif.TYPES.SRational)
_TABLES = {"0th": "Image", "Exif": "Exif", "GPS": "GPS"}  # an IFD's name, and that of its tags, with piexif
_KNOWN: dict[str, dict[str, tuple[int, int]]] = {
    ifd: {spec["name"]: (tag, spec["type"]) for tag, spec in piexif.TAGS[table].items()}
    for ifd, table in _TABLES.items()
}
_ISOS = range(10_000_000)


@dataclass(frozen=True, slots=True)
class Blobs:
    """The raw metadata of one file: a TIFF structure (with or without the leading Exif, NUL, NUL), an XMP packet,
    IPTC-IIM records, PNG text chunks by keyword; the digest of the IPTC records that Photoshop left beside them
    (image resource 0x0425, 16 bytes); the JPEG segments of extended XMP, in any order (see xmp.extended); what a
    movie states: creation_time (an instant), creationdate (local, with its offset), make, model, title, location
    (ISO 6709)."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)
    iptc_digest: bytes | None = None
    xmp_extended: tuple[bytes, ...] = ()
    movie: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The content of the sidecars that belong to a file. Of each kind the first that says a thing counts."""

    xmp: tuple[bytes, ...] = ()
    takeout: tuple[Takeout, ...] = ()


def read(
    blobs: Blobs,
    *,
    clock: Callable[[], float] = time.time,
    name: str = "",
    mtime: float | None = None,
    first_seen: float | None = None,
    timezone: str = "",
    sidecars: Sidecars = Sidecars(),
) -> Facts:
    """The facts. Never raises but for a time zone that does not exist.

    `clock` gives unix seconds; a date more than a day ahead of it is not believed. What no blob says may be known
    from outside: the name as dropped, its mtime and when it was first seen (unix seconds). `timezone` is the IANA
    name of the place where instants without an offset were taken, "" the machine's.
    """
    flags: list[str] = []
    sources = _open(blobs, sidecars, flags)
    taken = dates.taken(sources, dates.Arrival(clock(), name, mtime, first_seen, timezone))
    texts = reconciling.reconciled(sources)
    place = positions.place(sources)
    flags += ["date_invalid"] * taken.invalid + ["gps_invalid"] * place.invalid
    return Facts(
        **_when(taken),
        **_camera(sources),
        **_words(texts),
        latitude=place.latitude,
        longitude=place.longitude,
        altitude_m=place.altitude_m,
        favourite=sources.takeout.favourite,
        flags=tuple(dict.fromkeys(flags)),
        everything=_everything(sources, {"taken_at": taken.stated} | texts),
    )


def _open(blobs: Blobs, sidecars: Sidecars, flags: list[str]) -> Sources:
    ifds, big_endian = _exif(blobs.exif, flags)
    properties = _xmp(blobs, flags)
    # A digest that does not fit was made before somebody changed the records (MWG 2.0, section 3.3.1).
    newer = blobs.iptc_digest not in (None, hashlib.md5(blobs.iptc or b"", usedforsecurity=False).digest())
    records = iptc.read(blobs.iptc or b"")
    google = takeout.merged(sidecars.takeout)
    flags += ["takeout_trashed"] * google.trashed + ["takeout_archived"] * google.archived
    beside = _sidecar(sidecars.xmp, flags)
    embedded = (ifds["0th"], ifds["Exif"], ifds["GPS"], properties, records, blobs.text, big_endian, newer, blobs.movie)
    return Sources(*embedded, beside, google)


def _sidecar(packets: tuple[bytes, ...], flags: list[str]) -> xmp.Properties:
    """The properties of all, those of the first before the others'."""
    found: xmp.Properties = {}
    for properties in map(xmp.read, packets):
        if properties is None:
            flags.append("sidecar_unreadable")
        found = (properties or {}) | found
    return found


def _xmp(blobs: Blobs, flags: list[str]) -> xmp.Properties:
    """The packet's properties and, behind them, those of the packet that it says is its extension."""
    main = xmp.read(blobs.xmp) if blobs.xmp else {}
    extension = xmp.extended(main or {}, blobs.xmp_extended)
    more = {} if extension is None else xmp.read(extension)
    if main is None or more is None:
        flags.append("xmp_unreadable")
    return (more or {}) | (main or {})


def _exif(blob: bytes | None, flags: list[str]) -> tuple[dict[str, Named], bool]:
    """The tags as piexif reads them, completed by our own reading; by that alone where piexif is no help.

    piexif drops tags that it does not know and the last letter of text without a NUL. It raises on real files
    and asks for gigabytes when a count is a lie, so it only gets what the tolerant reader found sound.
    """
    tiff = (blob or b"").removeprefix(b"Exif\0\0")
    own = exif.read(tiff)
    if blob and own.damaged:
        flags.append("exif_repaired")
    loaded: dict[str, exif.Tags] = {}
    if not own.damaged and len(tiff) <= _PIEXIF_BYTES:
        with contextlib.suppress(Exception):  # ValueError, struct.error ...: the list is not closed
            # the prefix matters: without one that it knows, piexif takes the bytes for the name of a file
            loaded = piexif.load(b"Exif\0\0" + tiff)
    return {ifd: _named(_completed(loaded.get(ifd, {}), own.ifds[ifd]), ifd) for ifd in _TABLES}, own.big_endian


def _completed(loaded: exif.Tags, own: exif.Tags) -> exif.Tags:
    return loaded | {tag: own[tag] for tag in own if tag not in loaded or isinstance(own[tag], bytes)}


def _named(tags: exif.Tags, ifd: str) -> Named:
    known = piexif.TAGS[_TABLES[ifd]]
    return {known[tag]["name"] if tag in known else f"0x{tag:04x}": value for tag, value in tags.items()}


def _when(taken: dates.Taken) -> dict[str, Any]:
    if taken.moment is None:
        return {}
    moment = taken.moment
    return {
        "taken_at": moment.at.isoformat() + moment.fraction,
        "taken_offset": moment.offset,
        "taken_precision": moment.precision,
        "taken_source": taken.source,
    }


def _words(texts: dict[str, list[Stated]]) -> dict[str, Any]:
    names = ("title", "description", "copyright", "city", "state", "country", "location")
    rating = reconciling.one(texts["rating"])
    return {name: reconciling.one(texts[name]) for name in names} | {
        "keywords": reconciling.several(
            *_each(texts["sidecar_keywords"]), texts["keywords"], *_each(texts["hierarchical_keywords"])
        ),
        "people": reconciling.several(*_each(texts["people"])),
        "creator": reconciling.several(texts["creator"]),
        "rating": None if rating is None else int(rating),
    }


def _each(stated: list[Stated]) -> Iterator[list[Stated]]:
    """As lists of one, so that each counts."""
    return ([one] for one in stated)


def _camera(sources: Sources) -> dict[str, Any]:
    """The camera and its settings: the sidecar's, EXIF's, XMP's, the movie's."""
    image, photo, movie = sources.image, sources.photo, sources.movie
    exposure_time = _setting(sources, "ExposureTime")
    return {
        "orientation": _orientation(sources),
        "camera_make": _device(sources, "tiff:Make", image.get("Make"), movie.get("make")),
        "camera_model": _device(sources, "tiff:Model", image.get("Model"), movie.get("model")),
        "lens": _device(sources, "aux:Lens", photo.get("LensModel"), None),
        "iso": _iso(sources),
        "f_number": _setting(sources, "FNumber"),
        "exposure_time": exposure_time,
        "exposure": _exposure(exposure_time),
        "focal_length_mm": _setting(sources, "FocalLength"),
    }


def _device(sources: Sources, name: str, by_exif: exif.Value | None, by_movie: str | None) -> str | None:
    beside, within = (xmp.text(properties.get(name)) for properties in (sources.sidecar, sources.xmp))
    return _first(beside, exif.text(by_exif), within, by_movie)


def _setting(sources: Sources, name: str) -> float | None:
    """Exif's number of this name, which XMP has taken over."""
    beside = xmp.number(sources.sidecar.get(f"exif:{name}"))
    return _number(sources.photo.get(name), sources.xmp.get(f"exif:{name}")) if beside is None else beside


def _first(*texts: str | None) -> str | None:
    return next(filter(None, map(exif.clean, texts)), None)


def _number(value: exif.Value | None, other: xmp.Value | None) -> float | None:
    result = exif.number(value)
    return xmp.number(other) if result is None else result


def _whole(value: float | None, allowed: range) -> int | None:
    return int(value) if value is not None and value in allowed else None


def _orientation(sources: Sources) -> int | None:
    """The file's own: a sidecar's is how it looked when that was written, and the pixels may have been turned since."""
    stated = _whole(exif.number(sources.image.get("Orientation")), range(1, 9))
    return stated or _whole(xmp.number(sources.xmp.get("tiff:Orientation")), range(1, 9))


def _iso(sources: Sources) -> int | None:
    beside = _whole(xmp.number(sources.sidecar.get("exif:ISOSpeedRatings")), _ISOS)
    if beside is not None:
        return beside
    stated = exif.integer(sources.photo.get("ISOSpeedRatings"))
    return _whole(xmp.number(sources.xmp.get("exif:ISOSpeedRatings")), _ISOS) if stated is None else stated


def _exposure(seconds: float | None) -> str | None:
    """As a camera shows it: 1/250 below 0.3 s, else seconds with at most one decimal."""
    if not seconds or seconds < 0:
        return None
    return f"1/{1 / seconds:.0f}" if seconds < 0.3 else f"{seconds:.1f}".removesuffix(".0")


def _everything(sources: Sources, stated: dict[str, list[Stated]]) -> dict[str, Any]:
    """All that was read, by group and tag; under `camera` what has no field of its own, under `sources` who said
    what: for each field the statements in order of precedence, of which the first not passed over has won."""
    groups: dict[str, dict[str, Any]] = {
        "EXIF": _shown(sources.image, "0th", sources) | _shown(sources.photo, "Exif", sources),
        "GPS": _shown(sources.gps, "GPS", sources),
        "XMP": {name: xmp.shown(value) for name, value in sources.xmp.items()},
        "IPTC": {name: [exif.clean(text) for text in texts] for name, texts in sources.iptc.items()},
        "PNG": {name: exif.clean(text) for name, text in sources.text.items()},
        "QuickTime": {name: exif.clean(text) for name, text in sources.movie.items()},
        "XMP-sidecar": {name: xmp.shown(value) for name, value in sources.sidecar.items()},
        "Takeout": sources.takeout.told(),
        "camera": _details(sources),
        "sources": {name: told(said) for name, said in stated.items() if said},
    }
    return {group: tags for group, tags in groups.items() if tags}


def _details(sources: Sources) -> dict[str, Any]:
    image, photo, texts = sources.image, sources.photo, sources.xmp
    flash = exif.integer(photo.get("Flash"))
    focal = _number(photo.get("FocalLengthIn35mmFilm"), texts.get("exif:FocalLengthIn35mmFilm"))
    serials = (exif.text(photo.get("BodySerialNumber")), exif.text(image.get("CameraSerialNumber")))
    found = {
        "flash": flash,
        "flash_fired": None if flash is None else bool(flash & 1),
        "body_serial": _first(*serials, xmp.text(texts.get("aux:SerialNumber"))),
        "software": _first(exif.text(image.get("Software")), xmp.text(texts.get("xmp:CreatorTool"))),
        "focal_length_35mm": focal or None,  # 0 is "not known" (Exif 2.32)
        "gps_at": next(dates.instants(sources), None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _shown(tags: Named, ifd: str, sources: Sources) -> dict[str, Any]:
    shown = {}
    for name in (name for name in tags if name not in _UNKEPT):
        tag, kind = _KNOWN[ifd].get(name, (0, None))
        shown[name] = exif.shown(tag, tags[name], kind in _RATIONALS, sources.big_endian)
    return shown


def build_exif(zeroth: dict[int, Any], exif: dict[int, Any], gps: dict[int, Any]) -> bytes:
    """New EXIF from tag numbers and values in piexif's shapes; never a camera's: its maker notes would be lost."""
    return bytes(piexif.dump({"0th": zeroth, "Exif": exif, "GPS": gps}))
