"""Pictures of an inbox that puts them right on their way in: what is stored, what is found, what is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest
from tests.end_to_end.pictures import picture, zipped
from watcher.processing import exif

BEACH = picture("Beach")  # at 14:23:01
WISHES = """
title = "At the sea"
keywords = ["Lisbon"]
shift = "-23m"
touch = true
"""


@pytest.fixture
def putting_right(home: Home) -> Home:
    text = home.config.read_text()
    zone = text.replace('path = "library"', 'path = "library"\ntimezone = "UTC"')
    home.config.write_text(zone.replace('path = "inbox"', 'path = "inbox"' + WISHES))
    return home


def _kept(home: Home) -> list[Path]:
    return [path for path in (home.library / ".watcher").rglob("trash/**/*") if path.is_file()]


def _taken(content: bytes) -> object:
    return exif.read(content[content.index(b"Exif\0\0") + 6 :]).ifds["Exif"][0x9003]


def test_a_picture_is_stored_as_it_should_be_and_known_by_what_was_dropped(putting_right: Home) -> None:
    putting_right.drop("beach.jpg", BEACH)
    assert putting_right.watcher("run", "--once").returncode == 0
    (found,) = putting_right.json("search", "lisbon")
    stored = Path(found["path"]).read_bytes()
    assert (found["digest"], found["size"]) == (digest(BEACH), len(BEACH))
    assert found["stored_digest"] == digest(stored) != found["digest"]
    assert (found["taken_at"], _taken(stored)) == ("2024-05-17T14:00:01", b"2024:05:17 14:00:01")
    assert (found["title"], found["keywords"]) == ("At the sea", ["Lisbon"])
    assert Path(found["path"]).stat().st_mtime == datetime(2024, 5, 17, 14, 0, 1, tzinfo=UTC).timestamp()
    assert [path.read_bytes() for path in _kept(putting_right)] == [BEACH]
    (shown,) = putting_right.json("show", found["digest"][:8])
    assert (shown["digest"], shown["stored_digest"]) == (found["digest"], found["stored_digest"])


def test_dropped_again_it_is_a_duplicate_loose_or_in_a_zip(putting_right: Home) -> None:
    for name, content in (("1.jpg", BEACH), ("2.jpg", BEACH), ("3.zip", zipped({"beach.jpg": BEACH}))):
        putting_right.drop(name, content)
        assert putting_right.watcher("run", "--once").returncode == 0
    assert len(putting_right.assets()) == 1
    assert putting_right.states("2.jpg") == putting_right.states("beach.jpg") == ["duplicate"]
    assert len(_kept(putting_right)) == 1


def test_renditions_are_made_from_what_is_stored(putting_right: Home) -> None:
    putting_right.drop("beach.jpg", BEACH)
    assert putting_right.watcher("run", "--once").returncode == 0
    done = putting_right.watcher("render", "beach.jpg", "--size", "16x16", "--mode", "fill")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.decode().strip()).is_file()


def test_a_dry_run_keeps_nothing_and_names_what_would_be(putting_right: Home) -> None:
    putting_right.drop("beach.jpg", BEACH)
    assert putting_right.watcher("run", "--once").returncode == 0
    kept = len(_kept(putting_right))
    putting_right.drop("snow.jpg", picture("Snow", taken="2023:02:03 00:05:06"))
    done = putting_right.watcher("run", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    (foreseen,) = json.loads(done.stdout)
    assert foreseen["key"] == "originals/2023/02/20230202-234206_snow.jpg"
    assert len(_kept(putting_right)) == kept
