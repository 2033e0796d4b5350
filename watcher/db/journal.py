"""The journal: the write side of the jobs table. Each state change is one UPDATE with the old state in its WHERE.

The methods that change rows run inside a transaction of the caller's (`connect.transaction`), so that a group of
results and what the catalog says of them become true together. Times are UTC text; `not_before` alone is unix seconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watcher.model import FINISHED, Claim, Job, Member, State, shown

_FINISHED = "('" + "','".join(FINISHED) + "')"
# What took its worker along twice, or was there when the daemon died three times, runs alone and after the others:
# then a death proves something.
_SUSPECT = "(deaths >= 2 or interruptions >= 3)"


_COLUMNS = f"""j.id, j.state, j.attempt, j.claim, j.parent_id, j.member, j.inbox_id, j.path, j.name, j.size,
  j.finished_at, j.reason,
  {_SUSPECT.replace("deaths", "j.deaths").replace("interruptions", "j.interruptions")} as suspect,
  p.claim as archive_claim, p.path as archive_path, j.asset_id, j.surplus, j.left_at"""
_JOBS = f"select {_COLUMNS} from jobs j left join jobs p on p.id = j.parent_id"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
        self._last_lane = -1
        self._asked = 0.0  # when `start` last asked what was due

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

    def add(self, claims: Iterable[tuple[int, Claim]]) -> None:
        """Write down claims, each with its inbox's id. A claim that is there already stays as it is."""
        self._db.executemany(
            """insert into jobs (claim, inbox_id, path, name, batch, size, state, created_at)
               values (?, ?, ?, ?, ?, ?, 'queued', ?) on conflict (claim) do nothing""",
            [
                (
                    c.token,
                    inbox,
                    os.fsencode(c.path),
                    shown(os.path.basename(c.path)),
                    _folder_batch(c.path),
                    c.size,
                    now(),
                )
                for inbox, c in claims
            ],
        )

    # -- starting ------------------------------------------------------------------------------------------------

    def start(self, slots: int, inboxes: Sequence[int]) -> list[Job]:
        """Up to `slots` due jobs of these `inboxes` (ids), now running with their attempt counted.

        Lanes (loose files are one, each archive another) take turns. A suspect runs when nothing else does.
        """
        self._asked = self._clock()
        chosen = self._due(slots, inboxes)
        for job in chosen:
            self._db.execute(
                """update jobs set state = 'running', attempt = attempt + 1, started_at = ?
                   where id = ? and state = 'queued'""",
                (now(), job),
            )
        return [self.job(job) for job in chosen]

    def anything_due(self) -> bool:
        """Whether a transaction of `start` would be worth its cost."""
        due = "select 1 from jobs where state = 'queued' and not_before <= ? limit 1"
        return self._db.execute(due, (self._clock(),)).fetchone() is not None

    def _due(self, slots: int, inboxes: Sequence[int]) -> list[int]:
        if slots <= 0 or self._one("select 1 from jobs where state = 'running' and " + _SUSPECT):
            return []
        lanes = self._lanes()
        queues = [self._queue(lane, slots, inboxes) for lane in lanes]
        chosen = [
            (lane, job)
            for turn in range(slots)
            for lane, q in zip(lanes, queues, strict=True)
            for job in q[turn : turn + 1]
        ]
        if chosen:
            self._last_lane = chosen[:slots][-1][0]
            return [job for _, job in chosen[:slots]]
        if self._one("select 1 from jobs where state = 'running'"):
            return []
        return self._queue(None, 1, inboxes)

    def _lanes(self) -> list[int]:
        """The lanes with queued jobs, beginning behind the one served last; one index look-up a lane."""
        rows = self._db.execute(
            """with recursive lanes (lane) as (
                 select min(lane) from jobs where state = 'queued'
                 union all
                 select (select min(lane) from jobs where state = 'queued' and lane > lanes.lane)
                 from lanes where lanes.lane is not null)
               select lane from lanes where lane is not null"""
        )
        lanes = [int(row["lane"]) for row in rows]
        return [lane for lane in lanes if lane > self._last_lane] + [lane for lane in lanes if lane <= self._last_lane]

    def _queue(self, lane: int | None, limit: int, inboxes: Sequence[int]) -> list[int]:
        """Due jobs of a lane that may run beside others, oldest first; with no lane, those that must run alone."""
        where = f"lane = {lane} and not {_SUSPECT}" if lane is not None else _SUSPECT
        rows = self._db.execute(
            f"""select id from jobs where state = 'queued' and {where} and not_before <= ?
                and inbox_id in {_listed(inboxes)} order by id limit ?""",
            (self._asked, limit),
        )
        return [int(row["id"]) for row in rows]

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
    ) -> bool:
        return self._change(
            job,
            attempt,
            "state = ?, asset_id = ?, reason = ?, surplus = ?, finished_at = ?",
            (state, asset, reason, json.dumps(list(surplus)) if surplus else None, now()),
        )

    def attach(self, job: int, asset: int) -> None:
        self._db.execute("update jobs set asset_id = ? where id = ?", (asset, job))

    def expand(self, job: int, attempt: int, members: Sequence[Member]) -> bool:
        """An archive's members become jobs of their own; the pair (parent, member) makes it repeatable."""
        if not self._change(job, attempt, "state = 'expanded'", ()):
            return False
        inbox, batch = self._db.execute("select inbox_id, name from jobs where id = ?", (job,)).fetchone()
        self._db.executemany(
            """insert into jobs (parent_id, member, inbox_id, path, name, batch, lane, size, state, created_at,
                 finished_at, reason)
               values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (parent_id, member) do nothing""",
            [
                (
                    job,
                    m.index,
                    inbox,
                    m.path.encode("utf-8", "surrogateescape"),
                    shown(m.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or m.path),
                    batch,
                    job,
                    min(m.size, 2**63 - 1),
                    "ignored" if m.junk else "queued",
                    now(),
                    now() if m.junk else None,
                    "folder litter of an operating system" if m.junk else None,
                )
                for m in members
            ],
        )
        return True

    def retry(self, job: int, attempt: int, reason: str, died: bool) -> State | None:
        """A try that failed: queued again with back-off, or failed when its attempts are used up. The new state."""
        row = self._db.execute("select attempt - excused as blamed from jobs where id = ?", (job,)).fetchone()
        if row is None:
            return None
        self._db.execute("update jobs set deaths = deaths + ? where id = ? and attempt = ?", (int(died), job, attempt))
        if row["blamed"] >= self._patience.attempts:
            tried = f"{reason} (tried {row['blamed']} times)"
            return "failed" if self.finish(job, attempt, "failed", reason=tried) else None
        later = self._clock() + self._patience.delay(row["blamed"])
        changed = self._change(job, attempt, "state = 'queued', reason = ?, not_before = ?", (reason, later))
        return "queued" if changed else None

    def excuse(self, job: int, attempt: int) -> bool:
        """Queued again, and the try does not count: the surroundings failed, or a stop was asked for."""
        return self._change(job, attempt, "state = 'queued', excused = excused + 1", ())

    def interrupt(self, job: int, *, blame: bool) -> None:
        """The daemon died while the job ran: that blames nobody, unless the job ran alone because it was a suspect."""
        row = self._db.execute("select attempt from jobs where id = ? and state = 'running'", (job,)).fetchone()
        if row is None:
            return
        if blame:
            self.retry(job, row["attempt"], "the program died while it worked on this file alone", died=True)
            return
        self._db.execute(
            "update jobs set state = 'queued', excused = excused + 1, interruptions = interruptions + 1 where id = ?",
            (job,),
        )

    def close_archives(self) -> list[int]:
        """Archives whose last member is finished become done, or failed when a member failed. Their ids."""
        rows = self._db.execute(
            """select id, (select count(*) from jobs c where c.parent_id = a.id) as members,
                  (select count(*) from jobs c where c.parent_id = a.id and c.state = 'failed') as failed
                from jobs a where a.state = 'expanded'
                  and not exists (select 1 from jobs c where c.parent_id = a.id
                    and c.state in ('queued', 'running', 'expanded'))"""
        ).fetchall()
        for row in rows:
            reason = f"{row['failed']} of {row['members']} members failed" if row["failed"] else None
            self._db.execute(
                "update jobs set state = ?, reason = ?, finished_at = ? where id = ?",
                ("failed" if row["failed"] else "done", reason, now(), row["id"]),
            )
        return [int(row["id"]) for row in rows]

    def lose(self, job: int, reason: str) -> None:
        """A job whose source is gone for good is failed, with those of its members that are not finished."""
        self._db.execute(
            f"""update jobs set state = 'failed', reason = ?, finished_at = ?
                where (id = ? or parent_id = ?) and state not in {_FINISHED}""",
            (reason, now(), job, job),
        )

    def forget(self, job: int) -> None:
        """Drop a row whose file is an unclaimed arrival again."""
        self._db.execute("delete from jobs where id = ? and state in ('queued', 'running')", (job,))

    def _change(self, job: int, attempt: int, assignments: str, values: tuple[object, ...]) -> bool:
        cursor = self._db.execute(
            f"update jobs set {assignments} where id = ? and state = 'running' and attempt = ?", (*values, job, attempt)
        )
        return cursor.rowcount == 1

    # -- after the commit ------------------------------------------------------------------------------------------

    def unannounced(self, limit: int = 500) -> list[Job]:
        return self._jobs(
            f"where j.announced = 0 and j.state in {_FINISHED} order by j.finished_at, j.id limit {limit}"
        )

    def mark_announced(self, jobs: Iterable[int]) -> None:
        self._db.executemany("update jobs set announced = 1 where id = ?", [(job,) for job in jobs])

    def undiscarded(self, inboxes: Sequence[int], limit: int = 500) -> list[Job]:
        """Finished jobs of these inboxes whose spool copy is still to be let go of."""
        return self._jobs(
            f"where j.discarded = 0 and j.state in {_FINISHED} and j.inbox_id in {_listed(inboxes)} "
            f"order by j.id limit {limit}"
        )

    def mark_discarded(self, jobs: Iterable[tuple[int, str | None]]) -> None:
        """Jobs (id, where the failed file lies below its inbox, or None) whose spool copy is gone."""
        self._db.executemany(
            "update jobs set discarded = 1, left_at = ? where id = ?",
            [(None if left is None else os.fsencode(left), job) for job, left in jobs],
        )

    # -- looking ---------------------------------------------------------------------------------------------------

    def job(self, job: int) -> Job:
        return self._jobs(f"where j.id = {int(job)}")[0]

    def unfinished(self) -> list[Job]:
        """Jobs that are not at their end: recovery goes through them at the start."""
        return self._jobs(f"where j.state not in {_FINISHED} order by j.id")

    def claims(self) -> set[str]:
        """Every claim that the journal still has a spool folder to account for."""
        rows = self._db.execute(
            f"select claim from jobs where claim is not null and (discarded = 0 or state not in {_FINISHED})"
        )
        return {row["claim"] for row in rows}

    def failed_members(self, job: int) -> list[tuple[str, str]]:
        """(name, reason) of an archive's members that failed."""
        rows = self._db.execute(
            "select name, reason from jobs where parent_id = ? and state = 'failed' order by member", (job,)
        )
        return [(row["name"], row["reason"] or "") for row in rows]

    def open_count(self) -> int:
        """How many claimed files are not at their end (members of archives do not count)."""
        row = self._db.execute(
            "select count(*) as n from jobs where state in ('queued', 'running', 'expanded') and lane = 0"
        ).fetchone()
        return int(row["n"])

    def unfinished_count(self, inboxes: Sequence[int]) -> int:
        row = self._db.execute(
            f"""select count(*) as n from jobs where state in ('queued', 'running', 'expanded')
                and inbox_id in {_listed(inboxes)}"""
        ).fetchone()
        return int(row["n"])

    def next_due(self) -> float | None:
        """Seconds until a job that `start` passed over for its back-off is due, or None."""
        row = self._db.execute(
            "select min(not_before) as due from jobs where state = 'queued' and not_before > ?", (self._asked,)
        ).fetchone()
        return None if row["due"] is None else max(0.0, row["due"] - self._clock())

    def running(self) -> list[Job]:
        return self._jobs("where j.state = 'running'")

    def _one(self, query: str) -> bool:
        return self._db.execute(query + " limit 1").fetchone() is not None

    def _jobs(self, tail: str) -> list[Job]:
        return list(self._rows(f"{_JOBS} {tail}"))

    def _rows(self, query: str) -> Iterator[Job]:
        for row in self._db.execute(query):
            yield Job(
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
                finished_at=row["finished_at"],
                reason=row["reason"],
                suspect=bool(row["suspect"]),
                archive_claim=row["archive_claim"],
                archive_path=None if row["archive_path"] is None else os.fsdecode(row["archive_path"]),
                asset_id=row["asset_id"],
                surplus=tuple(json.loads(row["surplus"] or "[]")),
                left_at=None if row["left_at"] is None else os.fsdecode(row["left_at"]),
            )


def _folder_batch(path: str) -> str | None:
    """A file dropped inside a folder belongs to the batch of the top folder's name."""
    top, slash, _ = path.partition("/")
    return shown(top) if slash else None


def _listed(ids: Sequence[int]) -> str:
    return "(" + ",".join(str(int(one)) for one in ids) + ")"
