"""The clock on the wall is set back or forward by a day: nobody waits for it, and nothing is done before its time.

What pictures say of nights that have an hour twice, or not at all, is in test_e2e_clock.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import Desk, picture
from watcher.cli import asking
from watcher.db import ledger
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.intake.emptied import Emptied
from watcher.intake.inbox import Inbox
from watcher.intake.leases import ignore_lease_breaks
from watcher.intake.spool import Spool
from watcher.messages import Dated
from watcher.model import Job
from watcher.querying.parsing import parse
from watcher.querying.tree import Range
from watcher.storage import trash

DAY = 86_400.0
QUIET = 60.0


class Clock:
    """The one on the wall, set by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection, clock)
    connection.close()


# -- jobs that wait ----------------------------------------------------------------------------------------------------


def tried(desk: Desk, name: str = "a.jpg") -> Job:
    """A job whose first try failed just now."""
    job = desk.run(name)
    with transaction(desk.db):
        desk.journal.retry(job.id, job.attempt, "disk noise", died=False)
    return job


def test_a_back_off_ends_at_once_when_the_clock_is_set_back_behind_it(desk: Desk, clock: Clock) -> None:
    job = tried(desk)
    assert desk.start() == []
    clock.now -= DAY
    assert (desk.journal.anything_due(), desk.journal.next_due()) == (True, 0.0)
    assert desk.journal.next_due() is None, "said once: without a free worker the loop would spin"
    assert [started.id for started in desk.start()] == [job.id]


def test_so_it_does_for_a_daemon_that_is_started_behind_it(desk: Desk, clock: Clock) -> None:
    job = tried(desk)
    clock.now -= DAY
    journal = ledger.over(desk.db, Patience(), clock).journal
    assert (journal.anything_due(), journal.next_due()) == (True, 0.0)
    with transaction(desk.db):
        assert [started.id for started in journal.start(1, [desk.inbox])] == [job.id]


def test_a_back_off_that_a_small_step_makes_longer_is_waited_for(desk: Desk, clock: Clock) -> None:
    tried(desk)
    clock.now -= 60.0
    assert (desk.journal.anything_due(), desk.start(), desk.journal.next_due()) == (False, [], 65.0)


def test_a_back_off_is_over_when_the_clock_is_set_forward_and_the_next_one_is_waited_for(
    desk: Desk, clock: Clock
) -> None:
    job = tried(desk)
    clock.now += DAY
    [again] = desk.start()
    with transaction(desk.db):
        desk.journal.retry(job.id, again.attempt, "disk noise", died=False)
    assert (desk.start(), desk.journal.next_due()) == ([], 10.0)


def test_what_waits_for_its_number_waits_on_when_the_clock_is_set_back(desk: Desk, clock: Clock) -> None:
    desk.batches.ask(desk.batches.start(desk.inbox, "add", "trip", token="a-aaaaaaaaaa").id, {}, numbered=True)
    desk.drop("a.jpg", add="a-aaaaaaaaaa")
    [job] = desk.start()
    desk.commit(Dated(job.id, job.attempt, "2024", numbered=True))
    clock.now -= DAY
    assert (desk.journal.anything_due(), desk.start(), desk.journal.next_due()) == (False, [], None)


# -- folders that are quiet --------------------------------------------------------------------------------------------


def test_a_folder_ends_although_its_last_file_came_when_the_clock_was_a_day_ahead(desk: Desk, clock: Clock) -> None:
    batch = desk.batches.start(desk.inbox, "folder", "trip")
    clock.now -= DAY
    assert desk.batches.open("folder", QUIET) == [batch]


def test_a_small_step_back_does_not_end_a_folder_before_its_time(desk: Desk, clock: Clock) -> None:
    batch = desk.batches.start(desk.inbox, "folder", "trip")
    clock.now -= 1.0
    assert desk.batches.open("folder", QUIET) == []
    assert desk.batches.next_quiet(QUIET) == QUIET + 1.0
    clock.now += QUIET + 1.0
    assert desk.batches.open("folder", QUIET) == [batch]


@pytest.mark.parametrize("step", [-DAY, DAY])
def test_an_emptied_folder_goes_whatever_the_clock_says(tmp_path: Path, step: float) -> None:
    (tmp_path / "trip").mkdir()
    emptied = Emptied(str(tmp_path), QUIET)
    emptied.note("trip", now=0.0)
    emptied.remove(now=QUIET - 1, wall=time.time() + step)
    assert (tmp_path / "trip").exists(), "its quiet is measured by a clock that nobody sets"
    emptied.remove(now=QUIET, wall=time.time() + step)
    assert not (tmp_path / "trip").exists()


# -- files that settle -------------------------------------------------------------------------------------------------


class Clocks:
    """Both clocks of an inbox run on with the real ones; each can be moved."""

    def __init__(self) -> None:
        self.passed = self.step = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed

    def wall(self) -> float:
        return time.time() + self.passed + self.step


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def inbox(tmp_path: Path, clocks: Clocks) -> Iterator[Inbox]:
    before = signal.getsignal(signal.SIGIO)
    ignore_lease_breaks()
    (tmp_path / "in").mkdir()
    inbox = Inbox(
        str(tmp_path / "in"),
        "in",
        settle_seconds=20,
        incomplete_seconds=300,
        batch_seconds=600,
        rescan_seconds=0,
        clock=clocks.monotonic,
        wall=clocks.wall,
        wake=lambda: None,
    )
    inbox.open("library")
    yield inbox
    inbox.close()
    signal.signal(signal.SIGIO, before)


def claimed(inbox: Inbox) -> list[str]:
    return [claim.path for claim in inbox.claim_settled(10)]


@pytest.mark.parametrize("step", [-DAY, DAY])
@pytest.mark.parametrize(
    ("content", "patience"), [(picture(1)[:-20], 300), (b"II*\0" + bytes(200), 20)], ids=["cut off", "without an end"]
)
def test_a_file_that_waits_is_taken_when_it_has_been_quiet_and_no_sooner_whatever_the_clock_says(
    inbox: Inbox, clocks: Clocks, step: float, content: bytes, patience: float
) -> None:
    clocks.step = step
    Path(inbox.root, "a.png").write_bytes(content)
    assert claimed(inbox) == []
    clocks.passed += patience - 5
    assert claimed(inbox) == []
    clocks.passed += 6
    assert claimed(inbox) == ["a.png"]


@pytest.mark.parametrize("step", [-DAY, DAY])
def test_a_step_while_it_waits_changes_nothing(inbox: Inbox, clocks: Clocks, step: float) -> None:
    path = Path(inbox.root, "a.png")
    path.write_bytes(picture(1)[:-20])
    assert claimed(inbox) == []
    clocks.step = step
    path.write_bytes(picture(1)[:-10])
    clocks.passed += 290
    inbox.notice(str(path))
    assert claimed(inbox) == []
    clocks.passed += 301
    assert claimed(inbox) == ["a.png"]


def test_tokens_of_claims_sort_in_the_order_of_the_claims_however_the_clock_is_set(tmp_path: Path) -> None:
    clock = Clock()
    spool = Spool(str(tmp_path), clock)
    tokens = []
    for step in (0.0, -DAY, 1.0, DAY, -2 * DAY):
        clock.now += step
        tokens += [spool.token(), spool.token()]
    assert tokens == sorted(set(tokens))


# -- what is kept for some days ----------------------------------------------------------------------------------------


def test_what_was_removed_is_kept_for_its_days_by_a_clock_that_was_set_back(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "a.jpg").write_bytes(b"bytes")
    trash.move(str(tmp_path), trash.new_token(clock.now), ["a.jpg"])
    for step in (0.0, -DAY, 30 * DAY):
        clock.now += step
        assert trash.empty(str(tmp_path), 30.0, clock.now) == 0
    clock.now += DAY + 1
    assert trash.empty(str(tmp_path), 30.0, clock.now) == 1


# -- days that are longer or shorter than others -----------------------------------------------------------------------


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is there."""
    monkeypatch.setenv("TZ", "Europe/Vienna")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("2024-03-31", "2024-03-30T23:00:00", "2024-03-31T22:00:00"),  # 23 hours
        ("2024-10-27", "2024-10-26T22:00:00", "2024-10-27T23:00:00"),  # 25 hours
        ("2024-01-15", "2024-01-14T23:00:00", "2024-01-15T23:00:00"),
        ("2024-07-15", "2024-07-14T22:00:00", "2024-07-15T22:00:00"),
        ("2024-10-27T02", "2024-10-27T00:00:00", "2024-10-27T02:00:00"),  # both of them
    ],
)
@pytest.mark.usefixtures("vienna")
def test_a_day_of_imports_is_as_long_as_it_was_there_whatever_the_season_now(asked: str, start: str, end: str) -> None:
    found = asking.read(sqlite3.connect(":memory:"), [f"imported:{asked}"], "/library")
    assert isinstance(found, Range) and found.low and found.high
    assert (found.low.value, found.high.value) == (start, end)


@pytest.mark.parametrize("now", [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30)])
def test_today_is_the_whole_of_a_day_whose_night_has_another_length(now: datetime) -> None:
    found = parse("taken:today", now)
    assert isinstance(found, Range) and found.low and found.high
    day = now.date().isoformat()
    assert (found.low.value, str(found.high.value)[8:]) == (f"{day}T00:00:00", f"{now.day % 31 + 1:02}T00:00:00")
