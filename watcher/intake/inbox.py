"""One watched folder: notices files, waits until they have settled, claims them by a rename to its spool, or a copy.

Owned by the daemon's loop; only `notice` and `rescan` may be called from another thread. How a file is
observed is in looking, when it has settled in settling, the spool's layout in spool. What becomes of a claim
is the journal's business.
"""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, islice

from watcher import beneath
from watcher.errors import UnavailableError
from watcher.filesystem import rename_noreplace
from watcher.ignoring import Ignoring
from watcher.intake.agenda import Place
from watcher.intake.candidates import Candidates
from watcher.intake.copying import Copying, Instead
from watcher.intake.emptied import Emptied
from watcher.intake.leases import trusted
from watcher.intake.leaving import Leaving
from watcher.intake.looking import Not, look
from watcher.intake.noticing import Noticing
from watcher.intake.precedence import Precedence
from watcher.intake.presence import MOVING, READING, Presence
from watcher.intake.ready import Ready
from watcher.intake.settling import Observation, Patience
from watcher.intake.spool import SURROUNDINGS, Spool, explained
from watcher.model import Claim, shown

_LOOKS = 512  # a call's looks (some 15 ms): results and stop signals must not wait for 100,000 files
_CHECK_SECONDS = 5.0  # how often a paused inbox is asked whether it is back


class Inbox:
    """`root` is the folder, `name` what people call it. Times are of `clock` (monotonic), `wall` is unix.

    `leaves_other`: what is no picture, video, archive or sidecar is not taken. `wake` is called, from whatever thread,
    when there is something for `claim_settled` to do. `marker` is a path in it, without which it is not mounted.
    `copying`: its files stay where they are, and this takes copies of them.
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
        marker: str = "",
        leaves_other: bool = False,
        copying: Copying | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wake: Callable[[], None],
    ) -> None:
        self.root = os.path.abspath(root)
        self.name = name
        self._clock, self._wall = clock, wall
        self._ignoring = Ignoring((*ignore, glob.escape(marker)))
        self._copying = copying
        self._moving = Spool(self.root, wall)
        self.spool = copying or self._moving
        self.presence = Presence(self.root, self.spool, marker, READING if copying else MOVING)
        self.ready = Ready(os.devnull if copying else self.root)  # what is added is moved: nothing can be added there
        self._emptied = Emptied(self.root, batch_seconds)
        self._candidates = Candidates(Patience(settle_seconds, incomplete_seconds), clock, wall)
        self._leaves_other = leaves_other
        self._leaving = Leaving()
        self.noticing = Noticing(
            self.root,
            self._ignoring,
            self._candidates,
            rescan_seconds,
            clock,
            wall,
            wake,
            self._is_known,
        )
        self._precedence = Precedence(self.root, self._ignoring, self._candidates, clock, self._is_known)
        self._paused_at: float | None = None
        self._full = False

    def open(self, owner: str) -> None:
        """Lock the inbox for the library at `owner`.

        Raises ConfigError when the folder is missing or cannot be written, LockedError when it is another
        daemon's or holds another library's files.
        """
        self.presence.open(owner)
        self._candidates.trusted = trusted(self.root)

    @property
    def trusted(self) -> bool:
        """Whether leases tell the truth here. Elsewhere a writer may still have a claimed file open."""
        return self._candidates.trusted

    @property
    def copies(self) -> bool:
        """Whether its files stay where they are."""
        return self._copying is not None

    @property
    def has_copies(self) -> bool:
        """Whether what was taken can be worked on also while the inbox is away."""
        return self._copying is not None and self._copying.is_made()

    def close(self) -> None:
        """Let go of it. Harmless when not open."""
        self.presence.close()

    def problem(self) -> str | None:
        """Why the inbox cannot be used now and what to do, as a sentence; None when all is well."""
        return self.presence.problem()

    def notice(self, path: str) -> None:
        """Something happened at `path` (absolute): a hint to look there. Safe from any thread."""
        self.noticing.notice(path)

    def rescan(self) -> None:
        """Scan the whole inbox at the next claim: events were lost. Safe from any thread."""
        self.noticing.rescan()

    def claim_settled(self, room: int) -> list[Claim]:
        """Take at most `room` files that have settled; each lies in the spool when this returns.

        Raises UnavailableError when nothing can be taken for want of space or of a writable disk.
        """
        if not self._usable():
            return []
        if self.noticing.go_on():
            self.ready.refused.clear()
        if self._copying:
            self._copying.begin()
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
            if self._copying and self._copying.is_late():
                break
        self._full = len(claims) >= room
        return claims

    def _usable(self) -> bool:
        if self.problem():
            self._paused_at = self._clock()
            return False
        if self._paused_at is not None:
            self._paused_at = None
            self._candidates.trusted = trusted(self.root)  # it may have come back with another file system
            self.noticing.rescan()
        return True

    def _consider(self, place: Place) -> Claim | None:
        try:
            with self._pinned(place) as name:
                seen = self._candidates.settled(place, name)
                left = self._is_left(place, name, seen)
        except (FileNotFoundError, NotADirectoryError):  # with its folder, or that is a link by now
            if place.token and not self._is_gone(place):  # ours, and no journal knows it: it must not be forgotten
                self._candidates.delay(place, self._clock() + _CHECK_SECONDS, "the spool it lies in is not there")
                return None
            seen, left = Not.THERE, False
            self._candidates.forget(place)
            self._leaving.forget(place)
        except OSError as error:
            self._refused(place, error, "cannot be read")
            return None
        if isinstance(seen, Observation) and not left and not self._precedence.delays(place):
            return self._claimed(place, seen) if place.token else self._claim(place, seen)
        if isinstance(seen, Not) and place.token:  # it is gone from the spool: nobody waits for its options any more
            self._precedence.settled(place.path)
            self._give_back(place)
        if isinstance(seen, Not):
            self._precedence.release(place.path)
        if seen is Not.FOLDER and not place.token:
            self.noticing.look_into(place.path)
        return None

    def _is_gone(self, place: Place) -> bool:
        """Whether a file is for certain no longer in the spool."""
        try:
            with beneath.pinned(self.spool.home, self.spool.path) as spool:
                return os.path.isdir(spool) and not os.path.lexists(os.path.join(spool, place.token, place.path))
        except OSError:
            return False

    def _is_left(self, place: Place, name: str, seen: Observation | Not | None) -> bool:
        """Whether the file has settled and stays where it is: it is nothing that we take, and such is left here."""
        if not self._leaves_other or place.token or seen is None:
            return False
        if isinstance(seen, Not):
            self._leaving.forget(place)
            return False
        why = self._leaving.why(place, name, seen)
        if why:
            self._candidates.block(place, why)
        return why is not None

    def claim_added(self, token: str, room: int) -> list[Claim]:
        """Take at most `room` files of what was added as `token`. Raises UnavailableError as `claim_settled` does."""
        return self.ready.claim(token, room, self._moving)

    def comes_from(self, top: str) -> bool:
        """Whether a file below the folder `top`, its name as text, is still waited for."""
        prefix = f"{top}/"
        return self.noticing.is_scanning() or any(
            shown(place.path).startswith(prefix) and not self._candidates.is_stuck(place) for place in self._candidates
        )

    def _path(self, place: Place) -> str:
        return self.spool.source(place.token, place.path) if place.token else os.path.join(self.root, place.path)

    def _pinned(self, place: Place) -> AbstractContextManager[str]:
        """A name for it that leads nowhere else, whatever is put in the place of its folders."""
        return beneath.pinned(self.spool.home if place.token else self.root, self._path(place))

    def _claim(self, place: Place, seen: Observation) -> Claim | None:
        return self._copy(self._copying, place, seen) if self._copying else self._move(place, seen)

    def _move(self, place: Place, seen: Observation) -> Claim | None:
        token = self._take(place)
        if token is None:
            return None
        self._emptied.note(os.path.dirname(place.path), self._clock())
        spooled = Place(token, place.path)
        self._candidates.moved(place, spooled)
        if self._is_still(spooled, seen):
            return self._claimed(spooled, seen)
        self.hold(token, place.path)
        return None

    def _copy(self, copying: Copying, place: Place, seen: Observation) -> Claim | None:
        try:
            taken = copying.take(place.path, seen)
        except FileNotFoundError:
            taken = Instead.KNOWN  # it is gone: nothing is to be done about it either
        except OSError as error:
            self._refused(place, error, "cannot be copied")
            return None
        except UnavailableError as error:
            self._candidates.put_back(place, str(error))
            raise
        if taken is Instead.LATER:
            self._candidates.put_back(place, taken.value)
            return None
        if isinstance(taken, Instead):
            self._candidates.forget(place)
            self._precedence.settled(place.path)
            return None
        spooled = Place(taken, place.path)
        self._candidates.moved(place, spooled)
        return replace(self._claimed(spooled, seen), stamp=copying.stamp(seen))

    def _is_known(self, path: str) -> bool:
        """Whether the file stays here and was taken, as it is now."""
        return self._copying is not None and self._copying.knows(path)

    def recall(self) -> None:
        """Look again at what another program has asked to be taken again. Not while a claim is not in the journal."""
        if self._copying:
            for path in self._copying.memory.refresh():
                self._candidates.found(Place("", path))

    def _claimed(self, place: Place, seen: Observation) -> Claim:
        story = self._candidates.story(place)
        self._candidates.forget(place)
        self.noticing.taken(place.path)
        self._precedence.settled(place.path)
        return Claim(place.token, self.root, place.path, self._path(place), seen.size, story)

    def _take(self, place: Place) -> str | None:
        try:
            return self._moving.take(place.path)
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
            with self._pinned(place) as name:
                after = look(name, ask=self.trusted, known=seen)
        except OSError:
            return False
        return isinstance(after, Observation) and after.same_bytes(seen) and not after.writer

    def _give_back(self, place: Place) -> None:
        """A folder or a link took the file's name behind our look, and our rename took that: it goes back."""
        home = beneath.pinned(self.root, place.path, make=0o777)
        with contextlib.suppress(OSError), self._pinned(place) as name, home as target:
            rename_noreplace(name, target)
        self.spool.forget(place.token)
        self.noticing.notice(os.path.join(self.root, place.path))

    def _refused(self, place: Place, error: OSError, what: str) -> None:
        if error.errno in SURROUNDINGS:
            self._candidates.put_back(place, f"{what}: {error.strerror}")
            path = shown(place.path)
            raise UnavailableError(f"The inbox {shown(self.root)}: {path} {what}: {error.strerror}.") from error
        self._candidates.block(place, f"{what}: {explained(error, stays=self.copies)}")

    def hold(self, token: str, path: str) -> None:
        """Let a file in the spool settle there by the same rules; `claim_settled` returns it then."""
        self._candidates.hint(Place(token, path), "add" if "." in token else "scan")
        self._precedence.held(path)

    def next_deadline(self) -> float | None:
        """When `claim_settled` or `remove_emptied` has something to do, on `clock`; in the past: at once.

        Files that wait only for room have no deadline: there is room again when a result has arrived.
        """
        if self._paused_at is not None:
            return self._paused_at + _CHECK_SECONDS
        files = None if self._full else self._candidates.first()
        times = (self.noticing.next_deadline(), self._emptied.next_deadline(), files)
        return min(due for due in times if due is not None)

    def waiting(self, limit: int = 100) -> list[tuple[str, str]]:
        """Up to `limit` times (path below the inbox, why): files not yet taken, then what was passed over."""
        files = ((place.path, self._candidates.why(place)) for place in self._candidates)
        passed = ((skipped.path, skipped.why) for skipped in self.noticing.skipped)
        return list(islice(chain(files, self.ready.refused.items(), passed), limit))

    def waiting_count(self) -> int:
        """How many files are not yet taken."""
        return sum(1 for _ in self._candidates)

    def settled(self) -> bool:
        """Nothing more is to come from what lies here now: the inbox is empty but for `left_behind`."""
        pending = self.noticing.pending() or self.ready.tokens()
        return not pending and all(map(self._candidates.is_stuck, self._candidates))

    def left_behind(self) -> list[tuple[str, str]]:
        """(path below the inbox, why) of what cannot be taken now: refused, or open and never changing.

        What is no picture and was left on purpose is not among it.
        """
        stuck = (place for place in self._candidates if self._candidates.is_stuck(place))
        files = [(place.path, self._candidates.why(place)) for place in stuck if place not in self._leaving]
        return [*files, *self.ready.refused.items()] + [
            (skipped.path, skipped.why) for skipped in self.noticing.skipped if skipped.failed
        ]

    def remove_emptied(self, now: bool = False) -> None:
        """Remove folders that claims emptied, once they are quiet (`now`: without waiting for that)."""
        if self._paused_at is None:
            self._emptied.remove(self._clock(), self._wall(), at_once=now)
