"""`watcher run --dry-run`: the real work on each file, in this process, with storage that only pretends to write."""

from __future__ import annotations

import contextlib
import filecmp
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from watcher.cli import output
from watcher.db import connect
from watcher.db.catalog import Catalog
from watcher.ignoring import Ignoring
from watcher.intake.scanner import Skipped, scan
from watcher.logs import printable
from watcher.model import (
    JUNK_REASON,
    Duplicate,
    Expanded,
    Failed,
    Member,
    Processed,
    Rejected,
    Rules,
    Sidecar,
    Task,
    TaskResult,
    Unavailable,
    shown,
)
from watcher.processing.run import work
from watcher.service import check_settings, rules_of
from watcher.settings.whole import Settings
from watcher.storage.base import KeyTakenError, ObjectInfo
from watcher.storage.local import LocalStorage
from watcher.storage.memory import MemoryStorage


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one file: `outcome` is done, duplicate, failed or skipped."""

    inbox: str
    source: str
    outcome: str
    key: str | None = None
    reason: str | None = None


def rehearse(chosen: Settings, as_json: bool) -> int:
    """Print what a run would do with each file. 3 when some file would fail, as a run would end."""
    check_settings(chosen)
    seen = []
    with _catalog(chosen.library.database) as catalog, tempfile.TemporaryDirectory() as scratch:
        storage = _Pretended(chosen.library.path)
        keys: dict[str, str] = {}
        for inbox in chosen.inbox:
            theatre = _Theatre(inbox.path, inbox.name, rules_of(inbox, chosen), storage, catalog, scratch, keys)
            for one in theatre.play(Ignoring(inbox.ignore)):
                seen.append(one)
                if not as_json:
                    _print(one)
    if as_json:
        output.write_json(map(asdict, seen))
        output.flush()
    return 3 if any(one.outcome == "failed" for one in seen) else 0


class _Pretended(MemoryStorage):
    """What stands in the library counts as standing; what would be put there is only remembered."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self._library = LocalStorage(root)
        self._names: dict[str, str] = {}  # key -> the file that would stand there

    def stat(self, key: str) -> ObjectInfo | None:
        return self._library.stat(key)

    def put(self, key: str, source: str, *, replace: bool = False, link: bool = False) -> None:
        if replace:
            return
        standing = self._names.get(key) or (self._library.url(key) if self._library.stat(key) else None)
        if standing and not filecmp.cmp(standing, source, shallow=False):
            raise KeyTakenError(key)
        self._names.setdefault(key, source)


@dataclass(frozen=True, slots=True)
class _Theatre:
    root: str
    name: str
    rules: Rules
    storage: _Pretended
    catalog: Catalog | None
    scratch: str
    keys: dict[str, str]  # of the pictures so far, by digest

    def play(self, ignoring: Ignoring) -> Iterator[Foreseen]:
        for found in sorted(scan(self.root, ignoring), key=_path):
            if isinstance(found, Skipped):
                yield Foreseen(self.name, shown(found.path), "skipped", reason=found.why)
            else:
                yield from self._file(found)

    def _file(self, path: str) -> Iterator[Foreseen]:
        source = os.path.join(self.root, path)
        listed, more = 0, True
        while more:
            result = self._work(source, os.path.basename(path), os.path.getsize(source), listed=listed)
            if not isinstance(result, Expanded):
                yield self._foreseen(shown(path), result)
                return
            for member in result.members:
                yield self._member(source, path, member)
                listed = member.index + 1
            more = result.more

    def _member(self, source: str, path: str, member: Member) -> Foreseen:
        below = f"{shown(path)}/{member.path}"
        if member.junk:
            return Foreseen(self.name, below, "skipped", reason=JUNK_REASON)
        return self._foreseen(below, self._work(source, member.name, member.size, member.index, depth=1))

    def _work(
        self, source: str, name: str, size: int, member: int | None = None, listed: int = 0, depth: int = 0
    ) -> TaskResult:
        rivals = self.catalog.rivals(size) if self.catalog and size < 2**63 else ()
        task = Task(0, 0, source, name, self.rules, member, rivals, listed=listed, depth=depth)
        with tempfile.TemporaryDirectory(dir=self.scratch) as workspace:
            return work(task, self.storage, workspace)

    def _foreseen(self, source: str, result: TaskResult) -> Foreseen:
        match result:
            case Processed(picture=picture):
                known_key = self.keys.setdefault(picture.digest, picture.key)
                outcome = "done" if known_key is picture.key else "duplicate"  # the same object: met for the first time
                return Foreseen(self.name, source, outcome, key=known_key)
            case Duplicate(digest=digest):
                known = self.catalog.find(digest) if self.catalog else None
                return Foreseen(self.name, source, "duplicate", key=known.key if known else None)
            case Sidecar(key=key):
                return Foreseen(self.name, source, "done", key=key)
            case Rejected() | Failed() | Unavailable():
                return Foreseen(self.name, source, "failed", reason=result.reason)
            case _:
                return Foreseen(self.name, source, "done")


def _path(found: str | Skipped) -> str:
    return found.path if isinstance(found, Skipped) else found


@contextlib.contextmanager
def _catalog(database: str) -> Iterator[Catalog | None]:
    if not os.path.exists(database):
        yield None
        return
    connection = connect.open_reader(database)
    try:
        yield Catalog(connection)
    finally:
        connection.close()


def _print(one: Foreseen) -> None:
    words: Sequence[Any] = {
        "done": (one.source, "->", one.key),
        "duplicate": (one.source, "equals", one.key),
        "failed": (one.source, "would fail:", one.reason),
        "skipped": (one.source, "is left alone:", one.reason),
    }[one.outcome]
    output.write(" ".join(printable(str(word)) for word in words) + "\n")
    output.flush()
