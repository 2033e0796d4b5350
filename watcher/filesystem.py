"""What the kernel offers for files and Python's os does not, or not as one call: file system types, flushing, renames
that never replace, copies that share blocks.

Linux. Where a call is missing the caller gets a plain answer (None, False), never an exception of ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

# Leases and syncfs tell the truth on these. Elsewhere (NFS, CIFS, FUSE, 9p ...) we do not ask.
LEASE_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "bcachefs", "jfs"})
SYNCFS_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs"})

_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_FICLONE = 0x40049409  # linux/fs.h
_CANNOT_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF}
_PIECE = 1 << 20  # bytes
_libc = ctypes.CDLL(None, use_errno=True)


def type_of(path: str) -> str | None:
    """The type of the file system that holds `path` ("ext4", "nfs4" ...), or None where it cannot be found out."""
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", "rb") as table:
            return _type_in(table.read(), os.path.realpath(os.fsencode(path)), device)
    except OSError:
        return None


def origin(path: str) -> str:
    """Where `path`, which need not exist, lies on its own file system: the same by each link and bind mount to it.

    The file system's device number with the path there; the real path alone where the kernel does not tell.
    """
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            mount = max(_around(table.read(), os.fsencode(real)), key=lambda mount: len(mount.point))
    except (OSError, ValueError):
        return real
    below = os.fsencode(real)[len(mount.point.rstrip(b"/")) :]
    return os.fsdecode(mount.device + mount.root.rstrip(b"/") + below)


def _type_in(table: bytes, real: bytes, device: int) -> str | None:
    wanted = b"%d:%d" % (os.major(device), os.minor(device))
    # btrfs gives a subvolume a device number that mountinfo does not show: then the longest mount point decides.
    best = max(_around(table, real), key=lambda mount: (mount.device == wanted, len(mount.point)), default=None)
    return best.type if best else None


def _around(table: bytes, real: bytes) -> list[_Mount]:
    """The mounts at or above a real path; of those at the same point the one on top is the first."""
    return [mount for mount in _mounts(table) if (real + b"/").startswith(mount.point.rstrip(b"/") + b"/")][::-1]


@dataclass(frozen=True, slots=True)
class _Mount:
    device: bytes  # major:minor
    root: bytes  # the folder of its file system that is seen at `point`
    point: bytes
    type: str


def _mounts(table: bytes) -> Iterator[_Mount]:
    """The lines of a mountinfo (proc_pid_mountinfo(5)): a dash ends the optional fields, blanks are octal."""
    for line in filter(None, table.split(b"\n")):
        columns = line.split(b" ")
        root, point = (re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), c) for c in columns[3:5])
        yield _Mount(columns[2], root, point, columns[columns.index(b"-", 6) + 1].decode())


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


def is_ours_alone(path: str) -> bool:
    """Whether the file is ours and has no other name. By another name it may change, so none of these is linked to."""
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1


def copy_bytes(source: int, target: int) -> None:
    """Copy the whole file that is open as `source` into the empty one that is open as `target`.

    They share blocks where the file system can (ioctl_ficlone(2)), else the kernel copies, else we do. Where the two
    descriptors stand makes no difference. Raises OSError; EBUSY when `source` has another size than at the beginning.
    """
    size = os.fstat(source).st_size
    if not clone(source, target):
        done = _copied_by_kernel(source, target, size)
        while piece := os.pread(source, min(_PIECE, size - done), done):
            done += os.pwrite(target, piece, done)
    # a byte behind its end: it grew, or is made as it is read (procfs) and says that it is empty
    if os.fstat(target).st_size != size or os.pread(source, 1, size):
        raise OSError(errno.EBUSY, "it changed its size while it was copied")


def clone(source: int, target: int) -> bool:
    """Let the empty file that is open as `target` share all blocks of `source`. False where that cannot be."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:  # a full disk too: the copy will say so
        return False
    return True


def _copied_by_kernel(source: int, target: int, size: int) -> int:
    """How many of the first `size` bytes are copied; fewer where it cannot, or says 0 as some file systems do."""
    done = 0
    try:
        while count := os.copy_file_range(source, target, size - done, done, done):
            done += count
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
    return done


def fsync_file(path: str) -> None:
    """Flush a file's bytes, whoever wrote them."""
    _fsync(path, os.O_RDONLY)


def fsync_directory(path: str) -> None:
    """Flush a folder's entries, so that a name given before outlives a power cut."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def _fsync(path: str, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(path: str, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether others hold a lock (flock(2)) on the file at `path` beside which one of this `kind` could not be had.

    False where there is no such file. The lock is let go of at once; LOCK_SH does not keep another who asks so.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
