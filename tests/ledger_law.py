"""The law: what must hold between what was dropped, the disk and the catalog once the daemon has come to rest.

Looks with its own eyes (sqlite3, os, hashlib), never through the program's. `violations` gives sentences, so that
a test shows all that is wrong at once.

One kind of stray is allowed, where two workers raced and died (`raced`): the published files of a picture whose equal
was committed by the next daemon first, so that it was told from it by its digest and never published again. They cost
space and hide nothing.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from watcher.querying.folding import tokens  # what a word is

_OURS = {"lock", "owner", "spool", "add", "ready", "members"}  # all that may lie in an inbox's .watcher
_FINISHED = ("done", "duplicate", "failed", "ignored", "cancelled")
_WORDED = ("name", "title", "folder", "album", "batch", "people", "inbox")  # columns of plain text in the index
_NOTE = b"photo-watcher could not take this file.\n"


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that was dropped at `path` below the inbox, or that lies in an archive under that path.

    `broken`: it cannot be taken; `unreadable`: nor can its bytes be had from its archive, which fails then.
    """

    path: str
    content: bytes
    broken: bool = False
    unreadable: bool = False
    litter: bool = False
    sidecar: bool = False
    members: tuple[Drop, ...] = ()

    def story(self, below: str = "") -> Iterator[str]:
        """How its job, and those of its members, must have ended."""
        place = below + self.path
        if self.litter:
            yield f"{place!r} ignored"
        elif self.unreadable:
            yield f"{place!r} failed"
        elif self.broken or any(member.unreadable for member in self.members):
            yield f"{place!r} failed, kept as {_digest(self.content)}"
        elif self.sidecar:
            yield f"{place!r} is the sidecar {_digest(self.content)}"
        else:
            yield f"{place!r} unpacked" if self.members else f"{place!r} is the asset {_digest(self.content)}"
        for member in self.members:
            yield from member.story(place + "!")


def violations(
    library: str,
    inbox: str,
    drops: Sequence[Drop],
    announced: Collection[int],
    *,
    foreign: Collection[str] = (),
    raced: bool = False,
    stays: bool = False,
    database: str = "",
) -> list[str]:
    """All that is wrong. `announced`: ids of jobs that were told of; `foreign`: what others put in failed/.

    `stays`: the inbox is only copied from, so that what failed lies in its place. `database`: the catalog, where that
    lies elsewhere than in the library.
    """
    place = database or os.path.join(library, ".watcher", "watcher.db")
    with closing(sqlite3.connect(place, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        return [
            *_sound(db),
            *_finished(db, announced),
            *_told_as_dropped(db, inbox, drops, stays),
            *_assets_stand(db, library),
            *_no_strays(db, library, raced),
            *_failed_folder(db, inbox, foreign),
            *(_nothing_left_by_copies(library, inbox) if stays else _nothing_left(library, inbox)),
        ]


def _sound(db: sqlite3.Connection) -> Iterator[str]:
    for row in db.execute("pragma integrity_check"):
        if row[0] != "ok":
            yield f"the catalog is damaged: {row[0]}"
    for row in db.execute("pragma foreign_key_check"):
        yield f"a row of {row[0]} names what is not there"
    db.execute("insert into assets_fts(assets_fts) values ('integrity-check')")
    entries = db.execute(f"select rowid, {', '.join(_WORDED)} from assets_fts")
    found = {(row[0], *map(_words, tuple(row)[1:])) for row in entries}
    rows = db.execute(f"select id, {', '.join(_WORDED)} from assets").fetchall()
    expected = {(row[0], *(" ".join(tokens(text or "")) for text in tuple(row)[1:])) for row in rows}
    yield from (f"the index of words is wrong about {entry}" for entry in sorted(found ^ expected))


def _words(entry: str) -> str:
    """Without the marks of whole values (db/wording.py)."""
    return " ".join(word for word in entry.split() if not word.startswith("\x9c"))


def _finished(db: sqlite3.Connection, announced: Collection[int]) -> Iterator[str]:
    for row in db.execute("select * from jobs"):
        if row["state"] not in _FINISHED:
            yield f"job {row['id']} ({row['name']}) is still {row['state']}"
        if not row["discarded"]:
            yield f"job {row['id']} ({row['name']}) was never discarded"
        if not row["announced"] or row["id"] not in announced:
            yield f"job {row['id']} ({row['name']}) was never announced"


def _told_as_dropped(db: sqlite3.Connection, inbox: str, drops: Sequence[Drop], stays: bool) -> Iterator[str]:
    """Each drop, and each member, has exactly one job, which ended as it must."""
    expected = Counter(line for drop in drops for line in drop.story())
    found = Counter(_story(row, inbox) for row in db.execute(_STORIES))
    if stays:  # a member's bytes are in its archive
        expected = Counter({re.sub("(![^!]*' failed), kept.*", r"\1", line): n for line, n in expected.items()})
    yield from (f"missing: {line}" for line in (expected - found).elements())
    yield from (f"too much: {line}" for line in (found - expected).elements())


_STORIES = """select j.path, j.state, j.reason, case when j.copied then j.path else j.left_at end as left_at,
    a.digest, s.digest as sidecar, j.listed,
    p.path as archive, pp.path as outer
  from jobs j left join assets a on a.id = j.asset_id left join sidecars s on s.job_id = j.id
    left join jobs p on p.id = j.parent_id left join jobs pp on pp.id = p.parent_id where j.kind = 'file'"""


def _story(row: sqlite3.Row, inbox: str) -> str:
    above = "".join(os.fsdecode(path) + "!" for path in (row["outer"], row["archive"]) if path is not None)
    place = above + os.fsdecode(row["path"])
    if row["sidecar"] is not None:
        return f"{place!r} is the sidecar {row['sidecar']}"
    if row["state"] in ("done", "duplicate"):
        return f"{place!r} unpacked" if row["listed"] else f"{place!r} is the asset {row['digest']}"
    if row["state"] == "failed":
        if row["left_at"] is None:
            return f"{place!r} failed" if above else f"{place!r} failed ({row['reason']}), and is not kept"
        return f"{place!r} failed, kept as {_digest_of(os.path.join(os.fsencode(inbox), row['left_at']))}"
    return f"{place!r} {row['state']}"


def _assets_stand(db: sqlite3.Connection, library: str) -> Iterator[str]:
    kept = {_digest_of(path) for path in glob.glob(f"{glob.escape(library)}/.watcher/trash/**", recursive=True)}
    for row in db.execute("select digest, stored_digest, key from assets"):
        if _digest_of(os.path.join(library, row["key"])) != row["stored_digest"]:
            yield f"{row['key']} does not hold the bytes of its asset"
        if row["digest"] not in {row["stored_digest"], *kept}:
            yield f"the bytes of {row['key']} as they were dropped are nowhere"
    for row in db.execute("select key, digest from sidecars"):
        if _digest_of(os.path.join(library, row["key"])) != row["digest"]:
            yield f"{row['key']} does not hold the bytes of its sidecar"
    for row in db.execute("select key, size from renditions"):
        path = os.path.join(library, row["key"])
        if not os.path.isfile(path) or os.path.getsize(path) != row["size"]:
            yield f"{row['key']} is not the rendition that the catalog tells of"


def _no_strays(db: sqlite3.Connection, library: str, raced: bool) -> Iterator[str]:
    named = _named(db)
    strays = set(_files(library)) - named
    equal = {row[0] for row in db.execute(_DROPPED_AGAIN)}
    copies = {key for key in strays if key.startswith("originals/") and _digest_of(f"{library}/{key}") in equal}
    tolerated = {_below(key) for key in copies} if raced else set()
    yield from (f"stray: {key}" for key in sorted(strays) if not {_below(key), _below(key)[:-4]} & tolerated)


_DROPPED_AGAIN = """select stored_digest from assets a join jobs j on j.asset_id = a.id where j.kind = 'file'
  group by a.id having count(*) > 1"""


def _named(db: sqlite3.Connection) -> set[str]:
    return {row[0] for table in ("assets", "renditions", "sidecars") for row in db.execute(f"select key from {table}")}


def _failed_folder(db: sqlite3.Connection, inbox: str, foreign: Collection[str]) -> Iterator[str]:
    """Each failed file has its note beside it, and nothing else is there."""
    failed = os.path.join(inbox, "failed")
    kept = {os.fsdecode(row[0]) for row in db.execute("select left_at from jobs where left_at is not null")}
    expected = kept | {path + ".error.txt" for path in kept} | set(foreign)
    found = {os.path.join("failed", path) for path in _files(failed)}
    yield from (f"not there: {path!r}" for path in expected - found)
    yield from (f"nobody's: {path!r}" for path in found - expected)
    for path in kept & found:
        with open(os.path.join(inbox, path) + ".error.txt", "rb") as note:
            if note.readline() != _NOTE:
                yield f"{path!r} has a note that is not ours"


def _nothing_left(library: str, inbox: str) -> Iterator[str]:
    private = os.path.join(inbox, ".watcher")
    for folder in ("ready", "members"):
        yield from (f"left in {folder}: {name}" for name in os.listdir(os.path.join(private, folder)))
    yield from (f"left in the inbox's .watcher: {name}" for name in set(os.listdir(private)) - _OURS)
    yield from (f"left in the spool: {name}" for name in os.listdir(os.path.join(private, "spool")))
    tmp = os.path.join(library, ".watcher", "tmp")
    yield from (f"left in tmp: {name}" for name in (os.listdir(tmp) if os.path.isdir(tmp) else ()))
    waiting = (path for path in _files(inbox) if not path.startswith("failed/"))
    yield from (f"left in the inbox: {path!r}" for path in waiting)


def _nothing_left_by_copies(library: str, inbox: str) -> Iterator[str]:
    if os.path.lexists(os.path.join(inbox, ".watcher")):
        yield "something was written into an inbox that is only copied from"
    for folder in ("spool", "members"):
        left = glob.glob(f"{glob.escape(library)}/.watcher/{folder}/*/*")
        yield from (f"left in the library's {folder}: {path!r}" for path in left)
    tmp = os.path.join(library, ".watcher", "tmp")
    yield from (f"left in tmp: {name}" for name in (os.listdir(tmp) if os.path.isdir(tmp) else ()))


def _files(root: str) -> Iterator[str]:
    """Paths below `root` of all files, but for what lies in its .watcher."""
    for folder, folders, files in os.walk(root):
        if folder == root and ".watcher" in folders:
            folders.remove(".watcher")
        yield from (os.path.relpath(os.path.join(folder, name), root) for name in files)


def _below(key: str) -> str:
    return key.partition("/")[2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: str | bytes) -> str:
    try:
        with open(path, "rb") as file:
            return _digest(file.read())
    except OSError as error:
        return f"nothing ({error.strerror})"
