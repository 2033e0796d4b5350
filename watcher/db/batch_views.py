"""Reading batches: what belongs to each, how far it is, what was published and what failed. Only selects; plain rows.

Only files count: an archive that was expanded stands for its members, a batch.toml for nothing, and what the program
does by itself (jobs of kind 'join') is nobody's file. How far a batch is in words and percent is the commands' to say.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any, get_args

from watcher.db.jobs import OPEN
from watcher.model import OPTIONS_REASON, State

Row = dict[str, Any]

RECENTLY = 60  # seconds that a batch's rate is taken over: a daemon that was away overnight must not slow it

COUNTED = f"j.kind = 'file' and j.listed = 0 and j.reason is not '{OPTIONS_REASON}'"
# with the program's own work: a sidecar that is being joined may give its picture another name
_UNFINISHED = f"""b.closed_at is null and b.cancelled_at is null
    or exists (select 1 from jobs j where j.batch_id = b.id and j.state in {OPEN})"""
_BATCH = f"""select b.id, b.token, b.name, b.kind, i.name as inbox, i.path as inbox_path,
    b.created_at, b.closed_at, b.cancelled_at, ({_UNFINISHED}) as unfinished
  from batches b join inboxes i on i.id = b.inbox_id"""
_IS_RECENT = f"j.finished_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-{RECENTLY} seconds')"
# with those that are history by now
_SUMS = f"""select state, sum(files) as files, coalesce(sum(bytes), 0) as bytes, coalesce(sum(recent), 0) as recent
  from (select j.state, 1 as files, j.size as bytes, case when {_IS_RECENT} then j.size end as recent
          from jobs j where j.batch_id = ?1 and {COUNTED}
        union all select state, files, bytes, 0 from folded where batch_id = ?1)
  group by state"""
_LAST_END = """select max(at) from (
    select max(finished_at) as at from jobs where batch_id = ?1 and kind = 'file'
    union all select max(ended_at) from folded where batch_id = ?1)"""
# each job that led to an asset, also where there is no more of it than that
_LED = """(select id, asset_id, state from jobs where batch_id = ?1 and kind = 'file' and asset_id is not null
    union select job_id, asset_id, state from provenance where batch_id = ?1)"""
# where a file lies that was not taken: in a file of its own, else in its archive, else in the one that was dropped
_STAYS_AT = "case when coalesce(root.copied, j.copied) then coalesce(root.path, j.path) end"  # in its inbox
_LEFT_AT = f"coalesce(j.left_at, parent.left_at, root.left_at, {_STAYS_AT})"


def named(connection: sqlite3.Connection, word: str) -> int | None:
    """The batch that `word` means: a token, a number, or a name, of which the latest; None when there is none."""
    number = int(word) if word.isascii() and word.isdecimal() and len(word) < 19 else -1
    row = connection.execute(
        """select id from batches where token = ?1 or id = ?2 or name = ?1
           order by token is ?1 desc, id = ?2 desc, id desc limit 1""",
        (word, number),
    ).fetchone()
    return None if row is None else int(row["id"])


def batch(connection: sqlite3.Connection, number: int) -> Row:
    """One batch: id, token, name, kind, inbox and its path, its times, `unfinished`, and its files as
    `_counted` sums them up."""
    row = connection.execute(f"{_BATCH} where b.id = ?", (number,)).fetchone()
    return _counted(connection, row)


def batches(connection: sqlite3.Connection, *, only_open: bool = False, limit: int | None = None) -> list[Row]:
    """Batches as `batch` gives them, the latest first. `only_open`: those that are not finished."""
    where = f"where {_UNFINISHED}" if only_open else ""
    rows = connection.execute(f"{_BATCH} {where} order by b.id desc limit ?", (-1 if limit is None else limit,))
    return [_counted(connection, row) for row in rows.fetchall()]


def unfinished_count(connection: sqlite3.Connection) -> int:
    number: int = connection.execute(f"select count(*) from batches b where {_UNFINISHED}").fetchone()[0]
    return number


def waiting_sidecars(connection: sqlite3.Connection) -> int:
    """How many sidecars have no picture yet; the metadata of an album wait for none."""
    number: int = connection.execute(
        """select count(*) from sidecars s where s.kind <> 'album'
           and not exists (select 1 from sidecars_of_assets o where o.sidecar_id = s.id)"""
    ).fetchone()[0]
    return number


def assets(connection: sqlite3.Connection, number: int) -> list[int]:
    """The assets that the batch's files led to, those that they equal with them, in the order of the files."""
    rows = connection.execute(
        f"select asset_id from {_LED} where state in ('done', 'duplicate') group by asset_id order by min(id)",
        (number,),
    )
    return [int(row["asset_id"]) for row in rows]


def published(connection: sqlite3.Connection, number: int, library: str) -> list[str]:
    """The absolute paths of the originals that the batch brought into the library, in the order of its files."""
    rows = connection.execute(
        f"""select a.key from {_LED} j join assets a on a.id = j.asset_id
            where j.state = 'done' group by a.id order by min(j.id)""",
        (number,),
    )
    return [os.path.join(library, row["key"]) for row in rows]


def failures(connection: sqlite3.Connection, number: int) -> list[Row]:
    """What failed of the batch: name, reason, path (absolute, where it lies; None while it is on its way there)."""
    rows = connection.execute(
        f"""select j.name, j.reason, i.path as inbox, {_LEFT_AT} as left_at
            from jobs j join inboxes i on i.id = j.inbox_id
              left join jobs parent on parent.id = j.parent_id left join jobs root on root.id = j.root_id
            where j.batch_id = ? and {COUNTED} and j.state = 'failed' order by j.id""",
        (number,),
    )
    return [{"name": row["name"], "reason": row["reason"], "path": _place(row)} for row in rows]


def _counted(connection: sqlite3.Connection, row: sqlite3.Row) -> Row:
    """The batch with `jobs` (a count for each state), `bytes`, `bytes_done`, `recent` (bytes done in the last RECENTLY
    seconds) and `finished_at`.
    """
    sums = {each["state"]: each for each in connection.execute(_SUMS, (row["id"],))}
    pending = sum(each["bytes"] for state, each in sums.items() if state in ("queued", "running", "cancelled"))
    total = sum(each["bytes"] for each in sums.values())
    last = connection.execute(_LAST_END, (row["id"],)).fetchone()[0]
    ends = [end for end in (last, row["closed_at"], row["cancelled_at"]) if end]
    return {
        **dict(row),
        "inbox_path": os.fsdecode(row["inbox_path"]),
        "unfinished": bool(row["unfinished"]),
        "jobs": {state: sums[state]["files"] if state in sums else 0 for state in get_args(State)},
        "bytes": total,
        "bytes_done": total - pending,
        "recent": sum(each["recent"] for each in sums.values()),
        "finished_at": max(ends, default=None) if not row["unfinished"] else None,
    }


def _place(row: sqlite3.Row) -> str | None:
    if row["left_at"] is None:
        return None
    return os.path.join(os.fsdecode(row["inbox"]), os.fsdecode(row["left_at"]))
