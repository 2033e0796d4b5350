"""A library and an inbox for tests of the ledger: what is dropped there, and the daemon's line over them.

Desk is the same without either: results are made by hand, and the library is in memory.
"""

from __future__ import annotations

import functools
import io
import itertools
import os
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.ledger_law import Drop
from watcher.batching import Batching
from watcher.committing import Committing
from watcher.daemon import Daemon
from watcher.db import ledger
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.db.taken import Taken
from watcher.intake.copying import Copying
from watcher.intake.inbox import Inbox
from watcher.joining import Joining
from watcher.messages import Processed, TaskResult
from watcher.model import Batch, Claim, Facts, Job, Limits, Picture, Recipe, Rendition, Rules, Wishes
from watcher.opening import Library
from watcher.processing.image import from_rgb
from watcher.processing.metadata import build_exif
from watcher.settings import batchfile
from watcher.storage.local import LocalStorage
from watcher.storage.memory import MemoryStorage
from watcher.wake import Wake


def picture(number: int) -> bytes:
    """A tiny picture; another one for each number."""
    colour = (number * 2654435761 % (1 << 24)).to_bytes(3, "big")
    return from_rgb(1, 1, colour, enlarge_to=(8, 8), format="png")


BROKEN = picture(0)[:30]


def photo(number: int) -> bytes:
    """A tiny JPEG that says when it was taken, so that SHIFTED changes it; another one for each number."""
    colour = (number * 2654435761 % (1 << 24)).to_bytes(3, "big")
    exif = build_exif({}, {0x9003: b"2024:05:17 23:59:59"}, {})
    return from_rgb(1, 1, colour, enlarge_to=(8, 8), exif=exif)


SHIFTED = Wishes(shift="1s", touch=True)


def xmp(title: str, date: str) -> bytes:
    """A sidecar."""
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
        exif:DateTimeOriginal="{date}"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt>
      </dc:title></rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def zipped(path: str, *members: Drop) -> Drop:
    """An archive of these; what is to be unreadable in it has another byte than its checksum says."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member.path), member.content)
    content = packed.getvalue()
    for member in members:
        if member.unreadable:
            content = content.replace(member.content, member.content[:-1] + b"?")
    return Drop(path, content, members=members)


read_options = functools.partial(batchfile.read, recipes=("thumb",))


def follow(rules: Rules, options: Mapping[str, Any]) -> Rules:
    """The rules with the words of a batch over them; what the words mean is settings' to test."""
    return replace(rules, wishes=replace(rules.wishes, **{**options, "keywords": tuple(options.get("keywords", ()))}))


class Notebook:
    """A Notifier that remembers which jobs it told of. `meanwhile` is called before each."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._meanwhile = meanwhile
        self.told: set[int] = set()

    def send(self, jobs: Iterable[Job]) -> list[int]:
        return [self._tell(job.id) for job in jobs]

    def _tell(self, job: int) -> int:
        self._meanwhile()
        self.told.add(job)
        return job


@dataclass(frozen=True)
class Site:
    """`copies`: the files of its inbox stay where they are."""

    root: Path
    copies: bool = False

    @property
    def library(self) -> str:
        return str(self.root / "library")

    @property
    def inbox(self) -> str:
        return str(self.root / "inbox")

    def drop(self, *drops: Drop) -> None:
        for drop in drops:
            path = Path(self.inbox, drop.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(drop.content)

    def add(self, token: str, options: str, *drops: Drop) -> None:
        """What `watcher add` leaves behind."""
        folder = Path(self.inbox, ".watcher", "ready", token)
        folder.mkdir()
        (folder / "batch.toml").write_text(options)
        for drop in drops:
            (folder / drop.path).write_bytes(drop.content)

    def opened(self, stack: ExitStack, notebook: Notebook, clock: Callable[[], float]) -> Daemon:
        """A daemon that has recovered, with no executor yet. `clock` is the inbox's; `stack` closes what is open."""
        library = Library(self.library, os.path.join(self.library, ".watcher", "watcher.db"))
        stack.callback(library.close)
        library.open()
        connection = library.connect(1.0)
        stack.callback(connection.close)
        wake = Wake()
        stack.callback(wake.close)
        daemon = Daemon(
            connection,
            ledger.over(connection, Patience(attempts=3, first_seconds=0.0, max_seconds=0.0)),
            LocalStorage(self.library, fsync=False),
            notebook,  # type: ignore[arg-type]  # a Notifier by what it does
            wake,
            max_claims=256,
            batch_seconds=0.0,
            flush=lambda: None,
            catalog_problem=lambda: None,
            read_options=read_options,
            follow=follow,
        )
        self._open_inbox(daemon, stack, clock)
        daemon.recover()
        return daemon

    def _open_inbox(self, daemon: Daemon, stack: ExitStack, clock: Callable[[], float]) -> None:
        inbox = Inbox(
            self.inbox,
            "inbox",
            settle_seconds=0.1,
            incomplete_seconds=0.3,
            batch_seconds=0.0,
            rescan_seconds=1e9,
            copying=self._copying(daemon) if self.copies else None,
            clock=clock,
            wake=daemon.wake.set,
        )
        stack.callback(inbox.close)
        inbox.open(self.library)
        inbox_id = daemon.journal.inbox(inbox.root, inbox.name)
        daemon.inboxes[inbox_id] = inbox
        recipes = (Recipe("thumb", "4x4", "fill"),)
        daemon.rules[inbox_id] = Rules(
            self.library, "{taken:%Y}/{stem}", recipes, Limits(), fsync=False, wishes=SHIFTED
        )

    def _copying(self, daemon: Daemon) -> Copying:
        memory = Taken(daemon.connection, lambda: daemon.journal.inbox(self.inbox, "inbox"))
        return Copying(self.inbox, os.path.join(self.library, ".watcher"), memory)


BYTES = b"0123456789"  # of all that a Desk's workers publish


class Desk:
    """The ledger over `db` with a library in memory, as the daemon holds them. What workers tell is made by hand."""

    def __init__(self, db: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self.db, self.storage = db, MemoryStorage()
        self.ledger = ledger.over(db, Patience(), clock)
        self.journal, self.archives, self.batches = self.ledger.journal, self.ledger.archives, self.ledger.batches
        self.catalog, self.sidecars = self.ledger.catalog, self.ledger.sidecars
        self.inbox = self.journal.inbox("/in", "phone")
        self.rules = {self.inbox: Rules("/library", "{stem}", (Recipe("thumb"),), Limits())}
        self.joining = Joining(self.ledger)
        self.batching = Batching(self.batches, self.archives, read_options, self.rules)
        self.committing = Committing(self.ledger, self.storage, self.joining, self.batching)
        self._tokens = itertools.count()

    def drop(self, *paths: str, add: str = "", size: int = len(BYTES)) -> list[Job]:
        """Claim files, by the token of a `watcher add` when there is one, and write them down. Their jobs."""
        tokens = [f"token-{next(self._tokens):04}" + (f".{add}" if add else "") for _ in paths]
        source = "/spool"  # nobody reads it
        claims = [
            (self.inbox, Claim(token, "/in", path, source, size)) for token, path in zip(tokens, paths, strict=True)
        ]
        with transaction(self.db):
            self.journal.add(claims, self.batching.belonging(claims))
        find = "select id from jobs where claim = ?"
        return [self.journal.job(self.db.execute(find, (token,)).fetchone()[0]) for token in tokens]

    def start(self, slots: int = 1) -> list[Job]:
        with transaction(self.db):
            return self.journal.start(slots, [self.inbox])

    def run(self, name: str = "a.jpg") -> Job:
        """Drop a file and start its job."""
        self.drop(name)
        [job] = self.start()
        return job

    def publish(self, name: str, digest: str = "d1") -> Picture:
        """What a worker leaves in the library for a picture, and tells of it."""
        renditions = (Rendition("thumb", f"thumb/{name}", 3, 2, len(BYTES)),)
        for key in (f"originals/{name}", f"thumb/{name}"):
            self.storage.objects[key] = BYTES
        return Picture(digest, f"originals/{name}", "jpeg", len(BYTES), 6, 4, Facts(), renditions)

    def commit(self, *results: TaskResult) -> None:
        with transaction(self.db):
            self.committing.apply(results)

    def take(self, name: str = "a.jpg", digest: str = "d1") -> Job:
        """A picture from its drop to its commit."""
        job = self.run(name)
        self.commit(Processed(job.id, job.attempt, self.publish(os.path.basename(name), digest)))
        return self.journal.job(job.id)

    def discard(self) -> None:
        """What the daemon does with surplus keys, once the commit stands."""
        for job in self.journal.undiscarded([self.inbox]):
            for key in set(job.surplus) - self.catalog.named(job.surplus):
                self.storage.delete(key)
            self.journal.mark_discarded([(job.id, None)])

    def close(self, *, still_comes: Callable[[Batch], bool] = lambda batch: False, quiet_seconds: float = 0.0) -> None:
        """End the batches that are complete."""
        with transaction(self.db):
            self.batching.end(self.batching.close(still_comes, quiet_seconds))
            self.archives.close()

    def column(self, query: str) -> list[Any]:
        """The first column of what a query finds."""
        return [row[0] for row in self.db.execute(query)]
