"""Which files lie below an inbox, and what each of them is by its place alone. Changes nothing, follows no links.

What a rule leaves alone is asked of the function that leaves it alone (ignoring), and counted, never stored. What a
claimed file's row says is for `accounts`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from watcher.ignoring import Ignoring
from watcher.intake.spool import ADD, FOLDER, MEMBERS, READY

SPOOL = "spool"


@dataclass(slots=True)
class Census:
    """Paths are below the inbox; those of spooled and lodged files (claim, path) are below their claim's folder.

    `ignored`: how many files each rule leaves alone. `unreadable`: (folder, why). `elsewhere`: folders on which another
    file system is mounted. `odd`: what is in the private folder and not of our naming.
    """

    waiting: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    added: int = 0
    spooled: list[tuple[str, str]] = field(default_factory=list)
    lodged: list[tuple[str, str]] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def take(root: str, ignoring: Ignoring, *, private: bool = True) -> Census:
    """Of the inbox at `root`; `private`: with the folder in it that is the daemon's own. Raises OSError."""
    census = Census()
    _count_inbox(root, ignoring, census)
    if private:
        _count_private(os.path.join(root, FOLDER), census)
    return census


def _count_inbox(root: str, ignoring: Ignoring, census: Census) -> None:
    device = os.stat(root).st_dev
    folders: list[tuple[str, str | None]] = [("", None)]
    while folders:
        below, rule = folders.pop()
        for entry in _entries(root, below, census):
            path = f"{below}/{entry.name}" if below else entry.name
            if path == FOLDER:
                continue
            applies = rule or ignoring.rule_for(below, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if _is_on(device, entry):
                    folders.append((path, applies))
                else:
                    census.elsewhere.append(path)
            elif entry.is_file(follow_symlinks=False):
                _file_under(census, path, applies)


def _file_under(census: Census, path: str, rule: str | None) -> None:
    if rule is None:
        census.waiting.append(path)
    else:
        census.ignored[rule] += 1


def _is_on(device: int, entry: os.DirEntry[str]) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_dev == device
    except FileNotFoundError:  # it went this moment: nothing is in it
        return True


def _count_private(folder: str, census: Census) -> None:
    """Files at its top are the daemon's own: its lock, its name; a note that is being written."""
    for entry in _entries(folder, "", census):
        if not entry.is_dir(follow_symlinks=False):
            continue
        inside = list(_files(entry.path, census))
        if entry.name in (ADD, READY):
            census.added += len(inside)
        elif entry.name == SPOOL:
            census.spooled += [_in_claim(path) for path in inside]
        elif entry.name == MEMBERS:
            census.lodged += [_in_claim(path) for path in inside]
        else:
            census.odd += [os.path.join(folder, entry.name, path) for path in inside]


def _in_claim(path: str) -> tuple[str, str]:
    claim, _, below = path.partition("/")
    return claim, below


def _files(top: str, census: Census) -> Iterator[str]:
    folders = [""]
    while folders:
        below = folders.pop()
        for entry in _entries(top, below, census):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path


def _entries(root: str, below: str, census: Census) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing when it is gone, and a word in the census when it cannot be read."""
    try:
        with os.scandir(os.path.join(root, below)) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        census.unreadable.append((os.path.join(root, below), error.strerror or str(error)))
        return []
