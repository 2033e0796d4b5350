"""The files that are not ours yet: when each is looked at next, what is remembered of it, why it waits and has waited.

Pure bookkeeping but for the look itself. Where candidates come from and how a settled one is taken is the
inbox's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from watcher.intake.agenda import Agenda, Place
from watcher.intake.looking import Not, look
from watcher.intake.settling import Memory, Observation, Patience, Wait, decide, remember
from watcher.model import Seen
from watcher.showing import utc

_NEW = "just noticed"
_TURN = "not its turn yet"
_REST = "other reasons"
_MOST_REASONS = 8  # that are kept of a file: one that waits for days must not outgrow its row
_SET_SECONDS = 1.0  # what the two clocks may drift apart before one of them counts as set
_WORTH_TELLING = 0.05  # seconds: below, nobody would call it waiting

Way = Literal["event", "scan", "add"]
Waited = tuple[tuple[str, float], ...]


@dataclass(slots=True)
class _Record:
    """What is known of a place. `blocked`: only a rescan or an event tries it again.

    `at` (unix seconds) and `by`: how it was noticed first. `since`, `due` (monotonic): when it began to wait as `why`
    says, and when it was to be looked at again.
    """

    at: float
    by: Way
    since: float
    due: float
    memory: Memory | None = None
    seen: Observation | None = None
    why: str = _NEW
    blocked: bool = False
    waited: Waited = ()

    def pass_time(self, now: float) -> None:
        """What has gone by since the last look was waited for the same reason, and behind its time for its turn."""
        until = now if self.blocked else max(self.since, min(now, self.due))
        if self.why != _NEW:
            self.waited = _longer(self.waited, self.why, until - self.since)
        self.waited = _longer(self.waited, _TURN, now - until)
        self.since = now


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
        self._offset, self._set_at = wall() - clock(), float("-inf")
        self._agenda = Agenda()
        self._records: dict[Place, _Record] = {}

    def hint(self, place: Place, by: Way = "event") -> None:
        """Something happened there: look at once."""
        record = self._record(place, by)
        record.due = self._clock()
        self._agenda.put(place, record.due)

    def found(self, place: Place) -> bool:
        """A scan met it: look at once, unless it is waiting for its time already. Whether nothing was known of it."""
        record = self._records.get(place)
        if place not in self._agenda and (record is None or record.blocked):
            self.hint(place, "scan")
        return record is None

    def put_back(self, place: Place, why: str) -> None:
        """Nothing could be done about it now: it comes first again, so that names keep their order."""
        record = self._record(place)
        record.why, record.due = why, float("inf")
        self._agenda.put(place, float("-inf"))

    def moved(self, place: Place, target: Place) -> None:
        """What lay at `place` is about to lie at `target`: when it was first seen and what it waited for stays known.

        It has to settle anew there.
        """
        record = self._records.pop(place, None)
        if record is not None:
            record.memory = record.seen = None
            self._records[target] = record

    def story(self, place: Place) -> Seen | None:
        """How what lies there was noticed and what it has waited for; None when nothing is known of it."""
        record = self._records.get(place)
        if record is None:
            return None
        waited = tuple((why, round(seconds, 1)) for why, seconds in record.waited if seconds >= _WORTH_TELLING)
        return Seen(utc(record.at), record.by, waited)

    def _record(self, place: Place, by: Way = "scan") -> _Record:
        record = self._records.get(place)
        if record is None:
            now = self._clock()
            record = self._records[place] = _Record(self._wall(), by, now, now)
        return record

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
        record = self._record(place)
        seen = look(path, ask=self.trusted, known=record.seen)
        if isinstance(seen, Not):
            self.forget(place)
            return seen
        now = self._clock()
        record.pass_time(now)
        record.memory = remember(record.memory, seen, now, self._age(seen))
        record.seen, record.blocked = seen, False
        decision = decide(record.memory, seen, now, self._patience)
        if isinstance(decision, Wait):
            record.why, record.due = decision.why, decision.until
            self._agenda.put(place, decision.until)
            return None
        return seen

    def _age(self, seen: Observation) -> float:
        """Seconds since its ctime, at most since the clock was set: before that, time went by otherwise."""
        now, wall = self._clock(), self._wall()
        if abs(wall - now - self._offset) > _SET_SECONDS:
            self._offset, self._set_at = wall - now, now
        return max(0.0, min(wall - seen.signature[4] / 1e9, now - self._set_at)) if self.trusted else 0.0

    def block(self, place: Place, why: str) -> None:
        """It cannot be taken now, and time alone will not change that."""
        record = self._record(place)
        record.why, record.blocked = why, True

    def blocked(self) -> list[Place]:
        """What only a rescan or an event tries again."""
        return [place for place, record in self._records.items() if record.blocked]

    def delay(self, place: Place, until: float, why: str) -> None:
        """It may not be taken before another one is: look again then."""
        record = self._record(place)
        record.why, record.due = why, until
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


def _longer(waited: Waited, why: str, seconds: float) -> Waited:
    """With `seconds` more of this reason; beyond _MOST_REASONS of them all others are one."""
    if seconds <= 0:
        return waited
    known = dict(waited)
    if why not in known and len(known) >= _MOST_REASONS:
        why = _REST
    return tuple((known | {why: known.get(why, 0.0) + seconds}).items())
