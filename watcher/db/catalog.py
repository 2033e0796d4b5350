"""The catalog's write side: assets and renditions; the full-text index follows by triggers.

Runs inside the caller's transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from watcher.db.jobs import now
from watcher.model import Picture, Rendition, shown

_MOST_RIVALS = 100

_FACTS = (
    "orientation", "taken_at", "taken_offset", "taken_precision", "taken_source", "camera_make", "camera_model", "lens",
    "iso", "f_number", "exposure_time", "exposure", "focal_length_mm", "latitude", "longitude", "altitude_m",
    "title", "description", "rating", "copyright", "city", "state", "country", "location",
)  # fmt: skip
_COLUMNS = (
    "digest", "stored_digest", "key", "name", "format", "size", "width", "height", *_FACTS, "creator", "place",
    "keywords", "flags", "folder", "batch", "inbox", "imported_at", "metadata", "job_id",
)  # fmt: skip

_RENDITION = "(asset_id, recipe, key, width, height, size, fingerprint) values (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Known:
    """An asset as far as a commit must know it."""

    id: int
    key: str
    size: int
    keys: frozenset[str]  # of the original and of all renditions


class Catalog:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def rivals(self, size: int) -> tuple[tuple[str, str], ...]:
        """(digest, key) of the assets of this many bytes; none when there are too many, then the commit decides."""
        rows = self._db.execute(
            "select digest, key from assets where size = ? limit ?", (size, _MOST_RIVALS + 1)
        ).fetchall()
        return () if len(rows) > _MOST_RIVALS else tuple((row["digest"], row["key"]) for row in rows)

    def find(self, digest: str) -> Known | None:
        row = self._db.execute("select id from assets where digest = ?", (digest,)).fetchone()
        return None if row is None else self.known(row["id"])

    def known(self, asset: int) -> Known | None:
        """The asset with this id."""
        row = self._db.execute("select id, key, size from assets where id = ?", (asset,)).fetchone()
        if row is None:
            return None
        renditions = self._db.execute("select key from renditions where asset_id = ?", (row["id"],))
        return Known(row["id"], row["key"], row["size"], frozenset({row["key"], *(r["key"] for r in renditions)}))

    def add(self, picture: Picture, job: int) -> int:
        """A new asset with its renditions and, by trigger, its words. Returns its id."""
        values = self._values(picture, job)
        marks = ", ".join("?" * len(_COLUMNS))
        cursor = self._db.execute(f"insert into assets ({', '.join(_COLUMNS)}) values ({marks})", values)
        assert cursor.lastrowid is not None
        self._set_renditions(cursor.lastrowid, picture)
        return cursor.lastrowid

    def point(self, asset: int, picture: Picture) -> None:
        """The asset's files were lost; those just published are its files now."""
        self._db.execute("update assets set key = ? where id = ?", (picture.key, asset))
        self._db.execute("delete from renditions where asset_id = ?", (asset,))
        self._set_renditions(asset, picture)

    def remove(self, asset: int) -> None:
        """The asset's rows and words go; what its jobs tell of its files stays, and leads to no asset."""
        self._db.execute("update jobs set asset_id = null where asset_id = ?", (asset,))
        self._db.execute("delete from renditions where asset_id = ?", (asset,))
        self._db.execute("delete from assets where id = ?", (asset,))

    def put_rendition(self, asset: int, rendition: Rendition) -> None:
        """Write down a rendition, in place of its recipe's former one."""
        self._db.execute(
            f"""insert into renditions {_RENDITION} on conflict (asset_id, recipe) do update set key = excluded.key,
                width = excluded.width, height = excluded.height, size = excluded.size,
                fingerprint = excluded.fingerprint""",
            _row(asset, rendition),
        )

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of `keys` that an asset names: they must never be deleted."""
        marks = ", ".join("?" * len(keys))
        query = f"select key from assets where key in ({marks}) union select key from renditions where key in ({marks})"
        return {row["key"] for row in self._db.execute(query, (*keys, *keys))}

    def key(self, asset: int) -> str | None:
        row = self._db.execute("select key from assets where id = ?", (asset,)).fetchone()
        return None if row is None else str(row["key"])

    def _values(self, picture: Picture, job: int) -> tuple[object, ...]:
        facts = picture.facts
        dropped = self._db.execute(
            """select j.name, j.path, j.batch, i.name as inbox from jobs j join inboxes i on i.id = j.inbox_id
               where j.id = ?""",
            (job,),
        ).fetchone()
        return (
            picture.digest,
            picture.digest,
            picture.key,
            dropped["name"],
            picture.format,
            picture.size,
            picture.width,
            picture.height,
            *(getattr(facts, column) for column in _FACTS),
            "; ".join(facts.creator) or None,  # as EXIF's Artist has several
            ", ".join(filter(None, (facts.location, facts.city, facts.state, facts.country))) or None,
            json.dumps(list(facts.keywords), ensure_ascii=False),
            json.dumps(list(dict.fromkeys(picture.flags))),
            shown(os.path.dirname(os.fsdecode(dropped["path"]))) or None,
            dropped["batch"],
            dropped["inbox"],
            now(),
            json.dumps(facts.everything, ensure_ascii=False, default=str),
            job,
        )

    def _set_renditions(self, asset: int, picture: Picture) -> None:
        self._db.executemany(f"insert into renditions {_RENDITION}", [_row(asset, one) for one in picture.renditions])


def _row(asset: int, one: Rendition) -> tuple[object, ...]:
    return (asset, one.recipe, one.key, one.width, one.height, one.size, one.fingerprint)
