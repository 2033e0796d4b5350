"""The root of an inbox or of a library goes while files are in every state: nothing is lost, no row changes for it.

Mounts and rights are those of a user namespace that the daemon runs in: nothing outside it notices.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Daemon, Home, let_pass, wait_for
from tests.end_to_end.lawful import assert_lawful
from tests.end_to_end.pictures import picture
from tests.end_to_end.test_e2e_steady import workers
from tests.end_to_end.test_e2e_watch import inside
from tests.ledger_law import Drop
from watcher.db import search

BROKEN = Drop("broken.jpg", picture("Broken")[:60], broken=True)
PICTURES = [Drop(f"IMG_{number}.jpg", picture(f"In flight {number}")) for number in range(6)]
SECOND = '[[inbox]]\nname = "second"\npath = "second"'


@dataclass(frozen=True)
class Root:
    """A root of a household: `path`, and where it lies when it is not there."""

    path: Path
    away: Path


@dataclass(frozen=True)
class Fate:
    """How a root goes and comes back. `within`: what the daemon is run in. `mounted`: at the start, from `away`."""

    leave: Callable[[Root, Daemon], None]
    come_back: Callable[[Root, Daemon], None]
    within: Callable[[Root], list[str]] = lambda root: []
    mounted: bool = False


def mounted(root: Root) -> list[str]:
    return [
        "unshare",
        "-Urm",
        "sh",
        "-c",
        'mount --bind "$0" "$1" && shift && exec "$@"',
        str(root.away),
        str(root.path),
    ]


def unmount(root: Root, daemon: Daemon) -> None:
    inside(daemon, 'umount -l "$0"', root.path)


def mount(root: Root, daemon: Daemon) -> None:
    inside(daemon, 'mount --bind "$0" "$1"', root.away, root.path)


def replace(root: Root, daemon: Daemon) -> None:
    root.path.rename(root.away)
    root.path.mkdir()


def put_back(root: Root, daemon: Daemon) -> None:
    root.path.rmdir()  # fails when somebody wrote something there
    root.away.rename(root.path)


def rename(root: Root, daemon: Daemon) -> None:
    root.path.rename(root.away)


def rename_back(root: Root, daemon: Daemon) -> None:
    root.away.rename(root.path)


def close(root: Root, daemon: Daemon) -> None:
    root.path.chmod(0)


def reopen(root: Root, daemon: Daemon) -> None:
    root.path.chmod(0o755)


def as_nobody(root: Root) -> list[str]:
    """In a user namespace that knows no root, so that rights count, whoever runs the test."""
    return ["unshare", "-U"]


FATES = {
    "unmounted": Fate(unmount, mount, mounted, mounted=True),
    "renamed": Fate(rename, rename_back),
    "replaced": Fate(replace, put_back),
    "unreadable": Fate(close, reopen, as_nobody),
}


class Scene:
    """A daemon with files in every state, whose root can go."""

    def __init__(self, home: Home, root: Root, fate: Fate) -> None:
        self.home, self.root, self.fate = home, root, fate
        self.inbox = home.inbox

    @contextlib.contextmanager
    def begun(self) -> Iterator[Daemon]:
        (self.home.root / "second").mkdir()
        if self.fate.mounted:
            self.home.once()
            self.root.path.rename(self.root.away)
            self.root.path.mkdir()
            self.inbox = self.root.away if self.root.path == self.home.inbox else self.home.inbox
        with self.home.running(within=self.fate.within(self.root)) as daemon:
            yield daemon
        if self.fate.mounted:
            put_back(self.root, daemon)

    def drop(self, *drops: Drop) -> None:
        for drop in drops:
            (self.inbox / drop.path).write_bytes(drop.content)


@pytest.fixture(params=FATES)
def fate(request: pytest.FixtureRequest) -> Fate:
    return FATES[request.param]


def test_files_in_every_state_outlive_the_going_of_their_inbox(tmp_path: Path, fate: Fate) -> None:
    home = Home(tmp_path, SECOND)
    scene = Scene(home, Root(home.inbox, tmp_path / "away"), fate)
    with scene.begun() as daemon, search.reading(str(home.catalog)) as catalog:
        scene.drop(BROKEN)
        wait_for(lambda: count(catalog, "state = 'failed' and discarded") == 1, what="one to have failed")
        with held(*workers(daemon.pid)):
            scene.drop(*PICTURES)
            wait_for(lambda: count(catalog, "true") == 1 + len(PICTURES), what="all of them to be taken")
            wait_for(lambda: count(catalog, "state = 'running'") >= 2, what="some to be in work")
            one, *_ = workers(daemon.pid)
            with held(daemon.pid):
                os.kill(one, signal.SIGCONT)
                wait_for(lambda: len(home.library_files()) >= 3, what="one of them to be published whole")
                fate.leave(scene.root, daemon)
            poke(home)
            wait_for(lambda: " paused " in home.log(), what="the inbox to be paused")
            wait_for(lambda: count(catalog, "state = 'done' and not discarded") > 0, what="one to wait for its discard")
            before = rows(catalog, "state <> 'done'")
            poke(home)
            let_pass(0.5)
            assert rows(catalog, "state <> 'done'") == before
        wait_for(lambda: count(catalog, "state = 'running'") == 0, what="what was in work to come to an end")
        assert count(catalog, "state in ('queued', 'done')") == len(PICTURES)
        assert count(catalog, "state = 'queued' and attempt > excused") == 0, "nobody is blamed"
        fate.come_back(scene.root, daemon)
        poke(home)
        wait_for(lambda: count(catalog, "discarded") == 1 + len(PICTURES), what="all of them to be let go of")
    assert_lawful(home, [BROKEN, *PICTURES])


def test_files_in_every_state_outlive_the_going_of_the_library(tmp_path: Path, fate: Fate) -> None:
    home = Home(tmp_path, SECOND)
    scene = Scene(home, Root(home.library, tmp_path / "away"), fate)
    with scene.begun() as daemon, search.reading(str(catalog_of(scene))) as catalog:
        scene.drop(BROKEN)
        wait_for(lambda: count(catalog, "state = 'failed' and discarded") == 1, what="one to have failed")
        with held(*workers(daemon.pid)):
            scene.drop(*PICTURES[:4])
            wait_for(lambda: count(catalog, "state = 'running'") >= 2, what="some to be in work")
            fate.leave(scene.root, daemon)
            scene.drop(*PICTURES[4:])
            wait_for(lambda: " waiting " in home.log(), what="the daemon to wait for its library")
            before = rows(catalog, "true")
        let_pass(0.5)
        poke(home)
        assert rows(catalog, "true") == before
        fate.come_back(scene.root, daemon)
        wait_for(lambda: count(catalog, "discarded") == 1 + len(PICTURES), what="all of them to be let go of")
    assert_lawful(home, [BROKEN, *PICTURES])


def catalog_of(scene: Scene) -> Path:
    """Where it can be seen from outside the daemon's namespace."""
    return (scene.root.away if scene.fate.mounted else scene.root.path) / ".watcher" / "watcher.db"


@contextlib.contextmanager
def held(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def poke(home: Home) -> None:
    """Make the loop turn once: an unmount makes no event."""
    (home.root / "second" / ".poke").touch()
    (home.root / "second" / ".poke").unlink()


def rows(catalog: sqlite3.Connection, condition: str) -> list[dict[str, Any]]:
    return [dict(row) for row in catalog.execute(f"select * from jobs where {condition} order by id")]


def count(catalog: sqlite3.Connection, condition: str) -> int:
    return len(rows(catalog, condition))


def test_another_library_in_the_place_of_ours_is_not_written_to(home: Home) -> None:
    """As when an older copy of the disk is mounted there: what is true of one need not be true of the other."""
    drops = [Drop("before.jpg", picture("Before")), Drop("after.jpg", picture("After"))]
    with home.running() as daemon:
        home.drop("before.jpg", drops[0].content)
        home.wait_until("before.jpg", "done")
        away = home.library.rename(home.root / "away")
        shutil.copytree(away, home.library)
        before = home.library_files()
        home.drop("after.jpg", drops[1].content)
        assert daemon.process.wait(60) != 0
    assert "is another file than the one that was opened. Nothing dropped is lost" in home.log()
    assert home.library_files() == before
    shutil.rmtree(home.library)
    away.rename(home.library)
    with home.running():
        home.wait_until("after.jpg", "done")
    assert_lawful(home, drops)


@pytest.mark.parametrize("empty", [False, True], ids=["not there", "a bare mount point"])
def test_a_library_that_is_not_mounted_at_the_start_is_not_begun_anew(home: Home, empty: bool) -> None:
    drop = Drop("a.jpg", picture("Waits for its library"))
    home.once()
    away = home.library.rename(home.root / "away")
    if empty:
        home.library.mkdir()
    home.drop(drop.path, drop.content)
    refused = home.watcher("run", "--once")
    assert refused.returncode == 1
    assert b"is not there, and the inbox" in refused.stderr
    assert not home.library.exists() or not os.listdir(home.library)
    assert home.waiting() == {drop.path}
    if empty:
        home.library.rmdir()
    away.rename(home.library)
    with home.running():
        home.wait_until(drop.path, "done")
    assert_lawful(home, [drop])


def test_a_library_that_is_gone_for_good_can_be_begun_anew(home: Home) -> None:
    home.once()
    shutil.rmtree(home.library)
    (home.inbox / ".watcher/owner").unlink()
    home.once()
    assert home.catalog.exists()
