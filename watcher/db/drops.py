"""Each time that an asset was dropped: how it came, and among which names. Rows of `provenance`.

They are written with the commit of their job and outlive its row (history): what must be known of a picture for as long
as it is in the library is read here. Runs inside the caller's transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

_SELECT = """select job_id as id, asset_id, inbox_id, path, name, created_at, batch_id, batch, sequence, scope, shot
  from provenance"""


@dataclass(frozen=True, slots=True)
class Drop:
    """`id` is the number of its job, of which there may be no row any more. `path`: below the inbox, or in its archive.

    `created_at` (UTC): when it was taken; `sequence`: its number in a batch; `scope` and `shot`: the names that it
    belongs among (pairing).
    """

    id: int
    asset_id: int
    inbox_id: int
    path: str
    name: str
    created_at: str
    batch_id: int | None
    batch: str | None
    sequence: str | None
    scope: str | None
    shot: str | None


def add(connection: sqlite3.Connection, asset: int, job: int, folder: str | None) -> None:
    """The job's file led to the asset, out of this folder; repeatable."""
    connection.execute(
        """insert or ignore into provenance (asset_id, job_id, name, folder, batch, inbox, created_at, state,
             inbox_id, path, batch_id, sequence, scope, shot)
           select ?, j.id, j.name, ?, j.batch, i.name, j.created_at, j.state, j.inbox_id, j.path, j.batch_id,
             j.sequence, j.scope, j.shot
           from jobs j join inboxes i on i.id = j.inbox_id where j.id = ?""",
        (asset, folder, job),
    )


def one(connection: sqlite3.Connection, asset: int, job: int | None) -> Drop | None:
    return next(iter(_drops(connection, "asset_id = ? and job_id = ?", (asset, job))), None)


def of_asset(connection: sqlite3.Connection, asset: int) -> list[Drop]:
    return _drops(connection, "asset_id = ?", (asset,))


def of_shot(connection: sqlite3.Connection, scope: str, shot: str) -> list[Drop]:
    return _drops(connection, "scope = ? and shot = ?", (scope, shot))


def of_scope(connection: sqlite3.Connection, scope: str) -> list[Drop]:
    return _drops(connection, "scope = ?", (scope,))


def _drops(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> list[Drop]:
    """In the order of their jobs."""
    rows = connection.execute(f"{_SELECT} where {condition} order by job_id", values)
    return [Drop(**{**dict(row), "path": os.fsdecode(row["path"])}) for row in rows]
