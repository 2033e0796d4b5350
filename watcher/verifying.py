"""Whether what the catalog names lies in the library as it was put there, and what lies there that it does not name.

Original and sidecars must have the bytes that they had, renditions must be pictures of their size. The daemon goes on
meanwhile, and renames, removes and renders: so a finding is made only within a transaction of the catalog, in which
nobody does, of rows and of a file that are as they were when it was read; else all of it is looked at again. That an
asset was looked at is written in the same transaction: whoever is stopped goes on there the next time.

Nothing is put right here: that is repairing's.
"""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from watcher.db import holdings
from watcher.db.catalog import Catalog
from watcher.db.connect import transaction
from watcher.db.holdings import Piece
from watcher.db.jobs import now
from watcher.errors import RejectedError, UnavailableError
from watcher.ignoring import is_leaving
from watcher.model import Facts, Limits, Recipe
from watcher.pacing import Pace
from watcher.processing import reading, sniffing
from watcher.showing import is_text
from watcher.storage.local import LocalStorage

Kind = Literal["missing", "changed", "unreadable", "extra"]

_LOOKS = 5  # at one asset: nobody renames it so often
_CHUNK = 500
_SLACK_SECONDS = 2.0  # the kernel's clock for files, and the seconds in rows, are behind
_SMALL = (Recipe("look", size="16"),)  # decodes all of a picture, and makes next to nothing of it
_LOST = "look for it in a backup, or drop the picture again; watcher repair looks in the trash and in failed/"
_REMEDIES: dict[tuple[Kind, str], str] = {
    ("missing", "original"): _LOST,
    ("changed", "original"): "compare it with a backup; watcher repair says where its bytes may still lie",
    ("unreadable", "original"): "look at the disk, and at the rights of the file",
    ("missing", "sidecar"): "drop it again, or take it from a backup",
    ("changed", "sidecar"): "compare it with a backup; dropped again, it is read again",
    ("extra", "original"): "watcher repair takes it into the catalog, or says why it cannot",
    ("extra", "file"): "watcher repair lists it; with --delete-extra it goes to the trash",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: `what` lies, or should, under `key` in the library; whose, by its id."""

    kind: Kind
    what: Literal["original", "rendition", "sidecar", "file"]
    key: str
    detail: str
    asset: int | None = None

    @property
    def remedy(self) -> str:
        """What to do, for a person."""
        return _REMEDIES.get((self.kind, self.what), "watcher repair makes it anew")


_Stamp = tuple[int, int, int, int] | None  # of a file: inode, size, mtime and ctime (ns); None: it is not there


@dataclass(frozen=True, slots=True)
class _Look:
    piece: Piece
    finding: tuple[Kind, str] | None
    stamp: _Stamp


class Verifying:
    """`connection` is one that may write (`connect.editing`). Reads at `pace`."""

    def __init__(self, connection: sqlite3.Connection, storage: LocalStorage, limits: Limits, pace: Pace) -> None:
        self._db, self._storage, self._limits, self._pace = connection, storage, limits, pace

    def check(self, asset: int) -> list[Finding]:
        """What is wrong with the files of an asset; nothing where it is gone. That it was looked at is written down.

        Raises UnavailableError when the library is not there.
        """

        def settle(findings: Sequence[Finding]) -> None:
            words = "; ".join(f"{each.kind}: {each.key}" for each in findings)
            holdings.put_check(self._db, asset, now(), words or None)

        return self._sure(lambda: holdings.pieces(self._db, asset), settle, asset)

    def glance(self, asset: int) -> list[Finding]:
        """The same without reading originals and sidecars: their size must do. Nothing is written down."""

        def read() -> Sequence[Piece]:
            return [replace(piece, digest=None) for piece in holdings.pieces(self._db, asset)]

        return self._sure(read, lambda findings: None, asset)

    def check_lone_sidecars(self) -> list[Finding]:
        """The same for the sidecars that belong to no asset."""
        return self._sure(lambda: holdings.lone_sidecars(self._db), lambda findings: None)

    def strays(self) -> Iterator[Finding]:
        """What lies in the library and no row names, but for what the daemon has in work and litter of systems."""
        keys = (found.key for found in self._storage.list("") if not is_leaving(os.path.basename(found.key)))
        while chunk := [key for _, key in zip(range(_CHUNK), keys, strict=False)]:
            suspects = self._unnamed(chunk)
            if suspects:
                with transaction(self._db, durable=False):  # what is being rendered gets its rows in one, too
                    suspects = self._unnamed(suspects)
            for key in suspects:
                what: Literal["original", "file"] = "original" if key.startswith("originals/") else "file"
                yield Finding("extra", what, key, "no row of the catalog names it")

    def is_stray(self, key: str) -> bool:
        """Whether nobody knows it, and nobody is about to. Within a transaction that stays so."""
        return bool(self._unnamed([key]))

    def _sure(
        self,
        read: Callable[[], Sequence[Piece]],
        settle: Callable[[Sequence[Finding]], None],
        asset: int | None = None,
    ) -> list[Finding]:
        for _ in range(_LOOKS):
            pieces = read()
            looks = [self._look(piece) for piece in pieces]
            bad = [look for look in looks if look.finding]
            if bad and (problem := self._storage.problem()):
                raise UnavailableError(problem)
            with transaction(self._db, durable=False):
                if pieces != read() or any(_stamp(self._storage.url(look.piece.key)) != look.stamp for look in bad):
                    continue
                found = [Finding(*_said(look), asset) for look in bad]
                if pieces:
                    settle(found)
                return found
        return []  # it is not written down either: the next run looks at it first

    def _look(self, piece: Piece) -> _Look:
        path = self._storage.url(piece.key)
        stamp = _stamp(path)
        try:
            finding = self._shown(piece, path) if piece.what == "rendition" else self._measured(piece, path)
        except FileNotFoundError:
            finding = ("missing", "it is not there")
        except RejectedError as error:
            finding = ("unreadable", str(error))
        except OSError as error:
            finding = ("unreadable", error.strerror or str(error))
        return _Look(piece, finding, stamp)

    def _measured(self, piece: Piece, path: str) -> tuple[Kind, str] | None:
        """What the bytes of an original or a sidecar come to."""
        size = os.stat(path).st_size
        if piece.size is not None and size != piece.size:
            return "changed", f"it has {size:,} bytes, and had {piece.size:,} when it was put there"
        if piece.digest is None:
            return None
        hashed = hashlib.sha256()
        for chunk in self._pace.read(path):
            hashed.update(chunk)
        if hashed.hexdigest() != piece.digest:
            return "changed", "its bytes are not those that were put there"
        return None

    def _shown(self, piece: Piece, path: str) -> tuple[Kind, str] | None:
        return picture_problem(b"".join(self._pace.read(path)), (piece.width, piece.height), self._limits)

    def _unnamed(self, keys: Sequence[str]) -> list[str]:
        """Those that no row names and nobody is at work on, and that still stand."""
        flight = holdings.flight(self._db)
        named = Catalog(self._db).named([key for key in keys if is_text(key)])
        began = None if flight.since is None else datetime.fromisoformat(flight.since).timestamp() - _SLACK_SECONDS
        return [
            key
            for key in keys
            if key not in named
            and key not in flight.surplus
            and _is_settled(os.path.join(self._storage.root, key), began)
        ]


def picture_problem(content: bytes, size: tuple[int | None, int | None], limits: Limits) -> tuple[Kind, str] | None:
    """What is wrong with a rendition that is to be a picture of `size` (px); all of it is decoded.

    Raises RejectedError when it cannot be.
    """
    file = io.BytesIO(content)
    kind = sniffing.kind(file)
    if kind not in sniffing.PICTURES:
        return "unreadable", "it is no picture" if content else "it is empty"
    file.seek(0)
    opened = reading.opened(file, kind, len(content), limits)
    _, flags = opened.render(_SMALL, 1, Facts())
    if "truncated_end" in flags:
        return "unreadable", "its end is missing"
    if opened.upright(1) != size:
        return "changed", "it is a picture of {} x {} pixels".format(*opened.upright(1))
    return None


def _said(look: _Look) -> tuple[Kind, Literal["original", "rendition", "sidecar"], str, str]:
    assert look.finding is not None
    return look.finding[0], look.piece.what, look.piece.key, look.finding[1]


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_settled(path: str, began: float | None) -> bool:
    """Whether it is there, and was before the first of those began who are at work now (unix seconds)."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and (began is None or found.st_ctime < began)
