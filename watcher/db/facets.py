"""How many of the assets found have each value of a field."""

from __future__ import annotations

import sqlite3
from typing import Any

from watcher.db.matching import array, condition, split
from watcher.db.search import have_more
from watcher.db.wording import LISTS, SEVERAL
from watcher.errors import ConfigError
from watcher.fields import FIELDS, nearest
from watcher.querying.tree import Node
from watcher.showing import shown

_MADE = {
    "year": "substr(assets.taken_at, 1, 4)",
    "camera": "nullif(trim(coalesce(assets.camera_make, '') || ' ' || coalesce(assets.camera_model, '')), '')",
}
_ALIASES = {"keyword": "keywords", "f": "f_number", "focal": "focal_length_mm", "flag": "flags"}
_FIELDS = tuple(field.name for field in FIELDS if field.kind in ("text", "number", "flag", "list"))

# Of more assets the values are read from an index of them all: that takes less than going to each asset's row.
_MANY = 50_000
_COVERING = {"camera": "assets_by_camera", "year": "assets_by_taken", "keywords": "assets_by_keywords"}

# What is every asset's own is not counted.
NAMES = (*_MADE, *_ALIASES, *(name for name in _FIELDS if name not in ("id", "digest", "stored_digest", "path")))


def facet(connection: sqlite3.Connection, query: Node, name: str, limit: int | None = None) -> list[tuple[Any, int]]:
    """(value, how many of the assets that `query` means have it), the most frequent first; absent values are left out.

    An asset counts for each of its keywords, albums and so on. Raises ConfigError for a `name` that is not in NAMES.
    """
    if name not in NAMES:
        raise ConfigError(f"cannot count by {shown(name)!r}{nearest(name, NAMES)}")
    sql, values = condition(query)
    column = _ALIASES.get(name, name)
    each, source, present = _each(column)
    # grouped by the columns first, as an index has them in order: that leaves little to put together and to compare
    grouped = "assets.camera_make, assets.camera_model" if column == "camera" else "1"
    counted = f"""select {each} as value, count(*) as number from assets {_way(connection, query, column)} {source}
                  where ({sql}) and {present} group by {grouped}"""
    found = connection.execute(
        f"select value, sum(number) from ({counted}) group by 1 order by 2 desc, 1 limit ?",
        (*values, -1 if limit is None else limit),
    )
    return [(bool(value) if column == "favourite" else value, number) for value, number in found]


def _way(connection: sqlite3.Connection, query: Node, column: str) -> str:
    """The index to count by; nothing where SQLite is to choose."""
    words, rest = split(query)
    if words is None or rest or column not in _COVERING or not have_more(connection, words, _MANY):
        return ""
    return f"indexed by {_COVERING[column]}"


def _each(column: str) -> tuple[str, str, str]:
    """An expression for the values of an asset, what must be joined for it, and whether there are any."""
    if column in LISTS or column in SEVERAL:
        return "each.value", f"join {array(column)} as each", f"assets.{column} <> '[]'"
    value = _MADE.get(column, f"assets.{column}")
    return value, "", f"{value} is not null"
