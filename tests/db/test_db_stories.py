"""What the catalog keeps of a file's way: each try that did not end its job, and all that a story is made of."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from watcher.db import stories
from watcher.db.connect import transaction
from watcher.db.jobs import MOST_ATTEMPTS
from watcher.db.journal import Journal, Patience
from watcher.model import Claim, Job, Seen, Stamp


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield connection
    connection.close()


@pytest.fixture
def journal(db: sqlite3.Connection, clock: Clock) -> Journal:
    return Journal(db, Patience(attempts=3, first_seconds=5, max_seconds=600), clock)


@pytest.fixture
def inbox(journal: Journal) -> int:
    return journal.inbox("/in", "phone")


Take = Callable[..., int]


@pytest.fixture
def take(db: sqlite3.Connection, journal: Journal, inbox: int) -> Take:
    """Claim a file; its job."""

    def take(path: str = "a.jpg", seen: Seen | None = None, stamp: Stamp | None = None) -> int:
        number = journal.last_id() + 1
        claim = Claim(f"token-{number}", "/in", path, f"/in/.watcher/spool/token-{number}/{path}", 10, seen, stamp)
        with transaction(db):
            journal.add([(inbox, claim)])
        return number

    return take


def attempts(db: sqlite3.Connection, job: int) -> list[tuple[int, str, str | None]]:
    told = stories.story(db, job=job)
    assert told is not None
    return [(one["attempt"], one["outcome"], one["reason"]) for one in told["attempts"]]


@pytest.fixture
def spend(journal: Journal, inbox: int, clock: Clock) -> Callable[[Callable[[Job], object]], None]:
    """One try of the one job, which ends with what is called; whatever back-off follows is over afterwards."""

    def spend(end: Callable[[Job], object]) -> None:
        [job] = journal.start(1, [inbox])
        end(job)
        clock.now += 10_000

    return spend


Spend = Callable[[Callable[[Job], object]], None]


def test_each_try_that_did_not_end_the_job_is_told_with_its_reason(
    db: sqlite3.Connection, journal: Journal, take: Take, spend: Spend
) -> None:
    number = take()
    spend(lambda job: journal.excuse(job.id, job.attempt, "unavailable", "the disk is full"))
    spend(lambda job: journal.excuse(job.id, job.attempt))
    spend(lambda job: journal.interrupt(job.id, blame=False))
    spend(lambda job: journal.retry(job.id, job.attempt, "disk noise", died=False))
    spend(lambda job: journal.retry(job.id, job.attempt, "killed by signal 9", died=True))
    spend(lambda job: journal.retry(job.id, job.attempt, "disk noise", died=False))
    assert journal.job(number).state == "failed"
    assert journal.job(number).reason == "disk noise (tried 3 times)"
    assert attempts(db, number) == [
        (1, "unavailable", "the disk is full"),
        (2, "stopped", None),
        (3, "interrupted", None),
        (4, "failed", "disk noise"),
        (5, "died", "killed by signal 9"),
        (6, "failed", "disk noise"),
    ]
    row = db.execute("select started_at, ended_at from attempts where attempt = 4").fetchone()
    assert row["started_at"] and row["started_at"] <= row["ended_at"]


def test_a_try_that_succeeded_costs_no_row(db: sqlite3.Connection, journal: Journal, take: Take, spend: Spend) -> None:
    number = take()
    spend(lambda job: journal.dated(job.id, job.attempt, None, numbered=False))
    spend(lambda job: journal.finish(job.id, job.attempt, "done"))
    assert attempts(db, number) == []


def test_a_result_of_another_attempt_is_no_try(db: sqlite3.Connection, journal: Journal, take: Take) -> None:
    number = take()
    assert not journal.retry(number, 1, "who?", died=True)
    assert not journal.excuse(number, 7, "unavailable", "who?")
    journal.interrupt(number, blame=False)
    assert attempts(db, number) == []


def test_a_job_that_is_put_off_for_days_keeps_its_latest_tries(
    db: sqlite3.Connection, journal: Journal, take: Take, spend: Spend
) -> None:
    number, other = take(), 0
    for _ in range(3 * MOST_ATTEMPTS):
        spend(lambda job: journal.excuse(job.id, job.attempt, "unavailable", "full"))
    kept = attempts(db, number)
    assert [one[0] for one in kept] == list(range(2 * MOST_ATTEMPTS + 1, 3 * MOST_ATTEMPTS + 1))
    assert journal.job(number).attempt == 3 * MOST_ATTEMPTS
    spend(lambda job: journal.finish(job.id, job.attempt, "done"))
    other = take("b.jpg")
    spend(lambda job: journal.retry(job.id, job.attempt, "noise", died=False))
    assert len(attempts(db, number)) == MOST_ATTEMPTS
    assert attempts(db, other) == [(1, "failed", "noise")]


def test_a_reason_that_no_catalog_could_store_is_escaped(
    db: sqlite3.Connection, journal: Journal, take: Take, spend: Spend
) -> None:
    number = take()
    spend(lambda job: journal.excuse(job.id, job.attempt, "unavailable", "caf\udce9\n\x1b[31m"))
    assert attempts(db, number) == [(1, "unavailable", "caf\\udce9\n\x1b[31m")]


def test_the_tries_of_a_row_that_is_dropped_go_with_it(
    db: sqlite3.Connection, journal: Journal, take: Take, spend: Spend
) -> None:
    number = take()
    spend(lambda job: journal.retry(job.id, job.attempt, "noise", died=False))
    journal.forget(number)
    assert db.execute("select count(*) from attempts").fetchone()[0] == 0


def test_how_a_file_was_seen_and_what_it_waited_for_is_kept(db: sqlite3.Connection, take: Take) -> None:
    seen = Seen("2026-01-01T00:00:00Z", "event", (("still open for writing", 12.0), ("its end is missing", 3.1)))
    told = stories.story(db, job=take("a.jpg", seen))
    assert told is not None
    job = told["job"]
    assert (job["seen_at"], job["seen_by"]) == (seen.at, "event")
    assert job["waited"] == [["still open for writing", 12.0], ["its end is missing", 3.1]]
    unseen = stories.story(db, job=take("b.jpg"))
    assert unseen is not None and unseen["job"]["waited"] == []


@pytest.mark.parametrize(
    "path", ["sub/a.jpg", "line\nbreak.jpg", os.fsdecode(b"\xff/caf\xe9.jpg"), "日本 ö.jpg", "%_'\""]
)
def test_a_file_is_found_by_the_path_it_was_dropped_as(path: str, db: sqlite3.Connection, take: Take) -> None:
    take("other.jpg")
    first, second = take(path), take(path)
    assert stories.by_path(db, b"/in", os.fsencode(path)) == [second, first]
    assert stories.by_path(db, b"/elsewhere", os.fsencode(path)) == []
    assert stories.by_claim(db, f"token-{first}") == [first]
    told = stories.story(db, job=first)
    assert told is not None and told["job"]["path"] == path


def test_a_file_that_stays_is_taken_only_as_it_was(db: sqlite3.Connection, take: Take) -> None:
    take("a.jpg", stamp=Stamp(10, 5, 77))
    assert stories.is_taken(db, b"/in", b"a.jpg", (10, 5, 77))
    for other in ((11, 5, 77), (10, 6, 77), (10, 5, 78)):
        assert not stories.is_taken(db, b"/in", b"a.jpg", other)
    assert not stories.is_taken(db, b"/in", b"b.jpg", (10, 5, 77))


def test_names_near_a_misspelt_one_are_its_neighbours_and_the_newest(db: sqlite3.Connection, take: Take) -> None:
    for number in range(100):
        take(f"IMG_{number:04}.jpg")
    near = stories.names_near(db, "IMG_0050.jpeg")
    assert "IMG_0050.jpg" in near
    assert "IMG_0099.jpg" in near


def test_nothing_is_told_of_what_there_is_not(db: sqlite3.Connection) -> None:
    assert stories.story(db, job=7) is None
    assert stories.story(db, asset=7) is None
    assert stories.folded(db, job=7, name="a.jpg") == []
