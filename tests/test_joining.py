"""What came as several files is one picture, in whatever order they come: through the commit, with results by hand."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import BYTES, Desk
from watcher.joining import AMBIGUOUS
from watcher.messages import Attached, Duplicate, Expanded, Joined, Processed, Sidecar, Unavailable
from watcher.model import Facts, Job, Member, Picture, SidecarKind

TITLES: dict[str, str] = {"IMG_1.heic.supplemental-metadata.json": "IMG_1.heic"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


def kind_of(name: str) -> SidecarKind | None:
    if os.path.basename(name) in ("Metadaten.json", "metadata.json"):
        return "album"
    return {".xmp": "xmp", ".json": "takeout"}.get(os.path.splitext(name)[1])  # type: ignore[return-value]


def came(desk: Desk, job: Job, title: str | None = None) -> Job:
    """A running job ends as a worker would end it: a sidecar is stored, a picture is read with those that wait."""
    name = os.path.basename(job.path)
    kind = kind_of(job.path)
    if kind:
        key = f"sidecars/{job.id}"
        desk.storage.objects[key] = BYTES
        title = title or TITLES.get(name)
        desk.commit(Sidecar(job.id, job.attempt, kind, f"s{job.id}", key, len(BYTES), title))
        return desk.journal.job(job.id)
    picture = desk.publish(f"{job.id}-{name}", f"d-{job.path}")
    moved = tuple((one.key, f"{one.key} beside {name}") for one in desk.joining.waiting(job))
    for former, key in moved:
        desk.storage.objects[key] = desk.storage.objects[former]
    desk.commit(Processed(job.id, job.attempt, picture, moved))
    return desk.journal.job(job.id)


def drop(desk: Desk, path: str, title: str | None = None) -> Job:
    """A file from its drop to its commit; joins that are due beside it wait on."""
    [dropped] = desk.drop(path)
    for started in desk.start(9):
        if started.id == dropped.id:
            job = started
        else:
            desk.journal.excuse(started.id, started.attempt)
    return came(desk, job, title)


def joins(desk: Desk) -> list[str]:
    """The names of the assets that wait to be read again."""
    query = """select a.name from jobs j join assets a on a.id = j.asset_id
               where j.kind = 'join' and j.state = 'queued' order by a.name"""
    return desk.column(query)


def attached(desk: Desk) -> set[tuple[str, str]]:
    """(sidecar, picture) of all that belong together."""
    rows = desk.db.execute(
        """select s.name, a.name from sidecars_of_assets o join sidecars s on s.id = o.sidecar_id
           join assets a on a.id = o.asset_id"""
    )
    return {(row[0], row[1]) for row in rows}


def stacked(desk: Desk) -> dict[str, str]:
    """Each stacked asset, with the one that its stack is shown by."""
    rows = desk.db.execute("select a.name, p.name from assets a join assets p on p.id = a.stack")
    return {row[0]: row[1] for row in rows}


# -- orders ------------------------------------------------------------------------------------------------------------


TOGETHER = ("IMG_1.heic", "IMG_1.mov", "IMG_1.heic.xmp", "IMG_1.heic.supplemental-metadata.json")


@pytest.mark.parametrize("order", [*itertools.permutations(TOGETHER)], ids=" ".join)
def test_a_picture_its_movie_and_its_sidecars_belong_together_in_every_order(
    desk: Desk, order: tuple[str, ...]
) -> None:
    for name in order:
        drop(desk, name)
    assert {pair for pair in attached(desk) if pair[1] == "IMG_1.heic"} == {
        ("IMG_1.heic.xmp", "IMG_1.heic"),
        ("IMG_1.heic.supplemental-metadata.json", "IMG_1.heic"),
    }
    assert stacked(desk) == {"IMG_1.heic": "IMG_1.heic", "IMG_1.mov": "IMG_1.heic"}
    assert desk.column("select problem from sidecars") == [None, None]


def test_the_order_makes_no_difference_for_what_is_attached_or_doubted(tmp_path: Path) -> None:
    names = ("IMG_1.jpg", "IMG_1.png", "IMG_1.xmp", "IMG_1.png.xmp")
    found = set()
    for number, order in enumerate(itertools.permutations(names)):
        desk = Desk(open_writer(str(tmp_path / f"{number}.db")))
        for name in order:
            drop(desk, name)
        doubts = desk.db.execute("select name, problem from sidecars where problem is not null").fetchall()
        found.add((frozenset(attached(desk)), frozenset(tuple(row) for row in doubts)))
        desk.db.close()
    assert found == {(frozenset({("IMG_1.png.xmp", "IMG_1.png")}), frozenset({("IMG_1.xmp", AMBIGUOUS)}))}


def test_a_sidecar_that_came_first_is_read_with_its_picture_and_nothing_is_read_again(desk: Desk) -> None:
    sidecar = drop(desk, "trip/a.jpg.xmp")
    assert (sidecar.state, attached(desk)) == ("done", set())
    drop(desk, "trip/a.jpg")
    assert attached(desk) == {("a.jpg.xmp", "a.jpg")}
    assert joins(desk) == []
    assert desk.column("select key from sidecars") == [f"sidecars/{sidecar.id} beside a.jpg"]


def test_a_sidecar_that_comes_later_has_its_picture_read_again_once(desk: Desk) -> None:
    drop(desk, "a.jpg")
    for name in ("a.jpg.xmp", "a.xmp", "a.jpg.json"):
        drop(desk, name)
    assert joins(desk) == ["a.jpg"]
    [asset] = desk.column("select id from assets")
    kinds = [(one.kind, one.digest) for one in desk.joining.sidecars(asset)]
    ids = dict(desk.db.execute("select name, digest from sidecars").fetchall())
    assert kinds == [("xmp", ids["a.jpg.xmp"]), ("xmp", ids["a.xmp"]), ("takeout", ids["a.jpg.json"])]


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [("a.jpg", "b.jpg.xmp"), ("trip/a.jpg", "a.jpg.xmp"), ("trip/a.jpg", "other/a.jpg.xmp"), ("a.jpg", "a.png.xmp")],
)
def test_a_sidecar_of_another_name_or_another_folder_waits(desk: Desk, picture: str, sidecar: str) -> None:
    drop(desk, picture)
    drop(desk, sidecar)
    assert (attached(desk), joins(desk)) == (set(), [])
    assert desk.column("select problem from sidecars") == [None], "it waits; nothing is in doubt"


def test_parts_of_one_export_match_by_their_folders(desk: Desk) -> None:
    contents = (("Takeout/Photos/2024/a.jpg",), ("Takeout/Photos/2024/a.jpg.json", "Takeout/Photos/2023/a.jpg"))
    for number, paths in enumerate(contents, 1):
        [part] = desk.drop(f"takeout-1-{number:03}.zip")
        running = next(job for job in desk.start(9) if job.id == part.id)
        members = tuple(Member(place, path, 1) for place, path in enumerate(paths))
        desk.commit(Expanded(part.id, running.attempt, members))
        for job in desk.start(9):
            came(desk, job)
    rows = desk.db.execute(
        """select a.folder from sidecars_of_assets o join assets a on a.id = o.asset_id"""
    ).fetchall()
    assert [row[0] for row in rows] == ["Takeout/Photos/2024"]


# -- reading again -----------------------------------------------------------------------------------------------------


def read_again(desk: Desk, key: str = "originals/new.jpg") -> Job:
    """The one join that waits, as a worker ends it: the picture stands under `key` now."""
    [job] = [one for one in desk.start(9) if one.kind == "join"]
    assert job.asset_id is not None
    standing, _ = desk.joining.standing(job.asset_id)
    desk.storage.objects[key] = BYTES
    moved = tuple((one.key, f"{one.key} moved") for one in desk.joining.sidecars(job.asset_id))
    for former, new in moved:
        desk.storage.objects[new] = desk.storage.objects[former]
    before = standing.picture
    picture = Picture(before.digest, key, before.format, before.size, 6, 4, before.facts, ())
    desk.commit(Joined(job.id, job.attempt, picture, moved))
    return desk.journal.job(job.id)


def test_an_asset_that_was_read_again_stands_under_its_new_name_and_the_old_files_go(desk: Desk) -> None:
    drop(desk, "a.jpg")
    [before] = desk.column("select key from assets")
    drop(desk, "a.jpg.xmp")
    job = read_again(desk)
    assert (job.state, desk.column("select key from assets")) == ("done", ["originals/new.jpg"])
    [sidecar] = desk.column("select key from sidecars")
    assert sidecar.endswith(" moved")
    desk.discard()
    assert set(desk.storage.objects) == {"originals/new.jpg", sidecar}
    assert before not in desk.storage.objects
    assert joins(desk) == []


def test_the_rest_of_a_stack_follows_a_picture_that_was_renamed(desk: Desk) -> None:
    drop(desk, "a.heic")
    drop(desk, "a.mov")
    [movie] = [job for job in desk.start(9) if job.kind == "join"]
    desk.journal.finish(movie.id, movie.attempt, "done")
    drop(desk, "a.heic.xmp")
    read_again(desk, "originals/2019/a.heic")
    assert joins(desk) == ["a.mov"]
    [asset] = desk.column("select id from assets where name = 'a.mov'")
    assert desk.joining.standing(asset)[0].beside == "originals/2019/a.heic"


def test_an_asset_that_was_removed_meanwhile_leaves_nothing_behind(desk: Desk) -> None:
    drop(desk, "a.jpg")
    drop(desk, "a.jpg.xmp")
    [job] = [one for one in desk.start(9) if one.kind == "join"]
    desk.storage.objects["originals/new.jpg"] = BYTES
    desk.catalog.remove(1)
    before = Picture("d-a.jpg", "originals/new.jpg", "jpeg", len(BYTES), 6, 4, desk.publish("x").facts, ())
    desk.commit(Joined(job.id, job.attempt, before))
    assert (desk.journal.job(job.id).state, desk.journal.job(job.id).surplus) == ("done", ("originals/new.jpg",))


def test_a_stale_rereading_changes_nothing(desk: Desk) -> None:
    drop(desk, "a.jpg")
    drop(desk, "a.jpg.xmp")
    [job] = [one for one in desk.start(9) if one.kind == "join"]
    desk.journal.excuse(job.id, job.attempt)
    desk.storage.objects["originals/new.jpg"] = BYTES
    before = [tuple(row) for row in desk.db.execute("select * from assets")]
    picture = Picture("d-a.jpg", "originals/new.jpg", "jpeg", len(BYTES), 6, 4, desk.publish("x").facts, ())
    desk.commit(Joined(job.id, job.attempt, picture))
    assert [tuple(row) for row in desk.db.execute("select * from assets")] == before


# -- one name, several pictures ----------------------------------------------------------------------------------------


def test_a_camera_that_counts_from_one_again_does_not_give_its_new_picture_the_old_sidecar(desk: Desk) -> None:
    drop(desk, "IMG_1.jpg")
    drop(desk, "IMG_1.jpg.xmp")
    for table in ("jobs", "provenance"):
        desk.db.execute(f"update {table} set created_at = '2020-01-01T00:00:00Z'")
    [later] = desk.drop("IMG_1.jpg")
    running = next(job for job in desk.start(9) if job.id == later.id)
    assert desk.joining.waiting(running) == ()
    desk.commit(Processed(running.id, running.attempt, desk.publish("IMG_1-2.jpg", "other")))
    rows = desk.db.execute("select o.asset_id from sidecars_of_assets o").fetchall()
    assert [row[0] for row in rows] == [1]


def test_an_edit_shares_the_sidecar_of_its_original(desk: Desk) -> None:
    for name in ("IMG_1.jpg", "IMG_1.jpg.json", "IMG_1-edited.jpg"):
        drop(desk, name)
    assert attached(desk) == {("IMG_1.jpg.json", "IMG_1.jpg"), ("IMG_1.jpg.json", "IMG_1-edited.jpg")}


# -- albums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["album", "picture"])
def test_the_metadata_of_an_album_names_the_album_of_its_folder(desk: Desk, first: str) -> None:
    steps = [("Reise/Metadaten.json", "Reise nach Île"), ("Reise/a.jpg", None), ("b.jpg", None)]
    for path, title in steps if first == "album" else reversed(steps):
        drop(desk, path, title)
    rows = desk.db.execute("select name, album from assets order by name").fetchall()
    assert [tuple(row) for row in rows] == [("a.jpg", "Reise nach Île"), ("b.jpg", None)]
    assert joins(desk) == [], "nothing in the picture's files changes"


def test_an_album_copy_adds_its_folder_its_batch_and_its_album_to_the_asset_that_it_equals(desk: Desk) -> None:
    drop(desk, "2024/a.jpg")
    desk.close()
    drop(desk, "Reise/metadata.json", "Reise")
    [copy] = desk.drop("Reise/a.jpg")
    running = next(job for job in desk.start(9) if job.id == copy.id)
    desk.commit(Duplicate(running.id, running.attempt, "d-2024/a.jpg"))
    row = desk.db.execute("select folder, batch, album, inbox from assets").fetchone()
    assert tuple(row) == ("2024; Reise", "2024; Reise", "Reise", "phone")
    kept = desk.db.execute("select folder, batch, album from provenance order by job_id").fetchall()
    assert [tuple(each) for each in kept] == [("2024", "2024", None), ("Reise", "Reise", "Reise")]
    words = desk.db.execute("select rowid from assets_fts where assets_fts match 'folder: reise'").fetchall()
    assert len(words) == 1


def test_the_sidecar_of_a_copy_belongs_to_the_asset_that_it_equals(desk: Desk) -> None:
    drop(desk, "2024/a.jpg")
    drop(desk, "Reise/a.jpg.json")
    [copy] = desk.drop("Reise/a.jpg")
    running = next(job for job in desk.start(9) if job.id == copy.id)
    desk.commit(Duplicate(running.id, running.attempt, "d-2024/a.jpg"))
    assert attached(desk) == {("a.jpg.json", "a.jpg")}
    assert joins(desk) == ["a.jpg"]


def test_the_same_file_dropped_twice_is_written_once_in_its_provenance(desk: Desk) -> None:
    drop(desk, "trip/a.jpg")
    [again] = desk.drop("trip/a.jpg")
    running = next(job for job in desk.start(9) if job.id == again.id)
    desk.commit(
        Duplicate(running.id, running.attempt, "d-trip/a.jpg"), Duplicate(running.id, running.attempt, "d-trip/a.jpg")
    )
    assert desk.column("select folder from assets") == ["trip"]
    assert desk.column("select count(*) from provenance") == [2]


# -- stacks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("a.CR2", "a.jpg"), ("a.jpg", "a.CR2")])
def test_a_raw_file_is_named_after_the_jpeg_beside_it(desk: Desk, order: tuple[str, ...]) -> None:
    for name in order:
        drop(desk, name)
    assert stacked(desk) == {"a.CR2": "a.jpg", "a.jpg": "a.jpg"}
    assert joins(desk) == ["a.CR2"]


@pytest.mark.parametrize(
    ("taken", "stack"),
    [
        ("2024-05-17T14:23:03", {"a.jpg": "a.jpg", "a.mov": "a.jpg"}),
        ("2024-06-17T14:23:01", {}),  # the camera has begun to count anew
        (None, {}),
    ],
)
def test_halves_that_came_long_apart_are_one_shot_when_they_were_taken_at_one_moment(
    desk: Desk, taken: str | None, stack: dict[str, str]
) -> None:
    times = {"a.jpg": "2024-05-17T14:23:01", "a.mov": taken}
    for name, at in times.items():
        job = desk.run(name)
        facts = Facts(taken_at=at, taken_precision="second" if at else None)
        desk.commit(Processed(job.id, job.attempt, replace(desk.publish(name, f"d-{name}"), facts=facts)))
        for table, number in (("jobs", "id"), ("provenance", "job_id")):
            earlier = f"update {table} set created_at = '2024-07-01T00:00:00Z' where {number} = ?"
            desk.db.execute(earlier, (job.id,))
    assert stacked(desk) == stack


def test_removing_the_picture_of_a_stack_leaves_the_rest_alone(desk: Desk) -> None:
    drop(desk, "a.jpg")
    drop(desk, "a.CR2")
    [primary] = desk.column("select id from assets where name = 'a.jpg'")
    desk.catalog.remove(primary)
    assert stacked(desk) == {}
    assert desk.db.execute("pragma foreign_key_check").fetchall() == []


def test_what_a_worker_is_told_of_sidecars_is_where_they_lie(desk: Desk) -> None:
    sidecar = drop(desk, "a.xmp")
    told = (Attached("xmp", f"sidecars/{sidecar.id}", f"s{sidecar.id}"),)
    job = desk.run("a.jpg")
    assert desk.joining.waiting(job) == told
    drop(desk, "a.jpg.xmp")
    desk.commit(Unavailable(job.id, job.attempt, "the disk is full"))
    [again] = [each for each in desk.journal.start(9, [desk.inbox]) if each.id == job.id]
    assert desk.joining.waiting(again) == told, "another name in a second try would leave the first one's files behind"
