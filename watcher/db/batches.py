"""Batches: what came together, by a folder, an archive or one `watcher add`; when it is complete, and its numbers.

The methods that change rows run inside a transaction of the caller's. What a batch asks for (its options) is kept as it
was said; what that means is settings'. The jobs of a batch are the journal's.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from watcher.db.jobs import listed, now
from watcher.model import Batch, BatchKind, Job
from watcher.pairing import stacks

_PART = re.compile(r"(.+)-\d{3}\.zip", re.IGNORECASE)  # as Google's and other exports number their parts
_LEAST_DIGITS = 2


def set_name(name: str) -> str:
    """The name of an archive's batch: parts of one export (`takeout-20240517T000000Z-001.zip`) share theirs."""
    part = _PART.fullmatch(name)
    return part[1] if part else name


class Batches:
    """`connection` is the one writer's. `clock` gives unix seconds."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self._db = connection
        self._clock = clock

    def start(self, inbox: int, kind: BatchKind, name: str, *, token: str | None = None) -> Batch:
        """A new batch; one with this token that there is already."""
        self._db.execute(
            """insert into batches (token, inbox_id, kind, name, created_at, news_at) values (?, ?, ?, ?, ?, ?)
               on conflict (token) do nothing""",
            (token, inbox, kind, name, now(), self._clock()),
        )
        if token is not None:
            return self._only("token = ?", token)
        return self._only("id = last_insert_rowid()")

    def get(self, batch: int) -> Batch:
        return self._only("id = ?", batch)

    def by_token(self, token: str) -> Batch | None:
        return self._first("token = ?", token)

    def open_folder(self, inbox: int, name: str) -> Batch | None:
        """The batch that files of this top folder belong to, while it is open."""
        return self._first("inbox_id = ? and kind = 'folder' and name = ? and closed_at is null", inbox, name)

    def of_archive(self, job: Job) -> Batch:
        """The batch of an archive: the one that it came in, that of the other parts of its set, or a new one."""
        if job.batch_id is not None:
            return self.get(job.batch_id)
        batch = self._of_set(job) or self.start(job.inbox_id, "archive", set_name(job.name))
        self._db.execute("update jobs set batch_id = ?, batch = ? where id = ?", (batch.id, batch.name, job.id))
        return batch

    def _of_set(self, job: Job) -> Batch | None:
        """That of the parts that came before, open again; a set that was stopped is begun anew when it comes again."""
        if set_name(job.name) == job.name:
            return None
        known = self._first(
            """inbox_id = ? and kind = 'archive' and name = ?
               and (closed_at is null or cancelled_at is null and problem is null)""",
            job.inbox_id,
            set_name(job.name),
        )
        if known is not None:
            self._db.execute("update batches set closed_at = null where id = ?", (known.id,))
        return known

    def ask(self, batch: int, options: Mapping[str, Any], *, numbered: bool, problem: str | None = None) -> Batch:
        """What its batch.toml asks for, of the jobs that have not begun yet."""
        self._db.execute(
            "update batches set options = ?, numbered = ?, problem = ? where id = ?",
            (json.dumps(dict(options), ensure_ascii=False), numbered, problem, batch),
        )
        if numbered:
            self._db.execute(
                """update jobs set numbering = 'date'
                   where batch_id = ? and kind = 'file' and state = 'queued' and attempt = 0 and numbering is null""",
                (batch,),
            )
        return self.get(batch)

    def news(self, batches: Sequence[int]) -> None:
        """Files of these batches were taken just now; one that was closed is open again: they may wait for its end."""
        query = f"update batches set news_at = ?, closed_at = null where id in {listed(batches)}"
        self._db.execute(query, (self._clock(),))

    def open(self, kind: BatchKind, quiet_seconds: float = 0.0) -> list[Batch]:
        """Those of this kind that are open and without news for so long; news yet to come: the clock was set back."""
        at = self._clock()
        rows = self._db.execute(
            "select * from batches where closed_at is null and kind = ? and (news_at <= ? or news_at > ?)",
            (kind, at - quiet_seconds, at + quiet_seconds),
        )
        return [_batch(row) for row in rows]

    def next_quiet(self, quiet_seconds: float) -> float | None:
        """Seconds until another folder's batch has been quiet for so long; None when none will be."""
        row = self._db.execute(
            "select min(news_at) from batches where closed_at is null and kind = 'folder' and news_at > ?",
            (self._clock() - quiet_seconds,),
        ).fetchone()
        return None if row[0] is None else max(0.0, row[0] + quiet_seconds - self._clock())

    def listed_archives(self) -> list[Batch]:
        """Open batches of archives all of whose members are jobs by now."""
        return [
            batch
            for batch in self.open("archive")
            if not self._db.execute(
                # left to itself SQLite goes through all members that wait
                """select 1 from jobs indexed by jobs_to_list where batch_id = ?
                   and state in ('queued', 'running') and (parent_id is null or listed > 0) limit 1""",
                (batch.id,),
            ).fetchone()
        ]

    def close(self, batch: int) -> None:
        """Nothing more belongs to it."""
        self._db.execute("update batches set closed_at = ? where id = ? and closed_at is null", (now(), batch))

    def is_dating(self, batch: int) -> bool:
        """Whether the date of a job of this batch is still to be read, or its members are still to be listed."""
        row = self._db.execute(
            """select 1 from jobs indexed by jobs_to_date where batch_id = ? and numbering = 'date'
               and state in ('queued', 'running') limit 1""",
            (batch,),
        ).fetchone()
        return row is not None

    def number(self, batch: int) -> None:
        """Number what waits by (date taken, name), behind the numbers given before, and let it go on.

        The parts of one shot (a raw file beside its JPEG, a live photo) have one number. As wide as the count needs.
        """
        rows = self._db.execute(
            """select id, name, scope, shot from jobs where batch_id = ? and state = 'queued' and numbering = 'wait'
               order by taken is null, taken, name, id""",
            (batch,),
        ).fetchall()
        last = self._db.execute(
            """select coalesce(max(cast(sequence as integer)), 0) from (
                 select sequence from jobs where batch_id = ?1
                 union all select sequence from provenance where batch_id = ?1)""",
            (batch,),
        ).fetchone()[0]
        groups = _shots(rows)
        width = max(_LEAST_DIGITS, len(str(last + len(groups))))
        self._db.executemany(
            "update jobs set sequence = ?, numbering = null, not_before = 0, lane = ? where id = ?",
            [(f"{number:0{width}}", -batch, job) for number, jobs in enumerate(groups, last + 1) for job in jobs],
        )

    def _only(self, condition: str, *values: object) -> Batch:
        found = self._first(condition, *values)
        assert found is not None
        return found

    def _first(self, condition: str, *values: object) -> Batch | None:
        row = self._db.execute(f"select * from batches where {condition} order by id desc limit 1", values).fetchone()
        return None if row is None else _batch(row)


def _shots(rows: Sequence[sqlite3.Row]) -> list[list[int]]:
    """The ids of the jobs, those of one shot together, in the order of the rows."""
    beside: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in rows:
        beside.setdefault((row["scope"] or "", row["shot"] or ""), []).append(row)
    groups: dict[int, list[int]] = {}
    for group in beside.values():
        for stack in stacks([row["name"] for row in group]):
            ids = [group[index]["id"] for index in stack]
            groups |= dict.fromkeys(ids, ids)
    chosen = {id(group): group for row in rows for group in [groups.setdefault(row["id"], [row["id"]])]}
    return list(chosen.values())


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(
        row["id"],
        row["token"],
        row["inbox_id"],
        row["kind"],
        row["name"],
        json.loads(row["options"]),
        row["problem"],
        bool(row["numbered"]),
        row["cancelled_at"] is not None,
    )
