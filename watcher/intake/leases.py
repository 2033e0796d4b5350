"""Whether somebody has a file open for writing, asked of the kernel with a read lease (fcntl(2), F_SETLEASE).

The kernel grants a read lease only on a file that nobody has open for writing, writers through a mapping and
through another hard link included. It does not see a writer that closes and opens again: quiet time is
settling's business.

A process that asks must call `ignore_lease_breaks` first: a writer who opens the file while the lease is held
makes the kernel send SIGIO, and a process that has not said otherwise dies of it.
"""

from __future__ import annotations

import errno
import fcntl
import signal

from watcher.filesystem import LEASE_TYPES, type_of


def ignore_lease_breaks() -> None:
    """Let SIGIO pass. Main thread only; children of fork inherit it."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def trusted(path: str) -> bool:
    """Whether leases tell the truth where `path` lies. On NFS and CIFS a refusal does not mean a writer."""
    return type_of(path) in LEASE_TYPES


def open_for_writing(fd: int) -> bool | None:
    """True: somebody has the file of `fd` (opened for reading only) open for writing; False: nobody has.

    None: it cannot be told (another user's file without CAP_LEASE, a file system without leases).
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
