"""The real daemon, killed at random moments while files keep coming; poison, stops and a second daemon.

TEST_KILLS says how often the daemon is killed. It is no setting: the daemons do not get to see it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN, Notebook, Site, picture, zipped
from watcher.daemon import Daemon
from watcher.executors.pool import Pool
from watcher.messages import Task, TaskResult
from watcher.processing.run import run_task

Process = warm.Process | subprocess.Popen[bytes]
KILLS = int(os.environ.get("TEST_KILLS", "30"))
PATIENCE_SECONDS = 60.0  # for what must come, on however slow a machine
CONFIG = """
[library]
path = "library"
[[inbox]]
path = "inbox"
recipes = ["thumb"]
[intake]
settle_seconds = 0.05
incomplete_seconds = 0.1
batch_seconds = 0.1
max_claims = 16
[workers]
count = 2
stop_seconds = {stop_seconds}
[retry]
first_seconds = 0
[log]
format = "json"
"""


class House(Site):
    """A site with a configuration, and real daemons one after the other."""

    def settle(self, stop_seconds: float = 20.0) -> House:
        Path(self.inbox).mkdir(parents=True)
        Path(self.root, "watcher.toml").write_text(CONFIG.format(stop_seconds=stop_seconds))
        return self

    @contextlib.contextmanager
    def daemon(self, *options: str) -> Iterator[Process]:
        """A daemon in a session of its own, whose whole group is killed in the end."""
        words = ["run", "--config", "watcher.toml", *options]
        with open(os.devnull) as nothing, open(self.root / "log", "ab") as log:
            streams = [nothing.fileno(), 1, log.fileno()]
            process = warm.start(words, _environment(), self.root, streams, session=True)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def work_off(self) -> int:
        """The exit code of a run to the end of the work."""
        with self.daemon("--once") as process:
            return process.wait(PATIENCE_SECONDS)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What all daemons so far have logged under that name."""
        lines = (self.root / "log").read_text(errors="replace").splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in said if event["event"] == name]

    def until_ready(self, process: Process, before: int = 0) -> None:
        """Wait for the `ready` that follows `before` others, or for the daemon's end."""
        until(lambda: len(self.events("ready")) > before or process.poll() is not None)

    def rows(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.library}/.watcher/watcher.db?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def check(self, *drops: Drop, raced: bool = False) -> None:
        told = {int(event["job_id"]) for state in ("done", "duplicate", "failed") for event in self.events(state)}
        wrong = violations(self.library, self.inbox, drops, told, raced=raced)
        assert not wrong, "\n".join([*wrong, (self.root / "log").read_text(errors="replace")[-3000:]])
        assert "Traceback" not in (self.root / "log").read_text(errors="replace")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).settle()


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("WATCHER_")}
    return own | {"PYTHONPATH": str(Path(__file__).parents[1])}


def until(condition: Callable[[], object]) -> None:
    end, never = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        never.wait(0.005)


def workers(daemon: int) -> list[int]:
    """The worker processes of a daemon: its grandchildren, by way of the process that they are forked from."""
    return [worker for child in _children(daemon) for worker in _children(child)]


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# -- kills -------------------------------------------------------------------------------------------------------------


def test_daemons_killed_at_random_moments_lose_no_file_and_blame_none(house: House) -> None:
    chance = random.Random(11)
    drops = _files(200)
    archive = zipped("pictures.zip", *(Drop(f"in/{n}.png", picture(1000 + n)) for n in range(50)))
    for kill in range(KILLS):
        batch = drops[kill * len(drops) // KILLS : (kill + 1) * len(drops) // KILLS]
        _one_life(house, [*batch, archive] if kill == KILLS // 6 else batch, chance)
    house.work_off()
    house.check(*drops, archive, raced=True)


def _files(count: int) -> list[Drop]:
    """Of every twenty one is broken and one equals another; some in folders."""
    return [
        Drop(f"{n}.png", BROKEN + bytes([n]), broken=True)
        if n % 20 == 7
        else Drop(f"folder {n % 4}/below/{n}.png" if n % 3 else f"{n}.png", picture(n - 5 if n % 20 == 13 else n))
        for n in range(count)
    ]


def _one_life(house: House, batch: list[Drop], chance: random.Random) -> None:
    """Files arrive before the daemon is ready, or when it is; soon after it dies, or a worker does and then all."""
    readies = len(house.events("ready")) if (house.root / "log").exists() else 0
    half = len(batch) // 2
    house.drop(*batch[:half])
    with house.daemon() as process:
        if chance.random() < 0.7:
            house.until_ready(process, readies)
        house.drop(*batch[half:])
        if chance.random() < 0.3:
            _ends_within(process, chance.uniform(0.0, 0.1))
            signal_all(chance.sample(workers(process.pid), k=min(1, len(workers(process.pid)))), signal.SIGKILL)
        _ends_within(process, chance.uniform(0.0, 0.3))
        if chance.random() < 0.7:  # the daemon alone: its workers find out by themselves
            process.kill()
            process.wait()
            until(lambda: not _session(process.pid))
        # else all of its group at once


def _ends_within(process: Process, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        raise AssertionError(f"the daemon ended by itself with {process.returncode}")


def _session(session: int) -> list[int]:
    """The living processes of a daemon's session, also those that outlive it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, its = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its) == session and state != "Z":
                found.append(int(folder.name))
    return found


# -- a file that kills its worker, or never ends -----------------------------------------------------------------------


def run_or_die(task: Task) -> TaskResult:
    """What a worker does here: some names are poison."""
    if task.name == "deadly.png":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name == "endless.png":
        threading.Event().wait()
    return run_task(task)


@pytest.mark.parametrize(
    ("name", "why"),
    [("deadly.png", "its worker process was killed by signal 9"), ("endless.png", "it did not finish within 1 s")],
)
def test_what_takes_its_worker_along_ends_in_failed_after_three_tries_and_all_else_goes_through(
    tmp_path: Path, name: str, why: str
) -> None:
    site, notebook = Site(tmp_path), Notebook()
    poison = Drop(name, picture(1), broken=True)
    others = [Drop(f"{n}.png", picture(n)) for n in range(2, 12)]
    site.drop(poison, *others)
    with ExitStack() as stack:
        daemon = site.opened(stack, notebook, time.monotonic)
        lock = os.path.join(site.library, ".watcher", "workers.lock")
        seconds = 1.0 if name == "endless.png" else PATIENCE_SECONDS
        wake = daemon.wake.fileno()
        daemon.executor = Pool(
            run_or_die, 2, task_seconds=seconds, max_memory_bytes=0, recycle_after=0, lock_path=lock, wake_fd=wake
        )
        until(functools.partial(_worked_off, daemon))
        daemon.stop(0.0)
    assert violations(site.library, site.inbox, [poison, *others], notebook.told) == []
    note = Path(site.inbox, "failed", name + ".error.txt").read_text()
    assert why in note
    assert "(tried 3 times)" in note


def _worked_off(daemon: Daemon) -> bool:
    daemon.step(time.monotonic() + 0.02)
    return daemon.is_idle()


# -- stops -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stuck_at_work(house: House) -> Iterator[tuple[Process, list[Drop]]]:
    """A daemon with files in work that do not end, because its workers are stopped; and what was dropped."""
    drops = [Drop(f"{n}.png", picture(n)) for n in range(40)]
    with house.daemon() as process:
        house.until_ready(process)
        until(lambda: len(workers(process.pid)) == 2)
        house.drop(*drops[:20])
        signal_all(workers(process.pid), signal.SIGSTOP)
        house.drop(*drops[20:])
        until(lambda: house.rows("select 1 from jobs where state = 'running'"))
        yield process, drops


@pytest.mark.parametrize("to", [os.kill, os.killpg])
def test_a_stop_lets_what_runs_finish_and_leaves_the_rest_for_the_next_run(
    house: House, to: Callable[[int, int], None]
) -> None:
    with stuck_at_work(house) as (process, drops):
        to(process.pid, signal.SIGTERM)
        until(lambda: house.events("stopping"))
        signal_all(workers(process.pid), signal.SIGCONT)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert house.rows("select name from jobs where state in ('running', 'failed') or attempt > 1") == []
    assert house.work_off() == 0
    house.check(*drops)


def test_a_stop_abandons_what_does_not_finish_in_time_and_blames_nobody(tmp_path: Path) -> None:
    house = House(tmp_path).settle(stop_seconds=0.1)
    with stuck_at_work(house) as (process, drops):
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert house.rows("select name from jobs where state = 'queued' and attempt > 0") != []
    assert house.rows("select name from jobs where state = 'queued' and attempt > excused") == []
    assert house.work_off() == 0
    house.check(*drops)


def test_a_second_signal_ends_the_daemon_at_once_and_loses_nothing(house: House) -> None:
    with stuck_at_work(house) as (process, drops):
        process.terminate()
        until(lambda: house.events("stopping"))
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 130
    assert house.work_off() == 0
    house.check(*drops)


def test_a_second_daemon_on_one_library_says_so_and_ends_with_2(house: House) -> None:
    with house.daemon() as first:
        house.until_ready(first)
        with house.daemon() as second:
            assert second.wait(PATIENCE_SECONDS) == 2
        assert first.poll() is None
    said = (house.root / "log").read_text()
    assert f"is in use by another watcher run (process {first.pid})" in said
    assert "Traceback" not in said
