"""Crash safety by brute force: the real line, stopped dead at each call that changes something, then run again.

Between two such calls nothing changes outside of the process, so "after the k-th" is "before the next": one crash a
call is enough. A process that has crashed changes nothing any more, so from the crash on every such call raises again;
that keeps `finally` and `with` from tidying up what a killed process would have left.

TEST_EVERY says at which calls: 1 at each of them, as `make torture` does; the suite takes some of them.

Syncing is left out: a killed process loses nothing that it has written. What a power cut loses is not shown here.
"""

from __future__ import annotations

import builtins
import functools
import itertools
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN, Notebook, Site, photo, picture, xmp, zipped
from watcher import filesystem
from watcher.daemon import Daemon
from watcher.executors.inline import Inline
from watcher.executors.worker import Run
from watcher.messages import Failed, Task, TaskResult
from watcher.processing.run import run_task

CHANGES = ("rename", "replace", "link", "unlink", "mkdir", "rmdir")  # of os
TURNS = 300  # of the loop, at most, until all is worked off
EVERY = int(os.environ.get("TEST_EVERY", "8"))
RANDOM_PAIRS = 90 // EVERY  # in each scene

EARLIER = (Drop("old.png", picture(1)),)
FILES = (
    Drop("a.png", picture(2)),
    Drop("again.png", picture(1)),  # in the library already
    Drop("broken.png", BROKEN, broken=True),  # a name that is taken in failed/
    Drop("copy of a.png", picture(2)),
    Drop("cleaned up.jpg", photo(8)),  # its dates are changed, and its bytes kept aside
    Drop("folder/below/old.png", picture(3)),  # a name that is taken in the library
    Drop(os.fsdecode(b"not utf-8 \xe9\n.png"), picture(4)),
    zipped("good.zip", Drop("in/c.png", picture(5)), Drop("__MACOSX/._c.png", b"litter", litter=True)),
    zipped("some.zip", Drop("d.png", picture(6)), Drop("e.png", BROKEN, broken=True), Drop("f.png", picture(2))),
)
BATCHES = (
    Drop("broken.png", BROKEN, broken=True),
    zipped(
        "outer.zip",
        zipped("in/inner.zip", Drop("i.png", picture(9)), Drop("letter.png", BROKEN + b"!", broken=True)),
        Drop("torn.png", picture(10), unreadable=True),
    ),
    Drop("trip/batch.toml", b'prefix = "trip"', litter=True),
    Drop("trip/one.png", picture(11)),
    Drop("trip/two.png", picture(12)),
    Drop("told.png", picture(13)),
    Drop("told.png.xmp", xmp("Harbour", "2019-03-02T10:00:00"), sidecar=True),  # names its picture anew
)
ADDED = (Drop("added.png", picture(14)), Drop("also.png", picture(15)))
TOKEN = "a-abcdefgh23"
STAYING = (
    *FILES,
    Drop("trip/batch.toml", b'prefix = "trip"', litter=True),
    Drop("trip/one.png", picture(11)),
    Drop("told.png", picture(13)),
    Drop("told.png.xmp", xmp("Harbour", "2019-03-02T10:00:00"), sidecar=True),
)
# by the options of their batches, and by what a sidecar says
NAMED = {"undated/trip_01", "undated/trip_02", "undated/added_01", "undated/added_02", "2019/told"}


@dataclass(frozen=True)
class Scene:
    """What is dropped beside each other, and originals that must be in the library then, each with its year.

    `stays`: all of it is only copied.
    """

    drops: tuple[Drop, ...]
    added: tuple[Drop, ...] = ()
    named: frozenset[str] = frozenset()
    stays: bool = False

    @property
    def all(self) -> tuple[Drop, ...]:
        return (*EARLIER, *self.drops, *self.added)


NOTHING = Scene(())
SCENES = {
    "files and archives": Scene(FILES),
    "what belongs together": Scene(BATCHES, ADDED, frozenset(NAMED)),
    "what stays where it is": Scene(STAYING, named=frozenset({"undated/trip_01", "2019/told"}), stays=True),
}
FOREIGN = Drop("failed/broken.png", b"somebody else's")


class Crash(BaseException):
    """Not an Exception: no part of the program may take it for a fault of a file."""


class Fate:
    """Counts the calls that change something, and crashes before the one with the number `at`."""

    def __init__(self) -> None:
        self.connections: list[sqlite3.Connection] = []
        self.begin(None)

    def begin(self, at: int | None) -> None:
        self.at, self.dead, self.calls = at, False, list[str]()

    def meet(self, call: str) -> None:
        if self.dead or len(self.calls) == self.at:
            self.dead = True
            raise Crash(call)
        self.calls.append(call)

    def close_connections(self) -> None:
        """As the kernel does for a dead process: what was not committed is gone."""
        while self.connections:
            self.connections.pop().close()


@pytest.fixture
def fate(monkeypatch: pytest.MonkeyPatch) -> Fate:
    """Every call that changes files or the catalog meets its fate first."""
    fate = Fate()
    for name in CHANGES:
        monkeypatch.setattr(os, name, _met(fate, name, getattr(os, name)))
    monkeypatch.setattr(filesystem._libc, "renameat2", _met(fate, "renameat2", filesystem._libc.renameat2))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(builtins, "open", _opening(fate, builtins.open))
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=_connections(fate)))
    return fate


def _met(fate: Fate, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def meeting(*args: Any, **named: Any) -> Any:
        fate.meet(name)
        return call(*args, **named)

    return meeting


def _opening(fate: Fate, real: Callable[..., Any]) -> Callable[..., Any]:
    """A file opened for writing is made, and then may stay empty."""

    def opening(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        if not set(mode) & set("wxa"):
            return real(file, mode, *args, **named)
        fate.meet("open")
        opened = real(file, mode, *args, **named)
        try:
            fate.meet("write")
        except Crash:
            opened.close()
            raise
        return opened

    return opening


def _connections(fate: Fate) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            fate.connections.append(self)

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if fate.dead or sql.lower().startswith(("begin", "commit")):
                fate.meet(sql)
            return super().execute("pragma synchronous = off" if "synchronous" in sql else sql, *args)

    return Connection


class Lives:
    """Runs of the daemon over one site, each to the end of the work or to its crash."""

    def __init__(self, site: Site, fate: Fate, told: set[int], scene: Scene = NOTHING) -> None:
        self.site, self.fate, self.scene = site, fate, scene
        self.notebook = Notebook(lambda: fate.meet("tell"))
        self.notebook.told |= told
        self.laid = _laid(Path(site.inbox)) if scene.stays else {}

    def live(self, at: int | None = None, run: Run = run_task) -> list[str]:
        """One life, which ends before the change with the number `at`. The changes that it made."""
        self.fate.begin(at)
        with ExitStack() as stack, suppress(Crash):
            stack.callback(self.fate.close_connections)
            daemon = self.site.opened(stack, self.notebook, _clock())
            daemon.executor = Inline(run)
            _work_off(daemon)
            daemon.stop(0.0)
        changes = self.fate.calls
        self.fate.begin(None)
        return changes

    def check(self, after: str, *more: Drop) -> None:
        library, inbox, told = self.site.library, self.site.inbox, self.notebook.told
        stays = self.scene.stays
        wrong = violations(library, inbox, [*self.scene.all, *more], told, foreign={FOREIGN.path}, stays=stays)
        if stays:
            laid = {path: state for path, state in _laid(Path(inbox)).items() if path not in {one.path for one in more}}
            wrong += [f"not as it was: {path!r}" for path, _ in {*laid.items()} ^ {*self.laid.items()}]
        wrong += [f"not named so: {name}" for name in self.scene.named - self.named()]
        assert not wrong, "\n".join([after, *wrong])

    def named(self) -> set[str]:
        """The originals in the library, each with the folder of its year, and without its suffix."""
        return {f"{path.parent.name}/{path.stem}" for path in Path(self.site.library, "originals").rglob("*.*")}


def _laid(inbox: Path) -> dict[str, tuple[int, bytes]]:
    """The files of an inbox, each with its time."""
    files = (path for path in inbox.rglob("*") if path.is_file())
    return {str(path.relative_to(inbox)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def _clock() -> Callable[[], float]:
    """Each look at it is a second later: what waits for quiet has it after a few turns."""
    seconds = itertools.count()
    return lambda: float(next(seconds))


def _work_off(daemon: Daemon) -> None:
    for _ in range(TURNS):
        if daemon.is_idle():
            return
        daemon.step(0.0)
    raise AssertionError(f"still at work after {TURNS} turns")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of small changes, and no power cut to outlive."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.fixture(params=SCENES)
def begin(request: pytest.FixtureRequest, ground: Path, fate: Fate) -> Callable[[], Lives]:
    """Makes sites that are all alike: one picture is in the library, much has been dropped."""
    scene = SCENES[request.param]
    site, kept = Site(ground / "site", scene.stays), ground / "kept"
    first = Lives(site, fate, set())
    first.site.drop(*EARLIER)
    first.live()
    first.site.drop(*scene.drops, FOREIGN)
    if scene.added:
        first.site.add(TOKEN, 'prefix = "added"', *scene.added)

    def another() -> Lives:
        if not kept.exists():
            site.root.rename(kept)  # the catalog knows the inbox by its place
        shutil.rmtree(site.root, ignore_errors=True)
        shutil.copytree(kept, site.root)
        return Lives(site, fate, first.notebook.told, scene)

    return another


Begin = Callable[[], Lives]


def test_without_a_crash_everything_dropped_is_filed_or_in_failed_and_nothing_strays(begin: Begin) -> None:
    lives = begin()
    lives.live()
    lives.check("without a crash")


def test_a_crash_at_any_change_loses_nothing(begin: Begin) -> None:
    for at, change in [*enumerate(begin().live())][::EVERY]:
        lives = begin()
        lives.live(at)
        lives.live()
        lives.check(f"after a crash before change {at}, {change}")


def test_two_crashes_at_any_changes_lose_nothing(begin: Begin) -> None:
    chance = random.Random(7)
    changes = len(begin().live())
    for _ in range(RANDOM_PAIRS):
        pair = chance.randrange(changes), chance.randrange(changes)
        lives = begin()
        for at in pair:
            lives.live(at)
        lives.live()
        lives.check(f"after crashes before the changes {pair}")


def test_a_crash_at_any_change_of_the_very_first_start_loses_nothing(ground: Path, fate: Fate) -> None:
    for at in itertools.count():
        lives = Lives(Site(ground / str(at)), fate, set())
        lives.site.drop(*EARLIER, FOREIGN)
        changes = lives.live(at)
        lives.live()
        lives.check(f"after {changes}")
        if len(changes) < at:  # it was worked off before its number came up
            return


def test_a_worker_that_dies_at_any_change_loses_nothing_and_blames_nobody(begin: Begin) -> None:
    for at in _changes_of_workers(begin())[::EVERY]:
        lives = begin()
        lives.live(at, functools.partial(_outlived, lives.fate))
        lives.live()  # what the dead worker left in tmp goes at the next start
        lives.check(f"after the death of a worker before change {at}")


def test_a_file_that_ends_the_whole_program_is_blamed_only_once_it_ran_alone_and_all_else_goes_through(
    begin: Begin,
) -> None:
    lives = begin()
    poison = Drop("0 poison.png", picture(7), broken=True)
    lives.site.drop(poison)
    deaths: list[Task] = []
    for _ in range(7):
        lives.live(run=functools.partial(_deadly, lives.fate, poison.path, deaths))
    assert len(deaths) == 6, "three that prove nothing, three of which it ran alone"
    lives.check("after six deaths", poison)


def _changes_of_workers(lives: Lives) -> list[int]:
    """The numbers of those changes that are made within a task."""
    numbers: list[int] = []

    def run(task: Task) -> TaskResult:
        before = len(lives.fate.calls)
        result = run_task(task)
        numbers.extend(range(before, len(lives.fate.calls)))
        return result

    lives.live(run=run)
    return numbers


def _outlived(fate: Fate, task: Task) -> TaskResult:
    """The crash is the worker's alone: the daemon hears of it, and goes on."""
    try:
        return run_task(task)
    except Crash:
        fate.begin(None)
        return Failed(task.job_id, task.attempt, "its worker process died", died=True)


def _deadly(fate: Fate, name: str, deaths: list[Task], task: Task) -> TaskResult:
    """The file of that name ends the daemon itself, as one does that takes all of the memory."""
    if task.name == name:
        deaths.append(task)
        fate.dead = True
        raise Crash(name)
    return run_task(task)
