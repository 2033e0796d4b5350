"""Reading the journal and the renditions, and finding the assets that a person means. Only selects; plain rows.

Jobs of kind 'join' are the program's own work: no view lists or counts them. Batches are batch_views'.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from typing import Any, get_args

from watcher.model import State

Row = dict[str, Any]

JOB_KEYS = (
    "id", "name", "inbox", "batch", "state", "attempt", "reason", "created_at", "finished_at", "asset_id",
)  # fmt: skip

_ORIGINAL = "assets.id, assets.key, assets.format, coalesce(assets.stored_size, assets.size) as original_size"


def jobs(
    connection: sqlite3.Connection,
    *,
    state: str | None = None,
    batch: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Jobs, the latest first, with JOB_KEYS. Times are UTC."""
    where, values = _job_filter(state, batch)
    columns = ", ".join("inboxes.name as inbox" if key == "inbox" else f"jobs.{key}" for key in JOB_KEYS)
    return _rows(
        connection,
        f"select {columns} from jobs join inboxes on inboxes.id = inbox_id {where} order by jobs.id desc limit ?",
        (*values, -1 if limit is None else limit),
    )


def job_count(connection: sqlite3.Connection, *, state: str | None = None, batch: str | None = None) -> int:
    """How many jobs `jobs` would give without a limit."""
    where, values = _job_filter(state, batch)
    number: int = connection.execute(f"select count(*) from jobs {where}", values).fetchone()[0]
    return number


def reasons(connection: sqlite3.Connection, *, state: str | None = None, batch: str | None = None) -> list[Row]:
    """Each reason and how many jobs have it, the most frequent first: rows of `reason` and `count`."""
    where, values = _job_filter(state, batch, "jobs.reason is not null")
    return _rows(
        connection,
        f"select reason, count(*) as count from jobs {where} group by reason order by count(*) desc, reason",
        values,
    )


# of several jobs that left a file at one place in failed/, it is the last one's: the others' were tried again
_LEFT_LAST = "select max(id) from jobs where left_at is not null group by inbox_id, left_at"
# whose file in failed/ has a job's bytes: its own, that of the archive it is in, or that of the one that was dropped
_PARENT = "(select p.id from jobs as p where p.id = jobs.parent_id and p.left_at is not null)"
_ARCHIVE = f"coalesce({_PARENT}, jobs.root_id, jobs.parent_id, jobs.id)"
_HOLDER = f"case when jobs.left_at is not null then jobs.id else {_ARCHIVE} end"
# what was stopped lies in failed/ too, or stays; its members are told of by their archive
_LEFT = "(jobs.state = 'failed' or jobs.state = 'cancelled' and (jobs.left_at is not null or jobs.copied = 1))"
# its file stays in its inbox, and has not been taken again since
_STAYS = "holder.copied = 1 and holder.id in (select job_id from taken)"


def failures(connection: sqlite3.Connection) -> list[Row]:
    """Failed and stopped jobs that left a file: id, name, archive, inbox, reason, finished_at, place (absolute, bytes).

    A member of an archive has a place of its own when its bytes could be had; else that of the archive, which
    `archive` names. `stays`: 1 when the place is that in the inbox, whose folder is `inbox_path`.
    """
    rows = connection.execute(
        f"""select jobs.id, jobs.name, parent.name as archive, inboxes.name as inbox, jobs.reason,
             jobs.finished_at, inboxes.path as inbox_path, coalesce(holder.left_at, holder.path) as left_at,
             holder.left_at is null as stays
           from jobs join inboxes on inboxes.id = jobs.inbox_id
             join jobs as holder on holder.id = {_HOLDER}
             left join jobs as parent on parent.id = jobs.parent_id
           where {_LEFT} and (holder.id in ({_LEFT_LAST}) or {_STAYS})
           order by jobs.id"""
    )
    return [_placed(dict(row)) for row in rows]


def left_behind(connection: sqlite3.Connection) -> list[Row]:
    """Files in failed/, an archive as one: id, reason, inbox_path, path (where it belongs, below it), place; bytes.

    A loose file belongs where it was dropped. A member with a file of its own belongs at the top of the inbox, under
    its base name: its path in the archive is never used as a path.
    """
    rows = connection.execute(
        f"""select jobs.id, jobs.reason, inboxes.path as inbox_path, jobs.left_at,
              case when jobs.parent_id is null then jobs.path end as path
            from jobs join inboxes on inboxes.id = jobs.inbox_id
            where {_LEFT} and jobs.id in ({_LEFT_LAST}) order by jobs.id"""
    )
    return [
        _placed({**row, "stays": 0, "path": row["path"] or os.path.basename(row["left_at"])}) for row in map(dict, rows)
    ]


def stayed(connection: sqlite3.Connection) -> list[Row]:
    """Files that stay in their inbox and failed, or archives with a member that did, each once.

    id, reason (each of its members', a line each), inbox_path (its folder), place, stays (1); bytes.
    """
    rows = connection.execute(
        f"""select holder.id, group_concat(jobs.reason, char(10)) as reason, inboxes.path as inbox_path,
              holder.path as left_at, 1 as stays
            from jobs join inboxes on inboxes.id = jobs.inbox_id join jobs as holder on holder.id = {_HOLDER}
            where {_LEFT} and holder.left_at is null and {_STAYS} group by holder.id order by holder.id"""
    )
    return [_placed(dict(row)) for row in rows]


def holder_of(connection: sqlite3.Connection, number: int) -> int:
    """The job whose failed file has the bytes of job `number`: itself, or an archive that it is a member of."""
    row = connection.execute(f"select {_HOLDER} from jobs where id = ?", (_fit(number),)).fetchone()
    return int(row[0]) if row else number


def _placed(row: Row) -> Row:
    below = bytes(row.pop("left_at"))
    return {**row, "place": os.path.join(bytes(row["inbox_path"]), below)}


def job_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many jobs are in each state, with those that are history by now; every state is there."""
    found = dict(
        connection.execute(
            """select state, sum(n) from (
                 select state, count(*) as n from jobs where kind = 'file' group by state
                 union all select state, jobs from folded)
               group by state"""
        ).fetchall()
    )
    return {state: found.get(state, 0) for state in get_args(State)}


def inboxes(connection: sqlite3.Connection) -> list[Row]:
    """The inboxes that ever were watched: name and path (absolute, bytes)."""
    return _rows(connection, "select name, path from inboxes order by id")


def dropped_names(connection: sqlite3.Connection, asset_id: int) -> list[str]:
    """Every name under which an asset was dropped, the first one first."""
    found = connection.execute(
        """select name from (select id, name from jobs where asset_id = ?1 and kind = 'file'
             union select job_id, name from provenance where asset_id = ?1)
           group by name order by min(id)""",
        (asset_id,),
    )
    return [row[0] for row in found]


def job(connection: sqlite3.Connection, number: int) -> Row | None:
    """One job: id, name, state, reason, asset_id; None when there is none, or it is history by now."""
    found = _rows(connection, "select id, name, state, reason, asset_id from jobs where id = ?", (_fit(number),))
    return found[0] if found else None


def assets_by_job(connection: sqlite3.Connection, number: int) -> list[int]:
    """The asset that a job led to, also when the job is history by now."""
    return _ids(
        connection,
        """select asset_id from jobs where id = ?1 and asset_id is not null
           union select asset_id from provenance where job_id = ?1""",
        (_fit(number),),
    )


def asset_by_id(connection: sqlite3.Connection, number: int) -> list[int]:
    return _ids(connection, "select id from assets where id = ?", (_fit(number),))


def assets_by_digest(connection: sqlite3.Connection, prefix: str) -> list[int]:
    """The assets whose digest begins with `prefix` (lower-case hex)."""
    # a range, not LIKE: it is answered by the index on digest
    return _ids(
        connection,
        "select id from assets where digest >= ? and digest < ? order by digest",
        (prefix, prefix + "g"),
    )


def assets_by_key(connection: sqlite3.Connection, keys: Sequence[str]) -> list[int]:
    """The assets whose original or one of whose renditions stands under one of `keys`."""
    marks = ", ".join("?" * len(keys))
    return _ids(
        connection,
        f"select id from assets where key in ({marks}) union select asset_id from renditions where key in ({marks})",
        (*keys, *keys),
    )


def assets_by_name(connection: sqlite3.Connection, name: str) -> list[int]:
    """The assets that were dropped under `name` (a base name as text), or whose equal was."""
    return _ids(
        connection,
        """select id from assets where name = ?1 union select asset_id from provenance where name = ?1
           union select asset_id from jobs where name = ?1 and kind = 'file' and asset_id is not null""",
        (name,),
    )


def original(connection: sqlite3.Connection, asset: int) -> Row | None:
    """An asset's original: id, key, format, original_size (bytes); None when there is none."""
    found = _rows(connection, f"select {_ORIGINAL} from assets where id = ?", (asset,))
    return found[0] if found else None


def rendition(connection: sqlite3.Connection, asset: int, recipe: str) -> Row | None:
    """An asset's rendition by `recipe`: key, size (bytes), fingerprint; None when there is none."""
    columns = "key, size, fingerprint"
    found = _rows(connection, f"select {columns} from renditions where asset_id = ? and recipe = ?", (asset, recipe))
    return found[0] if found else None


def renditions_by_recipe(connection: sqlite3.Connection) -> list[Row]:
    """Each recipe that there are renditions of: recipe, count, bytes."""
    return _rows(
        connection,
        "select recipe, count(*) as count, sum(size) as bytes from renditions group by recipe order by recipe",
    )


def outdated(connection: sqlite3.Connection, recipe: str, fingerprint: str, inboxes: Sequence[str]) -> list[Row]:
    """Assets whose rendition by `recipe` has another fingerprint, or that came by one of `inboxes` and have none.

    As `original` gives them, with `size`, the bytes of that rendition, or None. What could not be rendered when it
    came is not missing anything.
    """
    return _rows(
        connection,
        f"""select {_ORIGINAL}, renditions.size from assets
              left join renditions on renditions.asset_id = assets.id and renditions.recipe = ?
            where renditions.fingerprint <> ?
              or (renditions.recipe is null and instr(assets.flags, '"no_renditions"') = 0
                  and assets.format not in ('video', 'other')
                  and assets.inbox in (select value from json_each(?)))""",
        (recipe, fingerprint, json.dumps(list(inboxes))),
    )


def _job_filter(state: str | None, batch: str | None, *conditions: str) -> tuple[str, list[str]]:
    """WHERE for jobs of people's files; `batch` is a name, a token, or a batch's number."""
    clauses, values = ["jobs.kind = 'file'", *conditions], []
    if state is not None:
        clauses.append("jobs.state = ?")
        values.append(state)
    if batch is not None:
        clauses.append(
            "(jobs.batch = ? or jobs.batch_id in (select id from batches where token = ? or cast(id as text) = ?))"
        )
        values += [batch] * 3
    return "where " + " and ".join(clauses), values


def _fit(number: int) -> int:
    # SQLite takes 64 bits; no row has a number below zero, so this one finds nothing
    return number if number < 2**63 else -1


def _rows(connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()) -> list[Row]:
    return [dict(row) for row in connection.execute(statement, tuple(values))]


def _ids(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> list[int]:
    return [row[0] for row in connection.execute(statement, tuple(values))]
