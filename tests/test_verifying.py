"""What verify finds, by damage done for real; and what it must not find while others work."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture, xmp
from watcher import removing
from watcher.db import connect, holdings
from watcher.db.connect import transaction
from watcher.errors import UnavailableError
from watcher.model import Limits
from watcher.pacing import Pace
from watcher.storage import trash
from watcher.storage.local import LocalStorage
from watcher.verifying import Finding, Verifying

DROPPED = {
    "a.jpg": picture("A"),
    "a.jpg.xmp": xmp("Called A"),
    "b.png": picture("B", format="png", taken=None),
    "lone.xmp": xmp("Nobody's"),
}
A, B = "originals/2024/05/20240517-142301_a.jpg", "originals/undated/b.png"
A_XMP = "sidecars/2024/05/20240517-142301_a.jpg.xmp"
A_THUMB, B_PREVIEW = "thumb/2024/05/20240517-142301_a.jpg", "preview/undated/b.png.jpg"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("made"))
    for name, content in DROPPED.items():
        home.drop(name, content)
    home.once()
    return home.library


class Site:
    """A copy of that library, and Verifying over it, at a pace of the test's own."""

    def __init__(self, root: Path, db: sqlite3.Connection) -> None:
        self.root, self.db, self.storage = root, db, LocalStorage(str(root))

    def verify(self, pace: Pace | None = None) -> list[Finding]:
        verifying = Verifying(self.db, self.storage, Limits(), pace or Pace())
        found = [one for asset in holdings.due(self.db) for one in verifying.check(asset)]
        return [*found, *verifying.check_lone_sidecars(), *verifying.strays()]

    def said(self, pace: Pace | None = None) -> set[tuple[str, str, str]]:
        return {(one.kind, one.what, one.key) for one in self.verify(pace)}

    def checks(self) -> list[tuple[int, str | None]]:
        return [tuple(row) for row in self.db.execute("select asset_id, problem from checks order by asset_id")]

    def asset(self, key: str) -> int:
        return int(self.db.execute("select id from assets where key = ?", (key,)).fetchone()[0])


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "library"
    shutil.copytree(made, root)
    with connect.editing(str(root / ".watcher/watcher.db")) as db:
        yield Site(root, db)


def flipped(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def another(path: Path) -> None:
    path.write_bytes(picture("Another", size=(9, 9)))


def text(path: Path) -> None:
    path.write_bytes(b"text")


DAMAGE: list[tuple[Callable[[Path], object], str, str, str]] = [
    (Path.unlink, A, "missing", "original"),
    (flipped, A, "changed", "original"),
    (longer, B, "changed", "original"),
    (folder, A, "changed", "original"),
    (pipe, A, "changed", "original"),
    (Path.unlink, A_XMP, "missing", "sidecar"),
    (flipped, A_XMP, "changed", "sidecar"),
    (Path.unlink, A_THUMB, "missing", "rendition"),
    (cut, A_THUMB, "unreadable", "rendition"),
    (cut, B_PREVIEW, "unreadable", "rendition"),
    (text, A_THUMB, "unreadable", "rendition"),
    (Path.write_text, B_PREVIEW, "unreadable", "rendition"),
    (another, A_THUMB, "changed", "rendition"),
]


def test_of_a_library_that_is_well_nothing_is_said_and_each_asset_was_looked_at(site: Site) -> None:
    assert site.said() == set()
    assert site.checks() == [(1, None), (2, None)]


@pytest.mark.parametrize(("damage", "key", "kind", "what"), DAMAGE, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_found_and_written_down(
    site: Site, damage: Callable[..., object], key: str, kind: str, what: str
) -> None:
    path = site.root / key
    damage(path, "") if damage is Path.write_text else damage(path)
    assert site.said() == {(kind, what, key)}
    assert [problem for _, problem in site.checks() if problem] == [f"{kind}: {key}"]
    assert all(one.remedy and one.detail for one in site.verify())


def test_a_sidecar_that_belongs_to_nobody_is_looked_at_too(site: Site) -> None:
    (lone,) = (site.root / "sidecars/unmatched").iterdir()
    lone.unlink()
    assert site.said() == {("missing", "sidecar", f"sidecars/unmatched/{lone.name}")}


def test_what_no_row_names_is_extra_but_for_litter(site: Site) -> None:
    odd = os.fsdecode(b"odd \xe9\n.jpg")
    for key in ("originals/new.jpg", f"thumb/{odd}", "notes.txt", "originals/.DS_Store", ".watcher/anything"):
        (site.root / key).write_bytes(b"x")
    extra = {
        ("extra", "original", "originals/new.jpg"),
        ("extra", "file", "notes.txt"),
        ("extra", "file", f"thumb/{odd}"),
    }
    assert site.said() == extra


@pytest.mark.parametrize("state", ["running", "queued"])
def test_what_a_running_job_may_have_published_is_no_stray(site: Site, state: str) -> None:
    (site.root / "originals/before.jpg").write_bytes(b"x")
    began = "2100-01-01T00:00:00Z"
    site.db.execute("update jobs set state = ?, started_at = ? where id = 1", (state, began))
    assert site.said() == {("extra", "original", "originals/before.jpg")}
    site.db.execute("update jobs set started_at = '2001-01-01T00:00:00Z' where id = 1")
    assert site.said() == set()


def test_what_is_about_to_be_deleted_is_no_stray(site: Site) -> None:
    (site.root / "originals/former.jpg").write_bytes(b"x")
    site.db.execute("""update jobs set surplus = '["originals/former.jpg"]', discarded = 0 where id = 1""")
    assert site.said() == set()


class Meddling(Pace):
    """While it reads for the first time, somebody else does something."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], object] | None = meanwhile

    def read(self, path: str) -> Iterator[bytes]:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
        return super().read(path)


def test_an_asset_that_is_removed_meanwhile_is_no_loss(site: Site) -> None:
    gone = site.asset(A)
    pace = Meddling(lambda: removing.remove(site.db, str(site.root), gone, trash.new_token(0)))
    left = site.said(pace)
    assert left == set()
    assert [asset for asset, _ in site.checks()] == [site.asset(B)]


def test_an_asset_that_is_renamed_meanwhile_is_looked_at_under_its_new_name(site: Site) -> None:
    def rename() -> None:
        with transaction(site.db):
            os.rename(site.root / A, site.root / "originals/new.jpg")
            site.db.execute("update assets set key = 'originals/new.jpg' where key = ?", (A,))

    assert site.said(Meddling(rename)) == set()
    assert len(site.checks()) == 2


def test_a_file_that_is_whole_again_by_the_second_look_is_whole(site: Site) -> None:
    whole = (site.root / A).read_bytes()
    longer(site.root / A)
    assert site.said(Meddling(lambda: (site.root / A).write_bytes(whole))) == set()


def test_a_library_that_is_gone_has_lost_no_picture(site: Site) -> None:
    site.root.rename(site.root.with_name("elsewhere"))
    with pytest.raises(UnavailableError, match="is its disk mounted"):
        site.verify()
    assert site.checks() == []


def test_what_was_not_checked_for_longest_comes_first(site: Site) -> None:
    a, b = site.asset(A), site.asset(B)
    site.verify()
    site.db.execute("update checks set checked_at = '2020-01-01T00:00:00Z' where asset_id = ?", (b,))
    assert holdings.due(site.db) == [b, a]
    assert holdings.due(site.db, "2021-01-01T00:00:00Z") == [b]
    site.db.execute("delete from checks where asset_id = ?", (a,))
    assert holdings.due(site.db, "2019-01-01T00:00:00Z") == [a]


def test_a_glance_reads_no_original(site: Site) -> None:
    flipped(site.root / A)
    pace = Pace()
    verifying = Verifying(site.db, site.storage, Limits(), pace)
    assert [verifying.glance(asset) for asset in (1, 2)] == [[], []]
    assert site.checks() == []
    longer(site.root / A)
    assert [one.kind for one in verifying.glance(site.asset(A))] == ["changed"]


def test_a_rate_is_kept_over_all_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    time, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time[0] += seconds

    pace = Pace(1_000_000, lambda: time[0], sleep)
    assert b"".join(pace.read(str(tmp_path / "file"))) == bytes(3_000_000)
    assert (pace.done, round(time[0], 6)) == (3_000_000, 3.0)
    assert len(slept) == 3
    time[0] += 10  # somebody else was slow: that time is not lost
    list(pace.read(str(tmp_path / "file")))
    assert len(slept) == 3
