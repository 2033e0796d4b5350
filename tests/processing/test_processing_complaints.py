"""Whose doing an error is: by what went wrong, and by whether it was met at the dropped file or at the library."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from worker_world import World, photo

from watcher.messages import Failed, Processed, TaskResult, Unavailable
from watcher.processing import complaints, recognising, run
from watcher.storage.local import LocalStorage

# what became of the try that met it while the dropped file was read, and while the library was written
OUTCOMES = {
    "ENOSPC": (Unavailable, Unavailable),
    "EDQUOT": (Unavailable, Unavailable),
    "EROFS": (Unavailable, Unavailable),
    "EMFILE": (Unavailable, Unavailable),
    "ENFILE": (Unavailable, Unavailable),
    "ESTALE": (Unavailable, Unavailable),
    "ENODEV": (Unavailable, Unavailable),
    "ENXIO": (Unavailable, Unavailable),
    "ENOTCONN": (Unavailable, Unavailable),
    "ETIMEDOUT": (Unavailable, Unavailable),
    "EHOSTDOWN": (Unavailable, Unavailable),
    "ENETUNREACH": (Unavailable, Unavailable),
    "EIO": (Failed, Unavailable),
    "EACCES": (Failed, Unavailable),
    "EPERM": (Failed, Unavailable),
    "EBUSY": (Failed, Failed),
    "EAGAIN": (Failed, Failed),
    "EINTR": (Failed, Failed),
    "ENAMETOOLONG": (Failed, Failed),
    "ELOOP": (Failed, Failed),
    "EINVAL": (Failed, Failed),
}


def failing(number: int) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def reason(result: TaskResult) -> str:
    assert isinstance(result, Failed | Unavailable), result
    return result.reason


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_fault_of_the_dropped_file_or_of_its_disk(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognising, "recognised", failing(getattr(errno, name)))
    result = world.run(photo(), "IMG_7.jpg")
    assert type(result) is OUTCOMES[name][0], result
    assert os.strerror(getattr(errno, name)) in reason(result)
    assert world.published() == []


@pytest.mark.parametrize("call", ["put", "workspace", "fsync", "chmod", "rename"])
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_fault_of_the_library(name: str, call: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = getattr(errno, name)
    match call:
        case "put":  # of storage that knows nothing of kinds of errors
            monkeypatch.setattr(LocalStorage, "put", failing(number))
        case "workspace":
            monkeypatch.setattr(os, "makedirs", failing(number))
        case "rename":
            monkeypatch.setattr("watcher.storage.local.rename_noreplace", failing(number))
        case _:
            monkeypatch.setattr(os, call, failing(number))
    result = world.run(photo())
    assert type(result) is OUTCOMES[name][1], result
    assert os.strerror(number) in reason(result)


def test_a_file_whose_disk_cannot_read_it_is_to_blame_itself(world: World) -> None:
    memory = Path("/proc/self/mem")  # a regular file by its mode; its first byte is an I/O error
    result = run.run_task(world.task(memory))
    assert isinstance(result, Failed)
    assert os.strerror(errno.EIO) in result.reason


def test_what_cannot_be_read_in_the_library_blames_no_dropped_file(world: World) -> None:
    for place, blames_nobody in ((world.library / "originals" / "a.jpg", True), (f"{world.library}-2/a.jpg", False)):
        error = OSError(errno.EIO, os.strerror(errno.EIO), str(place))
        assert complaints.blames_nobody(error, str(world.library)) is blames_nobody


def test_the_same_file_is_taken_when_the_fault_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.drop(photo())
    with monkeypatch.context() as fault:
        fault.setattr(os, "fsync", failing(errno.EIO))
        assert isinstance(run.run_task(world.task(path)), Unavailable)
    assert isinstance(run.run_task(world.task(path)), Processed)
