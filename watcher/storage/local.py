"""Storage in a folder, the library. The only module that knows how a file gets its final name.

A file is staged below `<root>/.watcher/tmp`, then linked (create-only) or renamed (replace) to its name, so that no
half-written file is ever seen under one. The root is never made here: a library whose folder is gone is not mounted,
and a new tree on the bare mount point would hide from its owner.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator

from watcher.errors import AT_LIBRARY, UnavailableError
from watcher.filesystem import copy_bytes, fsync_directory, fsync_file, is_ours_alone, rename_noreplace
from watcher.model import shown
from watcher.storage.base import PRIVATE, KeyTakenError, ObjectInfo, check_key

_CHUNK = 1 << 20
_PROBE_BYTES = 1_000_000  # about one picture's renditions
_CANNOT_LINK = {errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EMLINK, errno.EACCES, errno.ENOSYS}


class LocalStorage:
    """`umask` shapes the modes of files and folders. `fsync`: flush each file and folder before `put` returns."""

    def __init__(self, root: str, *, umask: int = 0o022, fsync: bool = True) -> None:
        self.root = root
        self.tmp = os.path.join(root, PRIVATE, "tmp")
        self._file_mode = 0o666 & ~umask
        self._folder_mode = 0o777 & ~umask
        self._fsync = fsync

    def put(self, key: str, source: str, *, replace: bool = False, link: bool = False) -> None:
        final = self._path(key)
        with self._explained():
            self._demand_root()
            if not replace and self._holds(final, source, key):
                return
            self._make_folders(os.path.dirname(final))
            with self._staged(source, link) as staged:
                if replace:
                    os.replace(staged, final)
                else:
                    self._place(staged, final, source, key)
            if self._fsync:
                fsync_directory(os.path.dirname(final))

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[str]:
        path = self._path(key)
        os.stat(path)
        yield path

    def stat(self, key: str) -> ObjectInfo | None:
        try:
            found = os.stat(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # EIO, ESTALE: nobody can say whether it stands there
            raise UnavailableError(f"the library {shown(self.root)} cannot be read: {error.strerror}") from None
        return ObjectInfo(key, found.st_size) if stat.S_ISREG(found.st_mode) else None

    def delete(self, key: str) -> None:
        with self._explained(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self._path(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        inside = prefix.rpartition("/")[0]
        if inside:
            check_key(inside)
        for folder, folders, files in os.walk(os.path.join(self.root, inside)):
            if folder == os.path.join(self.root, ""):
                folders[:] = [name for name in folders if name != PRIVATE]
            for name in files:
                path = os.path.join(folder, name)
                key = os.path.relpath(path, self.root)
                if key.startswith(prefix):
                    yield ObjectInfo(key, os.lstat(path).st_size)

    def url(self, key: str) -> str:
        return self._path(key)

    @contextlib.contextmanager
    def workspace(self, name: str) -> Iterator[str]:
        """A folder for one task's temporary files, on the library's own file system; gone afterwards."""
        path = os.path.join(self.tmp, name)
        with self._explained():
            self._demand_root()
            _make_private(path)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):  # rmtree lets some through; what is done is done
                shutil.rmtree(path, ignore_errors=True)

    def clear(self, prefix: str) -> None:
        """Remove the workspaces whose names begin with `prefix`: those of a task whose worker is dead."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self.tmp):
                if name.startswith(prefix):
                    shutil.rmtree(os.path.join(self.tmp, name), ignore_errors=True)

    def problem(self, *, by_writing: bool = False) -> str | None:
        """Why nothing can be put here now, or None. `by_writing`: find out by writing a little, and flushing it."""
        if not os.path.isdir(os.path.join(self.root, PRIVATE)):
            return str(self._gone())
        if by_writing:
            try:
                os.makedirs(self.tmp, mode=0o700, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.tmp) as probe:
                    probe.write(bytes(_PROBE_BYTES))
                    probe.flush()
                    os.fsync(probe.fileno())
            except OSError as error:
                return f"the library {shown(self.root)} cannot be written: {error.strerror}"
        return None

    def _demand_root(self) -> None:
        if self.problem():
            raise self._gone()

    def _gone(self) -> UnavailableError:
        return UnavailableError(f"the library {shown(self.root)} is gone: is its disk mounted?")

    def _path(self, key: str) -> str:
        return os.path.join(self.root, check_key(key))

    def _holds(self, final: str, source: str, key: str) -> bool:
        """True when `final` is `source` already, by inode or by bytes (a former try got this far)."""
        try:
            if os.path.samefile(final, source) or _same_bytes(final, source):
                return True
        except FileNotFoundError:
            if not os.path.lexists(final):
                return False
        raise KeyTakenError(key)

    def _place(self, staged: str, final: str, source: str, key: str) -> None:
        try:
            rename_noreplace(staged, final)
        except FileExistsError:  # somebody was faster: another worker with the same content, or other content
            self._holds(final, source, key)

    @contextlib.contextmanager
    def _staged(self, source: str, link: bool) -> Iterator[str]:
        """A file of ours with the source's bytes, mtime and xattrs and the library's mode, ready to take its name."""
        _make_private(self.tmp)
        staged = os.path.join(self.tmp, f"put-{secrets.token_hex(8)}")
        try:
            if not (link and self._link(source, staged)):
                _copy(source, staged)
            os.chmod(staged, self._file_mode)
            if self._fsync:
                fsync_file(staged)
            yield staged
        finally:
            with contextlib.suppress(OSError):  # it has its name by now, unless something went wrong
                os.unlink(staged)

    def _link(self, source: str, staged: str) -> bool:
        """Link rather than copy, where nobody can change the file by another name and the file system has links."""
        if not is_ours_alone(source):
            return False
        try:
            os.link(source, staged, follow_symlinks=False)
        except OSError as error:
            if error.errno in _CANNOT_LINK:
                return False
            raise
        return True

    def _make_folders(self, path: str) -> None:
        if os.path.isdir(path):
            return
        if path == self.root:
            raise self._gone()
        self._make_folders(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
            os.chmod(path, self._folder_mode)
            if self._fsync:
                fsync_directory(os.path.dirname(path))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in AT_LIBRARY:
                raise UnavailableError(f"the library {shown(self.root)} cannot be written: {error.strerror}") from None
            raise


def _make_private(path: str) -> None:
    """Not by `exist_ok`: where the disk cannot say whether it is a folder, that blames the file in work."""
    with contextlib.suppress(FileExistsError):
        os.makedirs(path, mode=0o700)


def _same_bytes(path: str, other: str) -> bool:
    """Not by filecmp: it remembers answers by size and mtime, and both may come back with other content."""
    if os.path.getsize(path) != os.path.getsize(other) or not os.path.isfile(path):
        return False
    with open(path, "rb") as one, open(other, "rb") as two:
        while chunk := one.read(_CHUNK):
            if chunk != two.read(_CHUNK):
                return False
    return True


def _copy(source: str, target: str) -> None:
    """Copy bytes, times and xattrs."""
    with open(source, "rb") as old, open(target, "xb") as new:
        copy_bytes(old.fileno(), new.fileno())
    shutil.copystat(source, target)
