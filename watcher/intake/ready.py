"""What `watcher add` has put together: `.watcher/ready/<token>/`, with its files and its batch.toml, whole and ours.

A folder gets there by one rename, so nothing in it is waited for. What is claimed from it goes the way of all claims.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from itertools import islice

from watcher import beneath
from watcher.errors import UnavailableError
from watcher.intake.spool import FOLDER, READY, SURROUNDINGS, Spool, explained
from watcher.model import MOST_OPTIONS, OPTIONS_NAME, Claim, Seen
from watcher.showing import utc

TOKEN = re.compile(r"a-[a-z2-7]{10}")


class Ready:
    """Those of the inbox at `root`."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folder = os.path.join(root, FOLDER, READY)
        self.refused: dict[str, str] = {}  # tokens of what cannot be taken, and why: only a rescan tries it again

    def tokens(self) -> list[str]:
        """The folders that can be taken, in order of their names; none where the inbox is not."""
        try:
            with os.scandir(self._folder) as entries:
                there = {e.name for e in entries if TOKEN.fullmatch(e.name) and e.is_dir(follow_symlinks=False)}
        except OSError:
            return []
        return sorted(there - self.refused.keys())

    def path(self, token: str, below: str) -> str:
        """Where a file of it lies before it is claimed."""
        return os.path.join(self._folder, token, below)

    def options(self, token: str) -> bytes | None:
        """The content of its batch.toml; empty when there is none. None: it cannot be read, and nothing is taken."""
        try:
            return read_options(os.path.join(self._folder, token, OPTIONS_NAME))
        except OSError as error:
            self.refused[token] = f"its {OPTIONS_NAME} cannot be read: {error.strerror}"
            return None

    def name(self, token: str) -> str:
        """What a person calls it: the one file or folder that was added, else its token."""
        with contextlib.suppress(OSError):
            names = [name for name in os.listdir(os.path.join(self._folder, token)) if name != OPTIONS_NAME]
            return names[0] if len(names) == 1 else token
        return token

    def files(self, token: str) -> Iterator[tuple[str, int]]:
        """(path below the folder, bytes) of its regular files, but for its batch.toml; others are left alone."""
        with contextlib.suppress(FileNotFoundError), beneath.root(os.path.join(self._folder, token)) as top:
            for folder, names, at in beneath.walk(top, strict=False):
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        found, path = os.lstat(name, dir_fd=at), os.path.join(folder, name)
                        if stat.S_ISREG(found.st_mode) and path != OPTIONS_NAME:
                            yield path, found.st_size

    def claim(self, token: str, room: int, spool: Spool) -> list[Claim]:
        """Take at most `room` files of what was added as `token` to `spool`; the folder goes with the last one.

        Raises UnavailableError when nothing can be taken for want of space or of a writable disk.
        """
        claims: list[Claim] = []
        try:
            for below, size in islice(self.files(token), max(0, room)):
                seen = Seen(_written(self.path(token, below)), "add")
                claim = spool.take(below, token)
                claims.append(Claim(claim, self._root, below, spool.source(claim, below), size, seen))
            self.remove(token)
        except OSError as error:
            if error.errno in SURROUNDINGS and not claims:
                raise UnavailableError(f"what was added as {token} cannot be taken: {error.strerror}") from error
            self.refused[token] = f"cannot be moved out of its folder: {explained(error)}"
        return claims

    def remove(self, token: str) -> None:
        """Remove the folder, when no file of it is left but its batch.toml. Raises OSError."""
        top = os.path.join(self._folder, token)
        if next(self.files(token), None) is not None:
            return
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(top, OPTIONS_NAME))
        with contextlib.suppress(OSError):  # a link or a pipe: nothing that `add` puts there
            with beneath.root(top) as folder:
                beneath.prune(folder)
            os.rmdir(top)
        if os.path.lexists(top):
            self.refused[token] = "what is left in it is no file"


def _written(path: str) -> str:
    """When the file was put there, as rows have a time. Raises OSError."""
    return utc(min(max(0.0, os.lstat(path).st_ctime), time.time()))


def read_options(path: str) -> bytes:
    """The content of a batch.toml, as far as one may go; empty when there is none. Raises OSError."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            return file.read(MOST_OPTIONS + 1)
    except FileNotFoundError:
        return b""
