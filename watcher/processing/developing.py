"""A file becomes a picture to be published: read, cleaned up, rendered. Nothing is published here.

So all that can go wrong with a picture goes wrong before anything of it is in the library.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from watcher.messages import Task
from watcher.model import Format, Limits, Picture, Recipe, Rules
from watcher.processing import cleaning, image, publishing, reading
from watcher.processing.cleaning import Cleaned
from watcher.processing.metadata import Sidecars
from watcher.processing.reading import Opened


@dataclass(frozen=True, slots=True)
class Developed:
    """A picture ready to be published: not yet under its key, its renditions still in memory."""

    picture: Picture
    cleaned: Cleaned
    rendered: list[image.Rendered]


def develop(
    file: BinaryIO, format: Format, digest: str, path: str, task: Task, sidecars: Sidecars, workspace: str
) -> Developed:
    """What the file at `path`, open as `file`, is to become. Raises RejectedError, OSError."""
    rules, status = task.rules, os.stat(path)
    opened = reading.opened(file, format, status.st_size, rules.limits)
    read = reading.facts(opened, sidecars, task, status.st_mtime)
    read = cleaning.worded(read, rules.wishes, task.sequence)
    cleaned = cleaning.clean(path, format, read, rules, workspace)
    rendered, flags = _rendered(opened, cleaned, rules)
    facts = cleaned.facts
    width, height = opened.upright(facts.orientation or 1)
    key = publishing.key_of(task, facts, format, digest)
    flags = (*facts.flags, *cleaned.flags, *flags)
    picture = Picture(digest, key, format, status.st_size, width, height, facts, (), flags, cleaned.stored)
    return Developed(picture, cleaned, rendered)


def render(
    path: str, format: Format, recipes: tuple[Recipe, ...], limits: Limits
) -> tuple[list[image.Rendered], tuple[str, ...]]:
    """Renditions of an original that stands in the library, from one decode, and the picture's flags.

    `path` is the file, `format` what the catalog says that it is. Raises RejectedError when it cannot be rendered,
    OSError when it cannot be read.
    """
    with open(path, "rb") as file:
        opened = reading.opened(file, format, os.fstat(file.fileno()).st_size, limits)
        facts = reading.own_facts(opened)
        return opened.render(recipes, facts.orientation or 1, facts)


def _rendered(opened: Opened, cleaned: Cleaned, rules: Rules) -> tuple[list[image.Rendered], tuple[str, ...]]:
    """From the file that is stored: what renditions say of themselves is what that one says, now and when made anew."""
    if cleaned.stored is None:
        return opened.render(rules.recipes, cleaned.orientation, cleaned.facts)
    with open(cleaned.path, "rb") as file:
        changed = reading.opened(file, opened.format, cleaned.stored[1], rules.limits)
        return changed.render(rules.recipes, cleaned.orientation, cleaned.facts)
