"""Removing an asset: whatever it dies of and wherever, nothing is lost and a second removal finishes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher import removing
from watcher.db import connect, wording
from watcher.db.catalog import Catalog
from watcher.db.journal import Journal, Patience
from watcher.errors import UnavailableError
from watcher.model import Claim, Facts, Picture, Rendition
from watcher.storage import trash

FILES = {"originals/a.jpg": b"original", "preview/a.jpg": b"preview", "thumb/a.jpg": b"thumb"}


class Crash(BaseException):
    """The process dies here."""


class Site:
    """A library with one asset of three files, taken by one job."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".watcher").mkdir(parents=True)
        for key, content in FILES.items():
            (root / key).parent.mkdir()
            (root / key).write_bytes(content)
        self.db = connect.open_writer(str(root / ".watcher/watcher.db"))
        journal = Journal(self.db, Patience())
        journal.add([(journal.inbox("/in", "phone"), Claim("token", "/in", "a.jpg", "/spool/a.jpg", 8))])
        (job,) = journal.start(1, [1])
        renditions = tuple(Rendition(name, f"{name}/a.jpg", 3, 2, 9) for name in ("preview", "thumb"))
        picture = Picture("d1", "originals/a.jpg", "jpeg", 8, 6, 4, Facts(title="Sunset"), renditions)
        self.asset = Catalog(self.db).add(picture, job.id)
        journal.finish(job.id, job.attempt, "done", asset=self.asset)

    def remove(self) -> list[str]:
        """As a process of its own would: with a connection that dies with it."""
        with connect.editing(str(self.root / ".watcher/watcher.db")) as connection:
            return removing.remove(connection, str(self.root), self.asset, trash.new_token(0))

    def rows(self) -> dict[str, int]:
        tables = ("assets", "renditions", "jobs")
        return {table: self.db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}

    def finds(self, word: str) -> list[int]:
        wording.follow(self.db)
        self.db.execute("insert into assets_fts (assets_fts) values ('integrity-check')")
        return [row[0] for row in self.db.execute("select rowid from assets_fts where assets_fts match ?", (word,))]

    def files(self) -> dict[str, bytes]:
        """All that lies in the library or its trash, by key."""
        found = {}
        for path in self.root.rglob("*.jpg"):
            below = path.relative_to(self.root).parts
            key = "/".join(below[3:] if below[0] == ".watcher" else below)
            assert key not in found, "one file in two places"
            found[key] = path.read_bytes()
        return found

    def in_library(self) -> list[str]:
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*.jpg") if ".watcher" not in p.parts)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "library")
    yield site
    site.db.close()


def test_files_go_to_the_trash_and_rows_and_words_are_gone(site: Site) -> None:
    moved = site.remove()
    assert [Path(path).read_bytes() for path in moved] == [b"preview", b"thumb", b"original"]
    assert site.in_library() == []
    assert site.rows() == {"assets": 0, "renditions": 0, "jobs": 1}
    assert site.finds("sunset") == []
    assert site.db.execute("select state, asset_id from jobs").fetchall()[0][:] == ("done", None)
    assert site.db.execute("pragma foreign_key_check").fetchall() == []


def test_a_second_removal_finds_nothing_to_do(site: Site) -> None:
    site.remove()
    assert site.remove() == []


def _dying(call: Callable[..., object], steps: Iterator[bool], *, after: bool) -> Callable[..., object]:
    def step(*arguments: object, **named: object) -> object:
        dies = next(steps)
        if dies and not after:
            raise Crash
        result = call(*arguments, **named)
        if dies:
            raise Crash
        return result

    return step


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(10))
def test_a_crash_at_any_step_loses_nothing_and_is_made_up_for(
    site: Site, number: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a rename and two flushes for each of three files, then the rows
    steps = iter([False] * number + [True])
    with monkeypatch.context() as patch:
        for home, name in ((trash, "rename_noreplace"), (trash, "fsync_directory"), (Catalog, "remove")):
            patch.setattr(home, name, _dying(getattr(home, name), steps, after=after))
        with pytest.raises(Crash):
            site.remove()
    assert site.files() == FILES
    assert site.rows() == {"assets": 1, "renditions": 2, "jobs": 1}, "rows go with the commit only"
    assert site.finds("sunset") == [site.asset]
    site.remove()
    assert site.files() == FILES
    assert site.in_library() == []
    assert site.rows() == {"assets": 0, "renditions": 0, "jobs": 1}


def test_the_steps_of_a_removal_are_the_ten_that_crash_above(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([False] * 99)
    for home, name in ((trash, "rename_noreplace"), (trash, "fsync_directory"), (Catalog, "remove")):
        monkeypatch.setattr(home, name, _dying(getattr(home, name), steps, after=False))
    site.remove()
    assert len(list(steps)) == 89


def test_an_asset_whose_file_cannot_be_moved_stays_in_the_catalog(site: Site) -> None:
    (site.root / ".watcher/trash").write_bytes(b"in the way")
    with pytest.raises(UnavailableError, match="cannot be moved to the trash"):
        site.remove()
    assert site.in_library() == sorted(FILES)
    assert site.rows()["assets"] == 1


def test_nobody_commits_about_the_files_while_they_move(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(site.root / ".watcher/watcher.db", timeout=0, isolation_level=None)
    refused: list[str] = []

    def moving(*arguments: object) -> list[str]:
        with pytest.raises(sqlite3.OperationalError, match="locked") as error:
            other.execute("begin immediate")
        refused.append(str(error.value))
        return []

    monkeypatch.setattr(trash, "move", moving)
    site.remove()
    other.close()
    assert len(refused) == 1
