"""The power goes before any change to the disk: what was announced is there, and nothing that was dropped is lost.

The real line is stopped as in the crash tests, and goes on with what is left of the disk: only what was flushed, or all
names and only the bytes that were flushed (flushed_disk). The coordinator flushes the library as a whole, or workers
flush file by file. What is done again afterwards may show: a file that came back into its inbox is told of twice.

TEST_EVERY says before which changes: 1 before each of them, as `make torture` does; the suite takes a few.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.disk_calls import meet_all
from tests.flushed_disk import FlushedDisk
from tests.ledger_law import violations
from tests.ledger_site import Notebook, Site
from tests.test_crash import EARLIER, FOREIGN, SCENES, TOKEN, Crash, Scene, _clock, _work_off, ground  # noqa: F401
from watcher.daemon import Daemon
from watcher.executors.inline import Inline
from watcher.model import Job
from watcher.processing.run import run_task

EVERY = int(os.environ.get("TEST_EVERY", "151"))
CHANGES = {
    *("rename", "replace", "link", "unlink", "mkdir", "rmdir", "write", "pwrite", "copy_file_range", "renameat2"),
    *("fsync", "syncfs", "sql commit"),
}


@dataclass(frozen=True)
class Weather:
    """What is left: `names` and `halves` as in flushed_disk. `each`: workers flush each file, not the coordinator all.

    `apart`: the inbox and the library lie on two disks, and only the library's is flushed.
    """

    names: bool = False
    halves: bool = False
    each: bool = False
    apart: bool = False


WEATHERS = {
    "only what was flushed": Weather(),
    "all names, no bytes": Weather(names=True),
    "file by file": Weather(halves=True, each=True),
    "file by file, all names": Weather(names=True, halves=True, each=True),
    "two disks": Weather(halves=True, apart=True),
    "two disks, all names": Weather(names=True, apart=True),
}


class Power:
    """Goes before the change with the number `at`; from then on nothing changes any more. `disk` is what it spares."""

    def __init__(self) -> None:
        self.disk: FlushedDisk | None = None

    def begin(self, disk: FlushedDisk, at: int | None, apart: str = "") -> None:
        """`apart`: a folder on a disk of its own: nothing there can be linked to."""
        self.disk, self.at, self._apart = disk, at, apart
        self.changes: list[str] = []
        self._gone = self._durable = self._committed = self._looking = False

    def meet(self, call: str, path: str) -> int:
        if self.disk is None or self._looking:
            return 0
        if self._gone:
            raise Crash(call)
        self._looking = True
        try:
            self._meet(self.disk, call, path)
        finally:
            self._looking = False
        return errno.EXDEV if call == "link" and self._apart and path.startswith(self._apart) else 0

    def _meet(self, disk: FlushedDisk, call: str, path: str) -> None:
        if self._committed:  # by the call before this one
            disk.flush_catalog()
        self._committed = call == "sql commit" and self._durable
        if call.startswith("sql pragma synchronous"):
            self._durable = call.endswith("full")
        if call in CHANGES:
            self._change(disk, call, path)

    def _change(self, disk: FlushedDisk, call: str, path: str) -> None:
        if len(self.changes) == self.at:
            self._gone = True
            raise Crash(call)
        self.changes.append(call)
        if call == "fsync":
            disk.flush(path)
        elif call == "syncfs":
            disk.flush_all(path)


class Diary(Notebook):
    """One that remembers what it told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[int, tuple[str, str]] = {}

    def send(self, jobs: Iterable[Job]) -> list[int]:
        jobs = list(jobs)
        self.said |= {job.id: (job.name, job.state) for job in jobs}
        return super().send(jobs)


class Nights:
    """Runs of the daemon over one site, each to the end of the work or until the power goes."""

    def __init__(self, site: Site, power: Power, told: set[int], scene: Scene) -> None:
        self.site, self.power, self.scene = site, power, scene
        self.notebook = Diary()
        self.notebook.told |= told

    def live(self, weather: Weather | None = None, at: int | None = None) -> list[str]:
        """One run, and then the power goes, in this weather. The changes until then."""
        power, site = self.power, self.site
        with ExitStack() as stack, suppress(Crash):
            if weather:
                disk = FlushedDisk(self._root(), f"{site.library}/.watcher/watcher.db")
                stack.callback(self._rebuild, disk, weather)
                power.begin(disk, at, site.inbox if weather.apart else "")
            daemon = site.opened(stack, self.notebook, _clock())
            self._flush_by(daemon, weather or Weather())
            daemon.executor = Inline(run_task)
            _work_off(daemon)
            daemon.stop(0.0)
        return power.changes if weather else []

    def _flush_by(self, daemon: Daemon, weather: Weather) -> None:
        for inbox, rules in daemon.rules.items():
            daemon.rules[inbox] = replace(rules, fsync=weather.each)
        flushed = self.site.library if weather.apart else self._root()
        daemon.flush = lambda: bool(self.power.meet("syncfs", flushed)) and None

    def _rebuild(self, disk: FlushedDisk, weather: Weather) -> None:
        self.power.disk = None
        left = self.site.root.with_name("left")
        disk.build(str(left), names=weather.names, halves=weather.halves)
        disk.close()
        shutil.rmtree(self._root())
        left.rename(self._root())

    def _root(self) -> str:
        """What is written to: an inbox whose files stay keeps its very files, which are known by their inodes."""
        return self.site.library if self.scene.stays else str(self.site.root)

    def wrong(self, weather: Weather) -> list[str]:
        """What the law has against it, and what was announced and is not so any more."""
        site, scene = self.site, self.scene
        found = violations(
            site.library, site.inbox, scene.all, self.notebook.told, foreign={FOREIGN.path}, stays=scene.stays
        )
        return [sentence for sentence in found if not sentence.startswith(_tolerated(weather))]

    def forgotten(self, announced: dict[int, tuple[str, str]]) -> list[str]:
        """Of the jobs that were announced, by their ids, what the journal does not say any more."""
        with closing(sqlite3.connect(f"{self.site.library}/.watcher/watcher.db")) as db:
            rows = {row[0]: row[1:] for row in db.execute("select id, name, state from jobs")}
        return [f"{job} was announced as {what}" for job, what in announced.items() if rows.get(job) != what]


def _tolerated(weather: Weather) -> tuple[str, ...]:
    """Beginnings of sentences about what does no harm.

    A claim is not flushed by itself: what was claimed comes back into its inbox, and is told of a second time. A file
    was published before its commit, by its name and not by its bytes, or was deleted and is back: nobody names it.
    """
    again = ("too much: ", "not there: 'failed/")
    return (*again, "stray: ") if weather.names or weather.each or weather.apart else again


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch, ground: Path) -> Power:  # noqa: F811
    power = Power()
    meet_all(monkeypatch, str(ground / "site"), power.meet)
    return power


Begin = Callable[[], Nights]


@pytest.fixture(params=SCENES)
def begin(request: pytest.FixtureRequest, ground: Path, power: Power) -> Begin:  # noqa: F811
    """Makes sites that are all alike: one picture is in the library, much has been dropped."""
    scene = SCENES[request.param]
    site, kept = Site(ground / "site", scene.stays), ground / "kept"
    first = Nights(site, power, set(), scene)
    site.drop(*EARLIER)
    first.live()
    site.drop(*scene.drops, FOREIGN)
    if scene.added:
        site.add(TOKEN, 'prefix = "added"', *scene.added)
    site.root.rename(kept)  # the catalog knows the inbox by its place

    def another() -> Nights:
        shutil.rmtree(site.root, ignore_errors=True)
        shutil.copytree(kept, site.root)
        return Nights(site, power, first.notebook.told, scene)

    return another


@pytest.mark.parametrize("sky", WEATHERS)
def test_what_was_announced_before_the_power_went_is_there_and_all_else_is_done_again(begin: Begin, sky: str) -> None:
    weather = WEATHERS[sky]
    changes = len(begin().live(weather))
    for at in range([*WEATHERS].index(sky) * EVERY // len(WEATHERS), changes + 1, EVERY):
        nights = begin()
        nights.live(weather, at)
        announced = dict(nights.notebook.said)
        nights.live()
        wrong = [*nights.wrong(weather), *nights.forgotten(announced)]
        assert not wrong, "\n".join([f"the power went before change {at} of {changes}", *wrong])
