"""The catalog as a database: each kind of damage is a sentence, never an exception, and the rest is still examined."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.examining.examined import Place, kinds
from watcher.db import soundness
from watcher.db.connect import open_reader


@pytest.fixture
def closed(place: Place) -> Place:
    """The catalog in one file, as after a clean end."""
    assert place.sql("pragma wal_checkpoint(truncate)")
    return place


def test_words_that_are_gone_from_the_index_are_a_finding(place: Place) -> None:
    number = place.one("select id from assets where name = 'two.jpg'")
    place.sql("delete from assets_fts where rowid = ?", number)
    finding = place.finding()
    assert finding.kind == "index"
    assert f"wrong about 1 photographs (ids {number}" in finding.what
    assert "watcher repair" in finding.remedy


def test_words_that_are_others_than_the_rows_are_a_finding(place: Place) -> None:
    place.sql("update assets_fts set title = 'elsewhere' where rowid = 1")
    assert "the index of words is wrong about 1" in place.finding().what


def test_words_of_an_asset_that_there_is_not_are_a_finding(place: Place) -> None:
    place.sql("insert into assets_fts(rowid, title) values (99, 'ghost')")
    assert "(ids 99" in place.finding().what


def test_what_another_program_changed_is_a_note_until_its_words_are_read(place: Place) -> None:
    place.sql("update assets set title = 'another' where name = 'two.jpg'")
    assert place.found() == []
    assert "1 photographs were changed by another program" in place.notes("index")[0]


def test_an_index_that_contradicts_itself_is_a_finding(place: Place) -> None:
    place.sql("update assets_fts_data set block = zeroblob(length(block)) where id > 100")
    found = place.found()
    assert "index" in kinds(found)
    assert any("contradicts itself" in finding.what for finding in found)


def test_the_check_of_the_words_leaves_the_catalog_as_it_is(closed: Place) -> None:
    before = hashlib.sha256(closed.catalog.read_bytes()).digest()
    closed.found()
    assert hashlib.sha256(closed.catalog.read_bytes()).digest() == before


def test_places_that_the_index_lacks_or_has_too_many_are_found(place: Place) -> None:
    place.sql("update assets set latitude = 48.2, longitude = 16.4 where id = 1")
    place.sql("delete from assets_changed")
    assert place.found() == []
    place.sql("delete from assets_places where id = 1")
    assert "the index of places is wrong about 1" in place.finding().what
    place.sql("insert into assets_places values (1, 48, 49, 16, 17), (7777, 0, 1, 0, 1)")
    assert "(ids 7777" in place.finding().what


def test_a_row_that_refers_to_nothing_is_a_finding(place: Place) -> None:
    place.sql("update renditions set asset_id = 99 where asset_id = 1 and recipe = 'thumb'")
    found = [finding for finding in place.found() if finding.kind == "database"]
    assert "1 rows of renditions refer to assets that are not there" in found[0].what


def test_a_page_of_rubbish_is_a_finding_and_the_rest_is_examined(closed: Place) -> None:
    content = bytearray(closed.catalog.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for page in range(8, len(content) // size, 3):
        content[page * size : (page + 1) * size] = os.urandom(size)
    closed.catalog.write_bytes(content)
    found = closed.found()
    assert "database" in kinds(found)
    assert all("restore" in finding.remedy for finding in found if finding.kind == "database")
    assert closed.notes("version")


@pytest.mark.parametrize("length", [0, 50, 5000, 40_000])
def test_a_catalog_that_was_cut_off_is_a_finding(closed: Place, length: int) -> None:
    with open(closed.catalog, "r+b") as file:
        file.truncate(length)
    assert "database" in kinds(closed.found())


@pytest.mark.parametrize("content", [b"Dear Anna, " * 1000, b"\0" * 8192])
def test_what_is_no_database_is_a_finding(closed: Place, content: bytes) -> None:
    closed.catalog.write_bytes(content)
    finding = closed.finding()
    assert (finding.kind, finding.path) == ("database", str(closed.catalog))


def test_a_catalog_of_a_newer_version_is_a_finding_that_says_so(place: Place) -> None:
    place.sql(
        """insert into _sqlite_migrations (migration_set, name, applied_at)
           select migration_set, 'of_tomorrow', applied_at from _sqlite_migrations limit 1"""
    )
    assert "newer photo-watcher" in place.finding().what


def test_no_catalog_is_a_finding_and_makes_none(place: Place) -> None:
    missing = place.root / "none" / "watcher.db"
    assert "no catalog at" in place.finding(place.site(database=str(missing))).what
    assert not missing.exists()


def test_a_sound_catalog_is_sound_in_each_respect(place: Place, tmp_path: Path) -> None:
    connection = open_reader(str(place.catalog))
    assert soundness.damage(connection) == []
    assert soundness.dangling(connection) == []
    assert soundness.words_are_sound(connection)
    assert not connection.in_transaction
    assert list(soundness.unlike_words(connection)) == []
    assert soundness.places_damage(connection) is None
    connection.close()
