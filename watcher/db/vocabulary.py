"""The words that the index has, and which of them come nearest to one that it has not."""

from __future__ import annotations

import difflib
import sqlite3

from watcher.db.wording import INDEX, TERMS

_NEAREST = 3
_LEAST_LETTERS = 3  # to what is shorter, nearly everything is near


def nearest(connection: sqlite3.Connection, token: str) -> list[str]:
    """The indexed words most like `token`, the likest first; none when it is indexed itself.

    Only words that share one of its first two letters at its place, and are about as long, are compared: a
    vocabulary has some hundred thousand.
    """
    if len(token) < _LEAST_LETTERS or _is_indexed(connection, token):
        return []
    slack = 1 + len(token) // 4
    rows = connection.execute(
        f"""select term from {TERMS} where length(term) between ? and ?
            and (substr(term, 1, 1) = ? or substr(term, 2, 1) = ?)""",
        (len(token) - slack, len(token) + slack, token[0], token[1]),
    )
    close = difflib.get_close_matches(token, (row[0] for row in rows), n=2 * _NEAREST, cutoff=0.7)
    return [term for term in close if _is_indexed(connection, term)][:_NEAREST]


def _is_indexed(connection: sqlite3.Connection, token: str) -> bool:
    """Whether an asset has it now: the vocabulary keeps words of assets that are gone."""
    found = connection.execute(f"select 1 from {INDEX} where {INDEX} match ? limit 1", (f'"{token}"',))
    return found.fetchone() is not None
