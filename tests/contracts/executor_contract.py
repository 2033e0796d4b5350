"""What every executor promises, and the tasks to try it with.

A test class inherits `ExecutorContract` and has a fixture `executor` that runs `act`, which does what a
task's name says, with its source as the argument. Workers import this module: it imports little.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from watcher.executors.base import Executor
from watcher.messages import Failed, Processed, Rejected, Task, TaskResult
from watcher.model import Facts, Limits, Picture, Rules

RULES = Rules(library="/library", name_template="{stem}", recipes=(), limits=Limits())
AWKWARD = "日本\n\x1b[31m\udcff.jpg"


def task(job_id: int, name: str = "echo", source: str = "", attempt: int = 1) -> Task:
    return Task(job_id=job_id, attempt=attempt, source=source, name=name, rules=RULES)


def act(task: Task) -> TaskResult:
    """Do what the task's name says; what that yields is told as the reason of a Rejected."""
    said = ACTS[task.name](task.source)
    return Rejected(task.job_id, task.attempt, str(said))


def elsewhere(task: Task) -> TaskResult:
    """The other results, as they are."""
    if task.name == "fail":
        return Failed(task.job_id, task.attempt, task.source)
    facts = Facts(title=AWKWARD, everything={"EXIF": {"Make": "x"}})
    return Processed(task.job_id, task.attempt, Picture("d" * 64, task.source, "jpeg", 1, 2, 3, facts, ()))


def no_sense(task: Task) -> TaskResult:
    """Results that do not survive the way to the daemon."""
    reason: Any = threading.Lock() if task.name == "lock" else Unreadable()
    return Rejected(task.job_id, task.attempt, reason)


class Unreadable:
    """Pickles well, and raises when it is read."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return int, ("not a number",)


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def _echo(source: str) -> str:
    return source


def _raise(source: str) -> None:
    raise {"": ValueError("no such thing"), "base": KeyboardInterrupt(), "mute": UnprintableError()}[source]


def _hang(source: str) -> None:
    """Deaf to SIGTERM, and busy; first leave a mark at `source`."""
    _mark(source)
    while True:
        pass


def _mark(source: str) -> None:
    if source:
        with open(source, "a") as marks:
            marks.write(f"{os.getpid()}\n")


def _gate(source: str) -> str:
    """Wait until somebody opens the FIFO for writing and closes it again."""
    with open(source) as gate:
        gate.read()
    return str(os.getpid())


ACTS: dict[str, Callable[[str], object]] = {
    "echo": _echo,
    "raise": _raise,
    "hang": _hang,
    "gate": _gate,
    "pid": lambda source: os.getpid(),
    "big": lambda source: "x" * int(source),
    "segfault": lambda source: ctypes.string_at(0),
    "abort": lambda source: os.kill(os.getpid(), signal.SIGABRT),
    "kill": lambda source: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda source: os.kill(os.getpid(), signal.SIGSTOP),
    "exit": lambda source: os._exit(int(source)),
    "leave": lambda source: sys.exit(int(source)),
    "hoard": lambda source: len(bytearray(int(source))),
    "limits": lambda source: [resource.getrlimit(n)[0] for n in (resource.RLIMIT_AS, resource.RLIMIT_CORE)],
    "modules": lambda source: " ".join(sys.modules),
    "signals": lambda source: [signal.getsignal(n).name for n in (signal.SIGTERM, signal.SIGINT)],  # type: ignore[union-attr]
}


def collect(executor: Executor, tasks: Iterable[Task], seconds: float = 60) -> list[TaskResult]:
    """Submit as there is room, poll until nothing is busy; the answers in the order in which they came."""
    rest, end = list(tasks), time.monotonic() + seconds
    answers: list[TaskResult] = []
    while rest or executor.busy():
        assert time.monotonic() < end, f"{executor.busy()} busy, {len(rest)} left, {len(answers)} answered"
        for _ in range(min(executor.free_slots(), len(rest))):
            executor.submit(rest.pop(0))
        answers += executor.poll(1.0)
    return answers


def by_job(answers: Iterable[TaskResult]) -> dict[int, TaskResult]:
    """Answers by job; asserts that no job has two."""
    listed = list(answers)
    assert [job for job, times in Counter(a.job_id for a in listed).items() if times > 1] == []
    return {answer.job_id: answer for answer in listed}


class ExecutorContract:
    def test_each_task_is_answered_once(self, executor: Executor) -> None:
        answers = by_job(collect(executor, [task(n, "echo", str(n), attempt=n + 1) for n in range(40)]))
        assert answers == {n: Rejected(n, n + 1, str(n)) for n in range(40)}

    def test_a_new_executor_has_room_and_nothing_to_tell(self, executor: Executor) -> None:
        assert executor.busy() == 0
        assert executor.free_slots() >= 1
        assert executor.poll(0) == []

    def test_every_task_takes_a_slot_until_its_answer_is_fetched(self, executor: Executor) -> None:
        room = executor.free_slots()
        for n in range(room):
            executor.submit(task(n))
            assert (executor.busy(), executor.free_slots()) == (n + 1, room - n - 1)
        fetched = 0
        while fetched < room:
            fetched += len(executor.poll(10))
            assert (executor.busy(), executor.free_slots()) == (room - fetched, fetched)

    def test_an_exception_fails_its_task_with_its_type_and_words(self, executor: Executor) -> None:
        sources = ["", "base", "mute"]
        answers = by_job(collect(executor, [task(n, "raise", source) for n, source in enumerate(sources)]))
        assert answers[0] == Failed(0, 1, "ValueError: no such thing")
        assert answers[1] == Failed(1, 1, "KeyboardInterrupt")
        assert isinstance(answers[2], Failed) and "UnprintableError" in answers[2].reason

    def test_a_task_without_memory_fails_and_names_the_setting(self, executor: Executor) -> None:
        first, second = collect(executor, [task(1, "hoard", str(1 << 50))]), collect(executor, [task(2)])
        assert isinstance(first[0], Failed) and "workers.max_memory" in first[0].reason
        assert not first[0].died
        assert second == [Rejected(2, 1, "")]

    def test_names_in_any_bytes_go_there_and_back(self, executor: Executor) -> None:
        assert collect(executor, [task(1, "echo", AWKWARD)]) == [Rejected(1, 1, AWKWARD)]

    def test_after_close_nothing_is_answered(self, executor: Executor) -> None:
        executor.submit(task(1))
        executor.close(0)
        assert executor.poll(0) == []


class PassesThrough:
    """For an `executor` that runs `elsewhere`."""

    def test_results_arrive_as_they_were_given(self, executor: Executor) -> None:
        tasks = [task(1, "process", AWKWARD), task(2, "fail", "try later")]
        assert by_job(collect(executor, tasks)) == {1: elsewhere(tasks[0]), 2: Failed(2, 1, "try later")}
