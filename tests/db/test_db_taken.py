"""What was taken of an inbox whose files stay: written with the job, kept in memory, forgotten when that is asked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from watcher.db import connect, ledger, taken
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.errors import UnavailableError
from watcher.model import Claim, Stamp

STAMP = Stamp(3, 1_700_000_000_123_456_789, 2**40)
ODD = os.fsdecode(b"DCIM/caf\xe9\n.jpg")


class Shelf:
    """A catalog with one inbox, and what it remembers of that."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.db = open_writer(self.path)
        self.journal = ledger.over(self.db, Patience()).journal
        self.id = self.journal.inbox("/card", "card")
        self.memory = taken.Taken(self.db, lambda: self.id)
        assert self.memory.refresh() == []

    def take(self, path: str, stamp: Stamp = STAMP) -> int:
        """Note it and write it down; the id of its job."""
        self.memory.note(path, stamp)
        token = f"token-{self.journal.last_id()}"
        with transaction(self.db):
            self.journal.add([(self.id, Claim(token, "/card", path, "/spool", stamp.size, stamp=stamp))])
        return self.journal.last_id()

    def restarted(self) -> taken.Taken:
        again = taken.Taken(self.db, lambda: self.id)
        again.refresh()
        return again


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "watcher.db")
    yield shelf
    shelf.db.close()


def test_what_was_taken_is_known_after_a_restart_by_any_name(shelf: Shelf) -> None:
    job = shelf.take(ODD)
    assert shelf.restarted().stamp(ODD) == STAMP
    assert shelf.journal.job(job).copied
    assert shelf.restarted().stamp("DCIM/other.jpg") is None


def test_what_never_reached_the_journal_is_unknown_to_the_next_run(shelf: Shelf) -> None:
    shelf.memory.note(ODD, STAMP)
    assert shelf.memory.stamp(ODD) == STAMP
    assert shelf.restarted().stamp(ODD) is None


def test_a_file_that_was_taken_again_is_remembered_as_it_was_last(shelf: Shelf) -> None:
    shelf.take(ODD)
    later = Stamp(4, 5, 6)
    job = shelf.take(ODD, later)
    assert shelf.restarted().stamp(ODD) == later
    assert [row["job_id"] for row in shelf.db.execute("select job_id from taken")] == [job]


def test_what_another_program_forgets_is_told_once_and_what_it_writes_besides_is_no_matter(shelf: Shelf) -> None:
    jobs = [shelf.take(f"{number}.jpg") for number in range(3)]
    with connect.editing(shelf.path) as other:
        with transaction(other):
            other.execute("update jobs set announced = 1")
        assert shelf.memory.refresh() == []
        with transaction(other):
            taken.forget(other, jobs[:2])
    assert sorted(shelf.memory.refresh()) == ["0.jpg", "1.jpg"]
    assert shelf.memory.refresh() == []
    assert shelf.memory.stamp("0.jpg") is None
    assert shelf.memory.stamp("2.jpg") == STAMP


@pytest.mark.parametrize("how", ["forgotten", "lost"])
def test_a_file_whose_job_is_dropped_is_to_be_taken_again(shelf: Shelf, how: str) -> None:
    job = shelf.take(ODD)
    if how == "forgotten":
        shelf.journal.forget(job)
    else:
        shelf.journal.lose(job, "gone")
    assert shelf.restarted().stamp(ODD) is None


def test_what_recovery_dropped_while_the_inbox_was_away_is_forgotten_once_it_is_open_again(shelf: Shelf) -> None:
    shelf.take("kept.jpg")
    shelf.journal.forget(shelf.take(ODD))
    assert shelf.memory.open() == shelf.id
    shelf.memory.refresh()
    assert [shelf.memory.stamp(path) for path in ("kept.jpg", ODD)] == [STAMP, None]


def test_the_digest_is_that_of_the_asset_or_sidecar_that_it_became(shelf: Shelf) -> None:
    picture, sidecar, failed = (shelf.take(name) for name in ("a.jpg", "a.xmp", "b.jpg"))
    shelf.db.execute(
        """insert into assets (id, digest, stored_digest, key, name, format, size, imported_at)
           values (7, 'd7', 's7', 'k', 'a.jpg', 'jpeg', 1, 'x')"""
    )
    shelf.journal.attach(picture, 7)
    ledger.over(shelf.db, Patience()).catalog.dropped(7, shelf.journal.job(picture))
    shelf.db.execute(
        "insert into sidecars (job_id, kind, digest, key, name, scope, shot) values (?, 'xmp', 'd8', 'k', 'n', '', '')",
        (sidecar,),
    )
    assert failed
    assert [shelf.memory.digest(path) for path in ("a.jpg", "a.xmp", "b.jpg", "c.jpg")] == ["d7", "d8", None, None]


def test_another_stamp_is_written_down_at_once(shelf: Shelf) -> None:
    shelf.take(ODD)
    shelf.memory.renew(ODD, Stamp(3, 4, 5))
    assert shelf.restarted().stamp(ODD) == shelf.memory.stamp(ODD) == Stamp(3, 4, 5)


def test_a_catalog_that_cannot_be_written_makes_everything_wait(shelf: Shelf) -> None:
    shelf.take(ODD)
    shelf.db.execute("pragma busy_timeout = 0")
    other = sqlite3.connect(shelf.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(UnavailableError, match="locked"):
        shelf.memory.renew(ODD, Stamp(3, 4, 5))
    other.close()
    assert shelf.memory.stamp(ODD) == STAMP


def test_who_only_reads_knows_the_same_and_nothing_of_an_inbox_that_never_was(shelf: Shelf) -> None:
    shelf.take(ODD)
    assert taken.read(shelf.db, "/card").stamp(ODD) == STAMP
    assert taken.read(shelf.db, "/elsewhere").stamp(ODD) is None
