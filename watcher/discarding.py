"""What a finished job leaves behind, and how that goes: surplus keys, the spool copy, the note of a file that is back.

A file that stays in its inbox leaves its copy alone: where it failed, it lies in its place, its reason in the ledger.

Every step may be repeated after a crash. When a job may be let go of is the daemon's to say, how a file gets into
failed/ is `intake.discards`'.
"""

from __future__ import annotations

import os

from watcher.db.archives import Archives
from watcher.db.catalog import Catalog
from watcher.intake import discards
from watcher.intake.inbox import Inbox
from watcher.model import Claim, Job
from watcher.processing import naming
from watcher.storage.base import Storage


def delete_surplus(job: Job, catalog: Catalog, storage: Storage) -> None:
    """Delete what only this job published; a key that any asset names stays."""
    if job.surplus:
        for key in set(job.surplus) - catalog.named(job.surplus):
            storage.delete(key)


def let_go(job: Job, inbox: Inbox, archives: Archives) -> str | None:
    """Delete the spool copy, or move the only one to failed/: where it lies then, below the inbox. Raises OSError."""
    if job.claim is None:
        return _let_go_of_member(job, inbox, archives)
    source = inbox.spool.source(job.claim, job.path)
    left = None
    if job.state in ("failed", "cancelled") and not inbox.copies:
        left = discards.to_failed(inbox.root, source, job.path, _report(job, archives))
    else:
        discards.delete(inbox.spool.home, source)
    inbox.spool.forget(job.claim)
    if job.listed:
        discards.delete_tree(inbox.spool.home, inbox.spool.members(job.claim))
    return left


def _let_go_of_member(job: Job, inbox: Inbox, archives: Archives) -> str | None:
    """A member's bytes lie in its archive, unless they have a file of their own."""
    if not job.lodged or job.root_claim is None or job.root_path is None:
        return None
    source = inbox.spool.member(job.root_claim, job.id)
    if job.state == "failed" and not inbox.copies:
        # its path in the archive is never used as a path
        place = os.path.join(job.root_path, naming.safe(job.name))
        return discards.to_failed(inbox.root, source, place, _report(job, archives), flush=True)
    discards.delete(inbox.spool.home, source)
    return None


def is_our_note(inbox: Inbox, claim: Claim) -> bool:
    """One of our error files came back with its picture: it goes. A picture that is back loses its error file."""
    if inbox.copies:
        return False
    try:
        if discards.is_ours(claim.source):
            discards.delete(inbox.spool.home, claim.source)
            inbox.spool.forget(claim.token)
            return True
        discards.forget_error(inbox.root, claim.path)
    except OSError:  # then it is a file like any other; the claim must not be lost over a note
        pass
    return False


def _report(job: Job, archives: Archives) -> discards.Report:
    members = archives.not_taken(job.id) if job.listed else []
    return discards.Report(job.id, job.name, job.reason or "", job.attempt, job.finished_at or "", members)
