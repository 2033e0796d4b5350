"""A folder of links to what was found: an album on the spot. Nothing in it is written over."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping

from watcher.errors import ConfigError
from watcher.showing import shown

KINDS: Mapping[str, Callable[[str, str], object]] = {
    "symbolic": os.symlink,
    "hard": os.link,
    "copies": lambda source, target: _copy(source, target),
}


def place(folder: str, library: str) -> str:
    """Where the links shall be, absolute. Raises ConfigError for a place that cannot be meant."""
    if not folder:
        raise ConfigError("--link needs the name of a folder: the one given is empty")
    home, whole = os.path.realpath(folder), os.path.realpath(library)
    if os.path.commonpath((home, whole)) == whole:
        raise ConfigError(f"{shown(folder)} lies in the library: links are made in a folder outside of it")
    return os.path.abspath(folder)


def link(paths: Iterable[tuple[int, str]], folder: str, kind: str) -> tuple[int, list[str]]:
    """Make a link in `folder` for each (id, path): how many are there now, and a sentence for each that is not.

    It has the file's own name; where another has that already, with the asset's id. What is there from before stays,
    so the same again changes nothing. Raises ConfigError when there can be no such folder.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{shown(folder)} cannot be made: {error.strerror}") from None
    done, problems = 0, []
    for number, path in paths:
        try:
            _link(path, folder, number, KINDS[kind])
            done += 1
        except OSError as error:
            problems.append(f"{shown(path)} cannot be linked: {error.strerror}")
    return done, problems


def _link(path: str, folder: str, number: int, make: Callable[[str, str], object]) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(0, "it is missing from the library")
    stem, ending = os.path.splitext(os.path.basename(path))
    for name in (stem + ending, f"{stem}_{number}{ending}"):
        target = os.path.join(folder, name)
        with contextlib.suppress(FileExistsError):
            make(path, target)
            return
        if _is_same(path, target):
            return
    raise FileExistsError(0, f"{shown(target)} is another file")


def _is_same(path: str, target: str) -> bool:
    try:
        if os.path.samefile(path, target):
            return True
        one, other = os.stat(path), os.stat(target)
    except OSError:  # a link that leads nowhere
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)  # as copy2 leaves it


def _copy(source: str, target: str) -> None:
    """A copy with the times of its source; one that breaks off leaves nothing."""
    with open(source, "rb") as original, open(target, "xb") as copy:
        try:
            shutil.copyfileobj(original, copy)
        except BaseException:
            os.unlink(target)
            raise
    shutil.copystat(source, target)
