"""Which place is to be looked at when. Pure; a heap, so that 100,000 waiting files cost nothing until due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple


class Place(NamedTuple):
    """Where a file lies: `path` below the inbox while `token` is "", else below that folder of the spool."""

    token: str
    path: str


class Agenda:
    """Places and their due times (monotonic seconds). A place stands here once; putting it again moves it."""

    def __init__(self) -> None:
        self._due: dict[Place, float] = {}
        self._heap: list[tuple[float, Place]] = []  # may hold times that no longer count: _due decides

    def put(self, place: Place, due: float) -> None:
        self._due[place] = due
        heapq.heappush(self._heap, (due, place))

    def pop(self, now: float) -> Place | None:
        """The place that is due first, in order of names where times are equal. None when nothing is due."""
        first = self.first()
        if first is None or first > now:
            return None
        _, place = heapq.heappop(self._heap)
        del self._due[place]
        return place

    def first(self) -> float | None:
        """When the next place is due."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def __contains__(self, place: Place) -> bool:
        return place in self._due

    def __iter__(self) -> Iterator[Place]:
        return iter(self._due)

    def __len__(self) -> int:
        return len(self._due)
