"""Walks a folder and names the regular files in it that are not ignored. Changes nothing, remembers nothing.

A rename while a folder is read may hide a name, so one scan proves that a file is there, never that it is
gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from watcher.ignoring import Ignoring


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that was passed over. `failed`: there may be files in it that should have been taken."""

    path: str
    why: str
    failed: bool = False


@dataclass(slots=True)
class _Listing:
    files: list[str]
    folders: list[str]
    skipped: list[Skipped]


def scan(root: str, ignoring: Ignoring, below: str = "") -> Iterator[str | Skipped]:
    """The files under `root`/`below` as paths relative to `root`, each folder's in the order of their names.

    Links are not followed, other file systems not entered. A folder that vanished meanwhile is passed over in
    silence, one that cannot be read is yielded as Skipped. Raises OSError only when `root` itself is not
    there.
    """
    device = os.stat(root).st_dev
    folders = [below]
    while folders:
        folder = folders.pop()
        try:
            if os.stat(os.path.join(root, folder)).st_dev != device:
                yield Skipped(folder, "another file system is mounted there: not entered")
                continue
            listing = _list(root, folder, ignoring)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Skipped(folder, f"the folder cannot be read: {error.strerror}", failed=True)
            continue
        yield from sorted(listing.files)
        yield from listing.skipped
        folders.extend(sorted(listing.folders, reverse=True))


def _list(root: str, folder: str, ignoring: Ignoring) -> _Listing:
    listing = _Listing([], [], [])
    prefix = f"{folder}/" if folder else ""
    with os.scandir(os.path.join(root, folder)) as entries:
        for entry in entries:
            if ignoring.rule_for(folder, entry.name):
                continue
            path = prefix + entry.name
            if entry.is_file(follow_symlinks=False):
                listing.files.append(path)
            elif entry.is_dir(follow_symlinks=False):
                listing.folders.append(path)
            elif entry.is_symlink():
                listing.skipped.append(Skipped(path, "a symbolic link: never followed"))
            else:
                listing.skipped.append(Skipped(path, "a pipe, a socket or a device: not a file"))
    return listing
