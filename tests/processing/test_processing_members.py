"""Archives as a worker meets them: listed in groups, members taken one by one, what must outlive the try lodged."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import struct
import time

import pytest
from worker_world import World, photo, picture_of, zipped

from watcher.messages import Expanded, Failed, Processed, Rejected, Task, TaskResult, Unavailable
from watcher.model import Limits
from watcher.processing import archive, members
from watcher.processing.run import run_task


class Lodgings:
    """A dropped archive, the tasks of its members, and the folder for what gets a file of its own."""

    def __init__(self, world: World, content: bytes) -> None:
        self.world = world
        self.path = world.drop(content, "a.zip")
        self.folder = world.spool / "members"

    def member(self, index: int, name: str = "x.jpg", **changes: object) -> Task:
        lodge = str(self.folder / f"{index}")
        settings = {"name": name, "member": index, "may_link": False, "depth": 1, "lodge": lodge, **changes}
        return self.world.task(self.path, **settings)

    def run(self, index: int, name: str = "x.jpg", **changes: object) -> TaskResult:
        return run_task(self.member(index, name, **changes))

    def lodged(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()} if self.folder.exists() else {}


def expanded(result: TaskResult) -> Expanded:
    assert isinstance(result, Expanded), result
    return result


def test_a_zip_is_expanded_and_its_members_are_tasks_of_their_own(world: World) -> None:
    kept = Lodgings(world, zipped({"in/good.jpg": photo(), "bad": b"text", "empty": b""}))
    result = expanded(run_task(world.task(kept.path)))
    assert [(m.index, m.path, m.name) for m in result.members] == [
        (0, "in/good.jpg", "good.jpg"),
        (1, "bad", "bad"),
        (2, "empty", "empty"),
    ]
    assert (result.more, result.options, result.lodged) == (False, None, False)
    results = [kept.run(member.index, member.name) for member in result.members]
    assert [type(each) for each in results] == [Processed, Rejected, Rejected]
    assert (world.library / picture_of(results[0]).key).read_bytes() == photo()
    assert len(world.published()) == 3


def test_a_large_zip_is_listed_in_groups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "GROUP", 2)
    files = {"a/": b"", "1.jpg": b"1", "batch.toml": b'title = "x"', "2.jpg": b"2", "3.jpg": b"3", "4.jpg": b"4"}
    path = world.drop(zipped(files), "a.zip")
    listed, groups = 0, []
    while not groups or groups[-1].more:
        groups.append(expanded(run_task(world.task(path, listed=listed))))
        listed = max((member.index + 1 for member in groups[-1].members), default=listed)
    assert [[m.path for m in group.members] for group in groups] == [["1.jpg", "2.jpg"], ["3.jpg", "4.jpg"], []]
    assert [group.options for group in groups] == ['title = "x"', None, None]


def test_options_that_are_no_text_refuse_the_archive(world: World) -> None:
    path = world.drop(zipped({"batch.toml": b'title = "caf\xe9"', "1.jpg": photo()}), "a.zip")
    result = run_task(world.task(path))
    assert isinstance(result, Rejected)
    assert result.reason == "batch.toml in it is not UTF-8 text (byte 13)"


def test_a_zip_in_a_zip_gets_a_file_of_its_own_and_is_listed_from_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "GROUP", 1)
    inner = zipped({"batch.toml": b"title = 3", "1.jpg": photo("red"), "2.jpg": photo("blue")})
    kept = Lodgings(world, zipped({"inner.zip": inner}))
    first = expanded(kept.run(0, "inner.zip"))
    assert (first.lodged, first.more, [m.path for m in first.members]) == (True, True, ["1.jpg"])
    assert first.options is None, "only the archive that was dropped says what is to be done"
    assert kept.lodged() == {"0": inner}
    own = Task(9, 1, str(kept.folder / "0"), "inner.zip", world.rules, may_link=False, depth=1, listed=2)
    second = expanded(run_task(own))
    assert (second.lodged, [m.path for m in second.members]) == (False, ["2.jpg"])
    taken = run_task(dataclasses.replace(own, name="2.jpg", member=2, depth=2, lodge=str(kept.folder / "2")))
    assert (world.library / picture_of(taken).key).read_bytes() == photo("blue")
    assert kept.lodged() == {"0": inner}


@pytest.mark.parametrize("depth", [3, 4])
def test_a_zip_that_lies_too_deep_is_refused_and_lodged(world: World, depth: int) -> None:
    inner = zipped({"1.jpg": photo()})
    kept = Lodgings(world, zipped({"inner.zip": inner}))
    result = kept.run(0, "inner.zip", depth=depth)
    assert isinstance(result, Rejected) and result.lodged
    assert result.reason == f"it is a zip inside {depth} others; limits.zip_depth allows 3"
    assert kept.lodged() == {"0": inner}


def test_a_zip_in_a_zip_whose_directory_lies_is_refused_and_lodged(world: World) -> None:
    inner = zipped({"1.jpg": photo()})[:-30]
    kept = Lodgings(world, zipped({"inner.zip": inner}))
    result = kept.run(0, "inner.zip")
    assert isinstance(result, Rejected) and result.lodged
    assert kept.lodged() == {"0": inner}


@pytest.mark.parametrize("content", [b"plain text", photo()[:-4000], b""])
def test_a_member_that_cannot_be_taken_is_lodged_byte_for_byte_with_its_time(world: World, content: bytes) -> None:
    kept = Lodgings(world, zipped({"a": content}, (2009, 3, 1, 12, 30, 10)))
    result = kept.run(0, "a")
    assert isinstance(result, Rejected) and result.lodged
    assert kept.lodged() == {"0": content}
    assert (kept.folder / "0").stat().st_mtime == time.mktime((2009, 3, 1, 12, 30, 10, 0, 0, -1))
    assert (kept.folder.stat().st_mode & 0o777, world.published()) == (0o700, [])
    again = kept.run(0, "a", attempt=2)
    assert (again, kept.lodged()) == (dataclasses.replace(result, attempt=2), {"0": content})


def test_a_member_whose_bytes_cannot_be_had_whole_is_not_lodged(world: World) -> None:
    content = zipped({"a.jpg": photo()})
    at = content.index(photo()) + 1000
    kept = Lodgings(world, content[:at] + b"flip" + content[at + 4 :])
    result = kept.run(0)
    assert isinstance(result, Rejected) and not result.lodged
    assert "the member is damaged" in result.reason
    assert kept.lodged() == {}
    gone = kept.run(7)
    assert isinstance(gone, Rejected) and not gone.lodged


def test_a_file_that_was_dropped_by_itself_is_never_lodged(world: World) -> None:
    result = world.run(b"text", "a.txt", lodge=str(world.spool / "lodge"))
    assert isinstance(result, Rejected) and not result.lodged
    assert not (world.spool / "lodge").exists()


@pytest.mark.parametrize("content", [b"plain text", zipped({"1.jpg": b"x"})])
def test_no_room_for_a_file_of_its_own_blames_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kept = Lodgings(world, zipped({"a": content}))
    monkeypatch.setattr(shutil, "copyfile", full)
    assert isinstance(kept.run(0, "a"), Unavailable)
    assert kept.lodged() == {}


def test_an_archive_that_is_gone_fails_this_try(world: World) -> None:
    kept = Lodgings(world, zipped({"a.jpg": photo()}))
    kept.path.unlink()
    assert isinstance(kept.run(0), Failed)


@pytest.mark.parametrize("content", [b"PK\3\4 and nothing more", zipped({"a": b"a"})[:-10]])
def test_a_zip_that_lies_is_refused_whole(world: World, content: bytes) -> None:
    assert isinstance(world.run(content, "a.zip"), Rejected)


def test_a_zip_may_be_larger_than_a_picture(world: World) -> None:
    world.follow(limits=Limits(max_file_bytes=100))
    assert isinstance(world.run(zipped({"a": bytes(200)}), "a.zip"), Expanded)


def test_the_time_of_a_member_that_no_clock_can_have_is_no_obstacle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "modified", lambda *_: float(struct.unpack("<q", b"\xff" * 7 + b"\x7f")[0]))
    kept = Lodgings(world, zipped({"a.jpg": photo()}))
    assert isinstance(kept.run(0), Processed)
