"""One task from file to published picture, in a real library."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import stat
import time
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from worker_world import World, photo, picture_of

from watcher.errors import UnavailableError
from watcher.messages import Duplicate, Failed, Processed, Rejected, Unavailable
from watcher.model import Limits
from watcher.processing import archive, image, metadata
from watcher.processing.run import run_task, work
from watcher.storage.local import LocalStorage
from watcher.storage.memory import MemoryStorage


def test_a_photo_is_published_with_its_renditions(world: World) -> None:
    content = photo()
    picture = picture_of(world.run(content))
    name = "2024/05/20240517-142301_IMG_1.jpg"
    assert world.published() == [f"originals/{name}", f"preview/{name}", f"thumb/{name}"]
    assert picture.key == f"originals/{name}"
    assert picture.digest == hashlib.sha256(content).hexdigest()
    assert (picture.format, picture.size, picture.width, picture.height) == ("jpeg", len(content), 640, 480)
    assert picture.facts.taken_at == "2024-05-17T14:23:01"
    assert [(one.recipe, one.key, one.width, one.height) for one in picture.renditions] == [
        ("preview", f"preview/{name}", 640, 480),
        ("thumb", f"thumb/{name}", 300, 300),
    ]
    for one in picture.renditions:
        assert (world.library / one.key).stat().st_size == one.size
    assert (world.library / picture.key).read_bytes() == content


def test_a_file_that_is_ours_alone_is_linked_and_keeps_its_time_and_attributes(world: World) -> None:
    path = world.drop(photo())
    os.chmod(path, 0o600)
    os.utime(path, ns=(10**18, 10**18 + 1))
    os.setxattr(path, "user.tag", b"kept")
    original = world.library / picture_of(run_task(world.task(path))).key
    assert os.path.samefile(original, path)
    assert original.stat().st_mtime_ns == 10**18 + 1
    assert os.getxattr(original, "user.tag") == b"kept"
    assert stat.S_IMODE(original.stat().st_mode) == 0o644


@pytest.mark.parametrize("reason", ["another name", "a writer may be there"])
def test_a_file_that_may_change_from_outside_is_copied(world: World, reason: str) -> None:
    path = world.drop(photo())
    if reason == "another name":
        os.link(path, world.spool / "elsewhere")
    original = world.library / picture_of(run_task(world.task(path, may_link=reason == "another name"))).key
    assert not os.path.samefile(original, path)
    assert original.read_bytes() == path.read_bytes()
    assert path.stat().st_mtime_ns == original.stat().st_mtime_ns


def test_the_same_file_again_stands_under_the_same_key(world: World) -> None:
    first, second = picture_of(world.run(photo())), picture_of(world.run(photo()))
    assert first == second
    assert len(world.published()) == 3


def test_a_name_taken_by_other_content_gets_digits_of_the_digest(world: World) -> None:
    first, second = picture_of(world.run(photo())), picture_of(world.run(photo("red")))
    assert second.key == first.key.replace(".jpg", f"-{second.digest[:8]}.jpg")
    assert [one.key.partition("/")[2] for one in second.renditions] == [second.key.partition("/")[2]] * 2
    assert len(world.published()) == 6
    assert (world.library / first.key).read_bytes() == photo()


@pytest.mark.parametrize("content", [photo()[:-400], b"", b"plain text", b"\xff\xd8\xff\xe0" + bytes(100), bytes(1000)])
def test_a_broken_picture_leaves_nothing_behind(world: World, content: bytes) -> None:
    result = world.run(content)
    assert isinstance(result, Rejected)
    assert (result.job_id, result.attempt) == (1, 1)
    assert world.published() == []


def test_a_file_over_the_limit_is_refused_by_the_name_of_the_limit(world: World) -> None:
    world.rules = dataclasses.replace(world.rules, limits=Limits(max_file_bytes=1000))
    result = world.run(photo())
    assert isinstance(result, Rejected)
    assert "limits.max_file_bytes allows 1,000" in result.reason


def test_a_picture_that_stands_in_the_library_is_a_duplicate_and_is_not_decoded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = picture_of(world.run(photo()))
    monkeypatch.setattr(image, "Picture", None)
    assert world.run(photo(), "copy.jpg", rivals=((picture.digest, picture.key, picture.size),)) == Duplicate(
        2, 1, picture.digest
    )
    assert len(world.published()) == 3


@pytest.mark.parametrize("loss", ["gone", "cut"])
def test_the_last_copy_of_a_lost_original_is_no_duplicate(world: World, loss: str) -> None:
    picture = picture_of(world.run(photo()))
    original = world.library / picture.key
    original.unlink()
    if loss == "cut":
        original.write_bytes(photo()[:100])
    again = picture_of(world.run(photo(), rivals=((picture.digest, picture.key, picture.size),)))
    assert (world.library / again.key).read_bytes() == photo()


def test_a_rival_of_another_digest_is_no_duplicate(world: World) -> None:
    picture = picture_of(world.run(photo()))
    assert isinstance(world.run(photo("red"), rivals=((picture.digest, picture.key, picture.size),)), Processed)


def test_a_library_that_is_gone_is_waited_for_and_not_made_anew(world: World) -> None:
    path = world.drop(photo())
    (world.library / ".watcher").rmdir()
    assert isinstance(run_task(world.task(path)), Unavailable)
    assert list(world.library.iterdir()) == []
    world.library.rmdir()
    result = run_task(world.task(path))
    assert isinstance(result, Unavailable)
    assert "is gone: is its disk mounted" in result.reason
    assert not world.library.exists()


@pytest.mark.parametrize("call", ["link", "replace", "chmod", "mkdir", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_blames_nobody_and_the_next_try_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    path = world.drop(photo())
    monkeypatch.setattr(os, call, full)
    result = run_task(world.task(path))
    assert isinstance(result, Unavailable), result
    assert os.strerror(number) in result.reason
    monkeypatch.undo()
    assert [name for name in world.published() if name.startswith(".watcher")] == []
    assert isinstance(run_task(world.task(path, attempt=2)), Processed)
    assert len(world.published()) == 3


def test_no_room_for_a_member_blames_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive, "extract", full)
    assert isinstance(world.run(b"", "a.zip", member=0), Unavailable)
    assert world.published() == []


@pytest.mark.parametrize("when", ["before it is published", "after"])
def test_a_file_that_changes_while_it_is_processed_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = world.drop(photo())
    home, name = (metadata, "read") if when == "before it is published" else (LocalStorage, "put")
    real = getattr(home, name)

    def written_to(*arguments: Any, **options: Any) -> Any:
        answer = real(*arguments, **options)
        with open(path, "ab") as writer:
            writer.write(b"more")
        return answer

    monkeypatch.setattr(home, name, written_to)
    result = run_task(world.task(path))
    assert isinstance(result, Failed)
    assert "changed while it was processed" in result.reason
    assert (world.published() == []) == (when == "before it is published")


NAMES = [
    "x" * 251 + ".jpg",
    "\U0001f4f7" * 62 + ".jpg",
    "caf\udce9\udcff.jpg",
    "two\nlines\t\x1b[31m.jpg",
    ".hidden.jpg",
    "--help.jpg",
    "e\u0301te\u0301.jpg",
    "IMG_1.png.jpg",
    "'; drop table assets; --.jpg",
    "日本語",
    "\u202egpj.exe",
    " .jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gets_through(world: World, name: str) -> None:
    picture = picture_of(world.run(photo(taken=None), name))
    assert len(world.published()) == 3
    for key in (picture.key, *(one.key for one in picture.renditions)):
        last = key.rpartition("/")[2]
        assert unicodedata.is_normalized("NFC", last)
        assert len(last.encode()) <= 255
        assert last[0] not in ".-" and last.isprintable()
        assert (world.library / key).is_file()
    assert picture.key.startswith("originals/undated/")


def test_a_picture_called_by_the_wrong_suffix_gets_the_right_one(world: World) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    picture = picture_of(world.run(out.getvalue(), "IMG_1.jpg"))
    assert picture.key == "originals/undated/IMG_1.png"
    assert picture.renditions[0].key == "preview/undated/IMG_1.png.jpg"


def test_a_member_without_a_date_of_its_own_has_that_in_its_zip(world: World) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr(zipfile.ZipInfo("scan.jpg", (2009, 3, 1, 12, 30, 10)), photo(taken=None))
        target.writestr(zipfile.ZipInfo("no date.jpg"), photo("red", taken=None))
        target.writestr(zipfile.ZipInfo("no day.jpg", (2009, 2, 30, 0, 0, 0)), photo("lime", taken=None))
    path = world.drop(out.getvalue(), "a.zip")
    tasks = [world.task(path, name=f"{at}.jpg", member=at, may_link=False, dropped_at=time.time()) for at in range(3)]
    dates = [picture_of(run_task(task)).facts.taken_at for task in tasks]
    assert dates == ["2009-03-01T12:30:10", None, None]


def test_what_a_name_says_is_a_date_and_a_place_has_its_time(world: World) -> None:
    world.rules = dataclasses.replace(world.rules, timezone="Pacific/Auckland")
    facts = picture_of(world.run(photo(taken=None), "PXL_20240517_142301123.jpg")).facts
    assert facts.taken_at is not None and facts.taken_at.startswith("2024-05-18T02:23:01")


def test_a_source_that_cannot_be_read_fails_this_try_in_words(world: World) -> None:
    path = world.drop(photo(), "caf\udce9.jpg")
    path.unlink()
    result = run_task(world.task(path))
    assert isinstance(result, Failed)
    assert result.reason.endswith("caf\\xe9.jpg") and result.reason.startswith("No such file or directory: ")
    result.reason.encode()


def test_a_fault_of_ours_fails_this_try_and_memory_is_the_workers_business(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("what")

    monkeypatch.setattr(metadata, "read", broken)
    result = world.run(photo())
    assert result == Failed(1, 1, "unexpected KeyError: 'what'")

    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(metadata, "read", hungry)
    with pytest.raises(MemoryError):
        world.run(photo())
    assert world.published() == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("two\nlines", "unexpected ValueError: two lines"),
        ("caf\udce9 \ud800", "unexpected ValueError: caf\\udce9 \\ud800"),
        ("", "unexpected ValueError: ValueError"),
    ],
)
def test_whatever_an_exception_says_becomes_one_line_that_the_catalog_can_hold(
    world: World, monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(words)

    monkeypatch.setattr(metadata, "read", broken)
    assert world.run(photo()) == Failed(1, 1, reason)


def test_a_large_file_is_not_read_into_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.processing.run._IN_MEMORY", 100)
    picture = picture_of(world.run(photo()))
    assert picture.digest == hashlib.sha256(photo()).hexdigest()
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(out, "TIFF", compression="tiff_lzw")
    assert picture_of(world.run(out.getvalue(), "a.tif")).width == 30


def test_work_publishes_into_any_storage(world: World, tmp_path: Path) -> None:
    storage = MemoryStorage()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    picture = picture_of(work(world.task(world.drop(photo())), storage, str(workspace)))
    assert storage.objects[picture.key] == photo()
    assert len(storage.objects) == 3
    assert world.published() == []


def test_what_is_unavailable_flies_out_of_work(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise UnavailableError("gone")

    monkeypatch.setattr(MemoryStorage, "put", gone)
    with pytest.raises(UnavailableError):
        work(world.task(world.drop(photo())), MemoryStorage(), str(tmp_path))
