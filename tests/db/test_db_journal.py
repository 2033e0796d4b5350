"""Whose turn it is, what a try costs, and when an archive is over: the jobs table on a real database."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import open_writer
from watcher.db.archives import Archives
from watcher.db.batches import Batches
from watcher.db.connect import transaction
from watcher.db.jobs import HELD_LANE, NEVER
from watcher.db.journal import Journal, Patience
from watcher.model import Claim, Job, Member

NASTY = ("日本 ö.jpg", "line\nbreak.jpg", "'\";--.jpg", os.fsdecode(b"caf\xe9.jpg"), "n" * 255, "\x1b[31m", "%s%00")


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


Add = Callable[..., list[int]]


@pytest.fixture
def add(db: sqlite3.Connection, journal: Journal, inbox: int) -> Add:
    """Claim files by name; the ids of their jobs."""
    numbers = itertools.count()

    def add(*paths: str, where: int = inbox) -> list[int]:
        first = next(numbers)
        claims = [claim(f"token-{first}-{n}", path) for n, path in enumerate(paths)]
        journal.add((where, one) for one in claims)
        find = "select id from jobs where claim = ?"
        return [db.execute(find, (one.token,)).fetchone()["id"] for one in claims]

    return add


def claim(token: str, path: str, size: int = 10) -> Claim:
    return Claim(token, "/in", path, f"/in/.watcher/spool/{token}/{path}", size)


def members(count: int, junk: Sequence[int] = ()) -> list[Member]:
    return [Member(n, f"trip/{n}.jpg", 10, n in junk) for n in range(count)]


def _rows(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.execute("select * from jobs order by id")]


def ids(jobs: Sequence[Job]) -> list[int]:
    return [job.id for job in jobs]


def begin(journal: Journal, inbox: int) -> Job:
    """Start the one job whose turn it is."""
    [job] = journal.start(1, [inbox])
    return job


def spend(journal: Journal, clock: Clock, inbox: int, job: int, end: Callable[[Job], object]) -> None:
    """One attempt of `job` that ends with `end`; whatever back-off follows is over afterwards."""
    started = begin(journal, inbox)
    assert started.id == job
    end(started)
    clock.now += 10_000


# -- claims ------------------------------------------------------------------------------------------------------------


def test_every_name_comes_back_byte_for_byte(journal: Journal, inbox: int, add: Add) -> None:
    paths = [f"{folder}{name}" for name in NASTY for folder in ("", "new\nfolder/" + os.fsdecode(b"\xff/"))]
    jobs = [journal.job(job) for job in add(*paths)]
    assert [job.path for job in jobs] == paths
    assert {job.state for job in jobs} == {"queued"}
    assert journal.job(7).name == r"caf\xe9.jpg"


def test_a_claim_that_is_there_changes_nothing_wherever_its_job_is(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add
) -> None:
    add("running.jpg", "failed.jpg", "queued.jpg")
    _, failing = journal.start(2, [inbox])
    journal.finish(failing.id, 1, "failed", reason="no")
    before = _rows(db)
    journal.add((inbox, claim(row["claim"], "other.jpg", size=99)) for row in db.execute("select claim from jobs"))
    assert _rows(db) == before


def test_a_file_dropped_in_a_folder_belongs_to_the_batch_of_the_top_folder(db: sqlite3.Connection, add: Add) -> None:
    add("a.jpg", "summer/a.jpg", "summer/beach/a.jpg")
    assert [row["batch"] for row in db.execute("select batch from jobs")] == [None, "summer", "summer"]


def test_an_inbox_keeps_its_number_when_it_is_renamed_and_its_path_is_bytes(journal: Journal) -> None:
    odd = os.fsdecode(b"/in/\xff")
    number = journal.inbox(odd, "first")
    assert journal.inbox(odd, "second") == number
    assert journal.inbox("/elsewhere", "third") != number
    assert journal.knows_inbox(odd)
    assert not journal.knows_inbox("/in/never")


# -- turns -------------------------------------------------------------------------------------------------------------


def test_jobs_start_oldest_first_each_with_its_attempt_counted(journal: Journal, inbox: int, add: Add) -> None:
    first, second, third = add("a.jpg", "b.jpg", "c.jpg")
    started = journal.start(2, [inbox])
    assert [(job.id, job.state, job.attempt) for job in started] == [(first, "running", 1), (second, "running", 1)]
    assert ids(journal.start(2, [inbox])) == [third]
    assert journal.start(2, [inbox]) == []


def test_only_the_inboxes_that_can_be_used_have_a_turn(journal: Journal, inbox: int, add: Add) -> None:
    away = journal.inbox("/away", "card")
    [elsewhere] = add("a.jpg", where=away)
    [here] = add("b.jpg")
    assert ids(journal.start(5, [inbox])) == [here]
    assert journal.start(5, []) == []
    assert ids(journal.start(5, [inbox, away])) == [elsewhere]


Expand = Callable[..., bool]


@pytest.fixture
def archives(db: sqlite3.Connection) -> Archives:
    return Archives(db)


@pytest.fixture
def expand(db: sqlite3.Connection, archives: Archives) -> Expand:
    """A running job turns out to be an archive with these members."""
    batches = Batches(db)
    return lambda job, found: archives.expand(job, batches.of_archive(job), found)


@pytest.fixture
def expanded(journal: Journal, inbox: int, expand: Expand) -> Callable[..., int]:
    """An archive with so many members; its job."""

    def expanded(count: int, junk: Sequence[int] = ()) -> int:
        journal.add([(inbox, claim(f"zip-{count}-{journal.open_count([inbox])}", "trip.zip"))])
        job = journal.start(1, [inbox])[-1]
        assert job.path == "trip.zip"
        assert expand(job, members(count, junk))
        return job.id

    return expanded


def test_a_loose_photo_has_its_turn_while_an_archive_has_thousands(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add, expanded: Callable[..., int]
) -> None:
    with transaction(db):
        archive = expanded(5000)
    assert {job.parent_id for job in journal.start(4, [inbox])} == {archive}
    [photo] = add("photo.jpg")
    assert photo in ids(journal.start(2, [inbox]))


def test_lanes_take_turns_one_slot_at_a_time(journal: Journal, inbox: int, add: Add, expand: Expand) -> None:
    archives = add("a.zip", "b.zip")
    for archive in journal.start(2, [inbox]):
        expand(archive, members(4))
    add("a.jpg", "b.jpg")
    lanes = [begin(journal, inbox).parent_id or 0 for _ in range(9)]
    assert set(lanes[:3]) == {0, *archives}
    assert lanes[3:6] == lanes[:3]
    assert sorted(lanes[6:8]) == archives, "the loose files are through, the archives go on taking turns"


def test_the_free_slots_are_shared_among_the_lanes(
    journal: Journal, inbox: int, add: Add, expanded: Callable[..., int]
) -> None:
    archive = expanded(10)
    add(*"abcdefgh")
    started = journal.start(6, [inbox])
    assert sorted(job.parent_id == archive for job in started) == [False] * 3 + [True] * 3


def test_a_turn_of_the_loop_costs_no_more_when_20000_wait_20000_are_held_and_20000_are_over(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add, expanded: Callable[..., int]
) -> None:
    with transaction(db):
        archive = expanded(10)
        add(*(f"{n}.jpg" for n in range(10)))
    few = _steps(db, journal, inbox)
    with transaction(db):
        db.executemany(
            """insert into jobs (parent_id, root_id, member, batch_id, lane, inbox_id, path, name, created_at,
                 state, finished_at, discarded, numbering, announced)
               values (?1, ?1, ?2, 1, ?3, ?4, x'41', 'A', 'x', ?5, ?6, ?7, ?8, 1)""",
            [(archive, 1000 + n, -1, inbox, *_of_many(n)) for n in range(60_000)],
        )
        db.execute("update jobs set lane = ?, not_before = ? where numbering = 'wait'", (HELD_LANE, NEVER))
    assert _steps(db, journal, inbox) < 2 * few


def _of_many(n: int) -> tuple[str, str | None, int, str | None]:
    """Of a third each waits, is over, and is held for its batch's end: (state, its end, discarded, numbering)."""
    ends: list[tuple[str, str | None, int, str | None]] = [
        ("queued", None, 0, None),
        ("done", "2026-01-01T00:00:00Z", 1, None),
        ("queued", None, 0, "wait"),
    ]
    return ends[n % 3]


def _steps(db: sqlite3.Connection, journal: Journal, inbox: int) -> int:
    """How many hundreds of SQLite's virtual instructions a turn of the loop costs."""
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1

    db.set_progress_handler(tick, 100)
    journal.anything_due()
    for job in journal.start(2, [inbox]):
        journal.excuse(job.id, job.attempt)
    journal.next_due()
    journal.open_count([inbox])
    archives, batches = Archives(db), Batches(db)
    archives.any_complete()
    batches.open("folder", 1.0)
    batches.listed_archives()
    batches.is_dating(1)
    batches.next_quiet(1.0)
    journal.unannounced()
    journal.undiscarded([inbox])
    db.set_progress_handler(None, 0)
    return count


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda journal: journal.unannounced(), "jobs_unannounced"),
        (lambda journal: journal.undiscarded([1]), "jobs_undiscarded"),
        (lambda journal: journal.start(1, [1]), "jobs_by_lane (state=? AND lane=?)"),
        (lambda journal: journal.anything_due(), "jobs_by_due"),
        (lambda journal: journal.next_due(), "jobs_by_due"),
        (lambda journal: journal.open_count([1]), "jobs_in_spools"),
        (lambda journal: Archives(journal._db).any_complete(), "jobs_by_parent"),
        (lambda journal: Archives(journal._db).close(), "jobs_by_parent"),
        (lambda journal: Batches(journal._db).open("folder", 1.0), "batches_open"),
        (lambda journal: Batches(journal._db).listed_archives(), "jobs_to_list"),
        (lambda journal: Batches(journal._db).is_dating(1), "jobs_to_date"),
        (lambda journal: Batches(journal._db).next_quiet(1.0), "batches_open"),
    ],
)
def test_what_the_loop_asks_each_time_is_answered_by_an_index(
    db: sqlite3.Connection, journal: Journal, add: Add, ask: Callable[[Journal], object], index: str
) -> None:
    add("a.jpg")
    Batches(db).start(1, "archive", "trip.zip")
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    ask(journal)
    db.set_trace_callback(None)
    plans = [step["detail"] for query in asked for step in db.execute(f"explain query plan {query}")]
    assert any(index in step for step in plans), plans
    assert not [step for step in plans if step == "SCAN jobs" or "B-TREE FOR ORDER" in step]


# -- tries -------------------------------------------------------------------------------------------------------------


def _late_expand(journal: Journal, job: int) -> bool:
    batch = Batches(journal._db).start(journal.job(job).inbox_id, "archive", "a.zip")
    return Archives(journal._db).expand(replace(journal.job(job), attempt=1), batch, members(2))


@pytest.mark.parametrize(
    "late",
    [
        lambda journal, job: journal.finish(job, 1, "done"),
        _late_expand,
        lambda journal, job: journal.retry(job, 1, "late", died=True),
        lambda journal, job: journal.excuse(job, 1),
    ],
    ids=["finish", "expand", "retry", "excuse"],
)
@pytest.mark.parametrize("now", ["queued", "running again", "failed"])
def test_a_result_of_a_former_attempt_falls_away(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add, late: Callable[[Journal, int], bool], now: str
) -> None:
    [job] = add("a.jpg")
    begin(journal, inbox)
    journal.excuse(job, 1)
    if now != "queued":
        begin(journal, inbox)
    if now == "failed":
        journal.finish(job, 2, "failed", reason="no")
    before = _rows(db)
    assert late(journal, job) is False
    assert _rows(db) == before


def test_a_result_of_a_job_that_there_is_not_falls_away(journal: Journal) -> None:
    assert not journal.retry(12, 1, "who?", died=True)
    assert not journal.finish(12, 1, "done")


def test_a_failed_try_waits_twice_as_long_each_time_and_the_third_is_the_last(
    journal: Journal, inbox: int, add: Add, clock: Clock
) -> None:
    [job] = add("a.jpg")
    for attempt, wait in ((1, 5.0), (2, 10.0)):
        assert begin(journal, inbox).attempt == attempt
        journal.retry(job, attempt, "disk noise", died=False)
        assert journal.job(job).state == "queued"
        assert journal.start(1, [inbox]) == []
        assert journal.next_due() == wait
        clock.now += wait
        assert journal.anything_due()
    begin(journal, inbox)
    journal.retry(job, 3, "disk noise", died=False)
    last = journal.job(job)
    assert (last.state, last.reason) == ("failed", "disk noise (tried 3 times)")
    assert last.finished_at


@pytest.mark.parametrize(("blamed", "seconds"), [(0, 5.0), (1, 5.0), (2, 10.0), (7, 320.0), (8, 600.0), (5000, 600.0)])
def test_the_wait_doubles_up_to_its_end(blamed: int, seconds: float) -> None:
    assert Patience(3, 5, 600).delay(blamed) == seconds


def test_one_attempt_can_be_all_there_are(db: sqlite3.Connection, inbox: int, add: Add, clock: Clock) -> None:
    journal = Journal(db, Patience(attempts=1), clock)
    [job] = add("a.jpg")
    begin(journal, inbox)
    journal.retry(job, 1, "no", died=False)
    assert journal.job(job).reason == "no (tried once)"


def test_that_a_wait_is_over_is_said_once_lest_the_loop_spins_without_a_free_worker(
    journal: Journal, inbox: int, add: Add, clock: Clock
) -> None:
    [job, _] = add("a.jpg", "b.jpg")
    begin(journal, inbox)
    journal.retry(job, 1, "no", died=False)
    begin(journal, inbox)
    clock.now += 5
    assert journal.next_due() == 0.0
    assert journal.next_due() is None
    assert ids(journal.start(1, [inbox])) == [job]


def test_what_is_excused_costs_no_attempt_but_a_new_number(
    journal: Journal, inbox: int, add: Add, clock: Clock
) -> None:
    [job] = add("a.jpg")
    for attempt in range(1, 11):
        spend(journal, clock, inbox, job, lambda started: journal.excuse(job, started.attempt))
        assert journal.job(job).attempt == attempt
    for _ in range(3):
        assert journal.job(job).state == "queued"
        spend(journal, clock, inbox, job, lambda started: journal.retry(job, started.attempt, "no", died=False))
    assert journal.job(job).state == "failed"
    assert journal.job(job).reason == "no (tried 3 times)"


def test_what_killed_its_worker_twice_runs_alone_and_after_the_others(
    journal: Journal, inbox: int, add: Add, clock: Clock
) -> None:
    [killer] = add("killer.jpg")
    for _ in range(2):
        assert not journal.job(killer).suspect
        spend(journal, clock, inbox, killer, lambda job: journal.retry(killer, job.attempt, "it died", died=True))
    assert journal.job(killer).suspect
    first, second, third = add("a.jpg", "b.jpg", "c.jpg")
    assert ids(journal.start(2, [inbox])) == [first, second]
    assert ids(journal.start(2, [inbox])) == [third]
    assert journal.start(2, [inbox]) == [], "others run"
    for job in (first, second, third):
        journal.finish(job, 1, "done")
    assert ids(journal.start(2, [inbox])) == [killer]
    [late] = add("late.jpg")
    assert journal.start(2, [inbox]) == [], "nothing starts beside a suspect"
    journal.retry(killer, 3, "it died", died=True)
    assert journal.job(killer).state == "failed"
    assert ids(journal.start(2, [inbox])) == [late]


def test_two_suspects_run_one_after_the_other(journal: Journal, inbox: int, add: Add, clock: Clock) -> None:
    suspects = add("a.jpg", "b.jpg")
    for _ in range(2):
        for job in journal.start(2, [inbox]):
            journal.retry(job.id, job.attempt, "it died", died=True)
        clock.now += 10_000
    assert ids(journal.start(2, [inbox])) == suspects[:1]
    journal.finish(suspects[0], 3, "done")
    assert ids(journal.start(2, [inbox])) == suspects[1:]


def test_deaths_of_the_daemon_blame_nobody_until_one_dies_with_it_alone(
    journal: Journal, inbox: int, add: Add, clock: Clock
) -> None:
    [job] = add("a.jpg")
    for _ in range(3):
        assert not journal.job(job).suspect
        spend(journal, clock, inbox, job, lambda started: journal.interrupt(job, blame=False))
        assert journal.job(job).state == "queued"
    assert journal.job(job).suspect
    for _ in range(3):
        assert journal.job(job).state == "queued"
        spend(journal, clock, inbox, job, lambda started: journal.interrupt(job, blame=True))
    failed = journal.job(job)
    assert (failed.state, failed.attempt) == ("failed", 6)
    assert failed.reason == "the program died while it worked on this file alone (tried 3 times)"


def test_an_interruption_of_what_does_not_run_changes_nothing(
    db: sqlite3.Connection, journal: Journal, add: Add
) -> None:
    [job] = add("a.jpg")
    before = _rows(db)
    journal.interrupt(job, blame=True)
    journal.interrupt(job, blame=False)
    journal.interrupt(job + 1, blame=True)
    assert _rows(db) == before


# -- archives ----------------------------------------------------------------------------------------------------------


def finish_members(journal: Journal, inbox: int, failing: Sequence[int] = ()) -> None:
    while started := journal.start(10, [inbox]):
        for job in started:
            if job.member in failing:
                journal.finish(job.id, job.attempt, "failed", reason="broken")
            else:
                journal.finish(job.id, job.attempt, "done")


def test_an_archive_is_done_with_its_last_member_and_not_before(
    journal: Journal, archives: Archives, inbox: int, expanded: Callable[..., int]
) -> None:
    archive = expanded(2)
    first, second = journal.start(2, [inbox])
    journal.finish(first.id, 1, "done")
    assert archives.close() == []
    journal.retry(second.id, 1, "once more", died=False)
    assert archives.close() == []
    assert journal.job(archive).state == "expanded"
    journal.lose(second.id, "gone")
    assert archives.close() == [archive]
    assert archives.close() == []
    assert journal.job(archive).state == "failed"


@pytest.mark.parametrize(
    ("count", "junk", "failing", "state", "reason"),
    [
        (3, (), (), "done", None),
        (3, (1,), (), "done", None),
        (4, (3,), (0, 2), "failed", "2 of 3 members could not be read"),
        (2, (), (0, 1), "failed", "2 of 2 members could not be read"),
        (0, (), (), "failed", "there is nothing in it to take"),
        (2, (0, 1), (), "failed", "there is nothing in it to take"),
    ],
)
def test_how_its_members_ended_is_how_an_archive_ends(
    journal: Journal,
    archives: Archives,
    inbox: int,
    expanded: Callable[..., int],
    count: int,
    junk: Sequence[int],
    failing: Sequence[int],
    state: str,
    reason: str | None,
) -> None:
    archive = expanded(count, junk)
    finish_members(journal, inbox, failing)
    assert archives.close() == [archive]
    closed = journal.job(archive)
    assert (closed.state, closed.reason) == (state, reason)
    assert closed.finished_at
    assert archives.not_taken(archive) == [(f"{n}.jpg", "broken") for n in failing]


def test_a_member_knows_where_its_archive_lies(journal: Journal, inbox: int, expanded: Callable[..., int]) -> None:
    archive = expanded(1)
    member = begin(journal, inbox)
    assert (member.parent_id, member.member, member.claim) == (archive, 0, None)
    assert (member.path, member.name) == ("trip/0.jpg", "0.jpg")
    assert (member.root_claim, member.root_path) == (journal.job(archive).claim, "trip.zip")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.jpg", "b.jpg"),
        ("C:\\pics\\b.jpg", "C:\\pics\\b.jpg"),
        ("folder/", "folder"),
        ("/", "/"),
        ("", ""),
        ("ö\n", "ö\n"),
    ],
)
def test_a_members_name_is_the_end_of_its_path_whatever_that_is(
    journal: Journal, inbox: int, expand: Expand, path: str, name: str
) -> None:
    journal.add([(inbox, claim("another", "other.zip"))])
    other = begin(journal, inbox)
    assert expand(other, [Member(0, path, 2**64, False)])
    assert begin(journal, inbox).name == name


def test_an_archive_counts_as_one_claimed_file_whatever_is_in_it(
    journal: Journal, archives: Archives, inbox: int, add: Add, expanded: Callable[..., int]
) -> None:
    expanded(50)
    add("a.jpg")
    assert journal.open_count([inbox]) == 2
    assert journal.open_count([inbox + 1]) == 0
    assert journal.left_in_spools([inbox]) == []
    assert [count for _, count in journal.left_in_spools([inbox + 1])] == [2]
    assert journal.unfinished_count([inbox]) == 52
    assert journal.unfinished_count([inbox + 1]) == 0
    finish_members(journal, inbox)
    archives.close()
    assert journal.open_count([inbox]) == 0
    assert journal.left_in_spools([]) == []


# -- lost and found ----------------------------------------------------------------------------------------------------


def test_an_archive_that_is_lost_takes_along_what_is_not_finished(
    journal: Journal, archives: Archives, inbox: int, expanded: Callable[..., int]
) -> None:
    archive = expanded(3, junk=(2,))
    kept = begin(journal, inbox)
    journal.finish(kept.id, 1, "done")
    journal.lose(archive, "gone")
    assert [journal.job(kept.id + n).state for n in range(3)] == ["done", "failed", "ignored"]
    assert (journal.job(archive).state, journal.job(archive).reason) == ("failed", "gone")
    assert journal.unfinished() == []
    assert archives.close() == []


def test_a_finished_job_is_neither_lost_nor_forgotten(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add
) -> None:
    [job] = add("a.jpg")
    begin(journal, inbox)
    journal.finish(job, 1, "done")
    before = _rows(db)
    journal.lose(job, "gone")
    journal.forget(job)
    assert _rows(db) == before


def test_a_forgotten_job_leaves_no_row_and_its_number_is_not_used_again(
    db: sqlite3.Connection, journal: Journal, add: Add
) -> None:
    [job] = add("a.jpg")
    journal.forget(job)
    assert _rows(db) == []
    assert add("b.jpg") == [job + 1]


def test_what_was_discarded_can_be_discarded_again_but_nothing_else(
    db: sqlite3.Connection, journal: Journal, inbox: int, add: Add
) -> None:
    [job, queued] = add("a.jpg", "b.jpg")
    begin(journal, inbox)
    journal.finish(job, 1, "failed", reason="no")
    before = _rows(db)
    token = journal.job(job).claim or ""
    assert not journal.undo_discard(token), "it is not discarded yet"
    assert not journal.undo_discard(journal.job(queued).claim or "")
    assert not journal.undo_discard("never seen")
    assert _rows(db) == before
    journal.mark_discarded([(job, "failed/a.jpg")])
    assert token not in journal.claims()
    assert journal.undo_discard(token)
    assert token in journal.claims()
    assert ids(journal.undiscarded([inbox])) == [job]
    assert journal.job(job).left_at is None


# -- after the commit --------------------------------------------------------------------------------------------------


def test_what_is_finished_is_announced_and_discarded_until_that_is_marked(
    journal: Journal, inbox: int, add: Add
) -> None:
    away = journal.inbox("/away", "card")
    [here] = add(NASTY[3])
    [there] = add("b.jpg", where=away)
    add("c.jpg")
    for job in journal.start(2, [inbox, away]):
        journal.finish(job.id, 1, "failed", reason="no", surplus=["originals/ö\n.jpg"])
    assert ids(journal.unannounced()) == [here, there]
    assert ids(journal.unannounced(limit=1)) == [here]
    assert ids(journal.undiscarded([inbox])) == [here]
    assert ids(journal.undiscarded([inbox, away])) == [here, there]
    assert journal.undiscarded([inbox])[0].surplus == ("originals/ö\n.jpg",)
    journal.mark_announced([here])
    journal.mark_discarded([(here, f"failed/{NASTY[3]}"), (there, None)])
    assert ids(journal.unannounced()) == [there]
    assert journal.undiscarded([inbox, away]) == []
    assert [journal.job(job).left_at for job in (here, there)] == [f"failed/{NASTY[3]}", None]


def test_an_archive_is_announced_behind_its_members(
    journal: Journal, archives: Archives, inbox: int, expanded: Callable[..., int]
) -> None:
    archive = expanded(3)
    finish_members(journal, inbox)
    archives.close()
    assert ids(journal.unannounced()) == [archive + 1, archive + 2, archive + 3, archive]


def test_a_reason_that_is_no_text_for_sqlite_is_kept_in_escapes(journal: Journal, add: Add, inbox: int) -> None:
    [number] = add("a.jpg")
    [started] = journal.start(1, [inbox])
    assert journal.finish(number, started.attempt, "failed", reason="tag \ud800 of a\udcff.jpg")
    assert journal.job(number).reason == r"tag \ud800 of a\udcff.jpg"


def test_an_asset_is_read_again_by_one_at_a_time(journal: Journal, db: sqlite3.Connection, inbox: int) -> None:
    with transaction(db):
        db.execute("pragma defer_foreign_keys = on")
        for asset in (1, 2):
            journal.join(inbox, asset, "a.jpg", None)
        first, second = journal.start(9, [inbox])
        journal.join(inbox, 1, "a.jpg", None)  # another sidecar came meanwhile
        assert journal.start(9, [inbox]) == []
        journal.finish(second.id, second.attempt, "done")
        assert journal.start(9, [inbox]) == []
        journal.finish(first.id, first.attempt, "done")
        assert [job.asset_id for job in journal.start(9, [inbox])] == [1]
        db.execute("delete from jobs")
