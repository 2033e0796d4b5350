"""Files that tell about others, and which asset each belongs to; the albums and stacks that names make.

The methods that change rows run inside a transaction of the caller's. Who belongs to whom by name is pairing's to say.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from watcher.db import drops
from watcher.db.drops import Drop
from watcher.messages import Attached, Sidecar
from watcher.model import Job, SidecarKind


@dataclass(frozen=True, slots=True)
class Stored:
    """A sidecar in the library; `assets`: those that it belongs to. `came`: when, UTC, and in which `batch`."""

    id: int
    kind: SidecarKind
    key: str
    digest: str
    name: str
    title: str | None
    assets: frozenset[int]
    came: str
    batch: int | None


class Sidecars:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, job: Job, sidecar: Sidecar) -> None:
        """Write down a stored sidecar; repeatable."""
        self._db.execute(
            """insert into sidecars (job_id, kind, digest, key, name, title, scope, shot)
               values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (job_id) do nothing""",
            (job.id, sidecar.kind, sidecar.digest, sidecar.key, job.name, sidecar.title, job.scope, job.shot),
        )

    def in_shot(self, scope: str, shot: str) -> list[Stored]:
        """The sidecars of this folder whose names begin as those of the shot do; no albums."""
        rows = self._db.execute(
            """select s.*, j.created_at, j.batch_id from sidecars s join jobs j on j.id = s.job_id
               where s.scope = ? and s.shot = ? and s.kind <> 'album' order by s.name, s.id""",
            (scope, shot),
        )
        return [self._stored(row) for row in rows.fetchall()]

    def pictures(self, scope: str, shot: str) -> list[Drop]:
        """The drops of this shot that led to an asset, in their order."""
        return drops.of_shot(self._db, scope, shot)

    def attach(self, sidecar: int, asset: int) -> None:
        self._db.execute("insert or ignore into sidecars_of_assets values (?, ?)", (sidecar, asset))

    def detach(self, sidecar: int, asset: int) -> None:
        self._db.execute("delete from sidecars_of_assets where sidecar_id = ? and asset_id = ?", (sidecar, asset))

    def move(self, key: str, new: str) -> None:
        """The sidecar that stood under `key` stands under `new`."""
        self._db.execute("update sidecars set key = ? where key = ?", (new, key))

    def doubt(self, sidecar: int, problem: str | None) -> None:
        """Why the sidecar belongs to none of the pictures that there are; None when it does, or there are none."""
        self._db.execute(
            "update sidecars set problem = ? where id = ? and problem is not ?", (problem, sidecar, problem)
        )

    def of(self, asset: int) -> tuple[Attached, ...]:
        """The asset's sidecars, the one named most exactly first: IMG_1.jpg.xmp before IMG_1.xmp."""
        rows = self._db.execute(
            """select s.kind, s.key, s.digest from sidecars_of_assets o join sidecars s on s.id = o.sidecar_id
               where o.asset_id = ? order by s.kind desc, length(s.name) desc, s.id desc""",
            (asset,),
        )
        return tuple(Attached(row["kind"], row["key"], row["digest"]) for row in rows)

    # -- albums and stacks -----------------------------------------------------------------------------------------

    def album(self, scope: str) -> str | None:
        """The album that the folder is, by the metadata in it."""
        query = "select title from sidecars where scope = ? and kind = 'album' and title <> '' order by id desc limit 1"
        row = self._db.execute(query, (scope,)).fetchone()
        return None if row is None else str(row["title"])

    def in_scope(self, scope: str) -> list[Drop]:
        """All drops in the folder that led to an asset."""
        return drops.of_scope(self._db, scope)

    def stack(self, asset: int, primary: int | None) -> bool:
        """The asset belongs to the stack that is shown by `primary`, None to none; whether that is news."""
        query = "update assets set stack = ? where id = ? and stack is not ?"
        return self._db.execute(query, (primary, asset, primary)).rowcount == 1

    def primary(self, asset: int) -> tuple[int, str] | None:
        """(id, key) of the asset that this one must be named after; None when it is its own."""
        row = self._db.execute(
            "select p.id, p.key from assets a join assets p on p.id = a.stack where a.id = ? and p.id <> a.id", (asset,)
        ).fetchone()
        return None if row is None else (int(row["id"]), str(row["key"]))

    def companions(self, primary: int) -> list[int]:
        """The other assets of the stack that `primary` stands for."""
        rows = self._db.execute("select id from assets where stack = ?1 and id <> ?1", (primary,))
        return [int(row["id"]) for row in rows]

    def _stored(self, row: sqlite3.Row) -> Stored:
        assets = self._db.execute("select asset_id from sidecars_of_assets where sidecar_id = ?", (row["id"],))
        owned = frozenset(int(each["asset_id"]) for each in assets)
        return Stored(
            row["id"],
            row["kind"],
            row["key"],
            row["digest"],
            row["name"],
            row["title"],
            owned,
            row["created_at"],
            row["batch_id"],
        )
