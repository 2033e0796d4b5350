"""`watcher doctor` as a person types it: without a daemon, beside one at full load, and after one was killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture, zipped
from watcher.cli import doctor
from watcher.examining.finding import Finding

MACHINE = ("space", "limit", "version", "clock")  # what may be so where the tests run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def found(home: Home, *options: str) -> list[dict[str, Any]]:
    """What `--json` prints, but for what is so on this machine."""
    done = home.watcher("doctor", "--json", *options)
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1 if findings else 0, b"")
    assert all(set(finding) == {"kind", "what", "path", "remedy"} and finding["remedy"] for finding in findings)
    return [finding for finding in findings if finding["kind"] not in MACHINE]


def test_a_library_after_a_run_has_no_findings_though_files_failed(home: Home) -> None:
    home.drop("a.jpg", picture("A"))
    home.drop("letter.jpg", b"Dear Anna")
    home.once(3)
    home.drop("waits.jpg", picture("Waits"))
    assert found(home) == []
    said = home.watcher("doctor").stdout.decode()
    for words in ("no daemon is running", "1 waiting, 2 files in failed/", "Python 3.", "nothing is wrong"):
        assert words in said


def test_a_finding_is_printed_with_its_place_and_its_remedy_and_nothing_is_written(home: Home) -> None:
    home.drop("a.jpg", picture("A"))
    home.once()
    original = Path(home.asset("a.jpg")["path"])
    original.unlink()
    before = _stamps(home.root)
    (finding,) = found(home)
    assert _stamps(home.root) == before
    assert (finding["kind"], finding["path"]) == ("original", str(original))
    done = home.watcher("doctor")
    assert done.returncode == 1
    assert "the original of a.jpg (id 1) is not there" in done.stdout.decode()
    assert f"{original}\n" in done.stdout.decode()
    assert "remedy: restore it from a backup" in done.stdout.decode()
    assert "1 finding" in done.stdout.decode().splitlines()[-1]


def test_names_that_a_terminal_would_obey_are_escaped_there(home: Home) -> None:
    home.drop(b"\x1b[2J\xe9.jpg", b"no picture")
    home.once(3)
    next(home.failed.glob("*J*.jpg")).rename(home.root / "gone")
    assert "\\udce9" in found(home)[0]["path"].encode("unicode_escape").decode()
    shown_there = home.on_terminal("doctor")
    assert b"\x1b[2J" not in shown_there
    assert b"\\x1b[2J" in shown_there
    assert b"\x1b[2m" in shown_there  # notes are dim


def test_a_folder_that_the_configuration_ignores_is_counted_by_its_rule(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text(home.config.read_text().replace('path = "inbox"', 'path = "inbox"\nignore = ["drafts"]'))
    home.once()
    home.drop_folder("drafts", {"a.jpg": b"x", "b/c.jpg": b"x"})
    assert "2 ignored by drafts" in home.watcher("doctor").stdout.decode()


@pytest.mark.parametrize(("text", "words"), [("[library", "is not valid TOML"), ("[workers]\ncount = -1", "count")])
def test_a_wrong_configuration_is_a_finding(home: Home, text: str, words: str) -> None:
    home.once()
    home.config.write_text(text)
    findings = found(home, "--library", str(home.library))
    assert [finding["kind"] for finding in findings] == ["configuration"]
    assert words in findings[0]["what"]


def test_a_configuration_that_is_not_there_is_a_finding(home: Home) -> None:
    done = home.watcher("doctor", "--config", str(home.root / "none.toml"), "--json")
    assert (done.returncode, [each["kind"] for each in json.loads(done.stdout)]) == (1, ["configuration"])


def test_the_library_alone_is_examined_with_the_inboxes_that_it_knows(home: Home) -> None:
    home.drop("letter.jpg", b"Dear Anna")
    home.once(3)
    (home.failed / "letter.jpg").unlink()
    line = ["doctor", "--library", str(home.library), "--json"]
    home.config.write_text('[[inbox]]\npath = "elsewhere"\n')
    findings = [each for each in json.loads(home.watcher(*line).stdout) if each["kind"] not in MACHINE]
    assert [(each["kind"], each["path"]) for each in findings] == [("account", str(home.failed / "letter.jpg"))]


def test_before_the_first_run_there_is_no_catalog(home: Home) -> None:
    assert [finding["kind"] for finding in found(home)] == ["database"]
    assert not home.library.exists()


def test_a_paused_inbox_of_a_running_daemon_is_a_finding(home: Home) -> None:
    with home.running():
        assert found(home) == []
        assert "running, pid" in home.watcher("doctor").stdout.decode()
        home.inbox.rename(home.root / "unplugged")
        wait_for(lambda: home.inbox_status()["state"] == "paused")
        assert any("has paused the inbox phone" in finding["what"] for finding in found(home))
        (home.root / "unplugged").rename(home.inbox)


def test_beside_a_daemon_at_full_load_nothing_is_taken_for_wrong(home: Home) -> None:
    home.once()
    enough = threading.Event()
    with home.running():
        load = threading.Thread(target=_load, args=(home, enough))
        load.start()
        try:
            looks = [found(home) for _ in range(4)]
        finally:
            enough.set()
            load.join()
        while home.waiting() or home.rows("select 1 from jobs where discarded = 0"):
            looks.append(found(home))
    assert [findings for findings in [*looks, found(home)] if findings] == []
    assert {"done", "duplicate", "failed"} <= {job["state"] for job in home.jobs()}


def test_after_a_kill_what_was_in_work_is_the_next_runs(home: Home) -> None:
    home.once()
    with home.running() as daemon:
        for n in range(60):
            home.drop(f"{n}.jpg", picture(f"Killed {n}", size=(400, 300)))
        home.drop("k.zip", zipped({f"z{n}.jpg": picture(f"Zip {n}") for n in range(30)}))
        wait_for(lambda: len(home.rows("select 1 from jobs where state = 'done'")) > 5)
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.process.wait()
    assert all("watcher run" in finding["remedy"] for finding in found(home))
    home.once()
    assert found(home) == []


def _load(home: Home, enough: threading.Event) -> None:
    """Pictures, duplicates, failures, folders and zips, as fast as they can be written and are worked off."""
    for n in itertools.count():
        content = picture(f"Load {n}", size=(400, 300))
        home.drop(f"{n}.jpg", content)
        if n % 5 == 0:
            home.drop(f"bad {n}.jpg", content[:100])
            home.drop(f"twin {n}.jpg", content)
        if n % 20 == 0:
            inner = zipped({"x.jpg": picture(f"Inner {n}"), "y": b"y"})
            home.drop(f"{n}.zip", zipped({f"z{n}.jpg": picture(f"Zip {n}"), "broken.jpg": b"no", "i.zip": inner}))
            home.drop_folder(f"trip {n}", {"a/1.jpg": picture(f"Trip {n}"), "2.jpg": picture(f"Trip two {n}")})
        if enough.wait(0.03):
            return


def test_of_a_kind_with_many_findings_a_person_is_shown_some() -> None:
    many = [
        Finding("original", f"the original of {n}.jpg is not there", f"/l/{n}.jpg", "restore it") for n in range(50)
    ]
    said = doctor._described(many)
    assert said.count("is not there") == 20
    assert "and 30 more: --json has them all" in said
    assert said.endswith("50 findings\n")


def _stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Of all files and folders, but for what SQLite's readers make beside a catalog."""
    paths = [path for path in root.rglob("*") if not path.name.endswith(("-shm", "-wal")) and path.name != ".watcher"]
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in paths}
