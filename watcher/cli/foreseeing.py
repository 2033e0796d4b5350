"""What a run would do with each file of an inbox: the real work on it, in this process, on storage that only pretends.

The files of one shot are foreseen together: a picture is read with its sidecars, which are called by its name, and so
are the parts of a stack. Not foreseen are what a batch.toml asks for, the number of a picture in its batch, and what a
sidecar changes for a picture that is in the library already.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from watcher import pairing
from watcher.cli.pretending import Pretended
from watcher.db.batches import set_name
from watcher.db.catalog import Catalog
from watcher.ignoring import Ignoring
from watcher.intake.scanner import Skipped, scan
from watcher.messages import Attached, Duplicate, Expanded, Processed, Sidecar, Task, TaskResult
from watcher.model import JUNK_REASON, Member, Rules, shown
from watcher.processing import naming
from watcher.processing.recognising import recognised, refusal
from watcher.processing.run import work


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one file: `outcome` is done, duplicate, failed or skipped."""

    inbox: str
    source: str
    outcome: str
    key: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file in the inbox, or a member of the archive `source`. `path` is what people are told, all else as in Task."""

    path: str
    name: str
    folder: str
    batch: str
    source: str
    size: int
    member: int | None = None
    depth: int = 0


_Fate = tuple[_File, TaskResult]


@dataclass(frozen=True, slots=True)
class Theatre:
    """`keys` are those of the pictures so far, by digest; `scratch` is a folder for temporary files.

    `is_known`: whether the file at a path below `root` stays there and was taken, as it is now: it is passed over.
    """

    root: str
    name: str
    rules: Rules
    storage: Pretended
    catalog: Catalog | None
    scratch: str
    keys: dict[str, str]
    is_known: Callable[[str], bool]

    def play(self, ignoring: Ignoring) -> Iterator[Foreseen]:
        """Each file of the inbox, and each member of its archives. Raises UnavailableError."""
        found = sorted(scan(self.root, ignoring), key=_path)
        yield from (self._left(shown(one.path), one.why) for one in found if isinstance(one, Skipped))
        files = [self._dropped(one) for one in found if not isinstance(one, Skipped) and not self.is_known(one)]
        left = {file.path: why for file in files if (why := self._stays(file))}
        yield from (self._left(path, why) for path, why in left.items())
        for shot in _shots(file for file in files if file.path not in left):
            yield from self._shot(shot)

    def _dropped(self, path: str) -> _File:
        folder, name = os.path.split(path)
        source = os.path.join(self.root, path)
        batch = shown(folder).partition("/")[0]
        return _File(shown(path), name, shown(folder), batch, source, _size(source))

    def _stays(self, file: _File) -> str | None:
        if self.rules.other != "leave":
            return None
        with contextlib.suppress(OSError), open(file.source, "rb") as opened:
            return None if recognised(opened) else refusal(opened)
        return None

    def _shot(self, files: Sequence[_File]) -> Iterator[Foreseen]:
        with tempfile.TemporaryDirectory(dir=self.scratch) as lodgings:
            telling = [(file, self._work(file, lodgings)) for file in files if pairing.tells_of_others(file.name)]
            pictures = [file for file in files if not pairing.tells_of_others(file.name)]
            names = [shown(file.name) for file in pictures]
            told = [
                (file, self._work(file, lodgings, sidecars=_belonging(telling, names, place)))
                for place, file in enumerate(pictures)
            ]
            for file, result in [*_named_after(told, telling), *_stacked(told, names)]:
                if isinstance(result, Expanded):
                    yield from self._archive(file, result, lodgings)
                else:
                    yield self._foreseen(file.path, result)

    def _archive(self, file: _File, first: Expanded, lodgings: str) -> Iterator[Foreseen]:
        source = _lodge(file, lodgings) if first.lodged else file.source
        own = replace(file, source=source, member=None)
        members = self._members(own, first, lodgings)
        inside = [_inside(own, member) for member in members if not member.junk]
        if not inside:
            yield self._failed(file.path, "there is nothing in it to take")
        yield from (self._left(f"{file.path}/{member.path}", JUNK_REASON) for member in members if member.junk)
        for shot in _shots(inside):
            yield from self._shot(shot)

    def _members(self, archive: _File, first: Expanded, lodgings: str) -> list[Member]:
        members = [*first.members]
        result: TaskResult = first
        while isinstance(result, Expanded) and result.more:
            result = self._work(archive, lodgings, listed=members[-1].index + 1)
            members += result.members if isinstance(result, Expanded) else ()
        return members

    def _work(self, file: _File, lodgings: str, *, listed: int = 0, sidecars: tuple[Attached, ...] = ()) -> TaskResult:
        rivals = self.catalog.rivals(file.size) if self.catalog and file.size < 2**63 else ()
        task = Task(
            0,
            0,
            file.source,
            file.name,
            self.rules,
            file.member,
            rivals,
            dropped_at=time.time(),
            folder=file.folder,
            batch=file.batch,
            listed=listed,
            depth=file.depth,
            lodge=_lodge(file, lodgings),
            sidecars=sidecars,
        )
        with tempfile.TemporaryDirectory(dir=self.scratch) as workspace:
            return work(task, self.storage, workspace)

    def _foreseen(self, path: str, result: TaskResult) -> Foreseen:
        match result:
            case Processed(picture=picture):
                known_key = self.keys.setdefault(picture.digest, picture.key)
                outcome = "done" if known_key is picture.key else "duplicate"  # the same object: met for the first time
                return Foreseen(self.name, path, outcome, key=known_key)
            case Duplicate(digest=digest):
                known = self.catalog.find(digest) if self.catalog else None
                return Foreseen(self.name, path, "duplicate", key=known.key if known else None)
            case Sidecar(key=key):
                return Foreseen(self.name, path, "done", key=key)
            case _:
                return self._failed(path, getattr(result, "reason", None))

    def _failed(self, path: str, why: str | None) -> Foreseen:
        return Foreseen(self.name, path, "failed", reason=why)

    def _left(self, path: str, why: str) -> Foreseen:
        return Foreseen(self.name, path, "skipped", reason=why)


def _path(found: str | Skipped) -> str:
    return found.path if isinstance(found, Skipped) else found


def _size(path: str) -> int:
    """In bytes; of a file that cannot be looked at 0: its work says what is wrong."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _shots(files: Iterable[_File]) -> list[list[_File]]:
    """The files whose names may belong together."""
    shots: dict[tuple[str, str], list[_File]] = {}
    for file in files:
        shots.setdefault((file.folder, pairing.shot(shown(file.name))), []).append(file)
    return [*shots.values()]


def _inside(archive: _File, member: Member) -> _File:
    folder, _, _ = member.path.rpartition("/")
    path = f"{archive.path}/{member.path}"
    batch = archive.batch or set_name(archive.name)
    return _File(path, member.name, folder, batch, archive.source, member.size, member.index, archive.depth + 1)


def _lodge(file: _File, lodgings: str) -> str:
    return os.path.join(lodgings, str(file.member))


def _belonging(fates: Iterable[_Fate], pictures: Sequence[str], place: int) -> tuple[Attached, ...]:
    """The sidecars of the picture that has this place in `pictures`."""
    return tuple(
        Attached(result.kind, result.key, result.digest)
        for file, result in fates
        if isinstance(result, Sidecar)
        and place in (pairing.partners(shown(file.name), result.kind, result.title, pictures) or ())
    )


def _named_after(pictures: Iterable[_Fate], sidecars: Iterable[_Fate]) -> Iterator[_Fate]:
    """The sidecars, called as the pictures that were read with them."""
    keys = {former: key for _, one in pictures if isinstance(one, Processed) for former, key in one.sidecars}
    for file, result in sidecars:
        if isinstance(result, Sidecar):
            result = replace(result, key=keys.get(result.key, result.key))
        yield file, result


def _stacked(pictures: Sequence[_Fate], names: Sequence[str]) -> Iterator[_Fate]:
    """The pictures, the parts of a stack called as the one that it is shown by."""
    first = {place: places[0] for places in pairing.stacks(names) for place in places[1:]}
    for place, (file, result) in enumerate(pictures):
        shows = pictures[first[place]][1] if place in first else None
        if isinstance(result, Processed) and isinstance(shows, Processed):
            key = naming.beside(shows.picture.key, result.picture.key)
            result = replace(result, picture=replace(result.picture, key=key))
        yield file, result
