"""What a person may call an asset: an id, digits of its digest, a path, the name it had, a job that led to it."""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterator

from watcher.cli import output
from watcher.db import search, views
from watcher.errors import ConfigError
from watcher.model import shown

_LISTED = 10  # of the assets that a digest's beginning can mean


def find(connection: sqlite3.Connection, word: str, library: str) -> list[int]:
    """The ids of the assets that `word` names; the first way that finds any decides.

    Raises ConfigError for the beginning of several digests.
    """
    return next(filter(None, _ways(connection, word, library)), [])


def missing(connection: sqlite3.Connection, word: str) -> str:
    """A sentence about a `word` that names no asset."""
    number = _job_number(word)
    job = views.job(connection, number) if number else None
    if job:
        reason = f": {job['reason']}" if job["reason"] else ""
        return output.escaped(f"job {job['id']} ({job['name']}) is {job['state']}, it led to no asset{reason}")
    return output.escaped(f"no asset is called '{shown(word)}': give an id, a digest, a path or the name it had")


def _ways(connection: sqlite3.Connection, word: str, library: str) -> Iterator[list[int]]:
    if number := _job_number(word):
        yield views.assets_by_job(connection, number)
    if re.fullmatch("[0-9]+", word):
        yield views.asset_by_id(connection, int(word)) if len(word) < 20 else []
    if re.fullmatch("[0-9a-fA-F]{8,64}", word):
        yield _by_digest(connection, word.lower())
    yield views.assets_by_key(connection, _keys(word, library))
    yield views.assets_by_name(connection, shown(word))


def _job_number(word: str) -> int | None:
    match = re.fullmatch("job:([0-9]{1,18})", word)
    return int(match[1]) if match else None


def _by_digest(connection: sqlite3.Connection, prefix: str) -> list[int]:
    ids = views.assets_by_digest(connection, prefix)
    if len(ids) > 1:
        listed = search.assets(connection, ids[:_LISTED], library="")
        lines = [f"  {one['digest']}  {output.escaped(one['name'])}" for one in listed]
        raise ConfigError("\n".join([f"{len(ids)} digests begin with {prefix}: give more of it", *lines]))
    return ids


def _keys(word: str, library: str) -> list[str]:
    """The keys that a path can mean: below the library as it is called, as it really is, or a key already."""
    pairs = [(os.path.abspath(word), os.path.abspath(library)), (_real(word), os.path.realpath(library))]
    keys = [os.path.relpath(path, root) for path, root in pairs if path.startswith(root.rstrip("/") + "/")]
    # keys are in NFC, whatever the keyboard made of an accent
    return [unicodedata.normalize("NFC", shown(key)) for key in (*keys, os.path.normpath(word))]


def _real(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
