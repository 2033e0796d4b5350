"""Files on their way into an inbox by `watcher add`: copied to `.watcher/add/`, then all at once in `.watcher/ready/`.

Owns what is copied, under which names, and that a folder in `ready` is whole: it gets there by one rename, on the disk.
No row is written here; what the options mean is settings' to say, and what is taken from `ready`, and when, intake's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from watcher.errors import ConfigError
from watcher.filesystem import copy_bytes, fsync_directory
from watcher.ignoring import is_junk
from watcher.intake.spool import ADD, FOLDER, READY
from watcher.model import OPTIONS_NAME, shown

ABANDONED_SECONDS = 86_400.0  # age at which what a killed `add` left is nobody's
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # base32 (RFC 4648), small


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to add: where it lies (None: standard input), its path in the batch, its size in bytes (None: unknown)."""

    source: str | None
    place: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be added. `options`: the batch.toml that came along; `left_out`: (path, why) of what is no file."""

    pieces: tuple[Piece, ...]
    options: str | None
    left_out: tuple[tuple[str, str], ...]


def plan(paths: Sequence[str], name: str | None = None) -> Plan:
    """What `paths` come to: files, and folders with all that is in them. "-" is standard input, called `name`.

    A path that a person named may be a link; one that was found in a folder is left out. Only looks. Raises ConfigError
    that lists all that cannot be added, a line each.
    """
    pieces: list[Piece] = []
    left_out: list[tuple[str, str]] = []
    wrong: list[str] = []
    for path in paths:
        try:
            found = [Piece(None, name or "", None)] if path == "-" else list(_pieces(path, left_out))
            pieces += found
            wrong += [] if found else [f"{shown(path)} holds nothing to add"]
        except OSError as error:
            wrong.append(f"{shown(error.filename or path)} cannot be added: {error.strerror}")
    sources = [piece.source for piece in pieces if piece.source is not None]
    wrong += [f"{shown(path)} cannot be read: you have no right to" for path in sources if not os.access(path, os.R_OK)]
    options = [piece.source for piece in pieces if piece.source and _is_options(piece)]
    pieces = [piece for piece in pieces if not _is_options(piece)]
    wrong += _clashes([name or "" if path == "-" else _name(path) for path in paths], options)
    if wrong or not pieces:
        raise ConfigError("\n".join(wrong) or f"there is nothing to add beside {OPTIONS_NAME}")
    return Plan(tuple(pieces), options[0] if options else None, tuple(left_out))


def add(inbox: str, pieces: Sequence[Piece], options: bytes, stdin: IO[bytes]) -> str:
    """Copy the pieces and a batch.toml of these `options` into the inbox, as one batch; its token.

    Nothing is left behind when that cannot be done. Raises ConfigError, a sentence that names the file.
    """
    token = "a-" + "".join(secrets.choice(_LETTERS) for _ in range(10))
    rights = _prepare(inbox)
    half, whole = os.path.join(inbox, FOLDER, ADD, token), os.path.join(inbox, FOLDER, READY, token)
    try:
        with _explained(f"{shown(half)} cannot be made"), _claimed(half, rights):
            for piece in pieces:
                _make_folder(os.path.dirname(os.path.join(half, piece.place)), rights)
                _bring(piece, os.path.join(half, piece.place), rights, stdin)
            _write(os.path.join(half, OPTIONS_NAME), options, rights)
            for folder, _, _ in os.walk(half):
                fsync_directory(folder)
            os.rename(half, whole)
            fsync_directory(os.path.dirname(whole))
    except BaseException:  # Ctrl-C too
        shutil.rmtree(half, ignore_errors=True)
        raise
    return token


# -- what there is to add ----------------------------------------------------------------------------------------------


def _pieces(path: str, left_out: list[tuple[str, str]]) -> Iterator[Piece]:
    top, found = _name(path), os.stat(path)
    if stat.S_ISDIR(found.st_mode) and top not in ("", OPTIONS_NAME):
        yield from _tree(path, top, left_out)
    elif stat.S_ISREG(found.st_mode):
        yield Piece(os.path.abspath(path), top, found.st_size)
    else:
        raise OSError(errno.EINVAL, "it is no file, and no folder with a name of its own", path)


def _tree(top: str, name: str, left_out: list[tuple[str, str]]) -> Iterator[Piece]:
    waiting = [(os.path.abspath(top), name)]
    while waiting:
        folder, place = waiting.pop()
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if is_junk(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, os.path.join(place, entry.name)))
            elif entry.is_file(follow_symlinks=False):
                yield Piece(entry.path, os.path.join(place, entry.name), entry.stat(follow_symlinks=False).st_size)
            else:
                left_out.append((entry.path, "a link" if entry.is_symlink() else "no regular file"))


def _is_options(piece: Piece) -> bool:
    """Whether it is a batch.toml that was named, or that lies at the top of a folder that was."""
    folder, _, name = piece.place.rpartition("/")
    return piece.source is not None and name == OPTIONS_NAME and "/" not in folder


def _name(path: str) -> str:
    return os.path.basename(os.path.abspath(path))


def _clashes(names: Sequence[str], options: Sequence[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    wrong = [f"two are called {shown(name)}: add them one after the other" for name in twice]
    if len(options) > 1 and not twice:
        wrong.append(f"two have a {OPTIONS_NAME}: add them one after the other")
    return wrong


# -- how it gets there -------------------------------------------------------------------------------------------------


def _prepare(inbox: str) -> int:
    """Make the folders that are missing, and remove what was abandoned. The rights that folders there have.

    They are those of the inbox: whoever may drop files may add some.
    """
    folder = os.path.join(inbox, FOLDER)
    if not os.path.isdir(inbox):
        raise ConfigError(f"The inbox {shown(inbox)} does not exist. Make the folder, or mount its disk.")
    with _explained(f"nothing can be added to the inbox {shown(inbox)}"):
        if os.path.islink(folder):
            raise ConfigError(f"{shown(folder)} is a symbolic link. Remove it: what is added must lie in the inbox.")
        # not the sticky bit: it would keep a daemon of another user from taking the files
        rights = stat.S_IMODE(os.stat(inbox).st_mode) & 0o2777
        for name in (ADD, READY):
            _make_folder(os.path.join(folder, name), rights)
        _remove_abandoned(os.path.join(folder, ADD))
    return rights


def _remove_abandoned(folder: str) -> None:
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS:
                with _locked(entry.path):
                    shutil.rmtree(entry.path)


@contextlib.contextmanager
def _claimed(folder: str, rights: int) -> Iterator[None]:
    """A folder of our own, which no other `add` takes for an abandoned one however long this one copies."""
    os.mkdir(folder)
    os.chmod(folder, rights)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # NFS locks no folders: there none is removed either
            stack.enter_context(_locked(folder))
        yield


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _make_folder(folder: str, rights: int) -> None:
    if not os.path.isdir(folder):
        _make_folder(os.path.dirname(folder), rights)
        with contextlib.suppress(FileExistsError):  # another `add` was faster
            os.mkdir(folder)
            os.chmod(folder, rights)  # whatever the umask is


def _bring(piece: Piece, target: str, rights: int, stdin: IO[bytes]) -> None:
    name = "standard input" if piece.source is None else shown(piece.source)
    with _explained(f"{name} cannot be added"), open(target, "xb") as new:
        if piece.source is None:
            shutil.copyfileobj(stdin, new, 1 << 20)
        else:
            _copy(piece.source, new)
        _finish(new, rights)
        if not os.fstat(new.fileno()).st_size and piece.source is None:
            raise ConfigError("nothing came in on standard input")


def _copy(source: str, new: IO[bytes]) -> None:
    """Its bytes and its time. Raises ConfigError when it changes, OSError when that shows in its size."""
    with open(source, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as old:
        before = os.fstat(old.fileno())
        copy_bytes(old.fileno(), new.fileno())
        after = os.fstat(old.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ConfigError(f"{shown(source)} changed while it was copied: add it when it is complete")
    os.utime(new.fileno(), ns=(after.st_atime_ns, after.st_mtime_ns))


def _write(path: str, content: bytes, rights: int) -> None:
    with open(path, "xb") as new:
        new.write(content)
        _finish(new, rights)


def _finish(new: IO[bytes], rights: int) -> None:
    """On the disk, and readable for those who may look into the inbox, whatever umask and the copied file say."""
    new.flush()
    os.fchmod(new.fileno(), rights & 0o666)
    os.fsync(new.fileno())


@contextlib.contextmanager
def _explained(problem: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{problem}: {error.strerror}") from None
