"""The photographs of `query_shots` in a catalog, for queries to be tried on: written by the ledger, as the daemon does.

`named` says how a person writes down a set of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from unittest import mock

from query_shots import CATALOG, IMPORTED, Shot

from tests.fresh import open_writer
from tests.ledger_site import BYTES, Desk
from watcher.db import editing, saved
from watcher.db.connect import transaction
from watcher.messages import Duplicate, Joined, Processed, Sidecar
from watcher.model import Facts, Job, Picture, Rendition, shown

_ALL_BUT = "all but"
_LONG_AGO = "2025-11-03T08:00:00Z"
_LOOSE = ("porto", "tram", "alone")  # of no folder
SAVED = {
    "pets": "cat OR dog",
    "calm": "@pets -holiday",
    "summer": "month:jun..aug -rain",
    "日本.x": "東京",
    "broken": "iso:abc",
    "round": "@trip",
    "trip": "beach @round",
}


@contextlib.contextmanager
def filled(database: Path) -> Iterator[Desk]:
    """All of CATALOG in a new catalog, after all that may happen to a photograph later."""
    connection = open_writer(str(database))
    desk = Desk(connection)
    with contextlib.closing(connection):
        for folder, shots in CATALOG.items():
            with mock.patch("watcher.db.catalog.now", lambda folder=folder: IMPORTED.get(folder, _LONG_AGO)):
                _take(desk, {f"{folder}/{name}": shot for name, shot in shots.items()})
        with mock.patch("watcher.db.catalog.now", lambda: _LONG_AGO):
            _add_batch(desk)
        _drop_again(desk)
        _join(desk)
        _change(desk)
        yield desk


def named(spelled: str) -> set[str]:
    """The labels of `birch`, `photo.png`, `diary/` (all of it), `roll-01..roll-09`, or of `all but` such."""
    if spelled.startswith(_ALL_BUT):
        return _everything() - named(spelled.removeprefix(_ALL_BUT))
    return {name for word in spelled.split() for name in _spelled(word)}


def _everything() -> set[str]:
    """All that is there in the end."""
    return {label(shown(name)) for folder in CATALOG.values() for name in folder} - {"gone"} | {*_LOOSE}


def label(name: str) -> str:
    """A name of the catalog in one word, as tables write it."""
    return re.sub(r"\s", "_", unicodedata.normalize("NFC", name.removesuffix(".jpg")))


def _spelled(word: str) -> list[str]:
    if word.endswith("/"):
        return [label(shown(name)) for name in CATALOG[word[:-1]] if name != "gone.jpg"]
    low, dots, high = word.partition("..")
    if dots:
        return [name for name in (label(name) for name in CATALOG["negatives"]) if low <= name <= high]
    return [unicodedata.normalize("NFC", word)]


def _take(desk: Desk, shots: Mapping[str, Shot], add: str = "") -> None:
    """From the drop to the commit, all at once."""
    desk.drop(*shots, add=add)
    jobs = desk.start(len(shots))
    desk.commit(*(Processed(job.id, job.attempt, _published(desk, job, shots[job.path])) for job in jobs))


def _published(desk: Desk, job: Job, shot: Shot) -> Picture:
    key = f"originals/{job.id}.{shot.format}"
    renditions = tuple(Rendition(recipe, f"{recipe}/{job.id}.jpg", 4, 3, len(BYTES)) for recipe in shot.recipes)
    for one in (key, *(rendition.key for rendition in renditions)):
        desk.storage.objects[one] = BYTES
    digest = _digest(job.path)
    # what lies in the library is smaller than what was dropped: nobody wants gigabytes in a test
    stored = (digest, len(BYTES))
    width, height = shot.shape
    return Picture(digest, key, shot.format, shot.size, width, height, shot.facts, renditions, shot.flags, stored)


def _digest(path: str) -> str:
    """Of the bytes that were dropped at `path`: let them be the path."""
    return hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()


def _add_batch(desk: Desk) -> None:
    """Files of no folder: two by `watcher add`, and one by itself."""
    with transaction(desk.db):
        desk.batching.added(desk.inbox, "a-aaaaaaaaaa", "Douro valley", b"")
    shot = Shot(Facts(taken_at="2012-03-05T10:00:00", taken_source="EXIF:x"))
    _take(desk, {"porto.jpg": shot, "tram.jpg": shot}, add="a-aaaaaaaaaa")
    _take(desk, {"alone.jpg": shot})


def _drop_again(desk: Desk) -> None:
    """The same bytes once more, in other folders; and some of the events are in albums."""
    for path, first in (("attic/2017/a.jpg", "twice"), ("attic/b.jpg", "thrice"), ("cellar/b.jpg", "thrice")):
        desk.drop(path)
        [job] = desk.start()
        desk.commit(Duplicate(job.id, job.attempt, _digest(f"events/{first}.jpg")))
    with transaction(desk.db):
        desk.catalog.put_in_album(*_asset(desk, "geysir"), "Iceland ring road")
        desk.catalog.put_in_album(*_asset(desk, "waterfall"), "Iceland ring road")
        desk.catalog.put_in_album(*_asset(desk, "waterfall"), "Best of")


def _join(desk: Desk) -> None:
    """A sidecar comes later, and its picture is read again."""
    desk.drop("events/beside.jpg.xmp")
    [job] = desk.start()
    desk.storage.objects["sidecars/beside.xmp"] = BYTES
    desk.commit(Sidecar(job.id, job.attempt, "xmp", "5" * 64, "sidecars/beside.xmp", len(BYTES)))
    [again] = desk.start()
    asset, _ = _asset(desk, "beside")
    picture, _, _ = desk.catalog.standing(asset)
    facts = replace(CATALOG["events"]["beside.jpg"].facts, title="Told by its sidecar")
    desk.commit(Joined(again.id, again.attempt, replace(picture, facts=facts)))


def _change(desk: Desk) -> None:
    """What people do by hand."""
    with transaction(desk.db):
        editing.edit(desk.db, [_asset(desk, "retold")[0]], editing.Changes({"title": "Well named"}, added=("edited",)))
        desk.catalog.remove(_asset(desk, "gone")[0])
        for name, query in SAVED.items():
            saved.save(desk.db, name, query)


def _asset(desk: Desk, name: str) -> tuple[int, int]:
    """Its id and that of its job."""
    row = desk.db.execute("select id, job_id from assets where name = ?", (f"{name}.jpg",)).fetchone()
    return row["id"], row["job_id"]
