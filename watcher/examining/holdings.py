"""The library against the catalog: what a row names stands there with its size, and what stands there has a row.

Bytes are not read; whether they are still the same is `watcher verify`'s to say. What changed since the oldest try
began that has not come to its end may be that try's, whose rows come then: it is no stray, and of no wrong size.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from watcher.db import accounts, batch_views, holdings
from watcher.db.catalog import Catalog
from watcher.examining.doubts import Wait, confirmed
from watcher.examining.finding import Finding, Kind, Note, Remark
from watcher.examining.site import Site
from watcher.filesystem import is_locked
from watcher.ignoring import is_leaving
from watcher.model import shown
from watcher.showing import is_text
from watcher.storage.base import PRIVATE

_CHUNK = 500
_FEW = 5
_SLACK_SECONDS = 2.0  # rows have whole seconds, and the kernel's clock for files is a little behind
_REMEDIES: dict[Kind, str] = {
    "original": "restore it from a backup, or drop it again; watcher verify says what else is changed",
    "rendition": "run watcher repair, or watcher render for this one",
    "sidecar": "restore it from a backup, or drop it again",
}


def examine(site: Site, connection: sqlite3.Connection, wait: Wait) -> Iterator[Remark]:
    """Raises sqlite3.Error where the catalog cannot be read."""
    if not os.path.isdir(site.library):
        yield Finding("original", "the library is not there", site.library, "mount its disk, or correct library.path")
        return
    for kind in _REMEDIES:
        yield from _not_standing(site, connection, kind, wait)
    yield from _strays(site, connection, wait)
    yield from _leftovers(site)
    yield from _unmatched(connection)


def _not_standing(site: Site, connection: sqlite3.Connection, kind: Kind, wait: Wait) -> Iterator[Finding]:
    wrong = [row for row in accounts.held(connection, kind) if _problem(site, row["key"], row["size"])]
    for row in confirmed(wrong, lambda row: _is_wrong(site, connection, row["key"]), wait):
        problem = _problem(site, row["key"], row["size"])
        words = f"the {kind} of {row['name']} (id {row['id']}) {problem}"
        yield Finding(kind, words, os.path.join(site.library, row["key"]), _REMEDIES[kind])


def _is_wrong(site: Site, connection: sqlite3.Connection, key: str) -> bool:
    size = accounts.size_of(connection, key)
    if size is None or not _problem(site, key, *size):
        return False
    changed = _changed_at(os.path.join(site.library, key))
    return changed is None or changed < _settled_before(connection)


def _problem(site: Site, key: str, size: int | None) -> str | None:
    """What is wrong with what stands under `key`, as the end of a sentence; None when all is well."""
    try:
        found = os.lstat(os.path.join(site.library, key))
    except (FileNotFoundError, NotADirectoryError):
        return "is not there"
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    return None if size in (None, found.st_size) else f"has {found.st_size:,} bytes instead of {size:,}"


def _settled_before(connection: sqlite3.Connection) -> float:
    """Unix seconds: what has changed since then may be the work of a try that is going on."""
    since = holdings.flight(connection).since
    return float("inf") if since is None else datetime.fromisoformat(since).timestamp() - _SLACK_SECONDS


def _changed_at(path: str) -> float | None:
    """When a file got its name or its content, whichever was later; None when it is gone."""
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return None


# -- strays ------------------------------------------------------------------------------------------------------------


def _strays(site: Site, connection: sqlite3.Connection, wait: Wait) -> Iterator[Finding]:
    suspects = [key for keys in _chunks(_keys(site)) for key in _strangers(connection, keys)]
    strays = confirmed(suspects, partial(_is_stray, site, connection), wait)
    if strays:
        few = ", ".join(map(shown, strays[:_FEW])) + (" ..." if len(strays) > _FEW else "")
        words = f"{len(strays):,} files in the library are in no row of the catalog: {few}"
        place = os.path.join(site.library, strays[0])
        yield Finding("stray", words, place, "run watcher repair, which takes originals up again and lists the others")


def _is_stray(site: Site, connection: sqlite3.Connection, key: str) -> bool:
    # the time first: a try that ends in between has its rows by the time they are asked for
    before = _settled_before(connection)
    changed = _changed_at(os.path.join(site.library, key))
    return changed is not None and changed < before and bool(_strangers(connection, [key]))


def _strangers(connection: sqlite3.Connection, keys: list[str]) -> list[str]:
    """Those of `keys` that no row names, and no finished job is still to delete."""
    texts = [key for key in keys if is_text(key)]
    known = Catalog(connection).named(texts) if texts else set()
    unknown = [key for key in keys if key not in known]
    going = holdings.flight(connection).surplus if unknown else frozenset()
    return [key for key in unknown if key not in going]


def _keys(site: Site) -> Iterator[str]:
    """The keys of all files in the library's tree, but for what systems leave in every folder."""
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            entries = list(os.scandir(os.path.join(site.library, below)))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if is_leaving(entry.name) or (below, entry.name) == ("", PRIVATE):
                continue
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path


def _chunks(keys: Iterator[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    yield chunk


# -- the rest ----------------------------------------------------------------------------------------------------------


def _leftovers(site: Site) -> Iterator[Finding]:
    """Half-made files that nobody works on: a daemon that starts removes them, and one that runs needs its own."""
    tmp = os.path.join(site.private, "tmp")
    names = os.listdir(tmp) if site.daemon is None and os.path.isdir(tmp) else []
    if names and not is_locked(os.path.join(site.private, "workers.lock")):
        words = f"{len(names):,} half-made files of a run that was killed are left"
        yield Finding("leftover", words, tmp, "start watcher run, which removes them and finishes what they were for")


def _unmatched(connection: sqlite3.Connection) -> Iterator[Note]:
    number = batch_views.waiting_sidecars(connection)
    for row in accounts.unmatched_sidecars(connection, _FEW):
        yield Note("sidecar", f"{row['name']} has no picture yet" + _because(row))
    if number > _FEW:
        yield Note("sidecar", f"{number - _FEW:,} more sidecars have no picture yet")


def _because(row: dict[str, Any]) -> str:
    return f": {row['problem']}" if row["problem"] else ""
