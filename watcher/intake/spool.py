"""The `.watcher` folder of an inbox: its lock, its owner, and the spool where claimed files lie until commit.

One claim = one folder `.watcher/spool/<token>/`, with the file in it under its whole path below the inbox:
the path itself says all that the journal needs. Which files are claimed, and when, is the inbox's business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Callable

from watcher import beneath
from watcher.errors import ConfigError, LockedError
from watcher.intake.layout import Layout, make_folder
from watcher.model import shown

FOLDER = ".watcher"
ADD = "add"  # where `watcher add` puts it together
READY = "ready"  # what `watcher add` has put together, a folder each
MEMBERS = "members"  # files of archives that need one of their own, by their archive's claim
SURROUNDINGS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}  # no file is to blame for these

_NAME_BYTES = 32


class Spool(Layout):
    """Below `root`; `wall` gives unix seconds, for tokens that sort by time."""

    def __init__(self, root: str, wall: Callable[[], float]) -> None:
        folder = os.path.join(root, FOLDER)
        super().__init__(root, os.path.join(folder, "spool"), os.path.join(folder, MEMBERS), wall)
        self._root = root
        self._folder = folder
        self._lock_path = os.path.join(self._folder, "lock")
        self._lock: int | None = None
        self._name = b""  # what tells this spool from all others, wherever it is mounted

    def open(self, owner: str) -> None:
        """Make the folders, lock the inbox, and write `owner` (the library's path) down as its owner.

        Raises LockedError when a daemon has it or another library's files lie in the spool; ConfigError when
        the folders cannot be made.
        """
        self._real = os.path.realpath(self._root)
        try:
            self._make_folders()
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._own(os.fsencode(owner))
            self._name = self._named()
        except BlockingIOError:
            self.close()
            raise LockedError(
                f"The inbox {shown(self._root)} is already watched by another daemon. Stop that one first."
            ) from None
        except OSError as error:
            self.close()
            raise ConfigError(
                f"The inbox {shown(self._root)} cannot be used: {shown(self._folder)}: {error.strerror}."
                " Give the daemon's user the right to write there."
            ) from error
        except LockedError:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock. Harmless when not open."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def problem(self) -> str | None:
        """Why the files in it cannot be used now and what to do, as a sentence; None when all is well."""
        if os.path.isdir(self.path):
            return None
        return (
            f"The inbox {shown(self._root)} has no .watcher/spool, where its unfinished files lay. Mount the right disk"
            " or put it back; when they are gone for good, make that folder, and they count as failed."
        )

    def is_there(self) -> bool:
        """Whether what was open lies at its path now, mounted anew or copied there."""
        try:
            with open(self._lock_path, "rb") as file:
                return file.read(_NAME_BYTES) == self._name != b""
        except OSError:
            return False

    def _named(self) -> bytes:
        """The content of the lock file, made at the first time: devices and inodes change with each mount."""
        assert self._lock is not None
        if not os.pread(self._lock, _NAME_BYTES, 0):
            os.pwrite(self._lock, secrets.token_hex(_NAME_BYTES // 2).encode(), 0)
        return os.pread(self._lock, _NAME_BYTES, 0)

    def _make_folders(self) -> None:
        if os.path.islink(self._folder):
            raise ConfigError(f"{shown(self._folder)} is a symbolic link. Remove it: the spool must lie in the inbox.")
        for folder, mode in ((self._folder, 0o755), (self.path, 0o700), (os.path.join(self._folder, MEMBERS), 0o700)):
            make_folder(folder, mode)
        for name in (ADD, READY):  # whoever may drop files may add some; he may have made them himself
            with contextlib.suppress(PermissionError):
                make_folder(os.path.join(self._folder, name), os.stat(self._root).st_mode & 0o777)

    def _own(self, owner: bytes) -> None:
        path = os.path.join(self._folder, "owner")
        try:
            with open(path, "rb") as file:
                before = file.read()
        except FileNotFoundError:
            before = owner
        if before != owner and any(below is not None for _, below in self.spooled()):
            raise LockedError(
                f"The inbox {shown(self._root)} belongs to the library {shown(before)}, whose unfinished"
                f" files lie in {shown(self.path)}. Let its own daemon finish them first."
            )
        with open(path + ".new", "wb") as file:  # whole or not at all: half a path would lock everybody out
            file.write(owner)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)

    def take(self, below: str, add: str | None = None) -> str:
        """Rename the inbox's file `below` into a new spool folder; return its token.

        `add`: the file lies in that folder of `ready`, and `below` is its path there. The token ends in it then.

        Raises OSError as rename(2) gives it; then nothing is left behind. A file behind a link counts as
        not there: a folder may have become one since it was scanned, and what lies elsewhere is not ours.
        """
        inside = "" if add is None else os.path.join(FOLDER, READY, add)
        token = self.token() + (f".{add}" if add else "")
        try:
            with (
                beneath.pinned(self._root, os.path.join(inside, below)) as source,
                beneath.pinned(self._root, self.path) as spool,
                beneath.pinned(spool, os.path.join(token, below), make=0o700) as target,
            ):
                os.rename(source, target)
        except NotADirectoryError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), below) from None
        except OSError:
            self.forget(token)
            raise
        return token


def owner(root: str) -> str | None:
    """The library that the inbox at `root` has worked for; None when there was none, or nobody can say."""
    try:
        with open(os.path.join(root, FOLDER, "owner"), "rb") as file:
            return os.fsdecode(file.read())
    except OSError:
        return None


def explained(error: OSError, *, stays: bool = False) -> str:
    """Why a file cannot be taken, and what to do. `stays`: it is only to be read."""
    if error.errno == errno.EXDEV:
        return "it lies on another file system than the inbox"
    if error.errno in (errno.EACCES, errno.EPERM):
        rights = "to read it" if stays else "to read it and to write in its folder"
        return f"{error.strerror}. Give the daemon's user the right {rights}"
    return error.strerror or str(error)
