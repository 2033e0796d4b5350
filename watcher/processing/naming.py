"""Names in the library, computed and never searched for, so that a repeated try lands on the same name. Pure.

A key is a storage name: `originals/2024/05/20240517-142301_IMG_1234.jpg`. Every component is valid UTF-8 in NFC,
without control characters, slashes, leading dots or dashes, and at most 255 bytes.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime

from watcher.model import Format, SidecarKind

FIELDS = ("taken", "stem", "folder", "batch")
SUFFIXES: dict[Format, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "gif": (".gif",),
    "tiff": (".tif", ".tiff"),
    "bmp": (".bmp", ".dib"),
    "jp2": (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf"),
    "heic": (".heic", ".heif", ".hif"),
    "video": (
        *(".mp4", ".mov", ".m4v", ".3gp", ".3g2", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts"),
        *(".wmv", ".asf", ".flv", ".ogv", ".mp", ".vob"),
    ),
    "other": ("",),
    "raw": (
        *(".raw", ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2"),
        *(".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".rwl"),
    ),
}
_SIDECAR_SUFFIXES: dict[SidecarKind, str] = {"xmp": ".xmp", "takeout": ".json", "album": ".json"}
_KNOWN_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes if suffix)
_RENDERED_SUFFIXES = tuple(_KNOWN_SUFFIXES - {*SUFFIXES["video"]})
_LONGEST_SUFFIX = 16  # with its dot; what is longer is a part of the name
_LONGEST_FOLDER = 1000  # bytes of all its parts: a path has room for some 4000 (PATH_MAX), other folders and the name
# A rendition's file name is its original's plus at most a suffix of its own (".jpg"), and a name that is taken grows
# by "-" and eight digits: an original leaves room for both within the 255 bytes that file systems give a name.
_LONGEST = 255 - len(".jpeg") - len("-01234567")
# Direction overrides and line separators are no control characters by category, and fool a reader just the same.
_TRICKS = re.compile("[\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LEADING = re.compile(r"\A[\s.-]+")  # a dot hides a file, a dash makes it an option of the next command


def check_template(template: str) -> str | None:
    """What is wrong with a name template, as a sentence, or None."""
    try:
        parts = list(string.Formatter().parse(template))
        for _, field, spec, conversion in parts:
            if field is None:
                continue
            if field not in FIELDS or conversion:
                return f"{{{field}}} is no field of a name; there are " + ", ".join(f"{{{f}}}" for f in FIELDS)
            if field != "taken" and spec:
                return f"{{{field}}} takes no format"
            if field == "taken" and "%" not in (spec or ""):
                return "{taken} needs a date format, such as {taken:%Y-%m-%d}"
        if not any(field in ("taken", "stem") for _, field, _, _ in parts):
            return "it gives many pictures the same name; use {stem}"
    except ValueError as error:
        return f"it cannot be read ({error})"
    return None


def original_key(
    template: str,
    name: str,
    taken: datetime | None,
    format: Format,
    digest: str,
    called: str = "",
    *,
    folder: str = "",
    batch: str = "",
) -> str:
    """The key of an original dropped as `name` (a base name); undated pictures go under `undated/`.

    `called` is the stem that it gets instead, as from `numbered`, in the same folder. `folder` and `batch` are those
    that it came in, "" where there was none.
    """
    stem, suffix = split(name, format)
    dated = any(field == "taken" for _, field, _, _ in string.Formatter().parse(template))
    path = f"undated/{safe(stem)}" if dated and taken is None else _fill(template, taken, _places(stem, folder, batch))
    *folders, last = [safe(part) for part in path.split("/") if part]
    last = safe(called) if called else last
    if last.lower().endswith(_RENDERED_SUFFIXES):  # else its rendition could not be told from another's
        last = f"{last}-{digest[:8]}"
    return "/".join(["originals", *(fitting(f, "", digest) for f in folders), fitting(last, suffix, digest)])


def sidecar_key(original: str, kind: SidecarKind) -> str:
    """The key of a sidecar of the original that stands under this key."""
    return f"sidecars/{original.partition('/')[2]}{_SIDECAR_SUFFIXES[kind]}"


def lone_sidecar_key(name: str, kind: SidecarKind, digest: str) -> str:
    """The key of a sidecar dropped as `name` whose picture is not known."""
    suffix = _SIDECAR_SUFFIXES[kind]
    stem = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return f"sidecars/unmatched/{fitting(f'{digest[:8]}_{safe(stem)}', suffix, digest)}"


def beside(original: str, own: str) -> str:
    """The key of a part of a stack: the name of the original that it is shown by, with its own suffix."""
    return _parted(original)[0] + _parted(own)[1]


def renamed_rendition(key: str, recipe: str, before: str, now: str) -> str:
    """The key of a rendition whose original's key was `before` and is `now`."""
    former = f"{recipe}/{before.partition('/')[2]}"
    return f"{recipe}/{now.partition('/')[2]}{key.removeprefix(former)}" if key.startswith(former) else key


def numbered(prefix: str, sequence: str, digest: str) -> str:
    """The stem of a picture that is called by a prefix: with its number, or, where it has none, by its digest."""
    return f"{prefix}_{sequence or digest[:8]}" if prefix else ""


def titled(template: str, prefix: str, sequence: str) -> str:
    """A title or description with `{prefix}` and `{seq}` filled in; any other brace stays as it is."""
    filled = {"{prefix}": prefix, "{seq}": sequence}
    return re.sub(r"\{(?:prefix|seq)\}", lambda field: filled[field[0]], template).strip()


def candidates(key: str, digest: str) -> Iterator[str]:
    """The keys that an original may stand under, in order: the later ones are for names taken by other content."""
    yield key
    folder, _, name = key.rpartition("/")
    stem, suffix = _parted(name)
    for digits in (8, len(digest)):
        tail = f"-{digest[:digits]}"
        if not stem.endswith(tail):
            yield f"{folder}/{cut(stem, 250 - len(tail) - len(suffix))}{tail}{suffix}"


def rendition_key(recipe: str, original: str, format: Format = "jpeg") -> str:
    """The key of a rendition: its original's file name in the recipe's folder, plus a suffix where that differs."""
    below = original.partition("/")[2]
    own = () if below.lower().endswith(SUFFIXES[format]) else SUFFIXES[format][:1]
    return "/".join((recipe, below)) + "".join(own)


def split(name: str, format: Format) -> tuple[str, str]:
    """Stem and suffix of a dropped base name. The suffix tells the truth: a PNG called x.jpg becomes x.png."""
    stem, suffix = _parted(name)
    if format == "other":  # what it is nobody here knows
        return stem, suffix.lower()
    if suffix.lower() not in _KNOWN_SUFFIXES:
        return name, SUFFIXES[format][0]
    return stem, suffix.lower() if suffix.lower() in SUFFIXES[format] else SUFFIXES[format][0]


def _parted(name: str) -> tuple[str, str]:
    """Stem and suffix of a file name, as they are written; a suffix is short, and nothing but letters and digits."""
    stem, dot, ending = name.rpartition(".")
    plain = stem and ending.isascii() and ending.isalnum() and len(ending) < _LONGEST_SUFFIX
    return (stem, dot + ending) if plain else (name, "")


def safe(component: str) -> str:
    """`component` as a library name: see the module's first lines. Never empty."""
    text = unicodedata.normalize("NFC", component)
    text = "".join("_" if c == "/" or unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    return _LEADING.sub("", _TRICKS.sub("_", text)).rstrip() or "unnamed"


def fitting(stem: str, suffix: str, digest: str) -> str:
    """Stem and suffix, shortened before the suffix, with the digest's first digits, when they are too long."""
    if len((stem + suffix).encode()) <= _LONGEST:
        return stem + suffix
    tail = f"-{digest[:8]}"
    return cut(stem, _LONGEST - len(tail) - len(suffix.encode())) + tail + suffix


def cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8 from the start of `text`, never half a character."""
    return text.encode()[: max(size, 0)].decode(errors="ignore")


def _places(stem: str, folder: str, batch: str) -> dict[str, str]:
    """What the fields of a template stand for, but for the date. A folder's parts are folders."""
    parts = [safe(part) for part in folder.split("/") if part]
    path = cut("/".join(parts), _LONGEST_FOLDER)
    return {"stem": safe(stem), "folder": path, "batch": safe(batch) if batch else ""}


def _fill(template: str, taken: datetime | None, texts: Mapping[str, str]) -> str:
    out = []
    for literal, field, spec, _ in string.Formatter().parse(template):
        out.append(literal)
        if field and field in texts:
            out.append(texts[field])
        elif field == "taken" and taken is not None:
            out.append(taken.strftime(spec or ""))
    return "".join(out)
