"""The catalog as one file: copied while the daemon works, judged before it is trusted, put in the catalog's place.

Who may do that when is the commands' to say, and what stands in the library beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from watcher.db import connect, soundness
from watcher.db.jobs import OPEN, now
from watcher.errors import DatabaseError, LockedError
from watcher.filesystem import fsync_directory, fsync_file, rename_noreplace
from watcher.showing import shown

PAGES = 1000  # copied between two looks at the clock, at Ctrl-C, at who is told
GROUNDED = "it was on its way when the backup was made; what became of it since, watcher verify and repair find out"
_OURS = {"assets", "jobs", "_sqlite_migrations"}


@dataclass(frozen=True, slots=True)
class Held:
    """What a catalog holds: how many assets; `older`: it was made by an older version of the program."""

    assets: int
    older: bool


def copy(source: sqlite3.Connection, path: str, tell: Callable[[int, int], None] = lambda left, all_: None) -> None:
    """Copy the catalog as it is at one moment into a new file, which needs no other beside it; it is on the disk then.

    `tell` is told how many of all pages are left. Raises sqlite3.Error and OSError.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
        # left to itself SQLite begins anew whenever somebody else has written between two steps: beside a daemon at
        # work that never ends. Within a reader's transaction it sees one moment, and keeps nobody from writing.
        source.execute("begin")
        try:
            source.execute("select 1 from sqlite_master limit 1").fetchone()
            source.backup(target, pages=PAGES, progress=lambda status, left, all_: tell(left, all_))
        finally:
            source.execute("rollback")
        target.execute("pragma journal_mode = delete")
    fsync_file(path)


def judge(path: str, called: str) -> Held:
    """What a copy holds, which is a whole catalog that this program can read. `called`: whose copy it is.

    Raises DatabaseError, which says what is wrong with it.
    """
    called = shown(called)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            tables = {row["name"] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            if not tables >= _OURS:
                raise DatabaseError(f"{called} is no catalog of photo-watcher")
            older = connect.is_older(connection, called)
            if damage := soundness.damage(connection):
                raise DatabaseError(f"{called} is damaged ({damage[0]})")
            _judge_words(connection, called)
            assets = connection.execute("select count(*) from assets").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise DatabaseError(f"{called} cannot be read as a catalog: {error}") from None
    return Held(int(assets), older)


def _judge_words(connection: sqlite3.Connection, called: str) -> None:
    connection.execute("begin")  # FTS5 checks by an INSERT, which changes nothing
    try:
        connection.execute("insert into assets_fts(assets_fts) values ('integrity-check')")
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"the index of words in {called} is damaged ({error})") from None
    finally:
        connection.execute("rollback")


def modernise(path: str) -> None:
    """Bring a copy that was judged up to date, and take what was in flight when it was made out of flight."""
    with contextlib.closing(connect.open_writer(path)) as connection, connect.transaction(connection):
        ground(connection)
    fsync_file(path)


def ground(connection: sqlite3.Connection) -> None:
    """Nothing is in flight any more; inside a transaction of the caller's.

    Time has gone on since the backup: a file that was being taken is in the library, or in failed/, or still lies in
    the spool. There it is found by recovery, which takes it as new when no row claims it. What was to be deleted
    stays: something else may stand under its name by now.
    """
    unsettled = f"kind = 'file' and (state in {OPEN} or discarded = 0 and state in ('failed', 'cancelled'))"
    connection.execute(f"delete from taken where job_id in (select id from jobs where {unsettled})")
    connection.execute(
        f"""update jobs set reason = case when state in {OPEN} then ? else reason end, state = 'cancelled',
              finished_at = coalesce(finished_at, ?), announced = 1, discarded = 1, claim = null, surplus = null,
              numbering = null
            where {unsettled}""",
        (GROUNDED, now()),
    )
    connection.execute(
        f"""update jobs set discarded = 1, claim = null, surplus = null
            where discarded = 0 and state not in {OPEN}"""
    )


def exchange(new: str, database: str) -> str | None:
    """Put the catalog `new` into the place of the one at `database`; where that one lies now, None when there was none.

    The caller holds the library's lock. There is a catalog at each moment, unless links cannot be made there. Raises
    LockedError while another program has the catalog open, OSError.
    """
    kept = f"{database}.before-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    there = os.path.lexists(database)
    if there:
        _settle(database)
    for suffix in ("-wal", "-shm"):  # of a damaged catalog, or of one that is gone: they would be read into the new one
        with contextlib.suppress(FileNotFoundError):
            os.rename(database + suffix, kept + suffix)
    if there:
        _keep(database, kept)
    os.replace(new, database)
    fsync_directory(os.path.dirname(database))
    return kept if there else None


def _settle(database: str) -> None:
    """Let the file be all of the catalog, with no log beside it. One that is damaged stays as it is."""
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=connect.BUSY_SECONDS, isolation_level=None)) as old:
            old.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as error:
        raise LockedError(
            f"another program has the catalog {shown(database)} open ({error}): end it, then restore again"
        ) from None
    except sqlite3.DatabaseError:
        return


def _keep(database: str, kept: str) -> None:
    try:
        os.link(database, kept)
    except FileExistsError:
        raise
    except OSError:  # no links on this file system
        rename_noreplace(database, kept)
