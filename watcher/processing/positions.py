"""Where a picture was taken: latitude, longitude and altitude from XMP sidecars, EXIF, XMP, a movie, Google Takeout.

Owns the order of these, the signs and what cannot be a place on earth. Rules: Exif 2.32 section 4.6.6; XMP part 2,
GPSCoordinate; ISO 6709 annex H, as movies write a place.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from watcher.processing import exif, xmp
from watcher.processing.sources import Named, Sources

_ISO6709 = re.compile(
    r"([+-]\d{1,6}(?:\.\d{1,20})?)([+-]\d{1,7}(?:\.\d{1,20})?)([+-]\d{1,6}(?:\.\d{1,20})?)?(?:CRS.*)?/?", re.ASCII
)


class Place(NamedTuple):
    """Degrees, south and west negative; metres, negative below the sea. `invalid`: something stated is not here."""

    latitude: float | None
    longitude: float | None
    altitude_m: float | None
    invalid: bool


def place(sources: Sources) -> Place:
    """Of each the first that can be true; EXIF's altitude is not made up for by the XMP beside it."""
    gps, sidecar, google = sources.gps, sources.sidecar, sources.takeout
    embedded = _altitude(gps) if "GPSAltitude" in gps else xmp.altitude(sources.xmp)
    told = (
        (*xmp.position(sidecar), xmp.altitude(sidecar)),
        (*_position(gps), embedded),
        (*xmp.position(sources.xmp), None),
        _filmed(sources.movie.get("location", "")),
        (google.latitude, google.longitude, google.altitude_m),
    )
    latitude, longitude = next(((north, east) for north, east, _ in told if _possible(north, east)), (None, None))
    altitude = next((up for _, _, up in told if up is not None), None)
    lost = "GPSAltitude" in gps and embedded is None
    return Place(latitude, longitude, altitude, lost or (latitude is None and _is_stated(sources)))


def _is_stated(sources: Sources) -> bool:
    """Whether there is a position at all, be it one that cannot be read."""
    in_xmp = any("exif:GPSLatitude" in properties for properties in (sources.sidecar, sources.xmp))
    return in_xmp or bool(sources.gps.keys() & {"GPSLatitude", "GPSLongitude"}) or sources.takeout.latitude is not None


def _possible(latitude: float | None, longitude: float | None) -> bool:
    """On earth, and not exactly 0, 0: that is what a receiver without a fix writes."""
    if latitude is None or longitude is None or latitude == longitude == 0:
        return False
    return abs(latitude) <= 90 and abs(longitude) <= 180


def _position(gps: Named) -> tuple[float | None, float | None]:
    return _coordinate(gps, "GPSLatitude", "NS"), _coordinate(gps, "GPSLongitude", "EW")


def _coordinate(gps: Named, tag: str, letters: str) -> float | None:
    """None without the letter that gives the sign: a wrong hemisphere is worse than none."""
    size = exif.degrees(gps.get(tag))
    letter = (exif.text(gps.get(tag + "Ref")) or "").strip().upper()[:1]
    if size is None or not letter or letter not in letters:
        return None
    return -size if letter in "SW" else size


def _altitude(gps: Named) -> float | None:
    size = exif.number(gps.get("GPSAltitude"))
    return -size if size is not None and gps.get("GPSAltitudeRef") in (1, b"\x01", b"1") else size


def _filmed(text: str) -> tuple[float | None, float | None, float | None]:
    """+48.8583+002.2945+035.000/: degrees, or with minutes (DDMM.M) and seconds (DDMMSS.S), and metres."""
    match = _ISO6709.fullmatch(text.strip())
    if match is None:
        return None, None, None
    return _sexagesimal(match[1]), _sexagesimal(match[2], 3), float(match[3]) if match[3] else None


def _sexagesimal(text: str, degrees: int = 2) -> float:
    """`degrees` is the number of digits that are degrees; two each are minutes and seconds, if there are more."""
    whole, point, fraction = text[1:].partition(".")
    parts = [whole[:degrees], *(whole[at : at + 2] for at in range(degrees, len(whole), 2))]
    parts[-1] += point + fraction
    size: float = sum(float(part) / 60**power for power, part in enumerate(parts))
    return -size if text[0] == "-" else size
