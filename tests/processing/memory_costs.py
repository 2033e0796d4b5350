"""What code costs in memory, measured in a process of its own: a test's may have needed more before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any


def measured(work: Callable[..., str], cases: Iterable[tuple[Any, ...]]) -> list[tuple[str, int]]:
    """For each case what `work(*case)` says, and by how many KB the process has grown until then."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, work, list(cases)).result()


def _measured(work: Callable[..., str], cases: list[tuple[Any, ...]]) -> list[tuple[str, int]]:
    before = _peak_kb()
    return [(work(*case), _peak_kb() - before) for case in cases]


def _peak_kb() -> int:
    """Not getrusage's: ru_maxrss begins with what the parent had, and hides what is less than that."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
