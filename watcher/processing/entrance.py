"""What workers do, by a name that costs nothing: the daemon only says it, and needs no decoders for that."""

from __future__ import annotations

from watcher.messages import Task, TaskResult


def run_task(task: Task) -> TaskResult:
    """Carry out one task, by `run`, which the process that workers are forked from has imported."""
    from watcher.processing import run

    return run.run_task(task)
