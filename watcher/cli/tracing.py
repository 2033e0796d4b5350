"""Which files a person means by a path, a name or an id: those of which the catalog knows a story.

A path may be one in an inbox, in failed/, in a spool, in the library or in its trash. Whether there is a file that was
not taken yet is told by `untaken`.
"""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watcher.db import stories, views
from watcher.ignoring import FAILED
from watcher.intake.discards import ERROR_SUFFIX
from watcher.showing import shown
from watcher.storage.base import PRIVATE


class Subject(NamedTuple):
    """What a story is of: a job, or an asset of whose jobs there is none any more."""

    job: int | None = None
    asset: int | None = None


def find(connection: sqlite3.Connection, word: str, library: str) -> list[Subject]:
    """What `word` means, the latest first; the first way that finds any decides."""
    return next(filter(None, _ways(connection, word, library)), [])


def below(path: str, root: str) -> str | None:
    """The path of a file below `root`, as it is called or as it really is; None when it is not there."""
    folder, name = os.path.split(os.path.abspath(path))
    for whole, top in (
        (os.path.join(folder, name), os.path.abspath(root)),
        (os.path.join(os.path.realpath(folder), name), os.path.realpath(root)),
    ):
        if whole.startswith(os.path.join(top, "")):
            return os.path.relpath(whole, top)
    return None


def _ways(connection: sqlite3.Connection, word: str, library: str) -> Iterator[list[Subject]]:
    if match := re.fullmatch("job:([0-9]{1,18})", word):
        yield _of_number(connection, int(match[1]))
    if re.fullmatch("[0-9]{1,18}", word):
        yield _of_assets(connection, views.asset_by_id(connection, int(word)))
    if re.fullmatch("[0-9a-fA-F]{8,64}", word):
        yield _of_assets(connection, views.assets_by_digest(connection, word.lower()))
    for row in views.inboxes(connection):
        inside = below(word, os.fsdecode(row["path"]))
        called = os.path.normpath(word) if os.sep in word else None  # by people who are somewhere else
        for path in filter(None, (inside, called)):
            yield in_inbox(connection, row["path"], path)
    inside = below(word, library)
    for key in (inside, os.path.normpath(word)):
        if key is not None:
            yield _in_library(connection, key)
    yield _of_name(connection, shown(word))


def _of_number(connection: sqlite3.Connection, number: int) -> list[Subject]:
    row = views.job(connection, number)
    if row is None:
        return [Subject(asset=asset) for asset in stories.folded(connection, job=number)]
    return [Subject(number)]


def _of_assets(connection: sqlite3.Connection, assets: Sequence[int]) -> list[Subject]:
    """The job that brought each into the library, while it is known."""
    jobs = ((asset, stories.job_of(connection, asset)) for asset in assets)
    return [Subject(job) if job else Subject(asset=asset) for asset, job in jobs]


def _of_jobs(jobs: Sequence[int]) -> list[Subject]:
    return [Subject(job) for job in jobs]


def _of_name(connection: sqlite3.Connection, name: str) -> list[Subject]:
    jobs = stories.by_name(connection, name)
    if jobs:
        return _of_jobs(jobs)
    known = views.assets_by_name(connection, name) or stories.folded(connection, name=name)
    return _of_assets(connection, sorted(known, reverse=True))


def in_inbox(connection: sqlite3.Connection, inbox: bytes, path: str) -> list[Subject]:
    parts = path.split(os.sep)
    if parts[0] == PRIVATE:
        return _in_spool(connection, parts[1:])
    if parts[0] == FAILED:
        return _of_jobs(stories.by_left(connection, inbox, os.fsencode(path.removesuffix(ERROR_SUFFIX))))
    jobs = _of_jobs(stories.by_path(connection, inbox, os.fsencode(path)))
    return jobs or _of_assets(connection, stories.folded_at(connection, inbox, os.fsencode(path)))


def _in_spool(connection: sqlite3.Connection, parts: Sequence[str]) -> list[Subject]:
    """Below a folder of ours: spool/CLAIM/..., or members/CLAIM/JOB."""
    match parts:
        case ["members", _, job] if job.isdecimal() and len(job) < 19:
            return _of_number(connection, int(job))
        case ["spool" | "members", claim, *_]:
            return _of_jobs(stories.by_claim(connection, claim))
    return []


def _in_library(connection: sqlite3.Connection, key: str) -> list[Subject]:
    parts = key.split(os.sep)
    if parts[:2] == [PRIVATE, "trash"]:
        parts = parts[3:]
    elif parts[0] == PRIVATE:
        return _in_spool(connection, parts[1:])
    if not parts:
        return []
    keys = [unicodedata.normalize("NFC", shown("/".join(parts)))]  # as naming makes them, whatever a keyboard does
    assets = _of_assets(connection, views.assets_by_key(connection, keys))
    return assets or _of_jobs(stories.by_sidecar(connection, keys))
