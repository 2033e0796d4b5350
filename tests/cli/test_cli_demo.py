"""The demo: the real daemon on sample photographs, and no harm to a folder that is not a demo's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watcher.cli.demo import PICTURES, Demo
from watcher.cli.tree import tree
from watcher.errors import ConfigError, FatalError


def run_demo(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watcher", "demo", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_files(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    directory = tmp_path_factory.mktemp("where") / "demo"
    return directory, run_demo(directory)


Finished = tuple[Path, subprocess.CompletedProcess[str]]


def test_every_photograph_reaches_the_library(finished: Finished) -> None:
    directory, process = finished
    assert process.returncode == 0, process.stderr
    originals = [path for path in (directory / "Library" / "originals").rglob("*") if path.is_file()]
    assert len(originals) == PICTURES
    assert "1 duplicate" in process.stdout


def test_the_broken_file_lies_in_failed_and_nothing_else_is_left_in_the_inbox(finished: Finished) -> None:
    directory, process = finished
    inbox = directory / "Inbox"
    left = {str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file()}
    assert {name for name in left if not name.startswith(".watcher/")} == {
        "failed/From the memory card/IMG_0999.JPG",
        "failed/From the memory card/IMG_0999.JPG.error.txt",
    }
    assert "IMG_0999.JPG" in process.stdout


def test_the_searches_find_what_they_ask_for(finished: Finished) -> None:
    directory, process = finished
    commands = [line for line in process.stdout.splitlines() if line.startswith("$ ") and " search --library" in line]
    assert len(commands) == 2
    answer = process.stdout.split(commands[0])[1].splitlines()[1]
    assert Path(answer).is_file() and Path(answer).is_relative_to(directory / "Library" / "originals")
    assert "Dunes of Erg Chebbi" in process.stdout.split(commands[1])[1]


def test_the_daemon_is_stopped_and_says_so(finished: Finished) -> None:
    directory, process = finished
    assert "exit code 0" in process.stdout
    assert Demo(str(directory)).status()["daemon"] == {"running": False, "pid": None, "since": None}


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(tmp_path: Path) -> None:
    make_files(tmp_path, photos__mine="mine")
    process = run_demo(tmp_path)
    assert process.returncode == 2
    assert "photos" in process.stderr and "Traceback" not in process.stderr
    assert (tmp_path / "photos" / "mine").read_text() == "mine"


def test_a_former_demo_that_somebody_added_to_is_refused(tmp_path: Path) -> None:
    demo = Demo(str(tmp_path))
    demo.make_room()
    make_files(tmp_path, holiday__mine="mine")
    with pytest.raises(ConfigError, match="holiday"):
        demo.make_room()
    assert (tmp_path / "holiday" / "mine").read_text() == "mine"


def test_a_former_demo_is_made_anew(tmp_path: Path) -> None:
    demo = Demo(str(tmp_path))
    demo.make_room()
    make_files(tmp_path, Library__old="old", Inbox__old="old")
    demo.make_room()
    assert sorted(os.listdir(tmp_path)) == [".watcher-demo", "Inbox", "watcher.toml"]
    assert os.listdir(demo.inbox) == []


def test_a_daemon_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    demo = Demo(str(tmp_path))
    demo.make_room()
    Path(demo.config).write_text("[intake]\nsettle_second = 1\n")
    with demo.daemon() as daemon, pytest.raises(FatalError, match=r"exit code 2(.|\n)*settle_second"):
        demo.wait_until_ready(daemon)


def test_the_tree_shows_the_first_of_each_folder_and_how_many_more(tmp_path: Path) -> None:
    make_files(tmp_path, a__x="", a__y="", a__z="", b="", **{".hidden": ""})
    assert list(tree(str(tmp_path)))[1:] == [
        "├── a/  (3 files)",
        "│   ├── x",
        "│   ├── y",
        "│   └── ... and 1 more",
        "└── b",
    ]
