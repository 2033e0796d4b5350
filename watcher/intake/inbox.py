"""One watched folder: notices files, waits until they have settled, claims them by a rename to its spool.

Owned by the daemon's loop; only `notice` and `rescan` may be called from another thread. How a file is
observed is in looking, when it has settled in settling, the spool's layout in spool. What becomes of a claim
is the journal's business.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, islice

from watcher.errors import UnavailableError
from watcher.ignoring import Ignoring
from watcher.intake.agenda import Place
from watcher.intake.candidates import Candidates
from watcher.intake.emptied import Emptied
from watcher.intake.leases import trusted
from watcher.intake.leaving import Leaving
from watcher.intake.looking import Not, look
from watcher.intake.precedence import Precedence
from watcher.intake.ready import Ready
from watcher.intake.scanner import Skipped, scan
from watcher.intake.settling import Observation, Patience
from watcher.intake.spool import SURROUNDINGS, Spool, explained
from watcher.model import Claim, shown

_LOOKS = 512  # a call's looks (some 15 ms): results and stop signals must not wait for 100,000 files
_CHECK_SECONDS = 5.0  # how often a paused inbox is asked whether it is back


class Inbox:
    """`root` is the folder, `name` what people call it. Times are of `clock` (monotonic), `wall` is unix.

    `leaves_other`: what is no picture, video, archive or sidecar is not taken. `wake` is called, from whatever thread,
    when there is something for `claim_settled` to do.
    """

    def __init__(
        self,
        root: str,
        name: str,
        *,
        settle_seconds: float,
        incomplete_seconds: float,
        batch_seconds: float,
        rescan_seconds: float,
        ignore: tuple[str, ...] = (),
        leaves_other: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wake: Callable[[], None],
    ) -> None:
        self.root = os.path.abspath(root)
        self.name = name
        self._rescan_seconds = rescan_seconds
        self._clock, self._wall, self._wake = clock, wall, wake
        self._ignoring = Ignoring(ignore)
        self._spool = Spool(self.root, wall)
        self.ready = Ready(self.root)
        self._emptied = Emptied(self.root, batch_seconds)
        self._candidates = Candidates(Patience(settle_seconds, incomplete_seconds), clock, wall)
        self._leaves_other = leaves_other
        self._leaving = Leaving()
        self._skipped: dict[str, Skipped] = {}
        self._precedence = Precedence(self.root, self._ignoring, self._candidates, clock)
        self._noticed: deque[str] = deque()
        self._scan_due = float("-inf")
        self._paused_at: float | None = None
        self._full = False

    def open(self, owner: str) -> None:
        """Lock the inbox for the library at `owner`.

        Raises ConfigError when the folder is missing or cannot be written, LockedError when it is another
        daemon's or holds another library's files.
        """
        self._spool.open(owner)
        self._candidates.trusted = trusted(self.root)

    @property
    def trusted(self) -> bool:
        """Whether leases tell the truth here. Elsewhere a writer may still have a claimed file open."""
        return self._candidates.trusted

    def close(self) -> None:
        self._spool.close()

    def problem(self) -> str | None:
        """Why the inbox cannot be used now, as a sentence; None when all is well."""
        return self._spool.problem()

    def notice(self, path: str) -> None:
        """Something happened at `path` (absolute): a hint to look there. Safe from any thread."""
        self._noticed.append(path)
        self._wake()

    def rescan(self) -> None:
        """Scan the whole inbox at the next claim: events were lost. Safe from any thread."""
        self._scan_due = float("-inf")
        self._wake()

    def claim_settled(self, room: int) -> list[Claim]:
        """Take at most `room` files that have settled; each lies in the spool when this returns.

        Raises UnavailableError when nothing can be taken for want of space or of a writable disk.
        """
        if not self._usable():
            return []
        self._take_in_notices()
        if self._clock() >= self._scan_due:
            self._scan_all()
        claims: list[Claim] = []
        looks = 0
        while len(claims) < room and looks < _LOOKS and (place := self._candidates.pop()):
            looks += 1
            try:
                claim = self._consider(place)
            except UnavailableError:
                if not claims:
                    raise
                break  # what is already ours must reach the journal; the next call meets the error again
            if claim:
                claims.append(claim)
        self._full = len(claims) >= room
        return claims

    def _usable(self) -> bool:
        if self.problem():
            self._paused_at = self._clock()
            return False
        if self._paused_at is not None:
            self._paused_at = None
            self._scan_due = float("-inf")
        return True

    def _take_in_notices(self) -> None:
        prefix = f"{self.root}/"
        while self._noticed:
            path = self._noticed.popleft()
            if path == self.root:
                self._scan_due = float("-inf")
            elif path.startswith(prefix) and not self._ignoring.rule(path[len(prefix) :]):
                self._candidates.hint(Place("", path[len(prefix) :]))

    def _scan_all(self) -> None:
        self._scan_due = self._clock() + self._rescan_seconds  # first: rescan() may be called while we scan
        self._skipped = {}
        self.ready.refused.clear()
        self._scan("")
        for place in self._leaving:  # nothing tells of one that was deleted
            self._candidates.found(place)

    def _scan(self, below: str) -> None:
        with suppress(OSError):  # the root went away this moment: problem() says so at the next call
            for found in scan(self.root, self._ignoring, below):
                if isinstance(found, Skipped):
                    self._skipped[found.path] = found
                else:
                    self._candidates.found(Place("", found))

    def _consider(self, place: Place) -> Claim | None:
        try:
            seen = self._candidates.settled(place, self._path(place))
            left = self._is_left(place, seen)
        except OSError as error:
            self._refused(place, error, "cannot be read")
            return None
        if isinstance(seen, Observation) and not left and not self._precedence.delays(place):
            return self._claimed(place, seen) if place.token else self._claim(place, seen)
        if isinstance(seen, Not) and place.token:  # it is gone from the spool: nobody waits for its options any more
            self._precedence.settled(place.path)
        if seen is Not.FOLDER and not place.token:
            self._scan(place.path)
        return None

    def _is_left(self, place: Place, seen: Observation | Not | None) -> bool:
        """Whether the file has settled and stays where it is: it is nothing that we take, and such is left here."""
        if not self._leaves_other or place.token or seen is None:
            return False
        if isinstance(seen, Not):
            self._leaving.forget(place)
            return False
        why = self._leaving.why(place, self._path(place), seen)
        if why:
            self._candidates.block(place, why)
        return why is not None

    def claim_added(self, token: str, room: int) -> list[Claim]:
        """Take at most `room` files of what was added as `token`. Raises UnavailableError as `claim_settled` does."""
        return self.ready.claim(token, room, self._spool)

    def comes_from(self, top: str) -> bool:
        """Whether a file below the folder `top`, its name as text, is still waited for."""
        prefix = f"{top}/"
        return any(
            shown(place.path).startswith(prefix) and not self._candidates.is_stuck(place) for place in self._candidates
        )

    def _path(self, place: Place) -> str:
        return self.source(place.token, place.path) if place.token else os.path.join(self.root, place.path)

    def _claim(self, place: Place, seen: Observation) -> Claim | None:
        token = self._take(place)
        if token is None:
            return None
        self._candidates.forget(place)
        self._emptied.note(os.path.dirname(place.path), self._clock())
        spooled = Place(token, place.path)
        if self._is_still(spooled, seen):
            return self._claimed(spooled, seen)
        self.hold(token, place.path)
        return None

    def _claimed(self, place: Place, seen: Observation) -> Claim:
        self._candidates.forget(place)
        self._precedence.settled(place.path)
        return Claim(place.token, self.root, place.path, self._path(place), seen.size)

    def _take(self, place: Place) -> str | None:
        try:
            return self._spool.take(place.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._refused(place, error, "cannot be moved out of its folder")
            return None
        self._candidates.forget(place)
        return None

    def _is_still(self, place: Place, seen: Observation) -> bool:
        # between the look and the rename a writer may have opened it, or another file may have taken its name
        try:
            after = look(self._path(place), ask=self.trusted, known=seen)
        except OSError:
            return False
        return isinstance(after, Observation) and after.same_bytes(seen) and not after.writer

    def _refused(self, place: Place, error: OSError, what: str) -> None:
        if error.errno in SURROUNDINGS:
            self._candidates.put_back(place)
            path = shown(place.path)
            raise UnavailableError(f"The inbox {shown(self.root)}: {path} {what}: {error.strerror}.") from error
        self._candidates.block(place, f"{what}: {explained(error)}")

    def source(self, token: str, path: str) -> str:
        """Where a claimed file lies."""
        return self._spool.source(token, path)

    def spooled(self) -> list[tuple[str, str | None]]:
        """(token, path below the inbox) of the files in the spool, oldest first; None for an empty folder."""
        return list(self._spool.spooled())

    def hold(self, token: str, path: str) -> None:
        """Let a file in the spool settle there by the same rules; `claim_settled` returns it then."""
        self._candidates.hint(Place(token, path))
        self._precedence.held(path)

    def forget(self, token: str) -> None:
        """Remove the spool folder of `token`, as far as it is empty."""
        self._spool.forget(token)

    def member(self, token: str, job: int) -> str:
        """Where the bytes of a member of the archive `token`, the job `job`, may lie by themselves."""
        return os.path.join(self._spool.members(token), str(job))

    def members(self, token: str) -> str:
        """The folder for bytes of members of the archive `token` that lie by themselves."""
        return self._spool.members(token)

    def forget_members(self, known: set[str]) -> None:
        """Remove what lies by itself of archives that are not among these `known` claims."""
        self._spool.forget_members(known)

    def next_deadline(self) -> float | None:
        """When `claim_settled` or `remove_emptied` has something to do, on `clock`; in the past: at once.

        Files that wait only for room have no deadline: there is room again when a result has arrived.
        """
        if self._paused_at is not None:
            return self._paused_at + _CHECK_SECONDS
        files = None if self._full else self._candidates.first()
        return min(due for due in (self._scan_due, self._emptied.next_deadline(), files) if due is not None)

    def waiting(self, limit: int = 100) -> list[tuple[str, str]]:
        """Up to `limit` times (path below the inbox, why): files not yet taken, then what was passed over."""
        files = ((place.path, self._candidates.why(place)) for place in self._candidates)
        passed = ((skipped.path, skipped.why) for skipped in self._skipped.values())
        return list(islice(chain(files, self.ready.refused.items(), passed), limit))

    def waiting_count(self) -> int:
        """How many files are not yet taken."""
        return sum(1 for _ in self._candidates)

    def settled(self) -> bool:
        """Nothing more is to come from what lies here now: the inbox is empty but for `left_behind`."""
        pending = self._noticed or self._clock() >= self._scan_due or self.ready.tokens()
        return not pending and all(map(self._candidates.is_stuck, self._candidates))

    def left_behind(self) -> list[tuple[str, str]]:
        """(path below the inbox, why) of what cannot be taken now: refused, or open and never changing.

        What is no picture and was left on purpose is not among it.
        """
        stuck = (place for place in self._candidates if self._candidates.is_stuck(place))
        files = [(place.path, self._candidates.why(place)) for place in stuck if place not in self._leaving]
        return [*files, *self.ready.refused.items()] + [
            (skipped.path, skipped.why) for skipped in self._skipped.values() if skipped.failed
        ]

    def remove_emptied(self, now: bool = False) -> None:
        """Remove folders that claims emptied, once they are quiet (`now`: without waiting for that)."""
        if self._paused_at is None:
            self._emptied.remove(self._clock(), self._wall(), at_once=now)
