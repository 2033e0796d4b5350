"""Disks that fail, by brute force: the n-th call to one fails, for n = 1, 2, 3 ... until a run ends without its number.

It fails once; or that disk (the library's, the inbox's) fails from then on until it is healed, as one does whose cable
is put back in. A daemon that cannot start says why, and is started again; one that runs goes on by itself. Only what
cannot be read for all of its attempts may end in failed/, whole; a library that fails blames nobody.

TEST_EVERY says which calls fail: 1 each of them, as `make torture` does; the suite takes a sample. Errors take turns.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.disk_calls import meet_all
from tests.ledger_law import Drop, violations
from tests.ledger_site import Notebook, Site, picture
from tests.test_crash import ADDED, BATCHES, EARLIER, FILES, FOREIGN, STAYING, TOKEN, Crash, Scene, ground  # noqa: F401
from watcher import daemon as line
from watcher import pausing
from watcher.daemon import Daemon
from watcher.errors import WatcherError
from watcher.executors.inline import Inline
from watcher.executors.pool import Pool
from watcher.messages import Task, TaskResult
from watcher.processing.run import run_task

EVERY = int(os.environ.get("TEST_EVERY", "199"))
KINDS = [*itertools.product((errno.EIO, errno.ENOSPC, errno.EACCES, errno.ESTALE), (False, True))]
TURNS = 300  # of the loop, at most, until all is worked off
SICK_TURNS = 8  # for which a disk fails
DEATH = -1
SCENES = {
    "files and archives": Scene(FILES),
    "what belongs together": Scene(BATCHES, ADDED),
    "what stays where it is": Scene(STAYING, stays=True),
}
HALF_DONE = {"files and archives": 700, "what belongs together": 600, "what stays where it is": 800}  # calls


class Faults:
    """Counts the calls; the one with the number `at` fails, and with `lasting` all that follow to the same disk.

    With the number DEATH the daemon ends there.
    """

    def __init__(self, *disks: str) -> None:
        self._disks = disks
        self.begin(None)

    def begin(self, at: int | None, number: int = 0, lasting: bool = False) -> None:
        self.at, self.number, self.lasting = at, number, lasting
        self.calls: list[str] = []
        self.failed: list[str] = []
        self.disk = ""  # the one that fails

    def heal(self) -> None:
        self.at = None

    def lasts(self) -> bool:
        return self.at is not None and self.lasting and bool(self.failed)

    def meet(self, call: str, path: str) -> int:
        self.calls.append(call)
        if self.at is None or len(self.calls) <= self.at:
            return 0
        if not self.failed:
            self.disk = next((disk for disk in self._disks if path.startswith(disk)), "?")
        elif not (self.lasting and path.startswith(self.disk)):
            return 0
        self.failed.append(f"{call} {path}")
        if self.number == DEATH:
            raise Crash(call)
        return self.number


class Book(Notebook):
    """One that is also told of inboxes that go, and come back."""

    def inbox(self, name: str, problem: str | None) -> None:
        pass


class Lives:
    """Daemons over one site."""

    def __init__(self, site: Site, faults: Faults, told: set[int], scene: Scene) -> None:
        self.site, self.faults, self.scene = site, faults, scene
        self.notebook = Book()
        self.notebook.told |= told

    def live(self, at: int | None = None, number: int = 0, lasting: bool = False) -> int:
        """Until all is worked off, though the call with the number `at` fails. How many calls that took."""
        self.faults.begin(at, number, lasting)
        while not self._came_to_rest():
            self.faults.heal()
        self.faults.heal()
        return len(self.faults.calls)

    def _came_to_rest(self) -> bool:
        """False for a daemon that could not start, and said why."""
        with ExitStack() as stack:
            try:
                daemon = self.site.opened(stack, self.notebook, _clock())
            except (WatcherError, sqlite3.OperationalError) as error:  # a sentence, with one around it (service.run)
                assert self.faults.failed, error
                return False
            daemon.executor = Inline(run_task)
            self._work_off(daemon)
            daemon.stop(0.0)
        return True

    def _work_off(self, daemon: Daemon) -> None:
        sick = 0
        for _ in range(TURNS):
            daemon.step(0.0)
            sick += self.faults.lasts()
            if self.faults.failed and self.faults.at is not None and (sick >= SICK_TURNS or not self.faults.lasting):
                self._heal(daemon)
            elif not self.faults.lasts() and self._rests(daemon):
                return
        raise AssertionError(f"still at work after {TURNS} turns: {daemon.pause.reason} {daemon.problems}")

    def _heal(self, daemon: Daemon) -> None:
        self.faults.heal()
        for inbox in daemon.inboxes.values():  # as it does by itself from time to time
            inbox.rescan()

    def _rests(self, daemon: Daemon) -> bool:
        with suppress(sqlite3.OperationalError):
            return daemon.is_idle() and daemon.pause.reason is None
        return False

    def wrong(self) -> list[str]:
        """What the law has against it; but what failed with the inbox's disk may lie in failed/, whole."""
        site, scene, told = self.site, self.scene, self.notebook.told
        wrong = violations(site.library, site.inbox, scene.all, told, foreign={FOREIGN.path}, stays=scene.stays)
        if not (self.faults.lasting and self.faults.disk == site.inbox):
            return wrong + [f"blamed: {reason}" for reason in self._blamed()]
        return _but_for_what_is_kept(wrong, scene.all)

    def _blamed(self) -> list[str]:
        """Tries that failed, though all of the library did; what is read through a descriptor tells of no disk."""
        if not (self.faults.lasting and self.faults.disk == self.site.library):
            return []
        with closing(sqlite3.connect(f"{self.site.library}/.watcher/watcher.db")) as db:
            rows = db.execute("select reason from attempts where outcome in ('failed', 'died')").fetchall()
        return [reason for (reason,) in rows if ", with " not in reason]


def _but_for_what_is_kept(wrong: Sequence[str], drops: Sequence[Drop]) -> list[str]:
    """Without the sentences about what lies in failed/ with the bytes that were dropped, and about what is in it."""
    kept = [
        repr(place)[:-1]
        for place, content in _placed(drops)
        if f"too much: {place!r} failed, kept as {hashlib.sha256(content).hexdigest()}" in wrong
    ]
    fine = tuple(f"{way}: {place}{end}" for way in ("missing", "too much") for place in kept for end in "'!")
    return [sentence for sentence in wrong if not (fine and sentence.startswith(fine))]


def _placed(drops: Sequence[Drop], above: str = "") -> Iterator[tuple[str, bytes]]:
    for drop in drops:
        yield above + drop.path, drop.content
        yield from _placed(drop.members, f"{above}{drop.path}!")


def _clock() -> Callable[[], float]:
    seconds = itertools.count()
    return lambda: float(next(seconds))


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch, ground: Path) -> Faults:  # noqa: F811
    site = Site(ground / "site")
    faults = Faults(site.inbox, site.library)
    meet_all(monkeypatch, str(site.root), faults.meet)
    monkeypatch.setattr(pausing, "_SECONDS", (0.0,))  # a disk is looked at again without delay
    monkeypatch.setattr(line, "SWEEP_SECONDS", 0.0)
    return faults


Begin = Callable[[], Lives]


@pytest.fixture(params=[*itertools.product(SCENES, (False, True))], ids=lambda p: p[0] + ", half done" * p[1])
def begin(request: pytest.FixtureRequest, ground: Path, faults: Faults) -> Begin:  # noqa: F811
    """Makes sites that are all alike: one picture is in the library, much has been dropped, half may be worked off."""
    name, half_done = request.param
    scene = SCENES[name]
    site, kept = Site(ground / "site", scene.stays), ground / "kept"
    first = Lives(site, faults, set(), scene)
    site.drop(*EARLIER)
    first.live()
    site.drop(*scene.drops, FOREIGN)
    if scene.added:
        site.add(TOKEN, 'prefix = "added"', *scene.added)
    site.root.rename(kept)  # the catalog knows the inbox by its place

    def another() -> Lives:
        shutil.rmtree(site.root, ignore_errors=True)
        shutil.copytree(kept, site.root)
        lives = Lives(site, faults, first.notebook.told, scene)
        with suppress(Crash):
            lives.live(HALF_DONE[name] if half_done else 0, DEATH, lasting=True)
        faults.heal()
        return lives

    return another


_TIDIED_LATER = ("left in ", "nobody's: 'failed/broken.png.error.txt'")


def test_any_call_to_a_disk_may_fail_once_or_for_long_and_nothing_is_lost(begin: Begin) -> None:
    calls = begin().live()
    for turn, at in enumerate(range(0, calls, EVERY)):
        number, lasting = KINDS[turn % len(KINDS)]
        lives = begin()
        lives.live(at, number, lasting)
        told = f"call {at} of {calls}, {errno.errorcode[number]}, lasting: {lasting}: {lives.faults.failed[:1]}"
        wrong = [sentence for sentence in lives.wrong() if not sentence.startswith(_TIDIED_LATER)]
        assert not wrong, "\n".join(["it did not go on by itself", told, *wrong])


# -- a disk that does not answer ---------------------------------------------------------------------------------------

_HANGS = ("open", "mkdir", "link", "rename", "replace", "write", "chmod", "unlink")


def hanging(task: Task) -> TaskResult:
    """A worker's run: in the first try at "n.png" the n-th call that changes the library never comes back."""
    if task.attempt > 1:
        return run_task(task)
    calls = itertools.count()

    def meet(call: str, path: str) -> int:
        if call in _HANGS and next(calls) == int(task.name.partition(".")[0]):
            signal.pause()
        return 0

    with pytest.MonkeyPatch.context() as patch:
        meet_all(patch, task.rules.library, meet)
        return run_task(task)


def test_a_call_that_never_comes_back_is_a_failed_try_and_the_next_one_puts_all_right(tmp_path: Path) -> None:
    site, notebook = Site(tmp_path), Book()
    drops = [Drop(f"{n}.png", picture(100 + n)) for n in range(0, 12, 3)]
    with ExitStack() as stack:
        Path(site.inbox).mkdir()
        site.drop(*drops)
        daemon = site.opened(stack, notebook, _clock())
        daemon.executor = Pool(
            hanging,
            2,
            task_seconds=2.0,
            max_memory_bytes=0,
            recycle_after=0,
            lock_path=f"{site.library}/.watcher/workers.lock",
            preload=[__name__],
        )
        while not daemon.is_idle():
            daemon.step(time.monotonic() + 0.1)
        daemon.stop(1.0)
    with closing(sqlite3.connect(f"{site.library}/.watcher/watcher.db")) as db:
        tries = db.execute("select outcome, reason from attempts").fetchall()
    assert tries, "no call hung"
    assert {outcome for outcome, _ in tries} == {"died"}
    assert all("workers.task_seconds" in reason for _, reason in tries)
    wrong = violations(site.library, site.inbox, drops, notebook.told)
    assert [sentence for sentence in wrong if not sentence.startswith("left in tmp")] == []
