"""A job as a row of the journal: how one is read, which states are no ends, what makes a suspect, how time is written.

Only selects; what changes rows is in journal.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from watcher.model import FINISHED, Job, State

OPEN = "('" + "', '".join(state for state in get_args(State) if state not in FINISHED) + "')"

# What took its worker along twice, or was there when the daemon died three times, runs alone and after the others:
# then a death proves something.
SUSPECT = "(deaths >= 2 or interruptions >= 3)"

_SELECT = f"""select j.id, j.state, j.attempt, j.claim, j.parent_id, j.member, j.inbox_id, j.path, j.name, j.size,
    j.created_at, j.finished_at, j.reason, (select {SUSPECT} from jobs where id = j.id) as suspect,
    p.claim as archive_claim, p.path as archive_path, j.asset_id, j.surplus, j.left_at
  from jobs j left join jobs p on p.id = j.parent_id"""


def now() -> str:
    """UTC, as all rows have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(connection: sqlite3.Connection, tail: str, values: Sequence[object] = ()) -> list[Job]:
    """The jobs `j` for which `tail` (WHERE, ORDER BY, LIMIT) holds."""
    return [_job(row) for row in connection.execute(f"{_SELECT} {tail}", values)]


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
        archive_claim=row["archive_claim"],
        archive_path=None if row["archive_path"] is None else os.fsdecode(row["archive_path"]),
        asset_id=row["asset_id"],
        surplus=tuple(json.loads(row["surplus"] or "[]")),
        left_at=None if row["left_at"] is None else os.fsdecode(row["left_at"]),
    )
