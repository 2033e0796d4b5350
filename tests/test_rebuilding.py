"""A catalog made anew says what the lost one said; without a chronicle, all that the files themselves can say."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture
from tests.stocked_library import FOLDER, LOOSE, PICTURES, SCAN, ZIP, drop_all, stocked
from watcher import chronicle, rebuilding
from watcher.adopting import dropped_name
from watcher.model import Limits, Recipe, Rules
from watcher.storage.local import LocalStorage

Row = dict[str, Any]

RECIPES = (Recipe("preview", "1600"), Recipe("thumb", "300x300", "fill"))
TEMPLATE = "{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}"
# each without its own ids, and with those of others as digests
QUERIES = {
    "assets": "select a.*, s.digest as shown_by from assets a left join assets s on s.id = a.stack order by a.digest",
    "renditions": "select a.digest, r.* from renditions r join assets a on a.id = r.asset_id order by 1, recipe",
    "provenance": "select a.digest, p.* from provenance p join assets a on a.id = p.asset_id order by 1, p.job_id",
    "sidecars": "select * from sidecars order by digest, job_id",
    "owners": """select a.digest, s.digest as sidecar from sidecars_of_assets o join assets a on a.id = o.asset_id
                 join sidecars s on s.id = o.sidecar_id order by 1, 2""",
    "edits": "select a.digest, e.* from edits e join assets a on a.id = e.asset_id order by e.id",
    "batches": "select id, token, inbox_id, kind, name, options, cancelled_at from batches order by id",
    "inboxes": "select id, name, path from inboxes order by id",
    "jobs": """select j.id, a.digest, j.inbox_id, j.path, j.name, j.state, j.batch, j.batch_id, j.sequence, j.scope,
               j.shot, j.size, j.created_at, j.announced, j.discarded from jobs j left join assets a on a.id = asset_id
               where kind = 'file' and (a.id is not null or j.id in (select job_id from sidecars)) order by j.id""",
    "words": "select a.digest, f.* from assets_fts f join assets a on a.id = f.rowid order by 1",
}
OWN = {"id", "asset_id", "stack"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return stocked(tmp_path_factory.mktemp("made"))


@pytest.fixture
def library(made: Home, tmp_path: Path) -> Path:
    shutil.copytree(made.library, tmp_path / "library")
    return tmp_path / "library"


def rebuilt(library: Path, home: Home, threads: int = 2) -> tuple[Path, rebuilding.Report]:
    new = library / ".watcher" / "watcher.db.new"
    rules = Rules(str(library), TEMPLATE, RECIPES, Limits(), timezone="UTC")
    seen: list[tuple[int, int]] = []
    report = rebuilding.rebuild(
        str(new),
        LocalStorage(str(library)),
        rules,
        (str(home.inbox), "phone"),
        threads,
        lambda *done: seen.append(done),
    )
    assert (
        seen[-1][0] == seen[-1][1] == len(list(_files(library, "originals"))) + len(list(_files(library, "sidecars")))
    )
    return new, report


def _files(library: Path, folder: str) -> Iterator[Path]:
    return (path for path in (library / folder).rglob("*") if path.is_file())


def rows(database: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return {name: [_plain(name, row) for row in connection.execute(query)] for name, query in QUERIES.items()}


def _plain(table: str, row: sqlite3.Row) -> Row:
    own = OWN if table not in ("jobs", "batches", "inboxes") else set()
    said = {name: row[name] for name in row.keys() if name not in own}  # noqa: SIM118 - a Row's iterator gives values
    if "metadata" in said:
        said["metadata"] = json.loads(said["metadata"])
    return said


def of_scan(tables: dict[str, list[Row]]) -> Row:
    """Out of the tables the metadata of the picture whose date was shifted: what its file said before, none knows."""
    (scan,) = [row for row in tables["assets"] if row["name"] == "scan.jpg"]
    metadata: Row = scan.pop("metadata")
    return metadata


def test_each_row_is_as_it_was_but_for_ids(made: Home, library: Path) -> None:
    new, report = rebuilt(library, made)
    assert (report.assets, report.told, report.sidecars, report.damaged, report.left) == (PICTURES, PICTURES, 4, 0, [])
    before, after = rows(made.catalog), rows(new)
    was, found = of_scan(before), of_scan(after)
    for table in QUERIES:
        assert after[table] == before[table], table
    assert all(before.values()), "each table has something to say"
    assert found["cleaning"] == was["cleaning"]
    assert found["EXIF"].keys() == was["EXIF"].keys()


def test_the_new_catalog_is_sound_and_nothing_is_left_to_do(made: Home, library: Path) -> None:
    new, _ = rebuilt(library, made)
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        connection.execute("insert into assets_fts (assets_fts) values ('integrity-check')")
        waiting = "select 1 from jobs where finished_at is null or announced = 0 or discarded = 0"
        assert connection.execute(waiting).fetchall() == []


def test_it_is_the_same_when_it_is_made_from_what_was_made_anew(made: Home, library: Path) -> None:
    first, _ = rebuilt(library, made)
    once = rows(first)
    first.unlink()
    second, _ = rebuilt(library, made, threads=1)
    assert rows(second) == once


def test_without_a_chronicle_all_that_the_files_say_is_right(made: Home, library: Path) -> None:
    os.unlink(chronicle.path_of(str(library)))
    new, report = rebuilt(library, made)
    assert (report.assets, report.told, report.left) == (PICTURES, 0, [])
    before, after = rows(made.catalog), rows(new)
    was = {row["key"]: row for row in before["assets"]}
    told = {"title", "description", "keywords", "rating", "folder", "album", "batch", "inbox", "imported_at", "flags"}
    told |= {"name", "metadata", "job_id", "digest", "size", "stored_size", "shown_by"}
    told |= {f"taken_{part}" for part in ("at", "source", "precision")}
    for row in after["assets"]:
        assert {k: v for k, v in row.items() if k not in told} == {
            k: v for k, v in was[row["key"]].items() if k not in told
        }
        if row["name"] not in ("a copy.jpg", "scan.jpg"):  # one was edited, the other cleaned up
            assert row["taken_at"] == was[row["key"]]["taken_at"]
    names = {row["name"] for row in after["assets"]}
    assert names == {*_stems(was), "trip_01.jpg", "trip_02.jpg", "odd __.jpg"}
    assert _by_key(after["renditions"]) == _by_key(before["renditions"])
    assert _owners(after) == _owners(before)
    live = [row["shown_by"] for row in after["assets"] if row["name"].startswith("live.")]
    assert len(live) == 2 and len(set(live)) == 1 and live[0]


def _stems(assets: dict[str, Row]) -> set[str]:
    """The names as dropped, of those whose names in the library have them."""
    own = {row["name"] for row in assets.values()}
    return own - {"one.jpg", "two.jpg", "odd \\xe9\n.jpg"}


def _by_key(renditions: list[Row]) -> dict[str, Row]:
    return {row["key"]: {**row, "digest": None} for row in renditions}


def _owners(tables: dict[str, list[Row]]) -> set[tuple[str, str]]:
    keys = {row["digest"]: row["key"] for row in tables["assets"]}
    return {(keys[row["digest"]], row["sidecar"]) for row in tables["owners"]}


def test_what_was_guessed_once_is_told_from_then_on(made: Home, library: Path) -> None:
    path = Path(chronicle.path_of(str(library)))
    path.write_bytes(path.read_bytes().split(b"\n", 1)[0] + b"\n")
    first, report = rebuilt(library, made)
    assert report.told == 0
    once = rows(first)
    first.unlink()
    second, report = rebuilt(library, made)
    assert report.told == PICTURES
    assert rows(second) == once


def test_a_torn_line_costs_only_what_it_told(made: Home, library: Path) -> None:
    path = Path(chronicle.path_of(str(library)))
    lines = path.read_bytes().split(b"\n")
    (torn,) = [number for number, line in enumerate(lines) if b'"name":"map.png"' in line]
    lines[torn] = lines[torn][:50]
    path.write_bytes(b"\n".join(lines))
    new, report = rebuilt(library, made)
    assert (report.damaged, report.told, report.assets) == (1, PICTURES - 1, PICTURES)
    assert "map.png" in {row["name"] for row in rows(new)["assets"]}


def test_what_is_no_picture_and_what_is_there_twice_is_left_and_said(made: Home, library: Path) -> None:
    originals = library / "originals"
    shutil.copy(originals / "undated" / "map.png", originals / "undated" / "zz copy.png")
    (originals / "letter.txt").write_bytes(b"Dear all")
    (originals / "cut.jpg").write_bytes(LOOSE["beach.jpg"][:-200])
    odd = os.fsdecode(b"odd \xe9.jpg")
    (originals / odd).write_bytes(SCAN)
    (library / "sidecars" / "x.xmp").write_bytes(b"<html>")
    _, report = rebuilt(library, made)
    assert report.assets == PICTURES
    left = dict(report.left)
    assert set(left) == {
        *("originals/cut.jpg", "originals/letter.txt", f"originals/{odd}", "originals/undated/zz copy.png"),
        "sidecars/x.xmp",
    }
    assert "has the same bytes" in left["originals/undated/zz copy.png"]


CHANGED = {
    "another picture": picture("Another"),
    "one bit": LOOSE["beach.jpg"][:-20] + bytes([LOOSE["beach.jpg"][-20] ^ 1]) + LOOSE["beach.jpg"][-19:],
    "its end is gone": LOOSE["beach.jpg"][:-200],
    "it is empty": b"",
}


@pytest.mark.parametrize("content", CHANGED.values(), ids=CHANGED)
def test_an_original_that_has_other_bytes_is_said_each_time_until_they_are_back(
    made: Home, library: Path, content: bytes
) -> None:
    (key,) = [row["key"] for row in rows(made.catalog)["assets"] if row["title"] == "Again"]
    (library / key).write_bytes(content)
    for _ in range(2):
        new, report = rebuilt(library, made)
        assert report.assets == PICTURES - 1
        ((left, reason),) = report.left
        assert left == key
        assert "not those that it had" in reason and "backup" in reason
        assert key not in {row["key"] for row in rows(new)["assets"]}
        assert (library / key).read_bytes() == content
        new.unlink()
    (library / key).write_bytes(LOOSE["beach.jpg"])
    new, report = rebuilt(library, made)
    assert report.left == []
    assert [row["title"] for row in rows(new)["assets"] if row["key"] == key] == ["Again"]


@pytest.mark.parametrize("name", ["ship.jpg", "map.png", "live.mov"])
def test_an_original_that_is_gone_is_said_whatever_name_it_got_since(made: Home, library: Path, name: str) -> None:
    (key,) = [row["key"] for row in rows(made.catalog)["assets"] if row["name"] == name]
    (library / key).unlink()
    _, report = rebuilt(library, made)
    ((left, reason),) = report.left
    assert os.path.basename(left).endswith(name)
    assert "the bytes that it had" in reason
    assert report.assets == PICTURES - 1


def test_one_that_a_sidecar_renamed_and_that_changed_then_is_said(made: Home, library: Path) -> None:
    (key,) = [row["key"] for row in rows(made.catalog)["assets"] if row["name"] == "ship.jpg"]
    (library / key).write_bytes(picture("Another"))
    _, report = rebuilt(library, made)
    ((left, _),) = report.left
    assert os.path.basename(left).endswith("ship.jpg")


def test_originals_that_changed_their_names_are_known_by_their_bytes(made: Home, library: Path) -> None:
    keys = {row["name"]: row["key"] for row in rows(made.catalog)["assets"]}
    one, other = library / keys["live.jpg"], library / keys["fjord.jpg"]
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    _, report = rebuilt(library, made)
    assert (report.assets, report.told, report.left) == (PICTURES, PICTURES, [])


def test_a_rendition_that_is_not_as_the_recipe_has_it_is_outdated(made: Home, library: Path) -> None:
    thumb, preview = library / "thumb/undated/map.png.jpg", library / "preview/undated/map.png.jpg"
    shutil.copy(library / "originals/undated/fjord.jpg", thumb)
    (library / "640x480-fill-q80/undated").mkdir(parents=True)
    shutil.copy(preview, library / "640x480-fill-q80/undated/map.png.jpg")
    thumb.write_bytes(LOOSE["live.jpg"])
    preview.unlink()
    new, _ = rebuilt(library, made)
    found = [row for row in rows(new)["renditions"] if row["key"].endswith("map.png.jpg")]
    assert [(row["recipe"], bool(row["fingerprint"])) for row in found] == [
        ("640x480-fill-q80", False),
        ("thumb", False),
    ]


@pytest.mark.parametrize(
    ("template", "key", "name"),
    [
        (TEMPLATE, "originals/2024/05/20240517-142301_IMG_1.jpg", "IMG_1.jpg"),
        (TEMPLATE, "originals/undated/IMG_1.png", "IMG_1.png"),
        (TEMPLATE, "originals/2024/05/trip_01.jpg", "trip_01.jpg"),
        (TEMPLATE, "originals/2024/05/20240517-142301_名.前.heic", "名.前.heic"),
        (TEMPLATE, "originals/2024/05/20240517-142301_nothing", "nothing"),
        ("{folder}/{stem} ({taken:%d.%m.%y})", "originals/a/b/x (17.05.24).jpg", "x.jpg"),
        ("{stem}/{stem}", "originals/x/x.jpg", "x.jpg"),
        ("{taken:%Y %B}", "originals/2024 May.jpg", "2024 May.jpg"),
        ("[{stem}]", "originals/[x].jpg", "x.jpg"),
    ],
)
def test_the_name_that_was_dropped_is_the_template_taken_back(template: str, key: str, name: str) -> None:
    assert dropped_name(template, key) == name


def test_on_the_command_line_the_former_stays_and_all_that_is_dropped_again_is_a_duplicate(tmp_path: Path) -> None:
    home = stocked(tmp_path)
    found = comparable(home.assets())
    shutil.copy(home.catalog, tmp_path / "was.db")
    home.catalog.write_bytes(b"not a database any more")
    done = home.watcher("repair", "--from-library")
    assert done.returncode == 0, done.stderr
    assert f"{PICTURES} photographs and 4 sidecars".encode() in done.stderr
    (kept,) = (
        path for path in home.catalog.parent.glob("watcher.db.before-*") if path.suffix[-4:] not in ("-wal", "-shm")
    )
    assert kept.read_bytes() == b"not a database any more"
    assert not list(home.catalog.parent.glob("watcher.db.new*"))
    assert comparable(home.assets()) == found
    assert home.watcher("verify").returncode == 0
    drop_all(home)
    home.once()
    assert comparable(home.assets()) == found
    latest = home.rows(
        "select name, state from jobs where kind = 'file' and created_at >= (select max(first_seen) from inboxes)"
    )
    taken = {row["name"]: row["state"] for row in latest}
    pictures = {*LOOSE, *map(os.path.basename, [*FOLDER, *ZIP])}
    pictures = {name for name in pictures if name.endswith((".jpg", ".png", ".mov")) and name.isascii()}
    assert {taken[name] for name in pictures if "odd" not in name} == {"duplicate"}


def comparable(assets: list[Row]) -> list[Row]:
    """Without what grows when a picture is dropped again, and without ids."""
    rows = ({name: value for name, value in row.items() if name not in ("id", "batch", "folder")} for row in assets)
    return sorted(rows, key=lambda row: str(row["digest"]))


def test_while_a_daemon_runs_it_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.running():
        done = home.watcher("repair", "--from-library")
        assert done.returncode == 2
        assert b"in use by another watcher run" in done.stderr
