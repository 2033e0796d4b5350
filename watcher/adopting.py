"""A file that stands in the library gets its rows (again): what the chronicle tells of it, else what its place tells.

What is told of nobody is guessed: the name that it was dropped under by taking the name template back, that it belongs
together with what has its name in the library, and that it came when it got its place there. Its bytes are read by
processing. Runs inside the caller's transaction.

An original that has other bytes than the chronicle tells of gets no rows, and is said each time until a person has seen
to it. As the picture that it was, the right bytes would be taken for its duplicate when they are dropped again, and be
discarded; as another one, it would be told of from then on, and nobody would ever hear that something was lost. What
was said of it stays in the chronicle, for the day when its bytes are right again.
"""

from __future__ import annotations

import functools
import os
import re
import sqlite3
import string
from datetime import datetime

from watcher.chronicle import Chronicle, Line
from watcher.db import annals
from watcher.db.ledger import Ledger
from watcher.errors import RejectedError
from watcher.joining import Joining
from watcher.messages import Sidecar
from watcher.model import Job, Picture, Rules, Wishes
from watcher.processing import standing
from watcher.processing.standing import Known
from watcher.showing import utc

_UNDATED = "originals/undated/"
_DIGITS = {"%Y": r"\d{4}", "%j": r"\d{3}", **{f"%{letter}": r"\d{2}" for letter in "mdHMSyIUWVu"}}
_LONE = re.compile(r"[0-9a-f]{8}_")  # before the names of sidecars whose picture is not known
_CHANGED = (
    "its bytes are not those that it had when it was put there: put them back from a backup and run watcher repair, "
    "or, when it is meant to be as it is, move it into an inbox"
)


class ChangedError(RejectedError):
    """An original has other bytes than the chronicle tells of: a person must see to it, and it is not to be deleted."""


class Adopting:
    """`inbox`: path and name of the one by which came what is told of nobody."""

    def __init__(
        self, connection: sqlite3.Connection, ledger: Ledger, chronicle: Chronicle, rules: Rules, inbox: tuple[str, str]
    ) -> None:
        self._db, self.ledger, self._chronicle, self._rules, self._inbox = connection, ledger, chronicle, rules, inbox
        self.joining = Joining(ledger)
        self.untold: list[int] = []  # jobs of which the chronicle is to be told

    def known(self, key: str, stored: str, size: int) -> Known:
        """What is known beside its bytes of the original under `key`, which has this SHA-256 and so many bytes.

        Raises ChangedError when the chronicle tells of other bytes there, and of these nowhere.
        """
        told = self._chronicle.told(stored, key)
        if told is None and key in self._keys:
            raise ChangedError(_CHANGED)
        if told is None:
            # one that has no date got none from its mtime either
            return Known(self._name(key), stored, size, dropped_at=0.0 if key.startswith(_UNDATED) else None)
        asset, words = told.asset, told.asset["words"]
        return Known(
            os.path.basename(told.drops[0]["path"]),
            asset["digest"],
            asset["size"],
            asset["orientation"],
            tuple(asset["flags"]),
            asset["cleaning"],
            Wishes(words.get("title", ""), words.get("description", ""), tuple(words.get("keywords", ()))),
            datetime.fromisoformat(told.drops[0]["at"]).timestamp(),
        )

    def add(self, picture: Picture) -> list[Job]:
        """The asset of this picture, with what people changed of it; its jobs, one for each time that it was dropped.

        Raises RejectedError when there is an asset of these bytes already.
        """
        if there := self.ledger.catalog.find(picture.digest):
            raise RejectedError(f"asset {there.id} has the same bytes, under {there.key}")
        told = self._chronicle.told(picture.stored_digest, picture.key)
        lines = told.drops if told else [self._guessed(picture)]
        jobs = [annals.put_job(self._db, line, self._inbox_of(line), picture.size) for line in lines]
        asset = self.ledger.catalog.add(picture, jobs[0])
        annals.put_arrival(self._db, asset, lines[-1]["imported_at"])
        for job, line in zip(jobs, lines, strict=True):
            self._dropped(asset, job, line["album"])
        for edit in told.edits if told else ():
            annals.put_edit(self._db, asset, edit)
        self.untold += [] if told else jobs
        return self.ledger.journal.jobs(jobs)

    def _dropped(self, asset: int, job: int, album: str | None) -> None:
        self.ledger.journal.attach(job, asset)
        self.ledger.catalog.dropped(asset, self.ledger.journal.job(job))
        if album:
            self.ledger.catalog.put_in_album(asset, job, album)

    def add_sidecar(self, said: standing.Told) -> None:
        """A sidecar, each time that it came, given to the assets that it belongs to by the names that they had."""
        told = self._chronicle.sidecars(said.digest)
        for line in told or [self._guessed_sidecar(said.key)]:
            job = annals.put_job(self._db, line, self._inbox_of(line), said.size)
            self.untold += [] if told else [job]
            sidecar = Sidecar(job, 1, said.kind, said.digest, said.key, said.size, said.title)
            self.joining.sidecar_came(self.ledger.journal.job(job), sidecar)

    def is_told(self, picture: Picture) -> bool:
        """Whether the chronicle tells of it."""
        return self._chronicle.told(picture.stored_digest, picture.key) is not None

    def lost(self) -> list[str]:
        """The keys, by the chronicle, of the originals that it tells of and that the catalog does not have."""
        return sorted(key for digest, key in self._originals.items() if self.ledger.catalog.find(digest) is None)

    @functools.cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(self._originals.values())

    @functools.cached_property
    def _originals(self) -> dict[str, str]:
        """Looked up once, and only where one stands of which nothing is told, or all are asked for."""
        return self._chronicle.originals()

    def _inbox_of(self, line: Line) -> int:
        path, name = (line["inbox_path"], line["inbox"]) if line["inbox_path"] else self._inbox
        return self.ledger.journal.inbox(path, name)

    def _guessed(self, picture: Picture) -> Line:
        below = picture.key.partition("/")[2]
        name = self._name(picture.key)
        at = self._arrived(picture.key)
        return {**_loose(name, at, f"library/{_stem(below)}"), "imported_at": at, "album": None}

    def _guessed_sidecar(self, key: str) -> Line:
        """Named after its picture where that is there; it came with it then."""
        original, suffix = os.path.splitext(key.partition("/")[2])
        asset = annals.asset_under(self._db, [f"originals/{original}", f"originals/{original[:-9]}"])
        drops = self.ledger.catalog.drops(asset) if asset is not None else []
        if drops:
            scope = (drops[0].scope or "").partition("/")[2]
            return _loose(drops[0].name + suffix, drops[0].created_at, scope)
        name = os.path.basename(key)
        return _loose(_LONE.sub("", name, count=1), self._arrived(key), f"library/{_stem(original)}")

    def _arrived(self, key: str) -> str:
        """When the file got its place: its ctime, UTC."""
        return utc(os.stat(os.path.join(self._rules.library, key)).st_ctime)

    def _name(self, key: str) -> str:
        return dropped_name(self._rules.name_template, key)


def dropped_name(template: str, key: str) -> str:
    """The name under which the original of this key may have been dropped: the template taken back.

    What the template does not give (a number behind a prefix, an undated picture) has its own name.
    """
    stem, suffix = os.path.splitext(key.partition("/")[2])
    match = re.fullmatch(_pattern(template), stem, re.DOTALL)
    found = match["stem"] if match and "stem" in match.groupdict() else os.path.basename(stem)
    return found + suffix


def _pattern(template: str) -> str:
    parts = []
    for literal, name, spec, _ in string.Formatter().parse(template):
        parts.append(re.escape(literal))
        if name == "taken":
            parts.append("".join(_DIGITS.get(one, re.escape(one)) for one in re.findall(r"%.|[^%]", spec or "")))
        elif name:
            is_first = name == "stem" and not any("?P<stem>" in part for part in parts)
            parts.append("(?P<stem>[^/]+)" if is_first else ".*")
    return "".join(parts)


def _stem(below: str) -> str:
    return os.path.splitext(below)[0]


def _loose(name: str, at: str, scope: str) -> Line:
    """As the chronicle would tell of a file dropped by itself, of which nobody knows by which inbox."""
    unknown = dict.fromkeys(("job", "inbox", "inbox_path", "batch", "sequence"))
    return {**unknown, "state": "done", "name": name, "path": name, "at": at, "scope": scope}
