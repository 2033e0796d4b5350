"""What repair makes anew, puts back and takes in; and that it touches nothing else."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture, xmp
from watcher import chronicle
from watcher.adopting import Adopting
from watcher.chronicle import Chronicle
from watcher.db import annals, connect, holdings, ledger
from watcher.db.journal import Patience
from watcher.model import Limits, Recipe, Rules
from watcher.pacing import Pace
from watcher.repairing import Elsewhere, Outcome, Repairing
from watcher.storage.local import LocalStorage
from watcher.verifying import Verifying

RECIPES = {"thumb": Recipe("thumb", "300x300", "fill"), "preview": Recipe("preview", "1600")}
TEMPLATE = "{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}"
A, B = "originals/2024/05/20240517-142301_a.jpg", "originals/undated/b.jpg"
A_THUMB, A_XMP = "thumb/2024/05/20240517-142301_a.jpg", "sidecars/2024/05/20240517-142301_a.jpg.xmp"
CONTENTS = {"a.jpg": picture("A"), "a.jpg.xmp": xmp("Called A"), "b.jpg": picture("B", taken=None)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("made"))
    for name, content in CONTENTS.items():
        home.drop(name, content)
    home.once()
    return home.library


class Site:
    """A copy of that library and an inbox, and what repairs it."""

    def __init__(self, root: Path, db: sqlite3.Connection) -> None:
        self.root, self.inbox, self.db = root, root.with_name("inbox"), db
        self.storage = LocalStorage(str(root))
        self.inbox.mkdir()

    def repairing(self, *, dry: bool = False) -> Repairing:
        verifying = Verifying(self.db, self.storage, Limits(), Pace())
        elsewhere = Elsewhere(str(self.root), [str(self.inbox)])
        return Repairing(self.db, self.storage, verifying, RECIPES.get, Limits(), elsewhere, dry=dry)

    def repair(self, *, dry: bool = False) -> list[Outcome]:
        repairing, suspects = self.repairing(dry=dry), set(holdings.problems(self.db))
        found = repairing.indexes()
        for asset in holdings.assets(self.db):
            found += repairing.asset(asset, suspect=asset in suspects)
        with closing(Chronicle(str(self.root))) as told:
            rules = Rules(str(self.root), TEMPLATE, tuple(RECIPES.values()), Limits())
            books = ledger.over(self.db, Patience())
            adopting = Adopting(self.db, books, told, rules, (str(self.inbox), "phone"))
            found += repairing.strays(adopting, rules)
        return [*found, *repairing.complete(tuple(RECIPES.values()), {"phone": list(RECIPES)})]

    def said(self, *, dry: bool = False) -> list[tuple[str, str]]:
        return [(one.what, one.key) for one in self.repair(dry=dry)]

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.root.rglob("*") if path.is_file() and "watcher.db" not in path.name)
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}

    def rows(self) -> list[tuple[object, ...]]:
        tables = ("assets", "renditions", "sidecars", "provenance", "jobs", "checks", "assets_fts", "assets_places")
        return [tuple(row) for table in tables for row in self.db.execute(f"select * from {table}")]

    def forget(self, key: str) -> None:
        """The catalog loses an asset, and its files stand."""
        (asset,) = self.db.execute("select id from assets where key = ?", (key,)).fetchone()
        with connect.transaction(self.db):
            ledger.over(self.db, Patience()).catalog.remove(asset)

    def finds(self, word: str) -> list[str]:
        query = "select key from assets_fts f join assets a on a.id = f.rowid where assets_fts match ?"
        return [row[0] for row in self.db.execute(query, (word,))]


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "library"
    shutil.copytree(made, root)
    with connect.editing(str(root / ".watcher/watcher.db")) as db:
        yield Site(root, db)


def test_in_a_library_that_is_well_nothing_is_done(site: Site) -> None:
    files, rows = site.files(), site.rows()
    assert site.said() == []
    assert (site.files(), site.rows()) == (files, rows)


def test_renditions_are_made_anew_from_their_originals(site: Site) -> None:
    whole = site.files()
    (site.root / A_THUMB).unlink()
    preview = site.root / "preview/undated/b.jpg"
    preview.write_bytes(preview.read_bytes()[:-50])
    assert site.said() == [("made", A_THUMB), ("made", "preview/undated/b.jpg")]
    assert site.files() == whole
    assert site.said() == []


def test_of_a_recipe_that_nobody_knows_any_more_nothing_can_be_made(site: Site) -> None:
    site.db.execute("update renditions set recipe = 'former' where key = ?", (A_THUMB,))
    (site.root / A_THUMB).unlink()
    (outcome,) = site.repair()
    assert (outcome.what, outcome.key) == ("left", A_THUMB)
    assert "'former'" in outcome.words


@pytest.mark.parametrize("place", ["inbox/failed/x", "inbox/.watcher/spool/1-2/a.jpg", "library/.watcher/trash/t/o/a"])
@pytest.mark.parametrize("key", [A, A_XMP])
def test_what_is_missing_is_put_back_from_where_its_bytes_lie(site: Site, place: str, key: str) -> None:
    whole = site.files()
    found = site.root.parent / place
    found.parent.mkdir(parents=True)
    shutil.move(site.root / key, found)
    (outcome,) = site.repair()
    assert (outcome.what, outcome.key) == ("restored", key)
    assert str(found) in outcome.words
    assert (site.root / key).read_bytes() == found.read_bytes() == whole[key]
    assert site.said() == []


def test_what_is_nowhere_is_left_and_its_renditions_stay(site: Site) -> None:
    (site.root / A).unlink()
    (site.root / A_THUMB).unlink()
    outcomes = site.repair()
    assert [(one.what, one.key) for one in outcomes] == [("left", A), ("left", A_THUMB)]
    assert "look for it in a backup" in outcomes[0].words
    assert (site.root / A.replace("originals", "preview")).exists()


def test_an_original_that_has_other_bytes_is_never_touched(site: Site) -> None:
    path = site.root / A
    (site.root / ".watcher/trash/t").mkdir(parents=True)
    shutil.copy(path, site.root / ".watcher/trash/t/a.jpg")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = path.read_bytes()
    assert site.said() == [], "of the same size it shows to who reads it"
    Verifying(site.db, site.storage, Limits(), Pace()).check(1)
    (outcome,) = site.repair()
    assert (outcome.what, outcome.key, path.read_bytes()) == ("left", A, changed)
    assert str(site.root / ".watcher/trash/t/a.jpg") in outcome.words


def test_what_was_found_bad_and_is_right_again_is_known_to_be_well(site: Site) -> None:
    path = site.root / A
    content = path.read_bytes()
    path.unlink()
    Verifying(site.db, site.storage, Limits(), Pace()).check(1)
    assert holdings.problems(site.db) == [1]
    path.write_bytes(content)
    assert site.said() == []
    assert holdings.problems(site.db) == []


def test_a_picture_that_the_catalog_lost_is_taken_in_again_with_all_that_was_said_of_it(site: Site) -> None:
    before = dict(site.db.execute("select * from assets where key = ?", (A,)).fetchone())
    site.forget(A)
    assert site.said() == [("adopted", A)]
    after = dict(site.db.execute("select * from assets where key = ?", (A,)).fetchone())
    differing = {name for name in before if before[name] != after[name]}
    assert differing <= {"id", "job_id", "title", "metadata"}
    joins = site.db.execute("select asset_id from jobs where kind = 'join' and state = 'queued'").fetchall()
    assert [row[0] for row in joins] == [after["id"]], "its sidecar is read by the daemon, as when one comes late"
    assert site.db.execute("select count(*) from renditions").fetchone()[0] == 4
    assert site.said() == []


def test_a_picture_that_nobody_dropped_is_taken_in(site: Site) -> None:
    new = "originals/2001/02/20010203-040506_holiday 1.jpg"
    (site.root / new).parent.mkdir(parents=True)
    (site.root / new).write_bytes(picture("New", taken="2001:02:03 04:05:06"))
    assert site.said() == [("adopted", new)]
    row = site.db.execute("select name, inbox, taken_at from assets where key = ?", (new,)).fetchone()
    assert tuple(row) == ("holiday 1.jpg", "phone", "2001-02-03T04:05:06")
    assert site.finds("holiday") == [new]
    told = Chronicle(str(site.root)).told(
        *site.db.execute("select stored_digest, key from assets where key = ?", (new,)).fetchone()
    )
    assert told is not None, "what is said of it later is found by the next rebuilding"
    assert site.said() == []


def test_what_is_taken_in_gets_the_renditions_that_it_lacks(site: Site) -> None:
    for folder in ("thumb", "preview"):
        (site.root / folder / "undated/b.jpg").unlink()
    site.forget(B)
    (site.root / "originals/new.png").write_bytes(picture("New", taken=None, format="png"))
    assert site.said() == [("adopted", "originals/new.png"), ("adopted", B)]
    for key in ("thumb/undated/b.jpg", "preview/undated/b.jpg", "thumb/new.png.jpg", "preview/new.png.jpg"):
        (row,) = site.db.execute("select recipe, fingerprint, size from renditions where key = ?", (key,))
        found = RECIPES[row["recipe"]].fingerprint(), (site.root / key).stat().st_size
        assert found == (row["fingerprint"], row["size"])
    assert site.said() == []


def test_of_what_is_taken_in_and_cannot_be_rendered_that_is_said(site: Site) -> None:
    site.forget(B)
    whole, seen = (site.root / B).read_bytes(), site.repairing()
    with closing(Chronicle(str(site.root))) as told:
        rules = Rules(str(site.root), TEMPLATE, (), Limits())
        adopting = Adopting(site.db, ledger.over(site.db, Patience()), told, rules, (str(site.inbox), "phone"))
        assert [one.what for one in seen.strays(adopting, rules)] == ["adopted"]
    (site.root / B).unlink()
    huge = Recipe("huge", "3000")
    (outcome,) = seen.complete((huge,), {"phone": ["huge"]})
    assert (outcome.what, outcome.key) == ("left", B)
    assert "is missing" in outcome.words
    (site.root / B).write_bytes(whole)
    assert list(seen.complete((huge,), {"phone": ["huge"]})) == []
    assert (site.root / "huge/undated/b.jpg").exists()


def test_an_original_that_changed_while_the_catalog_was_lost_is_left_until_its_bytes_are_back(site: Site) -> None:
    whole = (site.root / B).read_bytes()
    site.forget(B)
    for content in (picture("Other", taken=None), whole[:-100], b"", b"Dear all"):
        (site.root / B).write_bytes(content)
        outcomes = site.repair()
        assert {(one.what, one.key) for one in outcomes} == {
            *(("left", key) for key in (B, "thumb/undated/b.jpg", "preview/undated/b.jpg"))
        }
        assert "not those that it had" in outcomes[0].words
        assert (site.root / B).read_bytes() == content
    (site.root / B).write_bytes(whole)
    assert site.said() == [("adopted", B)]
    assert site.said() == []


def test_a_picture_in_the_place_of_one_that_was_removed_is_no_changed_one(site: Site) -> None:
    (digest,) = site.db.execute("select digest from assets where key = ?", (B,)).fetchone()
    site.forget(B)
    chronicle.append(str(site.root), [annals.of_removal(digest)])
    (site.root / B).write_bytes(picture("Other", taken=None))
    assert site.said() == [("adopted", B)]


def test_a_sidecar_that_the_catalog_lost_belongs_to_its_picture_again(site: Site) -> None:
    site.db.execute("delete from sidecars_of_assets")
    site.db.execute("delete from sidecars")
    assert site.said() == [("adopted", A_XMP)]
    owners = site.db.execute("select a.key from sidecars_of_assets o join assets a on a.id = o.asset_id").fetchall()
    assert [row[0] for row in owners] == [A]


def test_what_is_no_picture_and_what_is_there_twice_is_extra(site: Site) -> None:
    shutil.copy(site.root / A, site.root / "originals/copy.jpg")
    shutil.copy(site.root / A_XMP, site.root / "sidecars/copy.xmp")
    (site.root / "originals/letter.txt").write_bytes(b"Dear all")
    (site.root / "thumb/old.jpg").write_bytes(b"x")
    odd = os.fsdecode(b"originals/odd \xe9.jpg")
    (site.root / odd).write_bytes(picture("Odd"))
    found = set(site.said())
    extra = {"originals/copy.jpg", "originals/letter.txt", "thumb/old.jpg", "sidecars/copy.xmp"}
    assert found == {*(("extra", key) for key in extra), ("left", odd)}


def test_only_what_nobody_knows_goes_to_the_trash(site: Site) -> None:
    (site.root / "originals/letter.txt").write_bytes(b"Dear all")
    odd = os.fsdecode(b"originals/odd \xe9.jpg")
    (site.root / odd).write_bytes(b"x")
    keys = ["originals/letter.txt", A, "originals/never.jpg", "../outside", odd]
    (site.root.parent / "outside").write_bytes(b"x")
    outcomes = list(site.repairing().discard(keys, "20240517-000000-01234567"))
    assert [one.what for one in outcomes] == ["trashed", "left", "left", "left", "left"]
    assert (site.root / ".watcher/trash/20240517-000000-01234567/originals/letter.txt").read_bytes() == b"Dear all"
    assert (site.root / A).exists() and (site.root.parent / "outside").exists() and (site.root / odd).exists()


def test_indexes_that_do_not_hold_what_the_rows_say_are_made_anew(site: Site) -> None:
    site.db.execute("delete from assets_fts where rowid = 1")
    site.db.execute("insert into assets_places values (2, 1, 1, 1, 1)")
    assert [one.words.split()[4] for one in site.repair()] == ["words", "places"]
    assert site.finds("called") == [A]
    assert site.said() == []


def test_an_index_that_cannot_even_be_read_is_made_anew(site: Site) -> None:
    site.db.execute("update assets_fts_data set block = x'00' where id > 10")
    assert [one.words.split()[4] for one in site.repair()] == ["words"]
    assert site.finds("called") == [A]
    assert site.said() == []


def test_a_dry_run_says_the_same_and_does_nothing(site: Site) -> None:
    (site.root / A_THUMB).unlink()
    shutil.move(site.root / B, site.inbox / "b.jpg")
    (site.root / "originals/new.jpg").write_bytes(picture("New"))
    (site.root / "originals/letter.txt").write_bytes(b"Dear all")
    site.db.execute("delete from assets_fts where rowid = 1")
    files, rows = site.files(), site.rows()
    foreseen = site.said(dry=True)
    assert (site.files(), site.rows()) == (files, rows)
    assert foreseen == site.said()
    assert {what for what, _ in foreseen} == {"made", "restored", "adopted", "extra"}
