"""What the kernel offers for files and Python's os does not: file system types, syncfs, renames that never replace.

Linux. Where a call is missing the caller gets a plain answer (None, False), never an exception of ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Leases and syncfs tell the truth on these. Elsewhere (NFS, CIFS, FUSE, 9p ...) we do not ask.
LEASE_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "bcachefs", "jfs"})
SYNCFS_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs"})

_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def type_of(path: str) -> str | None:
    """The type of the file system that holds `path` ("ext4", "nfs4" ...), or None where it cannot be found out."""
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", "rb") as table:
            return _type_in(table.read(), os.path.realpath(os.fsencode(path)), device)
    except OSError:
        return None


def _type_in(table: bytes, real: bytes, device: int) -> str | None:
    wanted = b"%d:%d" % (os.major(device), os.minor(device))
    around = [mount for mount in _mounts(table) if (real + b"/").startswith(mount.point.rstrip(b"/") + b"/")]
    # btrfs gives a subvolume a device number that mountinfo does not show: then the longest mount point decides.
    # Of equal ones the last lies on top.
    best = max(reversed(around), key=lambda mount: (mount.device == wanted, len(mount.point)), default=None)
    return best.type if best else None


@dataclass(frozen=True, slots=True)
class _Mount:
    device: bytes  # major:minor
    point: bytes
    type: str


def _mounts(table: bytes) -> Iterator[_Mount]:
    """The lines of a mountinfo (proc_pid_mountinfo(5)): a dash ends the optional fields, blanks are octal."""
    for line in filter(None, table.split(b"\n")):
        columns = line.split(b" ")
        point = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), columns[4])
        yield _Mount(columns[2], point, columns[columns.index(b"-", 6) + 1].decode())


def syncfs(descriptor: int) -> None:
    """Flush the whole file system of `descriptor`. Raises OSError with what the kernel reports (write errors too)."""
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def rename_noreplace(source: str | bytes, target: str | bytes) -> None:
    """Rename, never over another file. Raises FileExistsError when `target` is taken, OSError otherwise.

    renameat2(RENAME_NOREPLACE); where the file system does not know it, link and unlink; where it knows no links
    either, a rename after a look (the one way left on such a file system, and not safe against a race).
    """
    old, new = os.fsencode(source), os.fsencode(target)
    if _libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS):
        raise OSError(number, os.strerror(number), os.fsdecode(source), None, os.fsdecode(target))
    try:
        os.link(old, new)
    except FileExistsError:
        if not os.path.samestat(os.lstat(old), os.lstat(new)):
            raise
        os.unlink(old)  # a former call linked it and came no further
    except OSError:
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(target)) from None
        os.rename(old, new)
    else:
        os.unlink(old)


def fsync_directory(path: str) -> None:
    """Flush a folder's entries, so that a name given before outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
