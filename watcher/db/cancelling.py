"""Stopping a batch: what has not begun is cancelled, what runs is finished. Of the daemon's rows only these change.

What becomes of the files is the daemon's to say, as for all jobs that are at their end: they go to failed/.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from watcher.db.jobs import now
from watcher.model import CANCELLED_REASON


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many files were stopped, how many are being worked on, and whether it could have had more."""

    files: int
    running: int
    was_open: bool


def cancel(connection: sqlite3.Connection, batch: int) -> Stopped:
    """Cancel the batch, inside a transaction of the caller's. What comes for it later is cancelled as it comes.

    One with nothing left to stop stays as it is: it was not cancelled, it was taken.
    """
    is_open = connection.execute(
        "select closed_at is null and cancelled_at is null from batches where id = ?", (batch,)
    ).fetchone()[0]
    ended = connection.execute(
        """update jobs set state = 'cancelled', reason = ?, finished_at = ?
           where batch_id = ? and kind = 'file' and state = 'queued'""",
        (CANCELLED_REASON, now(), batch),
    ).rowcount
    running = connection.execute(
        "select count(*) from jobs where batch_id = ? and kind = 'file' and state = 'running'", (batch,)
    ).fetchone()[0]
    if ended or is_open:
        connection.execute("update batches set cancelled_at = ? where id = ? and cancelled_at is null", (now(), batch))
    return Stopped(ended, running, bool(is_open))
