"""Renditions of what is in the library: what happens to them while the catalog changes, or the process dies."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.pictures import picture
from watcher import rendering
from watcher.db import connect
from watcher.db.catalog import Catalog
from watcher.db.journal import Journal, Patience
from watcher.errors import RejectedError, RetryError
from watcher.model import Claim, Facts, Limits, Picture, Recipe, Rendition
from watcher.processing import developing
from watcher.processing.developing import render
from watcher.storage.local import LocalStorage

CONTENT = picture("Beach", size=(60, 40))
SMALL = Recipe("small", size="30")
KEY = "originals/2024/a.jpg"


class Crash(BaseException):
    """The process dies here."""


class Site:
    """A library with one asset, that came by the inbox "phone" and has one rendition."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".watcher").mkdir(parents=True)
        (root / KEY).parent.mkdir(parents=True)
        (root / KEY).write_bytes(CONTENT)
        self.storage = LocalStorage(str(root))
        self.db = connect.open_writer(str(root / ".watcher/watcher.db"))
        journal = Journal(self.db, Patience())
        journal.add([(journal.inbox("/in", "phone"), Claim("token", "/in", "a.jpg", "/spool/a.jpg", 8))])
        made = Rendition("thumb", "thumb/2024/a.jpg", 6, 4, 9, Recipe("thumb", size="6").fingerprint())
        taken = Picture("d1", KEY, "jpeg", len(CONTENT), 60, 40, Facts(), (made,))
        self.asset = Catalog(self.db).add(taken, 1)

    def make(self, *recipes: Recipe) -> list[str]:
        order = rendering.order(self.db, self.asset, *recipes)
        return rendering.make(self.db, self.storage, order, Limits())

    def rows(self) -> dict[str, str]:
        return dict(self.db.execute("select recipe, key from renditions").fetchall())

    def due(self, *recipes: Recipe, phone: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        """The names of the recipes that are ordered, for each asset."""
        orders, _ = rendering.outdated(self.db, recipes, {"phone": phone})
        return [tuple(recipe.name for recipe in order.recipes) for order in orders]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "library")
    yield site
    site.db.close()


def test_all_recipes_of_an_order_are_kept_and_written_down(site: Site) -> None:
    assert site.make(SMALL, Recipe("tiny", size="9")) == ["small/2024/a.jpg", "tiny/2024/a.jpg"]
    assert site.rows() == {name: f"{name}/2024/a.jpg" for name in ("thumb", "small", "tiny")}
    made = render(str(site.root / KEY), "jpeg", (SMALL,), Limits())[0][0]
    assert (site.root / "small/2024/a.jpg").read_bytes() == made.content
    assert rendering.standing(site.db, site.storage, site.asset, SMALL) == "small/2024/a.jpg"


def test_what_does_not_stand_as_it_was_made_is_not_taken_for_it(site: Site) -> None:
    assert rendering.standing(site.db, site.storage, site.asset, SMALL) is None
    site.make(SMALL)
    assert rendering.standing(site.db, site.storage, site.asset, replace(SMALL, quality=50)) is None
    (site.root / "small/2024/a.jpg").write_bytes(b"half")
    assert rendering.standing(site.db, site.storage, site.asset, SMALL) is None


def test_an_asset_that_was_removed_meanwhile_gets_no_files(site: Site) -> None:
    order = rendering.order(site.db, site.asset, SMALL)
    Catalog(site.db).remove(site.asset)
    with pytest.raises(RetryError, match=r"a\.jpg was removed or replaced meanwhile"):
        rendering.make(site.db, site.storage, order, Limits())
    assert not (site.root / "small").exists()
    with pytest.raises(RetryError, match="was removed meanwhile"):
        rendering.order(site.db, site.asset, SMALL)


def test_an_asset_that_has_another_original_now_gets_no_files_of_the_former(site: Site) -> None:
    order = rendering.order(site.db, site.asset, SMALL)
    site.db.execute("update assets set key = 'originals/2024/b.jpg'")
    with pytest.raises(RetryError, match="removed or replaced meanwhile"):
        rendering.make(site.db, site.storage, order, Limits())
    assert not (site.root / "small").exists()


def test_what_was_not_written_down_is_made_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*arguments: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "put_rendition", dying)
        with pytest.raises(Crash):
            site.make(SMALL)
    assert "small" not in site.rows()
    assert site.due(SMALL, phone=("small",)) == [("small",)]
    site.make(SMALL)
    assert site.due(SMALL, phone=("small",)) == []
    assert [path.name for path in (site.root / ".watcher/tmp").iterdir()] == []


def test_a_recipe_of_another_format_leaves_no_file_of_the_former(site: Site) -> None:
    site.make(SMALL)
    assert site.make(replace(SMALL, format="webp")) == ["small/2024/a.jpg.webp"]
    assert [path.name for path in (site.root / "small").rglob("*.*")] == ["a.jpg.webp"]
    assert site.rows()["small"] == "small/2024/a.jpg.webp"


def test_a_daemon_that_starts_waits_for_it_as_for_a_worker(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put, seen = LocalStorage.put, []

    def watched(*arguments: object, **named: object) -> None:
        with (site.root / ".watcher/workers.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(arguments[1])
        put(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalStorage, "put", watched)
    site.make(SMALL)
    assert seen == ["small/2024/a.jpg"]
    with (site.root / ".watcher/workers.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_decoding_holds_up_no_other_writer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(site.root / ".watcher/watcher.db", timeout=0, isolation_level=None)

    def slow(*arguments: object) -> object:
        other.execute("begin immediate")
        other.execute("rollback")
        return render(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(developing, "render", slow)
    assert site.make(SMALL) == ["small/2024/a.jpg"]
    other.close()


@pytest.mark.parametrize("content", [b"", CONTENT[:300], b"not a picture"])
def test_an_original_that_cannot_be_rendered_is_a_sentence_and_writes_nothing(site: Site, content: bytes) -> None:
    (site.root / KEY).write_bytes(content)
    with pytest.raises(RejectedError, match=r"originals/2024/a\.jpg: .*picture"):
        site.make(SMALL)
    assert set(site.rows()) == {"thumb"}


def test_only_other_settings_and_what_the_inbox_wants_are_outdated(site: Site) -> None:
    as_it_is = Recipe("thumb", size="6")
    assert site.due(as_it_is, SMALL, phone=("thumb",)) == []
    assert site.due(as_it_is, SMALL, phone=("thumb", "small")) == [("small",)]
    changed = replace(as_it_is, quality=50)
    assert site.due(changed, SMALL, phone=("thumb", "small")) == [("thumb", "small")]
    assert site.due(changed) == [("thumb",)], "its inbox wants it no more, but there it is"
    site.db.execute("update assets set inbox = 'card'")
    assert site.due(SMALL, phone=("small",)) == []


@pytest.mark.parametrize("what", ["flags = '[\"no_renditions\"]'", "format = 'video'", "format = 'other'"])
def test_what_has_no_picture_to_render_is_not_missing_any(site: Site, what: str) -> None:
    site.db.execute(f"update assets set {what}")
    assert site.due(SMALL, phone=("small",)) == []


def test_a_rebuilding_is_counted_in_renditions_and_bytes(site: Site) -> None:
    changed = Recipe("thumb", size="7")
    _, shares = rendering.outdated(site.db, (changed, SMALL), {"phone": ("thumb", "small")})
    assert shares == [
        rendering.Share("thumb", count=1, missing=0, bytes=9, original_bytes=len(CONTENT)),
        rendering.Share("small", count=1, missing=1, bytes=0, original_bytes=len(CONTENT)),
    ]
