"""The write side of the database, all over the one writer's connection."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from watcher.db.archives import Archives
from watcher.db.batches import Batches
from watcher.db.catalog import Catalog
from watcher.db.journal import Journal, Patience
from watcher.db.sidecars import Sidecars


@dataclass(frozen=True, slots=True)
class Ledger:
    """Jobs, the archives and batches that they belong to, assets, and the files that tell about those."""

    journal: Journal
    archives: Archives
    batches: Batches
    catalog: Catalog
    sidecars: Sidecars


def over(connection: sqlite3.Connection, patience: Patience, clock: Callable[[], float] = time.time) -> Ledger:
    """`clock` gives unix seconds."""
    return Ledger(
        Journal(connection, patience, clock),
        Archives(connection),
        Batches(connection, clock),
        Catalog(connection),
        Sidecars(connection),
    )
