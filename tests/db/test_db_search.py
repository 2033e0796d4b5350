"""Words, order and the shape of an asset, on a real catalog."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fresh import open_writer
from watcher.db import facets, migrations, search, vocabulary, wording
from watcher.db.connect import transaction
from watcher.errors import ConfigError, DatabaseError
from watcher.fields import NAMES
from watcher.querying.parsing import parse

Put = Callable[..., int]

NOW = datetime(2024, 5, 17, 14, 23)

DEFAULTS = {
    "stored_digest": "s",
    "format": "jpeg",
    "size": 10,
    "imported_at": "2026-01-01T00:00:00Z",
}
CONTRACT = (
    "id digest stored_digest path name format size width height orientation taken_at taken_offset "
    "taken_precision taken_source camera_make camera_model lens iso f_number exposure_time exposure "
    "focal_length_mm latitude longitude altitude_m title description keywords rating creator copyright people "
    "place location city state country favourite flags folder album batch inbox imported_at renditions"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "watcher.db"


@pytest.fixture
def writer(database: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(str(database))
    yield connection
    connection.close()


@pytest.fixture
def put(writer: sqlite3.Connection) -> Put:
    """Put an asset in, named `name`, with whatever else; its id."""

    def insert(name: str = "a.jpg", **values: object) -> int:
        number = writer.execute("select coalesce(max(id), 0) + 1 from assets").fetchone()[0]
        row = {
            **DEFAULTS,
            "id": number,
            "digest": f"{number:064x}",
            "key": f"originals/{number}.jpg",
            "name": name,
            **values,
        }
        marks = ", ".join("?" * len(row))
        with transaction(writer, durable=False):
            writer.execute(f"insert into assets ({', '.join(row)}) values ({marks})", tuple(row.values()))
        return int(number)

    return insert


@pytest.fixture
def reader(writer: sqlite3.Connection, database: Path) -> Iterator[sqlite3.Connection]:
    with search.reading(str(database)) as connection:
        yield connection


def find(reader: sqlite3.Connection, query: str = "", **how: Any) -> list[int]:
    return search.ids(reader, parse(query, NOW), **how)


def test_all_words_must_match_in_any_of_the_texts(put: Put, reader: sqlite3.Connection) -> None:
    both = put("IMG_1.jpg", title="Sunset", keywords='["beach"]', camera_make="Canon")
    put("IMG_2.jpg", title="Sunset")
    assert find(reader, "beach SUNSET canon") == [both]
    assert find(reader, "beach harbour") == []


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("it's.jpg", "it's"),
        ("foo-bar.jpg", "foo-bar"),
        ('say "hi".jpg', '"hi"'),
        ("NEAR(x).jpg", "NEAR(x)"),
        ("NEAR.jpg", "NEAR()"),
        ("col:x.jpg", '"col:x"'),
        ("12:30.jpg", "12:30"),
        ("star.jpg", "star*"),
        ("C++.jpg", "C++"),
        ("AND.jpg", '"AND"'),
        ("sunset.jpg", "-other"),
        ("caret.jpg", "NOT other"),
        ("nu l.jpg", "nu\0l"),
        ("東京タワー.jpg", "東京タワー"),
        ("café.jpg", "cafe"),
        ("ÉTÉ.jpg", "été"),
        ("شاطئ.jpg", "شاطئ"),
        ("🌅.jpg", "🌅"),
        ("day🌅.jpg", "🌅"),
        ("a++b.jpg", "++"),
        (r"caf\xe9.jpg", "caf\udce9.jpg"),
    ],
)
def test_what_a_person_types_finds_the_name_that_has_it(
    name: str, word: str, put: Put, reader: sqlite3.Connection
) -> None:
    wanted = put(name)
    put("other.jpg")
    assert find(reader, word) == [wanted]
    assert search.count(reader, parse(word, NOW)) == 1


def test_an_emoji_and_a_word_must_both_be_there(put: Put, reader: sqlite3.Connection) -> None:
    both = put("a.jpg", title="beach 🌅")
    put("b.jpg", title="beach")
    put("c.jpg", description="🌅")
    assert find(reader, "🌅 beach") == [both]


def test_without_words_the_newest_come_first_and_the_undated_last(put: Put, reader: sqlite3.Connection) -> None:
    dates = ("2001-01-01T00:00:00", None, "2024-05-17T14:23:01", "2024-05-17T14:23:01")
    old, undated, new, again = (put(taken_at=date) for date in dates)
    assert find(reader) == [again, new, old, undated]
    assert find(reader, limit=2) == [again, new]
    assert find(reader, "") == [again, new, old, undated]


def test_a_title_outranks_a_description(put: Put, reader: sqlite3.Connection) -> None:
    title = put(title="harbour", taken_at="1999-01-01T00:00:00")
    description = put(description="harbour", taken_at="2020-01-01T00:00:00")
    put(title="something else")
    assert find(reader, "harbour") == [title, description]


def test_places_and_creators_are_found_behind_titles_and_before_cameras(put: Put, reader: sqlite3.Connection) -> None:
    camera = put("1.jpg", camera_model="Lange")
    creator = put("2.jpg", creator="Dorothea Lange; Ansel Å.")
    place = put("3.jpg", place="Lange, Texas")
    title = put("4.jpg", title="Lange")
    assert find(reader, "lange") == [title, place, creator, camera]
    assert find(reader, "texas lange") == [place]


def test_a_word_that_very_many_have_gives_the_newest_unless_rank_is_asked_for(
    put: Put, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANKED_MATCHES", 1)
    best = put(title="harbour", taken_at="1999-01-01T00:00:00")
    newest = put(description="harbour and more", taken_at="2020-01-01T00:00:00")
    put()
    assert find(reader, "harbour") == [newest, best]
    assert find(reader, "harbour", sort="rank") == [best, newest]


def test_a_word_that_must_not_be_there_changes_no_rank(put: Put, reader: sqlite3.Connection) -> None:
    for number in range(20):
        title, description = "harbour" * (number % 2), "harbour and sea " * (number % 3)
        put(title=title, description=description, keywords='["sun"]' if number % 5 == 0 else "[]")
    sunny = find(reader, "sun")
    assert find(reader, "harbour -sun") == [number for number in find(reader, "harbour") if number not in sunny]
    assert find(reader, "harbour -sun iso:none -se*") == find(reader, "harbour -sea -sun")


@pytest.mark.parametrize("query", ["", "harbour", "-harbour", "iso:100..", "harbour iso:100", "harbour OR iso:200"])
def test_the_first_rows_are_those_of_all_rows_whichever_way_leads_to_them(
    query: str, put: Put, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANKED_MATCHES", 2)
    monkeypatch.setattr(search, "_NEWEST_LOOKED_AT", 4)
    for number in range(12):
        moment = None if number == 5 else f"2020-01-{(number * 5) % 12 + 1:02}T00:00:00"
        put(title="harbour" if number % 3 else None, iso=100 * (number % 4), taken_at=moment)
    everything = find(reader, query)
    assert len(everything) == search.count(reader, parse(query, NOW)) > 1
    for limit in range(13):
        assert find(reader, query, limit=limit) == everything[:limit]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("taken", [2, 1, 3]),
        ("-taken", [1, 2, 3]),
        ("taken_at", [2, 1, 3]),
        ("name", [3, 1, 2]),
        ("-size", [2, 3, 1]),
        ("imported", [1, 2, 3]),
        ("camera", [3, 1, 2]),
        ("-path", [3, 2, 1]),
        ("rank", [1, 2, 3]),
    ],
)
def test_a_field_can_decide_the_order(sort: str, order: list[int], put: Put, reader: sqlite3.Connection) -> None:
    put("b.jpg", size=1, taken_at="2024-01-01T00:00:00", camera_make="Nikon")
    put("C.jpg", size=3, taken_at="2020-01-01T00:00:00")
    put("A.jpg", size=2, camera_make="Canon")
    assert find(reader, sort=sort) == order


@pytest.mark.parametrize(("sort", "hint"), [("titel", "'title'"), ("keywords", "cannot sort"), ("", "cannot")])
def test_an_order_that_there_is_not_is_refused_with_the_nearest(
    sort: str, hint: str, put: Put, reader: sqlite3.Connection
) -> None:
    with pytest.raises(ConfigError, match=hint):
        find(reader, sort=sort)


def test_an_asset_has_the_keys_of_the_contract_in_their_order(
    put: Put, reader: sqlite3.Connection, writer: sqlite3.Connection
) -> None:
    number = put(keywords='["a", "b"]', flags='["cut"]', favourite=0)
    writer.executemany(
        "insert into renditions values (?, ?, ?, 1, 1, 1, '')",
        [(number, "thumb", "thumb/1.jpg"), (number, "preview", "preview/1.jpg")],
    )
    asset = next(search.search(reader, library="/photos"))
    assert " ".join(asset) == " ".join(NAMES) == CONTRACT
    assert asset["path"] == "/photos/originals/1.jpg"
    assert asset["renditions"] == {"preview": "/photos/preview/1.jpg", "thumb": "/photos/thumb/1.jpg"}
    assert (asset["keywords"], asset["flags"], asset["favourite"]) == (["a", "b"], ["cut"], False)
    assert (asset["title"], asset["taken_at"]) == (None, None)
    assert json.loads(json.dumps(asset)) == asset


def test_many_assets_keep_their_order_and_those_deleted_meanwhile_fall_away(
    put: Put, reader: sqlite3.Connection, writer: sqlite3.Connection
) -> None:
    with_gap = [put() for _ in range(1203)]
    found = find(reader, sort="-id")
    assert found == with_gap[::-1]
    writer.execute("delete from assets where id = 700")
    shown = [asset["id"] for asset in search.assets(reader, found, library="/")]
    assert shown == [number for number in found if number != 700]


def test_values_are_counted_the_most_frequent_first(put: Put, reader: sqlite3.Connection) -> None:
    canon = {"camera_make": "Canon", "camera_model": "R5"}
    put(taken_at="2024-05-17T14:23:01", keywords='["sea", "sun"]', people='Ana; Bo "B" Ek', favourite=1, **canon)
    put(taken_at="2024-01-01T00:00:00", keywords='["sea"]', people="Ana", **canon)
    put(taken_at="2009-01-01T00:00:00", camera_make="Leica", iso=100)
    put()
    everything = parse("", NOW)
    for name, expected in {
        "camera": [("Canon R5", 2), ("Leica", 1)],
        "year": [("2024", 2), ("2009", 1)],
        "keyword": [("sea", 2), ("sun", 1)],
        "people": [("Ana", 2), ('Bo "B" Ek', 1)],
        "favourite": [(True, 1)],
        "iso": [(100, 1)],
        "title": [],
    }.items():
        assert facets.facet(reader, everything, name) == expected, name
    assert facets.facet(reader, parse("taken:2024-05", NOW), "keyword") == [("sea", 1), ("sun", 1)]
    assert facets.facet(reader, everything, "keyword", 1) == [("sea", 2)]


def test_values_with_the_marks_of_a_list_are_counted_as_they_are(
    put: Put, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ['a","b', 'say "hi"', "back\\slash", ", ", "[]", "\x1c", "; "]
    for keywords in (odd, ["a", "b"], [], ["a"], odd[:2]):
        put(keywords=json.dumps(keywords, ensure_ascii=False))
    put(keywords='["a","b"]')  # as other programs write it
    counted = {one: 2 if one in odd[:2] else 1 for one in odd} | {"a": 3, "b": 2}
    expected = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    for rows in (1, 2, 4096):
        monkeypatch.setattr(facets, "_CHUNK", rows)
        assert facets.facet(reader, parse("", NOW), "keyword") == expected


@pytest.mark.parametrize("query", ["harbour", "harbour -sea", "harbour iso:100", "har*", "harbour OR sea"])
def test_values_of_very_many_are_the_same_though_counted_another_way(
    query: str, put: Put, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put(
            title=("harbour", "harbour at sea", "sea", None)[number % 4],
            taken_at=None if number == 4 else f"20{number % 3:02}-01-01T00:00:00",
            camera_make="Canon" if number % 3 else None,
            camera_model=f"R{number % 2}" if number % 5 else None,
            keywords=json.dumps(["sun", f"k{number % 3}"][: number % 3]),
            iso=100 * (number % 2),
        )
    few = {name: facets.facet(reader, parse(query, NOW), name) for name in ("camera", "year", "keyword", "iso")}
    assert all(few.values())
    monkeypatch.setattr(facets, "_MANY", 0)
    assert {name: facets.facet(reader, parse(query, NOW), name) for name in few} == few


@pytest.mark.parametrize("query", ["near:48,16,5km", "near:48,16,5km harbour", "harbour near:48,16,5km -sea"])
def test_what_lies_near_is_the_same_by_the_place_and_by_the_newest(
    query: str, put: Put, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        put(
            title=("harbour", "harbour at sea", None)[number % 3],
            latitude=48 + number % 5 / 100 if number % 4 else None,
            longitude=16.0 if number % 4 else None,
            taken_at=f"2024-01-01T00:00:{number:02}",
        )
    found = {}
    for few in (-1, 2_000):
        monkeypatch.setattr(search, "_FEW", few)
        found[few] = [search.ids(reader, parse(query, NOW), sort="-taken", limit=limit) for limit in (2, 50, None)]
    assert found[-1] == found[2_000]
    assert len(found[-1][0]) == 2


@pytest.mark.parametrize("name", facets.NAMES)
def test_every_facet_can_be_counted(name: str, put: Put, reader: sqlite3.Connection) -> None:
    put()
    assert sum(number for _, number in facets.facet(reader, parse("", NOW), name)) <= 1


def test_a_facet_that_there_is_not_is_refused_with_the_nearest(reader: sqlite3.Connection) -> None:
    with pytest.raises(ConfigError, match="did you mean 'camera'"):
        facets.facet(reader, parse("", NOW), "camra")


def test_values_with_the_same_number_in_the_index_are_told_apart(put: Put, reader: sqlite3.Connection) -> None:
    assert wording.whole("plumless") == wording.whole("buckeroo"), "their CRC-32 is the same"
    put(title="plumless")
    assert search.count(reader, parse("title:=plumless", NOW)) == 1
    assert search.count(reader, parse("title:=buckeroo", NOW)) == 0


def test_no_word_is_proposed_that_nobody_can_type(put: Put, reader: sqlite3.Connection) -> None:
    put(title="Harbour", people="Ann Lee; Bo", keywords='["sea"]')
    terms = {row[0] for row in reader.execute(f"select term from {wording.TERMS}")}
    assert {"harbour", "ann", "lee", "bo", "sea"} <= terms
    assert all(term.isprintable() for term in terms)


def test_the_nearest_words_are_of_the_index_and_of_assets_that_are_there(
    put: Put, reader: sqlite3.Connection, writer: sqlite3.Connection
) -> None:
    put(title="harbour harpoon", description="barbour, ha")
    gone = put(title="harbor")
    writer.execute("delete from assets where id = ?", (gone,))
    assert vocabulary.nearest(reader, "harbuor") == ["harbour", "barbour"]
    assert vocabulary.nearest(reader, "harbour") == vocabulary.nearest(reader, "ah") == []


def test_what_sqlite_says_against_a_broken_catalog_is_a_sentence(put: Put, database: Path) -> None:
    put()
    with (
        pytest.raises(DatabaseError, match="cannot read the catalog"),
        search.reading(str(database)) as reader,
    ):
        reader.execute("select * from no_such_table")


def test_a_catalog_of_an_older_version_is_refused(writer: sqlite3.Connection, database: Path) -> None:
    writer.execute("delete from _sqlite_migrations where name = 'queries_and_edits'")
    with pytest.raises(DatabaseError, match="older photo-watcher: start watcher run"), search.reading(str(database)):
        pass


def test_readers_know_every_step_of_the_migrations() -> None:
    assert len(migrations.STEPS) == search.KNOWN_STEPS
