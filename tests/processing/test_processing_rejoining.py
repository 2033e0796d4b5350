"""An asset that is read again with its sidecars: what it says, what its files are called, after whatever end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from PIL import Image
from test_processing_reading import GOOGLE, MOVIE, XMP, stored
from worker_world import World, photo, picture_of

from watcher.errors import UnavailableError
from watcher.messages import Attached, Failed, Joined, Standing, Task, TaskResult, Unavailable
from watcher.model import Picture, Recipe
from watcher.processing.run import run_task
from watcher.storage.local import LocalStorage

BEFORE, AFTER = "2024/05/20240517-142301_IMG_1.jpg", "2019/07/20190714-101112_IMG_1.jpg"


def join(world: World, picture: Picture, *sidecars: Attached, beside: str | None = None, **changes: Any) -> Task:
    standing = Standing(picture, "IMG_1.jpg", beside)
    asked = {"errand": "join", "sidecars": sidecars, "standing": standing, "dropped_at": 1_800_000_000.0, **changes}
    return dataclasses.replace(Task(99, 1, picture.key, "IMG_1.jpg", world.rules), **asked)


def joined(result: TaskResult) -> Joined:
    assert isinstance(result, Joined), result
    return result


def files(world: World, *keys: str) -> dict[str, bytes]:
    return {key: (world.library / key).read_bytes() for key in keys}


def test_a_date_in_a_sidecar_renames_the_original_its_renditions_and_the_sidecar(world: World) -> None:
    picture = picture_of(world.run(photo()))
    xmp = stored(world, XMP, "IMG_1.jpg.xmp")
    before = files(world, picture.key, *(one.key for one in picture.renditions), xmp.key)
    result = joined(run_task(join(world, picture, xmp)))
    again = result.picture
    assert (again.facts.taken_at, again.facts.rating) == ("2019-07-14T10:11:12", 4)
    assert again.key == f"originals/{AFTER}"
    assert [one.key for one in again.renditions] == [f"preview/{AFTER}", f"thumb/{AFTER}"]
    assert result.sidecars == ((xmp.key, f"sidecars/{AFTER}.xmp"),)
    now = files(world, again.key, *(one.key for one in again.renditions), result.sidecars[0][1])
    assert list(now.values()) == list(before.values())
    assert before == files(world, *before), "the former names go with the catalog's, not before"
    assert (again.digest, again.size, again.width) == (picture.digest, picture.size, picture.width)
    assert [one.fingerprint for one in again.renditions] == [one.fingerprint for one in picture.renditions]


def test_without_another_date_everything_keeps_its_name(world: World) -> None:
    picture = picture_of(world.run(photo()))
    google = stored(world, GOOGLE, "IMG_1.jpg.json")
    result = joined(run_task(join(world, picture, google)))
    assert (result.picture.key, result.picture.renditions) == (picture.key, picture.renditions)
    assert result.picture.facts.description == "at the pier"
    assert world.published() == sorted(
        [f"{folder}/{BEFORE}" for folder in ("originals", "preview", "thumb")] + [google.key, f"sidecars/{BEFORE}.json"]
    )


class CrashError(BaseException):
    """The end of the process, as far as what it wrote is concerned."""


@pytest.mark.parametrize("puts", range(5))
def test_a_try_that_ended_anywhere_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch, puts: int) -> None:
    picture = picture_of(world.run(photo()))
    task = join(world, picture, stored(world, XMP, "IMG_1.jpg.xmp"))
    real, left = LocalStorage.put, [puts]

    def crashing(self: LocalStorage, *arguments: Any, **options: Any) -> None:
        if not left[0]:
            raise CrashError
        left[0] -= 1
        real(self, *arguments, **options)

    monkeypatch.setattr(LocalStorage, "put", crashing)
    if puts < 4:
        with pytest.raises(CrashError):
            run_task(task)
    else:
        run_task(task)
    monkeypatch.undo()
    result = joined(run_task(dataclasses.replace(task, attempt=2)))
    assert result.picture.key == f"originals/{AFTER}"
    assert [name for name in world.published() if "_" in name] == sorted(
        [f"{folder}/{name}" for folder in ("originals", "preview", "thumb") for name in (BEFORE, AFTER)]
        + [former for former, _ in result.sidecars]
        + [f"sidecars/{AFTER}.xmp"]
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_half_of_what_it_put_may_be_lost(world: World, lost: int) -> None:
    picture = picture_of(world.run(photo()))
    task = join(world, picture, stored(world, XMP, "IMG_1.jpg.xmp"))
    first = joined(run_task(task))
    put = [first.picture.key, *(one.key for one in first.picture.renditions), first.sidecars[0][1]]
    whole = files(world, *put)
    for key in put[lost::2]:
        (world.library / key).unlink()
    second = joined(run_task(dataclasses.replace(task, attempt=2)))
    assert dataclasses.replace(second, attempt=1) == first
    assert files(world, *put) == whole


def test_a_name_that_is_taken_by_other_content_gets_digits(world: World) -> None:
    other = picture_of(world.run(photo("red", "2019:07:14 10:11:12")))
    picture = picture_of(world.run(photo()))
    again = joined(run_task(join(world, picture, stored(world, XMP, "a.xmp")))).picture
    assert again.key == other.key.replace(".jpg", f"-{picture.digest[:8]}.jpg")
    assert (world.library / other.key).read_bytes() == photo("red", "2019:07:14 10:11:12")


def test_the_rest_of_a_stack_is_called_as_the_picture_that_it_is_shown_by(world: World) -> None:
    primary = picture_of(world.run(photo(), "IMG_1.HEIC"))
    movie = picture_of(world.run(MOVIE, "IMG_1.MOV"))
    xmp = stored(world, XMP, "IMG_1.xmp")
    result = joined(run_task(join(world, movie, xmp, beside=primary.key, name="IMG_1.MOV")))
    assert result.picture.key == f"originals/{BEFORE.replace('.jpg', '.mov')}"
    assert (world.library / result.picture.key).read_bytes() == MOVIE
    assert result.picture.facts.rating == 4
    assert result.sidecars == (), "they go by the picture's name"


@pytest.mark.parametrize("told", ["in its EXIF", "by its name alone"])
def test_a_date_that_was_shifted_is_not_shifted_twice(world: World, told: str) -> None:
    world.wish(shift="1hr")
    taken = "2024:05:17 14:23:01" if told == "in its EXIF" else None
    picture = picture_of(world.run(photo(taken=taken), "IMG_20240517_142301.jpg"))
    assert picture.facts.taken_at == "2024-05-17T15:23:01"
    task = join(world, picture, stored(world, GOOGLE, "a.json"), name="IMG_20240517_142301.jpg")
    again = joined(run_task(task)).picture
    third = joined(run_task(join(world, again, *task.sidecars, name="IMG_20240517_142301.jpg"))).picture
    for one in (again, third):
        if told == "in its EXIF":
            assert (one.facts.taken_at, one.key) == (picture.facts.taken_at, picture.key)
        assert one.stored == picture.stored
        assert one.facts.everything["cleaning"] == picture.facts.everything["cleaning"]
    assert third.facts.taken_at == again.facts.taken_at


@pytest.mark.usefixtures("jpegtran")
def test_a_picture_that_was_turned_keeps_its_orientation_as_read_and_its_size(world: World) -> None:
    world.wish(upright=True)
    picture = picture_of(world.run(photo(orientation=6)))
    again = joined(run_task(join(world, picture, stored(world, XMP, "a.xmp")))).picture
    assert (again.facts.orientation, again.width, again.height) == (6, 480, 640)
    assert (again.stored, again.flags) == (picture.stored, picture.flags)
    with Image.open(world.library / again.key) as stands:
        assert stands.size == (480, 640)


def test_a_rendition_that_says_what_its_original_says_is_outdated_then(world: World) -> None:
    world.follow(recipes=(Recipe("preview", metadata="essentials"), Recipe("thumb")))
    picture = picture_of(world.run(photo()))
    preview, thumb = joined(run_task(join(world, picture, stored(world, XMP, "a.xmp")))).picture.renditions
    assert (preview.fingerprint, thumb.fingerprint) == ("", picture.renditions[1].fingerprint)


def test_a_rendition_that_somebody_took_away_is_named_no_more(world: World) -> None:
    picture = picture_of(world.run(photo()))
    (world.library / picture.renditions[0].key).unlink()
    again = joined(run_task(join(world, picture, stored(world, XMP, "a.xmp")))).picture
    assert [one.recipe for one in again.renditions] == ["thumb"]


def test_an_original_that_is_gone_fails_this_try_by_its_name(world: World) -> None:
    picture = picture_of(world.run(photo()))
    (world.library / picture.key).unlink()
    result = run_task(join(world, picture))
    assert isinstance(result, Failed)
    assert picture.key in result.reason


def test_a_full_disk_blames_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(world.run(photo()))
    task = join(world, picture, stored(world, XMP, "a.xmp"))

    def full(*_: Any, **__: Any) -> None:
        raise UnavailableError("full")

    monkeypatch.setattr(LocalStorage, "put", full)
    assert isinstance(run_task(task), Unavailable)


def test_a_batch_speaks_again_with_its_number(world: World) -> None:
    world.wish(prefix="trip", title="Pier {seq}")
    picture = picture_of(world.run(photo(), sequence="07"))
    again = joined(run_task(join(world, picture, stored(world, XMP, "a.xmp"), sequence="07"))).picture
    assert (again.key, again.facts.title) == ("originals/2019/07/trip_07.jpg", "Pier 07")
