"""Results become true: one transaction for a group of them, jobs and assets together. The one `match` over results.

A result whose attempt is no longer the running one falls away. What the catalog says stands in the library was seen
standing there by this transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.batching import Batching
from watcher.db.ledger import Ledger
from watcher.joining import Joining
from watcher.messages import (
    Dated,
    Duplicate,
    Expanded,
    Failed,
    Joined,
    Processed,
    Rejected,
    Sidecar,
    TaskResult,
    Unavailable,
)
from watcher.model import Picture, State
from watcher.storage.base import Storage

Moved = Sequence[tuple[str, str]]  # (former key, key) of sidecars


class Committing:
    def __init__(self, ledger: Ledger, storage: Storage, joining: Joining, batching: Batching) -> None:
        self._ledger, self._storage, self._joining, self._batching = ledger, storage, joining, batching
        self._journal, self._catalog = ledger.journal, ledger.catalog

    def apply(self, results: Sequence[TaskResult]) -> None:
        """Write `results` down. Runs inside the caller's transaction; repeatable."""
        for result in results:
            job, attempt = result.job_id, result.attempt
            match result:
                case Processed(picture=picture, sidecars=moved):
                    self._processed(job, attempt, picture, moved)
                case Duplicate(digest=digest):
                    self._duplicate(job, attempt, digest)
                case Expanded():
                    self._expanded(result)
                case Dated(taken=taken, numbered=numbered):
                    self._journal.dated(job, attempt, taken, numbered=numbered)
                case Sidecar():
                    self._sidecar(result)
                case Joined(picture=picture, sidecars=moved):
                    self._joined(job, attempt, picture, moved)
                case Rejected(reason=reason, lodged=lodged):
                    self._journal.finish(job, attempt, "failed", reason=reason, lodged=lodged)
                case Failed(reason=reason, died=died):
                    self._journal.retry(job, attempt, reason, died)
                case Unavailable(reason=reason):
                    self._journal.excuse(job, attempt, "unavailable", reason)
        self._ledger.archives.close()

    def _processed(self, job: int, attempt: int, picture: Picture, moved: Moved) -> None:
        """New, or equal to an asset: then a duplicate, unless that asset's original is lost and this takes its place.

        What the asset does not name afterwards is surplus: the files of the one that came second, or the lost one's
        renditions. So are sidecars under their new names: they move when the asset is joined with them. An equal
        picture of the same key has put its renditions over the asset's: those are its files now.
        """
        if not self._stands(picture.key, picture.stored_size):
            reason = f"{picture.key} vanished from the library before it was recorded"
            self._journal.retry(job, attempt, reason, died=False)
            return
        ours = _keys(picture)
        known = self._catalog.find(picture.digest)
        if known is None:
            if self._journal.finish(job, attempt, "done", surplus=[key for both in moved for key in both]):
                asset = self._catalog.add(picture, job)
                self._journal.attach(job, asset)
                self._move(moved)
                self._came(job, asset, [key for _, key in moved])
        elif picture.key != known.key and self._stands(known.key, known.size):
            ours |= {key for _, key in moved}
            if self._journal.finish(job, attempt, "duplicate", asset=known.id, surplus=sorted(ours - known.keys)):
                self._came(job, known.id)
        else:
            state: State = "duplicate" if picture.key == known.key else "done"
            surplus = sorted((known.keys | {key for _, key in moved}) - ours - {known.key})
            if self._journal.finish(job, attempt, state, asset=known.id, surplus=surplus):
                self._catalog.point(known.id, picture)
                self._came(job, known.id)

    def _move(self, moved: Moved) -> None:
        """Sidecars that have their picture's name now. Their former files are surplus of the job that moved them; so
        are those under the new names, where another picture that was read with the same sidecar came first."""
        for former, key in moved:
            self._ledger.sidecars.move(former, key)

    def _duplicate(self, job: int, attempt: int, digest: str) -> None:
        known = self._catalog.find(digest)
        if known is not None and self._stands(known.key, known.size):
            if self._journal.finish(job, attempt, "duplicate", asset=known.id):
                self._came(job, known.id)
        else:  # the worker saw it stand; on the next try it will see that it is gone
            reason = "the picture that it equals was removed from the library meanwhile"
            self._journal.retry(job, attempt, reason, died=False)

    def _came(self, job: int, asset: int, read_with: Sequence[str] = ()) -> None:
        """An asset was dropped, perhaps again: where it came from is kept, and what lay beside it may belong to it."""
        dropped = self._journal.job(job)
        self._catalog.dropped(asset, dropped)
        self._joining.picture_came(dropped, asset, read_with)

    def _expanded(self, result: Expanded) -> None:
        job = self._journal.job(result.job_id)
        if (job.state, job.attempt) != ("running", result.attempt):
            return
        batch = self._batching.of_archive(job, result.options)
        if problem := batch.problem or self._batching.excess(job, result.members):
            self._journal.finish(job.id, result.attempt, "failed", reason=problem, lodged=result.lodged)
        else:
            self._ledger.archives.expand(job, batch, result.members, more=result.more, lodged=result.lodged)

    def _sidecar(self, result: Sidecar) -> None:
        if not self._stands(result.key, result.size):
            reason = f"{result.key} vanished from the library before it was recorded"
            self._journal.retry(result.job_id, result.attempt, reason, died=False)
        elif self._journal.finish(result.job_id, result.attempt, "done"):
            self._joining.sidecar_came(self._journal.job(result.job_id), result)

    def _joined(self, job: int, attempt: int, picture: Picture, moved: Moved) -> None:
        """The asset was read again; its files of former names go when nobody names them any more."""
        ours = _keys(picture)
        asset = self._catalog.find(picture.digest)
        if asset is None:  # removed meanwhile: what was published for it goes
            surplus = sorted(ours | {key for _, key in moved})
            self._journal.finish(job, attempt, "done", surplus=surplus)
        elif not self._stands(picture.key, picture.stored_size):
            self._journal.retry(job, attempt, f"{picture.key} vanished from the library", died=False)
        else:
            surplus = sorted((asset.keys | {key for both in moved for key in both}) - ours)
            if self._journal.finish(job, attempt, "done", asset=asset.id, surplus=surplus):
                self._catalog.rewrite(asset.id, picture)
                self._move(moved)
                if picture.key != asset.key:
                    self._joining.renamed(asset.id)

    def _stands(self, key: str, size: int) -> bool:
        found = self._storage.stat(key)
        return found is not None and found.size == size


def _keys(picture: Picture) -> set[str]:
    return {picture.key, *(rendition.key for rendition in picture.renditions)}
