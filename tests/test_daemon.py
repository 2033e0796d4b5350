"""Parts of the line that a whole daemon meets rarely: shared room, a busy catalog behind a claim, what is stuck."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher import daemon as line
from watcher.daemon import Daemon
from watcher.db.catalog import Catalog
from watcher.db.connect import open_writer, transaction
from watcher.db.journal import Journal, Patience
from watcher.intake.inbox import Inbox
from watcher.notify import Notifier
from watcher.storage.local import LocalStorage
from watcher.wake import Wake

ROOM = 3


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with room for three files and two inboxes, `first` and `second`, that settle at once."""
    (tmp_path / "library").mkdir()
    connection = open_writer(str(tmp_path / "watcher.db"), busy_seconds=0.01)
    catalog, wake = Catalog(connection), Wake()
    notifier = Notifier(logging.getLogger("test"), catalog.key)
    storage = LocalStorage(str(tmp_path / "library"))
    made = Daemon(
        connection, Journal(connection, Patience()), catalog, storage, notifier, wake, ROOM, flush=lambda: None
    )
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        inbox = Inbox(
            str(tmp_path / name),
            name,
            settle_seconds=0.0,
            incomplete_seconds=0.0,
            batch_seconds=0.0,
            rescan_seconds=0.0,
            wake=wake.set,
        )
        inbox.open("library")
        made.inboxes[made.journal.inbox(inbox.root, name)] = inbox
    yield made
    for inbox in made.inboxes.values():
        inbox.close()
    wake.close()
    connection.close()


def drop(folder: Path, *names: str, content: bytes = b"no picture") -> None:
    for name in names:
        (folder / name).write_bytes(content)


def taken(daemon: Daemon) -> list[str]:
    return [job.name for job in daemon.journal.unfinished()]


def finish(daemon: Daemon) -> None:
    """Every open job fails, as if workers had judged it."""
    with transaction(daemon.connection):
        for job in daemon.journal.start(100, [*daemon.inboxes]):
            daemon.journal.finish(job.id, job.attempt, "failed", reason="no picture")


def test_the_unfinished_files_of_an_inbox_that_is_away_leave_the_others_their_room(
    daemon: Daemon, tmp_path: Path
) -> None:
    drop(tmp_path / "first", "a", "b", "c")
    daemon.claim()
    drop(tmp_path / "second", "d", "e")
    daemon.claim()
    assert taken(daemon) == ["a", "b", "c"]
    (tmp_path / "first").rename(tmp_path / "unplugged")
    daemon.claim()
    assert taken(daemon) == ["a", "b", "c", "d", "e"]


def test_an_inbox_that_is_away_does_not_keep_the_loop_turning(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "first").rename(tmp_path / "unplugged")
    before = time.monotonic()
    daemon.claim()
    away = next(inbox for inbox in daemon.inboxes.values() if inbox.name == "first")
    assert (away.next_deadline() or 0.0) > before
    (tmp_path / "unplugged").rename(tmp_path / "first")
    drop(tmp_path / "first", "meanwhile")
    daemon.claim()
    assert taken(daemon) == ["meanwhile"]


def test_a_file_in_one_inbox_does_not_wait_for_the_thousands_in_another(daemon: Daemon, tmp_path: Path) -> None:
    drop(tmp_path / "first", *"abcdefgh")
    daemon.claim()
    drop(tmp_path / "second", "alone")
    finish(daemon)
    daemon.claim()
    assert "alone" in taken(daemon)


def test_a_note_that_came_back_is_no_job_although_the_catalog_was_busy(daemon: Daemon, tmp_path: Path) -> None:
    drop(tmp_path / "first", "note.jpg.error.txt", content=b"photo-watcher could not take this file.\n")
    drop(tmp_path / "first", "picture.jpg")
    other = sqlite3.connect(tmp_path / "watcher.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        daemon.claim()
    other.close()
    daemon.claim()
    assert taken(daemon) == ["picture.jpg"]


def test_a_file_that_could_not_leave_the_spool_leaves_it_once_its_way_is_clear(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "first" / "failed"
    drop(tmp_path / "first", "failed", "a.jpg")
    daemon.claim()
    finish(daemon)
    monkeypatch.setattr(line, "SWEEP_SECONDS", 0.0)
    daemon.discard()
    daemon.discard()
    assert [record.getMessage() for record in caplog.records if "cannot leave the spool" in record.getMessage()] == [
        *daemon.stuck.values()
    ]
    in_the_way.unlink()
    daemon.discard()
    assert (in_the_way / "a.jpg").read_bytes() == b"no picture"
    assert not daemon.stuck
