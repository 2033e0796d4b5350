"""What a finished job leaves behind, and how that goes: surplus keys, the spool copy, the note of a file that is back.

Every step may be repeated after a crash. When a job may be let go of is the daemon's to say, how a file gets into
failed/ is `intake.discards`'.
"""

from __future__ import annotations

from watcher.db.catalog import Catalog
from watcher.db.journal import Journal
from watcher.intake import discards
from watcher.intake.inbox import Inbox
from watcher.model import Claim, Job
from watcher.storage.base import Storage


def delete_surplus(job: Job, catalog: Catalog, storage: Storage) -> None:
    """Delete what only this job published; a key that any asset names stays."""
    if job.surplus:
        for key in set(job.surplus) - catalog.named(job.surplus):
            storage.delete(key)


def let_go(job: Job, inbox: Inbox, journal: Journal) -> str | None:
    """Delete the spool copy, or move it to failed/: where it lies then, below the inbox. Raises OSError."""
    if job.claim is None:  # a member's bytes lie in its archive
        return None
    source = inbox.source(job.claim, job.path)
    left = None
    if job.state == "failed":
        left = discards.to_failed(inbox.root, source, job.path, _report(job, journal))
    else:
        discards.delete(source)
    inbox.forget(job.claim)
    return left


def is_our_note(inbox: Inbox, claim: Claim) -> bool:
    """One of our error files came back with its picture: it goes. A picture that is back loses its error file."""
    try:
        if discards.is_ours(claim.source):
            discards.delete(claim.source)
            inbox.forget(claim.token)
            return True
        discards.forget_error(inbox.root, claim.path)
    except OSError:  # then it is a file like any other; the claim must not be lost over a note
        pass
    return False


def _report(job: Job, journal: Journal) -> discards.Report:
    members = journal.failed_members(job.id)
    return discards.Report(job.id, job.name, job.reason or "", job.attempt, job.finished_at or "", members)
