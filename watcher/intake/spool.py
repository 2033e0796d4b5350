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
import shutil
from collections.abc import Callable, Iterator

from watcher.errors import ConfigError, LockedError
from watcher.model import shown

FOLDER = ".watcher"
READY = "ready"  # what `watcher add` has put together, a folder each
MEMBERS = "members"  # files of archives that need one of their own, by their archive's claim
SURROUNDINGS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}  # no file is to blame for these


class Spool:
    """Below `root`; `wall` gives unix seconds, for tokens that sort by time."""

    def __init__(self, root: str, wall: Callable[[], float]) -> None:
        self._root = root
        self._real = os.path.realpath(root)
        self._wall = wall
        self._folder = os.path.join(root, FOLDER)
        self.path = os.path.join(self._folder, "spool")
        self._lock: int | None = None
        self._last = 0
        self._identity = (0, 0)

    def open(self, owner: str) -> None:
        """Make the folders, lock the inbox, and write `owner` (the library's path) down as its owner.

        Raises LockedError when a daemon has it or another library's files lie in the spool; ConfigError when
        the folders cannot be made.
        """
        self._check_root()
        try:
            self._make_folders()
            self._lock = os.open(os.path.join(self._folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._own(os.fsencode(owner))
            self._identity = self._identify()
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
        """Why the inbox cannot be used now, as a sentence; None when all is well."""
        where = f"The inbox {shown(self._root)}"
        try:
            if self._identify() != self._identity:
                return f"{where} is another folder than at the start. Mount the right one, or restart."
            if not os.path.isdir(self.path):
                return f"{where} has lost its .watcher/spool. Put it back, or restart to have it made anew."
        except OSError as error:
            return f"{where} is not there ({error.strerror}). The daemon goes on when it is back."
        if not self._has_rights():
            return f"{where} cannot be read and written. The daemon goes on when it can."
        return None

    def _identify(self) -> tuple[int, int]:
        found = os.stat(self._root)
        return found.st_dev, found.st_ino

    def _has_rights(self) -> bool:
        return os.access(self._root, os.R_OK | os.W_OK | os.X_OK)

    def _check_root(self) -> None:
        where = f"The inbox {shown(self._root)}"
        if not os.path.isdir(self._root):
            found = "is not a folder" if os.path.lexists(self._root) else "does not exist"
            raise ConfigError(f"{where} {found}. Make the folder, or correct its path.")
        if not self._has_rights():
            raise ConfigError(
                f"{where} cannot be read and written, but files are moved out of it."
                " Give the daemon's user both rights."
            )

    def _make_folders(self) -> None:
        if os.path.islink(self._folder):
            raise ConfigError(f"{shown(self._folder)} is a symbolic link. Remove it: the spool must lie in the inbox.")
        for folder, mode in ((self._folder, 0o755), (self.path, 0o700), (os.path.join(self._folder, MEMBERS), 0o700)):
            _make(folder, mode)
        for name in ("add", READY):  # whoever may drop files may add some; he may have made them himself
            with contextlib.suppress(PermissionError):
                _make(os.path.join(self._folder, name), os.stat(self._root).st_mode & 0o777)

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

    def source(self, token: str, below: str) -> str:
        """Where the claimed file lies."""
        return os.path.join(self.path, token, below)

    def take(self, below: str, add: str | None = None) -> str:
        """Rename the inbox's file `below` into a new spool folder; return its token.

        `add`: the file lies in that folder of `ready`, and `below` is its path there. The token ends in it then.

        Raises OSError as rename(2) gives it; then nothing is left behind. A file behind a link counts as
        not there: a folder may have become one since it was scanned, and what lies elsewhere is not ours.
        """
        inside = "" if add is None else os.path.join(FOLDER, READY, add)
        folder = os.path.dirname(os.path.join(inside, below))
        if folder and os.path.realpath(os.path.join(self._root, folder)) != os.path.join(self._real, folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), below)
        token = self._token() + (f".{add}" if add else "")
        target = self.source(token, below)
        try:
            os.makedirs(os.path.dirname(target), mode=0o700)
            os.rename(os.path.join(self._root, inside, below), target)
        except OSError:
            self.forget(token)
            raise
        return token

    def _token(self) -> str:
        # always later than the one before, also when the wall clock is set back: claims keep their order
        self._last = max(self._last + 1, int(self._wall() * 1e9))
        return f"{self._last:016x}-{secrets.token_hex(2)}"

    def spooled(self) -> Iterator[tuple[str, str | None]]:
        """(token, path below the inbox) of every file, oldest first; an empty folder has path None."""
        for token in sorted(os.listdir(self.path)):
            folder = os.path.join(self.path, token)
            if not os.path.isdir(folder):
                continue
            files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
            yield from ((token, os.path.relpath(path, folder)) for path in sorted(files))
            if not files:
                yield token, None

    def members(self, token: str) -> str:
        """The folder for files of the archive that was claimed as `token`."""
        return os.path.join(self._folder, MEMBERS, token)

    def forget_members(self, known: set[str]) -> None:
        """Remove what lies there of archives that are not among these `known` claims."""
        for token in set(os.listdir(os.path.join(self._folder, MEMBERS))) - known:
            shutil.rmtree(self.members(token), ignore_errors=True)

    def forget(self, token: str) -> None:
        """Remove the spool folder of `token`, as far as it is empty."""
        for folder, _, _ in os.walk(os.path.join(self.path, token), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def explained(error: OSError) -> str:
    """Why a file cannot be taken, and what to do."""
    if error.errno == errno.EXDEV:
        return "it lies on another file system than the inbox"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{error.strerror}. Give the daemon's user the right to read it and to write in its folder"
    return error.strerror or str(error)


def _make(folder: str, mode: int) -> None:
    """Make the folder with this mode, whatever the umask is, unless it is there and has it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    if os.stat(folder).st_mode & 0o777 != mode:
        os.chmod(folder, mode)
