"""A recipe that no file names: the flags of `watcher render`, held to the same rules as a table of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from watcher import model
from watcher.errors import ConfigError
from watcher.settings import problems
from watcher.settings.tables import Recipe


def recipe(flags: Mapping[str, str | int]) -> model.Recipe:
    """The recipe of `flags` (such as size and mode), named after them: 640x480-fill-q80, 800x-fit-q82-webp.

    Raises ConfigError that lists all that is wrong, a line each.
    """
    try:
        table = Recipe.model_validate(dict(flags))
    except ValidationError as error:
        lines = [f"--{each['loc'][0]} {line}" for each in error.errors() for line in problems.in_words(each, {})]
        raise ConfigError("\n".join(lines)) from None
    made = model.Recipe("", **table.model_dump())
    name = f"{made.size}-{made.mode}-q{made.quality}"
    return replace(made, name=name if made.format == "jpeg" else f"{name}-{made.format}")
