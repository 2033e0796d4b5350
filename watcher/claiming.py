"""Which inbox gives files next, how many, and what must be written down before and behind a claim.

When a file has settled, and how it is taken, is the inbox's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from watcher import discarding
from watcher.batching import Batching
from watcher.db.connect import transaction
from watcher.db.journal import Journal
from watcher.intake.inbox import Inbox
from watcher.model import Claim


class Claiming:
    """`inboxes` go by their row ids. `max_claims`: how many claimed files may be unfinished; the rest waits outside."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        inboxes: Mapping[int, Inbox],
        journal: Journal,
        batching: Batching,
        max_claims: int,
    ) -> None:
        self._db, self._inboxes, self._journal, self._batching = connection, inboxes, journal, batching
        self._max_claims = max_claims
        self._prepared: set[str] = set()  # tokens of what was added, whose batches are rows by now
        self.waiting: list[tuple[int, Claim]] = []  # ours, not yet in the journal
        self._last_inbox = 0  # the one that files were taken from last: another one begins

    def claim(self, usable: Sequence[int]) -> None:
        """Take what there is room for; `usable` are the inboxes that are there.

        Raises UnavailableError, sqlite3.OperationalError: what is claimed by then is written down the next time.
        """
        self._prepare(usable)
        if not self.waiting:
            for inbox in self._inboxes.values():
                inbox.recall()
        room = self._max_claims - self._journal.open_count(usable) - len(self.waiting)  # what cannot go on takes none
        # Whose turn it is changes, lest one inbox takes all the room. One that is away is asked too: it gives nothing,
        # and from then on sets no deadline that would keep the loop turning.
        for inbox_id in sorted(self._inboxes, key=lambda one: (one <= self._last_inbox, one)):
            if count := self._take(inbox_id, max(0, room)):
                room -= count
                self._last_inbox = inbox_id
        if self.waiting:
            # kept without the notes, which are deleted: when the catalog is busy this comes again
            self.waiting = [(i, one) for i, one in self.waiting if not discarding.is_our_note(self._inboxes[i], one)]
            with transaction(self._db):
                self._journal.add(self.waiting, self._batching.belonging(self.waiting))
            self.waiting = []

    def _prepare(self, usable: Sequence[int]) -> None:
        """What was added is a batch before the first file of it is taken: its claims only name it."""
        for inbox_id in usable:
            ready = self._inboxes[inbox_id].ready
            for token in {*ready.tokens()} - self._prepared:
                options = ready.options(token)
                if options is not None:
                    with transaction(self._db):
                        self._batching.added(inbox_id, token, ready.name(token), options)
                    self._prepared.add(token)

    def _take(self, inbox_id: int, room: int) -> int:
        """Take at most `room` files of one inbox; how many. They are kept at once: what is taken next may fail."""
        inbox, before = self._inboxes[inbox_id], len(self.waiting)
        for token in inbox.ready.tokens():
            left = room - (len(self.waiting) - before)
            if token in self._prepared and left > 0:
                self.waiting += [(inbox_id, claim) for claim in inbox.claim_added(token, left)]
        left = room - (len(self.waiting) - before)
        self.waiting += [(inbox_id, claim) for claim in inbox.claim_settled(left)]
        return len(self.waiting) - before
