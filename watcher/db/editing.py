"""What people change of assets by hand, each change with its old value, so that it can be undone.

An edit wins over whatever is read of the asset later (`edited`, which db/catalog.py asks). Files are never touched.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watcher.db.jobs import now
from watcher.querying.folding import fold

TAKEN = ("taken_at", "taken_offset", "taken_precision", "taken_source")  # one fact: they change and stay together
COLUMNS = ("title", "description", "rating", "keywords", *TAKEN)

_CHUNK = 500

Values = Mapping[str, "str | int | None"]


@dataclass(frozen=True, slots=True)
class Changes:
    """New values for some of COLUMNS; keywords to add, and those to take away, case and accents ignored."""

    values: Values = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def plan(connection: sqlite3.Connection, assets: Sequence[int], changes: Changes) -> Counter[str]:
    """How many of `assets` would change in each column, and in any: under ""."""
    counted: Counter[str] = Counter()
    for row in _rows(connection, assets):
        changed = _changed(row, changes)
        counted.update([*changed, ""] if changed else ())
    return counted


def edit(connection: sqlite3.Connection, assets: Sequence[int], changes: Changes) -> int:
    """Make `changes`, one edit, and keep the old values; how many assets changed. Inside the caller's transaction."""
    number, moment, edited = _next(connection), now(), 0
    for row in _rows(connection, assets):
        changed = _changed(row, changes)
        if changed:
            marks = ", ".join(f"{column} = ?" for column in changed)
            connection.execute(f"update assets set {marks} where id = ?", (*changed.values(), row["id"]))
            connection.executemany(
                "insert into edits (edit, asset_id, field, old, new, edited_at) values (?, ?, ?, ?, ?, ?)",
                [(number, row["id"], column, row[column], value, moment) for column, value in changed.items()],
            )
            edited += 1
    return edited


def edited(connection: sqlite3.Connection, asset: int) -> frozenset[str]:
    """The columns of an asset that say what a person said."""
    rows = connection.execute("select distinct field from edits where asset_id = ?", (asset,))
    return frozenset(row[0] for row in rows)


def _rows(connection: sqlite3.Connection, assets: Sequence[int]) -> Iterator[sqlite3.Row]:
    for start in range(0, len(assets), _CHUNK):
        chosen = json.dumps(assets[start : start + _CHUNK])
        yield from connection.execute(
            f"select id, {', '.join(COLUMNS)} from assets where id in (select value from json_each(?))", (chosen,)
        ).fetchall()


def _changed(row: sqlite3.Row, changes: Changes) -> dict[str, str | int | None]:
    """The columns that would have another value, with that value."""
    found = {column: value for column, value in changes.values.items() if row[column] != value}
    if not found.keys().isdisjoint(TAKEN):
        found |= {column: changes.values[column] for column in TAKEN}
    keywords = json.loads(row["keywords"])
    wanted = _keywords(keywords, changes)
    if wanted != keywords:
        found["keywords"] = json.dumps(wanted, ensure_ascii=False)
    return found


def _keywords(before: Sequence[str], changes: Changes) -> list[str]:
    unwanted = {fold(keyword) for keyword in changes.removed}
    return list(dict.fromkeys([*(keyword for keyword in before if fold(keyword) not in unwanted), *changes.added]))


def _next(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("select coalesce(max(edit), 0) + 1 from edits").fetchone()[0]
    return number
