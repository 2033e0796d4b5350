"""What a worker's memory does between tasks, on glibc: it stays for the next one, and goes when there is none."""

from __future__ import annotations

import os
import resource
import threading
import time
from pathlib import Path

import pytest

from watcher.executors import heap
from watcher.executors.pool import Pool
from watcher.messages import Failed, Task, TaskResult
from watcher.model import Limits, Rules

BLOCK, BLOCKS = 8 << 20, 10  # together more than a worker has before its first task
RULES = Rules("", "", (), Limits())


def decode(task: Task) -> TaskResult:
    """As a picture does: take large blocks, fill them, let go of them. Says how many pages the kernel had to make."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(b"x" * BLOCK) for _ in range(BLOCKS)]
    del blocks
    return Failed(task.job_id, task.attempt, str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))


def pool_of_one(folder: Path) -> Pool:
    lock = str(folder / "workers.lock")
    return Pool(decode, 1, task_seconds=30, max_memory_bytes=0, recycle_after=0, lock_path=lock)


def pages_of(pool: Pool, job: int) -> int:
    pool.submit(Task(job, 1, "", "", RULES))
    (answer,) = pool.poll(20)
    assert isinstance(answer, Failed)
    return int(answer.reason)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_next_task_finds_the_memory_of_the_last_one(tmp_path: Path) -> None:
    pool = pool_of_one(tmp_path)
    try:
        first = pages_of(pool, 1)
        assert first > BLOCK * BLOCKS // os.sysconf("SC_PAGE_SIZE") // 2
        assert pages_of(pool, 2) < first / 10
    finally:
        pool.close(0)


def test_a_worker_without_a_task_gives_its_memory_back(tmp_path: Path) -> None:
    pool = pool_of_one(tmp_path)
    try:
        (pid,) = pool.pids()
        pages_of(pool, 1)
        end, never = time.monotonic() + 20, threading.Event()
        while resident_bytes(pid) > BLOCK * BLOCKS:
            assert time.monotonic() < end, "it kept its memory"
            never.wait(0.02)
    finally:
        pool.close(0)


def test_another_c_library_is_left_to_its_own_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_libc", object())
    heap.keep_freed()
    heap.give_back()
