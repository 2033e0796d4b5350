"""Which batch a file belongs to, what a batch.toml means for all of it, and when a batch is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import Desk
from watcher.db.connect import transaction
from watcher.messages import Expanded
from watcher.model import OPTIONS_REASON, Batch, Claim, Job, Member, Wishes

NASTY = ("日本 ö", "line\nbreak", "'\";--", os.fsdecode(b"caf\xe9"), "n" * 255, "%s%00")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


class Folder:
    """A folder whose files are claimed one after the other, with the contents of its batch.toml on the disk."""

    def __init__(self, desk: Desk, spool: Path) -> None:
        self.desk, self.spool = desk, spool

    def take(self, *paths: str, options: bytes = b"") -> list[Job]:
        claims = []
        for path in paths:
            token = f"t{len(os.listdir(self.spool)):04}"
            source = self.spool / token
            source.write_bytes(options if path.endswith("batch.toml") else b"x")
            claims.append((self.desk.inbox, Claim(token, "/in", path, str(source), 1)))
        with transaction(self.desk.db):
            self.desk.journal.add(claims, self.desk.batching.belonging(claims))
        return self.desk.journal.jobs(range(self.desk.journal.last_id() + 1))[-len(paths) :]


@pytest.fixture
def folder(desk: Desk, tmp_path: Path) -> Folder:
    (tmp_path / "spool").mkdir()
    return Folder(desk, tmp_path / "spool")


def batch_of(desk: Desk, job: Job) -> Batch:
    assert job.batch_id is not None
    return desk.batches.get(job.batch_id)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_one_batch_with_all_below_it_and_a_loose_file_is_of_none(desk: Desk, folder: Folder) -> None:
    loose, first, deep, other = folder.take("a.jpg", "trip/a.jpg", "trip/one/two/b.jpg", "home/a.jpg")
    assert loose.batch_id is None
    assert first.batch_id == deep.batch_id != other.batch_id
    assert [batch_of(desk, job).name for job in (first, other)] == ["trip", "home"]
    assert folder.take("trip/later.jpg")[0].batch_id == first.batch_id
    desk.close()
    assert folder.take("trip/much later.jpg")[0].batch_id != first.batch_id


@pytest.mark.parametrize("name", NASTY)
def test_folders_of_every_name_are_batches(desk: Desk, folder: Folder, name: str) -> None:
    first, second = folder.take(f"{name}/a.jpg", f"{name}/b.jpg")
    assert first.batch_id == second.batch_id
    batch_of(desk, first).name.encode()


def test_a_folder_is_not_closed_while_more_of_it_lies_in_the_inbox(desk: Desk, folder: Folder) -> None:
    [job] = folder.take("trip/a.jpg")
    assert desk.batching.close(lambda batch: batch.name == "trip", 0.0) == []
    assert [batch.id for batch in desk.batching.close(lambda batch: False, 0.0)] == [job.batch_id]
    assert desk.batching.close(lambda batch: False, 60.0) == [], "it has had news just now"


# -- options -----------------------------------------------------------------------------------------------------------


def test_the_options_of_a_folder_hold_for_all_of_it_whatever_is_taken_first(desk: Desk, folder: Folder) -> None:
    options = b'title = "T {seq}"\nprefix = "trip"'
    before, told, after = folder.take("trip/a.jpg", "trip/batch.toml", "trip/b.jpg", options=options)
    [later] = folder.take("trip/c.jpg")
    assert (told.state, told.reason) == ("ignored", OPTIONS_REASON)
    assert {job.numbering for job in (before, after, later)} == {"date"}
    assert batch_of(desk, later).options == {"title": "T {seq}", "prefix": "trip"}


def test_options_that_come_late_hold_for_what_has_not_begun(desk: Desk, folder: Folder) -> None:
    running, waiting = folder.take("trip/a.jpg", "trip/b.jpg")
    desk.start(1)
    folder.take("trip/batch.toml", options=b'prefix = "trip"')
    assert [desk.journal.job(job.id).numbering for job in (running, waiting)] == [None, "date"]


def test_a_batch_toml_counts_only_at_the_top_of_a_folder(desk: Desk, folder: Folder) -> None:
    jobs = folder.take("batch.toml", "trip/deep/batch.toml", "trip/a.jpg", options=b'prefix = "trip"')
    assert {job.state for job in jobs} == {"queued"}
    assert batch_of(desk, jobs[2]).options == {}


def test_the_options_of_one_folder_are_not_those_of_another(desk: Desk, folder: Folder) -> None:
    _, first, second = folder.take("trip/batch.toml", "trip/a.jpg", "home/a.jpg", options=b'title = "T"')
    assert [batch_of(desk, job).options for job in (first, second)] == [{"title": "T"}, {}]
    desk.close()
    [again] = folder.take("trip/a.jpg")
    assert batch_of(desk, again).options == {}, "a new folder of this name"


def test_what_cannot_be_followed_fails_all_of_its_folder_with_a_sentence(desk: Desk, folder: Folder) -> None:
    jobs = folder.take("trip/a.jpg", "trip/batch.toml", "other/a.jpg", options=b"prefx = 'x'")
    jobs += folder.take("trip/b.jpg")
    assert [job.state for job in jobs] == ["failed", "failed", "queued", "failed"]
    reason = jobs[3].reason or ""
    assert reason.startswith("trip/batch.toml: prefx: unknown key")
    assert "prefix" in reason
    assert reason.endswith("Correct it, and drop all of it again")
    assert {job.finished_at is None for job in jobs if job.state == "failed"} == {False}
    mended = folder.take("trip/batch.toml", "trip/c.jpg", options=b"prefix = 'x'")
    assert [job.state for job in mended] == ["ignored", "queued"]


def test_an_inbox_with_a_prefix_numbers_its_folders_and_a_folder_may_do_without(desk: Desk, folder: Folder) -> None:
    desk.rules[desk.inbox] = replace(desk.rules[desk.inbox], wishes=Wishes(prefix="p"))
    loose, numbered = folder.take("a.jpg", "trip/a.jpg")
    assert (loose.numbering, numbered.numbering) == (None, "date")
    plain = folder.take("home/batch.toml", "home/a.jpg", options=b"prefix = ''")
    assert plain[1].numbering is None


# -- what was added ----------------------------------------------------------------------------------------------------


def test_what_was_added_is_a_batch_before_its_first_file_and_stays_what_it_was(desk: Desk) -> None:
    desk.batching.added(desk.inbox, "a-aaaaaaaaaa", "a.jpg", b'title = "T"')
    desk.batching.added(desk.inbox, "a-aaaaaaaaaa", "other", b"")
    batch = desk.batches.by_token("a-aaaaaaaaaa")
    assert batch and (batch.name, batch.options) == ("a.jpg", {"title": "T"})
    [job, deep] = desk.drop("a.jpg", "trip/batch.toml", add="a-aaaaaaaaaa")
    assert {job.batch_id, deep.batch_id} == {batch.id}
    assert deep.state == "queued", "its options came with it; this is a file like any other"


def test_the_same_name_added_twice_is_two_places_and_two_batches(desk: Desk) -> None:
    found = []
    for token in ("a-aaaaaaaaaa", "a-bbbbbbbbbb"):
        desk.batching.added(desk.inbox, token, "a.jpg", b"")
        found += desk.drop("a.jpg", add=token)
    assert len({job.batch_id for job in found}) == len({job.scope for job in found}) == 2


def test_what_was_added_with_options_that_cannot_be_followed_fails(desk: Desk) -> None:
    desk.batching.added(desk.inbox, "a-aaaaaaaaaa", "a.jpg", b"shift = 'soon'")
    [job] = desk.drop("a.jpg", add="a-aaaaaaaaaa")
    assert job.state == "failed"
    assert (job.reason or "").startswith("batch.toml: shift: ")


# -- archives ----------------------------------------------------------------------------------------------------------


def expand(desk: Desk, name: str, options: str | None, *members: str) -> Job:
    [dropped] = desk.drop(name)
    job = next(each for each in desk.start(9) if each.id == dropped.id)
    found = tuple(Member(place, path, 1) for place, path in enumerate(members))
    desk.commit(Expanded(job.id, job.attempt, found, options=options))
    return desk.journal.job(job.id)


def test_the_options_in_an_archive_are_those_of_its_members(desk: Desk) -> None:
    archive = expand(desk, "trip.zip", 'prefix = "trip"', "a.jpg")
    assert batch_of(desk, archive).options == {"prefix": "trip"}
    assert desk.column(f"select numbering from jobs where parent_id = {archive.id}") == ["date"]


def test_options_in_an_archive_that_cannot_be_followed_fail_it_whole(desk: Desk) -> None:
    archive = expand(desk, "trip.zip", "prefix = ", "a.jpg")
    assert archive.state == "failed"
    assert (archive.reason or "").startswith("trip.zip: batch.toml: is not valid TOML")
    assert batch_of(desk, archive).problem == archive.reason
    assert desk.column("select count(*) from jobs") == [1]
    desk.close()
    assert expand(desk, "trip.zip", None, "a.jpg").state == "expanded"


def test_a_later_part_without_options_goes_by_those_of_the_first(desk: Desk) -> None:
    expand(desk, "export-001.zip", 'prefix = "trip"', "a.jpg")
    second = expand(desk, "export-002.zip", None, "b.jpg")
    assert batch_of(desk, second).options == {"prefix": "trip"}
    assert desk.column(f"select numbering from jobs where parent_id = {second.id}") == ["date"]


def test_a_stale_listing_begins_no_batch(desk: Desk) -> None:
    [job] = desk.drop("trip.zip")
    desk.start(1)
    desk.journal.excuse(job.id, 1)
    desk.commit(Expanded(job.id, 1, (Member(0, "a.jpg", 1),)))
    assert desk.column("select count(*) from batches") == [0]


def test_an_archive_in_a_folder_belongs_to_the_folder(desk: Desk) -> None:
    archive = expand(desk, "trip/more.zip", None, "a.jpg")
    assert batch_of(desk, archive).name == "trip"
    assert set(desk.column("select batch from jobs")) == {"trip"}
