"""The files that are not ours yet: when each is looked at next, what is remembered of it, why it waits.

Pure bookkeeping but for the look itself. Where candidates come from and how a settled one is taken is the
inbox's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from watcher.intake.agenda import Agenda, Place
from watcher.intake.looking import Not, look
from watcher.intake.settling import Memory, Observation, Patience, Wait, decide, remember

_NEW = "just noticed"


@dataclass(slots=True)
class _Record:
    """What is known of a place that was looked at. `blocked`: only a rescan or an event tries it again."""

    memory: Memory | None = None
    seen: Observation | None = None
    why: str = _NEW
    blocked: bool = False


class Candidates:
    """Times are of `clock` (monotonic); `wall` is unix time, to compare with ctime.

    `trusted`: leases tell the truth here, and the file system's clock is ours.
    """

    def __init__(
        self,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.trusted = False
        self._patience = patience
        self._clock, self._wall = clock, wall
        self._agenda = Agenda()
        self._records: dict[Place, _Record] = {}

    def hint(self, place: Place) -> None:
        """Something happened there: look at once."""
        self._agenda.put(place, self._clock())

    def found(self, place: Place) -> None:
        """A scan met it: look at once, unless it is waiting for its time already."""
        record = self._records.get(place)
        if place not in self._agenda and (record is None or record.blocked):
            self._agenda.put(place, self._clock())

    def put_back(self, place: Place) -> None:
        """Nothing could be done about it now: it comes first again, so that names keep their order."""
        self._agenda.put(place, float("-inf"))

    def pop(self) -> Place | None:
        """A place that is due now, or None. It is off the agenda until something puts it back."""
        return self._agenda.pop(self._clock())

    def first(self) -> float | None:
        """When the next place is due."""
        return self._agenda.first()

    def settled(self, place: Place, path: str) -> Observation | Not | None:
        """Look at `path`: the observation when it has settled, None when it waits on, Not when it is no file.

        Raises OSError when it cannot be read.
        """
        record = self._records.setdefault(place, _Record())
        seen = look(path, ask=self.trusted, known=record.seen)
        if isinstance(seen, Not):
            self.forget(place)
            return seen
        now = self._clock()
        record.memory = remember(record.memory, seen, now, self._age(seen))
        record.seen, record.blocked = seen, False
        decision = decide(record.memory, seen, now, self._patience)
        if isinstance(decision, Wait):
            record.why = decision.why
            self._agenda.put(place, decision.until)
            return None
        return seen

    def _age(self, seen: Observation) -> float:
        return max(0.0, self._wall() - seen.signature[4] / 1e9) if self.trusted else 0.0

    def block(self, place: Place, why: str) -> None:
        """It cannot be taken now, and time alone will not change that."""
        record = self._records.setdefault(place, _Record())
        record.why, record.blocked = why, True

    def delay(self, place: Place, until: float, why: str) -> None:
        """It may not be taken before another one is: look again then."""
        self._records.setdefault(place, _Record()).why = why
        self._agenda.put(place, until)

    def forget(self, place: Place) -> None:
        self._records.pop(place, None)

    def __iter__(self) -> Iterator[Place]:
        yield from self._agenda
        yield from (place for place in self._records if place not in self._agenda)

    def why(self, place: Place) -> str:
        return self._records[place].why if place in self._records else _NEW

    def is_stuck(self, place: Place) -> bool:
        """Blocked, or still open for writing although nothing has changed it for `incomplete_seconds`."""
        record = self._records.get(place)
        if record is None or record.blocked:
            return record is not None
        if record.memory is None or record.seen is None or not record.seen.writer:
            return False
        return self._clock() - record.memory.still_since() >= self._patience.incomplete_seconds
