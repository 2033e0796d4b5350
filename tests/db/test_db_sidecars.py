"""Sidecars, albums and stacks as rows: what is kept of them, in which order they count, and what goes with an asset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fresh import open_writer
from tests.ledger_site import BYTES, Desk
from watcher.messages import Sidecar
from watcher.model import Job, SidecarKind


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


def stored(desk: Desk, path: str, kind: SidecarKind, title: str | None = None) -> int:
    """A sidecar as a row, without a look at whose it is; its id."""
    [job] = desk.drop(path)
    told = Sidecar(job.id, 1, kind, f"d{job.id}", f"sidecars/{job.id}", len(BYTES), title)
    desk.sidecars.add(job, told)
    desk.sidecars.add(job, told)
    [number] = desk.column(f"select id from sidecars where job_id = {job.id}")
    return int(number)


def pictured(desk: Desk, path: str, digest: str) -> Job:
    [job] = desk.drop(path)
    asset = desk.catalog.add(desk.publish(f"{job.id}.jpg", digest), job.id)
    desk.journal.attach(job.id, asset)
    desk.catalog.dropped(asset, job)
    return desk.journal.job(job.id)


def test_a_sidecar_is_written_down_once_and_found_by_its_shot(desk: Desk) -> None:
    number = stored(desk, "trip/IMG_1.jpg.xmp", "xmp")
    stored(desk, "other/IMG_1.jpg.xmp", "xmp")
    stored(desk, "trip/IMG_2.jpg.xmp", "xmp")
    album = stored(desk, "trip/IMG_1.json", "album", "Trip")
    [picture] = desk.drop("trip/IMG_1.jpg")
    found = desk.sidecars.in_shot(picture.scope or "", picture.shot or "")
    assert [(one.id, one.kind, one.name, one.assets) for one in found] == [
        (number, "xmp", "IMG_1.jpg.xmp", frozenset())
    ]
    assert album not in [one.id for one in found]


def test_the_sidecars_of_an_asset_come_in_the_order_in_which_they_count(desk: Desk) -> None:
    picture = pictured(desk, "a.jpg", "d1")
    names: list[tuple[str, SidecarKind]] = [("a.json", "takeout"), ("a.xmp", "xmp"), ("a.jpg.xmp", "xmp")]
    numbers = [stored(desk, name, kind) for name, kind in names]
    for number in numbers:
        desk.sidecars.attach(number, picture.asset_id or 0)
        desk.sidecars.attach(number, picture.asset_id or 0)
    keys = {row["id"]: row["key"] for row in desk.db.execute("select id, key from sidecars")}
    assert [one.key for one in desk.sidecars.of(picture.asset_id or 0)] == [keys[n] for n in reversed(numbers)]
    desk.sidecars.detach(numbers[1], picture.asset_id or 0)
    assert [one.kind for one in desk.sidecars.of(picture.asset_id or 0)] == ["xmp", "takeout"]


def test_a_sidecar_that_was_moved_stands_under_its_new_key_and_one_that_is_not_there_moves_nothing(desk: Desk) -> None:
    number = stored(desk, "a.xmp", "xmp")
    [key] = desk.column("select key from sidecars")
    desk.sidecars.move(key, "sidecars/new")
    desk.sidecars.move("sidecars/never", "sidecars/other")
    assert desk.db.execute("select id, key from sidecars").fetchone()[:] == (number, "sidecars/new")


def test_a_doubt_is_kept_until_it_is_taken_back(desk: Desk) -> None:
    number = stored(desk, "a.xmp", "xmp")
    for problem in ("several pictures could be meant", None):
        desk.sidecars.doubt(number, problem)
        assert desk.column("select problem from sidecars") == [problem]


def test_the_album_of_a_folder_is_the_one_told_last_and_an_empty_title_tells_nothing(desk: Desk) -> None:
    stored(desk, "trip/metadata.json", "album", "First")
    stored(desk, "trip/Metadaten.json", "album", "Second")
    stored(desk, "trip/metadatos.json", "album", "")
    [picture] = desk.drop("trip/a.jpg")
    assert desk.sidecars.album(picture.scope or "") == "Second"
    assert desk.sidecars.album("elsewhere") is None


def test_all_pictures_of_a_folder_are_in_its_scope_and_no_others(desk: Desk) -> None:
    inside = [pictured(desk, f"trip/{n}.jpg", f"d{n}").id for n in range(2)]
    pictured(desk, "trip/deeper/3.jpg", "d3")
    desk.drop("trip/not yet.jpg")
    scope = desk.journal.job(inside[0]).scope or ""
    assert [job.id for job in desk.sidecars.in_scope(scope)] == inside


def test_a_stack_is_news_once_and_has_one_primary(desk: Desk) -> None:
    primary, raw, movie = (pictured(desk, name, name).asset_id or 0 for name in ("a.jpg", "a.cr2", "a.mov"))
    assert desk.sidecars.stack(primary, primary)
    assert [desk.sidecars.stack(raw, primary) for _ in range(2)] == [True, False]
    desk.sidecars.stack(movie, primary)
    assert sorted(desk.sidecars.companions(primary)) == [raw, movie]
    key = desk.catalog.key(primary)
    assert (desk.sidecars.primary(raw), desk.sidecars.primary(primary)) == ((primary, key), None)


def test_an_asset_that_is_removed_leaves_its_sidecars_to_wait_for_it_again(desk: Desk) -> None:
    picture = pictured(desk, "a.jpg", "d1")
    number = stored(desk, "a.xmp", "xmp")
    desk.sidecars.attach(number, picture.asset_id or 0)
    desk.catalog.remove(picture.asset_id or 0)
    assert desk.column("select id from sidecars") == [number]
    assert desk.column("select sidecar_id from sidecars_of_assets") == []
    assert desk.db.execute("pragma foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda desk: desk.sidecars.in_shot("s", "a"), "sidecars_by_shot"),
        (lambda desk: desk.sidecars.pictures("s", "a"), "provenance_by_shot"),
        (lambda desk: desk.sidecars.album("s"), "sidecars_by_shot"),
        (lambda desk: desk.sidecars.in_scope("s"), "provenance_by_shot"),
        (lambda desk: desk.sidecars.of(1), "sidecars_by_asset"),
        (lambda desk: desk.sidecars.companions(1), "assets_by_stack"),
    ],
)
def test_what_each_picture_asks_is_answered_by_an_index(desk: Desk, ask: object, index: str) -> None:
    asked: list[str] = []
    desk.db.set_trace_callback(asked.append)
    ask(desk)  # type: ignore[operator]
    desk.db.set_trace_callback(None)
    plans = [step["detail"] for query in asked for step in desk.db.execute(f"explain query plan {query}")]
    assert any(index in step for step in plans), plans
