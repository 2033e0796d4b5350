"""Where a picture was taken: latitude, longitude and altitude from EXIF's GPS tags, else from XMP's.

Owns the signs and what cannot be a place on earth. Rules: Exif 2.32 section 4.6.6; XMP part 2, GPSCoordinate.
"""

from __future__ import annotations

from typing import NamedTuple

from watcher.processing import exif, xmp
from watcher.processing.sources import Named, Sources


class Place(NamedTuple):
    """Degrees, south and west negative; metres, negative below the sea. `invalid`: something stated is not here."""

    latitude: float | None
    longitude: float | None
    altitude_m: float | None
    invalid: bool


def place(sources: Sources) -> Place:
    """EXIF's where it can be true, else XMP's."""
    gps, texts = sources.gps, sources.xmp
    places = (_position(gps), xmp.position(texts))
    latitude, longitude = next((place for place in places if _possible(*place)), (None, None))
    altitude = _altitude(gps) if "GPSAltitude" in gps else xmp.altitude(texts)
    stated = gps.keys() & {"GPSLatitude", "GPSLongitude"} or "exif:GPSLatitude" in texts
    invalid = bool(stated and latitude is None) or ("GPSAltitude" in gps and altitude is None)
    return Place(latitude, longitude, altitude, invalid)


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
