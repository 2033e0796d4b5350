"""Where tasks run: the seam. Messages, not futures, so that an engine on other machines fits behind it too."""

from __future__ import annotations

from typing import Protocol

from watcher.messages import Task, TaskResult


class Executor(Protocol):
    def free_slots(self) -> int:
        """How many tasks `submit` would take now."""

    def submit(self, task: Task) -> None:
        """Take a task. Never blocks; at most `free_slots()` of them."""

    def poll(self, timeout: float | None) -> list[TaskResult]:
        """Results so far; waits up to `timeout` seconds (None: without end) for the first.

        Also returns, empty-handed, when the wake-up descriptor becomes readable. Each submitted task is answered
        exactly once: the death of its worker and its running out of time arrive as `Failed(died=True)`.
        """

    def busy(self) -> int:
        """How many submitted tasks have no answer yet."""

    def renew(self) -> None:
        """What was mounted since the start is to be reached too, by the tasks that are submitted from now on."""

    def close(self, grace_seconds: float) -> None:
        """Stop. Tasks still unanswered after `grace_seconds` are abandoned: they get no answer."""
