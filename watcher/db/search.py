"""Reading the catalog: which assets a query finds, in which order, and an asset as people see it.

It owns which way to the rows is the fastest, and the shape of an asset. What a query means is said by `matching`, the
orders by `ordering`; reading the journal is left to db/views.py, printing to cli/.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence

from watcher.db import ordering
from watcher.db.connect import open_reader
from watcher.db.functions import add_functions
from watcher.db.matching import boxed, condition, probing, ranking, split
from watcher.db.wording import INDEX
from watcher.errors import DatabaseError, OlderCatalogError
from watcher.fields import FIELDS, Asset
from watcher.querying.tree import All, Any, Exact, Near, Node, Range
from watcher.showing import shown

EVERYTHING = All(())

# Above so many matches no rank is computed: bm25 reads every one of them, and the words say little anyway.
RANKED_MATCHES = 2_000

# How many steps of db/migrations.py this version reads; counted here: a search has no use for that module.
KNOWN_STEPS = 10

# Among so many of the newest assets the first rows of a query are looked for, one asset after the other, before all
# that match are gathered: what many have is found there at once, and what few have costs little more.
_NEWEST_LOOKED_AT = 4000

# So few at a place are all measured in less time than it takes to look among the newest.
_FEW = 2_000

_CHUNK = 500
_SPECIAL = {
    "path": "key as path",
    "renditions": "(select json_group_object(recipe, key) from renditions where asset_id = assets.id) as renditions",
}
_COLUMNS = ", ".join(_SPECIAL.get(field.name, field.name) for field in FIELDS)


@contextlib.contextmanager
def reading(database: str) -> Iterator[sqlite3.Connection]:
    """A reader's connection. Raises DatabaseError for another version's catalog, and for whatever SQLite says."""
    connection = open_reader(database)
    try:
        _refuse_others(connection, database)
        add_functions(connection)
        yield connection
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot read the catalog {shown(database)}: {error}") from None
    finally:
        connection.close()


def _refuse_others(connection: sqlite3.Connection, database: str) -> None:
    steps = connection.execute("select count(*) from _sqlite_migrations where migration_set = 'watcher'").fetchone()[0]
    if steps > KNOWN_STEPS:
        raise DatabaseError(f"{shown(database)} was made by a newer photo-watcher: update the program")
    if steps < KNOWN_STEPS:
        raise OlderCatalogError(database, shown(database))


def search(
    connection: sqlite3.Connection,
    query: Node = EVERYTHING,
    *,
    library: str,
    sort: str | None = None,
    limit: int | None = None,
) -> Iterator[Asset]:
    """The assets that `query` means, as `assets` gives them. Order and errors are those of `ids`."""
    return assets(connection, ids(connection, query, sort=sort, limit=limit), library=library)


def count(connection: sqlite3.Connection, query: Node = EVERYTHING) -> int:
    """How many assets `query` means."""
    words, rest = split(query)
    if words is not None and not rest:
        return _first(connection, f"select count(*) from {INDEX} where {INDEX} match ?", words)
    sql, values = condition(query)
    return _first(connection, f"select count(*) from assets where {sql}", *values)


def ids(
    connection: sqlite3.Connection,
    query: Node = EVERYTHING,
    *,
    sort: str | None = None,
    limit: int | None = None,
) -> list[int]:
    """The ids of the assets that `query` means.

    `sort` is "rank", a field or an alias, with a dash in front for the largest first; absent values are last.
    Without it the best match comes first, by bm25, where title and keywords weigh most; but the newest when
    no word can be ranked or more than RANKED_MATCHES assets have the words. Raises ConfigError for any other `sort`.
    """
    order = ordering.NEWEST if sort in (None, "rank") else ordering.by_field(sort)
    if order != ordering.NEWEST:
        return _gathered(connection, query, order, limit)
    if _is_ranked(connection, query, sort):
        return _ranked(connection, query, limit)
    if limit is not None and query != EVERYTHING and not _is_local(connection, query):
        found = _newest(connection, query, limit)
        if found and len(found) == limit:
            return found
    return _gathered(connection, query, ordering.NEWEST, limit)


def _is_ranked(connection: sqlite3.Connection, query: Node, sort: str | None) -> bool:
    words, rest = split(query)
    if words is None or rest == _parts(query):  # no words but those of whole values
        return False
    return sort == "rank" or (sort is None and not have_more(connection, words, RANKED_MATCHES))


def _is_local(connection: sqlite3.Connection, query: Node) -> bool:
    """Whether it asks for a place where few are: to go through those takes less than to go through the newest."""
    for part in _parts(query):
        if isinstance(part, Near):
            there, values = boxed(part)
            return _first(connection, f"select count(*) from ({there} limit ?)", *values, _FEW + 1) <= _FEW
    return False


def have_more(connection: sqlite3.Connection, words: str, number: int) -> bool:
    """Whether more than `number` assets have what the FTS5 expression `words` says; no more are counted."""
    capped = f"select count(*) from (select 1 from {INDEX} where {INDEX} match ? limit ?)"
    return _first(connection, capped, words, number + 1) > number


def _ranked(connection: sqlite3.Connection, query: Node, limit: int | None) -> list[int]:
    """The best first. The index leads: whatever else is asked for is asked of each of the assets with the words."""
    words, (sql, values) = ranking(query)
    return _ids(
        connection,
        f"""select assets.id from {INDEX} cross join assets on assets.id = {INDEX}.rowid
            where {INDEX} match ? and ({sql}) order by {ordering.BEST}, {ordering.NEWEST} limit ?""",
        (words, *values),
        limit,
    )


def _newest(connection: sqlite3.Connection, query: Node, limit: int) -> list[int]:
    """The newest that match, as far as they are among the newest of all; those after them may lack some."""
    within, edges = condition(All(_dates(query)))
    newest = f"select id, taken_at from assets where {within} order by taken_at desc, id desc limit {_looked_at(query)}"
    span = f"select min(taken_at), min(id), max(id) from ({newest})"
    since, first, last = connection.execute(span, edges).fetchone()
    if since is None:
        return []
    words, rest = split(query)
    sql, values = probing(All(rest))
    if words is not None:
        # of a common word only the part that can matter: one list, where a lookup for each asset would cost much more
        in_span = f"select rowid from {INDEX} where {INDEX} match ? and rowid between ? and ?"
        sql, values = f"assets.id in ({in_span}) and ({sql})", (words, first, last, *values)
    return _ids(
        connection,
        f"""select assets.id from assets indexed by assets_by_taken
            where assets.taken_at > ? and ({sql}) order by {ordering.NEWEST} limit ?""",
        (since, *values),
        limit,
    )


def _looked_at(query: Node) -> int:
    """Few, where an index leads to all that match; more, where it is one that orders words or there is none."""
    leads = split(query)[0] is None and any(map(_leads, _parts(query)))
    return _NEWEST_LOOKED_AT if leads else 8 * _NEWEST_LOOKED_AT


def _leads(part: Node) -> bool:
    # a file, or all in a folder, by its path
    return isinstance(part, Range | Near) or (
        isinstance(part, Any) and all(isinstance(one, Range | Exact) for one in part.parts)
    )


def _dates(query: Node) -> tuple[Node, ...]:
    """What `query` demands of the date: the newest that can match are among those."""
    return tuple(part for part in _parts(query) if isinstance(part, Range) and part.field == "taken_at")


def _parts(query: Node) -> tuple[Node, ...]:
    return query.parts if isinstance(query, All) else (query,)


def _gathered(connection: sqlite3.Connection, query: Node, order: str, limit: int | None) -> list[int]:
    sql, values = condition(query)
    if query != EVERYTHING:
        # first all, by whatever index helps, then their order: SQLite might walk in this order, one row after the other
        sql = f"assets.id in (select assets.id from assets where {sql})"
        order = f"+{order}"
    return _ids(connection, f"select assets.id from assets where {sql} order by {order} limit ?", values, limit)


def _ids(connection: sqlite3.Connection, statement: str, values: Sequence[object], limit: int | None) -> list[int]:
    return [row[0] for row in connection.execute(statement, (*values, -1 if limit is None else limit))]


def _first(connection: sqlite3.Connection, statement: str, *values: object) -> int:
    number: int = connection.execute(statement, values).fetchone()[0]
    return number


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
