"""`watcher backup` beside a daemon at work, and `watcher restore`, as a person runs them."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture, xmp, zipped
from watcher.db import backup, soundness
from watcher.db.connect import open_reader

CONTENTS = {"a.jpg": picture("A"), "b.jpg": picture("B"), "a.jpg.xmp": xmp("Harbour")}
LATER = {"c.jpg": picture("C"), "again.jpg": picture("A")}
ODD = b"back\xe9up\n\x1b[31m.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("made"))
    for name, content in CONTENTS.items():
        home.drop(name, content)
    home.once()
    return home.root


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    """A household of its own with that library."""
    home = Home(tmp_path)
    for name in ("inbox", "library"):
        shutil.copytree(made / name, tmp_path / name, dirs_exist_ok=True)
    with closing(sqlite3.connect(home.catalog)) as connection:
        connection.execute("update inboxes set path = ?", (os.fsencode(home.inbox),))
        connection.commit()
    return home


def done(home: Home, *arguments: str | bytes) -> Any:
    return home.json(*arguments)


def refused(home: Home, *arguments: str | bytes, code: int = 2) -> str:
    result = home.watcher(*arguments)
    assert (result.returncode, result.stdout) == (code, b""), result.stderr
    assert b"Traceback" not in result.stderr and b"unexpected" not in result.stderr
    return result.stderr.decode()


def names(path: str | bytes | Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("select name from assets order by name")]


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each.name.startswith(path.name))


# -- backup ------------------------------------------------------------------------------------------------------------


def test_each_of_many_backups_of_a_daemon_at_work_is_whole_and_what_it_tells_of_stands_in_the_library(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    contents = {f"{number}.jpg": picture(f"Number {number}") for number in range(60)}
    counts = list[int]()
    with home.running():
        for name, content in contents.items():
            home.drop(name, content)
        home.drop("many.zip", zipped({f"m{number}.jpg": picture(f"Member {number}") for number in range(30)}))
        while len(home.assets()) < 90:
            file = tmp_path / f"{len(counts)}.db"
            with closing(open_reader(str(home.catalog))) as connection:
                backup.copy(connection, str(file))
            counts.append(backup.judge(str(file), "it").assets)
            with closing(open_reader(str(file))) as connection:
                assert soundness.damage(connection) == [] and soundness.words_are_sound(connection)
                assert [*soundness.unlike_words(connection)] == []
                rows = connection.execute("select key, stored_digest from assets").fetchall()
            assert len(rows) == counts[-1]
            for row in rows:
                assert digest((home.library / row["key"]).read_bytes()) == row["stored_digest"]
        assert done(home, "backup", str(tmp_path / "last.db"))["assets"] >= counts[-1]
        home.wait_for_rest()
    assert len({*counts}) > 2, "it was at work meanwhile"


def test_a_backup_says_what_it_holds_and_what_else_there_is_to_copy(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    result = home.watcher("backup", str(file))
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode().startswith(f"{file}: 2 photographs, ")
    words = result.stderr.decode()
    assert "not the photographs" in words
    for place in ("originals", "sidecars", ".watcher/chronicle.jsonl"):
        assert f"{home.library / place}\n" in words
    assert names(file) == ["a.jpg", "b.jpg"] and beside(file) == ["backup.db"]
    report = done(home, "backup", "--force", str(file))
    assert (report["file"], report["database"]) == (str(file), str(home.catalog))
    assert (report["version"], report["assets"], report["bytes"]) == (1, 2, file.stat().st_size)
    assert report["beside"] == [
        str(home.library / place) for place in ("originals", "sidecars", ".watcher/chronicle.jsonl")
    ]


def test_a_file_is_not_written_over_unless_that_is_said(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear")
    assert "is there already: name another file, or replace it with --force" in refused(home, "backup", str(file))
    assert file.read_text() == "Dear"
    assert home.watcher("backup", "--force", str(file)).returncode == 0
    assert names(file) == ["a.jpg", "b.jpg"]


def test_a_backup_may_have_any_name_and_is_shown_as_one_line(home: Home, tmp_path: Path) -> None:
    result = home.watcher("backup", os.fsencode(tmp_path) + b"/" + ODD)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(b"\n") == 1 and b"\x1b" not in result.stdout
    assert names(os.fsencode(tmp_path) + b"/" + ODD) == ["a.jpg", "b.jpg"]
    assert os.fsdecode(ODD) in os.listdir(tmp_path)


def test_what_cannot_be_a_backup_is_refused_with_a_sentence_and_the_catalog_stays(home: Home, tmp_path: Path) -> None:
    before = home.catalog.read_bytes()
    assert "is a folder: name the file" in refused(home, "backup", str(tmp_path))
    assert "there is no folder" in refused(home, "backup", str(tmp_path / "none" / "backup.db"))
    assert "is the catalog itself" in refused(home, "backup", "--force", str(home.catalog))
    (tmp_path / "link.db").symlink_to(home.catalog)
    assert "is the catalog itself" in refused(home, "backup", "--force", str(tmp_path / "link.db"))
    assert "no catalog at" in refused(home, "backup", "--library", str(tmp_path / "none"), str(tmp_path / "b.db"))
    assert home.catalog.read_bytes() == before
    assert not (tmp_path / "b.db.partial").exists()


def test_a_backup_for_which_there_is_no_room_is_said_and_nothing_is_left_of_it(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_960, 40_960))

    result = home.watcher("backup", str(file), preexec_fn=full)
    assert result.returncode == 2 and b"cannot be written" in result.stderr
    assert beside(file) == []


def test_what_a_killed_run_left_is_in_nobodys_way(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    (tmp_path / "backup.db.partial").write_bytes(b"half")
    assert home.watcher("backup", str(file)).returncode == 0
    assert beside(file) == ["backup.db"] and names(file) == ["a.jpg", "b.jpg"]


def test_there_is_no_backup_of_a_damaged_catalog_and_an_earlier_one_stays(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    assert home.watcher("backup", str(file)).returncode == 0
    before = file.read_bytes()
    with closing(sqlite3.connect(home.catalog)) as connection:
        connection.execute("update assets_fts_content set c0 = 'something else'")
        connection.commit()
    words = refused(home, "backup", "--force", str(file))
    assert "index of words" in words and "no backup was made; watcher doctor says more" in words
    assert file.read_bytes() == before and beside(file) == ["backup.db"]


# -- restore -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(home: Home, tmp_path: Path) -> Path:
    """A backup of the household's catalog; more was dropped, edited and removed since."""
    file = tmp_path / "saved.db"
    assert home.watcher("backup", str(file)).returncode == 0
    for name, content in LATER.items():
        home.drop(name, content)
    home.once()
    assert home.watcher("edit", "name:a", "--title", "Quay", "--yes").returncode == 0
    assert home.watcher("remove", "--yes", "b.jpg").returncode == 0
    return file


def test_a_restored_catalog_is_that_of_the_backup_and_says_how_the_library_differs(home: Home, saved: Path) -> None:
    result = home.watcher("restore", str(saved))
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode() == f"{home.catalog}: 2 photographs\n"
    words = result.stderr.decode()
    assert "1 photographs have no original in the library, 1 originals are not in the catalog: watcher repair" in words
    assert sorted(home.finds()) == ["a.jpg", "b.jpg"]
    assert home.finds("harbour") == ["a.jpg"] and home.finds("quay") == []
    assert names(saved) == ["a.jpg", "b.jpg"], "the backup stays"
    [kept] = [path for path in home.catalog.parent.iterdir() if ".before-" in path.name]
    assert f"the former catalog is kept as {kept}" in words
    assert names(kept) == ["a.jpg", "c.jpg"]


def test_what_is_dropped_after_a_restore_is_neither_lost_nor_there_twice(home: Home, saved: Path) -> None:
    report = done(home, "restore", str(saved))
    assert (report["assets"], report["missing"], report["unknown"]) == (2, 1, 1)
    for name, content in {**CONTENTS, **LATER}.items():
        home.drop(name, content)
    home.once()
    originals = [path for path in home.library_files() if path.startswith("originals/")]
    contents = sorted((home.library / path).read_bytes() for path in originals)
    assert contents == sorted([CONTENTS["a.jpg"], CONTENTS["b.jpg"], LATER["c.jpg"]])
    assert sorted(home.finds()) == ["a.jpg", "b.jpg", "c.jpg"]
    assert home.watcher("verify").returncode == 0, home.watcher("verify").stdout


def test_a_library_without_a_catalog_gets_one(home: Home, saved: Path) -> None:
    for path in home.catalog.parent.glob("watcher.db*"):
        path.unlink()
    report = done(home, "restore", str(saved))
    assert report["kept"] is None
    assert sorted(home.finds()) == ["a.jpg", "b.jpg"]


def test_the_catalog_of_another_library_can_be_restored_while_its_daemon_works(home: Home, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Home(tmp_path / "second")
    with second.running():
        second.drop("far.jpg", picture("Far"))
        second.wait_until("far.jpg", "done")
        assert done(home, "restore", str(second.catalog))["assets"] == 1
    assert home.finds() == ["far.jpg"]


def test_while_the_daemon_runs_nothing_is_restored(home: Home, saved: Path) -> None:
    with home.running():
        assert "is in use by another watcher run" in refused(home, "restore", str(saved))
    assert sorted(home.finds()) == ["a.jpg", "c.jpg"]


def test_while_the_library_is_locked_no_file_of_it_changes(home: Home, saved: Path) -> None:
    before = sorted(os.listdir(home.catalog.parent))
    with open(home.catalog.parent / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(home, "restore", str(saved))
    assert sorted(os.listdir(home.catalog.parent)) == before


@pytest.mark.parametrize("content", [b"", b"It is a letter. " * 600])
def test_what_is_no_backup_is_refused_and_the_catalog_is_as_it_was(home: Home, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "letter.db"
    file.write_bytes(content)
    before = beside(home.catalog), home.catalog.read_bytes()
    words = refused(home, "restore", str(file))
    assert str(file) in words and "The catalog is as it was" in words
    assert (beside(home.catalog), home.catalog.read_bytes()) == before
    assert sorted(home.finds()) == ["a.jpg", "b.jpg"]


def test_a_damaged_backup_and_a_newer_one_are_refused(home: Home, saved: Path, tmp_path: Path) -> None:
    record = "insert into _sqlite_migrations (migration_set, name, applied_at) values ('watcher', 'from_2031', 'x')"
    for name, change, why in (
        ("newer.db", record, "made by a newer photo-watcher"),
        ("words.db", "update assets_fts_content set c0 = 'something else'", "index of words"),
    ):
        shutil.copy(saved, tmp_path / name)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute(change)
            connection.commit()
        assert why in refused(home, "restore", str(tmp_path / name))
    os.truncate(saved, saved.stat().st_size // 2)
    refused(home, "restore", str(saved))
    assert sorted(home.finds()) == ["a.jpg", "c.jpg"]


def test_what_there_is_nothing_to_restore_from_or_into_is_said(home: Home, saved: Path, tmp_path: Path) -> None:
    assert "there is no file" in refused(home, "restore", str(tmp_path / "none.db"))
    assert "there is no library at" in refused(home, "restore", "--library", str(tmp_path / "none"), str(saved))
    assert not (tmp_path / "none").exists()
    assert "is the catalog itself" in refused(home, "restore", str(home.catalog))


def test_a_restore_that_has_no_room_leaves_the_catalog_as_it_was(home: Home, saved: Path) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_960, 40_960))

    result = home.watcher("restore", str(saved), preexec_fn=full)
    assert result.returncode == 2 and b"catalog is as it was" in result.stderr
    assert beside(home.catalog) == ["watcher.db"]
    assert sorted(home.finds()) == ["a.jpg", "c.jpg"]


def test_a_daemon_that_reads_the_restored_catalog_has_nothing_in_flight(home: Home, tmp_path: Path) -> None:
    for number in range(96):
        home.drop(f"{number}.jpg", picture(f"Number {number}"))
    file, before = tmp_path / "early.db", len(home.assets()) if home.catalog.exists() else 0
    with home.running():
        wait_for(lambda: len(home.assets()) > before, what="some to be done")
        with closing(open_reader(str(home.catalog))) as connection:
            backup.copy(connection, str(file))
        home.wait_for_rest()
    with closing(sqlite3.connect(file)) as connection:
        in_flight = connection.execute("select count(*) from jobs where state in ('queued', 'running')").fetchone()[0]
    report = json.loads(home.watcher("restore", "--json", str(file)).stdout)
    home.once()
    assert report["unknown"] > 0 and in_flight > 0
    states = home.json("status")["jobs"]
    assert (states["queued"], states["running"], states["failed"]) == (0, 0, 0)
    assert home.watcher("repair").returncode == 0
    assert home.watcher("doctor").returncode == 0, home.watcher("doctor").stdout
