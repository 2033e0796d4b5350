"""Files that stay where they are: each is copied into the library's own spool once it has settled, and remembered.

Nothing is ever written, renamed, locked or removed below the inbox; it may be read-only, and other libraries may copy
from it too. What is remembered is the ledger's to keep; when a file has settled, and what becomes of its copy, is
decided elsewhere.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import hashlib
import os
import time
from collections.abc import Callable, Generator
from typing import Protocol

from watcher import beneath
from watcher.errors import ConfigError, UnavailableError
from watcher.filesystem import clone, type_of
from watcher.intake.layout import Layout, make_folder
from watcher.intake.leases import open_for_writing
from watcher.intake.looking import signature
from watcher.intake.settling import Observation
from watcher.intake.spool import FOLDER, MEMBERS
from watcher.model import Stamp, shown

SLICE_SECONDS = 0.1  # of copying and hashing at a stretch: results and stop signals must not wait for 4 GB
_PIECE = 1 << 20  # bytes
_FLUSHED = 8 << 20  # bytes that are written between two flushes: one of all of them would take too long
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NUMBERED_ANEW = ("vfat", "msdos", "exfat", "fuse.")  # types that make up inodes, and forget them


class Instead(enum.Enum):
    """What may come of `Copying.take` in place of a claim."""

    LATER = "it is being copied"
    KNOWN = "it was taken before"


class Memory(Protocol):
    """What was taken of one inbox, by paths below it. Raises UnavailableError where the ledger cannot be read."""

    def open(self) -> int:
        """The inbox's row id. The next `refresh` reads all of it: recovery may come in between."""

    def refresh(self) -> list[str]:
        """Read it again where another program may have changed it: the paths that are not in it any more."""

    def stamp(self, path: str) -> Stamp | None:
        """What the file at `path` was when it was taken last; None: it never was."""

    def digest(self, path: str) -> str | None:
        """SHA-256 of its bytes then, hex, where that is known."""

    def note(self, path: str, stamp: Stamp) -> None:
        """It is taken; the journal writes that down with its job."""

    def renew(self, path: str, stamp: Stamp) -> None:
        """It is the same as before, but for its stamp."""


_Steps = Generator[None, None, "str | Instead"]


class Copying(Layout):
    """Of the inbox at `root`; `private` is the library's folder for its own. Times are of `clock` (monotonic)."""

    def __init__(
        self,
        root: str,
        private: str,
        memory: Memory,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(private, "", "", wall)  # known once it is open
        self.memory = memory
        self._root, self._private, self._clock = root, private, clock
        self._until = 0.0
        self._work: tuple[str, Observation, _Steps] | None = None  # what has been begun
        self._half: tuple[str, str] | None = None  # the token and path of a copy that is not whole
        self._numbers = _keeps_numbers(root)

    def open(self, owner: str) -> None:
        """Make the spool's folders in the library. The library's lock is ours, and no other is needed.

        Raises ConfigError when they cannot be made, or when files of the library at `owner` lie in the inbox's own
        spool, from a time when they were moved out of it.
        """
        if _left_by_moving(self._root, owner):
            raise ConfigError(
                f"The inbox {shown(self._root)} has unfinished files in its {FOLDER}/spool, from when they were moved"
                ' out of it. Run once with take = "move" to have them finished.'
            )
        number = str(self.memory.open())
        spools, lodgings = os.path.join(self._private, "spool"), os.path.join(self._private, MEMBERS)
        self.path, self._lodgings = os.path.join(spools, number), os.path.join(lodgings, number)
        try:
            for folder in (spools, self.path, lodgings, self._lodgings):
                make_folder(folder, 0o700)
        except OSError as error:
            raise ConfigError(f"{shown(folder)} cannot be made: {error.strerror}") from None
        self._numbers = _keeps_numbers(self._root)  # another disk may be mounted by now

    def close(self) -> None:
        """Let go of the file that is copied in part; the half is deleted by the next `take` or the next start."""
        if self._work is not None:
            self._work[2].close()
            self._work = None

    def problem(self) -> str | None:
        """Why the files in the spool cannot be used now: None, for the library's own problems are asked for there."""
        return None

    def is_there(self) -> bool:
        """Whether what was open is there now, whatever is mounted at the inbox's path."""
        return True

    def is_made(self) -> bool:
        """Whether its folders were there once: they lie in the library, whatever becomes of the inbox."""
        return bool(self.path)

    def begin(self) -> None:
        """From now on there is time for a slice of work."""
        self._until = self._clock() + SLICE_SECONDS

    def is_late(self) -> bool:
        """Whether the slice is over."""
        return self._clock() >= self._until

    def knows(self, path: str) -> bool:
        """Whether the file at `path` below the inbox was taken as it is now. Only looks."""
        stamp = self.memory.stamp(path)
        if stamp is None:
            return False
        try:
            found = os.lstat(f"{self._root}/{path}")
        except OSError:
            return False
        # a scan asks this of every file: no Stamp is made of it
        same = found.st_size == stamp.size and found.st_mtime_ns == stamp.mtime_ns
        return same and (found.st_ino == stamp.inode or not self._numbers)

    def stamp(self, seen: Observation) -> Stamp:
        """What is remembered of a file that was seen so."""
        return self._stamp(seen.signature)

    def take(self, path: str, seen: Observation) -> str | Instead:
        """Copy the file that has settled as it was `seen` into a new spool folder; return its token.

        LATER: the slice is over, or the file is changing; ask again once it is looked at again. KNOWN: it was taken
        before, and only its inode or time has changed. Raises OSError: FileNotFoundError when it is gone, or behind a
        link; UnavailableError. Nothing is left behind then.
        """
        if self._work is None or self._work[:2] != (path, seen):
            self._give_up()
            self._work = (path, seen, self._steps(path, seen))
        try:
            while True:
                next(self._work[2])
                if self.is_late():
                    return Instead.LATER
        except StopIteration as end:
            self._work = None
            self._give_up()  # the half of one that changed meanwhile
            taken: str | Instead = end.value
            return taken
        except (OSError, UnavailableError):
            self._give_up()
            raise

    def _stamp(self, found: tuple[int, int, int, int, int]) -> Stamp:
        return Stamp(found[2], found[3], found[1] if self._numbers else 0)

    def _give_up(self) -> None:
        self.close()
        if self._half is not None:
            self.drop(*self._half)
            self._half = None

    def _steps(self, path: str, seen: Observation) -> _Steps:
        """Each step may be the last before the file is looked at again."""
        stamp = self.stamp(seen)
        known = self.memory.stamp(path)
        if known == stamp:
            return Instead.KNOWN
        with _opened(self._root, path) as source:
            if not _is_still(source, seen):
                return Instead.LATER
            if known and known.size == stamp.size and (digest := self.memory.digest(path)):
                found = yield from _hashed(source)
                if not _is_still(source, seen):
                    return Instead.LATER
                if found == digest:
                    self.memory.renew(path, stamp)
                    return Instead.KNOWN
            token = yield from self._copied(source, path)
            if not _is_still(source, seen):
                return Instead.LATER
        self._half = None
        self.memory.note(path, stamp)
        return token

    def _copied(self, source: int, path: str) -> Generator[None, None, str]:
        token = self.token()
        self._half = token, path
        target = self.source(token, path)
        if not os.path.isdir(self.path):
            raise UnavailableError(f"the library's spool {shown(self.path)} is gone: is its disk mounted?")
        os.makedirs(os.path.dirname(target), mode=0o700)
        with open(target, "xb", buffering=0) as file:
            if not clone(source, file.fileno()):
                yield from _written(source, file.fileno())
            _keep_marks(source, file.fileno())
            os.fsync(file.fileno())  # or a power cut could leave us a row, and half of its file
        return token


def _keeps_numbers(root: str) -> bool:
    """Whether files have the same inode each time that they are looked at."""
    return not (type_of(root) or "").startswith(_NUMBERED_ANEW)


@contextlib.contextmanager
def _opened(root: str, path: str) -> Generator[int, None, None]:
    """The file at `path` below `root`, with no link on the way. One behind a link counts as not there."""
    try:
        with beneath.pinned(root, path) as place:
            descriptor = os.open(place, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_still(source: int, seen: Observation) -> bool:
    """Whether nothing has changed since it was seen, and nobody is about to change it."""
    if signature(os.fstat(source)) != seen.signature:
        return False
    return seen.writer is None or not open_for_writing(source)


def _hashed(source: int) -> Generator[None, None, str]:
    found, done = hashlib.sha256(), 0
    while piece := os.pread(source, _PIECE, done):
        found.update(piece)
        done += len(piece)
        yield
    return found.hexdigest()


def _written(source: int, target: int) -> Generator[None, None, None]:
    done = flushed = 0
    while piece := os.pread(source, _PIECE, done):
        done += os.pwrite(target, piece, done)
        if done - flushed >= _FLUSHED:
            os.fsync(target)
            flushed = done
        yield


def _keep_marks(source: int, target: int) -> None:
    """Its times, and what others have noted about it where this file system can hold that."""
    found = os.fstat(source)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    with contextlib.suppress(OSError):
        for name in os.listxattr(source):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))


def _left_by_moving(root: str, owner: str) -> bool:
    private = os.path.join(root, FOLDER)
    try:
        # the folder is anybody's: a pipe of that name would keep us waiting
        with open(os.path.join(private, "owner"), "rb", opener=lambda path, _: os.open(path, _FLAGS)) as file:
            return file.read() == os.fsencode(owner) and bool(os.listdir(os.path.join(private, "spool")))
    except OSError:
        return False
