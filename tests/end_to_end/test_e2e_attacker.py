"""Somebody who may drop files tries to have others read, moved, written or deleted, by links put in at any moment.

The attacker is a process of its own that swaps a folder, `failed/` or the inbox's `.watcher` for a link to a place that
is not the inbox, back and forth, while the real daemon works.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture

SWAP = """
import os, sys
place, link = sys.argv[1:]
away = place + "-away"
print("ready", flush=True)
while True:
    for old, new in ((place, away), (link, place), (place, link), (away, place)):
        try:
            os.rename(old, new)
        except OSError:  # the daemon has removed or made something there meanwhile
            if not os.path.lexists(place) and new != away:
                os.makedirs(place, exist_ok=True)
"""


@contextlib.contextmanager
def swapping(place: Path, target: Path) -> Iterator[None]:
    """Meanwhile `place` is a link to `target` half of the time."""
    link = place.with_name(f".{place.name}-link")
    link.symlink_to(target)
    line = [sys.executable, "-c", SWAP, str(place), str(link)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as attacker:
        try:
            assert attacker.stdout is not None and attacker.stdout.readline()
            yield
        finally:
            attacker.kill()
            attacker.wait()
            _restore(place, place.with_name(f"{place.name}-away"))


def _restore(place: Path, away: Path) -> None:
    """The folder stands in its place again, whatever the attacker was about when it ended."""
    if place.is_symlink():
        place.unlink()
    if away.exists():
        if place.exists():
            place.rename(place.with_name(f"{place.name}-made"))
        away.rename(place)


def frozen(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Inode and bytes of each file below, and the names of the folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (path.stat().st_ino, content)
    return found


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Pictures of the daemon's own user, on the same file system, under the names that the attacker drops."""
    folder = tmp_path / "private"
    (folder / "spool").mkdir(parents=True)
    (folder / "deep").mkdir()
    for number in range(12):
        (folder / f"{number}.png").write_bytes(picture(f"secret {number}", format="png"))
        (folder / f"deep/{number}.png").write_bytes(picture(f"deep {number}", format="png"))
        (folder / f"{number}.png.error.txt").write_text("photo-watcher could not take this file.\njob: 1\n")
    return folder


def test_a_folder_that_is_swapped_for_a_link_gives_nothing_away(home: Home, private: Path) -> None:
    before = frozen(private)
    (home.inbox / "trip/deep").mkdir(parents=True)
    with home.running(), swapping(home.inbox / "trip", private):
        for number in range(12):
            home.drop(f"beside-{number}.png", picture(f"beside {number}", format="png"))
            for path in (f"trip/{number}.png", f"trip/deep/{number}.png"):
                with contextlib.suppress(OSError):
                    descriptor = os.open(home.inbox / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                    os.write(descriptor, picture(f"trip {number}", format="png"))
                    os.close(descriptor)
        wait_for(lambda: len(home.finds("beside")) == 12)
    assert {name: what for name, what in frozen(private).items() if name in before} == before
    secrets = {content for _, content in before.values()}
    kept = {path.read_bytes() for path in (home.library / "originals").rglob("*.png")}
    assert not kept & secrets


def test_a_failed_folder_that_is_swapped_for_a_link_has_nothing_written_or_deleted_behind_it(
    home: Home, private: Path
) -> None:
    before = frozen(private)
    home.failed.mkdir()
    with home.running(), swapping(home.failed, private):
        for number in range(30):
            home.drop(f"broken-{number}.png", b"\x89PNG\r\n\x1a\n broken")
        wait_for(lambda: sum(job["state"] == "failed" for job in home.jobs()) >= 30)
        home.drop("whole.png", picture("whole", format="png"))
        wait_for(lambda: home.finds("whole"))
    assert frozen(private) == before


def test_a_private_folder_that_is_swapped_for_a_link_has_nothing_moved_or_deleted_behind_it(
    home: Home, private: Path
) -> None:
    before = frozen(private)
    with home.running():
        with swapping(home.inbox / ".watcher", private):
            dropped = {f"{number}.png": picture(f"beside {number}", format="png") for number in range(20)}
            dropped["broken.png"] = b"\x89PNG\r\n\x1a\n broken"
            for name, content in dropped.items():
                home.drop(name, content)
            wait_for(lambda: home.log().count(" paused ") > 3)
        # what a worker could not find three times is in failed/
        wait_for(lambda: {job["name"] for job in home.jobs() if job["finished_at"]} == set(dropped))
    assert frozen(private) == before
