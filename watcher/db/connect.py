"""Connections to the catalog: the daemon's, a command's that edits it, and readers that never write.

Raw sqlite3. The statements live elsewhere; that the words of what changed are indexed with it is seen to here.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator

from watcher.db import wording
from watcher.errors import DatabaseError, OlderCatalogError

BUSY_SECONDS = 5.0
_PLAIN = frozenset(b"/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
EDIT_SECONDS = 30.0  # a command waits for the daemon's transactions, as long as a person waits for a command


def open_writer(path: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """The writer's connection: WAL, `synchronous=FULL` (files are deleted on its word), foreign keys, migrated.

    Raises DatabaseError when the file is no database of ours or comes from a newer version.
    """
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        _migrate(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) or not isinstance(error, sqlite3.DatabaseError):
            raise
        raise DatabaseError(
            f"{path} is not a catalog of photo-watcher ({error}): move it away, or restore a backup"
        ) from None
    return connection


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Apply the steps that are missing. The caller holds the library's lock, so nobody else migrates at once."""
    from watcher.db import migrating

    if is_older(connection, path):
        if migrating.applied(connection):
            _tell_of_migration(path)
        migrating.apply(connection)


def _tell_of_migration(path: str) -> None:
    """In the log: whoever starts the daemon of a large library would wonder what it does."""
    import logging

    from watcher.logs import event

    message = f"{path} is of an older version and is brought up to date: a minute for half a million photographs"
    event(logging.getLogger("watcher.service"), "migrating", message)


def is_older(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the catalog is of an older version. Raises DatabaseError when it is of a newer one."""
    from watcher.db import migrating

    known, applied = migrating.known(), migrating.applied(connection)
    newer = [name for name in applied if name not in known]
    if newer:
        raise DatabaseError(f"{path} was made by a newer photo-watcher (it has {', '.join(newer)}): update the program")
    return len(applied) < len(known)


@contextlib.contextmanager
def editing(path: str) -> Iterator[sqlite3.Connection]:
    """A connection for a command's own transactions, beside the daemon or without one.

    It never migrates: a daemon of the older version may be running. Raises DatabaseError when there is no catalog,
    when it is of another version, and for whatever SQLite says while it is open.
    """
    open_reader(path).close()  # its sentences, for a catalog that is not there or is none
    connection = sqlite3.connect(_uri(path, "mode=rw"), uri=True, timeout=EDIT_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("pragma foreign_keys = on")
        if is_older(connection, path):
            raise OlderCatalogError(path, path)
        yield connection
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot write the catalog {path}: {error}") from None
    finally:
        connection.close()


def open_reader(path: str) -> sqlite3.Connection:
    """A connection that cannot write. Works beside a running daemon, after a clean stop, and after a kill.

    `mode=ro` needs to make a -shm file when none is there; a user without the right to do that gets
    `immutable=1`, but only when no -wal holds rows that it would miss.
    Raises DatabaseError when there is no catalog or it cannot be read.
    """
    if not os.path.exists(path):
        raise DatabaseError(
            f"no catalog at {path}: is this the library? (watcher run makes one; --library DIR names one)"
        )
    try:
        return _readable(path, "mode=ro")
    except sqlite3.Error as error:
        wal = path + "-wal"
        try:
            pending = os.path.exists(wal) and os.path.getsize(wal) > 0
            if not pending:
                return _readable(path, "mode=ro&immutable=1")
        except (OSError, sqlite3.Error) as again:
            error = again if isinstance(again, sqlite3.Error) else error
        raise DatabaseError(f"cannot read the catalog {path}: {error}") from None


def _readable(path: str, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path, mode), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("select 1 from assets limit 1").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _uri(path: str, parameters: str) -> str:
    """The file as SQLite's URI. Not by urllib, whose import takes longer than most lookups."""
    place = os.fsencode(os.path.abspath(path))
    return "file:" + "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in place) + "?" + parameters


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
    """One transaction, IMMEDIATE: a deferred one that reads first fails at once when another writer commits.

    The words of the assets that it changes are indexed in it, whoever makes the change.
    Not `durable`: without a flush of its own, for marks whose loss in a power cut only repeats a step.
    """
    connection.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
    connection.execute("begin immediate")
    try:
        yield connection
        wording.follow(connection)
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
    try:
        connection.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
