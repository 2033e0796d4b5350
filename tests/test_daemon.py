"""Parts of the line that a whole daemon meets rarely: shared room, a busy catalog behind a claim, what is stuck."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import follow, read_options
from watcher import daemon as line
from watcher.daemon import Daemon
from watcher.db import cancelling, ledger
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.errors import UnavailableError
from watcher.intake.inbox import Inbox
from watcher.intake.spool import Spool
from watcher.messages import TaskResult
from watcher.model import Job, Limits, Member, Rules
from watcher.notify import Notifier
from watcher.storage.local import LocalStorage
from watcher.wake import Wake

ROOM = 3


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with room for three files and two inboxes, `first` and `second`, that settle at once."""
    (tmp_path / "library").mkdir()
    connection = open_writer(str(tmp_path / "watcher.db"), busy_seconds=0.01)
    books, wake = ledger.over(connection, Patience()), Wake()
    library = str(tmp_path / "library")
    made = Daemon(
        connection,
        books,
        LocalStorage(library),
        Notifier(logging.getLogger("test"), books.catalog.key),
        wake,
        max_claims=ROOM,
        batch_seconds=0.0,
        flush=lambda: None,
        catalog_problem=lambda: None,
        read_options=read_options,
        follow=follow,
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
        inbox_id = made.journal.inbox(inbox.root, name)
        made.inboxes[inbox_id], made.rules[inbox_id] = inbox, Rules(library, "{stem}", (), Limits())
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


# -- archives ----------------------------------------------------------------------------------------------------------


def archive(daemon: Daemon, folder: Path, *members: str) -> list[Job]:
    """trip.zip is taken and turns out to have these members, which run; it comes first."""
    drop(folder, "trip.zip")
    daemon.claim()
    with transaction(daemon.connection):
        [job] = daemon.journal.start(1, [*daemon.inboxes])
        found = [Member(place, path, 1) for place, path in enumerate(members)]
        daemon.archives.expand(job, daemon.batching.of_archive(job, None), found)
        return [daemon.journal.job(job.id), *daemon.journal.start(9, [*daemon.inboxes])]


def lodge(daemon: Daemon, job: Job, content: bytes = b"a letter") -> None:
    """What a worker does with a member that it cannot take."""
    inbox = daemon.inboxes[job.inbox_id]
    path = Path(inbox.spool.member(job.root_claim or "", job.id))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with transaction(daemon.connection):
        daemon.journal.finish(job.id, job.attempt, "failed", reason="it is a letter", lodged=True)


def tree(folder: Path) -> dict[str, bytes]:
    """All files that are no notes, but for an inbox's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".error.txt"))
    ours = {"lock", "owner"}
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name not in ours}


def test_a_member_that_cannot_be_taken_lies_in_failed_under_its_archive_by_a_safe_name(
    daemon: Daemon, tmp_path: Path
) -> None:
    paths = ("deep/letter.txt", "../../letter.txt", "C:\\x\n-rf/..", "/etc/passwd")
    _, *members = archive(daemon, tmp_path / "first", *paths)
    for job in members:
        lodge(daemon, job)
    daemon.close()
    daemon.discard()
    daemon.discard()
    found = tree(tmp_path / "first")
    assert set(found.values()) == {b"a letter"}
    assert {os.path.dirname(path) for path in found} == {"failed/trip.zip"}
    assert {"failed/trip.zip/letter.txt", "failed/trip.zip/passwd"} <= set(found)
    assert len(found) == 4
    note = (tmp_path / "first/failed/trip.zip/letter.txt.error.txt").read_text()
    assert f"job: {members[0].id}" in note
    assert "reason: it is a letter" in note
    assert os.listdir(tmp_path / "first/.watcher/members") == [], "the archive went after them, with their folder"
    assert not daemon.journal.undiscarded([*daemon.inboxes])


def test_a_member_whose_bytes_cannot_be_had_takes_its_archive_to_failed_beside_those_that_can(
    daemon: Daemon, tmp_path: Path
) -> None:
    zipped, letter, locked = archive(daemon, tmp_path / "first", "letter.txt", "locked.jpg")
    lodge(daemon, letter)
    with transaction(daemon.connection):
        daemon.journal.finish(locked.id, 1, "failed", reason="it is encrypted")
    daemon.close()
    daemon.discard()
    daemon.discard()
    place = f"failed/trip-{zipped.id}.zip"
    assert tree(tmp_path / "first") == {"failed/trip.zip/letter.txt": b"a letter", place: b"no picture"}
    note = (tmp_path / "first" / f"{place}.error.txt").read_text()
    assert "reason: 1 of 2 members could not be read" in note
    assert "  locked.jpg: it is encrypted" in note
    assert "letter.txt" not in note


def test_a_cancelled_archive_goes_to_failed_with_the_list_of_what_was_not_taken(daemon: Daemon, tmp_path: Path) -> None:
    zipped, done, waiting = archive(daemon, tmp_path / "first", "a.jpg", "b.jpg")
    with transaction(daemon.connection):
        daemon.journal.excuse(waiting.id, 1)
        cancelling.cancel(daemon.connection, zipped.batch_id or 0)
        daemon.journal.finish(done.id, 1, "done")
    daemon.close()
    daemon.discard()
    daemon.discard()
    assert tree(tmp_path / "first") == {"failed/trip.zip": b"no picture"}
    note = (tmp_path / "first/failed/trip.zip.error.txt").read_text()
    assert "reason: cancelled: 1 of 2 members were not taken" in note
    assert "  b.jpg: " in note
    assert "a.jpg" not in note


# -- batches -----------------------------------------------------------------------------------------------------------


TOKEN = "a-abcdefgh23"


def add(folder: Path, *names: str, options: bytes = b"") -> Path:
    ready = folder / ".watcher/ready" / TOKEN
    ready.mkdir(exist_ok=True)
    drop(ready, *names)
    (ready / "batch.toml").write_bytes(options)
    return ready


def test_what_was_added_is_a_batch_while_its_files_wait_for_room_and_is_closed_with_the_last(
    daemon: Daemon, tmp_path: Path
) -> None:
    ready = add(tmp_path / "first", *"abcde", options=b'title = "T"')
    daemon.claim()
    daemon.close()
    assert taken(daemon) == ["a", "b", "c"]
    [batch] = daemon.ledger.batches.open("add")
    assert (batch.token, batch.options) == (TOKEN, {"title": "T"})
    assert {job.batch_id for job in daemon.journal.unfinished()} == {batch.id}
    finish(daemon)
    daemon.claim()
    assert not ready.exists()
    daemon.close()
    assert daemon.ledger.batches.open("add") == []
    assert taken(daemon) == ["d", "e"]


def test_options_that_cannot_be_read_keep_what_was_added_where_it_is(daemon: Daemon, tmp_path: Path) -> None:
    ready = add(tmp_path / "first", "a")
    (ready / "batch.toml").unlink()
    (ready / "batch.toml").symlink_to("/etc/hostname")
    drop(tmp_path / "first", "b")
    daemon.claim()
    assert taken(daemon) == ["b"]
    assert (ready / "a").exists()


def test_a_dropped_folder_is_open_until_it_is_quiet(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "first/trip").mkdir()
    drop(tmp_path / "first/trip", "a.jpg", "b.jpg")
    daemon.batch_seconds = 1000.0
    daemon.claim()
    daemon.close()
    [batch] = daemon.ledger.batches.open("folder")
    assert batch.name == "trip"
    daemon.batch_seconds = 0.0
    daemon.close()
    assert daemon.ledger.batches.open("folder") == []
    drop(tmp_path / "first/trip", "c.jpg")
    finish(daemon)
    daemon.claim()
    assert [job.batch_id == batch.id for job in daemon.journal.unfinished()] == [False], "a new one of the same name"


def test_an_added_file_whose_claim_a_power_cut_undid_is_taken_again_from_where_it_was_added(
    daemon: Daemon, tmp_path: Path
) -> None:
    ready = add(tmp_path / "first", "a")
    daemon.claim()
    [job] = daemon.journal.unfinished()
    ready.mkdir()
    os.rename(daemon.inboxes[job.inbox_id].spool.source(job.claim or "", "a"), ready / "a")
    daemon.recover()
    assert taken(daemon) == []
    daemon.claim()
    assert taken(daemon) == ["a"]
    assert daemon.journal.unfinished()[0].batch_id == job.batch_id


def test_what_was_added_is_in_the_journal_also_when_the_inbox_then_has_no_room(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path / "first", "added")
    drop(tmp_path / "first", "loose")
    take = Spool.take

    def full(self: Spool, below: str, token: str | None = None) -> str:
        if below == "loose":
            raise OSError(errno.ENOSPC, "No space left on device")
        return take(self, below, token)

    monkeypatch.setattr(Spool, "take", full)
    with pytest.raises(UnavailableError):
        daemon.claim()
    monkeypatch.undo()
    daemon.claim()
    assert taken(daemon) == ["added", "loose"]


# -- paths that are as long as a path can be ---------------------------------------------------------------------------


def test_one_whose_path_is_too_long_in_the_spool_stops_no_start_and_ends_in_failed(
    daemon: Daemon, tmp_path: Path
) -> None:
    folder = str(tmp_path / "first")
    while len(folder) < 4080:
        folder = f"{folder}/{'d' * min(200, 4089 - len(folder))}"
    os.makedirs(folder)
    drop(Path(folder), "deep")
    daemon.claim()
    assert taken(daemon) == ["deep"]
    daemon.recover()
    finish(daemon)
    daemon.announce()
    daemon.discard()
    [left] = [files for _, _, files in os.walk(tmp_path / "first/failed") if files]
    assert sorted(left) == ["deep-1", "deep-1.error.txt"]


class Resting:
    """An executor with nothing to do; `waits`: for how long it was let rest, in seconds."""

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    def free_slots(self) -> int:
        return 0

    def busy(self) -> int:
        return 0

    def poll(self, timeout: float | None) -> list[TaskResult]:
        self.waits.append(timeout)
        return []


def test_the_loop_does_not_rest_while_an_archive_can_be_let_go_of(daemon: Daemon, tmp_path: Path) -> None:
    zipped, *members = archive(daemon, tmp_path / "first", "a.txt", "b.txt")
    for inbox in daemon.inboxes.values():
        inbox.noticing.listen(3600.0, events=True)
    for job in members:
        lodge(daemon, job)
    daemon.executor = resting = Resting()  # type: ignore[assignment]
    (tmp_path / "library/.watcher").mkdir()
    while daemon.journal.job(zipped.id).finished_at is None or daemon.journal.undiscarded([*daemon.inboxes]):
        assert len(resting.waits) < 9
        daemon.step(time.monotonic() + 1000)
    assert not any(resting.waits), "it is done in as many turns as it takes, one after the other"
    assert (tmp_path / "first/failed/trip.zip/b.txt").exists()
