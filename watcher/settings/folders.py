"""What must hold between inboxes and library: none inside another, each with its own name. Stdlib only.

Folders need not exist; links and bind mounts are followed, since two ways to one folder are one folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from watcher.filesystem import origin
from watcher.model import shown


def overlaps(folders: Sequence[str]) -> list[str]:
    """Inboxes that would take each other's files, as sentences."""
    real = sorted(os.path.realpath(folder) for folder in folders)
    twice = [f"{shown(place)} is named twice" for place in sorted({*real}) if real.count(place) > 1]
    pairs = [(place, other) for place in sorted({*real}) for other in sorted({*real}) if place != other]
    twice += [f"{shown(place)} is {shown(other)} by another way" for place, other in pairs if _same(place, other)][1::2]
    inside = [
        f"{shown(place)} lies inside {shown(other)}, which is an inbox too"
        for place, other in pairs
        if _below(place, other)
    ]
    return twice + inside


def in_the_way(folders: Sequence[str], library: str, database: str) -> list[str]:
    """Inboxes that would take the library's own files, or lie among them, as sentences."""
    home, catalog = os.path.realpath(library), os.path.realpath(database)
    wrong = []
    for place in map(os.path.realpath, folders):
        if _same(place, home):
            wrong.append(f"{shown(place)} is the library too; they must be apart")
        elif _below(place, home):
            wrong.append(f"{shown(place)} lies inside the library {shown(home)}; they must be apart")
        elif _below(home, place):
            wrong.append(f"the library {shown(home)} lies inside {shown(place)}; they must be apart")
        elif _below(catalog, place):
            wrong.append(f"the catalog {shown(catalog)} lies inside {shown(place)}, which would take it away")
    return wrong


def own_names(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """The names as given; for "" the folder's, numbered where that is taken."""
    own: list[str] = []
    for name, folder in zip(names, folders, strict=True):
        base = shown(os.path.basename(folder)) or "inbox"
        candidates = [base, *(f"{base}-{number}" for number in range(2, 2 * len(names) + 2))]
        own.append(name or next(each for each in candidates if each not in (*names, *own)))
    return own


def _same(path: str, other: str) -> bool:
    return origin(path) == origin(other)


def _below(path: str, folder: str) -> bool:
    """By their real paths, or, where a part of a folder is mounted elsewhere, on the disk."""
    pairs = ((path, folder), (origin(path), origin(folder)))
    return any(one.startswith(around.rstrip("/") + "/") and one != around for one, around in pairs)
