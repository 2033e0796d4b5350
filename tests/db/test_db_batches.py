"""Batches as rows: which files share one, when it is complete, and how its pictures are numbered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import Desk
from watcher.db.batches import set_name
from watcher.messages import Dated, Expanded
from watcher.model import Batch, Job, Member


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("takeout-20240517T000000Z-001.zip", "takeout-20240517T000000Z"),
        ("takeout-20240517T000000Z-012.ZIP", "takeout-20240517T000000Z"),
        ("line\nbreak-001.zip", "line\nbreak-001.zip"),
        ("trip.zip", "trip.zip"),
        ("trip-1.zip", "trip-1.zip"),
        ("trip-2024.zip", "trip-2024.zip"),
        ("-001.zip", "-001.zip"),
        ("trip-001.zip.jpg", "trip-001.zip.jpg"),
    ],
)
def test_parts_of_an_export_are_named_after_it_and_nothing_else_is(name: str, expected: str) -> None:
    assert set_name(name) == expected


def test_a_batch_of_a_token_is_begun_once(desk: Desk) -> None:
    first = desk.batches.start(desk.inbox, "add", "a.jpg", token="a-aaaaaaaaaa")
    assert desk.batches.start(desk.inbox, "add", "other", token="a-aaaaaaaaaa") == first
    assert desk.batches.by_token("a-aaaaaaaaaa") == first
    assert desk.batches.by_token("a-bbbbbbbbbb") is None
    assert desk.batches.start(desk.inbox, "folder", "trip") != desk.batches.start(desk.inbox, "folder", "trip")


def test_a_folder_is_open_until_it_is_closed_and_the_next_of_its_name_is_another(desk: Desk) -> None:
    first = desk.batches.start(desk.inbox, "folder", "trip")
    other = desk.journal.inbox("/other", "card")
    assert desk.batches.open_folder(desk.inbox, "trip") == first
    assert desk.batches.open_folder(other, "trip") is None
    assert desk.batches.open_folder(desk.inbox, "Trip") is None
    desk.batches.close(first.id)
    assert desk.batches.open_folder(desk.inbox, "trip") is None
    second = desk.batches.start(desk.inbox, "folder", "trip")
    assert desk.batches.open_folder(desk.inbox, "trip") == second != first


def test_each_file_that_is_taken_puts_off_the_end_of_its_folder(desk: Desk, clock: Clock) -> None:
    batch = desk.batches.start(desk.inbox, "folder", "trip")
    assert desk.batches.open("folder", 60.0) == []
    assert desk.batches.next_quiet(60.0) == 60.0
    clock.now += 50
    desk.batches.news([batch.id])
    clock.now += 50
    assert desk.batches.open("folder", 60.0) == []
    assert desk.batches.next_quiet(60.0) == 10.0
    clock.now += 10
    assert desk.batches.open("folder", 60.0) == [batch]
    assert desk.batches.next_quiet(60.0) is None, "it is due: the loop must not wait for it any more"
    desk.batches.close(batch.id)
    assert desk.batches.open("folder") == []


# -- archives ----------------------------------------------------------------------------------------------------------


def expanded(desk: Desk, name: str, *members: str, more: bool = False) -> Job:
    [dropped] = desk.drop(name)
    job = next(started for started in desk.start(9) if started.id == dropped.id)
    found = tuple(Member(place, path, 1) for place, path in enumerate(members))
    desk.commit(Expanded(job.id, job.attempt, found, more))
    return desk.journal.job(job.id)


def test_parts_of_one_export_share_a_batch_also_when_it_was_closed_between(desk: Desk) -> None:
    first = expanded(desk, "takeout-20240517T000000Z-001.zip", "a.jpg")
    desk.close()
    second = expanded(desk, "takeout-20240517T000000Z-002.zip", "b.jpg")
    assert (first.batch_id, first.batch) == (second.batch_id, "takeout-20240517T000000Z")
    assert len(desk.batches.open("archive")) == 1
    assert set(desk.column("select batch_id from jobs")) == {first.batch_id}


def test_an_archive_dropped_again_under_its_name_is_a_batch_of_its_own(desk: Desk) -> None:
    assert expanded(desk, "trip.zip", "a.jpg").batch_id != expanded(desk, "trip.zip", "a.jpg").batch_id


def test_an_export_that_was_cancelled_is_begun_anew_when_its_parts_come_again(desk: Desk) -> None:
    first = expanded(desk, "takeout-1-001.zip", "a.jpg")
    desk.db.execute("update batches set cancelled_at = 'x'")
    assert expanded(desk, "takeout-1-002.zip", "b.jpg").batch_id == first.batch_id, "it is not over yet"
    desk.close()
    again = expanded(desk, "takeout-1-001.zip", "a.jpg")
    assert again.batch_id != first.batch_id
    assert desk.column(f"select state from jobs where parent_id = {again.id}") == ["queued"]


def test_an_archive_is_closed_as_a_batch_when_all_of_its_members_are_jobs(desk: Desk) -> None:
    job = expanded(desk, "big.zip", "a.jpg", more=True)
    assert desk.batches.listed_archives() == []
    _, again = sorted(desk.start(2), key=lambda each: each.id == job.id)
    desk.commit(Expanded(again.id, again.attempt, (Member(1, "b.jpg", 1),)))
    assert [batch.name for batch in desk.batches.listed_archives()] == ["big.zip"]
    desk.close()
    assert desk.batches.listed_archives() == []


# -- numbers -----------------------------------------------------------------------------------------------------------


PREFIX = b'prefix = "trip"'


@pytest.fixture
def numbered(desk: Desk) -> Batch:
    """What was added with a prefix."""
    desk.batching.added(desk.inbox, "a-aaaaaaaaaa", "trip", PREFIX)
    batch = desk.batches.by_token("a-aaaaaaaaaa")
    assert batch and batch.numbered
    return batch


Number = Callable[..., dict[str, str | None]]


@pytest.fixture
def number(desk: Desk, numbered: Batch) -> Number:
    """Files with their dates (False: it gets no number), dropped at once and dated; the numbers of all files so far."""

    def number(dates: dict[str, str | bool | None]) -> dict[str, str | None]:
        desk.drop(*dates, add="a-aaaaaaaaaa")
        for job in desk.start(200):
            if job.numbering is None:  # it has its number from before
                desk.journal.excuse(job.id, job.attempt)
                continue
            taken = dates[job.path]
            numbered = taken is not False
            desk.commit(Dated(job.id, job.attempt, taken if isinstance(taken, str) else None, numbered=numbered))
        desk.close()
        rows = desk.db.execute("select path, sequence from jobs order by id")
        return {bytes(row["path"]).decode("utf-8", "surrogateescape"): row["sequence"] for row in rows}

    return number


def test_pictures_are_numbered_by_date_then_name_and_those_without_a_date_last(number: Number) -> None:
    dates = {"d.jpg": None, "c.jpg": "2024-05-01T10:00:00", "b.jpg": "2024-05-02T10:00:00", "a.jpg": None}
    same = {"z.jpg": "2024-05-01T10:00:00.500", "y.jpg": "2024-05-01T10:00:00"}
    assert number({**dates, **same}) == {
        "c.jpg": "01", "y.jpg": "02", "z.jpg": "03", "b.jpg": "04", "a.jpg": "05", "d.jpg": "06",
    }  # fmt: skip


@pytest.mark.parametrize(("count", "last"), [(1, "01"), (9, "09"), (99, "99"), (100, "100")])
def test_numbers_are_as_wide_as_the_count_needs_and_at_least_two_digits(number: Number, count: int, last: str) -> None:
    given = [*number({f"{n:03}.jpg": None for n in range(count)}).values()]
    assert given == [f"{n:0{len(last)}}" for n in range(1, count + 1)]
    assert given[-1] == last


def test_what_comes_later_goes_on_counting(number: Number) -> None:
    number({f"{n:02}.jpg": "2024" for n in range(98)})
    later = number({"late.jpg": "2023", "later.jpg": "2025", "last.jpg": "2026"})
    assert [later[name] for name in ("97.jpg", "late.jpg", "later.jpg", "last.jpg")] == ["98", "099", "100", "101"]


def test_what_failed_leaves_a_gap_that_nobody_fills(desk: Desk, number: Number) -> None:
    number({"a.jpg": "2024", "b.jpg": "2025"})
    for job in desk.start(2):
        desk.journal.finish(job.id, job.attempt, "failed", reason="no picture")
    assert number({"c.jpg": "2023"})["c.jpg"] == "03"


def test_the_parts_of_one_shot_have_one_number_and_the_same_stem_elsewhere_has_another(number: Number) -> None:
    dates = dict.fromkeys(("IMG_1.JPG", "IMG_1.cr2", "IMG_2.heic", "IMG_2.mov", "other/IMG_1.mov"), "2024")
    assert number({**dates, "IMG_1.jpg.xmp": False}) == {
        "IMG_1.JPG": "01", "IMG_1.cr2": "01", "other/IMG_1.mov": "02", "IMG_2.heic": "03", "IMG_2.mov": "03",
        "IMG_1.jpg.xmp": None,
    }  # fmt: skip


def test_pictures_wait_for_their_numbers_and_sidecars_do_not(desk: Desk, numbered: Batch) -> None:
    desk.drop("a.jpg", "a.xmp", "slow.jpg", add="a-aaaaaaaaaa")
    picture, sidecar, slow = desk.start(3)
    desk.commit(Dated(picture.id, 1, "2024", numbered=True), Dated(sidecar.id, 1, None, numbered=False))
    assert [job.id for job in desk.start(3)] == [sidecar.id]
    desk.close()
    assert desk.start(3) == [], "the date of one is still to be read"
    desk.commit(Dated(slow.id, 1, "2023", numbered=True))
    assert (desk.start(3), desk.journal.next_due(), desk.journal.anything_due()) == ([], None, False), "nobody is woken"
    desk.close(still_comes=lambda batch: True)
    assert desk.start(3) == []
    desk.close()
    assert [(job.id, job.sequence, job.attempt) for job in desk.start(3)] == [(picture.id, "02", 2), (slow.id, "01", 2)]
    desk.journal.retry(picture.id, 2, "once more", died=False)
    assert desk.column("select attempt - excused from jobs where name = 'a.jpg'") == [1], "a look at its date is no try"


def test_what_is_cancelled_while_it_waits_gets_no_number(desk: Desk, number: Number, numbered: Batch) -> None:
    desk.drop("a.jpg", "b.jpg", add="a-aaaaaaaaaa")
    first, second = desk.start(2)
    desk.commit(Dated(first.id, 1, "2024", numbered=True), Dated(second.id, 1, "2025", numbered=True))
    desk.journal.lose(first.id, "gone")
    desk.close()
    assert [job.sequence for job in desk.start(2)] == ["01"]


def test_an_archive_among_numbered_pictures_neither_waits_for_itself_nor_for_ever(desk: Desk, numbered: Batch) -> None:
    desk.drop("a.jpg", "more.zip", add="a-aaaaaaaaaa")
    picture, archive = desk.start(2)
    desk.commit(Dated(picture.id, 1, "2024", numbered=True), Dated(archive.id, 1, None, numbered=False))
    desk.close()
    desk.start(2)
    desk.commit(Expanded(archive.id, 2, (Member(0, "b.jpg", 1),)))
    [member] = desk.start(2)
    assert member.numbering == "date"
    desk.commit(Dated(member.id, 1, "2023", numbered=True))
    desk.close()
    assert [(job.name, job.sequence) for job in desk.start(2)] == [("b.jpg", "02")]


def test_an_archive_that_is_read_for_its_dates_is_expanded_and_its_members_are_numbered_with_the_rest(
    desk: Desk, numbered: Batch
) -> None:
    desk.drop("a.jpg", "more.zip", add="a-aaaaaaaaaa")
    picture, archive = desk.start(2)
    desk.commit(Dated(picture.id, 1, "2024", numbered=True), Expanded(archive.id, 1, (Member(0, "b.jpg", 1),)))
    desk.close()
    [member] = desk.start(2)
    desk.commit(Dated(member.id, 1, "2023", numbered=True))
    desk.close()
    assert [(job.name, job.sequence) for job in desk.start(2)] == [("a.jpg", "02"), ("b.jpg", "01")]
