"""Queries on a real catalog: what each kind finds, and that trees mean what a plain filter over all rows means."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any as Anything

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_query import matches

from tests.fresh import open_writer
from watcher.db import facets, matching, search, wording
from watcher.db.functions import add_functions, around, patience
from watcher.fields import FIELDS
from watcher.querying import tree
from watcher.querying.parsing import MAX_DEPTH, MAX_TERMS, parse

NOW = datetime(2024, 5, 17, 14, 23)
Find = Callable[[str], list[str]]
Row = dict[str, Anything]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    add_functions(connection)
    yield connection
    connection.close()


def put(
    connection: sqlite3.Connection, name: str = "a.jpg", *, recipes: tuple[str, ...] = (), **values: Anything
) -> int:
    number = connection.execute("select coalesce(max(id), 0) + 1 from assets").fetchone()[0]
    dropped_again = values.pop("dropped_again", False)
    row = {
        "id": number, "digest": f"{number:064x}", "stored_digest": "s", "key": f"originals/{number}.jpg", "name": name,
        "format": "jpeg", "size": 10, "imported_at": "2026-01-01T00:00:00Z", **values,
    }  # fmt: skip
    for column in ("keywords", "flags"):
        row[column] = json.dumps(row.get(column, ()), ensure_ascii=False)
    marks = ", ".join("?" * len(row))
    connection.execute(f"insert into assets ({', '.join(row)}) values ({marks})", tuple(row.values()))
    for recipe in recipes:
        connection.execute("insert into renditions values (?, ?, 'k', 1, 1, 1, '')", (number, recipe))
    for job in (1, 2) if dropped_again else ():
        connection.execute(
            "insert into provenance (asset_id, job_id, name, created_at) values (?, ?, 'a', '2026')", (number, job)
        )
    return int(number)


def ids(connection: sqlite3.Connection, node: tree.Node) -> set[int]:
    """What both forms of the condition find, which is the same."""
    forms = (matching.condition(node), matching.probing(node))
    found = [
        {row[0] for row in connection.execute(f"select id from assets where {condition}", values)}
        for condition, values in forms
    ]
    assert found[0] == found[1]
    return found[0]


@pytest.fixture
def find(catalog: sqlite3.Connection) -> Find:
    """The names of the assets that a query finds, in the order of their names."""

    def search(query: str) -> list[str]:
        wording.follow(catalog)
        found = ids(catalog, parse(query, NOW, library="/library"))
        return sorted(row["name"] for row in catalog.execute("select id, name from assets") if row["id"] in found)

    return search


ALBUM: dict[str, Row] = {
    "beach.jpg": {
        "title": "Sunset at the beach", "keywords": ["sea", "golden hour"], "iso": 100, "f_number": 2.8, "rating": 4,
        "taken_at": "2023-07-15T20:30:00.500", "camera_make": "Canon", "camera_model": "Canon EOS R5", "width": 6000,
        "height": 4000, "latitude": 38.7223, "longitude": -9.1393, "place": "Lisbon, Portugal", "size": 6_000_000,
        "format": "jpeg", "recipes": ("thumb",), "favourite": 1, "exposure_time": 0.004, "exposure": "1/250",
    },
    "crème brûlée.png": {
        "description": "Łódź, smørrebrød; Straße", "keywords": ["food"], "width": 100, "height": 100, "format": "png",
        "taken_at": "2009-01-01T00:00:00", "taken_precision": "year", "favourite": 0, "size": 4_000_000,
    },
    "富士山.jpg": {
        "title": "富士山の朝 🌅", "taken_at": "2022-12-25T06:00:00", "iso": 800, "f_number": 1.7999999523,
        "width": 4000, "height": 6000, "latitude": -16.5, "longitude": 179.9999, "place": "東京都",
        "flags": ["hdr_gain_map"],
    },
    "IMG_0001 (1).JPG": {
        "camera_make": "SONY", "camera_model": "ILCE-7M3", "lens": "FE 24-70mm F2.8 GM", "iso": 3200, "batch": "trip++",
        "dropped_again": True, "width": 9000, "height": 3000, "folder": "Norway/2021; Best", "people": "Søren",
    },
    "pole.jpg": {"latitude": 89.9999, "longitude": 10.0, "album": "Expedition", "keywords": ["golden", "hour"]},
}  # fmt: skip


def test_a_whole_model_is_found_under_each_make_and_under_none(catalog: sqlite3.Connection, find: Find) -> None:
    for name, make in {"none": None, "empty": "", "a": "Acme", "b": "Bolt", "z": "Zorki"}.items():
        put(catalog, name, camera_make=make, camera_model="R5")
        put(catalog, f"{name}, another", camera_make=make, camera_model="R5 II")
    put(catalog, "no camera")
    assert find("camera_model:=R5") == ["a", "b", "empty", "none", "z"]
    assert find("camera_model:=r5") == []
    assert len(find("-camera_model:=R5")) == 6


@pytest.fixture
def album(catalog: sqlite3.Connection) -> None:
    for name, row in ALBUM.items():
        put(catalog, name, **row)


BEACH, CREME, FUJI, IMG, POLE = ALBUM


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [*ALBUM]),
        ("sunset", [BEACH]),
        ("SUNSET beach", [BEACH]),
        ("beach sunset", [BEACH]),
        ('"beach sunset"', []),
        ('"sunset at"', [BEACH]),
        ("sun*", [BEACH]),
        ("*each*", [BEACH]),
        ("*each* *nset*", [BEACH]),
        ("*xyz*", []),
        ("title:*sun*", [BEACH]),
        ("description:*sun*", []),
        ("*set-at*", [BEACH]),
        ("-sunset", [CREME, FUJI, IMG, POLE]),
        ("beach -sunset", []),
        ("sunset OR food", [BEACH, CREME]),
        ("(sunset OR food) -png", [BEACH]),
        ("NOT (sunset OR food)", [FUJI, IMG, POLE]),
        ("sunset OR iso:3200", [BEACH, IMG]),
        ("jpg -(iso:3200 OR beach)", [FUJI, POLE]),
        ("creme brulee", [CREME]),
        ("lodz", [CREME]),
        ("smorrebrod", [CREME]),
        ("strasse", [CREME]),
        ("soren", [IMG]),
        ("富", [FUJI]),
        ("富士", [FUJI]),
        ("富士山", [FUJI]),
        ("山富", []),
        ("士山の", [FUJI]),
        ("*富士*", [FUJI]),
        ("🌅", [FUJI]),
        ("place:東京", [FUJI]),
        ("++", [IMG]),
        ("img_0001", [IMG]),
        ("img*", [IMG]),
        ('"golden hour"', [BEACH]),
        ("golden hour", [BEACH, POLE]),
        ("keyword:golden", [BEACH, POLE]),
        ("keyword:=golden", [POLE]),
        ("keyword:=Golden", []),
        ("keyword:none", [FUJI, IMG]),
        ("keyword::^gold", [BEACH, POLE]),
        ("title:=Sunset", []),
        ('title:="Sunset at the beach"', [BEACH]),
        (r"name::^img_\d+", [IMG]),
        (r"iso::^\d{3}$", [BEACH, FUJI]),
        ("camera:canon", [BEACH]),
        ('camera:"sony ilce-7m3"', [IMG]),
        ("camera:=SONY", [IMG]),
        ("camera:none", [CREME, FUJI, POLE]),
        ("camera_make:=Canon", [BEACH]),
        ("lens:24-70mm", [IMG]),
        ("format:png", [CREME]),
        ("png", [CREME]),
        ("jpeg", []),
        ("path:originals", [*ALBUM]),
        ("path:=/home/ana/Pictures/Library/originals/1.jpg", [BEACH]),
        ("path:=originals/1.jpg", [BEACH]),
        ("path:/library/originals/1.jpg", [BEACH]),
        ('path:"/library/originals/1.jpg"', [BEACH]),
        ("path:/library/originals", [*ALBUM]),
        ("path:/library/originals/", [*ALBUM]),
        ("path:/library/originals/../originals/1.jpg", [BEACH]),
        ("path:/library", [*ALBUM]),
        ("path:/", [*ALBUM]),
        ("path:/library/original", []),
        ("path:/library/origin*", [*ALBUM]),
        ("path:/library/originals/1*", [BEACH]),
        ('path:"/library/originals/1"*', [BEACH]),
        ("path:/library/originals/1", []),
        ("path:/libraries/originals/1.jpg", []),
        ("path:/elsewhere", []),
        ("-path:/elsewhere", [*ALBUM]),
        ("digest:000000000000", [*ALBUM]),
        ("digest:ffff", []),
        ("exposure:1/250", [BEACH]),
        ("exposure_time:1/250", [BEACH]),
        ("folder:norway", [IMG]),
        ("folder:=Best", [IMG]),
        ("folder:=Norway/2021", [IMG]),
        ("folder:=Norway", []),
        ("iso:100..800", [BEACH, FUJI]),
        ("-iso:100..800", [CREME, IMG, POLE]),
        ("iso:none", [CREME, POLE]),
        ("f:1.8", [FUJI]),
        ("f:..2.8", [BEACH, FUJI]),
        ("f:<1.8", []),
        ("size:>5MB", [BEACH]),
        ("size:4MB..6MB", [BEACH, CREME]),
        ("taken:2023-07..2023-08", [BEACH]),
        ("taken:2023-07-15T20:30", [BEACH]),
        ("taken:2023-07-15T20:30:00", [BEACH]),
        ("taken:..2009", [CREME]),
        ("taken:-2y..", [BEACH, FUJI]),
        ("is:undated", [IMG, POLE]),
        ("is:favourite", [BEACH]),
        ("favourite:no", [CREME, FUJI, IMG, POLE]),
        ("favourite:none", [FUJI, IMG, POLE]),
        ("is:landscape", [BEACH, IMG]),
        ("is:portrait", [FUJI]),
        ("is:square", [CREME]),
        ("is:panorama", [IMG]),
        ("is:duplicate", [IMG]),
        ("-is:duplicate", [BEACH, CREME, FUJI, POLE]),
        ("flag:hdr_gain_map", [FUJI]),
        ("month:7", [BEACH]),
        ("month:nov..jan", [FUJI]),
        ("weekday:sun", [FUJI]),
        ("weekday:sat", [BEACH]),
        ("hour:18..21", [BEACH]),
        ("hour:0", []),
        ("place:lisbon", [BEACH]),
        ("has:gps", [BEACH, FUJI, POLE]),
        ("near:38.7,-9.1,5km", [BEACH]),
        ("near:38.7,-9.1,4km", []),
        ("near:-16.5,-179.9999,22m", [FUJI]),
        ("near:-16.5,-179.9999,21m", []),
        ("near:90,-120,12m", [POLE]),
        ("near:89.9999,-170,23m", [POLE]),
        ("near:0,0,20100km", [BEACH, FUJI, POLE]),
        ("renditions:thumb", [BEACH]),
        ("renditions:none", [CREME, FUJI, IMG, POLE]),
        ("id:2..3", [CREME, FUJI]),
        ("it's", []),
        ("' OR 1=1 --", []),
    ],
)
def test_a_query_finds(query: str, found: list[str], find: Find) -> None:
    assert find(query) == sorted(found)


def test_every_field_of_text_is_known_to_the_index_or_compared_whole() -> None:
    compared = {"digest", "stored_digest", "taken_offset"}
    text = {field.name for field in FIELDS if field.kind in ("text", "list")}
    assert text - compared <= set(wording.WEIGHTS)


def test_the_largest_queries_that_are_read_are_also_answered(catalog: sqlite3.Connection, find: Find) -> None:
    put(catalog, "wanted.jpg", iso=1, title="w1 w499")
    assert find(" OR ".join(f"w{i}" for i in range(500))) == ["wanted.jpg"]
    assert find(" OR ".join(f"iso:{i}" for i in range(500))) == ["wanted.jpg"]
    assert find(" ".join(f"-w{i}" for i in range(2, 400))) == ["wanted.jpg"]
    assert find(" ".join(f"-iso:{i}" for i in range(2, 400)) + " wanted") == ["wanted.jpg"]
    assert find(" ".join(f"w{i % 2 * 498 + 1}" for i in range(500))) == ["wanted.jpg"]
    assert find("(a OR iso:1 AND -" * MAX_DEPTH + "wanted" + ")" * MAX_DEPTH) == ["wanted.jpg"]
    assert find("-(" * MAX_DEPTH + "wanted" + ")" * MAX_DEPTH) == ["wanted.jpg"]
    assert find("(iso:2 OR title:none AND -" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == []
    assert find('"' + "word " * 5000 + '"') == []


@pytest.mark.parametrize(
    "term",
    ["id:{}", "iso:{}..9999", "has:gps", "name::x{}", "is:landscape", "month:5", "title:=t{}", "place:=p{}",
     "camera::{}", "near:1,2,{}m", "renditions:r{}", "is:duplicate", "taken:{:04}", "path:/l/{}", "*x{}*"],
)  # fmt: skip
@pytest.mark.parametrize("operator", [" OR ", " -"])
def test_as_many_terms_of_any_kind_are_answered_as_are_read(
    term: str, operator: str, catalog: sqlite3.Connection
) -> None:
    put(catalog, "a.jpg")
    terms = [term.format(n) for n in range(10, MAX_TERMS + 10)]
    nested = "(" * (MAX_DEPTH - 1) + operator.join(terms[: 1 - MAX_DEPTH]) + " OR b)" * (MAX_DEPTH - 1)
    for text, limit in ((operator.join(terms), None), (nested, None), (nested, 50)):
        node = parse(text, NOW, library="/l")
        assert len(search.ids(catalog, node, limit=limit)) == search.count(catalog, node)


LISTS = sqlite3.connect(":memory:", check_same_thread=False)
add_functions(LISTS)
PATTERNS = [
    "^a", "a$", "^a$", r"\Aa", r"a\Z", r"\Aa\Z", r"(?<!\s)b", "(?<!.)b", "(?!x)a", r"b(?!\n)", r"\ba", r"\Ba", "a.b",
    "a.?b", r"\s", r"\n", "^$", "a|^b$", "[^x]$", "[^x]b", ".*", "b*$", "(?m)^b", "(?s)a.b", '"', ", ", r"(a)\1",
    "^.{2}$", "x", r"\\",
]  # fmt: skip
ELEMENTS = st.lists(st.text(alphabet='ab \n\t"\\,x', min_size=1, max_size=5), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(ELEMENTS, st.sampled_from(PATTERNS))
def test_a_pattern_is_found_in_a_list_where_it_is_found_in_one_of_it(values: list[str], pattern: str) -> None:
    expected = any(re.search(pattern, value, re.IGNORECASE) for value in values)
    for written in (json.dumps(values, ensure_ascii=False), json.dumps(values, separators=(",", ":"))):
        [found] = LISTS.execute("select found_in_list(?, ?)", (pattern, written)).fetchone()
        assert bool(found) == expected


def test_words_follow_an_edit_and_a_removal_whoever_made_them(catalog: sqlite3.Connection, find: Find) -> None:
    number = put(catalog, "a.jpg", title="harbour", latitude=1.0, longitude=2.0)
    assert (find("harbour"), find("near:1,2")) == (["a.jpg"], ["a.jpg"])
    catalog.execute("update assets set title = 'Größe', latitude = 50.0, camera_model = 'X100' where id = ?", (number,))
    assert (find("harbour"), find("grosse x100"), find("*ross*")) == ([], ["a.jpg"], ["a.jpg"])
    assert (find("near:1,2"), find("near:50,2")) == ([], ["a.jpg"])
    catalog.execute("update assets set latitude = null where id = ?", (number,))
    assert find("near:50,2") == []
    catalog.execute("update assets set latitude = 50.0 where id = ?", (number,))
    catalog.execute("delete from assets where id = ?", (number,))
    for table in (wording.INDEX, wording.POSTINGS, wording.CHANGED, wording.PLACES):
        assert catalog.execute(f"select count(*) from {table}").fetchone()[0] == 0


def test_the_index_is_sound_after_thousands_of_changes(catalog: sqlite3.Connection) -> None:
    with catalog:
        catalog.execute("begin")
        for number in range(1200):
            put(catalog, f"{number}.jpg", title=f"word{number % 7}")
        wording.follow(catalog)
        catalog.execute("update assets set title = 'other' where id % 2")
        catalog.execute("delete from assets where id % 5 = 0")
        wording.follow(catalog)
    catalog.execute(f"insert into {wording.INDEX} ({wording.INDEX}) values ('integrity-check')")
    assert len(ids(catalog, parse("other", NOW))) == 480


def test_words_alone_are_one_expression_that_can_be_ranked() -> None:
    expression, rest = matching.split(parse("sunset (beach OR sea) -rain iso:100 title:x", NOW))
    assert rest == (parse("iso:100", NOW),)
    assert expression is not None and expression.count('"') == 10 and " NOT " in expression
    assert matching.split(parse("-rain", NOW)) == (None, (parse("-rain", NOW),))


def test_a_pattern_that_would_never_come_to_an_end_is_ended(catalog: sqlite3.Connection) -> None:
    put(catalog, "a" * 60 + ".jpg")
    with pytest.raises(TimeoutError), patience(0.2):
        ids(catalog, parse("name::(a|aa)+$", NOW))
    with patience(60):
        assert ids(catalog, parse("name::a+", NOW)) == {1}


def test_other_failures_of_sqlite_pass_through_the_patience_as_they_are(catalog: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), patience(60):
        catalog.execute("select * from absent")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("sunset", wording.INDEX),
        ("near:1,2", wording.PLACES),
        ("taken:2023", "assets_by_taken"),
        ("iso:100..200", "assets_by_iso"),
        ("f:..2.8", "assets_by_f_number"),
        ("imported:today", "assets_by_import"),
        ("digest:ab", "sqlite_autoindex_assets_1"),
        ("path:=originals/1.jpg", "assets_by_key"),
        ("title:=Sunset", wording.INDEX),
        ("*sun*", wording.TERMS),
        # of all assets, but without their rows
        ("folder::zz$", "assets_by_facts"),
        ("place::zz$ lens:none", "assets_by_facts"),
        ("people:any -batch:none", "assets_by_facts"),
    ],
)
def test_a_query_is_answered_from_an_index(query: str, index: str, catalog: sqlite3.Connection) -> None:
    condition, values = matching.condition(parse(query, NOW))
    plan = catalog.execute(f"explain query plan select id from assets where {condition}", values).fetchall()
    steps = [row["detail"] for row in plan]
    assert any(index in step for step in steps)
    assert "SCAN assets" not in steps


@pytest.mark.parametrize("name", [name for name in facets.NAMES if name not in ("name", "title", "description")])
def test_values_are_counted_without_the_rows(name: str, catalog: sqlite3.Connection) -> None:
    steps: list[str] = []
    catalog.set_trace_callback(steps.append)
    facets.facet(catalog, parse("", NOW), name)
    catalog.set_trace_callback(None)
    [statement] = steps
    plan = [row["detail"] for row in catalog.execute(f"explain query plan {statement}")]
    assert any("assets USING COVERING INDEX" in step for step in plan), plan


# The same rows as a plain filter finds

WORDS = ["sun", "sunset", "Süd", "ßtrasse", "富士", "山", "🌅", "x-y", "++", "it's", "100", "Łódź", ""]
TEXT = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join) | st.none()
SEVERAL = st.lists(st.sampled_from(["sun", "sun set", "Süd", "++", "set sun"]), max_size=3).map("; ".join) | st.none()
LIST = st.lists(st.sampled_from(["sun set", "sun", "富士", "Süd", "a++", "hdr_gain_map"]), max_size=3)
LATITUDES = st.sampled_from([-90.0, -89.9999, -16.5, 0.0, 0.0004, 48.2, 89.9999, 90.0])
LONGITUDES = st.sampled_from([-180.0, -179.9999, -9.1, 0.0, 0.0004, 90.0, 179.9999, 180.0])
INTEGERS = st.sampled_from([0, 1, 100, 200, 800]) | st.none()
TAKEN = st.datetimes(datetime(2022, 12, 30), datetime(2023, 3, 2)).map(lambda moment: moment.isoformat()[:19])
ROWS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("title", "description", "place", "camera_make", "camera_model", "copyright"), TEXT),
        **dict.fromkeys(("people", "creator", "album"), SEVERAL),
        **dict.fromkeys(("city", "country", "location"), st.sampled_from(["sun", "Sun", "sun set", "富士", None])),
        **dict.fromkeys(("keywords", "flags"), LIST),
        **dict.fromkeys(("iso", "width", "height", "favourite"), INTEGERS),
        "f_number": st.sampled_from([1.8, 2.8, 1.7999999523]) | st.none(),
        "taken_at": TAKEN | st.none(),
        "taken_precision": st.sampled_from(["second", "day", "month", "year", None]),
        "latitude": LATITUDES | st.none(),
        "longitude": LONGITUDES | st.none(),
        "recipes": st.sets(st.sampled_from(["thumb", "preview"])).map(lambda names: tuple(sorted(names))),
        "dropped_again": st.booleans(),
    }
)
TERMS = st.sampled_from(
    [
        "sun", "sun*", "*su*", "*un-se*", "sud", "strasse", "富", "*富士*", "🌅", "++", '"sun set"', '"sunset su"*',
        "lodz", "title:sun", "title:none", "title:=sun", "title::^s", "title:*ud*", "camera:sun", "camera:any",
        "keyword:=sun", 'keyword:"sun set"', 'keyword:"sun sun"', "keyword:none", "keyword::t$", "flag:hdr_gain_map",
        "people:sud", "people:=sun", 'people:"sun sun"', 'people:"set sun"', "people:*t-s*", "people::^sun$",
        "creator:=++", "creator::^s.d$", "album:any", 'album:"sun set"', 'album:"set su"*', "copyright:sun",
        "place:=sun", "place::^sun$", "place:sun", "city:=sun", "country:sun", "camera:=sun", "camera::^sun$",
        "iso:100..200", "iso:>100", "iso:none", "f:1.8", "f:>1.8", "taken:2023", "taken:2023-01..2023-02-15",
        "taken:<2023", "is:undated", "is:favourite", "is:landscape", "is:panorama", "is:square", "is:duplicate",
        "month:dec..jan", "month:2", "weekday:sat..sun", "hour:22..3", "has:gps", "near:0,0,100m", "near:0,0",
        "near:-16.5,180,50m", "near:90,0,1km", "near:48.2,-180,9000km", "near:-89.99999,12,30km", "renditions:thumb",
        "renditions:none", "id:2..5", "title:++",
    ]
)  # fmt: skip
NODES = st.recursive(
    TERMS.map(lambda term: parse(term, NOW)),
    lambda inner: st.one_of(
        inner.map(tree.Not),
        st.lists(inner, max_size=4).map(lambda parts: tree.All(tuple(parts))),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: tree.Any(tuple(parts))),
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=8), nodes=st.lists(NODES, min_size=1, max_size=8))
def test_a_query_finds_the_rows_that_a_plain_filter_finds(
    rows: list[Row], nodes: list[tree.Node], catalog: sqlite3.Connection
) -> None:
    catalog.execute("begin")
    try:
        numbers = {put(catalog, **row): row for row in rows}
        wording.follow(catalog)
        assets = [
            {**dict(asset), **{key: numbers[asset["id"]][key] for key in ("recipes", "dropped_again")}}
            for asset in catalog.execute("select * from assets")
        ]
        for node in nodes:
            assert ids(catalog, node) == {asset["id"] for asset in assets if matches(node, asset)}, node
    finally:
        catalog.execute("rollback")


@given(
    here=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    there=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    metres=st.floats(0, 3e7),
)
def test_the_boxes_around_a_circle_leave_nothing_of_it_out(
    here: tuple[float, float], there: tuple[float, float], metres: float
) -> None:
    node = tree.Near(*here, metres)
    if matches(node, {"latitude": there[0], "longitude": there[1]}):
        boxes = around(node.latitude, node.longitude, node.metres)
        assert any(s <= there[0] <= n and w <= there[1] <= e for s, n, w, e in boxes)
