"""The indexes that queries need, over the words of an asset above all, and how those follow the table.

Triggers of plain SQL note which assets changed, whoever changed them; `follow` reads their words anew, because a word
is what querying/folding.py says, which SQL cannot. What a query means in this index is for `matching` to say.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping

from watcher.querying.folding import tokens

INDEX = "assets_fts"  # FTS5; its columns are those of WEIGHTS, a column holds its tokens joined by spaces
POSTINGS = "assets_postings"  # fts5vocab over it: which asset has which term in which column
TERMS = "assets_terms"  # every term that was ever indexed
PLACES = "assets_places"  # R*Tree: south, north, west, east; 32-bit, rounded outwards
CHANGED = "assets_changed"  # the ids whose words `follow` is to read

# The columns of the index, and what a match in each weighs. Those without weight are not searched by bare words.
WEIGHTS: Mapping[str, int] = {
    "title": 10, "description": 4, "keywords": 8, "name": 4, "camera": 1, "lens": 1, "batch": 1, "place": 6,
    "creator": 3, "people": 8, "folder": 2, "album": 6,
    "camera_make": 0, "camera_model": 0, "path": 0, "format": 0, "inbox": 0, "flags": 0, "exposure": 0,
    "taken_source": 0, "taken_precision": 0, "city": 0, "state": 0, "country": 0, "location": 0, "copyright": 0,
}  # fmt: skip
TEXTS = tuple(column for column, weight in WEIGHTS.items() if weight)

LISTS = ("keywords", "flags")  # JSON arrays
SEVERAL = ("creator", "people", "folder", "album", "batch")  # values joined by AND where there are more
AND = "; "

# No word has this character: a term that it encloses stands for a value as a whole. It comes behind the words of that
# value, so that no phrase reaches from one value of a list into the next.
_WHOLE = "\x9c"

# The numbers that are asked for most. Without those that say nothing: an index holds what somebody looks for.
NUMBERS = ("iso", "f_number", "focal_length_mm", "exposure_time", "rating", "height")

_CHUNK = 500
_SOURCES = {
    "camera": "trim(coalesce(camera_make, '') || ' ' || coalesce(camera_model, '')) as camera",
    "path": "key as path",
}
SELECTED = ", ".join(_SOURCES.get(column, column) for column in WEIGHTS)
_WATCHED = ", ".join(["key", *(column for column in WEIGHTS if column not in _SOURCES)])
# not by "insert or ignore": in a trigger, the conflict clause of the statement that fired it takes its place
_NOTE = f"insert into {CHANGED} select new.id where not exists (select 1 from {CHANGED} where id = new.id)"
_POINT = f"insert into {PLACES} select new.id, new.latitude, new.latitude, new.longitude, new.longitude"
_HAS_POINT = "where new.latitude is not null and new.longitude is not null"

# in place of the view and the triggers of the step `full_text`
OUTDATED = (
    *(f"drop trigger assets_fts_{event}" for event in ("insert", "delete", "before", "after")),
    f"drop table {INDEX}",
    "drop view assets_text",
)
# what depends on how words are read, and on the columns that are
_WORDS = (
    f"create virtual table {INDEX} using fts5({', '.join(WEIGHTS)}, tokenize='ascii')",
    f"create table {TERMS} (term text primary key) without rowid",
    f"create trigger assets_words_update after update of {_WATCHED} on assets begin {_NOTE}; end",
)
SCHEMA = (
    *_WORDS,
    f"create virtual table {POSTINGS} using fts5vocab({INDEX}, instance)",
    f"create table {CHANGED} (id integer primary key)",
    f"create virtual table {PLACES} using rtree(id, south, north, west, east)",
    f"create trigger assets_words_insert after insert on assets begin {_NOTE}; end",
    f"""create trigger assets_words_delete after delete on assets begin
          delete from {INDEX} where rowid = old.id;
          delete from {CHANGED} where id = old.id;
        end""",
    f"create trigger assets_places_insert after insert on assets begin {_POINT} {_HAS_POINT}; end",
    f"""create trigger assets_places_update after update of latitude, longitude on assets begin
          delete from {PLACES} where id = old.id; {_POINT} {_HAS_POINT};
        end""",
    f"create trigger assets_places_delete after delete on assets begin delete from {PLACES} where id = old.id; end",
    *(f"create index assets_by_{column} on assets ({column}) where {column} is not null" for column in NUMBERS),
    # what is asked of all assets is read from an index alone: a row has all of a picture's metadata in it
    "create index assets_by_shape on assets (width, height) where width is not null",
    "create index assets_by_title on assets (title) where title is not null",
    "create index assets_by_keywords on assets (keywords) where keywords <> '[]'",
    "create index assets_by_camera on assets (camera_make, camera_model)",
    "create index assets_by_import on assets (imported_at)",
    # month, weekday and hour are read from the index alone
    "create index assets_by_precision on assets (taken_at, taken_precision)",
    f"insert into {CHANGED} select id from assets",
    f"""insert into {PLACES} select id, latitude, latitude, longitude, longitude from assets
        where latitude is not null and longitude is not null""",
)


def install(connection: sqlite3.Connection) -> None:
    """Put this index in place of the first one. Its words are those that `rebuild` is to read."""
    for statement in (*OUTDATED, *SCHEMA):
        connection.execute(statement)


def rebuild(connection: sqlite3.Connection) -> None:
    """Read all words anew, as they are read now. Inside the caller's transaction."""
    removed = (f"drop table {INDEX}", f"drop table {TERMS}", "drop trigger assets_words_update")
    for statement in (*removed, *_WORDS, f"insert or ignore into {CHANGED} select id from assets"):
        connection.execute(statement)
    follow(connection)


def follow(connection: sqlite3.Connection) -> None:
    """Read anew the words of all assets that changed. Inside the transaction that changed them, or a later one."""
    while numbers := [row[0] for row in connection.execute(f"select id from {CHANGED} limit {_CHUNK}")]:
        chosen = json.dumps(numbers)
        rows = connection.execute(
            f"select id, {SELECTED} from assets where id in (select value from json_each(?))", (chosen,)
        )
        _put(connection, [(row[0], *indexed(row)) for row in rows.fetchall()])
        connection.execute(f"delete from {CHANGED} where id in (select value from json_each(?))", (chosen,))


def _put(connection: sqlite3.Connection, entries: list[tuple[int | str, ...]]) -> None:
    marks = ", ".join("?" * (len(WEIGHTS) + 1))
    connection.executemany(f"insert or replace into {INDEX} (rowid, {', '.join(WEIGHTS)}) values ({marks})", entries)
    terms = {term for entry in entries for text in entry[1:] for term in str(text).split(" ")} - {""}
    words = [(term,) for term in sorted(terms) if not term.startswith(_WHOLE)]
    connection.executemany(f"insert or ignore into {TERMS} values (?)", words)


def indexed(row: tuple[object, ...]) -> list[str]:
    """What the index holds of an asset: of each column its values, each as its tokens and what it is as a whole."""
    return [
        " ".join(map(_entry, values(column, str(value)))) if value else ""
        for column, value in zip(WEIGHTS, tuple(row)[1:], strict=True)
    ]


def values(column: str, text: str) -> list[str]:
    """The values that a text in this column stands for."""
    if column in LISTS:
        return items(text)
    return text.split(AND) if column in SEVERAL else [text]


def joined(column: str, texts: Iterable[str]) -> str:
    """The text that stands for the values of all these texts of the column, none of them empty."""
    if column in LISTS:
        return f"[{', '.join(text[1:-1] for text in texts)}]"
    return AND.join(texts)


def items(array: str) -> list[str]:
    """The strings of a JSON array."""
    if is_plain(array) and array != "[]":
        return array[2:-2].split('", "')  # reading it as JSON takes twice as long
    return list(map(str, json.loads(array)))


def is_plain(array: str) -> bool:
    """Whether it is without escapes, and as json.dumps writes it: then only its borders have quotes."""
    return "\\" not in array and '","' not in array


@functools.lru_cache(maxsize=4096)  # what a camera or a folder says, it says of hundreds
def _entry(value: str) -> str:
    return " ".join((*tokens(value), whole(value)))


def whole(value: str) -> str:
    """The term of the values that are just this one, and of a very few others: they are to be compared."""
    return f"{_WHOLE}{zlib.crc32(value.encode(errors='replace')):x}{_WHOLE}"
