"""The write side of the catalog: what a commit makes of a picture, and the words that go with it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import open_writer
from watcher.db import wording
from watcher.db.catalog import Catalog
from watcher.db.journal import Journal, Patience
from watcher.model import Claim, Facts, Picture, Rendition
from watcher.querying.folding import tokens

FACTS = Facts(
    orientation=6,
    taken_at="2024-05-17T14:23:01.250",
    taken_offset="+02:00",
    taken_precision="second",
    taken_source="EXIF:DateTimeOriginal",
    camera_make="Canon",
    camera_model="EOS R5",
    lens="RF 24-70",
    iso=200,
    f_number=2.8,
    exposure_time=0.004,
    exposure="1/250",
    focal_length_mm=35.0,
    latitude=-33.85,
    longitude=151.2,
    altitude_m=-3.5,
    title="Été à Paris",
    description="line\nbreak",
    keywords=("beach", "東京", 'quo"ted'),
    rating=5,
    creator=("Ansel Å.", "B. Abbott"),
    copyright="© 2024",
    city="Reykjavík",
    state="Höfuðborgarsvæðið",
    country="Iceland",
    location="Old harbour",
    people=("Ada", "Grace H."),
    favourite=True,
    everything={"EXIF": {"Make": "Canon", "Fnord": [1, 2]}, "XMP": {"dc:title": "Été"}},
)


def picture(digest: str = "d1", key: str = "originals/a.jpg", **changes: object) -> Picture:
    below = key.removeprefix("originals/")
    renditions = tuple(Rendition(name, f"{name}/{below}", 30, 20, 9, f"{name}-1") for name in ("preview", "thumb"))
    plain = Picture(digest, key, "jpeg", 1234, 60, 40, FACTS, renditions, ("exif_damaged", "cut", "cut"))
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield connection
    connection.close()


@pytest.fixture
def catalog(db: sqlite3.Connection) -> Catalog:
    return Catalog(db)


@pytest.fixture
def job(db: sqlite3.Connection) -> Callable[[str], int]:
    """A job for the file dropped as `path`; its id."""
    journal = Journal(db, Patience())
    inbox = journal.inbox("/in", "phone")

    def drop(path: str) -> int:
        number = int(db.execute("select count(*) + 1 from jobs").fetchone()[0])
        journal.add([(inbox, Claim(f"token-{number}", "/in", path, "/spool", 1))])
        return number

    return drop


Drop = Callable[[str], int]


def _asset(db: sqlite3.Connection, asset: int) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("select * from assets where id = ?", (asset,)).fetchone()
    return row


def _finds(db: sqlite3.Connection, word: str) -> list[int]:
    wording.follow(db)
    phrase = '"' + " ".join(tokens(word)) + '"'
    return [row["rowid"] for row in db.execute("select rowid from assets_fts where assets_fts match ?", (phrase,))]


def test_a_picture_is_written_down_with_all_that_it_says(db: sqlite3.Connection, catalog: Catalog, job: Drop) -> None:
    number = job("summer/beach/IMG_1.jpg")
    row = _asset(db, catalog.add(picture(), number))
    several = ("creator", "people", "keywords", "flags", "everything")
    for fact in (name for name in FACTS.__slots__ if name not in several):
        assert row[fact] == getattr(FACTS, fact), fact
    assert json.loads(row["keywords"]) == list(FACTS.keywords)
    assert row["creator"] == "Ansel Å.; B. Abbott"
    assert row["people"] == "Ada; Grace H."
    assert row["place"] == "Old harbour, Reykjavík, Höfuðborgarsvæðið, Iceland"
    assert json.loads(row["metadata"]) == FACTS.everything
    assert json.loads(row["flags"]) == ["exif_damaged", "cut"], "each flag once"
    assert (row["digest"], row["stored_digest"], row["key"]) == ("d1", "d1", "originals/a.jpg")
    assert (row["size"], row["width"], row["height"], row["format"]) == (1234, 60, 40, "jpeg")
    assert (row["name"], row["folder"], row["batch"]) == ("IMG_1.jpg", "summer/beach", "summer")
    assert (row["inbox"], row["job_id"]) == ("phone", number)
    assert row["imported_at"].endswith("Z")


@pytest.mark.parametrize("name", ["line\nbreak.jpg", "日本.jpg", os.fsdecode(b"caf\xe9.jpg"), "'; drop table assets--"])
def test_every_name_can_be_written_down_and_found(
    db: sqlite3.Connection, catalog: Catalog, job: Drop, name: str
) -> None:
    number = job(f"{name}/{name}")
    row = _asset(db, catalog.add(picture(), number))
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    assert (row["name"], row["folder"], row["batch"]) == (text, text, text)


def test_a_loose_file_has_neither_folder_nor_batch(db: sqlite3.Connection, catalog: Catalog, job: Drop) -> None:
    row = _asset(db, catalog.add(picture(), job("a.jpg")))
    assert (row["folder"], row["batch"]) == (None, None)


@pytest.mark.parametrize(
    "word", ["ete", "ÉTÉ", "paris", "beach", "東京", "canon", "eos", "break", "RF 24-70", "reykjavik", "abbott"]
)
def test_its_words_are_found_at_once_without_regard_to_accents(
    db: sqlite3.Connection, catalog: Catalog, job: Drop, word: str
) -> None:
    asset = catalog.add(picture(), job("a.jpg"))
    catalog.add(picture("d2", "originals/b.jpg", facts=Facts()), job("b.jpg"))
    assert _finds(db, word) == [asset]


def test_an_asset_is_found_by_its_digest_with_every_key_it_names(catalog: Catalog, job: Drop) -> None:
    asset = catalog.add(picture(), job("a.jpg"))
    known = catalog.find("d1")
    assert known is not None
    assert (known.id, known.key, known.size) == (asset, "originals/a.jpg", 1234)
    assert known.keys == {"originals/a.jpg", "preview/a.jpg", "thumb/a.jpg"}
    assert catalog.find("d2") is None
    assert catalog.key(asset) == "originals/a.jpg"
    assert catalog.key(asset + 1) is None


def test_an_original_that_was_changed_has_a_digest_and_a_size_of_its_own(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    asset = catalog.add(picture(stored=("s1", 1240)), job("a.jpg"))
    row = _asset(db, asset)
    assert (row["digest"], row["size"], row["stored_digest"]) == ("d1", 1234, "s1")
    known = catalog.known(asset)
    assert known is not None
    assert known.size == 1240
    assert catalog.rivals(1234) == (("d1", "originals/a.jpg", 1240),)
    assert catalog.rivals(1240) == ()


def test_an_asset_that_is_pointed_to_a_changed_original_knows_its_digest_and_size(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    asset = catalog.add(picture(), job("a.jpg"))
    for stored, expected in ((("s1", 1240), ("s1", 1240)), (None, ("d1", 1234))):
        catalog.point(asset, picture(stored=stored))
        known = catalog.known(asset)
        assert known is not None
        assert (_asset(db, asset)["stored_digest"], known.size) == expected


def test_an_asset_that_is_pointed_elsewhere_keeps_all_but_its_files(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    asset = catalog.add(picture(), job("a.jpg"))
    before = dict(_asset(db, asset))
    again = picture(key="originals/b.jpg", facts=Facts())
    catalog.point(asset, replace(again, renditions=again.renditions[:1]))
    assert dict(_asset(db, asset)) == before | {"key": "originals/b.jpg"}
    known = catalog.find("d1")
    assert known is not None
    assert known.keys == {"originals/b.jpg", "preview/b.jpg"}
    assert _finds(db, "beach") == [asset]


def _renditions(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.execute("select * from renditions order by asset_id, recipe")]


def test_a_rendition_made_later_takes_the_place_of_its_recipes_former_one(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    asset = catalog.add(picture(), job("a.jpg"))
    catalog.put_rendition(asset, Rendition("thumb", "thumb/a.jpg.webp", 3, 2, 7, "thumb-2"))
    catalog.put_rendition(asset, Rendition("wide", "wide/a.jpg", 90, 20, 8, "wide-1"))
    assert _renditions(db) == [
        (asset, "preview", "preview/a.jpg", 30, 20, 9, "preview-1"),
        (asset, "thumb", "thumb/a.jpg.webp", 3, 2, 7, "thumb-2"),
        (asset, "wide", "wide/a.jpg", 90, 20, 8, "wide-1"),
    ]


def test_a_removed_asset_leaves_neither_rows_nor_words_and_its_jobs_stay(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    number, other = job("a.jpg"), job("b.jpg")
    asset = catalog.add(picture(), number)
    kept = catalog.add(picture("d2", "originals/b.jpg"), other)
    db.executemany("update jobs set asset_id = ? where id = ?", [(asset, number), (kept, other)])
    catalog.remove(asset)
    assert catalog.known(asset) is None
    assert [tuple(row) for row in db.execute("select id, asset_id from jobs")] == [(number, None), (other, kept)]
    assert _finds(db, "beach") == [kept]
    assert {row[0] for row in _renditions(db)} == {kept}
    assert catalog.add(picture(), number) > 0, "the same picture can come again"


def test_keys_that_assets_name_are_told_from_those_that_none_names(catalog: Catalog, job: Drop) -> None:
    catalog.add(picture(), job("a.jpg"))
    asked = ["originals/a.jpg", "thumb/a.jpg", "originals/b.jpg", "thumb/%", ""]
    assert catalog.named(asked) == {"originals/a.jpg", "thumb/a.jpg"}
    assert catalog.named([]) == set()


def test_rivals_are_the_assets_of_that_size_unless_they_are_very_many(
    db: sqlite3.Connection, catalog: Catalog, job: Drop
) -> None:
    number = job("a.jpg")
    for n in range(100):
        catalog.add(picture(f"d{n}", f"originals/{n}.jpg"), number)
    catalog.add(picture("other", "originals/other.jpg", size=99), number)
    assert catalog.rivals(99) == (("other", "originals/other.jpg", 99),)
    assert catalog.rivals(98) == ()
    assert len(catalog.rivals(1234)) == 100
    catalog.add(picture("one more", "originals/one-more.jpg"), number)
    assert catalog.rivals(1234) == ()


def test_two_assets_of_one_digest_cannot_be(catalog: Catalog, job: Drop) -> None:
    catalog.add(picture(), job("a.jpg"))
    with pytest.raises(sqlite3.IntegrityError):
        catalog.add(picture(key="originals/b.jpg"), job("b.jpg"))
