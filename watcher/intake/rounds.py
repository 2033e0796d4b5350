"""The scans of one inbox: when the next one is due, how far the one that runs has come, what it passed over.

A scan goes in slices, between which results, signals and systemd are served. How a folder is walked is the scanner's
business, what becomes of a file that it met the inbox's. The loop owns this; only `ask` may be called by others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from watcher.intake.scanner import Skipped

SHARE = 0.05  # of the time, that scans may take: a large inbox on a slow network is scanned less often
_SLICE_SECONDS = 0.01  # and as much again and more for what becomes of the files
_LEAST_STEPS = 64  # of a slice, however slow: it must come to its end on a busy machine too

Walk = Callable[[str], Iterator[str | Skipped | None]]


class Rounds:
    """`walk` goes through a folder ("" is the whole inbox); `every`: seconds from one scan to the next.

    `sparing`: more of them when scans would take more than SHARE of the time.
    `skipped`: what the last scan passed over, by its path. `last`: when it ended, in unix seconds (`wall`).
    """

    def __init__(
        self,
        walk: Walk,
        every: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.every, self.sparing = every, False
        self.skipped: dict[str, Skipped] = {}
        self.last: float | None = None
        self._walk, self._clock, self._wall = walk, clock, wall
        self._asked = True
        self._ended = float("-inf")
        self._cost = 0.0  # seconds that the scan took, without what was done between its slices
        self._folders: deque[str] = deque()
        self._run: Iterator[str | None] | None = None

    def ask(self) -> None:
        """Scan all of it, as soon as may be; once more, when a scan runs. Safe from any thread."""
        self._asked = True

    def look_into(self, folder: str) -> None:
        """Scan this folder below the inbox."""
        if folder not in self._folders:
            self._folders.append(folder)

    def next_deadline(self) -> float:
        """When there is something to scan, on `clock`; in the past: now."""
        return float("-inf") if self.is_running() else self._whole_due()

    def is_running(self) -> bool:
        """Whether something has been scanned in part."""
        return bool(self._folders or self._run)

    def pending(self) -> bool:
        """Whether something is to be scanned now, or has been in part."""
        return self._clock() >= self.next_deadline()

    def slice(self) -> list[str]:
        """The files that the next slice of what is to be scanned meets, as paths below the inbox."""
        files: list[str] = []
        began = self._clock()
        if began < self.next_deadline():
            return files
        if self._run is None:
            self._run = self._scan()
        for step, path in enumerate(self._run, 1):
            if path is not None:
                files.append(path)
            if step >= _LEAST_STEPS and self._clock() - began >= _SLICE_SECONDS:
                break
        else:
            self._run = None
        self._cost += self._clock() - began
        return files

    def _whole_due(self) -> float:
        least = self._cost / SHARE if self.sparing else 0.0
        return float("-inf") if self._asked else self._ended + max(self.every, least)

    def _scan(self) -> Iterator[str | None]:
        while self._folders:
            yield from self._passing(self._folders.popleft(), self.skipped)
        if self._clock() >= self._whole_due():
            self._asked, self._cost = False, 0.0  # first: what is asked from now on is asked of the next scan
            skipped: dict[str, Skipped] = {}
            yield from self._passing("", skipped)
            self.skipped, self.last, self._ended = skipped, self._wall(), self._clock()

    def _passing(self, folder: str, skipped: dict[str, Skipped]) -> Iterator[str | None]:
        with suppress(OSError):  # the root went away this moment: the inbox says so at the next call
            for found in self._walk(folder):
                if isinstance(found, Skipped):
                    skipped[found.path] = found
                yield found if isinstance(found, str) else None
