"""Queries that people saved by a name. What they mean, and whether they can be read, is for querying/ to say."""

from __future__ import annotations

import sqlite3


def find(connection: sqlite3.Connection, name: str) -> str | None:
    """The text of the query saved as `name`; None when there is none."""
    row = connection.execute("select query from queries where name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def everything(connection: sqlite3.Connection) -> list[dict[str, str]]:
    """All saved queries by name: name, query, saved_at (UTC)."""
    return [dict(row) for row in connection.execute("select name, query, saved_at from queries order by name")]


def save(connection: sqlite3.Connection, name: str, query: str) -> None:
    """Keep `query`, in place of what was saved by this name. Inside the caller's transaction."""
    from watcher.db.jobs import now  # a search only reads, and must not wait for the nouns of the journal

    connection.execute("insert or replace into queries values (?, ?, ?)", (name, query, now()))


def remove(connection: sqlite3.Connection, name: str) -> bool:
    """Forget a saved query; whether there was one. Inside the caller's transaction."""
    return connection.execute("delete from queries where name = ?", (name,)).rowcount == 1
