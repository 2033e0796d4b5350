"""Whose turn it is: which queued jobs start next, so that nobody waits behind somebody else's thousands. Only selects.

Lanes take turns: loose files are one lane, each batch is another. A suspect runs when nothing else does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from watcher.db.jobs import HELD_LANE, SUSPECT, listed

# Of two that read one asset again at the same time, the one that knows less could be the last to say what it is.
_ALONE = """not (kind = 'join' and exists (select 1 from jobs as other
    where other.asset_id = jobs.asset_id and other.kind = 'join' and other.state = 'running'))"""


class Turns:
    """Remembers which lane was served last: the next one begins."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._last_lane = -1

    def next(self, slots: int, inboxes: Sequence[int], now: float) -> list[int]:
        """The ids of up to `slots` jobs of these `inboxes` (ids) that are due `now` (unix seconds)."""
        if slots <= 0 or self._is_any_running(SUSPECT):
            return []
        chosen = self._in_turn(slots, inboxes, now)
        if chosen or self._is_any_running("true"):
            return chosen
        return self._due(SUSPECT, 1, inboxes, now)

    def _in_turn(self, slots: int, inboxes: Sequence[int], now: float) -> list[int]:
        """One of each lane, then the second ones, and so on, until the slots are taken."""
        queues = {lane: self._due(f"lane = {lane} and not {SUSPECT}", slots, inboxes, now) for lane in self._lanes()}
        turns = [(lane, job) for turn in range(slots) for lane, jobs in queues.items() for job in jobs[turn : turn + 1]]
        if turns:
            self._last_lane = turns[:slots][-1][0]
        return [job for _, job in turns[:slots]]

    def _lanes(self) -> list[int]:
        """The lanes with queued jobs, beginning behind the one served last; one index look-up a lane."""
        rows = self._db.execute(
            """with recursive lanes (lane) as (
                 select min(lane) from jobs where state = 'queued' and lane > ?
                 union all
                 select (select min(lane) from jobs where state = 'queued' and lane > lanes.lane)
                 from lanes where lanes.lane is not null)
               select lane from lanes where lane is not null""",
            (HELD_LANE,),
        )
        lanes = [int(row["lane"]) for row in rows]
        return [lane for lane in lanes if lane > self._last_lane] + [lane for lane in lanes if lane <= self._last_lane]

    def _due(self, condition: str, limit: int, inboxes: Sequence[int], now: float) -> list[int]:
        rows = self._db.execute(
            # left to itself SQLite prefers the index over not_before, and sorts a lane's thousands for its first few
            f"""select id from jobs indexed by jobs_by_lane where state = 'queued' and {condition} and not_before <= ?
                and inbox_id in {listed(inboxes)} and {_ALONE} order by id limit ?""",
            (now, limit),
        )
        return [int(row["id"]) for row in rows]

    def _is_any_running(self, condition: str) -> bool:
        query = f"select 1 from jobs where state = 'running' and {condition} limit 1"
        return self._db.execute(query).fetchone() is not None
