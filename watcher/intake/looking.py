"""One look at one path: what stands there, whether somebody writes it, whether its end is there.

Changes nothing. What follows from a look is settling's to say.
"""

from __future__ import annotations

import enum
import errno
import os
import stat

from watcher.intake.endings import Ending, ending
from watcher.intake.leases import open_for_writing
from watcher.intake.settling import Observation, Signature


class Not(enum.Enum):
    """What a path turned out to be, when it is no regular file."""

    THERE = "not there"
    A_FILE = "a link, a pipe, a socket or a device"
    FOLDER = "a folder"


def look(path: str, *, ask: bool, known: Observation | None = None) -> Observation | Not:
    """Observe the file at `path`; `ask` for its writers only where leases can be trusted.

    `known` is the look before: the same bytes are not read for their end again. Raises OSError when the file
    cannot be read.
    """
    try:
        before = os.lstat(path)
        if stat.S_ISDIR(before.st_mode):
            return Not.FOLDER
        if not stat.S_ISREG(before.st_mode):  # opening a pipe would wait for its writer
            return Not.A_FILE
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return Not.THERE
    except BlockingIOError:  # somebody holds a write lease on it, as Samba does for its clients
        return Observation(signature(before), Ending.NONE, writer=True)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link or a pipe has taken its place since
            return Not.A_FILE
        raise
    try:
        return _observe(fd, signature(before), ask, known)
    finally:
        os.close(fd)


def _observe(fd: int, before: Signature, ask: bool, known: Observation | None) -> Observation:
    writer = open_for_writing(fd) if ask else None
    end = Ending.NONE
    if not writer:
        unchanged = known is not None and not known.writer and known.signature[:4] == before[:4]
        end = known.ending if known and unchanged else ending(fd, before[2])
    after = signature(os.fstat(fd))
    return Observation(after, end, writer, steady=before == after)


def signature(found: os.stat_result) -> Signature:
    """What tells this state of a file from another."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
