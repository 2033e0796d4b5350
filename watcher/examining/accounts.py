"""The law between ledger and inboxes: each file there is accounted for, and each row that names one there has it.

Each regular file below an inbox is waiting, in flight, in failed/, ignored by a rule, or (where files are copied and
stay) remembered as taken. Each row in flight has its file in the spool. Each failed file lies where the ledger says.
Two looks are compared, one at the disk and one at the ledger; what they disagree in is looked at again.

Deleting a file from failed/ is how a person forgets it, and moving it back into the inbox is how it is tried again:
neither is a finding. The first is told from a loss by the note beside the file. The daemon deletes a note whose file
is gone while it looks after failed/; so a file that is gone while its note is there, or with the whole of failed/, is a
finding, and one that is gone with its note was forgotten. Of an inbox whose files stay where they are nothing is said
of failed files that are gone: their owner may do with them what he likes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from watcher.db import accounts
from watcher.db.accounts import Flight
from watcher.examining import census
from watcher.examining.census import SPOOL, Census
from watcher.examining.doubts import Wait, confirmed
from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Inbox, Site
from watcher.intake.discards import ERROR_SUFFIX, FAILED
from watcher.intake.spool import FOLDER, MEMBERS
from watcher.model import shown

_RUN = "start watcher run: what a run has left undone, the next one finishes"


def examine(site: Site, connection: sqlite3.Connection, wait: Wait) -> Iterator[Remark]:
    """Raises sqlite3.Error where the ledger cannot be read."""
    for row in accounts.unkept(connection):
        words = f"job {row['id']} ({row['name']}) ended as photograph {row['asset_id']}, which is not in the catalog"
        yield Finding("account", words, None, "run watcher verify, then drop the file again if it is not found")
    for inbox in site.inboxes:
        if inbox.id is None:
            yield from _new(inbox)
        elif problem := inbox.problem():
            yield from _away(inbox, inbox.id, problem, connection)
        else:
            yield from _Account(site, inbox, inbox.id, connection, wait).remarks()


def _new(inbox: Inbox) -> Iterator[Remark]:
    if inbox.configured and (problem := inbox.problem()):
        yield Finding("inbox", f"the inbox {inbox.name} {problem}", inbox.path, "make the folder, or correct its path")


def _away(inbox: Inbox, number: int, problem: str, connection: sqlite3.Connection) -> Iterator[Remark]:
    """Nothing is said of single files: a disk that is not mounted has lost none of them."""
    kept = accounts.unfinished(connection, number) + len(accounts.left_behind(connection, number))
    if inbox.configured or kept:
        words = f"the inbox {inbox.name} {problem}; {kept:,} files of it are unfinished or in its {FAILED}/"
        yield Finding("inbox", words, inbox.path, "mount its disk, or put the folder back")
    else:
        yield Note("inbox", f"{inbox.name} ({shown(inbox.path)}) {problem}, and nothing of it is unfinished")


class _Account:
    """Of one inbox that is there."""

    def __init__(self, site: Site, inbox: Inbox, number: int, connection: sqlite3.Connection, wait: Wait) -> None:
        self._inbox, self._number, self._db, self._wait = inbox, number, connection, wait
        self._runs = site.daemon is not None
        self._own = os.path.join(inbox.path, FOLDER)
        self._copies = {folder: os.path.join(site.private, folder, str(number)) for folder in (SPOOL, MEMBERS)}

    def remarks(self) -> Iterator[Remark]:
        flights = accounts.flights(self._db, self._number)  # before the disk: what is claimed after this is no flight
        # where nothing is written, a private folder is another library's
        seen = census.take(self._inbox.path, self._inbox.ignoring, private=not self._inbox.copies)
        yield from self._flying(flights)
        yield from self._nobodys(seen)
        yield from self._failed()
        yield from self._unreadable(seen)
        yield from self._told(seen, len(flights))

    # -- from the ledger to the disk -----------------------------------------------------------------------------------

    def _flying(self, flights: Sequence[Flight]) -> Iterator[Finding]:
        if flights and not self._has_spool(flights):
            words = f"the inbox {self._inbox.name} has lost its {FOLDER}/{SPOOL}, with {len(flights):,} files in it"
            yield Finding(
                "account", words, self._own, "put it back before you start watcher run, or they count as lost"
            )
            return
        missing = [flight for flight in flights if not os.path.lexists(self._place(flight))]
        for flight in confirmed(missing, self._is_missing, self._wait):
            words = f"{flight.name} (job {flight.job}) is in work, but its file is gone"
            yield Finding("account", words, self._place(flight), "put the file back there, or drop it again")

    def _has_spool(self, flights: Sequence[Flight]) -> bool:
        return os.path.isdir(os.path.join(self._own, SPOOL)) or any(flight.copied for flight in flights)

    def _is_missing(self, flight: Flight) -> bool:
        # in this order: a file goes after its row says that it may
        return not os.path.lexists(self._place(flight)) and accounts.is_flying(self._db, flight.job)

    def _place(self, flight: Flight) -> str:
        folder = MEMBERS if flight.lodged else SPOOL
        home = self._copies[folder] if flight.copied else os.path.join(self._own, folder)
        return os.path.join(home, flight.claim, str(flight.job) if flight.lodged else flight.path)

    def _failed(self) -> Iterator[Remark]:
        gone = [row for row in accounts.left_behind(self._db, self._number) if self._is_gone(row)]
        wrong = [row for row in [*gone, *accounts.lost(self._db, self._number)] if self._is_wrong(row)]
        for row in confirmed(wrong, self._is_wrong, self._wait):
            yield self._misplaced(row)
        for row in accounts.unsafe(self._db, self._number):
            words = f"{row['name']} (job {row['id']}) failed, and its archive {row['archive']} counts as taken whole"
            yield Finding("account", words, None, "drop the archive again")
        if forgotten := sum(not self._is_explained(row) and not self._came_again(row) for row in gone):
            yield Note("failed", f"{forgotten:,} files of {self._inbox.name} were deleted from {FAILED}/: forgotten")

    def _is_gone(self, row: dict[str, Any]) -> bool:
        return not os.path.lexists(os.path.join(self._inbox.path, row["left_at"]))

    def _is_wrong(self, row: dict[str, Any]) -> bool:
        """Whether the file of a failed row is nowhere, and nobody forgot it or put it back."""
        if row["left_at"] is not None and not (self._is_gone(row) and self._is_explained(row)):
            return False
        return not self._came_again(row)

    def _is_explained(self, row: dict[str, Any]) -> bool:
        """Whether the note of a file in failed/ is there still, or all of the folder is gone."""
        note = os.path.join(self._inbox.path, row["left_at"]) + ERROR_SUFFIX
        return os.path.lexists(note) or not self._has_failed()

    def _has_failed(self) -> bool:
        return os.path.isdir(os.path.join(self._inbox.path, FAILED))

    def _came_again(self, row: dict[str, Any]) -> bool:
        """Whether it lies where `watcher retry` puts it, or was taken from there since."""
        top = os.path.basename(row["left_at"] or row["path"])
        return any(
            os.path.lexists(os.path.join(self._inbox.path, path))
            or accounts.came_again(self._db, self._number, row["id"], path)
            for path in {row["path"], top}
        )

    def _misplaced(self, row: dict[str, Any]) -> Finding:
        name = f"{row['name']} (job {row['id']})"
        if row["left_at"] is None:
            words = f"{name} failed, and its file is nowhere: {row['reason']}"
            return Finding("account", words, None, "drop the file again, if you have another copy of it")
        words = f"{name} failed, and its file does not lie where it was put"
        remedy = f"put it back; if you deleted it to forget it, delete the note {ERROR_SUFFIX} beside it too"
        if not self._has_failed():
            remedy = f"put it back; if you deleted {FAILED}/ to forget all that was in it, make the empty folder again"
        return Finding("account", words, os.path.join(self._inbox.path, row["left_at"]), remedy)

    # -- from the disk to the ledger -----------------------------------------------------------------------------------

    def _nobodys(self, seen: Census) -> Iterator[Finding]:
        """Files in the private folders that no row is about. A daemon that runs knows of those that settle there."""
        claimed = accounts.claims(self._db, self._number)
        spooled = [] if self._runs else [place for place in seen.spooled if place[0] not in claimed]
        lodged = [place for place in seen.lodged if place[0] not in claimed]
        for folder, places in ((SPOOL, spooled), (MEMBERS, lodged)):
            for place in confirmed(places, partial(self._is_nobodys, folder), self._wait):
                words = f"{shown(os.path.basename(place[1]))} was taken, and the ledger does not know of it"
                yield Finding("account", words, os.path.join(self._own, folder, *place), _RUN)
        for path in seen.odd:
            yield Finding("account", "a file in the daemon's own folder is not of its making", path, "move it away")

    def _is_nobodys(self, folder: str, place: tuple[str, str]) -> bool:
        there = os.path.lexists(os.path.join(self._own, folder, *place))
        return there and place[0] not in accounts.claims(self._db, self._number)

    def _unreadable(self, seen: Census) -> Iterator[Finding]:
        for path, why in seen.unreadable:
            words = f"a folder of the inbox {self._inbox.name} cannot be read ({why}): what is in it is not taken"
            yield Finding("permission", words, path, "give the daemon's user the right to read it and to write in it")

    def _told(self, seen: Census, flying: int) -> Iterator[Note]:
        remembered = self._remembered(seen.waiting)
        counts = {
            "waiting": len(seen.waiting) - remembered + seen.added,
            "in flight": flying,
            "taken and left in place": remembered,
        }
        told = [f"{number:,} {what}" for what, number in counts.items() if number]
        told += [f"{number:,} ignored by {rule}" for rule, number in seen.ignored.most_common() if rule != FAILED]
        told += [f"{seen.ignored[FAILED]:,} files in {FAILED}/"] if seen.ignored[FAILED] else []
        yield Note("inbox", f"{self._inbox.name} ({shown(self._inbox.path)}): {', '.join(told) or 'empty'}")
        for path in seen.elsewhere:
            yield Note("inbox", f"{self._inbox.name}: {shown(path)} is another file system, which is not entered")

    def _remembered(self, waiting: Sequence[str]) -> int:
        taken = accounts.taken(self._db, self._number)
        return sum(self._stamp(path) == taken[path] for path in waiting if path in taken) if taken else 0

    def _stamp(self, path: str) -> tuple[int, int] | None:
        try:
            found = os.lstat(os.path.join(self._inbox.path, path))
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns
