"""The catalog's write side: assets and renditions; the full-text index follows by triggers.

Runs inside the caller's transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watcher.db import drops, editing
from watcher.db.drops import Drop
from watcher.db.jobs import now
from watcher.model import Facts, Job, Picture, Rendition, shown

_MOST_RIVALS = 100
_STORED_SIZE = "coalesce(stored_size, size)"  # bytes of the original in storage

_FACTS = (
    "orientation", "taken_at", "taken_offset", "taken_precision", "taken_source", "camera_make", "camera_model", "lens",
    "iso", "f_number", "exposure_time", "exposure", "focal_length_mm", "latitude", "longitude", "altitude_m",
    "title", "description", "rating", "copyright", "city", "state", "country", "location",
)  # fmt: skip
# what a picture's bytes and sidecars say; the rest is of how it came
_READ = (
    *_FACTS, "creator", "place", "people", "favourite", "keywords", "flags", "metadata",
)  # fmt: skip
_COLUMNS = (
    "digest", "stored_digest", "key", "name", "format", "size", "stored_size", "width", "height", *_READ,
    "folder", "batch", "inbox", "imported_at", "job_id",
)  # fmt: skip
_AND = "; "  # between several values of one text, as EXIF's Artist has it

_RENDITION = "(asset_id, recipe, key, width, height, size, fingerprint) values (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Known:
    """An asset as far as a commit must know it."""

    id: int
    key: str
    size: int  # bytes of the original in storage
    keys: frozenset[str]  # of the original and of all renditions


class Catalog:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def rivals(self, size: int) -> tuple[tuple[str, str, int], ...]:
        """(digest, key and bytes of the original in storage) of the assets of `size` bytes as dropped.

        None when there are too many: then the commit decides.
        """
        rows = self._db.execute(
            f"select digest, key, {_STORED_SIZE} from assets where size = ? limit ?", (size, _MOST_RIVALS + 1)
        ).fetchall()
        return () if len(rows) > _MOST_RIVALS else tuple((row[0], row[1], row[2]) for row in rows)

    def find(self, digest: str) -> Known | None:
        row = self._db.execute("select id from assets where digest = ?", (digest,)).fetchone()
        return None if row is None else self.known(row["id"])

    def known(self, asset: int) -> Known | None:
        """The asset with this id."""
        row = self._db.execute(f"select id, key, {_STORED_SIZE} as size from assets where id = ?", (asset,)).fetchone()
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
        self._db.execute(
            "update assets set key = ?, stored_digest = ?, stored_size = ? where id = ?",
            (picture.key, picture.stored_digest, _stored_size(picture), asset),
        )
        self._db.execute("delete from renditions where asset_id = ?", (asset,))
        self._set_renditions(asset, picture)

    def rewrite(self, asset: int, picture: Picture) -> None:
        """The asset was read again: what it says of itself is new, and its files may have other names.

        What a person edited stays as that person said.
        """
        kept = editing.edited(self._db, asset)
        read = zip(_READ, self._read(picture), strict=True)
        values = {column: value for column, value in read if column not in kept}
        marks = ", ".join(f"{column} = ?" for column in values)
        self._db.execute(f"update assets set key = ?, {marks} where id = ?", (picture.key, *values.values(), asset))
        self._db.execute("delete from renditions where asset_id = ?", (asset,))
        self._set_renditions(asset, picture)

    def standing(self, asset: int) -> tuple[Picture, str, Drop | None]:
        """The asset as it stands, its facts being just what was done to the file; its name as dropped; its first drop.

        None where another one's job brought it, and that drop is not known.
        """
        row = self._db.execute("select * from assets where id = ?", (asset,)).fetchone()
        rows = self._db.execute("select * from renditions where asset_id = ? order by recipe", (asset,))
        names = ("recipe", "key", "width", "height", "size", "fingerprint")
        renditions = tuple(Rendition(*(one[name] for name in names)) for one in rows)
        picture = Picture(
            row["digest"],
            row["key"],
            row["format"],
            row["size"],
            row["width"],
            row["height"],
            Facts(orientation=row["orientation"], everything=_cleaned(row["metadata"])),
            renditions,
            tuple(json.loads(row["flags"])),
            None if row["stored_size"] is None else (row["stored_digest"], row["stored_size"]),
        )
        return picture, row["name"], drops.one(self._db, asset, row["job_id"])

    def dropped(self, asset: int, job: Job) -> None:
        """Where the asset was dropped is kept, each time; it is found by each folder and batch that it came in."""
        folder, batch = _folder(job.path), job.batch
        drops.add(self._db, asset, job.id, folder)
        for column, value in (("folder", folder), ("batch", batch)):
            self._gather(asset, column, value)

    def drops(self, asset: int) -> list[Drop]:
        """Each time that the asset was dropped, in their order."""
        return drops.of_asset(self._db, asset)

    def put_in_album(self, asset: int, job: int, album: str) -> None:
        """The asset was dropped, by this job, in a folder that is an album."""
        self._db.execute("update provenance set album = ? where asset_id = ? and job_id = ?", (album, asset, job))
        self._gather(asset, "album", album)

    def _gather(self, asset: int, column: str, value: str | None) -> None:
        """Add `value` to those that the asset has in this column, of whose words the index knows."""
        row = self._db.execute(f"select {column} from assets where id = ?", (asset,)).fetchone()
        before = row[0].split(_AND) if row[0] else []
        if value and value not in before:
            self._db.execute(f"update assets set {column} = ? where id = ?", (_AND.join([*before, value]), asset))

    def remove(self, asset: int) -> None:
        """The asset's rows and words go; what its jobs tell of its files stays, and leads to no asset."""
        self._db.execute("delete from jobs where asset_id = ? and kind = 'join' and state = 'queued'", (asset,))
        for table in ("provenance", "sidecars_of_assets"):
            self._db.execute(f"delete from {table} where asset_id = ?", (asset,))
        self._db.execute("update assets set stack = null where stack = ?", (asset,))
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
        """Those of `keys` that an asset, a rendition or a sidecar has: they must never be deleted."""
        tables = ("assets", "renditions", "sidecars")
        marks = ", ".join("?" * len(keys))
        query = " union ".join(f"select key from {table} where key in ({marks})" for table in tables)
        return {row["key"] for row in self._db.execute(query, (*keys,) * len(tables))}

    def taken(self, asset: int) -> str | None:
        """When the asset was taken, when that is known to the second."""
        query = "select taken_at from assets where id = ? and taken_precision = 'second'"
        row = self._db.execute(query, (asset,)).fetchone()
        return None if row is None else row["taken_at"]

    def key(self, asset: int) -> str | None:
        row = self._db.execute("select key from assets where id = ?", (asset,)).fetchone()
        return None if row is None else str(row["key"])

    def _values(self, picture: Picture, job: int) -> tuple[object, ...]:
        dropped = self._db.execute(
            """select j.name, j.path, j.batch, i.name as inbox from jobs j join inboxes i on i.id = j.inbox_id
               where j.id = ?""",
            (job,),
        ).fetchone()
        return (
            picture.digest,
            picture.stored_digest,
            picture.key,
            dropped["name"],
            picture.format,
            picture.size,
            _stored_size(picture),
            picture.width,
            picture.height,
            *self._read(picture),
            _folder(os.fsdecode(dropped["path"])),
            dropped["batch"],
            dropped["inbox"],
            now(),
            job,
        )

    def _read(self, picture: Picture) -> tuple[object, ...]:
        facts = picture.facts
        return (
            *(getattr(facts, column) for column in _FACTS),
            _AND.join(facts.creator) or None,
            ", ".join(filter(None, (facts.location, facts.city, facts.state, facts.country))) or None,
            _AND.join(facts.people) or None,
            facts.favourite,
            json.dumps(list(facts.keywords), ensure_ascii=False),
            json.dumps(list(dict.fromkeys(picture.flags))),
            json.dumps(facts.everything, ensure_ascii=False, default=str),
        )

    def _set_renditions(self, asset: int, picture: Picture) -> None:
        self._db.executemany(f"insert into renditions {_RENDITION}", [_row(asset, one) for one in picture.renditions])


def _stored_size(picture: Picture) -> int | None:
    return None if picture.stored is None else picture.stored_size


def _cleaned(metadata: str) -> dict[str, Any]:
    told = json.loads(metadata).get("cleaning")
    return {"cleaning": told} if told else {}


def _folder(path: str) -> str | None:
    """The folder that a file lay in, as text."""
    return shown(os.path.dirname(path)) or None


def _row(asset: int, one: Rendition) -> tuple[object, ...]:
    return (asset, one.recipe, one.key, one.width, one.height, one.size, one.fingerprint)
