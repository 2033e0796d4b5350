"""Whether an inbox is there: mounted, marked, the same as before, open to us; and how it is taken up again.

Knows the folder at the inbox's path. What lies in its `.watcher` is the spool's business, what is done about a problem
the daemon's. Nothing here changes a file or a row.
"""

from __future__ import annotations

import os
import stat

from watcher.errors import ConfigError, LockedError
from watcher.intake.copying import Copying
from watcher.intake.spool import Spool
from watcher.model import shown

READING = os.R_OK | os.X_OK
MOVING = READING | os.W_OK

_Identity = tuple[int, int]  # device, inode


class Presence:
    """Of the inbox at `root`, which need not be there yet, with its `spool`.

    `marker`: a path below it where something must lie, or it counts as not mounted; "" asks for none. `rights`: what
    its daemon must be allowed there (MOVING, READING).
    """

    def __init__(self, root: str, spool: Spool | Copying, marker: str = "", rights: int = MOVING) -> None:
        self._root, self._spool = root, spool
        self._where = f"The inbox {shown(root)}"
        self._marker, self._rights = marker, rights
        self._kept: _Identity | None = None
        self._mounted = False  # at this very folder, when it was opened
        self._away: str | None = f"{self._where} is not open."

    @property
    def is_open(self) -> bool:
        return self._away is None

    def open(self, owner: str) -> None:
        """Lock the inbox for the library at `owner`; the folder that is there now is the one.

        Raises ConfigError when there is none that we may use, LockedError when it is another daemon's or library's.
        """
        if not os.path.isdir(self._root):
            found = "is not a folder" if os.path.lexists(self._root) else "does not exist"
            raise ConfigError(f"{self._where} {found}. Make the folder, or correct its path.")
        if not os.access(self._root, self._rights):
            raise ConfigError(f"{self._where} cannot be {self._deeds()}. Give the daemon's user the right to do so.")
        self._spool.open(owner)
        try:
            self._kept, self._mounted = self._look(), _is_mount(self._root)
        except OSError as error:  # it went in this moment
            self._spool.close()
            raise ConfigError(f"{self._where} cannot be read: {error.strerror}. Is its disk well?") from None
        self._away = None

    def close(self) -> None:
        """Let go of it. Harmless when not open."""
        self._spool.close()
        self._kept, self._away = None, f"{self._where} is not open."

    def problem(self) -> str | None:
        """Why it cannot be used now and what to do, as a sentence; None when all is well."""
        return self._away or self._of_root() or self._spool.problem()

    def is_away(self, *, spooled: bool) -> bool:
        """Whether it is not there to be opened; `problem` says why. `spooled`: unfinished files lay in its spool.

        Where those are not, it cannot be: that is a bare mount point, or another disk.
        """
        self._away = self._of_root() or (self._spool.problem() if spooled else None)
        return self._away is not None

    def seek(self, owner: str, *, spooled: bool) -> bool:
        """Open it again, or at last, when it is there: the same folder or spool as before. True: recover it then."""
        if self.is_open:
            if not (self._is_replaced() and self._spool.is_there()):
                return False
            self.close()
        if self.is_away(spooled=spooled):
            return False
        try:
            self.open(owner)
        except (ConfigError, LockedError) as error:
            self._away = str(error)
        return self.is_open

    def _of_root(self) -> str | None:
        try:
            found = self._look()
        except OSError as error:
            return f"{self._where} is not there ({error.strerror}). Mount it or put it back: the daemon goes on then."
        if self._differs(found) and self._is_unmounted():
            return f"{self._where} is not mounted any more. Mount it: the daemon goes on then."
        if not self._is_marked():
            lacking = f"{self._where} lacks its marker {shown(self._marker)} and counts as not mounted."
            return f"{lacking} Mount it, or make that file: the daemon goes on then."
        if self._differs(found):
            return f"{self._where} is another folder than before. Mount the right one, or restart the daemon to use it."
        if not os.access(self._root, self._rights):
            return f"{self._where} cannot be {self._deeds()}. Give the daemon's user the right: it goes on then."
        return None

    def _look(self) -> _Identity:
        found = os.stat(self._root)
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(0, "it is no folder")
        return found.st_dev, found.st_ino

    def _is_replaced(self) -> bool:
        try:
            return self._differs(self._look()) and not self._is_unmounted()
        except OSError:
            return False

    def _differs(self, found: _Identity) -> bool:
        return self._kept not in (None, found)

    def _is_unmounted(self) -> bool:
        return self._mounted and not _is_mount(self._root)

    def _is_marked(self) -> bool:
        return not self._marker or os.path.lexists(os.path.join(self._root, self._marker))

    def _deeds(self) -> str:
        return "read and written" if self._rights & os.W_OK else "read"


def _is_mount(path: str) -> bool:
    """Whether something is mounted at the folder, or at the one that a link leads to."""
    real = os.path.realpath(path)
    try:
        return os.stat(real).st_dev != os.stat(os.path.dirname(real)).st_dev
    except OSError:
        return False
