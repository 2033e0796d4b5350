"""What a worker must be told about a job: where its bytes lie, what is asked for, and what is known of it already."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from watcher.db.drops import Drop
from watcher.db.ledger import Ledger
from watcher.intake.inbox import Inbox
from watcher.joining import Joining
from watcher.messages import Task
from watcher.model import Job, Rules, shown

Follow = Callable[[Rules, Mapping[str, Any]], Rules]  # the rules of an inbox, with what a batch asks for over them


class Tasking:
    """`inboxes` and `rules` go by the inbox's row id."""

    def __init__(
        self, inboxes: Mapping[int, Inbox], rules: Mapping[int, Rules], ledger: Ledger, joining: Joining, follow: Follow
    ) -> None:
        self._inboxes, self._rules = inboxes, rules
        self._ledger, self._joining, self._follow = ledger, joining, follow

    def task(self, job: Job) -> Task:
        """The message to a worker for this try at the job."""
        inbox = self._inboxes[job.inbox_id]
        if job.kind == "join":
            return self._join(job)
        dating = job.numbering == "date"
        return Task(
            job.id,
            job.attempt,
            self._source(job, inbox),
            os.path.basename(job.path) if job.member is None else job.name,
            self.rules(job),
            member=None if job.lodged else job.member,
            rivals=self._ledger.catalog.rivals(job.size),
            may_link=inbox.trusted or inbox.copies,  # a copy is ours: nobody else has ever had it open
            dropped_at=datetime.fromisoformat(job.created_at).timestamp(),
            errand="date" if dating else "take",
            folder=shown(os.path.dirname(job.path)),
            batch=job.batch or "",
            sequence=job.sequence or "",
            listed=job.listed,
            depth=job.depth,
            lodge=inbox.spool.member(job.root_claim, job.id) if job.member is not None and job.root_claim else None,
            sidecars=() if dating else self._joining.waiting(job),
        )

    def rules(self, job: Job | Drop) -> Rules:
        """What is to be done with the file: by its inbox, and by its batch where that asks for something."""
        rules = self._rules[job.inbox_id]
        options = self._ledger.batches.get(job.batch_id).options if job.batch_id else {}
        return self._follow(rules, options) if options else rules

    def _source(self, job: Job, inbox: Inbox) -> str:
        """The file with its bytes: its own, that of the archive it is in, or of the archive that was dropped."""
        if job.claim is not None:
            return inbox.spool.source(job.claim, job.path)
        assert job.root_claim is not None and job.root_path is not None and job.parent_id is not None
        if job.lodged or job.parent_lodged:
            return inbox.spool.member(job.root_claim, job.id if job.lodged else job.parent_id)
        return inbox.spool.source(job.root_claim, job.root_path)

    def _join(self, job: Job) -> Task:
        assert job.asset_id is not None
        standing, origin = self._joining.standing(job.asset_id)
        return Task(
            job.id,
            job.attempt,
            standing.picture.key,
            standing.name,
            self.rules(origin or job),
            dropped_at=datetime.fromisoformat((origin or job).created_at).timestamp(),
            errand="join",
            folder=shown(os.path.dirname(origin.path)) if origin else "",
            batch=(origin or job).batch or "",
            sequence=(origin.sequence if origin else None) or "",
            sidecars=self._joining.sidecars(job.asset_id),
            standing=standing,
        )
