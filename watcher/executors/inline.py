"""Tasks run here and now, in this process: for tests and for stepping through a run with a debugger.

No deadline, no memory limit, no protection from a crash: those are the pool's.
"""

from __future__ import annotations

from collections import deque

from watcher.executors.worker import Run, answer
from watcher.messages import Task, TaskResult


class Inline:
    """An Executor with one slot. `run` is called by `poll`, so that `submit` never blocks."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tasks: deque[Task] = deque()

    def free_slots(self) -> int:
        return 1 - len(self._tasks)

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def poll(self, timeout: float | None) -> list[TaskResult]:
        """The result of the task at hand; nothing at once without one, since waiting would bring none."""
        if not self._tasks:
            return []
        result, _ = answer(self._run, self._tasks.popleft())
        return [result]

    def busy(self) -> int:
        return len(self._tasks)

    def renew(self) -> None:
        """This process reaches what there is."""

    def close(self, grace_seconds: float) -> None:
        self._tasks.clear()
