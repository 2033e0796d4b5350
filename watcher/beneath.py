"""Paths below a folder that others may write to: opened part by part, never through a link.

Whoever may drop files may put a link in a folder's place at any moment, between any look and any use. So a path is
resolved once, by the kernel, and what follows goes through the descriptor that came of it. The rule is that of
openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS; older kernels get the same by one openat(2) a part.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator

_OPENAT2 = 437  # the same number on all machines
_NO_SYMLINKS, _BENEATH = 0x04, 0x08  # linux/openat2.h, RESOLVE_*
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNKNOWN = {errno.ENOSYS, errno.EPERM, errno.EINVAL}  # no such call here, or a seccomp filter that has not heard of it
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def root(path: str) -> Iterator[int]:
    """A descriptor of the folder at `path`, itself reached by whatever links there are: a person named it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder(above: int, path: str, *, make: int | None = None) -> Iterator[int]:
    """A descriptor of the folder `path` ("" is the one that `above` is open on), below it.

    `make`: missing folders are made, with this mode. Raises OSError: ELOOP or ENOTDIR where a link stands on the way.
    """
    descriptor = os.dup(above) if not path else _made(above, path, make) if make is not None else _opened(above, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def pinned(home: str, path: str, *, make: int | None = None) -> Iterator[str]:
    """A name for what stands at `path` below the folder `home`, or will, that holds whatever becomes of the way to it.

    `path` may begin with `home`. The name goes through the descriptor of its folder (proc_pid_fd(5)), so any call may
    be given it, in this process; its last part is not resolved here. `make`: as for `folder`. Raises OSError:
    NotADirectoryError where a link or a file stands on the way.
    """
    below, name = os.path.split(os.path.relpath(path, home) if os.path.isabs(path) else path)
    try:
        with root(home) as top, folder(top, below, make=make) as at:
            yield f"/proc/self/fd/{at}/{name}"
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        raise


def walk(top: int, *, strict: bool) -> Iterator[tuple[str, list[str], int]]:
    """Each folder below the one that `top` is open on, that one ("") first: its path, the names in it that are no
    folders, and a descriptor of it, which holds until the next one.

    However deep it goes, without going into itself, and where a whole path would be too long (PATH_MAX). What cannot
    be read raises OSError when `strict`, and is passed over when not.
    """
    folders = [""]
    while folders:
        path = folders.pop()
        below = f"{path}/" if path else ""
        try:
            with folder(top, path) as at:
                found = _listed(at)
                folders += [below + name for name, is_folder in reversed(found) if is_folder]
                yield path, [name for name, is_folder in found if not is_folder], at
        except OSError:
            if strict:
                raise


def prune(top: int) -> None:
    """Remove the folders below the one that `top` is open on, as far as they are empty."""
    for path in reversed([path for path, _, _ in walk(top, strict=False) if path]):
        above, name = os.path.split(path)
        with contextlib.suppress(OSError), folder(top, above) as at:
            os.rmdir(name, dir_fd=at)


def _listed(at: int) -> list[tuple[str, bool]]:
    """What lies in a folder, in the order of names, and whether it is a folder."""
    with os.scandir(at) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


def _opened(above: int, path: str) -> int:
    how = struct.pack("=QQQ", _FOLDER, 0, _NO_SYMLINKS | _BENEATH)
    descriptor: int = _libc.syscall(_OPENAT2, above, os.fsencode(path), how, ctypes.c_size_t(len(how)))
    if descriptor >= 0:
        return descriptor
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return _walked(above, path, None)
    raise OSError(number, os.strerror(number), path)


def _made(above: int, path: str, mode: int | None) -> int:
    try:
        return _opened(above, path)
    except FileNotFoundError:
        return _walked(above, path, mode)


def _walked(above: int, path: str, make: int | None) -> int:
    at = os.dup(above)
    try:
        for part in path.split("/"):
            if part in ("", ".", ".."):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            if make is not None:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, make, dir_fd=at)
            below = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
    except BaseException:
        os.close(at)
        raise
    return at
