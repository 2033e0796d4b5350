"""What a worker is told: where the bytes of a file, of a member and of a member's member lie, and what is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import Desk, follow
from watcher.intake.inbox import Inbox
from watcher.messages import Dated, Expanded, Processed, Rejected, Sidecar, Task
from watcher.model import Job, Member, Wishes
from watcher.tasking import Tasking

TOKEN = "a-abcdefgh23"


class Office(Desk):
    """A desk with an inbox at /in, which nobody opens, and what it tells workers."""

    def __init__(self, path: str) -> None:
        super().__init__(open_writer(path))
        self.place = Inbox(
            "/in", "phone", settle_seconds=0, incomplete_seconds=0, batch_seconds=0, rescan_seconds=0, wake=lambda: None
        )
        self.tasking = Tasking({self.inbox: self.place}, self.rules, self.ledger, self.joining, follow)

    def told(self, *paths: str, add: str = "") -> list[tuple[Job, Task]]:
        """Files are dropped and started: what their workers are told."""
        dropped = {job.id for job in self.drop(*paths, add=add)}
        return [(job, self.tasking.task(job)) for job in self.start(9) if job.id in dropped]

    def member(self, archive: Job, path: str, place: int = 0) -> tuple[Job, Task]:
        """A member of a running archive, started too."""
        self.commit(Expanded(archive.id, archive.attempt, (Member(place, path, 5),), lodged=archive.member is not None))
        [job] = self.start(1)
        return job, self.tasking.task(job)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(str(tmp_path / "watcher.db"))
    yield office
    office.db.close()


@pytest.mark.parametrize("name", ["a.jpg", "new\nline.jpg", os.fsdecode(b"caf\xe9.jpg")])
def test_a_file_lies_in_its_own_claim(office: Office, name: str) -> None:
    [(job, task)] = office.told(f"trip/{name}")
    assert task.source == f"/in/.watcher/spool/{job.claim}/trip/{name}"
    assert (task.name, task.folder, task.batch) == (name, "trip", "trip")
    assert (task.member, task.lodge, task.depth, task.listed, task.errand) == (None, None, 0, 0, "take")


def test_a_member_lies_in_its_archive_and_may_have_a_file_of_its_own(office: Office) -> None:
    [(archive, _)] = office.told("trip.zip")
    job, task = office.member(archive, "in/a.jpg", 7)
    assert task.source == f"/in/.watcher/spool/{archive.claim}/trip.zip"
    assert (task.member, task.name, task.folder, task.batch, task.depth) == (7, "a.jpg", "in", "trip.zip", 1)
    assert task.lodge == f"/in/.watcher/members/{archive.claim}/{job.id}"


def test_a_member_of_a_member_lies_in_that_ones_own_file(office: Office) -> None:
    [(archive, _)] = office.told("outer.zip")
    inner, told = office.member(archive, "in/inner.zip", 7)
    picture, task = office.member(inner, "b.jpg", 3)
    assert task.source == told.lodge
    assert (task.member, task.depth) == (3, 2)
    assert task.lodge == f"/in/.watcher/members/{archive.claim}/{picture.id}"


def test_an_archive_in_an_archive_is_listed_on_from_its_own_file(office: Office) -> None:
    [(archive, _)] = office.told("outer.zip")
    inner, told = office.member(archive, "inner.zip")
    group = tuple(Member(place, f"{place}.jpg", 5) for place in range(3))
    office.commit(Expanded(inner.id, inner.attempt, group, more=True, lodged=True))
    task = next(office.tasking.task(job) for job in office.start(9) if job.id == inner.id)
    assert (task.source, task.member, task.listed, task.depth) == (told.lodge, None, 3, 1)


def test_what_was_added_lies_in_its_claim_and_is_asked_for_as_its_options_say(office: Office) -> None:
    office.batching.added(office.inbox, TOKEN, "trip", b'title = "T"\nkeywords = ["sea"]')
    [(job, task)] = office.told("trip/a.jpg", add=TOKEN)
    assert job.claim
    assert job.claim.endswith(TOKEN)
    assert task.source == f"/in/.watcher/spool/{job.claim}/trip/a.jpg"
    assert task.rules.wishes == Wishes(title="T", keywords=("sea",))
    [(_, plain)] = office.told("a.jpg")
    assert plain.rules == office.rules[office.inbox]


def test_a_numbered_picture_is_asked_for_its_date_first_and_taken_with_its_number(office: Office) -> None:
    office.batching.added(office.inbox, TOKEN, "a.jpg", b'prefix = "trip"')
    [(sidecar, _)] = office.told("a.jpg.xmp", add=TOKEN)
    office.commit(Dated(sidecar.id, 1, None, numbered=False))
    assert [job.id for job in office.start(1)] == [sidecar.id]
    office.storage.objects["sidecars/1"] = b"x"
    office.commit(Sidecar(sidecar.id, 2, "xmp", "s", "sidecars/1", 1))
    [(job, task)] = office.told("a.jpg", add=TOKEN)
    assert (task.errand, task.sequence, task.sidecars) == ("date", "", ())
    office.commit(Dated(job.id, 1, "2024", numbered=True))
    office.close()
    [again] = office.start(1)
    task = office.tasking.task(again)
    assert (task.errand, task.sequence, task.attempt) == ("take", "01", 2)
    assert [one.key for one in task.sidecars] == ["sidecars/1"]


def test_a_sidecar_that_is_there_already_is_told_of(office: Office) -> None:
    [(job, _)] = office.told("a.jpg.xmp")
    office.storage.objects["sidecars/1"] = b"x"
    office.commit(Sidecar(job.id, 1, "xmp", "s", "sidecars/1", 1))
    [(_, task)] = office.told("a.jpg")
    assert [(one.kind, one.key, one.digest) for one in task.sidecars] == [("xmp", "sidecars/1", "s")]


def test_an_asset_is_read_again_as_it_stands_by_the_rules_of_the_batch_that_it_came_in(office: Office) -> None:
    office.batching.added(office.inbox, TOKEN, "a.jpg", b'title = "T"')
    [(job, _)] = office.told("trip/a.jpg", "trip/a.jpg.xmp", add=TOKEN)[:1]
    office.commit(Processed(job.id, 1, office.publish("a.jpg")))
    sidecar = next(one for one in office.journal.running() if one.id != job.id)
    office.storage.objects["sidecars/1"] = b"x"
    office.commit(Sidecar(sidecar.id, 1, "xmp", "s", "sidecars/1", 1))
    [join] = office.start(9)
    task = office.tasking.task(join)
    assert (task.errand, task.folder, task.name) == ("join", "trip", "a.jpg")
    assert task.standing is not None
    assert (task.standing.picture.key, task.standing.picture.digest) == ("originals/a.jpg", "d1")
    assert [one.key for one in task.sidecars] == ["sidecars/1"]
    assert task.rules.wishes.title == "T"


def test_a_member_that_was_rejected_and_lodged_is_no_archive(office: Office) -> None:
    [(archive, _)] = office.told("outer.zip")
    job, task = office.member(archive, "letter.txt")
    office.commit(Rejected(job.id, job.attempt, "it is a letter", lodged=True))
    after = office.journal.job(job.id)
    assert (after.lodged, after.listed, after.root_path) == (True, 0, "outer.zip")
    assert office.place.spool.member(after.root_claim or "", job.id) == task.lodge
