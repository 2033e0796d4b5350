"""A catalog with nothing in it, as migrations make it: made once in each process of the suite, then copied.

How it is made is the business of test_db_migrations, and of every first run.
"""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from pathlib import Path

from watcher.db import connect


def open_writer(path: str, busy_seconds: float = connect.BUSY_SECONDS) -> sqlite3.Connection:
    """As `connect.open_writer`, and in no time where nothing is there yet."""
    if not Path(path).exists():
        Path(path).write_bytes(_empty())
    return connect.open_writer(path, busy_seconds)


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "watcher.db")
        connect.open_writer(str(file)).close()
        return file.read_bytes()
