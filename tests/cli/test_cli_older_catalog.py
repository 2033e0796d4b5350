"""A library that an older version made: a command that reads brings its catalog up to date, if nobody works on it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from watcher.db import migrations
from watcher.db.connect import open_writer

ROOT = Path(__file__).parents[2]
LANDED = 4  # steps that the first version to be used had


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One asset in a catalog of the first version, with the lock that a daemon of it has left."""
    private = tmp_path / "library" / ".watcher"
    private.mkdir(parents=True)
    (private / "lock").touch()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:LANDED])
        connection = open_writer(str(private / "watcher.db"))
        connection.execute(
            """insert into assets (digest, stored_digest, key, name, format, size, title, imported_at)
               values ('d', 'd', 'originals/a.jpg', 'a.jpg', 'jpeg', 1, 'Harbour', '2026-01-01T00:00:00Z')"""
        )
        connection.close()
    return tmp_path / "library"


def watcher(library: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "watcher", *words, "--library", str(library)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_search_finds_what_is_in_it(library: Path) -> None:
    found = watcher(library, "search", "harbour")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == f"{library}/originals/a.jpg\n"


def test_who_waits_at_a_terminal_is_told_for_what(library: Path) -> None:
    outside, inside = pty.openpty()
    line = [sys.executable, "-m", "watcher", "search", "harbour", "--library", str(library)]
    with os.fdopen(outside, "rb") as terminal:
        done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=inside, timeout=60, check=True)
        os.close(inside)
        assert b"older version and is brought up to date" in terminal.read1()
    assert done.stdout == f"{library}/originals/a.jpg\n".encode()


def test_an_edit_is_made_in_it(library: Path) -> None:
    assert watcher(library, "edit", "harbour", "--title", "Quay", "--yes").returncode == 0
    assert watcher(library, "search", "quay").stdout == f"{library}/originals/a.jpg\n"


def test_while_a_daemon_works_on_it_it_stays_as_it_is_with_a_sentence(library: Path) -> None:
    with open(library / ".watcher" / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = watcher(library, "search", "harbour")
    assert refused.returncode == 2
    assert "is of an older photo-watcher: start watcher run" in refused.stderr
    assert watcher(library, "search", "harbour").returncode == 0
