"""Reading much beside others who work: so many bytes a second, after everybody else, and without filling the memory.

What is read, and why, is for those to say who read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import stat
import time
from collections.abc import Callable, Iterator

_CHUNK = 1 << 20  # bytes
_NICEST = 19
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "i686": 289, "armv7l": 314}  # ioprio_set(2) has no wrapper
_WHO_PROCESS, _IDLE = 1, 3 << 13  # linux/ioprio.h


def step_back() -> None:
    """Let everybody else go first, at the processor and at the disk. A wish: not each scheduler heeds it."""
    with contextlib.suppress(OSError):
        os.nice(_NICEST)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, _WHO_PROCESS, 0, _IDLE)


class Pace:
    """`rate`: bytes a second at most, over the whole time; None is no limit. `done`: the bytes read so far."""

    def __init__(
        self,
        rate: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.done = 0
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._began = clock()

    def read(self, path: str) -> Iterator[bytes]:
        """The content of a regular file, piece by piece. Raises OSError, and IsADirectoryError for all else."""
        # a pipe under the name must not keep us waiting
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise IsADirectoryError(f"{path} is no regular file")
            while piece := os.read(descriptor, _CHUNK):
                self._keep(len(piece))
                yield piece
        finally:
            with contextlib.suppress(OSError):  # else what others read often goes from memory, for what is read once
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    def _keep(self, count: int) -> None:
        self.done += count
        if self._rate:
            ahead = self.done / self._rate - (self._clock() - self._began)
            if ahead > 0:
                self._sleep(ahead)
