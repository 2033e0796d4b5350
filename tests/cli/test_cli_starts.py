"""Each command once as a person starts it, in a process that has imported nothing yet: most tests fork theirs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture
from watcher.cli import COMMANDS

# What it is told, and how it ends. `demo` is started so by its own tests.
STARTS: dict[str, tuple[list[str], int]] = {
    "run": (["--once"], 0),
    "add": (["more.jpg"], 0),
    "search": (["quay"], 0),
    "query": (["list"], 0),
    "fields": ([], 0),
    "show": (["quay.jpg"], 0),
    "explain": (["quay.jpg"], 0),
    "status": ([], 0),
    "jobs": ([], 0),
    "failures": ([], 0),
    "batches": ([], 0),
    "retry": (["--all"], 1),  # nothing has failed
    "cancel": (["trip"], 1),  # there is no such batch
    "render": (["quay.jpg", "--size", "20"], 0),
    "edit": (["quay", "--title", "Harbour", "--yes"], 0),
    "remove": (["quay.jpg", "--yes"], 0),
    "doctor": ([], 0),
    "verify": ([], 0),
    "repair": ([], 0),
    "backup": (["backup.db"], 0),
    "restore": (["saved.db"], 0),
    "config": (["check"], 0),
    "sample": (["made", "--count", "1"], 0),
    "help": (["query"], 0),
}

PLACELESS = {"fields", "help", "sample"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A library with one photograph."""
    home = Home(tmp_path_factory.mktemp("made"))
    home.drop("quay.jpg", picture("quay"))
    home.once()
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A copy of it, and a file to be added."""
    home = Home(tmp_path)
    shutil.copytree(made.library, home.library)
    shutil.copy(made.catalog, tmp_path / "saved.db")
    (tmp_path / "more.jpg").write_bytes(picture("More"))
    return home


def test_each_command_is_started() -> None:
    assert {*STARTS, "demo"} == {*COMMANDS}


@pytest.mark.parametrize("command", STARTS)
def test_a_command_starts_from_nothing(home: Home, command: str) -> None:
    words, code = STARTS[command]
    line = [
        sys.executable,
        "-m",
        "watcher",
        command,
        *words,
        *([] if command in PLACELESS else ["--config", home.config]),
    ]
    done = subprocess.run(line, capture_output=True, env=home.environment(), cwd=home.root, timeout=60, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr
