"""A library with a catalog, filled row by row, for the commands that only read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watcher.db.connect import transaction
from watcher.model import shown

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Terminal = Callable[..., bytes]


@dataclass(frozen=True)
class Catalog:
    """A library at `root`; rows go into its catalog as plain INSERTs and come out by the commands."""

    root: Path
    connection: sqlite3.Connection

    def insert(self, table: str, **row: object) -> int:
        marks = ", ".join("?" * len(row))
        cursor = self.connection.execute(
            f"insert into {table} ({', '.join(row)}) values ({marks})", tuple(row.values())
        )
        return cursor.lastrowid or 0

    def asset(self, name: str = "a.jpg", recipes: tuple[str, ...] = (), **values: object) -> int:
        number = self.connection.execute("select count(*) + 1 from assets").fetchone()[0]
        row = {
            "id": number,
            "digest": f"{number:064x}",
            "stored_digest": "s",
            "key": f"originals/{number}.jpg",
            "name": name,
            "format": "jpeg",
            "size": 10,
            "imported_at": "2026-01-01T00:00:00Z",
            **values,
        }
        with transaction(self.connection):
            self.insert("assets", **row)
        for recipe in recipes:
            key = f"{recipe}/{number}.jpg"
            self.insert("renditions", asset_id=number, recipe=recipe, key=key, width=1, height=1, size=1)
        return int(number)

    def inbox(self, path: Path, name: str = "phone") -> int:
        return self.insert("inboxes", name=name, path=os.fsencode(path), first_seen="2026-01-01T00:00:00Z")

    def job(self, inbox: int, path: bytes, state: str, **values: object) -> int:
        row = {"inbox_id": inbox, "path": path, "name": shown(os.path.basename(path)), "state": state}
        return self.insert("jobs", **row, created_at="2026-01-01T00:00:00Z", **values)
