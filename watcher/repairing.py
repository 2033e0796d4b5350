"""What can be made anew in a library is: renditions from originals, the indexes from the rows, rows from the files.

An original that is gone or has other bytes cannot be made: its bytes are looked for by their digest among what was
removed, what failed, and what waits. What is missing and found is put back; what stands in its place is never touched.
What is taken in gets the renditions that its inbox wants. Nothing is deleted: what nobody knows is listed, and goes to
the trash when a person says so (`discard`). It may all run beside the daemon: each change is a transaction of the
catalog's, made after another look.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watcher import chronicle, rendering
from watcher.adopting import Adopting, ChangedError
from watcher.db import annals, holdings, soundness, wording
from watcher.db.connect import transaction
from watcher.db.holdings import Piece
from watcher.errors import RejectedError, RetryError, UnavailableError
from watcher.model import Limits, Recipe, Rules, shown
from watcher.processing import standing
from watcher.storage import trash
from watcher.storage.base import PRIVATE, KeyTakenError
from watcher.storage.local import LocalStorage
from watcher.verifying import Finding, Verifying

_SMALL = 1 << 20  # bytes: sidecars have fewer
_ORDER = {"originals": 0, "sidecars": 1}  # of what is taken in: a sidecar is named after its picture


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file (`key`, or "" for the catalog itself), in words.

    `made` anew, `restored` from elsewhere, `adopted` into the catalog; `left`: a person must see to it; `extra`: nobody
    knows it; `trashed`: it is in the trash.
    """

    what: Literal["made", "restored", "adopted", "left", "extra", "trashed"]
    key: str
    words: str


class Repairing:
    """`recipes` gives the recipe of a name, None when nobody knows it any more. `dry`: say what would be done, only.

    `limits` are those of reading a picture, `elsewhere` knows where bytes may lie.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        storage: LocalStorage,
        verifying: Verifying,
        recipes: Callable[[str], Recipe | None],
        limits: Limits,
        elsewhere: Elsewhere,
        *,
        dry: bool = False,
    ) -> None:
        self._db, self._storage, self._verifying = connection, storage, verifying
        self._recipes, self._limits, self._elsewhere, self._dry = recipes, limits, elsewhere, dry
        self._adopted: set[int] = set()

    def indexes(self) -> list[Outcome]:
        """The indexes of words and places, where they are not as the rows have it."""
        found = []
        for name, is_sound, rebuild in (
            ("words", _words_are_sound, wording.rebuild),
            ("places", _places_are_sound, holdings.rebuild_places),
        ):
            if not is_sound(self._db):
                if not self._dry:
                    with transaction(self._db):
                        rebuild(self._db)
                found.append(Outcome("made", "", f"the index of the {name} is not as the catalog has it"))
        return found

    def asset(self, asset: int, *, suspect: bool) -> list[Outcome]:
        """The files of one asset. `suspect`: its bytes are compared too, since they were not right before."""
        findings = self._verifying.check(asset) if suspect else self._verifying.glance(asset)
        pieces = {piece.key: piece for piece in holdings.pieces(self._db, asset)}
        found = [
            self._restored(one, pieces[one.key]) for one in findings if one.what != "rendition" and one.key in pieces
        ]
        original = next((piece for piece in pieces.values() if piece.what == "original"), None)
        bad = [pieces[one.key] for one in findings if one.what == "rendition" and one.key in pieces]
        if original and bad:
            lost = any(one.what == "left" and one.key == original.key for one in found)
            found += [self._rendered(asset, piece, lost=lost) for piece in bad]
        if findings and not self._dry:
            self._verifying.check(asset)  # so that it is known to be well, or what is left of it
        return found

    def _restored(self, finding: Finding, piece: Piece) -> Outcome:
        """An original or a sidecar: put back from elsewhere, when it is missing and its bytes are found."""
        place = self._elsewhere.find(piece.digest, piece.size)
        if place is None:
            return Outcome("left", piece.key, self._advice(finding, piece))
        if finding.kind != "missing":
            return Outcome("left", piece.key, f"{finding.detail}; as it was it lies at {shown(place)}")
        if not self._dry:
            try:
                self._storage.put(piece.key, place)
            except (KeyTakenError, OSError) as error:
                return Outcome("left", piece.key, f"it lies at {shown(place)}, and cannot be put back: {error}")
        return Outcome("restored", piece.key, f"from {shown(place)}")

    def _advice(self, finding: Finding, piece: Piece) -> str:
        """What to do about bytes that are nowhere found; those that were dropped may be, where they were cleaned up."""
        digest, size = holdings.as_dropped(self._db, _asset(finding.asset))
        place = self._elsewhere.find(digest, size) if (piece.what, digest) != ("original", piece.digest) else None
        if piece.what == "original" and place:
            return f"{finding.detail}; as it was dropped it lies at {shown(place)}: drop that again"
        return f"{finding.detail}; its bytes are neither in the trash nor in an inbox: look for it in a backup"

    def _rendered(self, asset: int, piece: Piece, *, lost: bool) -> Outcome:
        recipe = self._recipes(piece.name)
        if recipe is None:
            words = f"there is no recipe {piece.name!r} any more: watcher render makes one of another, by its flags"
            return Outcome("left", piece.key, words)
        if lost:
            return Outcome("left", piece.key, "it can be made again when its original is right")
        try:
            if not self._dry:
                self._make(rendering.order(self._db, asset, recipe))
        except (RejectedError, RetryError) as error:
            return Outcome("left", piece.key, str(error))
        return Outcome("made", piece.key, "from its original")

    def _make(self, order: rendering.Order) -> None:
        rendering.make(self._db, self._storage, order, self._limits)

    def strays(self, adopting: Adopting, rules: Rules) -> Iterator[Outcome]:
        """What the catalog does not know: taken into it where it is a picture or a sidecar, else extra.

        An original that has changed is left, and so are its renditions, which show it as it was.
        """
        folders = standing.folders(self._storage.root)
        renditions: set[str] = set()  # of those that are taken in: they come with their original
        changed: set[str] = set()
        for finding in sorted(self._verifying.strays(), key=lambda one: _ORDER.get(one.key.partition("/")[0], 2)):
            if finding.key in renditions:
                continue
            try:
                if finding.what == "original":
                    renditions |= self._adopt(finding.key, adopting, rules, folders)
                elif finding.key.startswith("sidecars/"):
                    self._adopt_sidecar(finding.key, adopting)
                elif changed.intersection(_originals(finding.key)):
                    raise ChangedError("it shows an original that has changed as it was")
                else:
                    raise RejectedError(finding.detail)
            except ChangedError as error:
                changed.add(finding.key)
                yield Outcome("left", finding.key, str(error))
            except RejectedError as error:
                yield Outcome("extra", finding.key, str(error))
            except OSError as error:
                yield Outcome("left", finding.key, error.strerror or str(error))
            except UnicodeEncodeError:
                yield Outcome("left", finding.key, "its name is not UTF-8: rename it, or move it away, by hand")
            else:
                yield Outcome("adopted", finding.key, "the catalog did not know it")

    def complete(self, recipes: Sequence[Recipe], inboxes: Mapping[str, Sequence[str]]) -> Iterator[Outcome]:
        """Make the renditions that those lack which `strays` took in; only what cannot be made is told.

        `inboxes`: the names of the recipes that each inbox's pictures get, by its name.
        """
        orders, _ = rendering.outdated(self._db, recipes, inboxes) if self._adopted else ([], [])
        for order in orders:
            if order.asset in self._adopted:
                try:
                    self._make(order)
                except (RejectedError, RetryError) as error:
                    yield Outcome("left", order.key, f"its renditions cannot be made: {error}")

    def _adopt(self, key: str, adopting: Adopting, rules: Rules, folders: Sequence[str]) -> set[str]:
        """Take an original into the catalog; the keys of its renditions."""
        picture = standing.read(key, functools.partial(adopting.known, key), rules, self._storage, folders)
        if there := adopting.ledger.catalog.find(picture.digest):
            raise RejectedError(f"asset {there.id} has the same bytes, under {there.key}")
        if not self._dry:
            with transaction(self._db):
                for job in adopting.add(picture):
                    self._adopted.add(_asset(job.asset_id))
                    adopting.joining.picture_came(job, _asset(job.asset_id))
                self._tell(adopting)
        return {one.key for one in picture.renditions}

    def _adopt_sidecar(self, key: str, adopting: Adopting) -> None:
        said = standing.sidecar(key, self._storage)
        if holdings.knows_sidecar(self._db, said.digest):
            raise RejectedError("the catalog knows a sidecar with the same bytes, which lies elsewhere")
        if not self._dry:
            with transaction(self._db):
                adopting.add_sidecar(said)
                self._tell(adopting)

    def _tell(self, adopting: Adopting) -> None:
        chronicle.append(self._storage.root, annals.of_jobs(self._db, adopting.untold))
        adopting.untold.clear()

    def extra(self) -> Iterator[str]:
        """The keys of what the catalog does not know."""
        return (finding.key for finding in self._verifying.strays())

    def discard(self, keys: Sequence[str], token: str) -> Iterator[Outcome]:
        """Move to the trash, under `token`, those of `keys` that still nobody knows; the others are left."""
        for key in keys:
            with transaction(self._db):  # nobody gives it a row meanwhile
                if not self._verifying.is_stray(key):
                    yield Outcome("left", key, "it is gone, or the catalog knows it by now")
                    continue
                try:
                    (place,) = trash.move(self._storage.root, token, [key])
                except ValueError:  # not UTF-8, or not below the library at all
                    yield Outcome("left", key, "it has no name as the library gives them: move it away by hand")
                except UnavailableError as error:
                    yield Outcome("left", key, str(error))
                else:
                    yield Outcome("trashed", key, shown(place))


class Elsewhere:
    """Where a file with certain bytes may lie beside its place: in the trash, in failed/, in a spool, in an inbox."""

    def __init__(self, library: str, inboxes: Sequence[str]) -> None:
        private = os.path.join(library, PRIVATE)
        places = [os.path.join(private, "trash"), os.path.join(private, "spool"), os.path.join(library, "originals")]
        self._folders = [*places, *inboxes]

    def find(self, digest: str | None, size: int | None) -> str | None:
        """The path of a file with this SHA-256. Without a size (bytes) it is looked for among the small ones."""
        sizes = [size] if size is not None else [each for each in self._by_size if each <= _SMALL]
        paths = (path for each in sizes for path in self._by_size.get(each, ()))
        return next((path for path in paths if _digest(path) == digest), None)

    @functools.cached_property
    def _by_size(self) -> dict[int, list[str]]:
        """Looked through once, and only for a library that has lost something."""
        found: dict[int, list[str]] = {}
        for top in self._folders:
            for folder, _, names in os.walk(top):
                for path in (os.path.join(folder, name) for name in names):
                    with contextlib.suppress(OSError):  # gone meanwhile
                        found.setdefault(os.stat(path).st_size, []).append(path)
        return found


def _originals(key: str) -> tuple[str, str]:
    """The keys that the original may have of which a rendition lies under `key`: it may have a suffix of its own."""
    original = f"originals/{key.partition('/')[2]}"
    return original, os.path.splitext(original)[0]


def _digest(path: str) -> str | None:
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # gone meanwhile, or not ours to read
        return None


def _words_are_sound(connection: sqlite3.Connection) -> bool:
    try:
        return soundness.words_are_sound(connection) and not any(True for _ in soundness.unlike_words(connection))
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # of a damaged one even the reading fails
        return False


def _places_are_sound(connection: sqlite3.Connection) -> bool:
    return not soundness.unlike_places(connection) and soundness.places_damage(connection) is None


def _asset(number: int | None) -> int:
    assert number is not None
    return number
