"""Names in the library, computed and never searched for, so that a repeated try lands on the same name. Pure.

A key is a storage name: `originals/2024/05/20240517-142301_IMG_1234.jpg`. Every component is valid UTF-8 in NFC,
without control characters, slashes, leading dots or dashes, and at most 255 bytes.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator
from datetime import datetime

from watcher.model import Format

FIELDS = ("taken", "stem")
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
    "raw": (
        *(".raw", ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2"),
        *(".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".rwl"),
    ),
}
_PICTURE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
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
                return f"{{{field}}} is no field of a name; there are " + " and ".join(f"{{{f}}}" for f in FIELDS)
            if field == "stem" and spec:
                return "{stem} takes no format"
            if field == "taken" and "%" not in (spec or ""):
                return "{taken} needs a date format, such as {taken:%Y-%m-%d}"
        if not any(field for _, field, _, _ in parts):
            return "it gives every picture the same name; use {stem}"
    except ValueError as error:
        return f"it cannot be read ({error})"
    return None


def original_key(template: str, name: str, taken: datetime | None, format: Format, digest: str) -> str:
    """The key of an original dropped as `name` (a base name); undated pictures go under `undated/`."""
    stem, suffix = split(name, format)
    dated = any(field == "taken" for _, field, _, _ in string.Formatter().parse(template))
    path = f"undated/{safe(stem)}" if dated and taken is None else _fill(template, safe(stem), taken)
    *folders, last = [safe(part) for part in path.split("/") if part]
    if last.lower().endswith(tuple(_PICTURE_SUFFIXES)):  # else its rendition could not be told from another's
        last = f"{last}-{digest[:8]}"
    return "/".join(["originals", *(fitting(f, "", digest) for f in folders), fitting(last, suffix, digest)])


def candidates(key: str, digest: str) -> Iterator[str]:
    """The keys that an original may stand under, in order: the later ones are for names taken by other content."""
    yield key
    folder, _, name = key.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    for digits in (8, len(digest)):
        tail = f"-{digest[:digits]}"
        if not stem.endswith(tail):
            yield f"{folder}/{cut(stem, 250 - len(tail) - len(suffix))}{tail}{dot}{suffix}"


def rendition_key(recipe: str, original: str, format: Format = "jpeg") -> str:
    """The key of a rendition: its original's file name in the recipe's folder, plus a suffix where that differs."""
    below = original.partition("/")[2]
    own = () if below.lower().endswith(SUFFIXES[format]) else SUFFIXES[format][:1]
    return "/".join((recipe, below)) + "".join(own)


def split(name: str, format: Format) -> tuple[str, str]:
    """Stem and suffix of a dropped base name. The suffix tells the truth: a PNG called x.jpg becomes x.png."""
    stem, dot, ending = name.rpartition(".")
    suffix = (dot + ending).lower()
    if not stem or suffix not in _PICTURE_SUFFIXES:
        return name, SUFFIXES[format][0]
    return stem, suffix if suffix in SUFFIXES[format] else SUFFIXES[format][0]


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


def _fill(template: str, stem: str, taken: datetime | None) -> str:
    out = []
    for literal, field, spec, _ in string.Formatter().parse(template):
        out.append(literal)
        if field == "stem":
            out.append(stem)
        elif field == "taken" and taken is not None:
            out.append(taken.strftime(spec or ""))
    return "".join(out)
