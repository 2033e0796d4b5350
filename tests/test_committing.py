"""Results become true: what each of them does to jobs and assets, and what two that meet do to each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import BYTES, Desk
from watcher.messages import Duplicate, Expanded, Failed, Processed, Rejected, Sidecar, TaskResult, Unavailable
from watcher.model import Member, Rendition


def assets(desk: Desk) -> list[tuple[str, str]]:
    return [(row["digest"], row["key"]) for row in desk.db.execute("select digest, key from assets order by id")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


def test_a_new_picture_is_done_and_is_an_asset(desk: Desk) -> None:
    job = desk.take("a.jpg")
    assert (job.state, job.asset_id, job.surplus) == ("done", 1, ())
    assert assets(desk) == [("d1", "originals/a.jpg")]
    assert desk.db.execute("select job_id from assets").fetchone()[0] == job.id


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (lambda job: Rejected(job, 1, "it is a letter"), "failed", "it is a letter"),
        (lambda job: Failed(job, 1, "disk noise"), "queued", "disk noise"),
        (lambda job: Unavailable(job, 1, "no space"), "queued", None),
        (lambda job: Expanded(job, 1, (Member(0, "a.jpg", 1),)), "expanded", None),
    ],
)
def test_what_becomes_of_a_job(desk: Desk, result: Callable[[int], TaskResult], state: str, reason: str | None) -> None:
    job = desk.run()
    desk.commit(result(job.id))
    after = desk.journal.job(job.id)
    assert (after.state, after.reason) == (state, reason)
    assert assets(desk) == []


def test_surroundings_that_fail_cost_no_attempt(desk: Desk) -> None:
    job = desk.run()
    for attempt in range(1, 10):
        desk.commit(Unavailable(job.id, attempt, "no space"))
        assert [again.attempt for again in desk.journal.start(1, [desk.inbox])] == [attempt + 1]


def test_the_same_results_once_more_change_nothing(desk: Desk) -> None:
    results: list[TaskResult] = [
        Processed(desk.run("a.jpg").id, 1, desk.publish("a.jpg")),
        Rejected(desk.run("b.txt").id, 1, "a letter"),
        Expanded(desk.run("c.zip").id, 1, (Member(0, "x.jpg", 1), Member(1, "y.jpg", 1))),
        Failed(desk.run("d.jpg").id, 1, "it died", died=True),
        Unavailable(desk.run("e.jpg").id, 1, "no space"),
    ]
    desk.commit(*results)
    before = [tuple(row) for table in ("jobs", "assets") for row in desk.db.execute(f"select * from {table}")]
    desk.commit(*results)
    after = [tuple(row) for table in ("jobs", "assets") for row in desk.db.execute(f"select * from {table}")]
    assert after == before


def test_a_result_of_a_former_attempt_makes_no_asset(desk: Desk) -> None:
    job = desk.run()
    desk.journal.interrupt(job.id, blame=False)
    assert [again.attempt for again in desk.journal.start(1, [desk.inbox])] == [2]
    desk.commit(Processed(job.id, 1, desk.publish("a.jpg")))
    assert assets(desk) == []
    assert desk.journal.job(job.id).state == "running"
    desk.commit(Processed(job.id, 2, desk.publish("a.jpg")))
    assert assets(desk) == [("d1", "originals/a.jpg")]


def test_a_group_is_true_as_a_whole_or_not_at_all(desk: Desk) -> None:
    good, bad = desk.run("a.jpg"), desk.run("b.jpg")
    twice = replace(desk.publish("b.jpg", "d2"), renditions=desk.publish("b.jpg").renditions * 2)
    with pytest.raises(sqlite3.IntegrityError):
        desk.commit(Processed(good.id, 1, desk.publish("a.jpg")), Processed(bad.id, 1, twice))
    assert assets(desk) == []
    assert desk.journal.job(good.id).state == "running"


# -- equal pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False], ids=["in one group", "in two groups"])
def test_two_equal_files_in_flight_become_one_asset_and_nothing_is_left_over(desk: Desk, together: bool) -> None:
    results = [Processed(desk.run(name).id, 1, desk.publish(name)) for name in ("a.jpg", "b.jpg")]
    for group in [results] if together else [results[:1], results[1:]]:
        desk.commit(*group)
    first, second = (desk.journal.job(result.job_id) for result in results)
    assert [job.state for job in (first, second)] == ["done", "duplicate"]
    assert first.asset_id == second.asset_id
    assert second.surplus == ("originals/b.jpg", "thumb/b.jpg")
    desk.discard()
    assert set(desk.storage.objects) == {"originals/a.jpg", "thumb/a.jpg"}


def test_equal_files_of_one_name_share_their_keys_and_none_is_deleted(desk: Desk) -> None:
    results = [Processed(desk.run("a.jpg").id, 1, desk.publish("a.jpg")) for _ in range(2)]
    desk.commit(*results)
    assert desk.journal.job(results[1].job_id).surplus == ()
    desk.discard()
    assert set(desk.storage.objects) == {"originals/a.jpg", "thumb/a.jpg"}


def test_a_surplus_key_that_an_asset_came_to_name_before_the_discard_stays(desk: Desk) -> None:
    desk.commit(*(Processed(desk.run(name).id, 1, desk.publish(name)) for name in ("a.jpg", "b.jpg")))
    del desk.storage.objects["originals/a.jpg"]
    third = desk.run("b.jpg")
    desk.commit(Processed(third.id, 1, desk.publish("b.jpg")))
    assert assets(desk) == [("d1", "originals/b.jpg")]
    desk.discard()
    assert {"originals/b.jpg", "thumb/b.jpg"} <= set(desk.storage.objects)
    assert {key for key in desk.storage.objects if not desk.catalog.named([key])} == set()


def test_a_key_that_was_deleted_as_anothers_surplus_meanwhile_is_published_again(desk: Desk) -> None:
    desk.commit(*(Processed(desk.run(name).id, 1, desk.publish(name)) for name in ("a.jpg", "b.jpg")))
    third = desk.run("b.jpg")
    published = desk.publish("b.jpg")
    desk.discard()
    desk.commit(Processed(third.id, 1, published))
    after = desk.journal.job(third.id)
    assert after.state == "queued"
    assert after.reason == "originals/b.jpg vanished from the library before it was recorded"


def test_a_worker_that_saw_an_equal_picture_makes_a_duplicate(desk: Desk) -> None:
    desk.take("a.jpg")
    job = desk.run("b.jpg")
    desk.commit(Duplicate(job.id, 1, "d1"))
    after = desk.journal.job(job.id)
    assert (after.state, after.asset_id, after.surplus) == ("duplicate", 1, ())


@pytest.mark.parametrize("gone", ["asset", "original"])
def test_what_equals_a_picture_that_is_gone_by_now_is_no_duplicate_but_tried_again(desk: Desk, gone: str) -> None:
    desk.take("a.jpg")
    job = desk.run("b.jpg")
    if gone == "asset":
        desk.catalog.remove(1)
    else:
        del desk.storage.objects["originals/a.jpg"]
    desk.commit(Duplicate(job.id, 1, "d1"))
    assert desk.journal.job(job.id).state == "queued"
    assert desk.journal.undiscarded([desk.inbox])[-1].id != job.id, "the last copy stays in the spool"


# -- lost originals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["gone", "cut short"])
def test_an_asset_whose_original_is_lost_gets_the_files_of_the_one_dropped_again(desk: Desk, loss: str) -> None:
    first = desk.take("a.jpg")
    if loss == "gone":
        del desk.storage.objects["originals/a.jpg"]
    else:
        desk.storage.objects["originals/a.jpg"] = BYTES[:3]
    second = desk.take("b.jpg")
    assert (second.state, second.asset_id) == ("done", first.asset_id)
    assert assets(desk) == [("d1", "originals/b.jpg")]
    desk.discard()
    assert "thumb/a.jpg" not in desk.storage.objects, "the lost one's rendition goes"
    assert desk.storage.objects.get("originals/a.jpg") == (None if loss == "gone" else BYTES[:3]), (
        "what stands in its place is not ours to delete"
    )


def test_what_takes_a_lost_originals_place_leaves_no_sidecar_behind_that_nobody_names(desk: Desk) -> None:
    desk.take("a.jpg")
    del desk.storage.objects["originals/a.jpg"]
    sidecar = desk.run("b.jpg.xmp")
    desk.storage.objects["sidecars/lone"] = b"x"
    desk.commit(Sidecar(sidecar.id, 1, "xmp", "s", "sidecars/lone", 1))
    second = desk.run("b.jpg")
    desk.storage.objects["sidecars/b.jpg.xmp"] = b"x"
    desk.commit(Processed(second.id, 1, desk.publish("b.jpg"), (("sidecars/lone", "sidecars/b.jpg.xmp"),)))
    assert assets(desk) == [("d1", "originals/b.jpg")]
    desk.discard()
    assert set(desk.storage.objects) == {"originals/b.jpg", "thumb/b.jpg", "sidecars/lone"}


def test_an_asset_published_again_under_its_own_name_has_the_renditions_that_stand_there_now(desk: Desk) -> None:
    desk.take("a.jpg")
    del desk.storage.objects["originals/a.jpg"]
    again = desk.run("a.jpg")
    picture = desk.publish("a.jpg")
    desk.storage.objects["thumb/a.jpg"] = BYTES * 2
    desk.commit(Processed(again.id, 1, replace(picture, renditions=(Rendition("thumb", "thumb/a.jpg", 30, 20, 20),))))
    assert desk.journal.job(again.id).state == "duplicate"
    assert [tuple(row) for row in desk.db.execute("select key, width, size from renditions")] == [
        ("thumb/a.jpg", 30, 20)
    ]
    desk.discard()
    assert set(desk.storage.objects) == {"originals/a.jpg", "thumb/a.jpg"}


def test_renditions_of_a_recipe_that_is_no_longer_asked_for_go_with_the_next_publication(desk: Desk) -> None:
    desk.take("a.jpg")
    del desk.storage.objects["originals/a.jpg"]
    again = desk.run("a.jpg")
    desk.commit(Processed(again.id, 1, replace(desk.publish("a.jpg"), renditions=())))
    desk.discard()
    assert set(desk.storage.objects) == {"originals/a.jpg"}


def test_what_vanished_from_the_library_before_the_commit_is_not_recorded(desk: Desk) -> None:
    job = desk.run("a.jpg")
    picture = desk.publish("a.jpg")
    del desk.storage.objects["originals/a.jpg"]
    desk.commit(Processed(job.id, 1, picture))
    assert assets(desk) == []
    assert desk.journal.job(job.id).state == "queued"


# -- archives ----------------------------------------------------------------------------------------------------------


def test_an_archive_ends_in_the_commit_of_its_last_member(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(
        Expanded(archive.id, 1, (Member(0, "a.jpg", 1), Member(1, "b.txt", 1), Member(2, ".DS_Store", 1, True)))
    )
    picture, letter = desk.journal.start(2, [desk.inbox])
    desk.commit(Processed(picture.id, 1, desk.publish("a.jpg")))
    assert desk.journal.job(archive.id).state == "expanded"
    desk.commit(Rejected(letter.id, 1, "a letter"))
    closed = desk.journal.job(archive.id)
    assert (closed.state, closed.reason) == ("failed", "1 of 2 members could not be read")
    assert desk.archives.not_taken(archive.id) == [("b.txt", "a letter")]


def test_equal_members_of_one_archive_are_one_asset(desk: Desk) -> None:
    archive = desk.run("trip.zip")
    desk.commit(Expanded(archive.id, 1, (Member(0, "a.jpg", 1), Member(1, "b.jpg", 1))))
    results = [Processed(job.id, 1, desk.publish(job.name)) for job in desk.journal.start(2, [desk.inbox])]
    desk.commit(*results)
    assert desk.journal.job(archive.id).state == "done"
    assert assets(desk) == [("d1", "originals/a.jpg")]


def test_an_archive_with_nothing_in_it_fails_in_the_commit_that_opens_it(desk: Desk) -> None:
    archive = desk.run("empty.zip")
    desk.commit(Expanded(archive.id, 1, ()))
    assert desk.journal.job(archive.id).state == "failed"
