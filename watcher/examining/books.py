"""The catalog as a database: pages, references, and the indexes of words and places against the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice

from watcher.db import soundness
from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Site

RESTORE = "stop the daemon, then restore a backup (watcher restore), or make it anew: watcher repair --from-library"
_REINDEX = "run watcher repair, which reads the words and places of all photographs anew"
_MOST = 1000  # of wrong entries that are counted: beyond that all of it is to be read anew anyway


def examine(site: Site, connection: sqlite3.Connection) -> Iterator[Remark]:
    """Raises sqlite3.Error where the catalog cannot even be read."""
    yield from (_damaged(site, complaint) for complaint in soundness.damage(connection))
    for table, parent, number in soundness.dangling(connection):
        yield _damaged(site, f"{number:,} rows of {table} refer to {parent} that are not there")
    if not soundness.words_are_sound(connection):
        yield Finding("index", "the index of words contradicts itself: searches may miss photographs", None, _REINDEX)
    yield from _unlike("words", list(islice(soundness.unlike_words(connection), _MOST)))
    if complaint := soundness.places_damage(connection):
        yield Finding("index", f"the index of places is damaged: {complaint}", None, _REINDEX)
    yield from _unlike("places", soundness.unlike_places(connection))
    if number := soundness.unread(connection):
        yield Note("index", f"{number:,} photographs were changed by another program; their words follow soon")


def _unlike(what: str, assets: Sequence[int]) -> Iterator[Finding]:
    if assets:
        number = f"{len(assets):,}" + (" or more" if len(assets) == _MOST else "")
        words = f"the index of {what} is wrong about {number} photographs (ids {', '.join(map(str, assets[:5]))} ...)"
        yield Finding("index", words, None, _REINDEX)


def _damaged(site: Site, complaint: str) -> Finding:
    return Finding("database", f"the catalog is damaged: {complaint}", site.database, RESTORE)
