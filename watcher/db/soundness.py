"""Whether the catalog is sound: its pages, its references, and its indexes against the rows. Only reads.

FTS5 checks an index by an INSERT, which a reader's connection refuses. So its tables are copied into a temporary
database, which SQLite keeps on the disk and removes by itself, and are checked there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from watcher.db import wording
from watcher.db.wording import CHANGED, INDEX, PLACES, WEIGHTS

_MOST = 20  # of the complaints about one thing
_CHUNK = 500
_SHADOWS = ("data", "idx", "content", "docsize", "config")  # where FTS5 keeps an index with its own content


def damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite's own check has to say of the pages and indexes of the file; none when all is well."""
    return [row[0] for row in connection.execute(f"pragma integrity_check({_MOST})") if row[0] != "ok"]


def dangling(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(table, table it refers to, how many of its rows refer to nothing)."""
    found: dict[tuple[str, str], int] = {}
    for row in connection.execute("pragma foreign_key_check"):
        pair = (row["table"], row["parent"])
        found[pair] = found.get(pair, 0) + 1
    return [(*pair, number) for pair, number in found.items()]


def words_are_sound(connection: sqlite3.Connection) -> bool:
    """Whether the index of the words agrees with what it holds, by FTS5's own check."""
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as copy:
        try:
            _copy_index(connection, copy)
            copy.execute(f"insert into {INDEX}({INDEX}) values ('integrity-check')")
        except sqlite3.OperationalError:  # no room for the copy: nothing is known
            raise
        except sqlite3.DatabaseError:
            return False
    return True


def _copy_index(connection: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    connection.execute("begin")  # all of its tables as they were at one moment
    try:
        made = connection.execute("select sql from sqlite_master where name = ?", (INDEX,)).fetchone()
        copy.execute(made["sql"])
        copy.execute("begin")
        for shadow in _SHADOWS:
            rows = connection.execute(f"select * from {INDEX}_{shadow}")
            marks = ", ".join("?" * len(rows.description))
            copy.execute(f"delete from {INDEX}_{shadow}")
            copy.executemany(f"insert into {INDEX}_{shadow} values ({marks})", (tuple(row) for row in rows))
        copy.execute("commit")
    finally:
        connection.execute("rollback")


def unlike_words(connection: sqlite3.Connection) -> Iterator[int]:
    """The assets whose indexed words are not those of their rows; what is about to be read anew is left out.

    Each chunk is one statement, so that a row and its words are those of one moment.
    """
    columns = ", ".join(f"words.{column}" for column in WEIGHTS)
    query = f"""select one.*, {columns} from (select id, {wording.SELECTED} from assets
        where id between ? and ? and id not in (select id from {CHANGED})) as one
      left join {INDEX} as words on words.rowid = one.id"""
    last = connection.execute("select coalesce(max(id), 0) as id from assets").fetchone()["id"]
    for first in range(0, last + 1, _CHUNK):
        for row in map(tuple, connection.execute(query, (first, first + _CHUNK - 1)).fetchall()):
            told, words = row[: len(WEIGHTS) + 1], row[len(WEIGHTS) + 1 :]
            if list(words) != wording.indexed(told):
                yield int(row[0])
    ghosts = connection.execute(f"select rowid as id from {INDEX} where rowid not in (select id from assets)")
    yield from (int(row["id"]) for row in ghosts)


def unlike_places(connection: sqlite3.Connection) -> list[int]:
    """The assets whose place the index of places lacks, or has though they have none or are gone."""
    has = "latitude is not null and longitude is not null"
    rows = connection.execute(
        f"""select id from assets where {has} and id not in (select id from {PLACES})
            union select id from {PLACES} where id not in (select id from assets where {has})"""
    )
    return [int(row["id"]) for row in rows]


def places_damage(connection: sqlite3.Connection) -> str | None:
    """What SQLite's check of the R*Tree has to say; None when all is well."""
    said = connection.execute("select rtreecheck(?) as said", (PLACES,)).fetchone()["said"]
    return None if said == "ok" else str(said)


def unread(connection: sqlite3.Connection) -> int:
    """How many assets another program changed, so that their words wait for the next transaction of ours."""
    return int(connection.execute(f"select count(*) from {CHANGED}").fetchone()[0])
