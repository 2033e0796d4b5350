"""take = "copy": the files of a phone or a card stay where they are, are taken once, and nothing is written there."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture
from tests.ledger_law import Drop
from tests.ledger_site import BROKEN, zipped

# whoever writes below the folder gets EROFS; the daemon sees it so, the test does not
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def within(folder: Path) -> list[str]:
    """The command line that runs another with the folder mounted read-only."""
    return ["unshare", "-Urm", "sh", "-c", READ_ONLY, str(folder)]


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that lies below: names, modes, times of folders and files, bytes."""
    found = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, content)
    return found


class Phone(Home):
    """A household whose inbox is the synced folder of a phone."""

    def __init__(self, root: Path, tables: str = "") -> None:
        super().__init__(root, tables)
        written = self.config.read_text()
        self.config.write_text(written.replace('path = "inbox"\n', 'path = "inbox"\ntake = "copy"\n'))

    def wait_for_jobs(self, **states: list[str]) -> None:
        """Wait until the jobs of each name (a stem) have come to these states, and no copy is left."""
        wait_for(lambda: self.told() == states, what=f"{states}, not {self.told()}: {self.log()[-2000:]}")
        wait_for(lambda: not self.copies(), what="the spool to be empty")

    def has_done(self, least: int) -> bool:
        return [job["state"] for job in self.jobs()].count("done") >= least

    def told(self) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for job in self.jobs():
            told.setdefault(job["name"].partition(".")[0], []).append(job["state"])
        return told

    def copies(self) -> list[Path]:
        return [path for path in (self.library / ".watcher" / "spool").rglob("*") if path.is_file()]

    def lodged(self) -> list[Path]:
        return [path for path in (self.library / ".watcher" / "members").rglob("*") if path.is_file()]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


def once(phone: Phone, code: int = 0) -> None:
    """A run that ends, of a daemon that could not write to the inbox if it tried to."""
    line = [*within(phone.inbox), *phone.line("run", "--once")]
    done = subprocess.run(line, capture_output=True, env=phone.environment(), cwd=phone.root, timeout=60, check=False)
    assert done.returncode == code, done.stderr.decode()


def test_files_folders_and_archives_are_taken_once_and_the_folder_stays_as_it_was(phone: Phone) -> None:
    """Whatever the daemon does, and however often it runs."""
    contents = {"loose.jpg": picture("Loose"), "trip/one.jpg": picture("One"), "caf\n\udce9.jpg": picture("Odd")}
    phone.drop_folder("trip", {"one.jpg": contents["trip/one.jpg"], "batch.toml": b'title = "Lisbon"'})
    for name in ("loose.jpg", "caf\n\udce9.jpg"):
        phone.drop(name, contents[name])
    phone.drop("pack.zip", zipped("pack.zip", Drop("in/b.jpg", picture("Packed"))).content)
    phone.drop("broken.png", BROKEN)
    os.setxattr(phone.inbox / "loose.jpg", "user.note", b"from the phone")
    before = tree(phone.inbox)
    once(phone, 3)
    first = phone.jobs()
    assert {job["state"] for job in first} == {"done", "ignored", "failed"}
    stored = {row["digest"]: Path(row["path"]) for row in phone.assets()}
    assert len(stored) == 4
    assert all(stored[digest(content)].read_bytes() == content for content in contents.values())
    (loose,) = [row for row in phone.assets() if row["name"] == "loose.jpg"]
    assert os.getxattr(loose["path"], "user.note") == b"from the phone"
    assert phone.asset("one.jpg")["title"] == "Lisbon"
    once(phone)
    assert phone.jobs() == first
    assert tree(phone.inbox) == before
    assert not phone.copies()
    assert phone.inbox_status()["waiting"] == 0


def test_a_daemon_sees_what_is_new_or_changed_and_passes_over_what_was_only_touched(phone: Phone) -> None:
    phone.drop("old.jpg", picture("Old"))
    with phone.running(within=within(phone.inbox)):
        phone.wait_for_jobs(old=["done"])
        phone.drop("new.jpg", picture("New"))
        phone.wait_for_jobs(old=["done"], new=["done"])
        os.utime(phone.inbox / "old.jpg", (1, 1))
        phone.drop("new.jpg", picture("Newer"))
        phone.wait_for_jobs(old=["done"], new=["done", "done"])
        (phone.inbox / "old.jpg").rename(phone.inbox / "renamed.jpg")
        phone.wait_for_jobs(old=["done"], new=["done", "done"], renamed=["duplicate"])
    assert sorted(os.listdir(phone.inbox)) == ["new.jpg", "renamed.jpg"]
    once(phone)
    assert phone.told() == {"old": ["done"], "new": ["done", "done"], "renamed": ["duplicate"]}


def test_a_card_that_gives_its_files_other_inodes_and_times_is_known_by_its_bytes(phone: Phone) -> None:
    for number in range(3):
        phone.drop(f"{number}.jpg", picture(f"Card {number}"))
    once(phone)
    away = phone.root / "away"
    phone.inbox.rename(away)
    phone.inbox.mkdir()
    once(phone)
    shutil.copytree(away, phone.inbox, dirs_exist_ok=True)  # new inodes; the old ones are still taken
    os.utime(phone.inbox / "1.jpg")
    changed = bytearray((phone.inbox / "2.jpg").read_bytes())
    changed[-10] ^= 255
    (phone.inbox / "2.jpg").write_bytes(changed)
    once(phone)
    assert phone.told() == {"0": ["done"], "1": ["done"], "2": ["done", "done"]}
    (inode,) = [row["inode"] for row in phone.rows("select inode from taken where path = x'302e6a7067'")]
    assert inode == (phone.inbox / "0.jpg").stat().st_ino, "it need not be read again the next time"


def test_what_failed_stays_and_is_tried_again_by_a_running_daemon_when_asked(phone: Phone) -> None:
    place = phone.drop("broken.png", BROKEN)
    with phone.running(within=within(phone.inbox)):
        phone.wait_for_jobs(broken=["failed"])
        (failure,) = phone.json("failures")
        assert failure["path"] == str(place)
        assert "PNG" in failure["reason"]
        assert phone.watcher("retry", "--reason", "no such reason").returncode == 1
        asked = phone.watcher("retry", str(failure["id"]))
        assert (asked.returncode, asked.stdout.decode()) == (0, f"{place}\n")
        phone.wait_for_jobs(broken=["failed", "failed"])
        (again,) = phone.json("failures")
        assert again["id"] != failure["id"]
        place.write_bytes(picture("Whole at last", format="png"))
        phone.wait_for_jobs(broken=["failed", "failed", "done"])
        assert phone.json("failures") == []
    assert os.listdir(phone.inbox) == ["broken.png"]


def test_a_retry_without_a_daemon_is_for_the_next_run_and_deleting_a_failed_file_is_forgetting_it(phone: Phone) -> None:
    place = phone.drop("broken.png", BROKEN)
    once(phone, 3)
    assert phone.watcher("retry", "--all").returncode == 0
    assert phone.json("failures") == []
    once(phone, 3)
    assert phone.told() == {"broken": ["failed", "failed"]}
    phone.inbox.rename(phone.root / "away")
    assert len(phone.json("failures")) == 1, "its card is away: that deletes nothing"
    (phone.root / "away").rename(phone.inbox)
    phone.drop("other.jpg", picture("Other"))
    place.unlink()
    assert phone.json("failures") == []


def test_the_failed_member_of_an_archive_is_found_in_it_and_tried_again_with_it(phone: Phone) -> None:
    pack = zipped("pack.zip", Drop("a.jpg", picture("Good")), Drop("b.png", BROKEN))
    place = phone.drop("pack.zip", pack.content)
    once(phone, 3)
    assert phone.told() == {"pack": ["done"], "a": ["done"], "b": ["failed"]}
    (failure,) = phone.json("failures")
    assert (failure["name"], failure["archive"], failure["path"]) == ("b.png", "pack.zip", str(place))
    (reason,) = [job["reason"] for job in phone.jobs("pack.zip")]
    assert reason == "1 of 2 members could not be taken and are in it still"
    assert phone.watcher("retry", str(failure["id"])).returncode == 0
    once(phone, 3)
    assert phone.told() == {"pack": ["done", "done"], "a": ["done", "duplicate"], "b": ["failed", "failed"]}
    assert not phone.copies()
    assert not phone.lodged()
    assert os.listdir(phone.inbox) == ["pack.zip"]


def test_a_batch_toml_that_stays_is_for_what_comes_later_too(phone: Phone) -> None:
    phone.drop_folder("trip", {"one.jpg": picture("One"), "batch.toml": b'keywords = ["sea"]'})
    once(phone)
    phone.drop_folder("trip", {"two.jpg": picture("Two")})
    once(phone)
    assert sorted(phone.finds("keyword:sea")) == ["one.jpg", "two.jpg"]


def test_two_libraries_copy_from_one_folder_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = Phone(tmp_path / "a"), Phone(tmp_path / "b")
    second.inbox.rmdir()
    second.inbox.symlink_to(first.inbox)
    with first.running(within=within(first.inbox)), second.running(within=within(first.inbox)):
        first.drop("both.jpg", picture("Both"))
        for one in (first, second):
            one.wait_for_jobs(both=["done"])
    assert os.listdir(first.inbox) == ["both.jpg"]


def test_after_kills_each_file_is_in_the_library_once_and_no_copy_is_left(phone: Phone) -> None:
    contents = {f"{number}.jpg": picture(f"Killed {number}") for number in range(24)}
    for name, content in contents.items():
        phone.drop(name, content)
    before = tree(phone.inbox)
    for least in (1, 6, 12):
        with phone.running() as daemon:
            wait_for(functools.partial(phone.has_done, least))
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.process.wait()
    once(phone)
    assert phone.told() == {name.partition(".")[0]: ["done"] for name in contents}
    assert {row["digest"] for row in phone.assets()} == set(map(digest, contents.values()))
    assert not phone.copies()
    assert tree(phone.inbox) == before


def test_what_was_taken_is_finished_while_the_card_is_away_and_the_daemon_goes_on_when_it_is_back(phone: Phone) -> None:
    away = phone.root / "away"
    for number in range(12):
        phone.drop(f"{number}.jpg", picture(f"Pulled {number}"))
    with phone.running() as daemon:
        wait_for(lambda: phone.jobs())
        phone.inbox.rename(away)
        wait_for(lambda: phone.jobs() and all(job["state"] == "done" for job in phone.jobs()), what=phone.log())
        shutil.copytree(away, phone.inbox)  # as another card, with the same pictures
        wait_for(lambda: phone.told() == {str(number): ["done"] for number in range(12)}, 40, what=phone.log()[-2000:])
        assert daemon.process.poll() is None


def test_a_library_without_room_for_copies_waits_and_goes_on_by_itself(phone: Phone) -> None:
    """It lies on a small file system of its own, which only the daemon sees; so does what fills that."""
    phone.library.mkdir()
    mount = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    content = picture("Larger than the room", size=(64, 48)) + bytes(200_000)  # what comes after its end is its own
    with phone.running(within=["unshare", "-Urm", "sh", "-c", mount, str(phone.library)]) as daemon:
        inside = Path(f"/proc/{daemon.pid}/root{phone.library}")
        room = os.statvfs(inside)
        (inside / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - 150_000))
        phone.drop("large.jpg", content)
        wait_for(lambda: "large.jpg cannot be copied: No space left" in phone.log(), what="it to be said")
        (inside / "filler").unlink()
        wait_for(lambda: " done large.jpg " in phone.log(), what=phone.log())
        (original,) = inside.glob("originals/**/*.jpg")
        assert original.read_bytes() == content
    assert os.listdir(phone.inbox) == ["large.jpg"]


def test_nothing_is_added_to_an_inbox_that_is_only_copied_from(phone: Phone, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(picture("Mine"))
    refused = phone.watcher("add", str(mine), "--inbox", "phone")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b'has take = "copy"' in refused.stderr
    assert phone.watcher("add", str(mine)).returncode == 2
    with phone.config.open("a") as config:
        config.write('[[inbox]]\nname = "desk"\npath = "desk"\n')
    (tmp_path / "desk").mkdir()
    assert phone.watcher("add", str(mine)).returncode == 0
    assert os.listdir(phone.inbox) == []
    assert len(os.listdir(tmp_path / "desk" / ".watcher" / "ready")) == 1


def test_a_rehearsal_and_status_tell_only_of_what_was_not_taken_yet(phone: Phone) -> None:
    phone.drop("known.jpg", picture("Known"))
    once(phone)
    phone.drop("new.jpg", picture("New"))
    foreseen = json.loads(phone.watcher("run", "--dry-run", "--json").stdout)
    assert [one["source"] for one in foreseen] == ["new.jpg"]
    assert phone.inbox_status()["waiting"] == 1


def test_a_folder_whose_files_were_moved_and_are_not_finished_is_not_copied_from(phone: Phone) -> None:
    """They would count as lost, and they are in its own spool."""
    spool = phone.inbox / ".watcher" / "spool" / "0001-ff"
    spool.mkdir(parents=True)
    (spool / "a.jpg").write_bytes(picture("Moved"))
    (phone.inbox / ".watcher" / "owner").write_bytes(os.fsencode(phone.library))
    refused = phone.watcher("run", "--once")
    assert refused.returncode == 2
    assert b'Run once with take = "move"' in refused.stderr


def test_an_inbox_that_is_moved_out_of_after_all_takes_what_lies_there(phone: Phone) -> None:
    phone.drop("a.jpg", picture("First copied"))
    phone.drop("broken.png", BROKEN)
    once(phone, 3)
    phone.config.write_text(phone.config.read_text().replace('take = "copy"', 'take = "move"'))
    phone.once(3)
    assert phone.told() == {"a": ["done", "duplicate"], "broken": ["failed", "failed"]}
    assert [row["path"] for row in phone.json("failures")] == [str(phone.failed / "broken.png")]


def test_an_inbox_whose_copies_are_not_finished_is_not_moved_out_of(phone: Phone) -> None:
    """They would count as lost, and their files may be gone from the phone."""
    phone.drop("a.jpg", picture("Only copied"))
    once(phone)
    with contextlib.closing(sqlite3.connect(phone.library / ".watcher" / "watcher.db")) as db, db:
        db.execute("update jobs set state = 'queued', finished_at = null, discarded = 0")
    phone.config.write_text(phone.config.read_text().replace('take = "copy"', 'take = "move"'))
    refused = phone.watcher("run", "--once")
    assert refused.returncode == 2
    assert b"1 unfinished file in the library's spool" in refused.stderr
    assert b'Run once with take = "copy"' in refused.stderr
    assert (phone.inbox / "a.jpg").exists()
