"""The catalog is locked, damaged, taken away, or of a newer version: a wait or an end with a sentence, no wrong write.

TEST_LOCKED says for how many seconds another program holds it; `make torture` has 30.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, let_pass, wait_for
from tests.end_to_end.lawful import assert_doctor_finds_nothing, assert_lawful
from tests.end_to_end.pictures import picture, zipped
from tests.ledger_law import Drop

LOCKED_SECONDS = float(os.environ.get("TEST_LOCKED", "3"))


def photos(prefix: str, count: int = 5) -> list[Drop]:
    return [Drop(f"{prefix} {n}.jpg", picture(f"{prefix} {n}")) for n in range(count)]


def drop_all(home: Home, drops: list[Drop]) -> None:
    for drop in drops:
        home.drop(drop.path, drop.content)


def wait_for_assets(home: Home, count: int) -> None:
    wait_for(lambda: home.rows("select count(*) as n from assets") == [{"n": count}], 60, what=f"{count} assets")
    home.wait_for_rest()


# -- locked ------------------------------------------------------------------------------------------------------------


def test_while_another_program_holds_the_catalog_people_still_search_and_all_is_taken_afterwards(home: Home) -> None:
    drops = [*photos("before"), *photos("while it is locked", 20)]
    members = photos("packed")
    drops.append(Drop("packed.zip", zipped({each.path: each.content for each in members}), members=tuple(members)))
    with home.running():
        drop_all(home, drops[:5])
        wait_for_assets(home, 5)
        with closing(sqlite3.connect(home.catalog, isolation_level=None)) as other:
            other.execute("begin immediate")
            drop_all(home, drops[5:])
            wait_for(lambda: "catalog cannot be written" in (home.inbox_status()["reason"] or ""))
            let_pass(LOCKED_SECONDS)
            assert home.finds("before") and home.watcher("show", "before 1.jpg").returncode == 0
            assert len(home.assets()) == 5
            other.execute("rollback")
        wait_for_assets(home, 30)
        assert_lawful(home, drops)


def test_a_start_while_another_program_holds_the_catalog_ends_with_a_sentence_and_touches_nothing(home: Home) -> None:
    home.once()
    dropped_content = picture("Dropped at a locked catalog")
    dropped = home.drop("dropped.jpg", dropped_content)
    with closing(sqlite3.connect(home.catalog, isolation_level=None)) as other:
        other.execute("begin immediate")
        result = home.watcher("run", "--once")
        other.execute("rollback")
    assert result.returncode == 1
    assert_sentence(result)
    assert "locked" in result.stderr.decode()
    assert dropped.exists()
    with home.running():
        home.wait_until("dropped.jpg", "done")
    assert_lawful(home, [Drop("dropped.jpg", dropped_content)])


# -- damaged -----------------------------------------------------------------------------------------------------------


def damage(catalog: Path, table: str) -> None:
    """Make a page in the middle of the file senseless: the first of a table."""
    with closing(sqlite3.connect(catalog, isolation_level=None)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        (page,) = db.execute("select rootpage from sqlite_master where name = ?", (table,)).fetchone()
        (size,) = db.execute("pragma page_size").fetchone()
    with catalog.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(byte ^ 0xFF for byte in os.pread(file.fileno(), size, file.tell())))


DAMAGED = ["jobs", "assets_fts_data"]


@pytest.mark.parametrize("table", DAMAGED)
def test_a_catalog_that_was_damaged_while_nobody_ran_loses_no_file_and_is_made_anew(home: Home, table: str) -> None:
    drops = [*photos("before"), *photos("after")]
    drop_all(home, drops[:5])
    home.once()
    damage(home.catalog, table)
    drop_all(home, drops[5:])
    result = home.watcher("run", "--once")
    assert result.returncode in (0, 1, 2)
    assert_sentence(result)
    assert home.watcher("doctor").returncode == 1
    assert_all_there(home, drops)
    assert_made_anew(home, drops)


@pytest.mark.parametrize("table", DAMAGED[:1])
def test_a_catalog_that_is_damaged_under_the_daemon_loses_no_file_and_is_made_anew(home: Home, table: str) -> None:
    drops = [*photos("before"), *photos("after")]
    with home.running() as daemon:
        drop_all(home, drops[:5])
        wait_for_assets(home, 5)
        damage(home.catalog, table)
        with closing(sqlite3.connect(home.catalog, isolation_level=None)) as other:
            other.execute("pragma user_version = 7")  # whoever has read the file before must read it again
        drop_all(home, drops[5:])
        assert daemon.process.wait(60) == 1
        assert re.search(r"watcher: the catalog .* cannot be used: .*restore a backup", home.log())
        assert_all_there(home, drops)
    assert_made_anew(home, drops)


def standing(folder: Path) -> set[str]:
    """The digests of all files below a folder, from which some may go meanwhile."""
    found = set()
    for at, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found.add(digest(Path(at, name).read_bytes()))
    return found


def assert_all_there(home: Home, drops: list[Drop]) -> None:
    there = standing(home.inbox) | standing(home.library / "originals")
    assert {digest(drop.content) for drop in drops} <= there


def assert_made_anew(home: Home, drops: list[Drop]) -> None:
    made = home.watcher("repair", "--from-library")
    assert made.returncode == 0, made.stderr
    home.once()
    assert {row["digest"] for row in home.assets()} == {digest(drop.content) for drop in drops}
    assert all(Path(row["path"]).is_file() for row in home.assets())
    assert_doctor_finds_nothing(home)


def assert_sentence(result: subprocess.CompletedProcess[bytes]) -> None:
    said = result.stderr.decode()
    assert "Traceback" not in said and "unexpected" not in said, said


# -- taken away --------------------------------------------------------------------------------------------------------

Taking = Callable[[Path, Path], None]  # what happens to the catalog's folder, and where it is put meanwhile


def taken(folder: Path, away: Path) -> None:
    folder.rename(away)


def replaced(folder: Path, away: Path) -> None:
    folder.rename(away)
    folder.mkdir()


@pytest.mark.parametrize("taking", [taken, replaced])
def test_a_catalog_whose_disk_goes_away_is_waited_for_and_no_other_is_begun(tmp_path: Path, taking: Taking) -> None:
    home = Home(tmp_path, library='database = "disk/catalog.db"')
    home.catalog = tmp_path / "disk" / "catalog.db"
    disk, away = home.catalog.parent, tmp_path / "unplugged"
    drops = [*photos("before"), *photos("while it is away")]
    with home.running():
        drop_all(home, drops[:5])
        wait_for_assets(home, 5)
        taking(disk, away)
        drop_all(home, drops[5:])
        wait_for(lambda: " waiting " in home.log(), what="the log to say that the catalog is not there")
        assert not disk.exists() or not any(disk.iterdir())
        assert home.waiting() == {drop.path for drop in drops[5:]}
        if disk.exists():
            disk.rmdir()
        away.rename(disk)
        wait_for_assets(home, 10)
        # its status is written now and then, and doctor believes it
        wait_for(lambda: home.inbox_status()["state"] != "paused", what="the daemon to say that it is over")
        assert_lawful(home, drops)


def test_a_daemon_whose_catalog_is_replaced_by_another_file_ends_and_takes_nothing_on(tmp_path: Path) -> None:
    """As when its disk was plugged in again, or somebody restored a backup: to go on would write what nobody reads."""
    home = Home(tmp_path)
    drops = [*photos("before"), *photos("after")]
    with home.running():
        drop_all(home, drops[:5])
        wait_for_assets(home, 5)
    copy = tmp_path / "copy.db"
    with home.running() as daemon:
        with closing(sqlite3.connect(home.catalog)) as db, closing(sqlite3.connect(copy)) as backup:
            db.backup(backup)
        for name in ("watcher.db-wal", "watcher.db-shm"):
            (home.catalog.parent / name).unlink(missing_ok=True)
        copy.rename(home.catalog)
        drop_all(home, drops[5:])
        assert daemon.process.wait(30) == 1
        assert "is another file than the one that was opened" in home.log()
    with home.running():
        wait_for_assets(home, 10)
    assert_lawful(home, drops)


def test_a_library_whose_catalog_is_missing_is_not_given_an_empty_one(tmp_path: Path) -> None:
    """As when the disk of the catalog is not mounted at the start."""
    home = Home(tmp_path, library='database = "disk/catalog.db"')
    home.catalog = tmp_path / "disk" / "catalog.db"
    drops = photos("before") + photos("after")
    with home.running():
        drop_all(home, drops[:5])
        wait_for_assets(home, 5)
    away = home.catalog.parent.rename(tmp_path / "unplugged")
    home.catalog.parent.mkdir()
    drop_all(home, drops[5:])
    refused = home.watcher("run", "--once")
    assert refused.returncode == 2
    assert f"there is none at {home.catalog}: mount its disk" in refused.stderr.decode()
    assert not any(home.catalog.parent.iterdir())
    assert home.waiting() == {drop.path for drop in drops[5:]}
    home.catalog.parent.rmdir()
    away.rename(home.catalog.parent)
    with home.running():
        wait_for_assets(home, 10)
    assert_lawful(home, drops)


def test_a_catalog_on_a_disk_that_is_unmounted_and_mounted_again(tmp_path: Path) -> None:
    """In a mount namespace of the daemon's own: its library is a small file system that goes away lazily."""
    home = Home(tmp_path)
    home.library.mkdir()
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs none "$0/disk" && mount --bind "$0/disk" "$0/library" && exec "$@"'
    with home.running(within=["unshare", "-Urm", "sh", "-c", script, str(tmp_path)]) as daemon:
        inside = Path(f"/proc/{daemon.pid}/root{tmp_path}")
        home.drop("before.jpg", picture("Before the unmount"))
        wait_for(lambda: " done before.jpg " in home.log())
        enter = ["nsenter", "-t", str(daemon.pid), "-U", "-m", "--preserve-credentials"]
        subprocess.run([*enter, "umount", "-l", str(home.library)], check=True)
        home.drop("away.jpg", picture("While it is unmounted"))
        wait_for(lambda: " waiting " in home.log(), what="the log to say that the library is gone")
        assert not any((inside / "library").iterdir())
        assert home.waiting() == {"away.jpg"}
        subprocess.run([*enter, "mount", "--bind", str(tmp_path / "disk"), str(home.library)], check=True)
        wait_for(lambda: " done away.jpg " in home.log(), 30, what="the file to be taken")
        originals = {digest(path.read_bytes()) for path in (inside / "library").glob("originals/**/*.jpg")}
        assert originals == {digest(picture("Before the unmount")), digest(picture("While it is unmounted"))}
    assert not any(home.library.iterdir())


# -- of a newer version ------------------------------------------------------------------------------------------------

COMMANDS = """run --once | run --dry-run | search | search dropped --json | show 1 | status | jobs | failures | batches
  | explain dropped.jpg | retry --all | cancel 1 | edit dropped --title Other --yes | remove dropped --yes
  | render 1 --recipe thumb | verify | repair"""


@pytest.fixture(scope="module")
def from_the_future(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A library whose catalog a newer version has brought up to date, and a file that waits."""
    home = Home(tmp_path_factory.mktemp("future"))
    home.drop("dropped.jpg", picture("Dropped in time"))
    home.once()
    with closing(sqlite3.connect(home.catalog, isolation_level=None)) as db:
        db.execute(
            """insert into _sqlite_migrations (migration_set, name, applied_at)
               values ('watcher', 'of_a_later_version', '2031-01-01')"""
        )
        db.execute("pragma wal_checkpoint(truncate)")
    home.drop("late.jpg", picture("Dropped late"))
    return home


@pytest.mark.parametrize("words", [each.strip() for each in COMMANDS.split("|")])
def test_a_catalog_of_a_newer_version_is_refused_by_each_command(from_the_future: Home, words: str) -> None:
    home = from_the_future
    before = photographs(home)
    result = home.watcher(*words.split())
    said = result.stderr.decode()
    assert result.returncode == 2, said
    assert re.search("made by a newer photo-watcher.*: update the program", said), said
    assert_sentence(result)
    assert photographs(home) == before


def photographs(home: Home) -> dict[str, bytes]:
    """All files but the program's own, with the catalog's rows."""
    paths = [path for path in home.root.rglob("*") if path.is_file() and ".watcher" not in path.parts]
    with closing(sqlite3.connect(home.catalog)) as db:
        return {**{str(path): path.read_bytes() for path in paths}, "rows": "\n".join(db.iterdump()).encode()}


def test_doctor_says_that_the_catalog_is_of_a_newer_version(from_the_future: Home) -> None:
    found = from_the_future.watcher("doctor")
    assert found.returncode == 1
    assert b"newer photo-watcher" in found.stdout
