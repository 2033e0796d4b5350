"""Results become true: one transaction for a group of them, jobs and assets together. The one `match` over results.

A result whose attempt is no longer the running one falls away. What the catalog says stands in the library was seen
standing there by this transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.db.catalog import Catalog
from watcher.db.journal import Journal
from watcher.model import Duplicate, Expanded, Failed, Picture, Processed, Rejected, TaskResult, Unavailable
from watcher.storage.base import Storage


def apply(results: Sequence[TaskResult], journal: Journal, catalog: Catalog, storage: Storage) -> None:
    """Write `results` down. Runs inside the caller's transaction; repeatable."""
    for result in results:
        job, attempt = result.job_id, result.attempt
        match result:
            case Processed(picture=picture):
                _processed(job, attempt, picture, journal, catalog, storage)
            case Duplicate(digest=digest):
                _duplicate(job, attempt, digest, journal, catalog)
            case Expanded(members=members):
                journal.expand(job, attempt, members)
            case Rejected(reason=reason):
                journal.finish(job, attempt, "failed", reason=reason)
            case Failed(reason=reason, died=died):
                journal.retry(job, attempt, reason, died)
            case Unavailable():
                journal.excuse(job, attempt)
    journal.close_archives()


def _processed(job: int, attempt: int, picture: Picture, journal: Journal, catalog: Catalog, storage: Storage) -> None:
    """New, or equal to an asset: then a duplicate, unless that asset's original is lost and this takes its place."""
    if not _stands(storage, picture.key, picture.size):
        journal.retry(job, attempt, f"{picture.key} vanished from the library before it was recorded", died=False)
        return
    known = catalog.find(picture.digest)
    if known is None:
        if journal.finish(job, attempt, "done"):
            journal.attach(job, catalog.add(picture, job))
    elif _stands(storage, known.key, known.size):
        ours = {picture.key, *(rendition.key for rendition in picture.renditions)}
        journal.finish(job, attempt, "duplicate", asset=known.id, surplus=sorted(ours - known.keys))
    elif journal.finish(job, attempt, "done", asset=known.id):
        catalog.point(known.id, picture)


def _duplicate(job: int, attempt: int, digest: str, journal: Journal, catalog: Catalog) -> None:
    known = catalog.find(digest)
    if known is None:
        journal.retry(job, attempt, "the asset that it equals was removed meanwhile", died=False)
    else:
        journal.finish(job, attempt, "duplicate", asset=known.id)


def _stands(storage: Storage, key: str, size: int) -> bool:
    found = storage.stat(key)
    return found is not None and found.size == size
