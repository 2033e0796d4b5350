"""Every call of this process about a file below some folder, met before it is made: to count it, let it fail, end all.

What the product asks of the disk goes through os, open, a few functions of libc, and SQLite. Those are wrapped here, so
that it needs no hooks of its own. Names that lead through a descriptor (/proc/self/fd/7/name) are told as paths.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import functools
import io
import os
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from watcher import beneath, filesystem

Meet = Callable[[str, str], int]  # (call, path): the errno to fail with; 0: go on

BY_ONE = (
    *("open", "stat", "lstat", "listdir", "scandir", "mkdir", "rmdir", "unlink", "utime", "chmod", "fchmod"),
    *("read", "pread", "write", "pwrite", "fsync", "fstat", "ftruncate", "listxattr"),
)
BY_TWO = ("rename", "replace", "link", "copy_file_range")
# functions of libc, and where the paths or descriptors stand among their arguments
_IN_C = (
    (filesystem._libc, "renameat2", (1, 3)),
    (filesystem._libc, "syncfs", (0,)),
    (beneath._libc, "syscall", (2,)),  # openat2
)
_readlink = os.readlink


class _Border:
    """`meet`, asked only about what lies below `root`."""

    def __init__(self, root: str, meet: Meet) -> None:
        self._root, self._meet = root, meet

    def covers(self, path: str) -> bool:
        return path == self._root or path.startswith(f"{self._root}/")

    def __call__(self, call: str, path: str) -> int:
        return self._meet(call, path) if self.covers(path) else 0


def meet_all(monkeypatch: pytest.MonkeyPatch, root: str, meet: Meet) -> None:
    """Ask `meet` before every call about what lies below the folder `root`."""
    border = _Border(root, meet)
    for name in (*BY_ONE, *BY_TWO):
        monkeypatch.setattr(os, name, _met(border, name, getattr(os, name), 1 if name in BY_ONE else 2))
    for module in (builtins, io):
        monkeypatch.setattr(module, "open", _opening(border, builtins.open))
    for libc, name, places in _IN_C:
        monkeypatch.setattr(libc, name, _met_in_c(border, name, getattr(libc, name), places))
    factory = _connections(border)
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=factory))


def path_of(what: Any, folder: int | None = None) -> str:
    """The path that a call names: by a descriptor, or by a path that may lead through one."""
    if isinstance(what, int):
        return _readlink(f"/proc/self/fd/{what}")
    path = os.fsdecode(what)
    if path.startswith("/proc/self/fd/"):
        number, _, rest = path.removeprefix("/proc/self/fd/").partition("/")
        return f"{_readlink(f'/proc/self/fd/{number}')}/{rest}".rstrip("/")
    if folder is not None and not path.startswith("/"):
        return f"{_readlink(f'/proc/self/fd/{folder}')}/{path}"
    return os.path.join(os.getcwd(), path)


def _met(meet: _Border, name: str, call: Callable[..., Any], places: int) -> Callable[..., Any]:
    @functools.wraps(call)
    def meeting(*args: Any, **named: Any) -> Any:
        folders = [named.get("dir_fd", named.get("src_dir_fd")), named.get("dst_dir_fd")]
        for what, folder in zip(args[:places], folders, strict=False):
            if number := meet(name, _told(what, folder)):
                raise _error(number, [each for each in args[:places] if isinstance(each, (str, bytes))])
        return call(*args, **named)

    return meeting


def _told(what: Any, folder: int | None) -> str:
    try:
        return path_of(what, folder)
    except OSError:  # no such descriptor: the call itself will say so
        return ""


def _error(number: int, names: list[Any]) -> OSError:
    """As the call itself would put it: with the names that it was given."""
    words = os.strerror(number)
    if len(names) == 2:
        return OSError(number, words, names[0], None, names[1])
    return OSError(number, words, *names)


def _met_in_c(meet: _Border, name: str, call: Callable[..., Any], places: tuple[int, ...]) -> Callable[..., int]:
    """A function of libc, which tells of its failure by -1. Its paths stand at `places`, each behind its folder."""

    def meeting(*args: Any) -> int:
        for place in places:
            folder = args[place - 1] if place and args[place - 1] >= 0 else None
            if number := meet(name, _told(args[place], folder)):
                ctypes.set_errno(number)
                return -1
        found: int = call(*args)
        return found

    return meeting


def _opening(meet: _Border, real: Callable[..., Any]) -> Callable[..., Any]:
    class Raw(io.FileIO):
        """Met at each read and write, of which SQLite, and what is made in C, know nothing."""

        def readinto(self, buffer: Any) -> Any:
            self._meet("read")
            return super().readinto(buffer)

        def readall(self) -> bytes:
            self._meet("read")
            return super().readall()

        def read(self, size: int | None = -1) -> bytes:
            self._meet("read")
            return super().read(-1 if size is None else size)

        def write(self, content: Any) -> int:
            self._meet("write")
            return super().write(content)

        def _meet(self, call: str) -> None:
            if number := meet(call, _told(self.fileno(), None)):
                raise _error(number, [])

    def opening(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **named: Any) -> Any:
        if isinstance(file, int) or not meet.covers(_told(file, None)):
            return real(file, mode, buffering, *args, **named)
        if number := meet("open", _told(file, None)):
            raise _error(number, [file])
        raw = Raw(file, mode.replace("b", ""), opener=named.pop("opener", None))
        if not buffering:
            return raw
        kind: Any = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
        return kind(raw) if "b" in mode else io.TextIOWrapper(kind(raw), *args, **named)

    return opening


def _connections(meet: _Border) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def __init__(self, path: str, *args: Any, **named: Any) -> None:
            self.path = path
            super().__init__(path, *args, **named)

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            self._meet(sql)
            return super().execute("pragma synchronous = off" if "synchronous" in sql else sql, *args)

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
            self._meet(sql)
            return super().executemany(sql, *args)

        def _meet(self, sql: str) -> None:
            if sql == "rollback":  # SQLite gives up a transaction whatever the disk says (OP_AutoCommit)
                return
            if number := meet(f"sql {sql}", os.path.abspath(self.path)):
                raise sqlite3.OperationalError(
                    "database or disk is full" if number == errno.ENOSPC else "disk I/O error"
                )

    return Connection
