"""The fields of an asset: one list for JSON keys, columns, templates, sorting and `watcher fields`.

It knows names and kinds, not where values come from (db/search.py) nor how they are printed (cli/output.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from watcher.errors import ConfigError

Asset = dict[str, Any]  # one key per field, in the order of FIELDS; absent is None
Kind = Literal["text", "number", "time", "flag", "list", "object"]


class Field(NamedTuple):
    """A key of an asset; `kind` says how it sorts and whether a template may format it."""

    name: str
    kind: Kind
    meaning: str


FIELDS = (
    Field("id", "number", "number of the asset in the catalog"),
    Field("digest", "text", "SHA-256 of the bytes as they were dropped"),
    Field("stored_digest", "text", "SHA-256 of the original in the library: another one when cleaning up changed it"),
    Field("path", "text", "where the original lies"),
    Field("name", "text", r"file name as it was dropped; bytes that are not UTF-8 as \xNN"),
    Field("format", "text", "jpeg png webp avif gif tiff bmp jp2 heic raw video other"),
    Field("size", "number", "bytes as they were dropped"),
    Field("width", "number", "pixels, once upright"),
    Field("height", "number", "pixels, once upright"),
    Field("orientation", "number", "EXIF orientation as read, 1 to 8"),
    Field("taken_at", "time", "when the picture was taken, local time"),
    Field("taken_offset", "text", "its offset from UTC, as +02:00"),
    Field("taken_precision", "text", "how much of it is known: second day month year"),
    Field("taken_source", "text", "the tag that said so"),
    Field("camera_make", "text", "maker of the camera"),
    Field("camera_model", "text", "model of the camera"),
    Field("lens", "text", "lens"),
    Field("iso", "number", "sensitivity"),
    Field("f_number", "number", "aperture"),
    Field("exposure_time", "number", "seconds"),
    Field("exposure", "text", "exposure time as a photographer writes it, 1/250"),
    Field("focal_length_mm", "number", "focal length, millimetres"),
    Field("latitude", "number", "degrees, south is negative"),
    Field("longitude", "number", "degrees, west is negative"),
    Field("altitude_m", "number", "metres, below the sea is negative"),
    Field("title", "text", "title"),
    Field("description", "text", "description"),
    Field("keywords", "list", "keywords"),
    Field("rating", "number", "-1 (rejected) to 5"),
    Field("creator", "text", "who made it"),
    Field("copyright", "text", "whose rights are reserved"),
    Field("people", "text", "who is in it"),
    Field("place", "text", "where it was taken, in words: the next four together"),
    Field("location", "text", "where in the city"),
    Field("city", "text", "city"),
    Field("state", "text", "state or province"),
    Field("country", "text", "country"),
    Field("favourite", "flag", "marked as a favourite"),
    Field("flags", "list", "what was odd about the file"),
    Field("folder", "text", "folder it was dropped in"),
    Field("album", "text", "album"),
    Field("batch", "text", "files that came together"),
    Field("inbox", "text", "inbox it came through"),
    Field("imported_at", "time", "when it entered the catalog, UTC"),
    Field("renditions", "object", "path of each file made from it; renditions.thumb is one of them"),
)
ALIASES: Mapping[str, tuple[str, ...]] = {
    "taken": ("taken_at",),
    "imported": ("imported_at",),
    "camera": ("camera_make", "camera_model"),
    "f": ("f_number",),
    "focal": ("focal_length_mm",),
    "keyword": ("keywords",),
}
NAMES = tuple(field.name for field in FIELDS)
_KINDS = {field.name: field.kind for field in FIELDS}


def columns_of(name: str) -> tuple[str, ...]:
    """The fields behind a name or an alias. Raises ConfigError, naming the nearest, when there are none."""
    if name in _KINDS:
        return (name,)
    if name in ALIASES:
        return ALIASES[name]
    if name.startswith("renditions.") and name != "renditions.":
        return ("renditions",)
    raise ConfigError(f"no field is called {name!r}{nearest(name, (*NAMES, *ALIASES))}")


def kind_of(name: str) -> Kind:
    """The kind behind a name or an alias: that of `camera` is text, that of `renditions.thumb` too."""
    return "text" if "." in name else _KINDS[columns_of(name)[0]]


def value_of(asset: Asset, name: str) -> Any:
    """What an asset says under a name, an alias, or `renditions.RECIPE`. Absent is None."""
    head, _, recipe = name.partition(".")
    if recipe:
        return asset[head].get(recipe)
    values = [asset[column] for column in columns_of(name)]
    return values[0] if len(values) == 1 else " ".join(filter(None, values)) or None


def nearest(name: str, known: Iterable[str], otherwise: str = " (watcher fields lists them)") -> str:
    """The end of a sentence about an unknown name: the known one that it may stand for, or `otherwise`."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else otherwise
