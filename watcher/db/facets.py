"""How many of the assets found have each value of a field."""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter
from typing import Any

from watcher.db.matching import condition, split
from watcher.db.search import have_more
from watcher.db.wording import LISTS, SEVERAL, joined, values
from watcher.errors import ConfigError
from watcher.fields import FIELDS, nearest
from watcher.querying.tree import Node
from watcher.showing import shown

_MADE = {
    "year": "substr(assets.taken_at, 1, 4)",
    "camera": "nullif(trim(coalesce(assets.camera_make, '') || ' ' || coalesce(assets.camera_model, '')), '')",
}
_ALIASES = {"keyword": "keywords", "f": "f_number", "focal": "focal_length_mm", "flag": "flags"}
_DATES = ("taken", "taken_at", "imported", "imported_at", "date", "month", "day")
_FIELDS = tuple(field.name for field in FIELDS if field.kind in ("text", "number", "flag", "list"))

_CHUNK = 4096  # rows

# Of more assets the values are read from an index of them all: that takes less than going to each asset's row.
_MANY = 50_000
_UNINDEXED = ("name", "title", "description")

# What is every asset's own is not counted.
NAMES = (*_MADE, *_ALIASES, *(name for name in _FIELDS if name not in ("id", "digest", "stored_digest", "path")))


def facet(connection: sqlite3.Connection, query: Node, name: str, limit: int | None = None) -> list[tuple[Any, int]]:
    """(value, how many of the assets that `query` means have it), the most frequent first; absent values are left out.

    An asset counts for each of its keywords, albums and so on. Raises ConfigError for a `name` that is not in NAMES.
    """
    if name not in NAMES:
        known = f"; by {', '.join(NAMES)}"
        raise ConfigError(
            f"cannot count by {shown(name)!r}{'; by year?' if name in _DATES else nearest(name, NAMES, known)}"
        )
    column = _ALIASES.get(name, name)
    if column in LISTS or column in SEVERAL:
        return _of_lists(connection, query, column, limit)
    value = _MADE.get(column, f"assets.{column}")
    # grouped by the columns first, as an index has them in order: that leaves little to put together and to compare
    grouped = "assets.camera_make, assets.camera_model" if column == "camera" else "1"
    counted, bound = _chosen(connection, query, column, f"{value} as value, count(*) as number", f"{value} is not null")
    found = connection.execute(
        f"select value, sum(number) from ({counted} group by {grouped}) group by 1 order by 2 desc, 1 limit ?",
        (*bound, -1 if limit is None else limit),
    )
    return [(bool(value) if column == "favourite" else value, number) for value, number in found]


def _of_lists(connection: sqlite3.Connection, query: Node, column: str, limit: int | None) -> list[tuple[str, int]]:
    """As `facet`; texts are put together and taken apart some thousand at a time: in SQL it takes far longer."""
    value = f"assets.{column}"
    cursor = connection.cursor()
    cursor.row_factory = None
    cursor.execute(*_chosen(connection, query, column, value, f"{value} <> '[]'"))
    counts: Counter[str] = Counter()
    while rows := cursor.fetchmany(_CHUNK):
        counts.update(values(column, joined(column, [text for (text,) in rows])))
    return heapq.nsmallest(
        len(counts) if limit is None else limit, counts.items(), key=lambda pair: (-pair[1], pair[0])
    )


def _chosen(
    connection: sqlite3.Connection, query: Node, column: str, selected: str, present: str
) -> tuple[str, tuple[object, ...]]:
    sql, bound = condition(query)
    return f"select {selected} from assets {_way(connection, query, column)} where ({sql}) and {present}", bound


def _way(connection: sqlite3.Connection, query: Node, column: str) -> str:
    """The index to read; nothing where SQLite is to choose."""
    words, rest = split(query)
    if words is None or rest or column in _UNINDEXED or not have_more(connection, words, _MANY):
        return ""
    return "indexed by assets_by_facts"
