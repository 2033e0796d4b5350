"""What can go wrong, in families. The docstring of each says who acts on it; exit codes are class attributes.

WatcherError
├── ConfigError        the person who configures: settings, paths, flags (exit 2)
├── LockedError        another daemon has the library or an inbox (exit 2)
├── DatabaseError      the catalog is absent, unreadable or of another version (exit 2)
├── OutputError        whoever has the output written to a disk (exit 2)
├── FatalError         the daemon cannot go on (exit 1)
├── RejectedError      the file itself: permanent, it goes to failed/
├── RetryError         this try: tried again with back-off, then failed/
└── UnavailableError   the surroundings (disk full, library gone): everything waits, nobody is blamed

An OSError is of one of the last three families by its errno and by where it happened: see SURROUNDINGS and AT_LIBRARY.
All others are of this try: EIO of the one file, EBUSY.
"""

import errno

# No file is to blame for these, wherever they happen: there is no room or no right to any, or what was there is gone.
SURROUNDINGS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE),
        *(errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ENOMEDIUM),
        *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNRESET),
    }
)
# Of a dropped file these tell about that file; of the library, where all files go, they tell about its disk.
AT_LIBRARY = SURROUNDINGS | {errno.EIO, errno.EACCES, errno.EPERM}


class WatcherError(Exception):
    """A sentence for a person: what happened to which file or setting, and what to do."""

    exit_code = 1


class ConfigError(WatcherError):
    """Wrong settings, flags or paths. The message lists every problem found, one a line."""

    exit_code = 2


class LockedError(WatcherError):
    """The library or an inbox belongs to another running daemon, or to another library."""

    exit_code = 2


class DatabaseError(WatcherError):
    """The catalog is not there, cannot be read, or was made by a newer version."""

    exit_code = 2


class OlderCatalogError(DatabaseError):
    """The catalog at `database` was made by an older version; it can be brought up to date."""

    def __init__(self, database: str, shown: str) -> None:
        super().__init__(f"{shown} is of an older photo-watcher: start watcher run, it brings it up to date")
        self.database = database


class OutputError(WatcherError):
    """Standard output cannot be written: its disk is full."""

    exit_code = 2


class FatalError(WatcherError):
    """The daemon cannot start or go on."""

    exit_code = 1


class RejectedError(WatcherError):
    """The file is at fault: no retry would help."""


class RetryError(WatcherError):
    """This try went wrong; the next may not."""


class UnavailableError(WatcherError):
    """What the work stands on is missing: space, the library, the right to write."""
