"""`watcher cancel`: what has not begun is stopped, what runs and what is done stays; before and after the claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.batch_rows import Books, make_files, read_files, said
from tests.cli.catalog_rows import Catalog, Run
from watcher.db.connect import transaction
from watcher.model import CANCELLED_REASON

TOKEN = "a-abcdefgh23"


@pytest.fixture
def books(catalog: Catalog, tmp_path: Path) -> Books:
    (tmp_path / "inbox").mkdir()
    return Books(catalog, tmp_path / "inbox")


@pytest.fixture
def config(catalog: Catalog, tmp_path: Path) -> str:
    path = tmp_path / "watcher.toml"
    path.write_text('[library]\npath = "library"\n[[inbox]]\nname = "phone"\npath = "inbox"\n')
    return str(path)


def test_what_waits_is_cancelled_and_what_runs_goes_on(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    books.take(trip, {f"trip/{name}.jpg": 10 for name in "abcd"})
    done, running = books.start(2)
    books.take(books.batch("other"), {"other/e.jpg": 1})
    books.finish(done, asset=books.catalog.asset())
    books.close(trip)
    result = watcher("cancel", "trip")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == b"trip: 2 files stopped\ntrip: 1 file being worked on, which goes on\n"
    states = books.states()
    assert sorted(states.values()) == ["cancelled", "cancelled", "done", "queued", "running"]
    assert states["e.jpg"] == "queued"
    stopped = next(job for job in books.ledger.journal.unannounced() if job.state == "cancelled")
    assert (stopped.reason, bool(stopped.finished_at)) == (CANCELLED_REASON, True)
    assert said(watcher, "status", "trip")["state"] == "running"
    books.finish(running, asset=books.catalog.asset())
    found = said(watcher, "status", "trip")
    assert (found["state"], found["percent"], found["jobs"]["cancelled"]) == ("cancelled", 50, 2)


def test_what_comes_for_a_cancelled_batch_later_is_cancelled_too(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    assert watcher("cancel", "trip").stdout == b"trip: 0 files stopped\ntrip: what still comes for it is stopped too\n"
    (late,) = books.take(books.ledger.batches.get(trip.id), {"trip/late.jpg": 1})
    assert late.state == "cancelled"


def test_members_of_an_archive_that_were_not_begun_are_cancelled_and_it_is_kept(books: Books, watcher: Run) -> None:
    pack = books.batch("pack.zip", "archive")
    books.take(pack, {"pack.zip": 5000})
    (archive,) = books.start(1)
    books.expand(archive, pack, {"a.jpg": 10, "b.jpg": 10, "c.jpg": 10})
    (first,) = books.start(1)
    assert watcher("cancel", "pack.zip").returncode == 0
    books.finish(first, asset=books.catalog.asset())
    with transaction(books.catalog.connection):
        books.ledger.archives.close()
    assert books.states() == {"pack.zip": "failed", "a.jpg": "done", "b.jpg": "cancelled", "c.jpg": "cancelled"}
    books.leave(books.job(archive.id), "pack.zip")
    assert [row["name"] for row in said(watcher, "failures")] == ["pack.zip"]


def test_nothing_to_stop_is_exit_1_and_changes_nothing(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    books.take(trip, {"trip/a.jpg": 1})
    (job,) = books.start(1)
    books.close(trip)
    result = watcher("cancel", "trip")
    assert (result.returncode, result.stdout) == (1, b"")
    assert b"nothing to stop of trip: 1 file being worked on" in result.stderr
    books.finish(job, asset=books.catalog.asset())
    assert b"which is done" in watcher("cancel", "trip").stderr
    assert said(watcher, "status", "trip")["state"] == "done"
    assert watcher("cancel", "none").returncode == 1


def test_a_batch_is_cancelled_once(books: Books, watcher: Run) -> None:
    books.take(books.batch("trip"), {"trip/a.jpg": 1})
    assert watcher("cancel", "trip").returncode == 0
    again = watcher("cancel", "trip")
    assert again.returncode == 1
    assert b"which is cancelled" in again.stderr


def test_what_was_stopped_lies_in_failed_and_can_be_retried(books: Books, watcher: Run) -> None:
    (job,) = books.take(books.batch("trip"), {"trip/a.jpg": 1})
    watcher("cancel", "trip")
    books.leave(books.job(job.id), "trip/a.jpg")
    (row,) = said(watcher, "failures")
    assert (row["id"], row["reason"]) == (job.id, CANCELLED_REASON)
    assert watcher("retry", str(job.id)).returncode == 0
    assert (books.inbox / "trip/a.jpg").exists()


def test_what_no_daemon_has_taken_goes_to_failed_whole(books: Books, watcher: Run, config: str) -> None:
    files = {"sea/a.jpg": b"1", "sea/b\udcff.jpg".encode("utf-8", "surrogateescape"): b"2", "batch.toml": b""}
    make_files(books.inbox / ".watcher/ready" / TOKEN, files)
    result = watcher("cancel", "--config", config, TOKEN)
    assert (result.returncode, result.stderr) == (0, b"")
    assert str(books.inbox / "failed" / TOKEN).encode() in result.stdout
    left = read_files(books.inbox / "failed" / TOKEN)
    assert left == {"sea/a.jpg": b"1", "sea/b\udcff.jpg": b"2", "batch.toml": b""}
    assert watcher("cancel", "--config", config, TOKEN).returncode == 1
