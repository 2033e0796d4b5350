"""The trash: what is moved there lies there whole, and goes when its days are over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watcher.errors import UnavailableError
from watcher.storage import trash

NOW = 1_800_000_000.0  # 2027-01-15
DAY = 86_400


@pytest.fixture
def library(tmp_path: Path) -> Path:
    files = {"originals/2024/a.jpg": b"original", "thumb/2024/a.jpg": b"small", "thumb/2024/日本\x1b.jpg": b"other"}
    for key, content in files.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_moved_keeps_its_path_and_its_bytes(library: Path) -> None:
    token = trash.new_token(NOW)
    moved = trash.move(str(library), token, ["thumb/2024/a.jpg", "originals/2024/a.jpg"])
    below = library / ".watcher" / "trash" / token
    assert moved == [str(below / "thumb/2024/a.jpg"), str(below / "originals/2024/a.jpg")]
    assert _files(below) == {"originals/2024/a.jpg": b"original", "thumb/2024/a.jpg": b"small"}
    assert list(_files(library / "thumb")) == ["2024/日本\x1b.jpg"]


def test_what_is_absent_is_passed_over_and_the_rest_is_moved(library: Path) -> None:
    moved = trash.move(str(library), trash.new_token(NOW), ["preview/2024/a.jpg", "thumb/2024/日本\x1b.jpg"])
    assert [os.path.basename(path) for path in moved] == ["日本\x1b.jpg"]


def test_the_same_key_can_be_removed_twice_at_one_moment(library: Path) -> None:
    original = library / "originals/2024/a.jpg"
    for content in (b"first", b"second"):
        original.write_bytes(content)
        trash.move(str(library), trash.new_token(NOW), ["originals/2024/a.jpg"])
    assert sorted(_files(library / ".watcher/trash").values()) == [b"first", b"second"]


@pytest.mark.parametrize("key", ["../outside", "originals/../../outside", "/etc/passwd", ".watcher/watcher.db"])
def test_what_is_no_key_is_not_moved(library: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        trash.move(str(library), trash.new_token(NOW), [key])


def test_what_cannot_be_moved_is_a_sentence_and_stays(library: Path) -> None:
    (library / ".watcher").write_bytes(b"in the way")
    with pytest.raises(UnavailableError, match=r"a\.jpg cannot be moved to the trash: "):
        trash.move(str(library), trash.new_token(NOW), ["originals/2024/a.jpg"])
    assert (library / "originals/2024/a.jpg").read_bytes() == b"original"


def test_the_trash_is_emptied_of_what_is_older_than_its_days_and_of_nothing_else(library: Path) -> None:
    root = library / ".watcher/trash"
    kept, gone = trash.new_token(NOW - 29 * DAY), trash.new_token(NOW - 31 * DAY)
    trash.move(str(library), kept, ["thumb/2024/a.jpg"])
    trash.move(str(library), gone, ["originals/2024/a.jpg"])
    strangers = ["notes", "20240101-000000", "20241399-000000-0123abcd", gone + ".kept"]
    for name in strangers:
        (root / name).mkdir()
    assert trash.empty(str(library), 30, NOW) == 1
    assert sorted(os.listdir(root)) == sorted([kept, *strangers])
    assert trash.empty(str(library), 30, NOW) == 0
    assert trash.empty(str(library), 0, NOW) == 1


def test_a_library_without_a_trash_has_nothing_to_empty(tmp_path: Path) -> None:
    assert trash.empty(str(tmp_path), 0, NOW) == 0
