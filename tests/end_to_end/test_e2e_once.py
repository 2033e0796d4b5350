"""`watcher run --once` settles by the rules of the daemon, and tells what it had to leave; --dry-run only tells."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture, zipped


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Every entry below `root`, with its inode and time of change."""
    return {str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in root.rglob("*")}


def test_a_file_that_stays_open_is_left_where_it_is_and_named_and_the_others_are_taken(home: Home) -> None:
    whole = picture("Whole")
    home.drop("whole.jpg", whole)
    with open(home.inbox / "open.jpg", "wb") as held:
        held.write(picture("Open")[:500])
        held.flush()
        result = home.watcher("run", "--once")
    assert result.returncode == 3
    assert b"open.jpg: still open for writing" in result.stderr
    assert (home.inbox / "open.jpg").stat().st_size == 500
    home.assert_taken_once({"whole.jpg": whole})


def test_a_try_that_may_go_better_is_waited_for_up_to_its_limit(home: Home) -> None:
    home.drop("bad.jpg", b"\xff\xd8\xff\xe0" + bytes(300))
    home.drop("good.jpg", picture("Good"))
    assert home.watcher("run", "--once").returncode == 3
    assert home.states("good.jpg") == ["done"]
    assert home.states("bad.jpg") == ["failed"]
    assert (home.failed / "bad.jpg.error.txt").exists()


def test_a_dry_run_says_what_would_become_of_each_file_and_writes_nothing(home: Home) -> None:
    home.drop("a.jpg", picture("Sunrise"))
    home.drop("same.jpg", picture("Sunrise"))
    home.drop("bad.jpg", b"no picture at all")
    home.drop("b.zip", zipped({"in/c.jpg": picture("Noon"), "Thumbs.db": b"litter"}))
    before = snapshot(home.root)
    result = home.watcher("run", "--dry-run", "--json")
    assert result.returncode == 3, result.stderr
    foreseen = {one["source"]: one for one in json.loads(result.stdout)}
    assert {source: one["outcome"] for source, one in foreseen.items()} == {
        "a.jpg": "done",
        "same.jpg": "duplicate",
        "bad.jpg": "failed",
        "b.zip/in/c.jpg": "done",
        "b.zip/Thumbs.db": "skipped",
    }
    assert snapshot(home.root) == before
    assert home.watcher("run", "--once").returncode == 3
    keys = {str(path.relative_to(home.library)) for path in (home.library / "originals").rglob("*.jpg")}
    assert foreseen["b.zip/in/c.jpg"]["key"] in keys
    assert len(keys) == 2  # which of two equal files is the duplicate is for the workers to race for


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_works_with_streams_that_are_closed(home: Home, closed: str) -> None:
    whole = picture("Closed")
    home.drop("closed.jpg", whole)
    line = shlex.join(home.line("run", "--once"))
    result = subprocess.run(["sh", "-c", f"{line} {closed}"], env=home.environment(), cwd=home.root, timeout=60)
    assert result.returncode == 0
    home.assert_taken_once({"closed.jpg": whole})
