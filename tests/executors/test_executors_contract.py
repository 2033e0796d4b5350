"""Both executors keep the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.executor_contract import ExecutorContract, PassesThrough, act, elsewhere
from watcher.executors.base import Executor
from watcher.executors.inline import Inline
from watcher.executors.pool import Pool
from watcher.executors.worker import Run


def _pool(run: Run, folder: Path) -> Iterator[Executor]:
    pool = Pool(
        run,
        2,
        task_seconds=30,
        max_memory_bytes=1 << 30,
        recycle_after=1000,
        lock_path=str(folder / "workers.lock"),
    )
    yield pool
    pool.close(0)


class TestInline(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Inline(act)


class TestInlineResults(PassesThrough):
    @pytest.fixture
    def executor(self) -> Executor:
        return Inline(elsewhere)


class TestPool(ExecutorContract):
    @pytest.fixture
    def executor(self, tmp_path: Path) -> Iterator[Executor]:
        yield from _pool(act, tmp_path)


class TestPoolResults(PassesThrough):
    @pytest.fixture
    def executor(self, tmp_path: Path) -> Iterator[Executor]:
        yield from _pool(elsewhere, tmp_path)
