"""What the pool promises beyond the contract: whatever happens to a process, every task is answered once."""

from __future__ import annotations

import fcntl
import os
import random
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.executor_contract import act, by_job, collect, no_sense, task
from watcher.executors.pool import Pool
from watcher.messages import Failed, Rejected, Task, TaskResult

ROOT = Path(__file__).parents[2]
MakePool = Callable[..., Pool]


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[MakePool]:
    pools = []

    def make(run: Callable[[Task], TaskResult] = act, count: int = 2, **options: Any) -> Pool:
        settings: dict[str, Any] = {
            "task_seconds": 30,
            "max_memory_bytes": 0,
            "recycle_after": 0,
            "lock_path": str(tmp_path / "workers.lock"),
        }
        pools.append(Pool(run, count, **(settings | options)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close(0)


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until `condition` holds."""
    end, never = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        never.wait(0.01)


def lives(pid: int) -> bool:
    """Whether the process exists and is not just a corpse waiting to be read."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def mark(path: Path) -> int | None:
    """The pid that a hanging task left at `path`."""
    return int(path.read_text().split()[0]) if path.exists() and path.stat().st_size else None


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def arrived(pool: Pool) -> int:
    """How many bytes of its only worker the pool has not read yet."""
    (worker,) = pool._workers
    return int.from_bytes(fcntl.ioctl(worker.channel, termios.FIONREAD, bytes(4)), sys.byteorder)


def reason(answer: TaskResult) -> str:
    assert isinstance(answer, Failed | Rejected)
    return answer.reason


def lock_is_free(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("segfault", "", "crashed (SIGSEGV)"),
        ("abort", "", "crashed (SIGABRT)"),
        ("kill", "", "killed by signal 9"),
        ("exit", "7", "exit code 7"),
        ("leave", "3", "exit code 3"),
    ],
)
def test_a_task_that_ends_its_worker_fails_alone(make_pool: MakePool, name: str, source: str, words: str) -> None:
    tasks = [task(n, name, source) if n == 3 else task(n) for n in range(12)]
    answers = by_job(collect(make_pool(), tasks))
    died = answers.pop(3)
    assert isinstance(died, Failed) and died.died and words in died.reason
    assert answers == {n: Rejected(n, 1, "") for n in range(12) if n != 3}


def test_a_task_without_end_is_killed_at_its_deadline_while_its_neighbours_go_on(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(task_seconds=0.7)
    answers = collect(pool, [task(0, "hang", str(tmp_path / "mark"))] + [task(n) for n in range(1, 30)])
    assert by_job(answers).keys() == set(range(30))
    last = Failed(0, 1, "it did not finish within 0.7 s (workers.task_seconds)", died=True)
    assert answers.index(last) >= 28  # at most the one that waited behind it comes later
    pid = mark(tmp_path / "mark")
    assert pid is not None
    eventually(lambda: not lives(pid))


def test_a_stopped_worker_is_killed_at_its_deadline(make_pool: MakePool) -> None:
    answers = by_job(collect(make_pool(task_seconds=0.5), [task(0, "stop"), *[task(n) for n in range(1, 6)]]))
    assert isinstance(answers[0], Failed) and answers[0].died
    assert {type(answers[n]) for n in range(1, 6)} == {Rejected}


def test_a_worker_stopped_before_it_began_is_replaced_and_no_task_is_blamed(make_pool: MakePool) -> None:
    pool = make_pool(count=1, task_seconds=0.5)
    collect(pool, [task(0)])
    os.kill(pool.pids()[0], signal.SIGSTOP)
    answers = by_job(collect(pool, [task(n, "echo", "x" * 78_000) for n in (1, 2)]))  # nor is sending blocked
    assert {type(answer) for answer in answers.values()} == {Rejected}


def test_a_worker_that_no_signal_ends_does_not_keep_its_task_or_the_pool(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(count=1, task_seconds=0.5)
    pids = pool.pids()
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)
    first, second = collect(pool, [task(0, "stop"), task(1)])
    assert (first.job_id, reason(second)) == (0, "")
    pids += pool.pids()
    pool.submit(task(2, "hang", str(tmp_path / "mark")))
    eventually(lambda: pool.poll(0.01) or mark(tmp_path / "mark"))
    pool.close(0)
    assert pool.busy() == 0
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: not any(map(lives, pids)))  # the one that is not stopped sees that it is not needed


def test_a_task_waiting_behind_the_one_that_died_is_not_blamed(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(count=1)
    pool.submit(task(1, "hang", str(tmp_path / "mark")))
    pool.submit(task(2, "pid"))
    eventually(lambda: pool.poll(0.01) or mark(tmp_path / "mark"))
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    answers = by_job(collect(pool, []))
    assert isinstance(answers[1], Failed)
    assert isinstance(answers[2], Rejected) and int(answers[2].reason) != pid


def test_nothing_is_queued_behind_a_task_that_takes_long_while_another_worker_is_free_sooner(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.executors.pool._LONG_SECONDS", 0.0)
    pool = make_pool(count=2)
    pool.submit(task(1, "hang", str(tmp_path / "mark")))
    eventually(lambda: pool.poll(0.01) or mark(tmp_path / "mark"))
    for number in range(2, 8):
        pool.submit(task(number, "pid"))
    answers: list[TaskResult] = []
    eventually(lambda: answers.extend(pool.poll(0.01)) or len(answers) == 6)
    assert {answer.job_id for answer in answers} == set(range(2, 8)), "the long one still runs"


def test_an_answer_given_before_death_and_before_the_deadline_counts(make_pool: MakePool) -> None:
    pool = make_pool(count=1, task_seconds=1)
    pool.submit(task(1, "pid"))
    pool.submit(task(2, "kill"))
    (pid,) = pool.pids()
    eventually(lambda: not lives(pid))  # nobody polls meanwhile
    answers = by_job(collect(pool, []))
    assert reason(answers[1]) == str(pid)
    assert "signal 9" in reason(answers[2])


def test_an_idle_worker_that_is_killed_is_replaced_and_nothing_fails(make_pool: MakePool) -> None:
    pool = make_pool()
    collect(pool, [task(n) for n in range(4)])
    before = pool.pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    answers = by_job(collect(pool, [task(n) for n in range(8)]))
    assert answers == {n: Rejected(n, 1, "") for n in range(8)}
    eventually(lambda: pool.poll(0.01) or len(pool.pids()) == 2)
    assert not set(before) & set(pool.pids())


def test_workers_killed_at_random_lose_and_double_nothing(make_pool: MakePool) -> None:
    pool, chance = make_pool(count=3), random.Random(7)
    answers: list[TaskResult] = []
    rest = [task(n, "big", "20000") for n in range(600)]
    moments = sorted(chance.sample(range(570), 30), reverse=True)
    while rest or pool.busy():
        for _ in range(min(pool.free_slots(), len(rest))):
            pool.submit(rest.pop(0))
        if pool.pids() and moments and len(answers) >= moments[-1]:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pool.pids()), signal.SIGKILL)
                moments.pop()
        answers += pool.poll(5)
    assert moments == []
    assert by_job(answers).keys() == set(range(600))
    assert sum(isinstance(answer, Failed) for answer in answers) <= 30
    assert all(answer.died for answer in answers if isinstance(answer, Failed))


def test_a_dead_forkserver_costs_no_task_and_no_deadline(make_pool: MakePool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pool = make_pool(task_seconds=2)
    pool.submit(task(1, "hang", str(tmp_path / "mark")))
    pool.submit(task(2, "gate", str(gate)))
    eventually(lambda: pool.poll(0.01) or mark(tmp_path / "mark"))
    holder = pool.pids()
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
    with gate.open("w"):
        pass
    answers = by_job(collect(pool, [task(n, "pid") for n in range(3, 9)] + [task(9, "kill"), task(10)]))
    assert int(reason(answers[2])) in holder
    assert "did not finish within 2 s" in reason(answers[1])
    assert isinstance(answers[9], Failed) and answers[9].died
    assert {type(answers[n]) for n in (3, 4, 5, 6, 7, 8, 10)} == {Rejected}


def test_a_worker_leaves_after_its_share_and_answers_all_of_it(make_pool: MakePool) -> None:
    pids = [reason(a) for a in collect(make_pool(count=1, recycle_after=3), [task(n, "pid") for n in range(9)])]
    assert [len(set(pids[n : n + 3])) for n in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


def test_a_worker_that_ran_out_of_memory_is_replaced_and_the_limit_is_its_own(make_pool: MakePool) -> None:
    pool = make_pool(count=1, max_memory_bytes=500_000_000)
    tasks = [task(1, "pid"), task(2, "hoard", "600000000"), task(3, "pid"), task(4, "limits")]
    before, failed, after, limits = (reason(answer) for answer in collect(pool, tasks))
    assert "workers.max_memory" in failed
    assert before != after
    assert limits == "[500000000, 0]"


@pytest.mark.parametrize("name", ["lock", "unreadable"])
def test_a_result_that_cannot_travel_fails_its_task_only(make_pool: MakePool, name: str) -> None:
    pool = make_pool(no_sense, count=1)
    answers = by_job(collect(pool, [task(1, name), task(2, name)]))
    assert [type(answers[n]) for n in (1, 2)] == [Failed, Failed]
    assert "result cannot be" in reason(answers[1])


def test_a_task_that_cannot_travel_fails_alone(make_pool: MakePool) -> None:
    odd: Any = threading.Lock()
    answers = by_job(collect(make_pool(), [task(1, "echo", odd), task(2), task(3, "echo", "x" * 90_000)]))
    assert [type(answers[n]) for n in (1, 2, 3)] == [Failed, Rejected, Failed]
    assert "90" in reason(answers[3])


def test_results_larger_than_a_socket_holds_arrive_whole(make_pool: MakePool) -> None:
    answers = collect(make_pool(), [task(n, "big", "5000000") for n in range(4)])
    assert [len(reason(answer)) for answer in answers] == [5_000_000] * 4


def test_a_worker_stopped_in_the_middle_of_its_answer_blocks_nothing(make_pool: MakePool) -> None:
    pool = make_pool(count=1, task_seconds=1)
    pool.submit(task(1, "big", "50000000"))
    (pid,) = pool.pids()
    eventually(lambda: arrived(pool) > 1000)  # more than the words before it
    os.kill(pid, signal.SIGSTOP)
    answers = collect(pool, [])
    assert isinstance(answers[0], Failed) and "did not finish" in answers[0].reason


def test_poll_returns_when_it_is_woken_and_leaves_the_bytes(make_pool: MakePool) -> None:
    reader, writer = os.pipe()
    pool = make_pool(wake_fd=reader)
    os.write(writer, b"x")
    assert pool.poll(None) == []
    assert select.select([reader], [], [], 0)[0] == [reader]
    os.close(reader)
    os.close(writer)


def test_descriptors_and_processes_do_not_grow_with_replacements(make_pool: MakePool) -> None:
    pool = make_pool(recycle_after=2)
    collect(pool, [task(n, "kill" if n % 4 == 0 else "echo") for n in range(8)])
    before = descriptors()
    old = set(pool.pids())
    collect(pool, [task(n, "kill" if n % 2 == 0 else "echo") for n in range(60)])
    assert descriptors() == before
    assert not old & set(pool.pids())
    eventually(lambda: not any(map(lives, old)))


def test_close_ends_idle_and_busy_workers_and_frees_everything(make_pool: MakePool, tmp_path: Path) -> None:
    make_pool().close(5)  # the forkserver and its descriptors stay
    before = descriptors()
    pool = make_pool(count=3)
    pool.submit(task(1, "hang", str(tmp_path / "mark")))
    eventually(lambda: pool.poll(0.01) or mark(tmp_path / "mark"))
    pids = pool.pids()
    pool.close(5)
    assert (pool.busy(), pool.free_slots(), pool.pids(), descriptors()) == (0, 0, [], before)
    eventually(lambda: not any(map(lives, pids)) and lock_is_free(tmp_path / "workers.lock"))


def test_workers_hold_the_lock_before_they_work(make_pool: MakePool, tmp_path: Path) -> None:
    pool, path = make_pool(count=1), tmp_path / "workers.lock"
    collect(pool, [task(1)])
    assert not lock_is_free(path)


def test_a_worker_waits_for_the_lock_before_its_first_task(make_pool: MakePool, tmp_path: Path) -> None:
    path = tmp_path / "workers.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pool = make_pool(count=1)
        pool.submit(task(1))
        assert pool.poll(0.3) == []
    assert collect(pool, []) == [Rejected(1, 1, "")]


def test_a_worker_imports_neither_the_command_line_nor_settings_nor_the_observer(make_pool: MakePool) -> None:
    loaded = set(reason(collect(make_pool(count=1), [task(1, "modules")])[0]).split())
    assert "watcher.executors.worker" in loaded
    assert not loaded & {
        "click",
        "pydantic",
        "watchdog",
        "sqlite_utils",
        "sqlite3",
        "PIL",
        "watcher.executors.pool",
    }


# A daemon of its own: what signals and sudden death do to a whole group must not reach the tests.
DAEMON = """
import signal, sys
from tests.contracts.executor_contract import act, collect, task
from watcher.executors.pool import Pool, start_forkserver

folder, *names = sys.argv[1:]
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: None)
start_forkserver(["colorsys"])
options = {"max_memory_bytes": 0, "recycle_after": 0, "preload": ["colorsys"]}
pool = Pool(act, 2, task_seconds=60, lock_path=folder + "/workers.lock", **options)
tasks = [task(n, name, f"{folder}/{name}{n}") for n, name in enumerate(names)]
print(*pool.pids(), flush=True)
if not tasks:
    raise SystemExit("no tasks")  # without close()
for answer in collect(pool, tasks):
    print(type(answer).__name__, answer.reason, flush=True)
pool.close(5)
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def start(*names: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", DAEMON, str(tmp_path), *names]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=pipe, stderr=pipe, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _first_line(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(pid) for pid in process.stdout.readline().split()]


def test_signals_to_the_whole_group_blame_no_task(daemon: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    for n in (0, 1):
        os.mkfifo(tmp_path / f"gate{n}")
    process = daemon("gate", "gate")
    workers = _first_line(process)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        os.killpg(process.pid, number)
    for n in (0, 1):
        with (tmp_path / f"gate{n}").open("w"):  # opens when the task has come to its gate
            os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert sorted(out.splitlines()) == sorted(f"Rejected {pid}" for pid in workers)
    assert err == ""


def test_workers_leave_in_the_middle_of_a_task_when_the_daemon_is_killed(
    daemon: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = daemon("hang", "hang")
    workers = _first_line(process)
    eventually(lambda: mark(tmp_path / "hang0") and mark(tmp_path / "hang1"))
    assert not lock_is_free(tmp_path / "workers.lock")
    process.kill()
    eventually(lambda: not any(map(lives, workers)))
    assert lock_is_free(tmp_path / "workers.lock")


def test_what_is_preloaded_is_there_in_every_worker(daemon: Callable[..., subprocess.Popen[str]]) -> None:
    process = daemon("modules", "modules")
    _first_line(process)
    out, _ = process.communicate(timeout=30)
    assert [" colorsys" in line for line in out.splitlines()] == [True, True]


def test_a_daemon_that_ends_without_closing_its_pool_does_not_hang(
    daemon: Callable[..., subprocess.Popen[str]],
) -> None:
    process = daemon()
    workers = _first_line(process)
    assert process.wait(timeout=20) == 1
    eventually(lambda: not any(map(lives, workers)))


def test_a_worker_whose_daemon_died_before_it_had_the_lock_begins_nothing(
    daemon: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with (tmp_path / "workers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = daemon("hang", "hang", "hang")
        workers = _first_line(process)
        process.kill()
        process.wait()
    eventually(lambda: not any(map(lives, workers)))
    assert list(tmp_path.iterdir()) == [tmp_path / "workers.lock"]


WITHOUT_WORKERS = """
import sys, types
from tests.contracts.executor_contract import task
from watcher.errors import FatalError
from watcher.executors import pool

sys.modules["only_here"] = only_here = types.ModuleType("only_here")
exec("def run(task): ...", only_here.__dict__)
pool._PAUSE_SECONDS = 0.001
workers = pool.Pool(
    only_here.run, 1, task_seconds=9, max_memory_bytes=0, recycle_after=0, lock_path=sys.argv[1] + "/lock"
)
workers.submit(task(1))
try:
    while True:
        assert workers.poll(5) == []
except FatalError as error:
    print(error)
"""


def test_workers_that_cannot_come_up_are_not_started_without_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_WORKERS, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert "no worker process comes up" in ended.stdout
    assert "exit code 1" in ended.stdout


HALF_ASKED = """
import socket, sys
from multiprocessing import forkserver
from tests.contracts.executor_contract import act, collect, task
from watcher.executors.pool import Pool
if __name__ == "__main__":
    pool = Pool(act, 1, task_seconds=60, max_memory_bytes=0, recycle_after=0, lock_path=sys.argv[1])
    with socket.socket(socket.AF_UNIX) as asking:  # as a daemon does that is killed before it has said what it wants
        asking.connect(forkserver._forkserver._forkserver_address)
    print([answer.reason for answer in collect(pool, [task(1, "echo", "still here")])])
    pool.close(1)
"""


def test_a_daemon_that_is_killed_while_it_asks_for_a_worker_leaves_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HALF_ASKED, str(tmp_path / "lock")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['still here']\n", "")
