"""The journal: the write side of the jobs table. Each state change is one UPDATE with the old state in its WHERE.

The methods that change rows run inside a transaction of the caller's (`connect.transaction`), so that a group of
results and what the catalog says of them become true together. Times are UTC text; `not_before` alone is unix seconds.
How a row is read is in jobs, which jobs start next in turns.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from watcher import pairing
from watcher.db import taken
from watcher.db.jobs import (
    HELD_LANE,
    NEVER,
    OPEN,
    Outcome,
    change,
    fate,
    insert,
    listed,
    noticed,
    now,
    remember,
    scope,
    select,
)
from watcher.db.turns import Turns
from watcher.model import OPTIONS_NAME, OPTIONS_REASON, Batch, Claim, Job, State, shown

_IMPOSSIBLE = f"not_before > ? and not_before < {NEVER}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a file is tried, and how long to wait between (seconds; doubled each time up to `max_seconds`)."""

    attempts: int = 3
    first_seconds: float = 5.0
    max_seconds: float = 600.0

    def delay(self, blamed: int) -> float:
        return min(self.max_seconds, self.first_seconds * 2.0 ** max(0, min(blamed - 1, 30)))


class Journal:
    """`connection` is the one writer's. `clock` gives unix seconds."""

    def __init__(
        self, connection: sqlite3.Connection, patience: Patience, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = connection
        self._patience = patience
        self._clock = clock
        self._turns = Turns(connection)
        self._told = 0.0  # jobs that were due by then have been started or told of

    # -- inboxes and new jobs ------------------------------------------------------------------------------------

    def inbox(self, root: str, name: str) -> int:
        """The row id of an inbox; a new one is written down."""
        self._db.execute(
            "insert into inboxes (name, path, first_seen) values (?, ?, ?) on conflict (path) do update set name = ?1",
            (name, os.fsencode(root), now()),
        )
        row = self._db.execute("select id from inboxes where path = ?", (os.fsencode(root),)).fetchone()
        return int(row["id"])

    def knows_inbox(self, root: str) -> bool:
        return self._db.execute("select 1 from inboxes where path = ?", (os.fsencode(root),)).fetchone() is not None

    def add(self, claims: Iterable[tuple[int, Claim]], batches: Mapping[str, Batch] | None = None) -> None:
        """Write down claims, each with its inbox's id. A claim that is there already stays as it is.

        `batches` has, by the claim's token, the batch that it belongs to. What came with options that cannot be
        followed has failed, and what belongs to a cancelled batch is cancelled.
        """
        for inbox, claim in claims:
            batch = (batches or {}).get(claim.token)
            folder, name = os.path.split(claim.path)
            state, reason = fate(batch)
            if batch and state == "queued" and batch.kind == "folder" and claim.path.partition("/")[2] == OPTIONS_NAME:
                state, reason = "ignored", OPTIONS_REASON
            insert(
                self._db,
                claim=claim.token,
                inbox_id=inbox,
                path=os.fsencode(claim.path),
                name=shown(name),
                batch=batch.name if batch else shown(claim.path.partition("/")[0]) if folder else None,
                size=claim.size,
                state=state,
                reason=reason,
                finished_at=None if state == "queued" else now(),
                batch_id=batch.id if batch else None,
                lane=-batch.id if batch else 0,
                numbering="date" if batch and batch.numbered else None,
                scope=scope(inbox, (batch and batch.token) or "", folder),
                shot=pairing.shot(shown(name)),
                **noticed(claim),
            )
            if claim.stamp:
                taken.remember(self._db, inbox, claim)

    def join(self, inbox: int, asset: int, name: str, batch: int | None) -> None:
        """An asset is to be read again with its sidecars, unless that is about to happen already."""
        waiting = "select 1 from jobs where asset_id = ? and kind = 'join' and state = 'queued'"
        if self._db.execute(waiting, (asset,)).fetchone() is None:
            lane = -batch if batch else 0
            values = {"inbox_id": inbox, "asset_id": asset, "path": name.encode(), "name": name}
            insert(self._db, kind="join", state="queued", batch_id=batch, lane=lane, **values)

    # -- starting ------------------------------------------------------------------------------------------------

    def start(self, slots: int, inboxes: Sequence[int]) -> list[Job]:
        """Up to `slots` due jobs of these `inboxes` (ids), now running with their attempt counted."""
        self._told = self._clock()
        self._forget_impossible_waits(self._told)
        chosen = self._turns.next(slots, inboxes, self._told)
        self._db.executemany(
            """update jobs set state = 'running', attempt = attempt + 1, started_at = ?,
               known = coalesce(known, (select max(id) from sidecars), 0) where id = ? and state = 'queued'""",
            [(now(), job) for job in chosen],
        )
        return [self.job(job) for job in chosen]

    def anything_due(self) -> bool:
        """Whether a transaction of `start` would be worth its cost."""
        at = self._clock()
        due = f"select 1 from jobs where state = 'queued' and (not_before <= ? or {_IMPOSSIBLE}) limit 1"
        return self._db.execute(due, (at, at + self._patience.max_seconds)).fetchone() is not None

    def next_due(self) -> float | None:
        """Seconds until a job's back-off is over, or None. That one is over now (0.0) is said once.

        Said again and again, the loop would spin while no worker is free for the job.
        """
        row = self._db.execute(
            "select min(not_before) as due from jobs where state = 'queued' and not_before > ? and not_before < ?",
            (self._told, NEVER),
        ).fetchone()
        if row["due"] is None:
            return None
        at, due = self._clock(), float(row["due"])
        if at < due <= at + self._patience.max_seconds:
            return due - at
        self._told = max(at, due)
        return 0.0

    def _forget_impossible_waits(self, at: float) -> None:
        """Nothing waits for longer than a back-off may last: the clock was set back meanwhile."""
        forget = f"update jobs set not_before = 0 where state = 'queued' and {_IMPOSSIBLE}"
        self._db.execute(forget, (at + self._patience.max_seconds,))

    # -- results: each returns False when the result is stale (another attempt, or no longer running) --------------

    def finish(
        self,
        job: int,
        attempt: int,
        state: State,
        *,
        asset: int | None = None,
        reason: str | None = None,
        surplus: Sequence[str] = (),
        lodged: bool = False,
    ) -> bool:
        """The job is at its end. `surplus`: keys that its discard deletes, unless an asset names them.

        An archive with members is at its end with the last of them: then its own failure is only remembered.
        """
        if change(
            self._db,
            job,
            attempt,
            "state = 'expanded', lodged = max(lodged, ?), reason = ?",
            (lodged, reason),
            "listed > 0",
        ):
            return True
        return change(
            self._db,
            job,
            attempt,
            "state = ?, asset_id = ?, reason = ?, surplus = ?, lodged = max(lodged, ?), finished_at = ?",
            (state, asset, reason, json.dumps(list(surplus)) if surplus else None, lodged, now()),
        )

    def attach(self, job: int, asset: int) -> None:
        self._db.execute("update jobs set asset_id = ? where id = ?", (asset, job))

    def dated(self, job: int, attempt: int, taken: str | None, *, numbered: bool) -> bool:
        """Its date is known: it waits for its number; what gets none goes on at once."""
        if not numbered:
            return change(self._db, job, attempt, "state = 'queued', excused = excused + 1, numbering = null", ())
        return change(
            self._db,
            job,
            attempt,
            "state = 'queued', excused = excused + 1, numbering = 'wait', taken = ?, lane = ?, not_before = ?",
            (taken, HELD_LANE, NEVER),
        )

    def retry(self, job: int, attempt: int, reason: str, died: bool) -> bool:
        """A try that failed: queued again with back-off, or failed when its attempts are used up."""
        if not change(self._db, job, attempt, "deaths = deaths + ?", (int(died),)):
            return False
        remember(self._db, job, "died" if died else "failed", reason)
        blamed: int = self._db.execute("select attempt - excused from jobs where id = ?", (job,)).fetchone()[0]
        if blamed >= self._patience.attempts:
            return self.finish(job, attempt, "failed", reason=f"{reason} ({_tries(blamed)})")
        later = self._clock() + self._patience.delay(blamed)
        return change(self._db, job, attempt, "state = 'queued', reason = ?, not_before = ?", (reason, later))

    def excuse(self, job: int, attempt: int, outcome: Outcome = "stopped", reason: str | None = None) -> bool:
        """Queued again, and the try does not count: the surroundings failed, or a stop was asked for."""
        if not change(self._db, job, attempt, "state = 'queued', excused = excused + 1", ()):
            return False
        remember(self._db, job, outcome, reason)
        return True

    # -- what is nobody's result -------------------------------------------------------------------------------------

    def interrupt(self, job: int, *, blame: bool) -> None:
        """The daemon died while the job ran: that blames nobody, unless the job ran alone because it was a suspect."""
        row = self._db.execute("select attempt from jobs where id = ? and state = 'running'", (job,)).fetchone()
        if row is None:
            return
        if blame:
            self.retry(job, row["attempt"], "the program died while it worked on this file alone", died=True)
        elif self.excuse(job, row["attempt"], "interrupted"):
            self._db.execute("update jobs set interruptions = interruptions + 1 where id = ?", (job,))

    def lose(self, job: int, reason: str) -> None:
        """A job whose source is gone for good is failed, with those of its members that are not finished."""
        self._db.execute(
            f"""update jobs set state = 'failed', reason = ?, finished_at = ?
                where (id = ?3 or parent_id = ?3 or root_id = ?3) and state in {OPEN}""",
            (reason, now(), job),
        )
        taken.forget(self._db, [job])

    def forget(self, job: int) -> None:
        """Drop a row whose file is an unclaimed arrival again."""
        self._db.execute("delete from jobs where id = ? and state in ('queued', 'running')", (job,))
        taken.forget(self._db, [job])
        self._db.execute("delete from attempts where job_id = ?1 and ?1 not in (select id from jobs)", (job,))

    # -- after the commit ------------------------------------------------------------------------------------------

    def unannounced(self, limit: int = 500) -> list[Job]:
        """Finished jobs that nobody was told of, in the order of their ends; an archive behind its members."""
        ended = "where j.announced = 0 and j.finished_at is not null"
        tail = f"{ended} order by j.finished_at, j.parent_id is null, j.id limit ?"
        return select(self._db, tail, (limit,))

    def mark_announced(self, jobs: Iterable[int]) -> None:
        self._db.executemany("update jobs set announced = 1 where id = ?", [(job,) for job in jobs])

    def undiscarded(self, inboxes: Sequence[int], limit: int = 500) -> list[Job]:
        """Finished jobs of these inboxes whose spool copy is still to be let go of; an archive after its members."""
        members = "select 1 from jobs c where c.parent_id = j.id and c.discarded = 0"
        ended = f"where j.discarded = 0 and j.finished_at is not null and not exists ({members})"
        tail = f"{ended} and j.inbox_id in {listed(inboxes)} order by j.id limit ?"
        return select(self._db, tail, (limit,))

    def mark_discarded(self, jobs: Iterable[tuple[int, str | None]]) -> None:
        """Jobs (id, where the failed file lies below its inbox, or None) whose spool copy is gone."""
        self._db.executemany(
            "update jobs set discarded = 1, left_at = ? where id = ?",
            [(None if left is None else os.fsencode(left), job) for job, left in jobs],
        )

    def undo_discard(self, claim: str) -> bool:
        """Whether `claim` is of a discarded job: its spool copy is there after all, so it is to be discarded again."""
        cursor = self._db.execute(
            "update jobs set discarded = 0, left_at = null where claim = ? and discarded = 1", (claim,)
        )
        return cursor.rowcount == 1

    # -- looking ---------------------------------------------------------------------------------------------------

    def job(self, job: int) -> Job:
        return select(self._db, "where j.id = ?", (job,))[0]

    def jobs(self, ids: Sequence[int]) -> list[Job]:
        """Those of these jobs that there are."""
        return select(self._db, f"where j.id in {listed(ids)} order by j.id")

    def last_id(self) -> int:
        return int(self._db.execute("select coalesce(max(id), 0) from jobs").fetchone()[0])

    def states(self, *, after: int, beside: Iterable[int] = ()) -> dict[str, int]:
        """How many of the jobs with an id above `after`, and of those `beside`, are in each state."""
        rows = self._db.execute(
            f"select state, count(*) as n from jobs where id > ? or id in {listed([*beside])} group by state", (after,)
        )
        return {row["state"]: row["n"] for row in rows}

    def running(self) -> list[Job]:
        return select(self._db, "where j.state = 'running'")

    def unfinished(self) -> list[Job]:
        """Jobs that are not at their end: recovery goes through them at the start."""
        return select(self._db, f"where j.state in {OPEN} order by j.id")

    def claims(self) -> set[str]:
        """Every claim that the journal still has a spool folder to account for."""
        rows = self._db.execute("select claim from jobs where claim is not null and discarded = 0")
        return {row["claim"] for row in rows}

    def open_count(self, inboxes: Sequence[int]) -> int:
        """How many claimed files of these inboxes are not at their end.

        Members of archives do not count; nor does what waits for the end of its batch, which may be far behind it.
        """
        row = self._db.execute(
            f"select count(*) as n from jobs where claim is not null and discarded = 0 and state in {OPEN}"
            f" and numbering is not 'wait' and inbox_id in {listed(inboxes)}"
        ).fetchone()
        return int(row["n"])

    def left_in_spools(self, inboxes: Sequence[int]) -> list[tuple[str, int]]:
        """(path of an inbox, how many of its claimed files are not at their end), for all but these inboxes."""
        rows = self._db.execute(
            f"""select i.path, count(*) as n from jobs j join inboxes i on i.id = j.inbox_id
                where j.claim is not null and j.discarded = 0 and j.state in {OPEN}
                and j.inbox_id not in {listed(inboxes)} group by i.id"""
        )
        return [(os.fsdecode(row["path"]), int(row["n"])) for row in rows]

    def copies_in_work(self, inbox: int) -> int:
        """How many files that stay in this inbox are not at their end: copies of them lie in the library's spool."""
        query = f"select count(*) from jobs where inbox_id = ? and copied = 1 and claim is not null and state in {OPEN}"
        return int(self._db.execute(query, (inbox,)).fetchone()[0])

    def unfinished_count(self, inboxes: Sequence[int]) -> int:
        row = self._db.execute(
            f"select count(*) as n from jobs where state in {OPEN} and inbox_id in {listed(inboxes)}"
        ).fetchone()
        return int(row["n"])


def _tries(count: int) -> str:
    return "tried once" if count == 1 else f"tried {count} times"
