"""Which steps of `migrations` a database has, and applying the others, by sqlite-utils.

That is imported when there is something to apply: it takes as long as a daemon's start.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Iterator

from watcher.db import migrations

_NAME = "watcher"


def known() -> list[str]:
    """The names of all steps, the first one first."""
    return [step.__name__ for step in migrations.STEPS]


def applied(connection: sqlite3.Connection) -> list[str]:
    """The names of the steps that the database has."""
    if not connection.execute("select 1 from sqlite_master where name = '_sqlite_migrations'").fetchall():
        return []
    rows = connection.execute("select name from _sqlite_migrations where migration_set = ? order by rowid", (_NAME,))
    return [name for (name,) in rows]


def apply(connection: sqlite3.Connection) -> None:
    """Apply the steps that are missing, each in a transaction of its own."""
    with _without("numpy", "pandas"):
        from sqlite_utils import Database, Migrations

    catalog = Migrations(_NAME)
    for step in migrations.STEPS:
        catalog()(step)
    catalog.apply(Database(connection))


@contextlib.contextmanager
def _without(*packages: str) -> Iterator[None]:
    """sqlite-utils imports these where they are installed, to store their values: our tables see none of them."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
