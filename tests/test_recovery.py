"""The table of recovery, row by row: first the plan, which is pure, then its effect on a real inbox and journal."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from watcher import recovery
from watcher.db import ledger
from watcher.db.journal import Patience
from watcher.db.taken import Taken
from watcher.intake.copying import Copying
from watcher.intake.inbox import Inbox
from watcher.model import Claim, Job, Member, State
from watcher.recovery import Drop, Forget, Hold, Interrupt, Lose, Remove, Retake

IN = 1
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
NASTY = ("日本/ö.jpg", "new\nline/a\rb.jpg", os.fsdecode(b"\xff/caf\xe9.jpg"), "d/" * 20 + "n" * 255)


def job(
    number: int = 1,
    state: State = "queued",
    claim: str | None = "t1",
    *,
    parent: int | None = None,
    inbox: int = IN,
    suspect: bool = False,
    listed: int = 0,
) -> Job:
    archive = None if parent is None else "t9"
    return Job(
        number, state, 1, claim, parent, None if parent is None else 0, inbox, "a.jpg", "a.jpg", 1,
        "2026-01-01T00:00:00Z", None, None,
        suspect, archive, archive, None, (), None, listed=listed,
    )  # fmt: skip


def planned(
    spooled: dict[int, list[tuple[str, str | None]]],
    jobs: list[Job],
    *,
    known: set[str] | None = None,
    back: bool = False,
    copying: tuple[int, ...] = (),
) -> list[recovery.Action]:
    claims = {one.claim for one in jobs if one.claim} | (known or set())
    return recovery.plan(spooled, claims, jobs, lambda _: back, copying)


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_a_file_that_no_row_knows_settles_again_in_its_place() -> None:
    assert planned({IN: [("t1", "a/b.jpg")]}, []) == [Hold(IN, "t1", "a/b.jpg")]


def test_an_empty_folder_of_the_spool_goes() -> None:
    assert planned({IN: [("t1", None)]}, []) == [Remove(IN, "t1")]


@pytest.mark.parametrize("state", ["queued", "expanded"])
def test_a_file_whose_job_waits_is_let_be(state: State) -> None:
    assert planned({IN: [("t1", "a.jpg")]}, [job(state=state)]) == []


def test_a_file_whose_job_ran_is_queued_again_and_nobody_is_blamed() -> None:
    running = job(state="running")
    assert planned({IN: [("t1", "a.jpg")]}, [running]) == [Interrupt(running, blame=False)]


def test_a_suspect_that_ran_alone_is_blamed() -> None:
    running = job(state="running", suspect=True)
    queued = job(2, claim="t2")
    spool: dict[int, list[tuple[str, str | None]]] = {IN: [("t1", "a.jpg"), ("t2", "b.jpg")]}
    assert planned(spool, [running, queued]) == [Interrupt(running, blame=True)]


def test_a_suspect_is_not_blamed_when_anything_else_ran() -> None:
    suspect, other = job(state="running", suspect=True), job(2, "running", "t2", inbox=2)
    actions = planned({IN: [("t1", "a.jpg")], 2: [("t2", "b.jpg")]}, [suspect, other])
    assert actions == [Interrupt(suspect, blame=False), Interrupt(other, blame=False)]


def test_a_member_is_judged_by_the_file_of_its_archive() -> None:
    archive = job(9, "expanded", "t9")
    running, queued = job(10, "running", None, parent=9), job(11, "queued", None, parent=9)
    assert planned({IN: [("t9", "trip.zip")]}, [archive, running, queued]) == [Interrupt(running, blame=False)]
    assert planned({IN: []}, [archive, queued]) == [Lose(archive)]


@pytest.mark.parametrize("back", [True, False])
def test_what_belongs_to_an_inbox_that_is_not_mounted_stays(back: bool) -> None:
    jobs = [job(), job(2, "expanded", "t2"), job(3, "running", "t3")]
    assert planned({}, jobs, back=back) == [Interrupt(jobs[2], blame=False)]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_whose_file_is_back_in_the_inbox_is_forgotten(state: State) -> None:
    gone = job(state=state)
    assert planned({IN: []}, [gone], back=True) == [Forget(gone)]


@pytest.mark.parametrize("state", ["queued", "running", "expanded"])
def test_an_archive_half_done_whose_file_is_back_in_the_inbox_is_taken_anew(state: State) -> None:
    gone = job(state=state, listed=3)
    assert planned({IN: []}, [gone], back=True) == [Retake(gone)]


@pytest.mark.parametrize("state", ["queued", "running", "expanded"])
def test_a_job_whose_file_is_nowhere_is_lost(state: State) -> None:
    gone = job(state=state)
    assert planned({IN: [("t1", None)]}, [gone]) == [Remove(IN, "t1"), Lose(gone)]


def test_a_file_whose_job_is_finished_is_left_to_the_discard() -> None:
    assert planned({IN: [("t1", "a.jpg")]}, [], known={"t1"}) == []


def test_a_finished_job_without_a_file_is_left_to_the_mark() -> None:
    assert planned({IN: []}, [], known={"t1"}) == []


def test_a_copy_that_no_row_knows_goes_for_its_file_is_still_in_the_inbox() -> None:
    spool: dict[int, list[tuple[str, str | None]]] = {IN: [("t1", "a/b.jpg")], 2: [("t2", "c.jpg")]}
    assert planned(spool, [], copying=(IN,)) == [Drop(IN, "t1", "a/b.jpg"), Hold(2, "t2", "c.jpg")]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_without_its_copy_is_forgotten_when_its_file_is_there_and_else_lost(state: State) -> None:
    gone = job(state=state)
    assert planned({IN: []}, [gone], back=True, copying=(IN,)) == [Forget(gone)]
    assert planned({IN: []}, [gone], copying=(IN,)) == [Lose(gone)]


# -- its effect --------------------------------------------------------------------------------------------------------


class House:
    """An inbox, its journal, and the two after a daemon has died."""

    def __init__(self, db: sqlite3.Connection, inbox: Inbox, library: Path) -> None:
        self.db, self.inbox, self.library = db, inbox, str(library)
        self.ledger = ledger.over(db, Patience(attempts=3, first_seconds=0))
        self.journal, self.archives = self.ledger.journal, self.ledger.archives
        self.id = self.journal.inbox(inbox.root, inbox.name)

    def claim(self, *paths: str) -> list[Claim]:
        """Drop files and claim them, without a word to the journal."""
        for path in paths:
            os.makedirs(os.path.dirname(os.path.join(self.inbox.root, path)), exist_ok=True)
            Path(self.inbox.root, path).write_bytes(PNG)
        self.inbox.rescan()
        claims = self.inbox.claim_settled(100)
        assert sorted(claim.path for claim in claims) == sorted(paths)
        return claims

    def take(self, *paths: str) -> list[Job]:
        """Drop, claim and write down."""
        claims = self.claim(*paths)
        self.journal.add((self.id, claim) for claim in claims)
        found = {job.claim: job for job in self.journal.unfinished()}
        return [found[claim.token] for claim in claims]

    def expand(self, archive: Job, count: int, *, more: bool = False) -> None:
        """Start an archive, which has so many members."""
        running = next(job for job in self.journal.start(9, [self.id]) if job.id == archive.id)
        members = [Member(n, f"{n}.jpg", 1) for n in range(running.listed, running.listed + count)]
        assert self.archives.expand(running, self.ledger.batches.of_archive(running), members, more=more)

    def recover(self) -> list[Job]:
        return recovery.recover(self.db, self.ledger, {self.id: self.inbox}, (), self.library, late=False)

    def source(self, job: Job) -> str:
        assert job.claim
        return self.inbox.spool.source(job.claim, job.path)

    def rows(self) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self.db.execute("select * from jobs order by id")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "in").mkdir()
    (tmp_path / "library" / ".watcher").mkdir(parents=True)
    inbox = Inbox(
        str(tmp_path / "in"), "in", settle_seconds=0, incomplete_seconds=0, batch_seconds=0, rescan_seconds=3000,
        wake=lambda: None,
    )  # fmt: skip
    inbox.open("/library")
    db = open_writer(str(tmp_path / "watcher.db"))
    yield House(db, inbox, tmp_path / "library")
    db.close()
    inbox.close()


def test_a_spool_and_a_journal_that_agree_stay_as_they_are(house: House) -> None:
    house.take(*NASTY)
    before = house.rows(), house.inbox.spool.spooled()
    assert house.recover() == []
    assert (house.rows(), house.inbox.spool.spooled()) == before


def test_claims_that_the_journal_missed_are_returned_again_under_their_names(house: House) -> None:
    claims = house.claim(*NASTY)
    assert house.recover() == []
    assert house.rows() == []
    assert sorted(house.inbox.claim_settled(100), key=lambda c: c.token) == sorted(claims, key=lambda c: c.token)


def test_folders_of_claims_that_never_came_go(house: House) -> None:
    os.makedirs(os.path.join(house.inbox.root, ".watcher/spool/0000-ff/deep/down"))
    house.recover()
    assert house.inbox.spool.spooled() == []


def test_what_ran_is_queued_again_and_what_waited_still_does(house: House) -> None:
    house.take("a.jpg", "b.jpg")
    [running] = house.journal.start(1, [house.id])
    house.recover()
    assert [job.state for job in house.journal.unfinished()] == ["queued", "queued"]
    again = house.journal.start(2, [house.id])
    assert [(job.id, job.attempt) for job in again if job.id == running.id] == [(running.id, 2)]


def test_only_what_dies_alone_ends_and_the_others_live(house: House) -> None:
    """A file that takes the whole daemon along, dropped among others, ends; they are all done."""
    names = ["killer.jpg", *(f"{n}.jpg" for n in range(5))]
    killer = next(job for job in house.take(*names) if job.path == "killer.jpg")
    deaths = 0
    while house.journal.unfinished():
        started = house.journal.start(6, [house.id])
        if killer.id in [job.id for job in started]:
            house.recover()
            deaths += 1
        else:
            for job in started:
                house.journal.finish(job.id, job.attempt, "done")
    assert deaths == 6, "three with the others, three alone"
    states = {job.path: job.state for job in house.journal.undiscarded([house.id])}
    assert states.pop("killer.jpg") == "failed"
    assert set(states.values()) == {"done"}


def test_what_is_back_in_the_inbox_is_forgotten_and_taken_again(house: House) -> None:
    [job] = house.take("a.jpg")
    os.rename(house.source(job), os.path.join(house.inbox.root, "a.jpg"))
    assert house.recover() == []
    assert house.rows() == []
    house.inbox.rescan()
    assert [claim.path for claim in house.inbox.claim_settled(10)] == ["a.jpg"]


def test_what_is_nowhere_is_failed_loudly(house: House) -> None:
    [job] = house.take("a.jpg")
    os.unlink(house.source(job))
    assert [lost.id for lost in house.recover()] == [job.id]
    failed = house.journal.job(job.id)
    assert (failed.state, failed.reason) == ("failed", "its spool copy is gone, and it is not back in the inbox")
    assert house.recover() == []


@pytest.mark.parametrize("back", [True, False])
def test_an_archive_without_its_file_ends_with_its_members_and_keeps_what_is_done(house: House, back: bool) -> None:
    [archive] = house.take("trip.zip.png")
    house.expand(archive, 3)
    done, running = house.journal.start(2, [house.id])
    house.journal.finish(done.id, 1, "done")
    os.unlink(house.source(archive))
    if back:
        Path(house.inbox.root, archive.path).write_bytes(PNG)
    assert [job.id for job in house.recover()] == ([] if back else [archive.id])
    assert house.journal.unfinished() == []
    assert house.journal.job(done.id).state == "done"
    assert house.journal.job(running.id).state == "failed"
    reason = house.journal.job(archive.id).reason or ""
    assert ("taken anew" in reason) == back


def test_an_archive_goes_on_where_it_was(house: House) -> None:
    [archive] = house.take("trip.zip.png")
    house.expand(archive, 2)
    for job in house.journal.start(2, [house.id])[:1]:
        house.journal.finish(job.id, 1, "done")
    house.recover()
    assert house.journal.job(archive.id).state == "expanded"
    for job in house.journal.start(2, [house.id]):
        assert (job.member, job.attempt) == (1, 2)
        house.journal.finish(job.id, 2, "done")
    house.recover()
    assert house.journal.job(archive.id).state == "done", "its end was still to be written down"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_an_archive_that_died_between_two_groups_of_its_members_goes_on_with_the_next(house: House, state: str) -> None:
    [archive] = house.take("trip.zip.png")
    house.expand(archive, 2, more=True)
    if state == "running":
        house.journal.start(9, [house.id])
    house.recover()
    house.expand(archive, 1)
    assert [job.member for job in house.journal.unfinished() if job.parent_id] == [0, 1, 2]
    assert house.db.execute("select max(attempt - excused) from jobs").fetchone()[0] <= 1


def test_members_of_an_archive_in_an_archive_are_lost_with_the_one_that_was_dropped(house: House) -> None:
    [outer] = house.take("trip.zip.png")
    house.expand(outer, 1)
    [inner] = [job for job in house.journal.unfinished() if job.parent_id]
    house.expand(inner, 2)
    os.unlink(house.source(outer))
    assert [job.id for job in house.recover()] == [outer.id]
    assert house.journal.unfinished() == []


def test_what_lies_beside_the_spool_stays_with_its_archive_and_goes_without_it(house: House) -> None:
    [archive] = house.take("trip.zip.png")
    house.expand(archive, 1)
    assert archive.claim
    for claim in (archive.claim, "0000-gone"):
        os.makedirs(house.inbox.spool.members(claim))
        Path(house.inbox.spool.member(claim, 7)).write_bytes(PNG)
    assert house.recover() == []
    assert os.listdir(os.path.dirname(house.inbox.spool.members(archive.claim))) == [archive.claim]
    assert Path(house.inbox.spool.member(archive.claim, 7)).read_bytes() == PNG


def test_what_was_added_and_not_yet_written_down_keeps_its_token_and_its_batch(house: House) -> None:
    token = "a-abcdefgh23"
    folder = Path(house.inbox.root, ".watcher/ready", token)
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    [claim] = house.inbox.claim_added(token, 9)
    assert not folder.exists()
    assert house.recover() == []
    [again] = house.inbox.claim_settled(9)
    assert (again, again.batch) == (claim, token)
    assert again.seen and again.seen.by == "add"


def test_what_waits_for_its_number_still_waits(house: House) -> None:
    [picture] = house.take("a.jpg")
    house.journal.start(1, [house.id])
    house.journal.dated(picture.id, 1, "2024", numbered=True)
    before = house.rows()
    assert house.recover() == []
    assert house.rows() == before


def test_an_asset_that_was_being_read_again_is_read_again(house: House) -> None:
    house.db.execute(
        """insert into assets (id, digest, stored_digest, key, name, format, size, imported_at)
           values (1, 'd', 'd', 'k', 'a.jpg', 'jpeg', 1, 'x')"""
    )
    house.journal.join(house.id, 1, "a.jpg", None)
    [running] = house.journal.start(1, [house.id])
    assert house.recover() == [], "it has no file that could be lost"
    assert [(job.id, job.attempt, job.kind) for job in house.journal.start(1, [house.id])] == [(running.id, 2, "join")]


def test_a_discard_that_a_power_cut_undid_is_done_again_instead_of_hiding_the_file(house: House) -> None:
    [job] = house.take(NASTY[2])
    house.journal.start(1, [house.id])
    house.journal.finish(job.id, 1, "failed", reason="no")
    house.journal.mark_discarded([(job.id, f"failed/{NASTY[2]}")])
    assert house.recover() == []
    assert house.inbox.claim_settled(10) == [], "the row is there: it is no new claim"
    assert [one.id for one in house.journal.undiscarded([house.id])] == [job.id]


# -- its effect where the files stay in their inbox -------------------------------------------------------------------


class Card(House):
    """A card, of which the library has working copies, and what is remembered of it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.private = folder / "in", folder / ".watcher"
        self.root.mkdir()
        self.private.mkdir()
        db = open_writer(str(folder / "watcher.db"))
        super().__init__(db, self._opened(db), folder)
        self.inbox.recall()

    def _opened(self, db: sqlite3.Connection) -> Inbox:
        root, journal = str(self.root), ledger.over(db, Patience()).journal
        copying = Copying(root, str(self.private), Taken(db, lambda: journal.inbox(root, "in")))
        inbox = Inbox(
            root, "in", settle_seconds=0, incomplete_seconds=0, batch_seconds=0, rescan_seconds=3000,
            copying=copying, wake=lambda: None, wall=lambda: 4e9,
        )  # fmt: skip
        inbox.open("/library")
        return inbox

    def claim(self, *paths: str) -> list[Claim]:
        for path in paths:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(PNG)
        return self.claimed()

    def claimed(self) -> list[Claim]:
        """All that there is to claim."""
        self.inbox.rescan()
        claims = self.inbox.claim_settled(100)
        while not self.inbox.settled():
            claims += self.inbox.claim_settled(100)
        return claims

    def restart(self) -> list[Job]:
        """A new run; the jobs that are lost."""
        self.inbox.close()
        self.inbox = self._opened(self.db)
        lost = self.recover()
        self.inbox.recall()
        return lost

    def copies(self) -> list[str]:
        return [
            str(path.relative_to(self.private / "spool"))
            for path in (self.private / "spool").rglob("*")
            if path.is_file()
        ]

    def remembered(self) -> list[str]:
        return [os.fsdecode(row["path"]) for row in self.db.execute("select path from taken order by path")]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    card = Card(tmp_path)
    yield card
    card.db.close()


def test_copies_that_the_journal_missed_go_and_their_files_are_copied_anew(card: Card) -> None:
    assert len(card.claim(*NASTY)) == len(NASTY)
    assert card.restart() == []
    assert (card.copies(), card.rows(), card.remembered()) == ([], [], [])
    assert sorted(claim.path for claim in card.claimed()) == sorted(NASTY)


def test_a_copy_that_is_not_whole_goes_too(card: Card) -> None:
    half = card.private / "spool" / str(card.id) / "0000-ff" / "in" / "a.png"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    card.restart()
    assert card.inbox.spool.spooled() == []


def test_what_the_journal_knows_keeps_its_copy_and_is_not_copied_again(card: Card) -> None:
    card.take(*NASTY)
    before = card.rows(), card.copies()
    assert card.restart() == []
    assert (card.rows(), card.copies()) == before
    assert card.claimed() == []


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_row_whose_copy_a_power_cut_undid_is_forgotten_and_its_file_copied_anew(card: Card, state: str) -> None:
    [job] = card.take(NASTY[2])
    if state == "running":
        card.journal.start(1, [card.id])
    os.unlink(card.source(job))
    assert card.restart() == []
    assert (card.rows(), card.remembered()) == ([], [])
    assert [claim.path for claim in card.claimed()] == [NASTY[2]]


def test_an_archive_half_done_without_its_copy_is_copied_anew(card: Card) -> None:
    [archive] = card.take("trip.zip.png")
    card.expand(archive, 2)
    os.unlink(card.source(archive))
    assert card.restart() == []
    assert card.remembered() == []
    assert [claim.path for claim in card.claimed()] == ["trip.zip.png"]


def test_a_row_without_copy_and_file_is_lost_and_a_file_that_comes_back_is_taken(card: Card) -> None:
    [job] = card.take("a.png")
    os.unlink(card.source(job))
    (card.root / "a.png").unlink()
    assert [lost.id for lost in card.restart()] == [job.id]
    assert [claim.path for claim in card.claim("a.png")] == ["a.png"]


def test_a_discard_that_a_power_cut_undid_leaves_no_copy(card: Card) -> None:
    [job] = card.take("a.png")
    card.journal.start(1, [card.id])
    card.journal.finish(job.id, 1, "failed", reason="no")
    card.journal.mark_discarded([(job.id, None)])
    assert card.restart() == []
    assert card.copies() == []
    assert card.claimed() == [], "it failed, and stays as it is"


def test_an_empty_folder_where_the_card_was_forgets_nothing(card: Card) -> None:
    card.take("a.png", "b.png")
    away = card.root.with_name("away")
    card.root.rename(away)
    card.root.mkdir()
    assert card.restart() == []
    assert card.claimed() == []
    card.root.rmdir()
    away.rename(card.root)
    card.restart()
    assert card.claimed() == []
    assert card.remembered() == ["a.png", "b.png"]
