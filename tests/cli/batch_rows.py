"""A library with batches, written down by those who do it in the daemon, and its inbox as a real folder."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.catalog_rows import Catalog, Run
from watcher.db import ledger
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.db.ledger import Ledger
from watcher.intake import discards
from watcher.model import Batch, BatchKind, Claim, Job, Member


@dataclass
class Books:
    """The journal's side of a daemon, step by step: what a test does not ask for does not happen."""

    catalog: Catalog
    inbox: Path
    tokens: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.ledger: Ledger = ledger.over(self.catalog.connection, Patience())
        with transaction(self.catalog.connection):
            self.number = self.ledger.journal.inbox(str(self.inbox), "phone")

    def batch(self, name: str, kind: BatchKind = "folder", token: str | None = None) -> Batch:
        with transaction(self.catalog.connection):
            return self.ledger.batches.start(self.number, kind, name, token=token)

    def take(self, batch: Batch, files: Mapping[str, int]) -> list[Job]:
        """Files (path below the inbox -> bytes) that came with the batch are jobs."""
        names = {f"{next(self.tokens):016x}": path for path in files}
        claims = [Claim(token, str(self.inbox), path, "/spool", files[path]) for token, path in names.items()]
        with transaction(self.catalog.connection):
            self.ledger.journal.add([(self.number, claim) for claim in claims], dict.fromkeys(names, batch))
        last = self.ledger.journal.last_id()
        return [self.job(number) for number in range(last - len(claims) + 1, last + 1)]

    def start(self, count: int) -> list[Job]:
        with transaction(self.catalog.connection):
            return self.ledger.journal.start(count, [self.number])

    def finish(self, job: Job, state: Any = "done", **more: Any) -> None:
        """End a job that runs."""
        with transaction(self.catalog.connection):
            assert self.ledger.journal.finish(job.id, self.job(job.id).attempt, state, **more)

    def expand(self, job: Job, batch: Batch, members: Mapping[str, int]) -> list[Job]:
        """An archive that runs holds these (path in it -> bytes)."""
        listed = [Member(index, path, size) for index, (path, size) in enumerate(members.items())]
        with transaction(self.catalog.connection):
            assert self.ledger.archives.expand(self.job(job.id), batch, listed)
        last = self.ledger.journal.last_id()
        return [self.job(number) for number in range(last - len(listed) + 1, last + 1)]

    def leave(self, job: Job, path: str) -> Path:
        """A failed job's file lies in failed/ under `path`, with its note, and the row says so."""
        source = self.inbox / ".watcher" / f"copy-{job.id}"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(b"bytes of %d" % job.id)
        left = discards.to_failed(str(self.inbox), str(source), path, discards.Report(job.id, job.name, "", 1, ""))
        with transaction(self.catalog.connection):
            self.ledger.journal.mark_discarded([(job.id, left)])
        assert left is not None
        return self.inbox / left

    def close(self, batch: Batch) -> None:
        with transaction(self.catalog.connection):
            self.ledger.batches.close(batch.id)

    def job(self, number: int) -> Job:
        return self.ledger.journal.job(number)

    def states(self) -> dict[str, str]:
        return {job.name: job.state for job in self.ledger.journal.jobs(range(1, self.ledger.journal.last_id() + 1))}


def said(watcher: Run, *arguments: str) -> Any:
    """What a command prints with --json."""
    command, *others = arguments
    done = watcher(command, "--json", *others)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def make_files(root: Path, files: Mapping[str | bytes, bytes]) -> None:
    for name, content in files.items():
        path = Path(os.fsdecode(os.path.join(os.fsencode(root), os.fsencode(name))))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
