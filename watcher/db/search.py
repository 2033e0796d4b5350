"""Reading the catalog: which assets match, in which order, and an asset as people see it.

It owns the language of words and the shape of an asset. Reading the journal is left to db/views.py, printing
to cli/.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from watcher.db.connect import open_reader
from watcher.errors import ConfigError, DatabaseError
from watcher.fields import FIELDS, Asset, columns_of, kind_of, nearest
from watcher.model import shown

# Above so many matches no rank is computed: bm25 reads every one of them, and the words say little anyway.
RANKED_MATCHES = 20_000

# How many steps of db/migrations.py this version reads; counted here because that module is slow to import.
KNOWN_STEPS = 5

_CHUNK = 500
# What a match in each column of the index weighs, in their order there (db/migrations.py).
_WEIGHTS = {
    "title": 10, "description": 4, "keywords": 8, "name": 4,
    "camera": 1, "lens": 1, "batch": 1, "place": 6, "creator": 3, "people": 8, "album": 6, "folder": 2,
}  # fmt: skip
_RANK = f"bm25(assets_fts, {', '.join(map(str, _WEIGHTS.values()))})"
_NEWEST = "assets.taken_at desc nulls last, assets.id desc"
_TEXTS = " || char(10) || ".join(f"coalesce({column}, '')" for column in _WEIGHTS)
_SPECIAL = {
    "path": "key as path",
    "renditions": "(select json_group_object(recipe, key) from renditions where asset_id = assets.id) as renditions",
}
_COLUMNS = ", ".join(_SPECIAL.get(field.name, field.name) for field in FIELDS)
_SORTABLE = [field.name for field in FIELDS if field.kind not in ("list", "object")]


@contextlib.contextmanager
def reading(database: str) -> Iterator[sqlite3.Connection]:
    """A reader's connection. Raises DatabaseError for a newer version's catalog, and for whatever SQLite says."""
    connection = open_reader(database)
    try:
        _refuse_newer(connection, database)
        yield connection
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot read the catalog {shown(database)}: {error}") from None
    finally:
        connection.close()


def _refuse_newer(connection: sqlite3.Connection, database: str) -> None:
    steps = connection.execute("select count(*) from _sqlite_migrations where migration_set = 'watcher'").fetchone()[0]
    if steps > KNOWN_STEPS:
        raise DatabaseError(f"{shown(database)} was made by a newer photo-watcher: update the program")


def search(
    connection: sqlite3.Connection,
    words: Sequence[str] = (),
    *,
    library: str,
    sort: str | None = None,
    limit: int | None = None,
) -> Iterator[Asset]:
    """The assets that have all of `words`, as `assets` gives them. Order and errors are those of `ids`."""
    return assets(connection, ids(connection, words, sort=sort, limit=limit), library=library)


def count(connection: sqlite3.Connection, words: Sequence[str] = ()) -> int:
    """How many assets have all of `words`."""
    source, values = _matching(words)
    number: int = connection.execute(f"select count(*) from {source}", values).fetchone()[0]
    return number


def ids(
    connection: sqlite3.Connection,
    words: Sequence[str] = (),
    *,
    sort: str | None = None,
    limit: int | None = None,
) -> list[int]:
    """The ids of the assets that have all of `words` in their texts; without words, of all assets.

    `sort` is "rank", a field or an alias, with a dash in front for the largest first; absent values are last.
    Without it the best match comes first, by bm25, where title and keywords weigh most; but the newest when
    no word can be ranked or more than RANKED_MATCHES assets match. Raises ConfigError for any other `sort`.
    """
    source, values = _matching(words)
    order = _order(connection, words, sort)
    found = connection.execute(
        f"select assets.id from {source} order by {order} limit ?",
        (*values, -1 if limit is None else limit),
    )
    return [row[0] for row in found]


def assets(connection: sqlite3.Connection, numbers: Sequence[int], *, library: str) -> Iterator[Asset]:
    """The assets of these ids, in this order: a value for each of FIELDS, paths absolute below `library`.

    They are read some hundreds at a time, so that a slow reader of the output holds no read transaction open:
    that would keep the daemon's write-ahead log from being emptied.
    """
    root = os.path.abspath(library)
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        rows = connection.execute(
            f"select {_COLUMNS} from assets where id in (select value from json_each(?))",
            (json.dumps(chunk),),
        ).fetchall()
        by_id = {row["id"]: row for row in rows}
        yield from (_asset(by_id[number], root) for number in chunk if number in by_id)


def _asset(row: sqlite3.Row, root: str) -> Asset:
    asset = {field.name: row[field.name] for field in FIELDS}
    asset["path"] = os.path.join(root, row["path"])
    asset["renditions"] = {
        recipe: os.path.join(root, key) for recipe, key in sorted(json.loads(row["renditions"]).items())
    }
    for name in ("keywords", "flags"):
        asset[name] = json.loads(row[name])
    if row["favourite"] is not None:
        asset["favourite"] = bool(row["favourite"])
    return asset


def _matching(words: Iterable[str]) -> tuple[str, list[str]]:
    """FROM and WHERE for `words`, and the values to bind."""
    expression, literals = _parse(words)
    source, conditions, values = "assets", [], list(literals)
    if expression:
        source = "assets_fts join assets on assets.id = assets_fts.rowid"
        conditions, values = ["assets_fts match ?"], [expression, *literals]
    conditions += [f"assets.id in (select id from assets_text where instr({_TEXTS}, ?))"] * len(literals)
    return source + (" where " + " and ".join(conditions) if conditions else ""), values


def _parse(words: Iterable[str]) -> tuple[str, list[str]]:
    """(an FTS5 expression, words to look for letter by letter).

    Every word is an FTS5 string, so that nothing in it is an operator. One in which the tokenizer would find
    no token (an emoji, `++`) would match nothing at all there.
    """
    plain = [shown(word).replace("\0", "") for word in words]
    tokens = [word for word in plain if _has_token(word)]
    literals = [word.lstrip("-") or word for word in plain if word and not _has_token(word)]
    return " AND ".join('"' + word.replace('"', '""') + '"' for word in tokens), literals


def _has_token(word: str) -> bool:
    # the categories of which unicode61 makes tokens
    return any(category[0] in "LN" or category == "Co" for category in map(unicodedata.category, word))


def _order(connection: sqlite3.Connection, words: Sequence[str], sort: str | None) -> str:
    if sort not in (None, "rank"):
        return _by_field(sort or "")
    if not _parse(words)[0] or (sort is None and _too_many(connection, words)):
        return _NEWEST
    return f"{_RANK}, {_NEWEST}"


def _too_many(connection: sqlite3.Connection, words: Sequence[str]) -> bool:
    source, values = _matching(words)
    capped = f"select count(*) from (select 1 from {source} limit {RANKED_MATCHES + 1})"
    return int(connection.execute(capped, values).fetchone()[0]) > RANKED_MATCHES


def _by_field(sort: str) -> str:
    name = sort.removeprefix("-")
    try:
        columns = columns_of(name)
    except ConfigError:
        columns = ()
    if not columns or not set(columns) <= set(_SORTABLE):
        known = ["rank", "taken", "imported", "camera", "f", "focal", *_SORTABLE]
        raise ConfigError(f"cannot sort by {shown(sort)!r}{nearest(name, known)}")
    way = "desc" if sort.startswith("-") else "asc"
    collation = " collate nocase" if kind_of(name) == "text" else ""
    keys = ("key" if column == "path" else column for column in columns)
    return ", ".join(
        [*(f"assets.{key}{collation} {way} nulls last" for key in keys), f"assets.id {way}"],
    )
