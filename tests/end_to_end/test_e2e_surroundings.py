"""Surroundings that fail while the daemon runs: it says so, waits, loses nothing, and goes on by itself."""

from __future__ import annotations

import re
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture


def test_a_library_that_goes_away_is_waited_for(home: Home) -> None:
    contents = {f"{when}.jpg": picture(f"Library {when}") for when in ("before", "away")}
    away = home.root / "unplugged"
    with home.running():
        home.drop("before.jpg", contents["before.jpg"])
        home.wait_until("before.jpg", "done")
        home.library.rename(away)
        home.drop("away.jpg", contents["away.jpg"])
        wait_for(lambda: "waiting" in home.log(), what="the log to say that the library is not there")
        assert not home.library.exists()
        away.rename(home.library)
        home.assert_taken_once(contents)
    assert not list(home.failed.glob("*"))


def test_an_inbox_that_goes_away_is_paused_and_taken_up_again(home: Home) -> None:
    contents = {f"inbox {when}.jpg": picture(f"Inbox {when}") for when in ("before", "while away", "after")}
    away = home.root / "unplugged"
    with home.running():
        home.inbox.rename(away)
        wait_for(lambda: home.inbox_status()["state"] == "paused", what="the inbox to be paused")
        assert "is not there" in home.inbox_status()["reason"]
        assert home.watcher("status", "--check").returncode == 1
        (away / "inbox while away.jpg").write_bytes(contents["inbox while away.jpg"])
        away.rename(home.inbox)
        wait_for(lambda: home.inbox_status()["state"] == "watching", what="the inbox to be watched again")
        assert home.watcher("status", "--check").returncode == 0
        home.wait_until("inbox while away.jpg", "done")
        for when in ("before", "after"):
            home.drop(f"inbox {when}.jpg", contents[f"inbox {when}.jpg"])
        home.assert_taken_once(contents)


def test_another_folder_in_the_place_of_the_inbox_is_not_touched(tmp_path: Path) -> None:
    home = Home(tmp_path, tables='[[inbox]]\npath = "second"')
    away, second = home.root / "unplugged", home.root / "second"
    second.mkdir()
    content = picture("In another folder")
    with home.running():
        home.inbox.rename(away)
        home.inbox.mkdir()
        stays = home.drop("stays.jpg", content)
        (second / "meanwhile.jpg").write_bytes(picture("Meanwhile"))
        wait_for(lambda: home.states("meanwhile.jpg") == ["done"], what="the second inbox to go on")
        wait_for(lambda: "is another folder" in (home.inbox_status()["reason"] or ""))
        assert stays.read_bytes() == content
        stays.unlink()
        home.inbox.rmdir()
        away.rename(home.inbox)
        home.drop("right.jpg", content)
        home.assert_taken_once({"right.jpg": content})


def test_files_that_arrive_while_another_writer_holds_the_catalog_are_taken_afterwards(watched: Home) -> None:
    contents = {f"busy {n}.jpg": picture(f"Busy {n}") for n in range(5)}
    other = sqlite3.connect(watched.catalog, isolation_level=None)
    other.execute("begin immediate")
    for name, content in contents.items():
        watched.drop(name, content)
    wait_for(lambda: "the catalog cannot be written: database is locked" in watched.log())
    wait_for(lambda: "catalog cannot be written" in (watched.inbox_status()["reason"] or ""))
    other.execute("rollback")
    other.close()
    watched.assert_taken_once(contents)
    assert watched.json("failures") == []
    wait_for(lambda: watched.inbox_status()["reason"] is None)


def test_a_terminal_that_closes_stops_the_daemon_well_however_often_it_says_so(home: Home) -> None:
    with home.running() as daemon:
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.process.wait(30) == 0
    assert " stopping " in home.log()


def test_under_nohup_a_daemon_outlives_its_terminal(home: Home) -> None:
    with home.running(within=["nohup"]) as daemon:
        daemon.process.send_signal(signal.SIGHUP)
        content = picture("After the terminal")
        home.drop("after.jpg", content)
        home.assert_taken_once({"after.jpg": content})


def test_the_unfinished_files_of_an_inbox_that_left_the_configuration_are_told_of(home: Home) -> None:
    assert home.watcher("run", "--once").returncode == 0
    with sqlite3.connect(home.catalog) as catalog:
        catalog.execute("insert into inboxes (id, name, path, first_seen) values (77, 'old', x'2F6F6C64', 'x')")
        catalog.execute(
            """insert into jobs (claim, inbox_id, path, name, state, created_at)
               values ('token', 77, x'61', 'a', 'queued', '2026-01-01T00:00:00Z')"""
        )
    catalog.close()
    told = home.watcher("run", "--once").stderr.decode()
    assert "/old is no inbox any more, and 1 unfinished files lie in its .watcher/spool" in told


def test_a_file_that_was_lost_from_the_spool_counts_as_failed(home: Home) -> None:
    assert home.watcher("run", "--once").returncode == 0
    with sqlite3.connect(home.catalog) as catalog:
        catalog.execute(
            """insert into jobs (claim, inbox_id, path, name, state, created_at)
               values ('token', 1, x'61', 'a', 'queued', '2026-01-01T00:00:00Z')"""
        )
    catalog.close()
    result = home.watcher("run", "--once")
    assert result.returncode == 3
    assert "1 failed" in result.stderr.decode()


@pytest.mark.parametrize("database", ["", "catalog.db"], ids=["catalog on it too", "catalog elsewhere"])
def test_a_full_disk_empties_no_inbox_and_blames_no_file(tmp_path: Path, database: str) -> None:
    """The library lies on a small file system of its own, which only the daemon sees."""
    home = Home(tmp_path, library=f'database = "{database}"')
    home.library.mkdir()
    mount = 'mount -t tmpfs -o size=3m none "$0" && exec "$@"'
    contents = {f"full {n}.jpg": picture(f"Full {n}", size=(400, 300)) for n in range(3)}
    with home.running(within=["unshare", "-Urm", "sh", "-c", mount, str(home.library)]) as daemon:
        inside = Path(f"/proc/{daemon.pid}/root{home.library}")
        fill(inside / "filler")
        for name, content in contents.items():
            home.drop(name, content)
        wait_for(lambda: " waiting " in home.log(), what="the log to say that the disk is full")
        assert re.search("No space left|disk is full", home.log())
        assert not home.failed.exists()
        (inside / "filler").unlink()
        for name in contents:
            wait_for(lambda name=name: f" done {name} " in home.log(), what=f"{name} to be taken")  # type: ignore[misc]
        originals = {digest(path.read_bytes()) for path in inside.glob("originals/**/*.jpg")}
        assert originals == {digest(content) for content in contents.values()}
    assert not home.failed.exists()


def fill(path: Path) -> None:
    """Take all the space that the file system has left."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
