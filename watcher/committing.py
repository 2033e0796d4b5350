"""Results become true: one transaction for a group of them, jobs and assets together. The one `match` over results.

A result whose attempt is no longer the running one falls away. What the catalog says stands in the library was seen
standing there by this transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.db.catalog import Catalog
from watcher.db.journal import Journal
from watcher.model import Duplicate, Expanded, Failed, Picture, Processed, Rejected, State, TaskResult, Unavailable
from watcher.storage.base import Storage


def apply(results: Sequence[TaskResult], journal: Journal, catalog: Catalog, storage: Storage) -> None:
    """Write `results` down. Runs inside the caller's transaction; repeatable."""
    for result in results:
        job, attempt = result.job_id, result.attempt
        match result:
            case Processed(picture=picture):
                _processed(job, attempt, picture, journal, catalog, storage)
            case Duplicate(digest=digest):
                _duplicate(job, attempt, digest, journal, catalog, storage)
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
    """New, or equal to an asset: then a duplicate, unless that asset's original is lost and this takes its place.

    What the asset does not name afterwards is surplus: the files of the one that came second, or the lost one's
    renditions. An equal picture of the same key has put its renditions over the asset's: those are its files now.
    """
    if not _stands(storage, picture.key, picture.size):
        journal.retry(job, attempt, f"{picture.key} vanished from the library before it was recorded", died=False)
        return
    ours = {picture.key, *(rendition.key for rendition in picture.renditions)}
    known = catalog.find(picture.digest)
    if known is None:
        if journal.finish(job, attempt, "done"):
            journal.attach(job, catalog.add(picture, job))
    elif picture.key != known.key and _stands(storage, known.key, known.size):
        journal.finish(job, attempt, "duplicate", asset=known.id, surplus=sorted(ours - known.keys))
    else:
        state: State = "duplicate" if picture.key == known.key else "done"
        if journal.finish(job, attempt, state, asset=known.id, surplus=sorted(known.keys - ours - {known.key})):
            catalog.point(known.id, picture)


def _duplicate(job: int, attempt: int, digest: str, journal: Journal, catalog: Catalog, storage: Storage) -> None:
    known = catalog.find(digest)
    if known is not None and _stands(storage, known.key, known.size):
        journal.finish(job, attempt, "duplicate", asset=known.id)
    else:  # the worker saw it stand; on the next try it will see that it is gone
        journal.retry(job, attempt, "the picture that it equals was removed from the library meanwhile", died=False)


def _stands(storage: Storage, key: str, size: int) -> bool:
    found = storage.stat(key)
    return found is not None and found.size == size
