"""Where claimed files lie until their commit: a folder for each claim, named by its token.

The file of a claim lies in there under its whole path below the inbox: the path itself says all that the journal needs.
How a file gets there is told by spool (a rename) and copying.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator

from watcher import beneath


class Layout:
    """`path` is the folder of the claims, `lodgings` that for members of archives; `wall` gives unix seconds.

    Both lie below `home`. Who may write there may have put a link on the way.
    """

    def __init__(self, home: str, path: str, lodgings: str, wall: Callable[[], float]) -> None:
        self.home, self.path = home, path
        self._lodgings = lodgings
        self._wall = wall
        self._last = 0

    def source(self, token: str, below: str) -> str:
        """Where the claimed file lies."""
        return os.path.join(self.path, token, below)

    def token(self) -> str:
        """One that was never used, and sorts behind all before it, also when the wall clock is set back."""
        self._last = max(self._last + 1, int(self._wall() * 1e9))
        return f"{self._last:016x}-{secrets.token_hex(2)}"

    def spooled(self) -> list[tuple[str, str | None]]:
        """(token, path below the inbox) of every file, oldest first; an empty folder has path None.

        Raises OSError: a file that cannot be seen must not count as lost.
        """
        return list(self._spooled())

    def _spooled(self) -> Iterator[tuple[str, str | None]]:
        for token in sorted(os.listdir(self.path)):
            folder = os.path.join(self.path, token)
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                continue
            with beneath.root(folder) as top:
                walk = beneath.walk(top, strict=True)
                files = sorted(os.path.join(at, name) for at, names, _ in walk for name in names)
            yield from ((token, path) for path in files)
            if not files:
                yield token, None

    def members(self, token: str) -> str:
        """The folder for bytes of members of the archive `token` that lie by themselves."""
        return os.path.join(self._lodgings, token)

    def member(self, token: str, job: int) -> str:
        """Where the bytes of a member of the archive `token`, the job `job`, may lie by themselves."""
        return os.path.join(self.members(token), str(job))

    def forget_members(self, known: set[str]) -> None:
        """Remove what lies there of archives that are not among these `known` claims."""
        for token in set(os.listdir(self._lodgings)) - known:
            with contextlib.suppress(OSError), beneath.pinned(self.home, self.members(token)) as folder:
                shutil.rmtree(folder, ignore_errors=True)

    def drop(self, token: str, path: str) -> None:
        """Delete the claimed file and its folder; that they are gone already is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.source(token, path))
        self.forget(token)

    def forget(self, token: str) -> None:
        """Remove the spool folder of `token`, as far as it is empty."""
        with contextlib.suppress(OSError), beneath.root(self.path) as spool:
            with beneath.folder(spool, token) as folder:
                beneath.prune(folder)
            os.rmdir(token, dir_fd=spool)


def make_folder(folder: str, mode: int) -> None:
    """Make the folder with this mode, whatever the umask is, unless it is there and has it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    if os.stat(folder).st_mode & 0o777 != mode:
        os.chmod(folder, mode)
