"""Which of several texts counts: title, description, keywords, people, creator, copyright, rating, words for a place.

Owns the order of the sources, and what cameras write where a person's words belong. How each is read is exif.py's,
xmp.py's, iptc.py's and takeout.py's to know. Sidecars in XMP go before all that is embedded, Google's behind it;
keywords and people are united. Rules: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, sections 3
(EXIF first; IPTC before XMP only when it was changed since; values that IPTC's lengths cut off) and 5 (fields).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.processing import exif, xmp
from watcher.processing.sources import Sources, Stated, winner

_FILLER = re.compile(  # what cameras put where a person's words belong
    r"((olympus|sony|sanyo|samsung|konica|minolta|konica minolta|kodak|casio|pentax|fujifilm|nikon|canon|ge"
    r"|hp|traveler|maginon|vivitar|polaroid|jvc|benq)?\s*(digital (still )?camera|dsc)?"
    r"|dcim\\.*|default|exif[_ ]jpeg([_ ]picture)?|untitled|<?digimax.*|dscn?[_ ]?\d+|charset=.*"
    r"|r:\s*\d+\s+g:\s*\d+.*)",  # General Electric's white balance
    re.IGNORECASE | re.DOTALL,
)
_RATINGS = range(-1, 6)
_EMBEDDED, _SIDECAR = "XMP-", "XMP-sidecar:"  # how the names of XMP sources begin
_SHOWN = "Iptc4xmpExt:LocationShown"
_PERSONS, _REGIONS = "Iptc4xmpExt:PersonInImage", "mwg-rs:Regions"
# Keywords with their ancestors, and what stands between the levels
_HIERARCHIES = (("lr:hierarchicalSubject", "|"), ("digiKam:TagsList", "/"))


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a field stands: EXIF's tag ("" where EXIF has none), IPTC's dataset and its length in bytes, XMP's
    properties (a second name is that of a part of the first LocationShown, which goes before the older ones)."""

    exif: str
    iptc: str
    limit: int
    xmp: str
    shown: str = ""


_DESCRIPTION = _Field("ImageDescription", "Caption-Abstract", 2000, "dc:description")
_KEYWORDS = _Field("", "Keywords", 64, "dc:subject")
_CREATOR = _Field("Artist", "By-line", 32, "dc:creator")
_COPYRIGHT = _Field("Copyright", "CopyrightNotice", 128, "dc:rights")
_PLACES = {
    "city": _Field("", "City", 32, "photoshop:City", "Iptc4xmpExt:City"),
    "state": _Field("", "Province-State", 32, "photoshop:State", "Iptc4xmpExt:ProvinceState"),
    "country": _Field("", "Country-PrimaryLocationName", 64, "photoshop:Country", "Iptc4xmpExt:CountryName"),
    "location": _Field("", "Sub-location", 32, "Iptc4xmpCore:Location", "Iptc4xmpExt:Sublocation"),
}


def reconciled(sources: Sources) -> dict[str, list[Stated]]:
    """By field of Facts, all that is stated, the first that is not passed over counts. A field has one text, but for
    keywords, creator and people. Beside the keywords come `sidecar_keywords` and `hierarchical_keywords`, which are
    the levels of hierarchies. Of these two and of people, each statement counts."""
    image = sources.image
    keywords = _embedded(sources, _KEYWORDS, ()) + _said(
        "EXIF:XPKeywords", _halves(exif.utf16(image.get("XPKeywords")))
    )
    return {
        "title": _title(sources),
        "description": _description(sources),
        "keywords": keywords,
        "sidecar_keywords": _in_xmp(_SIDECAR, sources.sidecar, _KEYWORDS),
        "hierarchical_keywords": _hierarchies(_SIDECAR, sources.sidecar) + _hierarchies(_EMBEDDED, sources.xmp),
        "people": _people(sources),
        "creator": _creator(sources),
        "copyright": _by_mwg(sources, _COPYRIGHT, [_notice(image.get("Copyright"))])
        + _said("PNG:Copyright", [sources.text.get("Copyright")]),
        "rating": _rating(sources),
        **{name: _by_mwg(sources, field, ()) for name, field in _PLACES.items()},
    }


def one(stated: list[Stated]) -> str | None:
    """The text that counts."""
    won = winner(stated)
    return won.values[0] if won else None


def several(*lists: list[Stated]) -> tuple[str, ...]:
    """The texts that count, of each list, without repeats."""
    won = filter(None, map(winner, lists))
    return tuple(dict.fromkeys(value for stated in won for value in stated.values))


def _said(source: str, texts: Iterable[str | None]) -> list[Stated]:
    """One statement, or none where nothing but blanks is said."""
    values = tuple(filter(None, map(exif.clean, texts)))
    return [Stated(source, values)] if values else []


def _by_mwg(sources: Sources, field: _Field, by_exif: Iterable[str | None]) -> list[Stated]:
    return _in_xmp(_SIDECAR, sources.sidecar, field) + _embedded(sources, field, by_exif)


def _in_xmp(begin: str, properties: xmp.Properties, field: _Field) -> list[Stated]:
    texts = xmp.texts(properties.get(field.xmp))
    return _shown_place(begin, properties, field) + _said(f"{begin}{field.xmp}", texts)


def _embedded(sources: Sources, field: _Field, by_exif: Iterable[str | None]) -> list[Stated]:
    """EXIF, then XMP, then IPTC; IPTC before XMP when somebody changed it who does not know XMP."""
    xmp_says = _in_xmp(_EMBEDDED, sources.xmp, field)
    iptc_says = _said(f"IPTC:{field.iptc}", sources.iptc.get(field.iptc, []))
    newer = sources.iptc_newer and not (xmp_says and iptc_says and _cut_off(iptc_says[0], xmp_says[0], field.limit))
    later = [*iptc_says, *xmp_says] if newer else [*xmp_says, *iptc_says]
    return _said(f"EXIF:{field.exif}", by_exif) + later


def _cut_off(short: Stated, whole: Stated, limit: int) -> bool:
    """Whether IPTC differs from XMP only by its dataset's length."""
    if len(short.values) != len(whole.values):
        return False
    pairs = list(zip(short.values, whole.values, strict=True))
    return all(a == b or (len(a.encode()) >= limit - 3 and b.startswith(a)) for a, b in pairs)


def _shown_place(begin: str, properties: xmp.Properties, field: _Field) -> list[Stated]:
    places = properties.get(_SHOWN) if field.shown else None
    first = places[0] if isinstance(places, list) and places else places
    value = first.get(field.shown) if isinstance(first, dict) else None
    return _said(f"{begin}{_SHOWN}", xmp.texts(value))


def _title(sources: Sources) -> list[Stated]:
    return [
        *_said(f"{_SIDECAR}dc:title", [xmp.text(sources.sidecar.get("dc:title"))]),
        *_said("XMP-dc:title", [xmp.text(sources.xmp.get("dc:title"))]),
        *_said("IPTC:ObjectName", sources.iptc.get("ObjectName", [])[:1]),
        *_said("EXIF:XPTitle", [exif.utf16(sources.image.get("XPTitle"))]),
        *_said("PNG:Title", [sources.text.get("Title")]),
        *_said("QuickTime:Title", [sources.movie.get("title")]),
    ]


def _description(sources: Sources) -> list[Stated]:
    stated = [
        *_by_mwg(sources, _DESCRIPTION, [exif.text(sources.image.get("ImageDescription"))]),
        *_said("EXIF:XPComment", [exif.utf16(sources.image.get("XPComment"))]),
        *_said("EXIF:UserComment", [exif.comment(sources.photo.get("UserComment"), sources.big_endian)]),
        *_said("PNG:Description", [sources.text.get("Description")]),
        *_said("Takeout:description", [sources.takeout.description]),
    ]
    filler = "the camera wrote it, not a person"
    return [Stated(s.source, s.values, filler if _FILLER.fullmatch(s.values[0]) else "") for s in stated]


def _creator(sources: Sources) -> list[Stated]:
    artist = exif.text(sources.image.get("Artist"))
    return [
        *_by_mwg(sources, _CREATOR, _artists(artist or "")),
        *_said("EXIF:XPAuthor", _halves(exif.utf16(sources.image.get("XPAuthor")))),
        *_said("PNG:Author", [sources.text.get("Author")]),
    ]


def _artists(artist: str) -> list[str]:
    """The names in EXIF's one text: a semicolon and a blank part them, but not within quotes, which are doubled."""
    artists: list[list[str]] = []
    quoted = False
    for part in artist.split("; "):
        if quoted:
            artists[-1].append(part)
        else:
            artists.append([part])
        quoted ^= artists[-1][0].startswith('"') and part.count('"') % 2 == 1
    return [_unquoted("; ".join(parts)) for parts in artists]


def _unquoted(name: str) -> str:
    whole = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1].replace('""', '"') if whole else name


def _halves(text: str | None) -> list[str]:
    """Windows parts its lists with semicolons."""
    return (text or "").split(";")


def _notice(value: exif.Value | None) -> str | None:
    """EXIF's copyright is the photographer's and, behind a NUL, the editor's (Exif 2.32, section 4.6.4)."""
    if not isinstance(value, bytes):
        return None
    parts = [exif.clean(exif.text(part)) for part in value.split(b"\0")[:2]]
    return "\n".join(filter(None, parts))


def _people(sources: Sources) -> list[Stated]:
    """Who is in the picture: IPTC Extension, the MWG's regions (section 5.9), Google's people."""
    stated = []
    for begin, properties in ((_SIDECAR, sources.sidecar), (_EMBEDDED, sources.xmp)):
        stated += _said(f"{begin}{_PERSONS}", xmp.texts(properties.get(_PERSONS)))
        stated += _said(f"{begin}{_REGIONS}", _faces(properties.get(_REGIONS)))
    return stated + _said("Takeout:people", sources.takeout.people)


def _faces(regions: xmp.Value | None) -> list[str | None]:
    listed = regions.get("mwg-rs:RegionList") if isinstance(regions, dict) else None
    found = [region for region in listed if isinstance(region, dict)] if isinstance(listed, list) else []
    return [xmp.text(region.get("mwg-rs:Name")) for region in found if region.get("mwg-rs:Type") == "Face"]


def _hierarchies(begin: str, properties: xmp.Properties) -> list[Stated]:
    """Each level of each hierarchy, the topmost first: who searches for Chile finds Places|Chile|Santiago."""
    stated = []
    for name, separator in _HIERARCHIES:
        paths = xmp.texts(properties.get(name))
        levels = dict.fromkeys(level.strip() for path in paths for level in path.split(separator))
        stated += _said(f"{begin}{name}", levels)
    return stated


def _rating(sources: Sources) -> list[Stated]:
    stated = []
    for source, value in (
        ("XMP-sidecar:xmp:Rating", xmp.text(sources.sidecar.get("xmp:Rating"))),
        ("XMP-xmp:Rating", xmp.text(sources.xmp.get("xmp:Rating"))),
        ("EXIF:Rating", exif.text(sources.image.get("Rating"))),
    ):
        number = xmp.number(value)
        possible = number is not None and number in _RATINGS
        text = str(int(number or 0)) if possible else value
        stated += [
            Stated(source, said.values, "" if possible else "a rating goes from -1 to 5")
            for said in _said(source, [text])
        ]
    return stated
