"""What the ledger owes: rows to be held against what lies on the disk. Only selects, for `watcher doctor`.

Paths below an inbox, and inboxes' own, are text as os.fsdecode gives it. What the disk must look like for each row is
for watcher/examining to say.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from watcher.db.jobs import OPEN
from watcher.model import shown

Row = dict[str, Any]

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Flight:
    """A file that is ours and not at its end. `claim` names its spool folder, `path` where it lies in that.

    `lodged`: it lies by itself among the files of the archive `claim`, under its job's number. `copied`: its file
    stayed in the inbox.
    """

    job: int
    claim: str
    path: str
    name: str
    lodged: bool
    copied: bool


def inboxes(connection: sqlite3.Connection) -> list[Row]:
    """The inboxes that ever were watched: id, name, path, `copies` (whether files were copied out of it)."""
    rows = connection.execute(
        """select id, name, path, exists (select 1 from taken where inbox_id = inboxes.id) as copies
           from inboxes order by id"""
    )
    return [{**row, "path": os.fsdecode(row["path"])} for row in map(dict, rows)]


# A lodged file must be there until its job is done or litter; then, and when a claim is at its end, it may be gone
# already. What failed and is still to be let go of: the next step of a daemon finds out whether it is there.
_FLIGHTS = f"""select j.id, coalesce(r.claim, j.claim) as claim, j.path, j.name, j.lodged,
    j.copied or coalesce(r.copied, 0) as copied
  from jobs j left join jobs r on r.id = j.root_id
  where j.inbox_id = ? and j.discarded = 0 and j.state in {OPEN}
    and (j.claim is not null or j.lodged = 1)"""


def flights(connection: sqlite3.Connection, inbox: int) -> list[Flight]:
    """The files of an inbox that must lie in its spool, or beside it."""
    return [_flight(row) for row in connection.execute(_FLIGHTS, (inbox,))]


def is_flying(connection: sqlite3.Connection, job: int) -> bool:
    """Whether the job is still among its inbox's `flights`."""
    query = f"select 1 from jobs where id = ? and discarded = 0 and state in {OPEN}"
    return connection.execute(query, (job,)).fetchone() is not None


def _flight(row: sqlite3.Row) -> Flight:
    path = os.fsdecode(row["path"])
    return Flight(row["id"], row["claim"], path, row["name"], bool(row["lodged"]), bool(row["copied"]))


def claims(connection: sqlite3.Connection, inbox: int) -> set[str]:
    """The claims of this inbox that have a spool folder, or may have one until they are let go of."""
    query = "select claim from jobs where inbox_id = ? and claim is not null and discarded = 0"
    return {row["claim"] for row in connection.execute(query, (inbox,))}


def taken(connection: sqlite3.Connection, inbox: int) -> dict[str, tuple[int, int]]:
    """What was copied out of this inbox: path -> size in bytes and mtime in ns, as they were then."""
    rows = connection.execute("select path, size, mtime_ns from taken where inbox_id = ?", (inbox,))
    return {os.fsdecode(row["path"]): (row["size"], row["mtime_ns"]) for row in rows}


def left_behind(connection: sqlite3.Connection, inbox: int) -> list[Row]:
    """The files that the ledger says lie in failed/: id, name, reason, path (as dropped) and left_at, below the inbox.

    Of several at one place the last one: the others were tried again.
    """
    rows = connection.execute(
        """select id, name, reason, path, left_at from jobs
           where id in (select max(id) from jobs where inbox_id = ? and left_at is not null group by left_at)
           order by id""",
        (inbox,),
    )
    return [_with_paths(row) for row in rows]


def lost(connection: sqlite3.Connection, inbox: int) -> list[Row]:
    """Failed jobs whose file is nowhere by what the ledger says: id, name, reason, path; left_at is None.

    Not those whose bytes lie in their archive, or in their place in the inbox.
    """
    rows = connection.execute(
        """select j.id, j.name, j.reason, j.path, j.left_at from jobs j left join jobs r on r.id = j.root_id
           where j.inbox_id = ? and j.state = 'failed' and j.kind = 'file' and j.discarded = 1 and j.left_at is null
             and (j.parent_id is null and j.copied = 0 or j.lodged = 1 and r.copied = 0 and r.left_at is null)
           order by j.id""",
        (inbox,),
    )
    return [_with_paths(row) for row in rows]


def came_again(connection: sqlite3.Connection, inbox: int, job: int, path: str) -> bool:
    """Whether a file was taken from `path` below the inbox after the one that became `job`."""
    later = connection.execute(  # by name, for which there is an index
        "select 1 from jobs where name = ? and inbox_id = ? and id > ? and claim is not null and path = ?",
        (shown(os.path.basename(path)), inbox, job, os.fsencode(path)),
    )
    return later.fetchone() is not None


def unsafe(connection: sqlite3.Connection, inbox: int) -> list[Row]:
    """Failed members without a file of their own whose archive counts as taken whole: id, name, reason, archive."""
    rows = connection.execute(
        """select j.id, j.name, j.reason, p.name as archive from jobs j join jobs p on p.id = j.parent_id
           where j.inbox_id = ? and j.state = 'failed' and j.lodged = 0 and p.state in ('done', 'duplicate')
           order by j.id""",
        (inbox,),
    )
    return [dict(row) for row in rows]


def unkept(connection: sqlite3.Connection) -> list[Row]:
    """Jobs that ended as a picture of the library, by an asset that is not in the catalog: id, name, asset_id."""
    rows = connection.execute(
        """select id, name, asset_id from jobs where state in ('done', 'duplicate') and asset_id is not null
           and not exists (select 1 from assets where assets.id = asset_id) order by id"""
    )
    return [dict(row) for row in rows]


def unfinished(connection: sqlite3.Connection, inbox: int) -> int:
    """How many of an inbox's files and members are not at their end."""
    query = f"select count(*) from jobs where inbox_id = ? and kind = 'file' and state in {OPEN}"
    return int(connection.execute(query, (inbox,)).fetchone()[0])


# -- what the library must hold ----------------------------------------------------------------------------------------

_HELD = {
    "original": "select id, key, coalesce(stored_size, size) as size, name from assets",
    "rendition": "select asset_id as id, r.key, r.size, a.name from renditions r join assets a on a.id = r.asset_id",
    "sidecar": "select id, key, null as size, name from sidecars",
}


def held(connection: sqlite3.Connection, kind: str) -> Iterator[Row]:
    """Each "original", "rendition" or "sidecar" that a row names: id, key, size (bytes, None: unknown), name.

    Read some hundreds at a time: one long read would keep the daemon's write-ahead log from being emptied.
    """
    table, column = ("sidecars", "id") if kind == "sidecar" else ("assets", "asset_id" if kind == "rendition" else "id")
    last = connection.execute(f"select coalesce(max(id), 0) as id from {table}").fetchone()["id"]
    for first in range(0, last + 1, _CHUNK):
        query = f"{_HELD[kind]} where {column} between ? and ?"
        yield from map(dict, connection.execute(query, (first, first + _CHUNK - 1)).fetchall())


def size_of(connection: sqlite3.Connection, key: str) -> tuple[int | None] | None:
    """The size that a row gives for this key, in a tuple; None when no row names it any more."""
    query = " union all ".join(f"select size from ({select}) where key = ?1" for select in _HELD.values())
    row = connection.execute(query, (key,)).fetchone()
    return None if row is None else (row["size"],)


# -- moments and the rest ----------------------------------------------------------------------------------------------


def newest_moment(connection: sqlite3.Connection) -> str | None:
    """The latest time that the ledger has of anything (UTC); None in an empty one."""
    row = connection.execute(
        """select max(coalesce((select max(imported_at) from assets), ''),
             coalesce((select max(created_at) from jobs where id = (select max(id) from jobs)), '')) as at"""
    ).fetchone()
    return row["at"] or None


def unmatched_sidecars(connection: sqlite3.Connection, most: int) -> list[Row]:
    """The first of the sidecars that have no picture: name, problem (why none of those that there are; or None)."""
    rows = connection.execute(
        """select s.name, s.problem from sidecars s where s.kind <> 'album'
           and not exists (select 1 from sidecars_of_assets o where o.sidecar_id = s.id) order by s.id limit ?""",
        (most,),
    )
    return [dict(row) for row in rows]


def _with_paths(row: sqlite3.Row) -> Row:
    left_at = row["left_at"]
    return {**dict(row), "path": os.fsdecode(row["path"]), "left_at": None if left_at is None else os.fsdecode(left_at)}
