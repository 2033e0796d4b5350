"""What a JSON file from a Google Takeout says: of a picture, or of an album. Pure.

Owns Google's words and what is absent though it is written: 0, 0 for no place, 0 metres for no altitude, "" for no
text. Which picture a file belongs to is pairing's to know; what counts beside other sources is for dates.py,
positions.py and reconciling.py to say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from watcher.processing import exif

_MAX_BYTES = 1 << 20  # a picture's have about a thousand
_OF_A_PICTURE = {"photoTakenTime", "geoData", "geoDataExif", "imageViews", "creationTime"}
_OF_AN_ALBUM = {"date", "access", "enrichments", "albumData"}


@dataclass(frozen=True, slots=True)
class Takeout:
    """A picture's or an album's; absent is None, "", () or False.

    `title` is the album's, or the picture's name as it was uploaded. `taken` is in unix seconds, UTC, as stated:
    it may lie in no year that there is. Degrees and metres as stated, too.
    """

    kind: Literal["picture", "album"]
    title: str = ""
    description: str = ""
    taken: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    people: tuple[str, ...] = ()
    favourite: bool | None = None
    trashed: bool = False
    archived: bool = False
    url: str = ""

    def told(self) -> dict[str, Any]:
        """What is not absent, JSON-safe."""
        return {name: value for name, value in asdict(self).items() if name != "kind" and not _absent(value)}


def read(content: bytes) -> Takeout | None:
    """None when it is neither, or cannot be read: broken, more than 1 MiB, nested too deep. Never raises.

    What has the wrong type is absent; the rest is kept.
    """
    if len(content) > _MAX_BYTES:
        return None
    try:  # whole numbers as floats: int() refuses those of thousands of digits
        found = json.loads(content, parse_int=float)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if found.keys() & _OF_A_PICTURE:
        return _picture(found)
    album = _dict(found.get("albumData")) or found
    return Takeout("album", _text(album.get("title"))) if "title" in album and found.keys() & _OF_AN_ALBUM else None


def merged(takeouts: Iterable[Takeout]) -> Takeout:
    """What they say together: the first that says a thing counts."""
    first, *later = [*takeouts, Takeout("picture")]
    names = [field.name for field in fields(Takeout)]
    for other in later:
        told = {name: getattr(other, name) for name in names if _absent(getattr(first, name))}
        first = replace(first, **told)
    return first


def _picture(found: dict[str, Any]) -> Takeout:
    places = (_place(_dict(found.get(name))) for name in ("geoData", "geoDataExif"))
    latitude, longitude, altitude = next((place for place in places if place), (None, None, None))
    people = [_text(_dict(person).get("name")) for person in _list(found.get("people"))]
    return Takeout(
        "picture",
        title=_text(found.get("title")),
        description=_text(found.get("description")),
        taken=_number(_dict(found.get("photoTakenTime")).get("timestamp")),
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude,
        people=tuple(filter(None, dict.fromkeys(people))),
        favourite=favourite if isinstance(favourite := found.get("favorited"), bool) else None,
        trashed=found.get("trashed") is True,
        archived=found.get("archived") is True,
        url=_text(found.get("url")),
    )


def _place(geo: dict[str, Any]) -> tuple[float, float, float | None] | None:
    latitude, longitude = _number(geo.get("latitude")), _number(geo.get("longitude"))
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return latitude, longitude, _number(geo.get("altitude")) or None


def _number(value: object) -> float | None:
    """Google writes some numbers as text."""
    try:
        number = float(value) if isinstance(value, (float, str)) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    return (exif.clean(value) if isinstance(value, str) else None) or ""


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _absent(value: object) -> bool:
    return value is None or value is False or value in ("", ())  # the equator is not absent, though 0 is False
