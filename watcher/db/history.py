"""Jobs that ended long ago become history: their rows go, what must be known of a picture stays in provenance (drops).

How many went is counted in `folded`, by batch, archive and state. A row stays, however old it is, while

- it, its archive or its batch is not at its end, or somebody is still to be told of it;
- it is a sidecar's, or an archive's of whose members there are rows;
- it failed or was stopped, and its file lies in failed/, or where it was in an inbox whose files stay.

What was taken of such an inbox stands by itself (taken): a changed file is known by its digest all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from watcher.db.batch_views import COUNTED
from watcher.db.connect import transaction
from watcher.db.jobs import OPEN, listed
from watcher.showing import utc

WINDOW = 1000  # rows a step: a few hundredths of a second

_OVER = f"{{0}}.state not in {OPEN} and {{0}}.announced = 1 and {{0}}.discarded = 1 and {{0}}.finished_at < :before"
_FINISHED_BATCH = f"""exists (
      select 1 from batches b where b.id = j.batch_id and (b.closed_at is not null or b.cancelled_at is not null))
    and not exists (select 1 from jobs o where o.batch_id = j.batch_id and o.state in {OPEN})"""
_NEEDED = """exists (select 1 from sidecars s where s.job_id = j.id)
    or exists (select 1 from jobs c where c.parent_id = j.id) or exists (select 1 from jobs c where c.root_id = j.id)"""
_UNTAKEN = "j.state in ('failed', 'cancelled')"
# whose file has the bytes of a job that was not taken: its own, that of the archive it is in, of the one dropped
_HOLDER = "case when j.left_at is not null then j.id when p.left_at is not null then p.id else coalesce(r.id, j.id) end"
_RIPE = f"""select j.id, case when {_UNTAKEN} then h.left_at end as left_at, i.path as inbox
  from jobs j join inboxes i on i.id = j.inbox_id left join jobs p on p.id = j.parent_id
    left join jobs r on r.id = coalesce(j.root_id, j.parent_id) join jobs h on h.id = {_HOLDER}
  where j.id between :first and :last and {_OVER.format("j")} and (r.id is null or {_OVER.format("r")})
    and (j.batch_id is null or {_FINISHED_BATCH}) and not ({_NEEDED})
    and not ({_UNTAKEN} and h.copied = 1 and h.id in (select job_id from taken))"""
_COUNT = f"""insert into folded (batch_id, parent_id, state, jobs, files, bytes, ended_at)
  select coalesce(batch_id, 0), coalesce(parent_id, 0), state, count(*), sum({COUNTED}),
    sum(case when {COUNTED} then coalesce(size, 0) else 0 end), max(finished_at)
  from jobs j where id in {{}} and kind = 'file' group by 1, 2, 3
  on conflict do update set jobs = jobs + excluded.jobs, files = files + excluded.files,
    bytes = bytes + excluded.bytes, ended_at = max(ended_at, excluded.ended_at)"""


def since(days: int, now: float) -> str:
    """The time `days` before `now` (unix seconds), as rows have it."""
    return utc(now - days * 86_400)


class History:
    """Goes through the journal from its oldest row on, again and again. `connection` is the one writer's.

    `lies` says whether the file that was left at a place (both bytes: the inbox's path, the place below it) is there,
    or may be: an inbox that is not mounted has them all.
    """

    def __init__(self, connection: sqlite3.Connection, lies: Callable[[bytes, bytes], bool]) -> None:
        self._db, self._lies = connection, lies
        self._next = 0
        self._folded = 0  # in this round

    def step(self, before: str) -> bool:
        """Fold what ended before this time (UTC) among the next WINDOW rows; whether there is more to look at.

        Raises sqlite3.OperationalError when somebody else writes the catalog.
        """
        rows = self._db.execute(
            "select id, created_at from jobs where id >= ? order by id limit ?", (self._next, WINDOW)
        ).fetchall()
        if not rows or rows[0]["created_at"] >= before:  # what came later ended later
            again, self._next, self._folded = self._folded > 0, 0, 0  # with the last of its members an archive goes
            return again
        self._fold(rows[0]["id"], rows[-1]["id"], before)
        self._next = rows[-1]["id"] + 1
        return True

    def _fold(self, first: int, last: int, before: str) -> None:
        span = {"first": first, "last": last, "before": before}
        with transaction(self._db, durable=False):
            ripe = [row["id"] for row in self._db.execute(_RIPE, span).fetchall() if not self._is_left(row)]
            if ripe:
                forget(self._db, ripe)
        self._folded += len(ripe)

    def _is_left(self, row: sqlite3.Row) -> bool:
        return row["left_at"] is not None and self._lies(row["inbox"], row["left_at"])


def forget(connection: sqlite3.Connection, jobs: Sequence[int]) -> None:
    """The rows of these jobs go, and are counted."""
    chosen = listed(jobs)
    connection.execute(_COUNT.format(chosen))
    connection.execute(f"delete from attempts where job_id in {chosen}")
    connection.execute(f"delete from jobs where id in {chosen}")
