"""The whole catalog made anew from the library's files and its chronicle, for a library whose database is lost.

Files are read by several threads, since decoders and hashes let go of the interpreter; rows are written by one, in a
new database beside the former, which takes its place when it is whole. No daemon may run meanwhile: the caller holds
the library's lock. What a file becomes, adopting knows; what of it belongs together, joining, as when it was dropped.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from watcher.adopting import Adopting
from watcher.chronicle import Chronicle, append
from watcher.db import annals, connect, ledger
from watcher.db.connect import transaction
from watcher.db.journal import Patience
from watcher.errors import RejectedError
from watcher.filesystem import fsync_directory, fsync_file
from watcher.ignoring import is_leaving
from watcher.model import Picture, Rules
from watcher.processing import naming, standing
from watcher.processing.complaints import said
from watcher.storage.local import LocalStorage

_GROUP = 128  # files read ahead, and written down in one transaction
_LOST = (
    "the chronicle tells of a picture of this name, and no original that could be read has the bytes that it had: "
    "look for it in a backup, and drop it again"
)

Advance = Callable[[int, int], None]  # so many files are done, of so many
T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What was made anew: assets, those of them that the chronicle tells of, sidecars; and the files that were left,
    with why (key, reason). Among these are originals that have other bytes than they had (adopting says why they get no
    row), and those that the chronicle tells of and that are nowhere. `damaged`: lines of the chronicle that cannot be
    read."""

    assets: int = 0
    told: int = 0
    sidecars: int = 0
    damaged: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)


def rebuild(
    database: str, storage: LocalStorage, rules: Rules, inbox: tuple[str, str], threads: int, advance: Advance
) -> Report:
    """Make a catalog at `database`, where no file is yet, of all that lies in the library.

    `rules.recipes`: all that are configured. `inbox`: path and name of the one by which came what nobody tells of.
    Raises DatabaseError for a chronicle that cannot be read, UnavailableError when the library goes away.
    """
    with (
        contextlib.closing(Chronicle(storage.root)) as chronicle,
        contextlib.closing(connect.open_writer(database)) as connection,
    ):
        adopting = Adopting(connection, ledger.over(connection, Patience()), chronicle, rules, inbox)
        rebuilding = _Rebuilding(connection, storage, rules, adopting, threads)
        rebuilding.report.damaged = chronicle.damaged
        rebuilding.run(advance)
        # what was guessed is not to be guessed again: an edit would be of an asset that nobody tells of
        append(storage.root, annals.of_jobs(connection, adopting.untold))
        return rebuilding.report


def put_in_place(new: str, database: str, kept: str) -> None:
    """The database `new` takes the place of `database`, which stays under the name `kept`. Raises OSError."""
    if os.path.lexists(database):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as former:
            former.execute("pragma wal_checkpoint(truncate)")
        for tail in ("-wal", "-shm"):  # beside the new one they would be taken for its own
            with contextlib.suppress(FileNotFoundError):
                os.rename(database + tail, kept + tail)
        os.link(database, kept)  # at no moment is there none: a daemon would begin an empty one
    fsync_file(new)
    os.replace(new, database)
    fsync_directory(os.path.dirname(database))


class _Rebuilding:
    def __init__(
        self, connection: sqlite3.Connection, storage: LocalStorage, rules: Rules, adopting: Adopting, threads: int
    ) -> None:
        self._db, self._storage, self._rules, self._adopting = connection, storage, rules, adopting
        self._threads = threads
        self._folders = standing.folders(storage.root)
        self._places: dict[str, set[str]] = {}  # keys of sidecars by their digest
        self.report = Report()

    def run(self, advance: Advance) -> None:
        originals, sidecars = (_keys(self._storage, prefix) for prefix in ("originals/", "sidecars/"))
        done, total = 0, len(originals) + len(sidecars)
        with ThreadPoolExecutor(self._threads) as pool:
            for group in _groups(originals):
                with transaction(self._db, durable=False):
                    for key, picture in zip(group, pool.map(self._read, group), strict=True):
                        self._add(key, picture)
                done += len(group)
                advance(done, total)
        for group in _groups(sidecars):
            with transaction(self._db, durable=False):
                for key in group:
                    self._add_sidecar(key)
            done += len(group)
            advance(done, total)
        with transaction(self._db, durable=False):
            self._join()
        said = {key for key, _ in self.report.left}
        self.report.left += [(key, _LOST) for key in self._adopting.lost() if key not in said]

    def _read(self, key: str) -> Picture | str:
        """The picture whose original this is; as text why it is none."""
        known = functools.partial(self._adopting.known, key)
        return _reasoned(lambda: standing.read(key, known, self._rules, self._storage, self._folders))

    def _add(self, key: str, picture: Picture | str) -> None:
        try:
            if isinstance(picture, str):
                raise RejectedError(picture)
            self._adopting.add(picture)
        except RejectedError as error:
            self.report.left.append((key, str(error)))
        else:
            self.report.assets += 1
            self.report.told += self._adopting.is_told(picture)

    def _add_sidecar(self, key: str) -> None:
        said = _reasoned(lambda: standing.sidecar(key, self._storage))
        if isinstance(said, str):
            self.report.left.append((key, said))
            return
        places = self._places.setdefault(said.digest, set())
        if not places:  # where several files have the same bytes, each row finds its own in the end
            self._adopting.add_sidecar(said)
        places.add(key)
        self.report.sidecars += 1

    def _join(self) -> None:
        """What came as several files: stacks; sidecars by the names of their pictures, which they tell of."""
        ledger = self._adopting.ledger
        for job in ledger.journal.jobs(annals.shots_of_several(self._db)):
            assert job.asset_id is not None
            self._adopting.joining.picture_came(job, job.asset_id)
        annals.forget_joins(self._db)
        for row in annals.sidecars(self._db):
            place = _place(row, self._places[row["digest"]])
            annals.place_sidecar(self._db, row["id"], place or row["key"])
        for asset in annals.with_sidecars(self._db):
            self._read_again(asset)

    def _read_again(self, asset: int) -> None:
        ledger = self._adopting.ledger
        picture, _, _ = ledger.catalog.standing(asset)
        known = functools.partial(self._adopting.known, picture.key)
        beside = ledger.sidecars.of(asset)
        again = standing.read(picture.key, known, self._rules, self._storage, self._folders, beside)
        ledger.catalog.rewrite(asset, again)


def _place(row: sqlite3.Row, places: Collection[str]) -> str | None:
    """Where the sidecar of this row stands: under its picture's name, else under that for lone ones."""
    name = naming.sidecar_key(row["original"], row["kind"]) if row["original"] else None
    name = name or naming.lone_sidecar_key(row["name"], row["kind"], row["digest"])
    return next((key for key in naming.candidates(name, row["digest"]) if key in places), None)


def _reasoned(read: Callable[[], T]) -> T | str:
    """What `read` gives, or why it cannot be had."""
    try:
        return read()
    except RejectedError as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    except UnicodeEncodeError:
        return "its name is not UTF-8, as all names in a library are: rename it"
    except MemoryError:
        return "reading it takes more memory than there is"
    except Exception as error:  # no list of what decoders raise is ever complete
        return f"unexpected {type(error).__name__}: {said(error)}"


def _keys(storage: LocalStorage, prefix: str) -> list[str]:
    found = (each.key for each in storage.list(prefix))
    return sorted(key for key in found if not is_leaving(os.path.basename(key)))


def _groups(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _GROUP] for start in range(0, len(keys), _GROUP))
