"""What was taken of the inboxes whose files stay where they are: path and stamp, and the job that it became.

A row is written with its job, and stays when the file goes or its disk is away: an empty folder proves nothing. It goes
when the file is to be taken again. When that is asked for is recovery's and a person's business.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from watcher.db.connect import transaction
from watcher.errors import UnavailableError
from watcher.model import Claim, Stamp

# of the asset or the sidecar that the file became; an archive, or what failed, has none
_DIGEST = """select coalesce(
    (select a.digest from provenance p join assets a on a.id = p.asset_id where p.job_id = t.job_id),
    (select s.digest from sidecars s where s.job_id = t.job_id))
  from taken t where t.inbox_id = ? and t.path = ?"""


def remember(connection: sqlite3.Connection, inbox: int, claim: Claim) -> None:
    """The file of a claim that is in the journal was taken as `claim.stamp` says."""
    assert claim.stamp is not None
    stamp = (claim.stamp.size, claim.stamp.mtime_ns, claim.stamp.inode)
    connection.execute(
        """insert or replace into taken (inbox_id, path, size, mtime_ns, inode, job_id)
           select ?, ?, ?, ?, ?, id from jobs where claim = ?""",
        (inbox, os.fsencode(claim.path), *stamp, claim.token),
    )


def forget(connection: sqlite3.Connection, jobs: Sequence[int]) -> None:
    """The files that became these jobs are to be taken again, when they are there. In the caller's transaction."""
    connection.executemany("delete from taken where job_id = ?", [(job,) for job in jobs])


def stamps(connection: sqlite3.Connection, inbox: int) -> Iterator[tuple[str, Stamp]]:
    """Each path below the inbox that was taken, and what its file was then."""
    query = "select path, size, mtime_ns, inode from taken where inbox_id = ?"
    for path, size, mtime_ns, inode in connection.execute(query, (inbox,)):
        yield os.fsdecode(path), Stamp(size, mtime_ns, inode)


def read(connection: sqlite3.Connection, root: str) -> Taken:
    """What was taken of the inbox at `root` (absolute), for one who only reads."""
    row = connection.execute("select id from inboxes where path = ?", (os.fsencode(root),)).fetchone()
    memory = Taken(connection, lambda: int(row[0]) if row else 0)
    memory.refresh()
    return memory


class Taken:
    """The rows of one inbox in memory, some 400 bytes each: a scan asks for every file that stays there.

    `connection` is the one writer's. `inbox` gives the inbox's row id, and is asked when that is needed first.
    """

    def __init__(self, connection: sqlite3.Connection, inbox: Callable[[], int]) -> None:
        self._db = connection
        self._find_inbox = inbox
        self._id: int | None = None
        self._stamps: dict[str, Stamp] = {}
        self._version: int | None = None

    def open(self) -> int:
        """The inbox's row id. The next `refresh` reads all of it: recovery may come in between."""
        self._version = None
        return self._inbox()

    def _inbox(self) -> int:
        if self._id is None:
            self._id = self._find_inbox()
        return self._id

    def stamp(self, path: str) -> Stamp | None:
        """What the file at `path` below the inbox was when it was taken last; None: it never was."""
        return self._stamps.get(path)

    def note(self, path: str, stamp: Stamp) -> None:
        """It is taken. Its row comes with its job (`remember`); until then nothing may be read anew."""
        self._stamps[path] = stamp

    def digest(self, path: str) -> str | None:
        """SHA-256 of its bytes when it was taken, hex; None where that is not known. Raises UnavailableError."""
        try:
            row = self._db.execute(_DIGEST, (self._inbox(), os.fsencode(path))).fetchone()
        except sqlite3.OperationalError as error:
            raise UnavailableError(f"the catalog cannot be read: {error}") from None
        return row[0] if row else None

    def renew(self, path: str, stamp: Stamp) -> None:
        """It is the same as before, but for its stamp. Raises UnavailableError when that cannot be written down."""
        columns = "size = ?, mtime_ns = ?, inode = ?"
        values = (stamp.size, stamp.mtime_ns, stamp.inode, self._inbox(), os.fsencode(path))
        try:
            with transaction(self._db, durable=False):
                self._db.execute(f"update taken set {columns} where inbox_id = ? and path = ?", values)
        except sqlite3.OperationalError as error:
            raise UnavailableError(f"the catalog cannot be written: {error}") from None
        self._stamps[path] = stamp

    def refresh(self) -> list[str]:
        """Read it again where another program has changed it: the paths that it has forgotten.

        Other programs only forget. Not to be asked while something is noted that has no row yet.
        """
        version = int(self._db.execute("pragma data_version").fetchone()[0])
        if version == self._version:
            return []
        count = self._db.execute("select count(*) from taken where inbox_id = ?", (self._inbox(),)).fetchone()[0]
        before, known = self._stamps, self._version is not None
        if not known or count != len(before):
            self._stamps = dict(stamps(self._db, self._inbox()))
        self._version = version
        return [path for path in before if path not in self._stamps] if known else []
