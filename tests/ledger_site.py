"""A library and an inbox for tests of the ledger: what is dropped there, and the daemon's line over them."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.ledger_law import Drop
from watcher.daemon import Daemon
from watcher.db.catalog import Catalog
from watcher.db.journal import Journal, Patience
from watcher.intake.inbox import Inbox
from watcher.model import Job, Limits, Recipe, Rules
from watcher.opening import Library
from watcher.processing.image import from_rgb
from watcher.storage.local import LocalStorage
from watcher.wake import Wake


def picture(number: int) -> bytes:
    """A tiny picture; another one for each number."""
    colour = (number * 2654435761 % (1 << 24)).to_bytes(3, "big")
    return from_rgb(1, 1, colour, enlarge_to=(8, 8), format="png")


BROKEN = picture(0)[:30]


def zipped(path: str, *members: Drop) -> Drop:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member.path), member.content)
    return Drop(path, packed.getvalue(), members=members)


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
    root: Path

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
            Journal(connection, Patience(attempts=3, first_seconds=0.0, max_seconds=0.0)),
            Catalog(connection),
            LocalStorage(self.library, fsync=False),
            notebook,  # type: ignore[arg-type]  # a Notifier by what it does
            wake,
            max_claims=256,
            flush=lambda: None,
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
            clock=clock,
            wake=daemon.wake.set,
        )
        stack.callback(inbox.close)
        inbox.open(self.library)
        inbox_id = daemon.journal.inbox(inbox.root, inbox.name)
        daemon.inboxes[inbox_id] = inbox
        recipes = (Recipe("thumb", "4x4", "fill"),)
        daemon.rules[inbox_id] = Rules(self.library, "{taken:%Y}/{stem}", recipes, Limits(), fsync=False)
