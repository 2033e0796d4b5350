"""What the catalog says lies in the library, for those who compare that with the disk; and when each was looked at.

The functions that change rows run inside a transaction of the caller's. What is right and what is to be done about it
is theirs to say.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Literal

from watcher.db.wording import PLACES

_STORED_SIZE = "coalesce(stored_size, size)"
_NOT_SINCE = "(?1 is null or c.checked_at is null or c.checked_at < ?1)"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file that the catalog names. What is None was never written down: a rendition's digest, an original's px.

    `size` is in bytes, `digest` the SHA-256 of the file as it lies there. `name`: of a rendition its recipe, else what
    was dropped.
    """

    what: Literal["original", "rendition", "sidecar"]
    key: str
    name: str
    size: int | None = None
    digest: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """What is under way: when the first of the jobs began that are not at their end (UTC; None: none has), and the keys
    that are about to be deleted."""

    since: str | None
    surplus: frozenset[str]


def due(connection: sqlite3.Connection, since: str | None = None) -> list[int]:
    """The assets that were not checked since (UTC text; None: all of them), those longest not checked first."""
    rows = connection.execute(
        f"""select a.id from assets a left join checks c on c.asset_id = a.id where {_NOT_SINCE}
            order by c.checked_at is not null, c.checked_at, a.id""",
        (since,),
    )
    return [row[0] for row in rows]


def due_bytes(connection: sqlite3.Connection, since: str | None = None) -> int:
    """The bytes of these assets' originals."""
    query = f"select sum({_STORED_SIZE}) from assets a left join checks c on c.asset_id = a.id where {_NOT_SINCE}"
    return int(connection.execute(query, (since,)).fetchone()[0] or 0)


def pieces(connection: sqlite3.Connection, asset: int) -> tuple[Piece, ...]:
    """The files of an asset, the original first; none when there is no such asset (any more)."""
    row = connection.execute(
        f"select key, name, {_STORED_SIZE} as size, stored_digest from assets where id = ?", (asset,)
    ).fetchone()
    if row is None:
        return ()
    renditions = connection.execute(
        "select key, recipe, width, height from renditions where asset_id = ? order by recipe", (asset,)
    )
    sidecars = connection.execute(
        """select s.key, s.name, s.digest from sidecars s join sidecars_of_assets o on o.sidecar_id = s.id
           where o.asset_id = ? order by s.id""",
        (asset,),
    )
    return (
        Piece("original", row["key"], row["name"], row["size"], row["stored_digest"]),
        *(Piece("rendition", r["key"], r["recipe"], width=r["width"], height=r["height"]) for r in renditions),
        *(Piece("sidecar", s["key"], s["name"], digest=s["digest"]) for s in sidecars),
    )


def lone_sidecars(connection: sqlite3.Connection) -> tuple[Piece, ...]:
    """The sidecars that belong to no asset, albums among them."""
    rows = connection.execute(
        "select key, name, digest from sidecars where id not in (select sidecar_id from sidecars_of_assets) order by id"
    )
    return tuple(Piece("sidecar", row["key"], row["name"], digest=row["digest"]) for row in rows)


def flight(connection: sqlite3.Connection) -> Flight:
    """What the daemon is about: its workers may have put files under names that no row has yet."""
    # what is queued again may have published before its try ended
    began = connection.execute(
        "select min(started_at) from jobs where state in ('running', 'queued') and started_at is not null"
    ).fetchone()[0]
    rows = connection.execute(
        "select surplus from jobs where discarded = 0 and finished_at is not null and surplus is not null"
    )
    return Flight(began, frozenset(key for row in rows for key in json.loads(row["surplus"])))


def put_check(connection: sqlite3.Connection, asset: int, moment: str, problem: str | None) -> None:
    """The asset was looked at (UTC); `problem` says what was wrong with it."""
    connection.execute(
        """insert into checks (asset_id, checked_at, problem) values (?, ?, ?)
           on conflict (asset_id) do update set checked_at = excluded.checked_at, problem = excluded.problem""",
        (asset, moment, problem),
    )


def problems(connection: sqlite3.Connection, before: str | None = None) -> list[int]:
    """The assets with which something was wrong when they were looked at last; `before`: and that was before (UTC)."""
    rows = connection.execute(
        "select asset_id from checks where problem is not null and (?1 is null or checked_at < ?1) order by asset_id",
        (before,),
    )
    return [row[0] for row in rows]


def as_dropped(connection: sqlite3.Connection, asset: int) -> tuple[str, int]:
    """SHA-256 and bytes of the file that was dropped."""
    row = connection.execute("select digest, size from assets where id = ?", (asset,)).fetchone()
    return row["digest"], row["size"]


def knows_sidecar(connection: sqlite3.Connection, digest: str) -> bool:
    return connection.execute("select 1 from sidecars where digest = ? limit 1", (digest,)).fetchone() is not None


def rebuild_places(connection: sqlite3.Connection) -> None:
    """Make the index of places anew from the rows."""
    connection.execute(f"delete from {PLACES}")
    connection.execute(
        f"""insert into {PLACES} select id, latitude, latitude, longitude, longitude from assets
            where latitude is not null and longitude is not null"""
    )


def assets(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("select id from assets order by id")]
