"""Making a library ours for this process's life: its folder, its lock, a dead daemon's workers and leftovers.

The order is part of the crash safety: whoever holds the lock may trust that no other daemon, and no worker of a dead
one, still writes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence

from watcher import chronicle, filesystem
from watcher.db import connect
from watcher.errors import ConfigError, DatabaseError, FatalError, LockedError
from watcher.model import shown
from watcher.storage.base import PRIVATE

_PROBE_SECONDS = 1.0  # `watcher status` holds the lock for an instant
_WORKERS_SECONDS = 30.0


def bring_up_to_date(database: str) -> bool:
    """Migrate a catalog of an older version, when nobody works on its library; whether that could be done.

    One that lies elsewhere than in its library is left to the daemon: there is no lock beside it to be held.
    """
    try:
        descriptor = os.open(os.path.join(os.path.dirname(database), "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not _locked_within(descriptor, _PROBE_SECONDS):
            return False
        connect.open_writer(database).close()
    except (OSError, sqlite3.Error):
        return False
    finally:
        os.close(descriptor)
    return True


class Library:
    """The library at `root`, with its catalog at `database`. `open` raises ConfigError, LockedError or FatalError."""

    def __init__(self, root: str, database: str) -> None:
        self.root = root
        self.private = os.path.join(root, PRIVATE)
        self.workers_lock = os.path.join(self.private, "workers.lock")
        self._database = database
        self._lock: int | None = None
        self._root: int | None = None
        self._opened: tuple[int, int] | None = None  # device and inode of the catalog

    def open(self, known_to: Sequence[str] = ()) -> None:
        """Make the folders, take the lock, outwait the workers of a daemon that was killed, remove half-made files.

        `known_to`: inboxes that have worked for it before, so that it is not a new one.
        """
        if known_to and not os.path.isdir(self.private):
            raise FatalError(
                f"the library {shown(self.root)} is not there, and the inbox {shown(known_to[0])} has worked for it: "
                "mount its disk, or restore it. When it is gone for good, delete the file .watcher/owner in the inbox, "
                "and a new one is begun"
            )
        with _explained(f"the library {shown(self.root)}"):
            if os.path.lexists(self.root) and not os.path.isdir(self.root):
                raise ConfigError(f"the library {shown(self.root)} is not a folder")
            os.makedirs(self.private, exist_ok=True)
            os.chmod(self.private, 0o755)  # noqa: S103 - readers look in; never group-writable: a reader would leave files of its own user in it
            self._lock = self._take_lock()
            self._root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            self._outwait_workers()
            shutil.rmtree(os.path.join(self.private, "tmp"), ignore_errors=True)

    def connect(self, busy_seconds: float) -> sqlite3.Connection:
        """The writer's connection to the catalog, migrated. Raises DatabaseError too."""
        self._refuse_lost_catalog()
        with _explained(f"the catalog {shown(self._database)}"):
            os.makedirs(os.path.dirname(self._database), exist_ok=True)
            try:
                connection = connect.open_writer(self._database, busy_seconds)
            except sqlite3.OperationalError as error:
                raise FatalError(f"the catalog {shown(self._database)} cannot be opened: {error}") from None
            self._opened = _identity(self._database)
            return connection

    def catalog_problem(self) -> str | None:
        """Why nothing may be written into the catalog that is open, or None: its disk or folder was taken away.

        Raises FatalError when another file has its place: what is written would be where nobody reads it.
        """
        try:
            found = _identity(self._database)
        except OSError as error:
            return f"the catalog {shown(self._database)} is not there ({error.strerror}): mount its disk or put it back"
        if found != self._opened:
            raise FatalError(
                f"the catalog {shown(self._database)} is another file than the one that was opened. "
                "Nothing dropped is lost; start again to use this one"
            )
        return None

    def _refuse_lost_catalog(self) -> None:
        """An empty one, perhaps on a bare mount point, would know nothing of the photographs that are there."""
        if os.path.lexists(chronicle.path_of(self.root)) and not os.path.lexists(self._database):
            raise DatabaseError(
                f"the library {shown(self.root)} had a catalog, and there is none at {shown(self._database)}: mount "
                "its disk, restore a backup (watcher restore), or make it anew: watcher repair --from-library"
            )

    def flush(self) -> None:
        """Flush the library's file system. Raises OSError with what could not be written.

        The descriptor is older than anything that was written: the kernel reports a write error once to each
        descriptor that was open before it.
        """
        assert self._root is not None
        filesystem.syncfs(self._root)

    def close(self) -> None:
        for descriptor in (self._root, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._root = self._lock = None

    def _take_lock(self) -> int:
        descriptor = os.open(os.path.join(self.private, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _locked_within(descriptor, _PROBE_SECONDS):
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise LockedError(
                f"the library {shown(self.root)} is in use by another watcher run"
                + (f" (process {owner})" if owner else "")
                + ": stop that one first, or use it"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def _outwait_workers(self) -> None:
        """Each worker holds workers.lock shared and leaves when its daemon dies; beside a new one it would do harm."""
        with open(self.workers_lock, "a") as file:
            if not _locked_within(file.fileno(), _WORKERS_SECONDS):
                raise FatalError(
                    f"a worker of a former run still holds {shown(self.workers_lock)} after {_WORKERS_SECONDS:.0f} s: "
                    "it hangs, perhaps in a dead network mount; end it, then start again"
                )


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _locked_within(descriptor: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FatalError(f"{what}: there is no space left on its disk; make room and start again") from None
        if error.errno == errno.EROFS:
            raise FatalError(f"{what} is on a read-only file system; mount it writable and start again") from None
        raise FatalError(f"{what} cannot be used: {error.strerror} ({shown(str(error.filename or ''))})") from None
