"""All that the catalog knows of one file: how it came, each try at it, what became of it. Only selects; plain rows.

A story is of a job, or of an asset whose jobs were folded into its history. How it is told is the commands' to say,
and so is what stands on the disk: paths are absolute, as text with the names' own bytes (surrogateescape).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from watcher.showing import shown

Row = dict[str, Any]

MOST = 50  # of each kind of thing in a story that there may be thousands of: drops, edits, parts of a stack
_NEIGHBOURS = 40  # names before and behind one in the order of the alphabet, among which the nearest are looked for
_NEWEST = 2_000  # and so many of those that came last

_JOB = """select j.id, j.name, j.path, j.size, j.state, j.reason, j.attempt, j.excused, j.created_at, j.started_at,
    j.finished_at, j.asset_id, j.left_at, j.claim, j.discarded, j.copied, j.member, j.parent_id, j.lodged, j.numbering,
    j.sequence, j.batch, j.batch_id, j.not_before, j.listed, i.name as inbox, i.path as inbox_path,
    coalesce(r.seen_at, j.seen_at) as seen_at, coalesce(r.seen_by, j.seen_by) as seen_by,
    coalesce(r.waited, j.waited) as waited, coalesce(r.created_at, j.created_at) as claimed_at,
    r.claim as root_claim, r.path as root_path, r.discarded as root_discarded, r.copied as root_copied
  from jobs j join inboxes i on i.id = j.inbox_id left join jobs r on r.id = coalesce(j.root_id, j.parent_id)
  where j.id = ?"""
_ASSET = """select id, digest, stored_digest, key, name, format, taken_at, taken_source, folder, batch, inbox,
    imported_at, stack, job_id, metadata, flags from assets where id = ?"""


def by_claim(connection: sqlite3.Connection, claim: str) -> list[int]:
    """The job whose copy lies in the spool folder `claim`."""
    return _ids(connection, "select id from jobs where claim = ?", claim)


def by_path(connection: sqlite3.Connection, inbox: bytes, path: bytes) -> list[int]:
    """The jobs that were dropped as `path` below the folder `inbox`, the latest first."""
    return _ids(
        connection,
        """select j.id from jobs j join inboxes i on i.id = j.inbox_id
           where i.path = ? and j.name = ? and j.path = ? and j.parent_id is null and j.kind = 'file'
           order by j.id desc""",
        inbox,
        _base(path),
        path,
    )


def by_left(connection: sqlite3.Connection, inbox: bytes, place: bytes) -> list[int]:
    """The jobs whose file was left at `place` below the folder `inbox`, the latest first."""
    return _ids(
        connection,
        "select j.id from jobs j join inboxes i on i.id = j.inbox_id where i.path = ? and j.left_at = ?"
        " order by j.id desc",
        inbox,
        place,
    )


def by_name(connection: sqlite3.Connection, name: str) -> list[int]:
    """The jobs of files of this base name, the latest first; members of archives too."""
    return _ids(connection, "select id from jobs where name = ? and kind = 'file' order by id desc", name)


def by_sidecar(connection: sqlite3.Connection, keys: Sequence[str]) -> list[int]:
    """The jobs of the sidecars that stand under one of `keys`."""
    marks = ", ".join("?" * len(keys))
    return _ids(connection, f"select job_id from sidecars where key in ({marks}) order by job_id desc", *keys)


def folded(connection: sqlite3.Connection, *, job: int = -1, name: str | None = None) -> list[int]:
    """The assets that a file led to of which no more than that is known: by its job's number, or by its name."""
    return _ids(
        connection,
        """select distinct asset_id from provenance p where (job_id = ? or name = ?)
           and not exists (select 1 from jobs where id = p.job_id) order by asset_id desc""",
        job,
        name,
    )


def folded_at(connection: sqlite3.Connection, inbox: bytes, path: bytes) -> list[int]:
    """The same by the path that the file was dropped as, below the folder `inbox`."""
    return _ids(
        connection,
        """select distinct p.asset_id from provenance p join inboxes i on i.id = p.inbox_id
           where p.name = ? and p.path = ? and i.path = ?
           and not exists (select 1 from jobs where id = p.job_id) order by p.asset_id desc""",
        _base(path),
        path,
        inbox,
    )


def job_of(connection: sqlite3.Connection, asset: int) -> int | None:
    """The job that brought the asset into the library, while there is a row of it."""
    found = _ids(connection, "select j.id from assets a join jobs j on j.id = a.job_id where a.id = ?", asset)
    return found[0] if found else None


def is_taken(connection: sqlite3.Connection, inbox: bytes, path: bytes, stamp: tuple[int, int, int]) -> bool:
    """Whether the file that stays at `path` was taken as it is: `stamp` is its size, mtime in ns, and inode."""
    row = connection.execute(
        """select 1 from taken t join inboxes i on i.id = t.inbox_id
           where i.path = ? and t.path = ? and (t.size, t.mtime_ns, t.inode) = (?, ?, ?)""",
        (inbox, path, *stamp),
    ).fetchone()
    return row is not None


def names_near(connection: sqlite3.Connection, name: str) -> list[str]:
    """Names of files among which one that was misspelt as `name` may be: its neighbours, and what came last."""
    halves = [
        f"select name from (select name from {table} where name {way} order by name {order} limit {_NEIGHBOURS})"
        for table in ("jobs", "assets", "provenance")
        for way, order in ((">= ?1", "asc"), ("< ?1", "desc"))
    ]
    newest = f"select name from (select name from jobs where kind = 'file' order by id desc limit {_NEWEST})"
    rows = connection.execute(" union ".join([*halves, newest]), (name,))
    return [row[0] for row in rows]


def story(connection: sqlite3.Connection, *, job: int | None = None, asset: int | None = None) -> Row | None:
    """What is known of the job, or of the asset when it has none: `job`, `asset` and all that hangs on them.

    None when there is neither. Keys: job, attempts, batch, archives (from the one it lies in to the one that was
    dropped), members (of an archive: how many in each state), sidecar (what it is, where it is one), asset, renditions,
    dropped (each time that the asset was), sidecars, stack, edits, reread (when it was read again for its sidecars).
    """
    own = _one(connection, _JOB, job) if job is not None else None
    about = asset if own is None else own["asset_id"]
    picture = _one(connection, _ASSET, about) if about is not None else None
    if own is None and picture is None:
        return None
    return {
        "job": own and _job(own),
        "attempts": _attempts(connection, own["id"]) if own else [],
        "batch": _batch(connection, own["batch_id"]) if own else None,
        "archives": _archives(connection, own["parent_id"]) if own else [],
        "members": _members(connection, own["id"]) if own and own["listed"] else {},
        "sidecar": _sidecar(connection, own["id"]) if own else None,
        **(_of_asset(connection, picture) if picture else _NO_ASSET),
    }


_NO_ASSET: Row = {
    "asset": None,
    "renditions": [],
    "dropped": [],
    "sidecars": [],
    "stack": [],
    "edits": [],
    "reread": [],
}


def _job(row: Row) -> Row:
    paths = {key: None if row[key] is None else os.fsdecode(row[key]) for key in ("path", "inbox_path", "left_at")}
    root = None if row["root_path"] is None else os.fsdecode(row["root_path"])
    return {**row, **paths, "root_path": root, "waited": json.loads(row["waited"] or "[]")}


def _attempts(connection: sqlite3.Connection, job: int) -> list[Row]:
    columns = "attempt, started_at, ended_at, outcome, reason"
    return _rows(connection, f"select {columns} from attempts where job_id = ? order by attempt", job)


def _batch(connection: sqlite3.Connection, batch: int | None) -> Row | None:
    columns = "id, token, kind, name, options, problem, cancelled_at"
    row = _one(connection, f"select {columns} from batches where id = ?", batch)
    return row and {**row, "options": json.loads(row["options"])}


def _archives(connection: sqlite3.Connection, parent: int | None) -> list[Row]:
    rows = _rows(
        connection,
        """with recursive around (id, name, path, state, parent_id) as (
             select id, name, path, state, parent_id from jobs where id = ?
             union all
             select j.id, j.name, j.path, j.state, j.parent_id from jobs j join around on j.id = around.parent_id)
           select id, name, path, state from around""",
        parent,
    )
    return [{**row, "path": os.fsdecode(row["path"])} for row in rows]


def _members(connection: sqlite3.Connection, job: int) -> dict[str, int]:
    query = """select state, sum(n) from (
          select state, count(*) as n from jobs where parent_id = ?1 group by state
          union all select state, jobs from folded where parent_id = ?1)
        group by state order by sum(n) desc, state"""
    return dict(connection.execute(query, (job,)).fetchall())


def _sidecar(connection: sqlite3.Connection, job: int) -> Row | None:
    row = _one(connection, "select id, kind, key, title, problem from sidecars where job_id = ?", job)
    owners = "select asset_id from sidecars_of_assets where sidecar_id = ? order by asset_id"
    return row and {**row, "assets": _ids(connection, owners, row["id"])}


def _of_asset(connection: sqlite3.Connection, row: Row) -> Row:
    asset = row["id"]
    return {
        "asset": {**row, "metadata": json.loads(row["metadata"]), "flags": json.loads(row["flags"])},
        "renditions": _rows(connection, "select recipe, key from renditions where asset_id = ? order by recipe", asset),
        "dropped": _rows(
            connection,
            f"""select job_id as job, name, folder, album, batch, inbox, created_at as at from provenance
                where asset_id = ? order by created_at desc, job_id desc limit {MOST}""",
            asset,
        ),
        "sidecars": _rows(
            connection,
            """select s.kind, s.name, s.key, s.job_id as job from sidecars_of_assets o
               join sidecars s on s.id = o.sidecar_id where o.asset_id = ? order by s.id""",
            asset,
        ),
        "stack": _rows(
            connection,
            "select id, name, key, id = ?1 as shows from assets where stack = ?1 and id <> ?2"
            f" order by id limit {MOST}",
            row["stack"],
            asset,
        ),
        "edits": _rows(
            connection,
            f"select edited_at as at, field, old, new from edits where asset_id = ? order by id desc limit {MOST}",
            asset,
        ),
        "reread": _ids(
            connection,
            "select finished_at from jobs where asset_id = ? and kind = 'join' and finished_at is not null"
            f" order by id desc limit {MOST}",
            asset,
        ),
    }


def _base(path: bytes) -> str:
    return shown(os.fsdecode(os.path.basename(path)))


def _one(connection: sqlite3.Connection, statement: str, value: object) -> Row | None:
    row = connection.execute(statement, (value,)).fetchone()
    return None if row is None else dict(row)


def _rows(connection: sqlite3.Connection, statement: str, *values: object) -> list[Row]:
    return [dict(row) for row in connection.execute(statement, values)]


def _ids(connection: sqlite3.Connection, statement: str, *values: object) -> list[Any]:
    return [row[0] for row in connection.execute(statement, values)]
