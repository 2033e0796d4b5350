"""Archives as rows: their members in groups, archives in archives, and what an archive is at its end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import Desk
from watcher.db import cancelling
from watcher.db.connect import transaction
from watcher.messages import Dated, Expanded, Failed, Processed, Rejected
from watcher.model import Job, Member

TOKEN = "a-abcdefgh23"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


def members(*paths: str, first: int = 0) -> tuple[Member, ...]:
    return tuple(Member(place, path, 10) for place, path in enumerate(paths, first))


def started(desk: Desk, job: int) -> Job:
    """The job, running; others that have their turn beside it are put back."""
    running = desk.start(500)
    for each in running:
        if each.id != job:
            desk.journal.excuse(each.id, each.attempt)
    return next(each for each in running if each.id == job)


def child(desk: Desk, archive: int, name: str) -> Job:
    [job] = desk.column(f"select id from jobs where parent_id = {archive} and name = '{name}'")
    return started(desk, job)


def take(desk: Desk, job: Job) -> None:
    desk.commit(Processed(job.id, job.attempt, desk.publish(f"{job.id}.jpg", f"d{job.id}")))


def state(desk: Desk, job: int) -> tuple[str, str | None]:
    found = desk.journal.job(job)
    return found.state, found.reason


# -- groups ------------------------------------------------------------------------------------------------------------


def test_an_archive_is_listed_in_groups_and_its_members_run_meanwhile(desk: Desk) -> None:
    archive = desk.run("big.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg", "b.jpg"), more=True))
    assert (desk.journal.job(archive.id).state, desk.journal.job(archive.id).listed) == ("queued", 2)
    for name in ("a.jpg", "b.jpg"):
        take(desk, child(desk, archive.id, name))
    assert state(desk, archive.id) == ("queued", None), "there are further ones"
    again = started(desk, archive.id)
    assert again.listed == 2
    desk.commit(Expanded(archive.id, again.attempt, members("c.jpg", first=2)))
    assert state(desk, archive.id) == ("expanded", None)
    take(desk, child(desk, archive.id, "c.jpg"))
    assert state(desk, archive.id) == ("done", None)


def test_a_batch_that_is_numbered_only_by_its_archive_is_open_again_for_the_members(desk: Desk) -> None:
    desk.batching.added(desk.inbox, TOKEN, "trip.zip", b"")
    [archive] = desk.drop("trip.zip", add=TOKEN)
    desk.start()
    desk.close()
    assert desk.batches.open("add") == [], "all that was added is taken"
    desk.commit(Expanded(archive.id, 1, members("a.jpg"), options='prefix = "trip"'))
    assert [batch.id for batch in desk.batches.open("add")] == [archive.batch_id]
    dating = child(desk, archive.id, "a.jpg")
    desk.commit(Dated(dating.id, dating.attempt, "2024", numbered=True))
    desk.close()
    assert child(desk, archive.id, "a.jpg").sequence == "01"


def test_a_hundred_groups_cost_an_archive_no_attempt(desk: Desk) -> None:
    archive = desk.run("huge.zip")
    for group in range(100):
        attempt = desk.journal.job(archive.id).attempt
        desk.commit(Expanded(archive.id, attempt, members(f"{group}.jpg", first=group), more=True))
        started(desk, archive.id)
    assert desk.column(f"select attempt - excused from jobs where id = {archive.id}") == [1]
    assert len(desk.column(f"select id from jobs where parent_id = {archive.id}")) == 100


def test_a_last_group_may_be_empty(desk: Desk) -> None:
    archive = desk.run("big.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg"), more=True))
    take(desk, child(desk, archive.id, "a.jpg"))
    again = started(desk, archive.id)
    desk.commit(Expanded(archive.id, again.attempt, ()))
    assert state(desk, archive.id) == ("done", None)
    assert desk.journal.job(archive.id).listed == 1


def test_a_group_that_is_told_again_makes_no_second_jobs(desk: Desk) -> None:
    archive = desk.run("big.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg", "b.jpg"), more=True))
    again = started(desk, archive.id)
    desk.commit(Expanded(archive.id, 1, members("x.jpg"), more=True), Expanded(archive.id, 7, members("y.jpg")))
    desk.commit(Expanded(archive.id, again.attempt, members("b.jpg", "c.jpg", first=1)))
    assert desk.column(f"select name from jobs where parent_id = {archive.id}") == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize("ends", ["rejected", "tried too often"])
def test_an_archive_whose_directory_lies_further_on_fails_behind_its_members(desk: Desk, ends: str) -> None:
    archive = desk.run("big.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg"), more=True))
    if ends == "rejected":
        again = started(desk, archive.id)
        desk.commit(Rejected(archive.id, again.attempt, "its directory is damaged"))
        reason = "its directory is damaged"
    else:
        reason = "disk noise (tried 3 times)"
        while desk.journal.job(archive.id).state != "expanded":
            desk.db.execute("update jobs set not_before = 0")
            again = started(desk, archive.id)
            desk.commit(Failed(archive.id, again.attempt, "disk noise"))
    assert state(desk, archive.id) == ("expanded", reason), "its members go on"
    take(desk, child(desk, archive.id, "a.jpg"))
    assert state(desk, archive.id) == ("failed", reason)


def test_what_tells_about_others_goes_before_them(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg", "a.jpg.xmp", "b.heic", "b.heic.json")))
    assert [job.name for job in desk.start(9)] == ["a.jpg.xmp", "b.heic.json", "a.jpg", "b.heic"]


@pytest.mark.parametrize("path", ["ö\n/日本.jpg", "../../etc/passwd", "/abs.jpg", os.fsdecode(b"caf\xe9/\xff.jpg")])
def test_every_path_of_a_member_is_kept_as_it_is(desk: Desk, path: str) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members(path)))
    [job] = desk.start(1)
    assert job.path == path
    job.name.encode()  # text for the catalog


# -- archives in archives ----------------------------------------------------------------------------------------------


@pytest.fixture
def nested(desk: Desk) -> tuple[Job, Job]:
    """outer.zip with a.jpg and in/inner.zip, in which b.jpg is: outer and inner are expanded."""
    outer = desk.run("outer.zip")
    desk.commit(Expanded(outer.id, 1, members("a.jpg", "in/inner.zip")))
    inner = child(desk, outer.id, "inner.zip")
    desk.commit(Expanded(inner.id, inner.attempt, members("b.jpg"), lodged=True))
    return desk.journal.job(outer.id), desk.journal.job(inner.id)


def test_members_know_the_archive_that_was_dropped_and_how_deep_they_lie(desk: Desk, nested: tuple[Job, Job]) -> None:
    outer, inner = nested
    picture = child(desk, inner.id, "b.jpg")
    assert (inner.depth, inner.root_id, inner.lodged, inner.parent_lodged) == (1, outer.id, True, False)
    assert (picture.depth, picture.root_id, picture.lodged, picture.parent_lodged) == (2, outer.id, False, True)
    assert (picture.root_claim, picture.root_path) == (outer.claim, "outer.zip")
    assert {outer.batch_id, inner.batch_id, picture.batch_id} == {outer.batch_id}
    assert desk.column("select count(*) from batches") == [1]


def test_archives_end_from_the_inside_out_in_one_commit(desk: Desk, nested: tuple[Job, Job]) -> None:
    outer, inner = nested
    take(desk, child(desk, outer.id, "a.jpg"))
    take(desk, child(desk, inner.id, "b.jpg"))
    assert [state(desk, job.id)[0] for job in nested] == ["done", "done"]


def test_an_archive_leaves_after_all_that_was_in_it(desk: Desk, nested: tuple[Job, Job]) -> None:
    outer, inner = nested
    picture = child(desk, inner.id, "b.jpg")
    take(desk, child(desk, outer.id, "a.jpg"))
    take(desk, picture)
    leaving = [job.id for job in desk.journal.undiscarded([desk.inbox])]
    assert not {outer.id, inner.id} & set(leaving)
    assert picture.id in leaving
    for archive in (inner, outer):
        desk.discard()
        assert [job.id for job in desk.journal.undiscarded([desk.inbox])] == [archive.id]


def test_the_same_folder_of_two_archives_in_one_is_not_the_same_place(desk: Desk) -> None:
    outer = desk.run("outer.zip")
    desk.commit(Expanded(outer.id, 1, members("one.zip", "two.zip", "a.jpg")))
    scopes = {desk.column(f"select scope from jobs where parent_id = {outer.id} and name = 'a.jpg'")[0]}
    for name in ("one.zip", "two.zip"):
        inner = child(desk, outer.id, name)
        desk.commit(Expanded(inner.id, inner.attempt, members("a.jpg"), lodged=True))
        scopes |= set(desk.column(f"select scope from jobs where parent_id = {inner.id}"))
    assert len(scopes) == 3


def test_the_same_folder_of_two_parts_is_the_same_place(desk: Desk) -> None:
    scopes = []
    for name in ("takeout-1-001.zip", "takeout-1-002.zip"):
        part = desk.drop(name)[0]
        desk.commit(Expanded(part.id, started(desk, part.id).attempt, members("Photos/a.jpg")))
        scopes += desk.column(f"select scope from jobs where parent_id = {part.id}")
    assert len(scopes) == 2
    assert len(set(scopes)) == 1


# -- what was not taken ------------------------------------------------------------------------------------------------


def test_a_failed_member_with_a_file_of_its_own_fails_no_archive(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg", "letter.txt")))
    take(desk, child(desk, archive.id, "a.jpg"))
    letter = child(desk, archive.id, "letter.txt")
    desk.commit(Rejected(letter.id, letter.attempt, "it is a letter", lodged=True))
    assert state(desk, archive.id) == ("done", "1 of 2 members could not be taken and are in failed/")
    assert state(desk, letter.id) == ("failed", "it is a letter")
    assert desk.archives.not_taken(archive.id) == []


def test_a_member_whose_bytes_cannot_be_had_fails_its_archives_up_to_the_one_that_has_a_file(
    desk: Desk, nested: tuple[Job, Job]
) -> None:
    outer, inner = nested
    take(desk, child(desk, outer.id, "a.jpg"))
    picture = child(desk, inner.id, "b.jpg")
    desk.commit(Rejected(picture.id, picture.attempt, "it is encrypted"))
    assert state(desk, inner.id) == ("failed", "1 of 1 members could not be read")
    assert state(desk, outer.id)[0] == "done", "what is in doubt lies in the inner one's file"
    assert desk.archives.not_taken(inner.id) == [("b.jpg", "it is encrypted")]


def test_a_cancelled_archive_fails_with_the_list_of_what_was_not_taken(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg", "b.jpg", "c.jpg", "d.txt")))
    running = child(desk, archive.id, "a.jpg")
    letter = child(desk, archive.id, "d.txt")
    desk.commit(Rejected(letter.id, letter.attempt, "it is a letter"))
    with transaction(desk.db):
        stopped = cancelling.cancel(desk.db, desk.journal.job(archive.id).batch_id or 0)
    assert (stopped.files, stopped.running) == (2, 1)
    assert desk.start(9) == []
    assert desk.archives.close() == []
    take(desk, running)
    assert state(desk, archive.id) == ("failed", "cancelled: 2 of 4 members were not taken")
    assert [name for name, _ in desk.archives.not_taken(archive.id)] == ["b.jpg", "c.jpg", "d.txt"]


def test_what_comes_for_a_cancelled_archive_is_cancelled_as_it_comes(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg"), more=True))
    again = started(desk, archive.id)
    with transaction(desk.db):
        cancelling.cancel(desk.db, desk.journal.job(archive.id).batch_id or 0)
    desk.commit(Expanded(archive.id, again.attempt, members("b.jpg", first=1)))
    assert desk.column("select state from jobs order by id") == ["failed", "cancelled", "cancelled"]
    assert desk.start(9) == []


def test_a_cancelled_folder_takes_nothing_more_until_it_comes_anew(desk: Desk) -> None:
    desk.drop("trip/a.jpg")
    [batch] = desk.column("select id from batches")
    with transaction(desk.db):
        cancelling.cancel(desk.db, batch)
    [late] = desk.drop("trip/b.jpg")
    assert (late.state, late.finished_at is None) == ("cancelled", False)
    desk.close()
    [anew] = desk.drop("trip/a.jpg")
    assert anew.state == "queued"


def test_a_member_has_one_place_in_its_archive(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, members("a.jpg")))
    with pytest.raises(sqlite3.IntegrityError):
        desk.db.execute(
            """insert into jobs (parent_id, member, inbox_id, path, name, state, created_at)
               values (?, 0, 1, x'41', 'A', 'queued', 'x')""",
            (archive.id,),
        )
