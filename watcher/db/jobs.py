"""A job as a row of the journal: how one is read, written down and changed; which states are no ends; how time is
written. What changes when is the journal's to say, and for the members of an archive, archives'.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal, get_args

from watcher.model import CANCELLED_REASON, FINISHED, Batch, Claim, Job, State, shown
from watcher.showing import utc

OPEN = "('" + "', '".join(state for state in get_args(State) if state not in FINISHED) + "')"

# What took its worker along twice, or was there when the daemon died three times, runs alone and after the others:
# then a death proves something.
SUSPECT = "(deaths >= 2 or interruptions >= 3)"

# What waits for its batch's end before it is numbered: in a lane of its own, so that nobody looks through it in vain.
HELD_LANE = -(2**62)
NEVER = 1e15  # unix seconds

# How a try ended that did not end its job: by itself, with its worker, for what is around it, with the daemon's death,
# or because the daemon was asked to stop. While a disk is full for days there may be thousands of one job.
Outcome = Literal["failed", "died", "unavailable", "interrupted", "stopped"]
MOST_ATTEMPTS = 20

_SELECT = f"""select j.id, j.state, j.attempt, j.claim, j.parent_id, j.member, j.inbox_id, j.path, j.name, j.size,
    j.created_at, j.finished_at, j.reason, (select {SUSPECT} from jobs where id = j.id) as suspect,
    r.claim as root_claim, r.path as root_path, j.asset_id, j.surplus, j.left_at, j.kind, j.batch_id, j.batch,
    j.root_id, j.depth, j.listed, j.lodged, coalesce(p.lodged, 0) as parent_lodged, j.numbering, j.sequence,
    j.scope, j.shot, j.known, j.copied
  from jobs j left join jobs p on p.id = j.parent_id left join jobs r on r.id = coalesce(j.root_id, j.parent_id)"""


def now() -> str:
    """UTC, as all rows have it."""
    return utc(time.time())


def select(connection: sqlite3.Connection, tail: str, values: Sequence[object] = ()) -> list[Job]:
    """The jobs `j` for which `tail` (WHERE, ORDER BY, LIMIT) holds."""
    return [_job(row) for row in connection.execute(f"{_SELECT} {tail}", values)]


def insert(connection: sqlite3.Connection, **row: object) -> None:
    """A new job. One that is there already, by its claim or its place in an archive, stays as it is."""
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(
        f"insert into jobs ({columns}, created_at) values ({marks}, ?) on conflict do nothing", (*row.values(), now())
    )


def change(
    connection: sqlite3.Connection,
    job: int,
    attempt: int,
    assignments: str,
    values: tuple[object, ...],
    condition: str = "true",
) -> bool:
    """A result changes its job; False when the result is stale: of another attempt, or the job runs no longer."""
    cursor = connection.execute(
        f"update jobs set {assignments} where id = ? and state = 'running' and attempt = ? and {condition}",
        (*map(_storable, values), job, attempt),
    )
    return cursor.rowcount == 1


def remember(connection: sqlite3.Connection, job: int, outcome: Outcome, reason: str | None) -> None:
    """The last try of the job did not end it, or ended it by using up its tries. The latest MOST_ATTEMPTS are kept."""
    connection.execute(
        """insert or replace into attempts (job_id, attempt, started_at, ended_at, outcome, reason)
           select id, attempt, started_at, ?, ?, ? from jobs where id = ?""",
        (now(), outcome, _storable(reason), job),
    )
    connection.execute(
        """delete from attempts where job_id = ?1 and attempt <=
             (select attempt from attempts where job_id = ?1 order by attempt desc limit 1 offset ?2)""",
        (job, MOST_ATTEMPTS),
    )


def _storable(value: object) -> object:
    # a reason may quote what SQLite cannot hold: a lone surrogate must not keep a whole group from its commit
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def fate(batch: Batch | None) -> tuple[State, str | None]:
    """The state of a new job of this batch, and why when that is an end."""
    if batch and batch.cancelled:
        return "cancelled", CANCELLED_REASON
    if batch and batch.problem:
        return "failed", batch.problem
    return "queued", None


def noticed(claim: Claim) -> dict[str, object]:
    """The columns that say how a claimed file was noticed, and whether it stays where it is."""
    seen = claim.seen
    story = {"seen_at": seen.at, "seen_by": seen.by, "waited": json.dumps(seen.waited)} if seen else {}
    return {**story, "copied": int(claim.stamp is not None)}


def scope(inbox: int, together: str, folder: str) -> str:
    """Where names belong together: a folder of the inbox, of a batch of archives, or of one `watcher add`."""
    return f"{inbox}/{together}/{shown(folder)}"


def listed(ids: Sequence[int]) -> str:
    """`ids` for an IN."""
    return "(" + ",".join(str(int(one)) for one in ids) + ")"


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        state=row["state"],
        attempt=row["attempt"],
        claim=row["claim"],
        parent_id=row["parent_id"],
        member=row["member"],
        inbox_id=row["inbox_id"],
        path=os.fsdecode(row["path"]),
        name=row["name"],
        size=row["size"] or 0,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        reason=row["reason"],
        suspect=bool(row["suspect"]),
        root_claim=row["root_claim"],
        root_path=None if row["root_path"] is None else os.fsdecode(row["root_path"]),
        asset_id=row["asset_id"],
        surplus=tuple(json.loads(row["surplus"] or "[]")),
        left_at=None if row["left_at"] is None else os.fsdecode(row["left_at"]),
        kind=row["kind"],
        batch_id=row["batch_id"],
        batch=row["batch"],
        root_id=row["root_id"],
        depth=row["depth"],
        listed=row["listed"],
        lodged=bool(row["lodged"]),
        parent_lodged=bool(row["parent_lodged"]),
        numbering=row["numbering"],
        sequence=row["sequence"],
        scope=row["scope"],
        shot=row["shot"],
        known=row["known"],
        copied=bool(row["copied"]),
    )
