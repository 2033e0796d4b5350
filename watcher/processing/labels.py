"""What a rendition says about itself: as EXIF, XMP and nothing else, from an original's facts or its own words.

Never which way up it was stored: a rendition is upright. Where the words go in a file is encoding.py's.
Rules: Exif 2.32 section 4.6.5; XMP part 1 (ISO 16684-1), Dublin Core and Photoshop schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape  # that of xml.sax imports all of urllib and ssl: a quarter of a worker's start

from watcher.model import Facts, Recipe
from watcher.processing import stripping
from watcher.processing.metadata import Blobs, build_exif
from watcher.processing.xmp import ILLEGAL

_MOST = 65_000  # bytes: what a segment of a JPEG holds
_ARTIST, _COPYRIGHT = 0x013B, 0x8298
_TAKEN, _OFFSET, _FRACTION = 0x9003, 0x9011, 0x9291
_PARTS = {"year": 4, "month": 7, "day": 10}  # how much of YYYY-MM-DDTHH:MM:SS is known


@dataclass(frozen=True, slots=True)
class Labels:
    """Blobs to be embedded; b"" for none. `srgb`: the colour profile is named too."""

    exif: bytes = b""
    xmp: bytes = b""
    srgb: bool = False


NONE = Labels()


def of(recipe: Recipe, facts: Facts, blobs: Blobs) -> Labels:
    """The labels that the recipe asks for."""
    if recipe.metadata == "none":
        return NONE
    exif, xmp = _exif(facts, recipe.gps), _xmp(facts)
    if recipe.metadata == "all":
        own = blobs.exif or b""
        exif = (stripping.exif(own, recipe.gps) if len(own) <= _MOST else b"") or exif
        packet = blobs.xmp or b""
        xmp = (stripping.xmp(packet, recipe.gps) if len(packet) <= _MOST else b"") or xmp
    return Labels(exif, xmp, srgb=True)


def _exif(facts: Facts, gps: bool) -> bytes:
    named = ((_ARTIST, "; ".join(facts.creator)), (_COPYRIGHT, facts.copyright))
    said = {tag: text.encode("utf-8", "replace") for tag, text in named if text}
    taken = _taken(facts) if facts.taken_at and facts.taken_precision not in _PARTS else {}
    place = _place(facts) if gps else {}
    return build_exif(said, taken, place) if said or taken or place else b""


def _taken(facts: Facts) -> dict[int, bytes]:
    moment, _, fraction = (facts.taken_at or "").partition(".")
    date, _, time = moment.partition("T")
    texts = {_TAKEN: f"{date.replace('-', ':')} {time}", _FRACTION: fraction, _OFFSET: facts.taken_offset}
    return {tag: text.encode() for tag, text in texts.items() if text}


def _place(facts: Facts) -> dict[int, object]:
    latitude, longitude, altitude = facts.latitude, facts.longitude, facts.altitude_m
    if latitude is None or longitude is None:
        return {}
    tags: dict[int, object] = {
        1: b"S" if latitude < 0 else b"N",
        2: _degrees(abs(latitude)),
        3: b"W" if longitude < 0 else b"E",
        4: _degrees(abs(longitude)),
    }
    return tags if altitude is None else tags | {5: int(altitude < 0), 6: (round(abs(altitude) * 100), 100)}


def _degrees(angle: float) -> tuple[tuple[int, int], ...]:
    minutes, seconds = divmod(round(angle * 3600 * 10_000), 60 * 10_000)
    degrees, minutes = divmod(minutes, 60)
    return (degrees, 1), (minutes, 1), (seconds, 10_000)


def _xmp(facts: Facts) -> bytes:
    taken = facts.taken_at and facts.taken_at[: _PARTS.get(facts.taken_precision or "")]
    if taken and "T" in taken:
        taken += facts.taken_offset or ""
    parts = [
        _tag("photoshop:DateCreated", taken),
        _tag("dc:title", facts.title and _list("Alt", [facts.title], ' xml:lang="x-default"')),
        _tag("dc:creator", facts.creator and _list("Seq", facts.creator)),
        _tag("dc:rights", facts.copyright and _list("Alt", [facts.copyright], ' xml:lang="x-default"')),
    ]
    if not any(parts):
        return b""
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces}>{"".join(parts)}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode("utf-8", "replace")


def _tag(name: str, content: object) -> str:
    return f"<{name}>{content}</{name}>" if content else ""


def _list(kind: str, texts: list[str] | tuple[str, ...], attribute: str = "") -> str:
    lines = "".join(f"<rdf:li{attribute}>{escape(ILLEGAL.sub('', text), quote=False)}</rdf:li>" for text in texts)
    return f"<rdf:{kind}>{lines}</rdf:{kind}>"
