"""How an inbox comes to know of files: events say where something happened, scans meet what is there.

Both end as candidates. A scan goes on in slices (rounds), events wait until the loop has time for them. Only `notice`
and `rescan` may be called from another thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection

from watcher.ignoring import Ignoring
from watcher.intake.agenda import Place
from watcher.intake.candidates import Candidates
from watcher.intake.rounds import Rounds
from watcher.intake.scanner import Skipped, walk
from watcher.intake.unheard import Unheard

_NOTICES = 4096  # that are looked up at a stretch


class Noticing:
    """In the folder `root`. `wake` as for the inbox.

    `is_known`: whether the file at a path (below `root`) stays there and was taken, as it is now.
    """

    def __init__(
        self,
        root: str,
        ignoring: Ignoring,
        candidates: Candidates,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wake: Callable[[], None] = lambda: None,
        is_known: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self._root, self._ignoring, self._candidates = root, ignoring, candidates
        self._wake, self._is_known = wake, is_known
        self._rounds = Rounds(lambda below: walk(root, ignoring, below), seconds, clock, wall)
        self._unheard = Unheard()
        self._noticed: deque[str] = deque()

    def notice(self, path: str) -> None:
        """Something happened at `path` (absolute): a hint to look there. Safe from any thread."""
        self._noticed.append(path)
        self._wake()

    def rescan(self) -> None:
        """Scan the whole inbox: events were lost. Safe from any thread."""
        self._rounds.ask()
        self._wake()

    def listen(self, seconds: float, *, events: bool) -> None:
        """Scan it every so many seconds from now on; `events`: they tell of all that happens. Else scans are all."""
        self._rounds.every, self._rounds.sparing = seconds, not events
        self._unheard.listen(events)

    def look_into(self, folder: str) -> None:
        """Scan this folder below the inbox."""
        self._rounds.look_into(folder)

    def go_on(self) -> bool:
        """Take in what events told, and the next slice of a scan. Whether a scan of all has just ended."""
        self._take_in_events()
        before = self._rounds.last
        for path in self._rounds.slice():
            if not self._is_known(path) and self._candidates.found(place := Place("", path)):
                self._unheard.met(place)
        if self._rounds.last == before:
            return False
        self._unheard.scanned()
        for place in self._candidates.blocked():  # nothing tells of one that is gone, or lies in the spool
            self._candidates.found(place)
        return True

    def _take_in_events(self) -> None:
        prefix = f"{self._root}/"
        for _ in range(min(len(self._noticed), _NOTICES)):
            path = self._noticed.popleft()
            if path == self._root:
                self._rounds.ask()
            elif path.startswith(prefix) and not self._ignoring.rule(path[len(prefix) :]):
                place = Place("", path[len(prefix) :])
                self._unheard.heard(place)
                if not self._is_known(place.path):
                    self._candidates.hint(place)

    def taken(self, path: str) -> None:
        """The file at `path` (below the inbox) has settled and is ours."""
        self._unheard.taken(Place("", path))

    def next_deadline(self) -> float:
        """When there is something to go on with, on `clock`; in the past: now."""
        return float("-inf") if self._noticed else self._rounds.next_deadline()

    def pending(self) -> bool:
        """Whether more files may be known in a moment."""
        return bool(self._noticed) or self._rounds.pending()

    def is_scanning(self) -> bool:
        return self._rounds.is_running()

    @property
    def skipped(self) -> Collection[Skipped]:
        """What the last scan passed over."""
        return self._rounds.skipped.values()

    @property
    def last_scan(self) -> float | None:
        """When a scan of all of it ended last, in unix seconds."""
        return self._rounds.last

    @property
    def unannounced(self) -> int:
        """How many files were taken that no event told of, although events should have."""
        return self._unheard.count
