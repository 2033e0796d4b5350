import os
import socket
from pathlib import Path

import pytest

from watcher.ignoring import Ignoring
from watcher.intake.scanner import Skipped, scan

NASTY = ("日本 ö.jpg", "line\nbreak.jpg", "'\"\\ .jpg", os.fsdecode(b"\xff\xfe.jpg"), "n" * 251 + ".jpg", "\x1b[31m")


def make(root: Path, tree: dict[str, object]) -> None:
    for name, content in tree.items():
        path = root / name
        if isinstance(content, dict):
            path.mkdir()
            make(path, content)
        else:
            path.write_bytes(b"x")


def files(root: Path, below: str = "") -> list[str]:
    return [found for found in scan(str(root), Ignoring(), below) if isinstance(found, str)]


def test_files_come_folder_by_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, {"b.jpg": 0, "a.jpg": 0, "trip": {"2.jpg": 0, "1.jpg": 0, "deep": {"x": 0}}, "old": {"y": 0}})
    assert files(tmp_path) == ["a.jpg", "b.jpg", "old/y", "trip/1.jpg", "trip/2.jpg", "trip/deep/x"]
    assert files(tmp_path, "trip/deep") == ["trip/deep/x"]


def test_ignored_trees_are_not_entered(tmp_path: Path) -> None:
    make(tmp_path, {"failed": {"a": 0}, ".watcher": {"spool": {"t": {"a": 0}}}, "@eaDir": {"a": 0}, "Thumbs.db": 0})
    assert list(scan(str(tmp_path), Ignoring())) == []


@pytest.mark.parametrize("name", NASTY)
def test_every_name_comes_through(tmp_path: Path, name: str) -> None:
    make(tmp_path, {name: {name: 0}})
    assert files(tmp_path) == [f"{name}/{name}"]


def test_links_pipes_and_sockets_are_passed_over_and_named(tmp_path: Path) -> None:
    make(tmp_path, {"in": {"a.jpg": 0}, "out": {"b.jpg": 0}})
    inbox = tmp_path / "in"
    (inbox / "file link").symlink_to(tmp_path / "out/b.jpg")
    (inbox / "tree link").symlink_to(tmp_path / "out")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inbox / "socket"))
        found = list(scan(str(inbox), Ignoring()))
    assert found[0] == "a.jpg"
    skipped = {one.path for one in found[1:] if isinstance(one, Skipped) and not one.failed}
    assert skipped == {"file link", "tree link", "loop", "pipe", "socket"}


def test_a_folder_that_vanished_is_passed_over(tmp_path: Path) -> None:
    assert list(scan(str(tmp_path), Ignoring(), "gone")) == []


def test_other_file_systems_are_not_entered(tmp_path: Path) -> None:
    found = list(scan("/", Ignoring(), "proc"))
    assert [one.path for one in found if isinstance(one, Skipped)] == ["proc"]
