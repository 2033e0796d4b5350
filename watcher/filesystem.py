"""What the kernel offers for files and Python's os does not: file system types, syncfs, renames that never replace.

Linux. Where a call is missing the caller gets a plain answer (None, False), never an exception of ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import os

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
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            lines = table.read().splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    wanted = f"{os.major(device)}:{os.minor(device)}"
    best: tuple[bool, int, str] | None = None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        columns = fields.split()
        point = columns[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # btrfs gives a subvolume a device number that mountinfo does not show: then the longest mount point decides
        if not inside:
            continue
        rank = (columns[2] == wanted, len(point), rest.split()[0])
        if best is None or rank >= best:
            best = rank
    return best[2] if best else None


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
        raise
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
