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


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("fsync", [True, False])
def test_the_bytes_as_dropped_are_kept_whole_under_a_name_that_every_try_gives(
    library: Path, link: bool, fsync: bool
) -> None:
    source = library / os.fsdecode(b"caf\xe9\n.jpg")
    source.write_bytes(b"as dropped")
    tokens = [trash.token_of(NOW + part, "0123456789abcdef" * 4) for part in (0.0, 0.5)]
    assert tokens == ["20270115-080000-01234567"] * 2
    for token in tokens:
        trash.keep(str(library), token, "originals/2024/a.jpg", str(source), link=link, fsync=fsync)
    kept = library / ".watcher/trash" / tokens[0] / "originals/2024/a.jpg"
    assert kept.read_bytes() == b"as dropped"
    assert kept.samefile(source) == link
    assert source.exists()
    assert _files(library / ".watcher" / "tmp") == {}
    assert trash.empty(str(library), 1, NOW + 2 * DAY) == 1
    assert source.read_bytes() == b"as dropped"


def test_a_file_with_another_name_may_change_and_is_copied(library: Path) -> None:
    source, other = library / "dropped.jpg", library / "outside.jpg"
    other.write_bytes(b"as dropped")
    source.hardlink_to(other)
    trash.keep(str(library), trash.new_token(NOW), "originals/a.jpg", str(source), link=True, fsync=True)
    with other.open("ab") as writer:
        writer.write(b" and changed")
    assert list(_files(library / ".watcher/trash").values()) == [b"as dropped"]


def test_what_cannot_be_kept_is_a_sentence(library: Path) -> None:
    with pytest.raises(UnavailableError, match=r"gone\.jpg cannot be kept in the trash of .*: No such file"):
        trash.keep(str(library), "token", "originals/a.jpg", str(library / "gone.jpg"), link=True, fsync=True)
    assert _files(library / ".watcher") == {}


def test_a_library_without_a_trash_has_nothing_to_empty(tmp_path: Path) -> None:
    assert trash.empty(str(tmp_path), 0, NOW) == 0
