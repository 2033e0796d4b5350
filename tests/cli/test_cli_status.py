"""`watcher status`: with a daemon, without one, while it starts."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.cli.catalog_rows import Catalog, Run
from watcher.model import State

WATCH = {"fstype": "ext4", "last_event": "2026-01-01T00:00:00Z", "last_scan": None, "unannounced": 0}
INBOX = {"name": "phone", "path": "/in", "mode": "events", "state": "watching", "reason": None, "waiting": 2, **WATCH}


@pytest.fixture
def daemon(catalog: Catalog) -> Iterator[Callable[..., None]]:
    """Hold the library's lock as a daemon does, and write what it writes."""
    with (catalog.root / ".watcher" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

        def say(**report: object) -> None:
            whole = {"pid": 7, "since": "2026-01-01T00:00:00Z", "ready": True, "status": "", "inboxes": []}
            file = catalog.root / ".watcher" / "status.json"
            file.with_suffix(".tmp").write_text(json.dumps({**whole, **report}))
            file.with_suffix(".tmp").replace(file)

        yield say


def status(watcher: Run) -> dict[str, object]:
    done = watcher("status", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_a_running_daemon_says_how_its_inboxes_are(
    catalog: Catalog, watcher: Run, daemon: Callable[..., None], tmp_path: Path
) -> None:
    daemon(inboxes=[{**INBOX, "files": [{"name": "slow\x1b.jpg", "reason": "still being written"}]}])
    inbox = catalog.inbox(tmp_path)
    for state in ("done", "done", "failed"):
        catalog.job(inbox, b"a.jpg", state, asset_id=catalog.asset())
    jobs = dict.fromkeys(get_args(State), 0) | {"done": 2, "failed": 1}
    assert status(watcher) == {
        "daemon": {"running": True, "pid": 7, "since": "2026-01-01T00:00:00Z"},
        "jobs": jobs,
        "assets": 3,
        "batches": 0,
        "sidecars": {"waiting": 0},
        "inboxes": [INBOX],
    }
    seen = watcher("status").stdout.decode()
    for part in (
        "running since 2026",
        "2 done, 1 failed",
        "watching, 2 waiting",
        r"slow\x1b.jpg: still being",
    ):
        assert part in seen


def test_without_a_daemon_the_inboxes_are_paused_and_their_files_counted(
    catalog: Catalog, watcher: Run, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    for name in (
        "a.jpg",
        "trip/b.jpg",
        "trip/failed/c.jpg",
        ".hidden",
        ".watcher/spool/1/d.jpg",
        "failed/e.jpg",
        "half.part",
        "trip/Thumbs.db",
    ):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(b"x")
    (inbox / "link.jpg").symlink_to(inbox / "a.jpg")
    catalog.inbox(inbox)
    catalog.inbox(tmp_path / "not there", "camera")
    (catalog.root / ".watcher" / "status.json").write_text(json.dumps({"pid": 7, "ready": True, "inboxes": [INBOX]}))
    (catalog.root / ".watcher" / "lock").touch()
    found = status(watcher)
    assert found["daemon"] == {"running": False, "pid": None, "since": None}
    paused = {"mode": None, "state": "paused", "reason": "no daemon is running", **dict.fromkeys(WATCH)}
    assert found["inboxes"] == [
        {"name": "phone", "path": str(inbox), **paused, "waiting": 3},
        {"name": "camera", "path": str(tmp_path / "not there"), **paused, "waiting": None},
    ]
    said = watcher("status").stdout.decode().splitlines()
    assert "daemon  not running" in said
    assert said[-4:] == [
        f"inbox   phone  {inbox}: paused, 3 waiting",
        "        no daemon is running",
        f"inbox   camera  {tmp_path}/not there: paused, not there",
        "        no daemon is running",
    ]


def test_an_inbox_without_its_marker_is_not_said_to_be_gone(
    catalog: Catalog, watcher: Run, daemon: Callable[..., None], tmp_path: Path
) -> None:
    paused = {"path": str(tmp_path), "state": "paused", "reason": "It lacks its marker.", "waiting": None}
    daemon(inboxes=[{**INBOX, **paused}])
    said = watcher("status").stdout.decode().splitlines()
    assert said[-2:] == [f"inbox   phone  {tmp_path}: paused, not looked into", "        It lacks its marker."]


def test_a_daemon_that_is_not_ready_yet_does_not_run(
    catalog: Catalog, watcher: Run, daemon: Callable[..., None], tmp_path: Path
) -> None:
    catalog.inbox(tmp_path)
    assert status(watcher)["daemon"] == {"running": False, "pid": None, "since": None}
    daemon(ready=False)
    found = status(watcher)
    assert found["daemon"] == {"running": False, "pid": None, "since": None}
    assert b"the daemon is starting" in watcher("status").stdout


def test_check_is_yes_only_for_a_daemon_that_watches_all_inboxes(
    catalog: Catalog, watcher: Run, daemon: Callable[..., None]
) -> None:
    assert watcher("status", "--check").returncode == 1
    daemon(inboxes=[INBOX])
    assert watcher("status", "--check").returncode == 0
    daemon(inboxes=[INBOX, {**INBOX, "state": "paused", "reason": "not mounted"}])
    assert watcher("status", "--check", "--json").returncode == 1


def test_without_a_catalog_it_is_exit_2(watcher: Run, tmp_path: Path) -> None:
    assert watcher("status", "--library", str(tmp_path / "none")).returncode == 2


def test_following_into_a_pipe_gives_a_line_for_each_change_until_ctrl_c(
    catalog: Catalog, daemon: Callable[..., None]
) -> None:
    daemon(inboxes=[INBOX])
    line = [sys.executable, "-m", "watcher", "status", "--follow", "--library", str(catalog.root)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follow:
        assert follow.stdout and follow.stderr
        first = follow.stdout.readline()
        daemon(inboxes=[{**INBOX, "waiting": 5}])
        second = follow.stdout.readline()
        os.kill(follow.pid, signal.SIGINT)
        complaint = follow.stderr.read()
    assert b"2 waiting" in first
    assert b"5 waiting" in second
    assert (follow.returncode, complaint) == (0, b"")
