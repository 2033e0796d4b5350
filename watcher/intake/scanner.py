"""Walks a folder and names the regular files in it that are not ignored. Changes nothing, remembers nothing.

A rename while a folder is read may hide a name, so one scan proves that a file is there, never that it is
gone. When there is a scan, and what it costs, is the business of rounds.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from watcher.ignoring import Ignoring

_BREATH = 500  # entries of one folder that are read at a stretch


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
    return (found for found in walk(root, ignoring, below) if found is not None)


def walk(root: str, ignoring: Ignoring, below: str = "") -> Iterator[str | Skipped | None]:
    """The same in small steps, for a caller with other things to do: None for each folder, and while a large one is
    read.
    """
    device = os.stat(root).st_dev
    folders = [below]
    while folders:
        folder = folders.pop()
        yield None
        try:
            if os.stat(os.path.join(root, folder)).st_dev != device:
                yield Skipped(folder, "another file system is mounted there: not entered")
                continue
            listing = yield from _list(root, folder, ignoring)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Skipped(folder, f"the folder cannot be read: {error.strerror}", failed=True)
            continue
        yield from sorted(listing.files)
        yield from listing.skipped
        folders.extend(sorted(listing.folders, reverse=True))


def _list(root: str, folder: str, ignoring: Ignoring) -> Generator[None, None, _Listing]:
    listing = _Listing([], [], [])
    prefix = f"{folder}/" if folder else ""
    with os.scandir(os.path.join(root, folder)) as entries:
        for number, entry in enumerate(entries):
            if number % _BREATH == _BREATH - 1:
                yield None
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
