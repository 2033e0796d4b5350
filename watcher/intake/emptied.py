"""Folders of an inbox that our claims have emptied: removed once nothing has happened in them for a while.

A folder that holds anything stays, unless it is only what systems leave behind (`ignoring.is_leaving`): that goes with
it. The inbox's root is never touched.
"""

from __future__ import annotations

import os

from watcher.ignoring import is_leaving


class Emptied:
    """Folders (relative to `root`) and when the last file was taken from them, in monotonic seconds."""

    def __init__(self, root: str, quiet_seconds: float) -> None:
        self._root = root
        self._quiet_seconds = quiet_seconds
        self._since: dict[str, float] = {}

    def note(self, folder: str, now: float) -> None:
        """A file was taken from `folder`."""
        if folder:
            self._since[folder] = now

    def next_deadline(self) -> float | None:
        return min(self._since.values()) + self._quiet_seconds if self._since else None

    def remove(self, now: float, wall: float, at_once: bool = False) -> None:
        """Remove those that have been quiet (`at_once`: all that are empty), deepest first."""
        due = [folder for folder, since in self._since.items() if at_once or now >= since + self._quiet_seconds]
        for folder in sorted(due, key=lambda folder: folder.count("/"), reverse=True):
            del self._since[folder]
            self._climb(folder, now, wall, at_once)

    def _climb(self, folder: str, now: float, wall: float, at_once: bool) -> None:
        quiet = at_once or self._is_quiet(folder, wall)
        while folder:
            if not quiet:  # somebody made or removed something there: a copy may be about to go on
                self.note(folder, now)
                return
            parent = os.path.dirname(folder)
            quiet = at_once or self._is_quiet(parent, wall)  # before our own rmdir touches it
            try:
                _remove(os.path.join(self._root, folder))
            except OSError:  # not empty, or gone: a later claim from it notes it again
                return
            folder = parent

    def _is_quiet(self, folder: str, wall: float) -> bool:
        try:
            changed = os.lstat(os.path.join(self._root, folder)).st_mtime
        except OSError:
            return True
        return not 0 <= wall - changed < self._quiet_seconds


def _remove(folder: str) -> None:
    """Remove a folder with the files that systems left in it. Raises OSError when it holds anything else."""
    with os.scandir(folder) as entries:
        found = list(entries)
    if all(is_leaving(entry.name) and entry.is_file(follow_symlinks=False) for entry in found):
        for entry in found:
            os.unlink(entry.path)
    os.rmdir(folder)
