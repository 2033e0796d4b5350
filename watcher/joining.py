"""What belongs to one picture though it came as several files: sidecars, albums, the parts of a stack.

Whatever arrives, the few files of its shot are looked at again as a whole, so the order in which they come makes no
difference. What changes for an asset that is in the library already is a job of its own, which a worker does. Names are
`pairing`'s to judge, rows are `db.sidecars`'s. Runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from watcher import pairing
from watcher.db.drops import Drop
from watcher.db.ledger import Ledger
from watcher.db.sidecars import Stored
from watcher.messages import Attached, Sidecar, Standing
from watcher.model import Job

Came = Job | Drop  # a picture that is being taken, or was
AMBIGUOUS = "several pictures could be meant"
MOMENT = timedelta(seconds=5)  # the movie of a live photo begins before its still
TOGETHER = timedelta(days=1)  # cameras count from 1 again: what came later than that is no rival under the same name


class Joining:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._sidecars, self._catalog = ledger, ledger.sidecars, ledger.catalog

    # -- what a worker is told ---------------------------------------------------------------------------------------

    def waiting(self, job: Job) -> tuple[Attached, ...]:
        """The sidecars that came before their picture: it is right from the start then."""
        if not (job.scope and job.shot):
            return ()
        pictures: list[Came] = [*self._sidecars.pictures(job.scope, job.shot), job]
        found = [
            stored
            for stored in self._sidecars.in_shot(job.scope, job.shot)
            # a try before this one may have published it under the name that it had with those of then
            if stored.id <= (job.known or 0) and job.id in (each.id for each in _meant(stored, pictures) or ())
        ]
        return tuple(Attached(stored.kind, stored.key, stored.digest) for stored in sorted(found, key=_rank))

    def sidecars(self, asset: int) -> tuple[Attached, ...]:
        """All that belong to the asset, in order of precedence."""
        return self._sidecars.of(asset)

    def standing(self, asset: int) -> tuple[Standing, Drop | None]:
        """The asset as it stands, and how it came first, when that is known."""
        picture, name, origin = self._catalog.standing(asset)
        primary = self._sidecars.primary(asset)
        return Standing(picture, name, primary[1] if primary else None), origin

    # -- what came ---------------------------------------------------------------------------------------------------

    def picture_came(self, job: Job, asset: int, read_with: Collection[str] = ()) -> None:
        """A picture, video or raw file is in the catalog; `read_with`: keys of the sidecars that it was read with."""
        if not (job.scope and job.shot):
            return
        album = self._sidecars.album(job.scope)
        if album and _is_in_folder(job):
            self._catalog.put_in_album(asset, job.id, album)
        self._settle(job, read_with)

    def sidecar_came(self, job: Job, sidecar: Sidecar) -> None:
        """A sidecar is in the library: its picture is told, and so is whoever stood in the same folder, of an album."""
        self._sidecars.add(job, sidecar)
        if sidecar.kind == "album":
            self._gather(job, sidecar.title)
        elif job.scope and job.shot:
            self._settle(job)

    def _gather(self, job: Job, album: str | None) -> None:
        if album and job.scope and _is_in_folder(job):
            for each in self._sidecars.in_scope(job.scope):
                self._catalog.put_in_album(_asset(each), each.id, album)

    def renamed(self, asset: int) -> None:
        """The asset's original has another name now: the rest of its stack follows."""
        for companion in self._sidecars.companions(asset):
            self._tell(companion)

    def _settle(self, job: Job, read_with: Collection[str] = ()) -> None:
        """Look at a shot as a whole: which sidecar belongs to which asset, and which assets are one stack."""
        assert job.scope and job.shot
        pictures = self._sidecars.pictures(job.scope, job.shot)
        told: set[int] = set()
        for stored in self._sidecars.in_shot(job.scope, job.shot):
            read = {job.asset_id} if job.asset_id is not None and stored.key in read_with else set()
            told |= self._assign(stored, pictures) ^ (stored.assets | read)
        near = {each.name: each for each in pictures if _is_near(each.created_at, job) or self._is_same(each, job)}
        told |= self._stack(list(near.values()))
        for asset in sorted(told):
            self._tell(asset)

    def _is_same(self, picture: Drop, job: Job) -> bool:
        """Whether the two were taken at one moment: then they are one shot however far apart they came."""
        moments = [self._catalog.taken(each.asset_id) for each in (picture, job) if each.asset_id is not None]
        if len(moments) < 2 or None in moments:
            return False
        first, second = (datetime.fromisoformat(str(moment)) for moment in moments)
        return abs(first - second) <= MOMENT

    def _assign(self, stored: Stored, pictures: Sequence[Drop]) -> frozenset[int]:
        """Give the sidecar to the assets that it means, and take it from those that it does not: whose it is then."""
        meant = _meant(stored, pictures)
        self._sidecars.doubt(stored.id, AMBIGUOUS if meant is None else None)
        new = {_asset(each) for each in meant or ()}
        lost = (stored.assets & {_asset(each) for each in pictures}) - new
        for asset in new - stored.assets:
            self._sidecars.attach(stored.id, asset)
        for asset in lost:
            self._sidecars.detach(stored.id, asset)
        return (stored.assets - lost) | new

    def _stack(self, pictures: Sequence[Drop]) -> set[int]:
        """Link what is one shot, and no longer what could be two; the assets whose name must follow."""
        changed, linked = set(), set()
        for group in pairing.stacks([each.name for each in pictures]):
            primary, *others = dict.fromkeys(_asset(pictures[index]) for index in group)
            for asset in others:
                linked.add(asset)
                self._sidecars.stack(primary, primary)
                if self._sidecars.stack(asset, primary):
                    changed.add(asset)
        return changed | self._unstack({_asset(each) for each in pictures}, linked)

    def _unstack(self, assets: set[int], linked: set[int]) -> set[int]:
        """Whose still it was is not clear any more: those of the assets that stand alone from now on."""
        changed = set()
        for asset in assets - linked:
            primary = self._sidecars.primary(asset)
            if primary and primary[0] in assets:
                self._sidecars.stack(asset, None)
                changed.add(asset)
                if not self._sidecars.companions(primary[0]):
                    self._sidecars.stack(primary[0], None)
        return changed

    def _tell(self, asset: int) -> None:
        drops = self._catalog.drops(asset)
        if drops:
            self._ledger.journal.join(drops[-1].inbox_id, asset, drops[-1].name, drops[-1].batch_id)


def _meant(stored: Stored, pictures: Sequence[Came]) -> list[Came] | None:
    """Those of the pictures that the sidecar belongs to; None when that is not clear.

    Of one name the picture that came in the same batch is meant, else the one that has it, else the last.
    """
    near = [
        each for each in pictures if not stored.assets or each.asset_id in stored.assets or _is_near(stored.came, each)
    ]
    one_each = {each.name: each for each in sorted(near, key=_claim(stored))}
    places = pairing.partners(stored.name, stored.kind, stored.title, list(one_each))
    return None if places is None else [list(one_each.values())[place] for place in places]


def _claim(stored: Stored) -> Callable[[Came], tuple[bool, bool]]:
    """How strong a picture's claim to the sidecar is among those of its name."""
    return lambda picture: (picture.batch_id == stored.batch, picture.asset_id in stored.assets)


def _is_near(came: str, picture: Came) -> bool:
    return abs(datetime.fromisoformat(came) - datetime.fromisoformat(picture.created_at)) <= TOGETHER


def _rank(stored: Stored) -> tuple[bool, int]:
    return stored.kind != "xmp", -len(stored.name)


def _is_in_folder(job: Job) -> bool:
    """Whether it came in something that can be an album; an inbox itself is none."""
    return job.batch_id is not None


def _asset(picture: Came) -> int:
    assert picture.asset_id is not None
    return picture.asset_id
