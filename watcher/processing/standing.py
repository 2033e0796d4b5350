"""An original that stands in the library, read as if it had just been dropped: for a catalog that is to know it again.

Nothing is published and nothing renamed: the original keeps its key, and renditions that stand are taken as they are.
What cannot be read from the file comes as `Known`; who knows it is not known here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from watcher.errors import RejectedError
from watcher.messages import Attached, Task
from watcher.model import Facts, Format, Picture, Recipe, Rendition, Rules, SidecarKind, Wishes
from watcher.processing import cleaning, encoding, framing, naming, reading, recognising, sniffing, takeout
from watcher.processing.reading import Opened
from watcher.storage.base import Storage

_LOOK = (Recipe("look", size="16"),)  # decodes all of a picture, and makes next to nothing of it
_RENDERED: tuple[Format, ...] = ("jpeg", "png", "webp", "avif")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an original beside its bytes. `digest` and `size` (bytes) are those of the file as dropped.

    `orientation`, `flags` and `cleaning` (`everything["cleaning"]`) are as they were found when it was taken; None for
    `flags`: nobody knows. `words` is what a person said of it, `dropped_at` unix seconds.
    """

    name: str
    digest: str
    size: int
    orientation: int | None = None
    flags: tuple[str, ...] | None = None
    cleaning: Mapping[str, Any] = field(default_factory=dict)
    words: Wishes = field(default_factory=Wishes)
    dropped_at: float | None = None


Recall = Callable[[str, int], Known]  # what is known of the original with this digest and so many bytes


def read(
    key: str, recall: Recall, rules: Rules, storage: Storage, folders: Sequence[str], beside: Sequence[Attached] = ()
) -> Picture:
    """The picture whose original stands under `key`. `folders`: of the library, in which renditions may lie.

    `beside`: the sidecars that belong to it. Raises RejectedError for what an inbox would not take either, OSError.
    """
    with storage.local_copy(key) as path, open(path, "rb") as file:
        status = os.fstat(file.fileno())
        stored = hashlib.file_digest(file, "sha256").hexdigest()
        known = recall(stored, status.st_size)
        format = _format(file, known, rules)
        opened = reading.opened(file, format, status.st_size, rules.limits)
        task = Task(0, 0, path, known.name, rules, dropped_at=known.dropped_at)
        facts = reading.facts(opened, reading.sidecars(beside, storage), task, status.st_mtime)
        facts = cleaning.shifted_again(cleaning.worded(facts, known.words, ""), known.cleaning)
        facts = facts if known.orientation is None else replace(facts, orientation=known.orientation)
        turned = 1 if known.cleaning.get("upright", "").startswith("turned") else facts.orientation or 1
        width, height = opened.upright(turned)
        seen = _seen(opened, turned) if known.flags is None else known.flags
    picture = Picture(known.digest, key, format, known.size, width, height, facts, ())
    return replace(
        picture,
        renditions=tuple(_renditions(picture, rules, storage, folders)),
        flags=tuple(dict.fromkeys((*seen, *facts.flags) if known.flags is not None else (*facts.flags, *seen))),
        stored=None if stored == known.digest else (stored, status.st_size),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A sidecar by its file. `title`: Takeout's hint at the picture's name, or an album's name."""

    key: str
    kind: SidecarKind
    digest: str
    size: int  # bytes
    title: str | None


def sidecar(key: str, storage: Storage) -> Told:
    """The sidecar that stands under `key`. Raises RejectedError when it is none, OSError."""
    with storage.local_copy(key) as path, open(path, "rb") as file:
        kind = recognising.recognised(file)
        content = file.read()
    if kind != "xmp" and kind != "json":
        raise RejectedError("it is neither XMP nor what Google Takeout tells of a picture or an album")
    google = takeout.read(content) if kind == "json" else None
    what: SidecarKind = "xmp" if google is None else "album" if google.kind == "album" else "takeout"
    return Told(key, what, hashlib.sha256(content).hexdigest(), len(content), google.title if google else None)


def folders(root: str) -> list[str]:
    """The folders of a library in which renditions may lie, each named after its recipe."""
    there = (each.name for each in os.scandir(root) if each.is_dir())
    return sorted(name for name in there if name not in ("originals", "sidecars") and not name.startswith("."))


def _format(file: BinaryIO, known: Known, rules: Rules) -> Format:
    kind = recognising.recognised(file)
    if kind is None and known.flags is None and rules.other != "store":
        raise RejectedError(recognising.refusal(file))
    if kind == "zip" or kind == "xmp" or kind == "json":
        raise RejectedError("it is no picture, and its place is not among them")
    return kind or "other"


def _seen(opened: Opened, orientation: int) -> tuple[str, ...]:
    """The flags that show when all of it is decoded. Raises RejectedError when it cannot be."""
    return opened.render(_LOOK, orientation, Facts())[1]


def _renditions(picture: Picture, rules: Rules, storage: Storage, folders: Sequence[str]) -> list[Rendition]:
    recipes = {recipe.name: recipe for recipe in rules.recipes}
    found = []
    for folder in folders:
        keys = dict.fromkeys(naming.rendition_key(folder, picture.key, each) for each in (*_RENDERED, picture.format))
        standing = [one for key in keys if (one := _rendition(folder, key, rules, storage))]
        # a recipe that gives another format by now may have left the former file: that of its format is the right one
        standing = [_marked(one, picture, recipes.get(folder)) for one in standing]
        found += sorted(standing, key=lambda one: one.fingerprint == "")[:1]
    return found


def _rendition(folder: str, key: str, rules: Rules, storage: Storage) -> Rendition | None:
    """What stands under a rendition's key; None when that is no picture. Its pixels are not looked at."""
    info = storage.stat(key)
    if info is None:
        return None
    with storage.local_copy(key) as path, open(path, "rb") as file:
        kind = sniffing.kind(file)
        if kind not in sniffing.PICTURES:
            return None
        try:
            width, height = reading.opened(file, kind, info.size, rules.limits).upright(1)
        except (RejectedError, OSError):
            return None
    return Rendition(folder, key, width or 0, height or 0, info.size)


def _marked(one: Rendition, picture: Picture, recipe: Recipe | None) -> Rendition:
    """With the recipe's fingerprint, where it is of its size and format. What was set otherwise does not show."""
    if recipe is None or picture.width is None or picture.height is None:
        return one
    key = naming.rendition_key(recipe.name, picture.key, encoding.format_of(recipe, picture.format))
    try:
        size, _ = framing.frame(recipe, (picture.width, picture.height))
    except RejectedError:
        return one
    return replace(one, fingerprint=recipe.fingerprint()) if (one.key, (one.width, one.height)) == (key, size) else one
