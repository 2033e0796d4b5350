"""The watch is alive, or says that it is not: disks that come and go, rights, limits of the system, lost events.

Mounts and limits are real ones, of a user namespace that the daemon runs in: nothing outside it notices.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Daemon, Home, wait_for
from tests.end_to_end.pictures import picture

SECOND = '[[inbox]]\nname = "second"\npath = "second"'


def state(home: Home) -> str:
    return str(home.inbox_status()["state"])


def reason(home: Home) -> str:
    return home.inbox_status()["reason"] or ""


def inside(daemon: Daemon, script: str, *arguments: Path) -> None:
    """Run a shell script in the namespaces of the daemon; its arguments are $0, $1 and so on."""
    enter = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(daemon.pid)]
    subprocess.run([*enter, "sh", "-ec", script, *map(str, arguments)], check=True)


def through(daemon: Daemon, path: Path) -> Path:
    """A path as the daemon sees it."""
    return Path(f"/proc/{daemon.pid}/root{path}")


def wait_for_done(home: Home, *names: str) -> None:
    for name in names:
        wait_for(lambda name=name: home.states(name) == ["done"], what=f"{name}: {home.log()}")  # type: ignore[misc]


def test_a_disk_that_is_unmounted_pauses_its_inbox_and_loses_nothing_until_it_is_mounted_anew(tmp_path: Path) -> None:
    home = Home(tmp_path, tables=SECOND)
    disk, other = home.root / "disk", home.root / "other"
    for folder in (disk, other, home.root / "second"):
        folder.mkdir()
    script = 'mount -t tmpfs none "$0" && mount -t tmpfs none "$1" && mount --bind "$0" "$2" && shift 2 && exec "$@"'
    within = ["unshare", "-Urm", "sh", "-c", script, *map(str, (disk, other, home.inbox))]
    with home.running(within=within) as daemon:
        (through(daemon, home.inbox) / "before.jpg").write_bytes(picture("Before"))
        wait_for_done(home, "before.jpg")
        rows = home.rows("select * from jobs")

        inside(daemon, 'umount -l "$0"', home.inbox)
        stays = home.drop("stays.jpg", picture("On the bare mount point"))
        wait_for(lambda: state(home) == "paused", what="the inbox to be paused")
        assert "is not mounted any more. Mount it" in reason(home)
        assert home.watcher("status", "--check").returncode == 1
        (home.root / "second/meanwhile.jpg").write_bytes(picture("Meanwhile"))
        wait_for_done(home, "meanwhile.jpg")
        assert home.rows("select * from jobs")[:1] == rows
        assert stays.exists() and os.listdir(home.inbox) == ["stays.jpg"]

        inside(daemon, 'mount --bind "$0" "$1"', disk, home.inbox)
        wait_for(lambda: state(home) == "watching", what="the inbox to be watched again")
        (through(daemon, home.inbox) / "again.jpg").write_bytes(picture("Again"))
        wait_for_done(home, "again.jpg")

        inside(daemon, 'umount -l "$0" && cp -a "$1/." "$2/" && mount --bind "$2" "$0"', home.inbox, disk, other)
        (through(daemon, home.inbox) / "elsewhere.jpg").write_bytes(picture("Elsewhere"))
        wait_for_done(home, "elsewhere.jpg")
        wait_for(lambda: state(home) == "watching", what="the inbox to be watched on the other disk")
    assert home.log().count(" paused phone is paused: ") == 2
    assert stays.exists()


def test_where_unfinished_files_are_not_in_the_spool_at_the_start_the_inbox_is_waited_for(home: Home) -> None:
    home.once()
    away, content = home.root / "disk", picture("In flight")
    with sqlite3.connect(home.catalog) as catalog:
        catalog.execute(
            """insert into jobs (claim, inbox_id, path, name, state, size, created_at)
               values ('0-1', 1, x'612e6a7067', 'a.jpg', 'queued', ?, '2026-01-01T00:00:00Z')""",
            [len(content)],
        )
    catalog.close()
    (home.inbox / ".watcher/spool/0-1").mkdir()
    (home.inbox / ".watcher/spool/0-1/a.jpg").write_bytes(content)
    home.inbox.rename(away)
    home.inbox.mkdir()  # a bare mount point
    assert b"has no .watcher/spool" in home.watcher("run", "--once").stderr
    with home.running(within=["env"]):
        wait_for(lambda: state(home) == "paused")
        assert "Mount the right disk" in reason(home)
        assert home.states("a.jpg") == ["queued"]
        assert os.listdir(home.inbox) == []
        home.inbox.rmdir()
        away.rename(home.inbox)
        wait_for_done(home, "a.jpg")
        wait_for(lambda: state(home) == "watching")


def test_an_inbox_counts_as_not_there_without_its_marker(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text(home.config.read_text().replace("[intake]", 'marker = "is mounted"\n[intake]', 1))
    with home.running(within=["env"]):
        wait_for(lambda: "lacks its marker is mounted" in reason(home), what="the inbox to be paused")
        waits = home.drop("waits.jpg", picture("Waits"))
        assert (state(home), os.listdir(home.inbox)) == ("paused", ["waits.jpg"])
        (home.inbox / "is mounted").touch()
        wait_for_done(home, "waits.jpg")
        (home.inbox / "is mounted").unlink()
        wait_for(lambda: state(home) == "paused")
    assert not waits.exists()


def test_an_inbox_that_is_made_unreadable_is_paused_and_goes_on_when_it_can(home: Home) -> None:
    """In a user namespace that knows no root, so that rights count, whoever runs the test."""
    with home.running(within=["unshare", "-U"]):
        home.inbox.chmod(0)
        wait_for(lambda: state(home) == "paused", what="the inbox to be paused")
        assert "cannot be read and written. Give the daemon's user the right" in reason(home)
        home.inbox.chmod(0o700)
        home.drop("readable.jpg", picture("Readable"))
        wait_for_done(home, "readable.jpg")
        wait_for(lambda: state(home) == "watching")


def test_an_inbox_that_is_deleted_and_made_anew_stays_paused_and_says_what_to_do(home: Home) -> None:
    with home.running():
        home.drop("before.jpg", picture("Before"))
        home.wait_until("before.jpg", "done")
        rows = home.rows("select * from jobs")
        shutil.rmtree(home.inbox)
        home.inbox.mkdir()
        stays = home.drop("stays.jpg", picture("Stays"))
        wait_for(lambda: state(home) == "paused")  # the new folder may have the old one's inode
        assert "another folder" in reason(home) or "has no .watcher/spool" in reason(home)
        assert (stays.exists(), home.rows("select * from jobs")) == (True, rows)
    with home.running():
        home.wait_until("stays.jpg", "done")


@pytest.mark.parametrize(
    ("limit", "setting"),
    [
        ("max_inotify_watches", "fs.inotify.max_user_watches"),
        ("max_inotify_instances", "fs.inotify.max_user_instances"),
    ],
)
def test_with_the_watches_of_the_system_used_up_the_inbox_is_scanned_and_the_setting_named(
    home: Home, limit: str, setting: str
) -> None:
    for number in range(5):
        (home.inbox / f"deep {number}").mkdir()
    few = 3 if limit == "max_inotify_watches" else 0
    script = f'echo {few} > /proc/sys/user/{limit} && exec "$0" "$@"'
    with home.running(within=["unshare", "-Ur", "sh", "-c", script]):
        wait_for(lambda: state(home) == "scanning", what="the inbox to be scanned")
        assert f"Raise it: sysctl {setting}=" in reason(home)
        assert home.inbox_status()["mode"] == "scan"
        for number in range(5):
            home.drop(f"deep {number}/{number}.jpg", picture(f"Deep {number}"))
        wait_for_done(home, *(f"{number}.jpg" for number in range(5)))
        assert home.watcher("status", "--check").returncode == 0, "scanned, and well"
    assert home.log().count(" deaf ") == 1


def test_events_that_the_system_could_not_keep_are_answered_by_a_scan(home: Home) -> None:
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with home.running() as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        for number in range(kept // 2 + 100):  # two events each, of files that nobody wants
            (home.inbox / f"{number}.tmp").touch()
        contents = {f"after the flood {n}.jpg": picture(f"After the flood {n}") for n in range(3)}
        for name, content in contents.items():
            home.drop(name, content)
        daemon.process.send_signal(signal.SIGCONT)
        home.assert_taken_once(contents)
        wait_for(lambda: home.inbox_status()["unannounced"] == 3, what="the unannounced files to be counted")
    assert home.log().count(" overflow ") == 1
    assert "sysctl fs.inotify.max_queued_events=" in home.log()
