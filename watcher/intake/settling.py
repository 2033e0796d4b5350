"""When a file may be taken. Pure: what was observed and what is remembered come in, a decision goes out.

Quiet runs on the monotonic clock from the last change that we saw. How a file is observed is looking's
business, what is done with the decision the inbox's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from watcher.intake.endings import Ending

Signature = tuple[int, int, int, int, int]  # st_dev, st_ino, st_size, st_mtime_ns, st_ctime_ns

LOOK_AGAIN_SECONDS = 1.0  # closing a hard link outside the inbox makes no event here, so an open file is asked again

# Who copies a file sets its mode and times after closing it, by its name (Python's shutil.copy, cp across some file
# systems); a file gone by then is an error to them. So "at once" leaves them this long from the last change.
COPIER_SECONDS = 0.2

OPEN = "still open for writing"
CHANGING = "changed while it was looked at"
CUT_OFF = "its end is missing: waiting for the rest"
QUIET = "waiting until nothing has changed for a while"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a file. `steady`: the same before and after the look. `writer` None: it cannot be asked."""

    signature: Signature
    ending: Ending
    writer: bool | None
    steady: bool = True

    @property
    def size(self) -> int:
        return self.signature[2]

    def same_bytes(self, other: Observation) -> bool:
        """Same inode, size and mtime. Not ctime: our own rename sets it."""
        return self.signature[:4] == other.signature[:4]


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of a file between two looks; times in seconds of the monotonic clock."""

    signature: Signature
    first_seen: float
    changed: float

    def still_since(self) -> float:
        """Since when we have watched it not change."""
        return max(self.first_seen, self.changed)


@dataclass(frozen=True, slots=True)
class Patience:
    settle_seconds: float
    incomplete_seconds: float


@dataclass(frozen=True, slots=True)
class Take:
    """It has settled."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: look again at `until` (monotonic seconds)."""

    until: float
    why: str


def remember(memory: Memory | None, seen: Observation, now: float, age: float) -> Memory:
    """Bring memory up to date. `age`: seconds since the file's ctime, 0 where the two clocks may disagree.

    ctime back-dates the change: `cp -p` sets mtime back, nothing sets ctime back.
    """
    if memory is None:
        return Memory(seen.signature, now, now - age)
    if memory.signature == seen.signature and seen.steady:
        return memory
    return replace(memory, signature=seen.signature, changed=now - age)


def decide(memory: Memory, seen: Observation, now: float, patience: Patience) -> Take | Wait:
    """Take it or wait. One that stays cut off is taken in the end: the worker judges it."""
    if seen.writer:
        return Wait(now + LOOK_AGAIN_SECONDS, OPEN)
    cut = seen.ending is Ending.CUT
    quiet = patience.incomplete_seconds if cut else patience.settle_seconds
    if not seen.steady:
        return Wait(now + max(quiet, LOOK_AGAIN_SECONDS), CHANGING)
    if seen.writer is False and seen.ending is Ending.COMPLETE:
        quiet = min(COPIER_SECONDS, quiet)
    until = memory.changed + quiet
    return Take() if now >= until else Wait(until, CUT_OFF if cut else QUIET)
