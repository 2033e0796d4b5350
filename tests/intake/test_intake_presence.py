"""Whether an inbox is there, and how it is taken up again: each way in which its folder can go wrong and come back."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher.errors import ConfigError
from watcher.intake.presence import Presence
from watcher.intake.spool import Spool

OWNER = "/library"
Make = Callable[..., Presence]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def make(root: Path) -> Iterator[Make]:
    made: list[Presence] = []

    def make(marker: str = "") -> Presence:
        made.append(Presence(str(root), Spool(str(root), lambda: 1.0), marker))
        return made[-1]

    yield make
    for presence in made:
        presence.close()


def spooled(root: Path) -> Path:
    """A file in the spool of the inbox, as a claim leaves it."""
    (root / ".watcher/spool/token").mkdir(parents=True)
    (root / ".watcher/spool/token/a.jpg").write_bytes(b"x")
    return root / ".watcher/spool/token/a.jpg"


def test_before_it_is_open_it_cannot_be_used(make: Make) -> None:
    presence = make()
    assert "is not open" in (presence.problem() or "")
    presence.open(OWNER)
    assert presence.is_open and presence.problem() is None
    presence.close()
    assert not presence.is_open


def test_a_folder_that_goes_is_a_problem_until_it_is_back(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    away = root.rename(root.parent / "away")
    assert "is not there (No such file or directory)" in (presence.problem() or "")
    assert not presence.seek(OWNER, spooled=True)
    away.rename(root)
    assert presence.problem() is None


def test_a_file_in_its_place_is_a_problem(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    root.rename(root.parent / "away")
    root.write_bytes(b"x")
    assert "is not there (it is no folder)" in (presence.problem() or "")


def test_another_folder_in_its_place_is_not_taken_for_it(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    root.rename(root.parent / "away")
    root.mkdir()
    (root / "holiday.jpg").write_bytes(b"x")
    assert "another folder" in (presence.problem() or "")
    for found in (True, False):
        assert not presence.seek(OWNER, spooled=found)
    assert os.listdir(root) == ["holiday.jpg"]


def test_another_folder_with_another_spool_of_the_same_library_is_not_taken_for_it(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    root.rename(root.parent / "away")
    root.mkdir()
    other = make()
    other.open(OWNER)
    other.close()
    assert not presence.seek(OWNER, spooled=True)
    assert "another folder" in (presence.problem() or "")


def test_its_spool_in_another_folder_is_taken_up_as_after_a_new_mount(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    file = spooled(root)
    away = root.rename(root.parent / "away")
    shutil.copytree(away, root)
    assert presence.problem() is not None
    assert presence.seek(OWNER, spooled=True), "other inodes, the same spool"
    assert presence.problem() is None
    assert file.read_bytes() == b"x"
    assert not presence.seek(OWNER, spooled=True), "it is open"


def test_its_spool_that_another_daemon_has_by_now_is_left_to_that_one(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    away = root.rename(root.parent / "away")
    shutil.copytree(away, root)
    other = make()
    other.open(OWNER)
    assert not presence.seek(OWNER, spooled=False)
    assert "another daemon" in (presence.problem() or "")
    other.close()
    assert presence.seek(OWNER, spooled=False)


def test_a_spool_that_is_lost_is_a_problem_until_it_is_back(make: Make, root: Path) -> None:
    presence = make()
    presence.open(OWNER)
    (root / ".watcher/spool").rename(root / "elsewhere")
    assert ".watcher/spool" in (presence.problem() or "")
    (root / "elsewhere").rename(root / ".watcher/spool")
    assert presence.problem() is None


def test_where_the_unfinished_files_of_an_inbox_are_not_it_cannot_be(make: Make, root: Path) -> None:
    presence = make()
    assert presence.is_away(spooled=True)
    assert "no .watcher/spool" in (presence.problem() or "")
    assert os.listdir(root) == [], "a bare mount point stays bare"
    assert not presence.seek(OWNER, spooled=True)
    spooled(root)
    assert presence.seek(OWNER, spooled=True)
    assert presence.problem() is None


def test_an_inbox_without_its_marker_is_not_there(make: Make, root: Path) -> None:
    presence = make(".mounted")
    assert presence.is_away(spooled=False)
    assert "lacks its marker .mounted" in (presence.problem() or "")
    (root / ".mounted").touch()
    assert presence.seek(OWNER, spooled=False)
    assert presence.problem() is None
    (root / ".mounted").unlink()
    assert "lacks its marker" in (presence.problem() or "")


def test_a_folder_that_is_not_there_is_refused_in_one_sentence(make: Make, root: Path) -> None:
    root.rmdir()
    with pytest.raises(ConfigError, match="does not exist"):
        make().open(OWNER)
    root.write_bytes(b"x")
    with pytest.raises(ConfigError, match="is not a folder"):
        make().open(OWNER)


def test_an_inbox_behind_a_link_is_the_folder_that_it_leads_to(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    link = tmp_path / "link"
    link.symlink_to("first")
    presence = Presence(str(link), Spool(str(link), lambda: 1.0))
    presence.open(OWNER)
    assert presence.problem() is None
    link.unlink()
    link.symlink_to("second")
    assert "another folder" in (presence.problem() or "")
    presence.close()
