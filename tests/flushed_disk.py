"""What is left of a folder when the power goes: a model of disks by whole files, fed with the flushes of a run.

Bytes of a file are there as they were when they were last flushed, by fsync of the file or syncfs. Names in a folder
are there as they were when that folder was last flushed; a file whose bytes were not has none, or the first half.
That is what POSIX promises, and less than any file system keeps: ext4, xfs and btrfs make names durable in the order in
which they were given, and never half a rename. The other extreme is `names=True`: the file system has written down
all names in time, as ext4 does every five seconds, and still no bytes that nobody flushed (delayed allocation).

A catalog is as it was at its last durable commit: SQLite flushes its own files.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

_BESIDE = ("", "-wal")  # a catalog's files; what is in -shm is made from them


class FlushedDisk:
    """Of the folder `root`, whose catalog is at `database`. All that lies there at the beginning is flushed."""

    def __init__(self, root: str, database: str) -> None:
        self._root, self._database = root, database
        self._names: dict[int, dict[str, int]] = {}  # of folders, by inodes
        self._bytes: dict[int, bytes] = {}
        self._status: dict[int, os.stat_result] = {}
        self._held: dict[int, int] = {}  # a descriptor each, so that no inode is given to another file
        self._catalog: dict[str, bytes] = {}
        self.flush_all(root)
        self.flush_catalog()

    def close(self) -> None:
        for descriptor in self._held.values():
            os.close(descriptor)

    # -- what is flushed -------------------------------------------------------------------------------------------

    def flush(self, path: str) -> None:
        """fsync(2) of a file or a folder."""
        found = os.lstat(path)
        if found.st_ino not in self._held:
            self._held[found.st_ino] = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        self._status[found.st_ino] = found
        if stat.S_ISDIR(found.st_mode):
            with os.scandir(path) as entries:
                self._names[found.st_ino] = {entry.name: entry.inode() for entry in entries}
        else:
            self._bytes[found.st_ino] = Path(path).read_bytes()

    def flush_all(self, folder: str) -> None:
        """syncfs(2), where `folder` is all that there is on the file system."""
        for path in [folder, *_below(folder)]:
            self.flush(path)

    def flush_catalog(self) -> None:
        """What a commit of SQLite flushes."""
        files = (self._database + suffix for suffix in _BESIDE)
        self._catalog = {path: Path(path).read_bytes() for path in files if os.path.exists(path)}

    # -- what is left ----------------------------------------------------------------------------------------------

    def build(self, target: str, *, names: bool, halves: bool) -> None:
        """Make of the folder what is there when the power comes back. `halves`: of bytes that were not flushed."""
        if names:
            self._names = {os.lstat(path).st_ino: dict(_entries(path)) for path in _folders(self._root)}
        if halves or names:
            self._note_unflushed(halves)
        self._build(os.lstat(self._root).st_ino, target, {})
        for path in (self._database + suffix for suffix in (*_BESIDE, "-shm")):
            place = path.replace(self._root, target, 1)
            Path(place).unlink(missing_ok=True)
            if path in self._catalog and os.path.isdir(os.path.dirname(place)):
                Path(place).write_bytes(self._catalog[path])

    def _note_unflushed(self, halves: bool) -> None:
        for path in _below(self._root):
            found = os.lstat(path)
            self._status.setdefault(found.st_ino, found)
            if stat.S_ISREG(found.st_mode) and found.st_ino not in self._bytes:
                self._bytes[found.st_ino] = Path(path).read_bytes()[: found.st_size // 2] if halves else b""

    def _build(self, folder: int, target: str, made: dict[int, str]) -> None:
        os.mkdir(target)
        for name, inode in self._names.get(folder, {}).items():
            path, status = os.path.join(target, name), self._status.get(inode)
            if inode in made:
                os.link(made[inode], path)
            elif status is not None and stat.S_ISDIR(status.st_mode):
                self._build(inode, path, made)
                os.chmod(path, stat.S_IMODE(status.st_mode))
            else:
                self._write(path, inode)
                made[inode] = path

    def _write(self, path: str, inode: int) -> None:
        Path(path).write_bytes(self._bytes.get(inode, b""))
        if status := self._status.get(inode):
            os.chmod(path, stat.S_IMODE(status.st_mode))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(folder: str, other: str) -> None:
    """Put `other` in the place of `folder`."""
    shutil.rmtree(folder)
    os.rename(other, folder)


def _entries(folder: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        yield from ((entry.name, entry.inode()) for entry in entries)


def _folders(root: str) -> Iterator[str]:
    return (folder for folder, _, _ in os.walk(root))


def _below(root: str) -> Iterator[str]:
    """All that lies there, by its path."""
    for folder, folders, files in os.walk(root):
        yield from (os.path.join(folder, name) for name in (*folders, *files))
