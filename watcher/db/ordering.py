"""The ORDER BY of each way to sort assets. Which rows are sorted is for `search` to choose."""

from __future__ import annotations

from watcher.db.wording import INDEX, WEIGHTS
from watcher.errors import ConfigError
from watcher.fields import ALIASES, FIELDS, columns_of, kind_of, nearest
from watcher.showing import shown

NEWEST = "assets.taken_at desc nulls last, assets.id desc"
BEST = f"bm25({INDEX}, {', '.join(map(str, WEIGHTS.values()))})"

_SORTABLE = [field.name for field in FIELDS if field.kind not in ("list", "object")]


def check(sort: str) -> None:
    """Raises ConfigError, as `by_field` does, for what nothing can be sorted by."""
    if sort != "rank":
        by_field(sort)


def by_field(sort: str) -> str:
    """By a field or an alias, with a dash in front for the largest first; absent values are last.

    Raises ConfigError, naming the nearest, for what cannot be sorted by.
    """
    name = sort.removeprefix("-")
    try:
        columns = columns_of(name)
    except ConfigError:
        columns = ()
    if not columns or not set(columns) <= set(_SORTABLE):
        known = ["rank", *(alias for alias in ALIASES if alias != "keyword"), *_SORTABLE]
        raise ConfigError(f"cannot sort by {shown(sort)!r}{nearest(name, known, '; by ' + ', '.join(known))}")
    way = "desc" if sort.startswith("-") else "asc"
    collation = " collate nocase" if kind_of(name) == "text" else ""
    keys = ("key" if column == "path" else column for column in columns)
    return ", ".join([*(f"assets.{key}{collation} {way} nulls last" for key in keys), f"assets.id {way}"])
