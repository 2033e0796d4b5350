"""What belongs to one picture though it came as several files: sidecars, albums, the parts of a stack.

Whatever arrives, the few files of its shot are looked at again as a whole, so the order in which they come makes no
difference. What changes for an asset that is in the library already is a job of its own, which a worker does. Names are
`pairing`'s to judge, rows are `db.sidecars`'s. Runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watcher import pairing
from watcher.db.ledger import Ledger
from watcher.db.sidecars import Stored
from watcher.model import Attached, Job, Sidecar, Standing

AMBIGUOUS = "several pictures could be meant"


class Joining:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._sidecars, self._catalog = ledger, ledger.sidecars, ledger.catalog

    # -- what a worker is told ---------------------------------------------------------------------------------------

    def waiting(self, job: Job) -> tuple[Attached, ...]:
        """The sidecars that came before their picture: it is right from the start then."""
        if not (job.scope and job.shot):
            return ()
        names = [each.name for each in self._pictures(job) if each.name != job.name] + [job.name]
        found = [
            stored
            for stored in self._sidecars.in_shot(job.scope, job.shot)
            if job.name in (names[index] for index in _partners(stored, names) or ())
        ]
        return tuple(Attached(stored.kind, stored.key, stored.digest) for stored in sorted(found, key=_rank))

    def sidecars(self, asset: int) -> tuple[Attached, ...]:
        """All that belong to the asset, in order of precedence."""
        return self._sidecars.of(asset)

    def standing(self, asset: int) -> tuple[Standing, Job | None]:
        """The asset as it stands, and the job that it came by, when that is still known."""
        picture, name, origin = self._catalog.standing(asset)
        primary = self._sidecars.primary(asset)
        jobs = self._ledger.journal.jobs([origin]) if origin is not None else []
        return Standing(picture, name, primary[1] if primary else None), jobs[0] if jobs else None

    # -- what came ---------------------------------------------------------------------------------------------------

    def picture_came(self, job: Job, asset: int, read_with: Collection[str] = ()) -> None:
        """A picture, video or raw file is in the catalog; `read_with`: keys of the sidecars that it was read with."""
        if not (job.scope and job.shot):
            return
        album = self._sidecars.album(job.scope)
        if album:
            self._catalog.put_in_album(asset, job.id, album)
        self._settle(job, read_with)

    def sidecar_came(self, job: Job, sidecar: Sidecar) -> None:
        """A sidecar is in the library: its picture is told, and so is whoever stood in the same folder, of an album."""
        self._sidecars.add(job, sidecar)
        if sidecar.kind == "album" and sidecar.title and job.scope:
            for each in self._sidecars.in_scope(job.scope):
                if each.asset_id is not None:
                    self._catalog.put_in_album(each.asset_id, each.id, sidecar.title)
        elif job.scope and job.shot:
            self._settle(job)

    def renamed(self, asset: int) -> None:
        """The asset's original has another name now: the rest of its stack follows."""
        for companion in self._sidecars.companions(asset):
            self._tell(companion)

    def _settle(self, job: Job, read_with: Collection[str] = ()) -> None:
        """Look at a shot as a whole: which sidecar belongs to which asset, and which assets are one stack."""
        assert job.scope and job.shot
        pictures = self._pictures(job)
        names = [each.name for each in pictures]
        told: set[int] = set()
        for stored in self._sidecars.in_shot(job.scope, job.shot):
            partners = _partners(stored, names)
            if partners is None:
                if not stored.assets:
                    self._sidecars.doubt(stored.id, AMBIGUOUS)
                continue
            for asset in {_asset(pictures[index]) for index in partners} - stored.assets:
                self._sidecars.attach(stored.id, asset)
                if asset != job.asset_id or stored.key not in read_with:
                    told.add(asset)
        told |= self._stack(pictures)
        for asset in sorted(told):
            self._tell(asset)

    def _stack(self, pictures: Sequence[Job]) -> set[int]:
        """Link what is one shot; the assets whose name must follow another's."""
        changed = set()
        for group in pairing.stacks([each.name for each in pictures]):
            primary, *others = dict.fromkeys(_asset(pictures[index]) for index in group)
            for asset in others:
                self._sidecars.stack(primary, primary)
                if self._sidecars.stack(asset, primary):
                    changed.add(asset)
        return changed

    def _tell(self, asset: int) -> None:
        jobs = self._ledger.journal.of_asset(asset)
        if jobs:
            self._ledger.journal.join(jobs[-1].inbox_id, asset, jobs[-1].name, jobs[-1].batch_id)

    def _pictures(self, job: Job) -> list[Job]:
        return self._sidecars.pictures(job.scope or "", job.shot or "")


def _partners(stored: Stored, names: Sequence[str]) -> tuple[int, ...] | None:
    """The places in `names` of the pictures that the sidecar belongs to; None when that is not clear."""
    return pairing.partners(stored.name, stored.kind, stored.title, names)


def _rank(stored: Stored) -> tuple[bool, int]:
    return stored.kind != "xmp", -len(stored.name)


def _asset(job: Job) -> int:
    assert job.asset_id is not None
    return job.asset_id
