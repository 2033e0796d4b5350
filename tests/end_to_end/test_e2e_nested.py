"""Zips inside zips, hostile zips, and a daemon killed among them: each member has an end, and no byte is lost."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture, takeout, xmp, zipped


def nested(depth: int, stem: str) -> bytes:
    """A picture in a zip, with another picture in a zip, and so on."""
    content = zipped({f"{stem} {depth}.jpg": picture(f"{stem} {depth}")})
    for level in range(depth - 1, 0, -1):
        content = zipped({f"{stem} {level}.jpg": picture(f"{stem} {level}"), f"in/{stem} {level}.zip": content})
    return content


def test_zips_are_opened_inside_zips_down_to_the_limit_and_what_is_deeper_is_kept(watched: Home) -> None:
    watched.drop("deep.zip", nested(5, "deep"))
    watched.wait_for_rest()
    assert set(watched.finds("deep")) == {f"deep {level}.jpg" for level in (1, 2, 3)}
    kept = watched.failed / "deep.zip" / "deep 3.zip"
    with zipfile.ZipFile(kept) as archive:
        assert archive.read("deep 4.jpg") == picture("deep 4")
    assert "limits.zip_depth allows 3" in Path(f"{kept}.error.txt").read_text()
    assert watched.states("deep.zip") == watched.states("deep 1.zip") == watched.states("deep 2.zip") == ["done"]
    kept.rename(watched.inbox / "deep 3.zip")
    watched.wait_for_rest()
    assert set(watched.finds("deep")) == {f"deep {level}.jpg" for level in range(1, 6)}


def test_what_is_wrong_with_an_inner_zip_costs_that_one_alone(watched: Home) -> None:
    cut = zipped({"lost.jpg": picture("Lost")})[:-30]
    inner = zipped({"inner good.jpg": picture("Inner good"), "inner bad.jpg": b"no picture"})
    watched.drop("outer.zip", zipped({"cut.zip": cut, "inner.zip": inner, "beside.jpg": picture("Beside")}))
    watched.wait_for_rest()
    assert watched.states("outer.zip") == watched.states("inner.zip") == ["done"]
    failed = watched.failed / "outer.zip"
    assert (failed / "cut.zip").read_bytes() == cut
    assert (failed / "inner bad.jpg").read_bytes() == b"no picture"
    assert len(watched.finds("inner good")) == len(watched.finds("beside")) == 1


def quine_like(times: int) -> bytes:
    """A zip with two copies of itself, as often as that: without a limit it would never end."""
    content = zipped({"q.jpg": picture("Quine")})
    for _ in range(times):
        content = zipped({"a.zip": content, "b.zip": content})
    return content


def test_a_zip_that_multiplies_ends(watched: Home) -> None:
    watched.drop("quine.zip", quine_like(6))
    watched.wait_for_rest()
    assert watched.states("quine.zip") == ["done"]
    assert watched.finds("quine") == []
    assert {path.suffix for path in (watched.failed / "quine.zip").iterdir()} == {".zip", ".txt"}


def test_too_many_members_refuse_the_zip_whole(home: Home) -> None:
    home.config.write_text(home.config.read_text() + "[limits]\nzip_members = 10\n")
    many = zipped({f"{number}.jpg": picture(str(number)) for number in range(11)})
    home.drop("many.zip", many)
    home.once(3)
    assert (home.failed / "many.zip").read_bytes() == many
    assert "limits.zip_members" in (home.failed / "many.zip.error.txt").read_text()
    assert home.assets() == []


# -- the collection of hostile archives ------------------------------------------------------------------------------

CROWDED = {"gen_2000_entries.zip", "gen_bomb_entries_5000.zip"}  # thousands of letters, each of which would be kept
JOBS = """select id, name, state, parent_id, root_id, lodged, left_at, asset_id, listed,
  exists (select 1 from sidecars where job_id = jobs.id) as is_sidecar from jobs where kind = 'file'"""


@pytest.mark.corpus
def test_each_archive_of_the_collection_ends_and_each_member_of_it(home: Home, corpus: Path) -> None:
    found = (path for folder in ("archives", "hostile-archives") for path in (corpus / folder).iterdir())
    dropped = {path.name: path for path in found if path.name not in CROWDED}
    for name, path in dropped.items():
        shutil.copyfile(path, home.inbox / name)
    home.once(3)
    jobs = home.rows(JOBS)
    roots = {job["name"]: job for job in jobs if job["root_id"] is None}
    assert set(roots) == set(dropped)
    for name, job in roots.items():
        members = [each for each in jobs if each["root_id"] == job["id"]]
        unsafe = [each["name"] for each in members if not is_safe(home, each)]
        if job["state"] == "failed":
            assert left(home, job).read_bytes() == dropped[name].read_bytes()
        else:
            assert (job["state"], unsafe) == ("done", []), name
            assert counts(dropped[name]) <= {sum(each["parent_id"] == job["id"] for each in members)}, name
    assert not home.waiting()
    outside = {path.name for path in home.root.iterdir()} - {"inbox", "library", "watcher.toml"}
    assert outside == set(), "something was written by a member's path"


def left(home: Home, job: dict[str, Any]) -> Path:
    """Where a failed file lies: under another name when a folder of its members has its own."""
    return home.inbox / os.fsdecode(job["left_at"])


def is_safe(home: Home, job: dict[str, Any]) -> bool:
    """Whether a member is in the library, litter, open itself, or lies in a file of its own."""
    match job["state"]:
        case "done" | "duplicate":
            return bool(job["asset_id"] or job["is_sidecar"] or job["listed"])
        case "failed":
            return bool(job["lodged"]) and left(home, job).is_file()
        case state:
            return bool(state == "ignored")


def counts(path: Path) -> set[int]:
    """How many members there are, as another reader sees it; one that sees nothing would agree with any number."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {sum(not one.filename.endswith("/") for one in archive.infolist())}
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return set()


# -- killed ----------------------------------------------------------------------------------------------------------


def export(stem: str, size: int) -> dict[str, bytes]:
    files = {}
    for number in range(size):
        name = f"{stem}{number:02}.jpg"
        files[name] = picture(name, size=(16, 12))
        files[f"{name}.xmp"] = xmp(f"Edited {name}", taken=f"2020-01-02T03:04:{number:02}")
        files[f"{name}.json"] = takeout(name, description=f"Told of {name}")
    return files


@pytest.mark.parametrize("stop", range(2))
def test_a_daemon_that_is_killed_among_sidecars_and_nested_zips_goes_on_where_it_was(home: Home, stop: int) -> None:
    content = zipped({**export("a", 12), "bad.jpg": b"no picture", "in.zip": zipped(export("b", 12))})
    home.drop("export.zip", content)
    for done in itertools.accumulate([3 + 4 * stop, 9, 9]):
        with home.running() as daemon:
            wait_for(functools.partial(has_ended, home, done), what=f"{done} jobs to end")
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.process.wait()
    home.watcher("run", "--once")
    expected = {name: content for stem in "ab" for name, content in export(stem, 12).items() if name.endswith(".jpg")}
    found = {row["name"]: row for row in home.assets()}
    assert {name: row["digest"] for name, row in found.items()} == {n: digest(c) for n, c in expected.items()}
    for name, row in found.items():
        assert (row["title"], row["description"]) == (f"Edited {name}", f"Told of {name}")
        assert Path(row["path"]).read_bytes() == expected[name]
    names = {home.key(row["path"]).partition("/")[2] for row in found.values()}
    assert home.library_files() == {
        *(f"{folder}/{name}" for folder in ("originals", "preview", "thumb") for name in names),
        *(f"sidecars/{name}.{kind}" for kind in ("xmp", "json") for name in names),
    }
    assert all(home.key(path) in home.library_files() for row in found.values() for path in row["renditions"].values())
    assert all(name.startswith("2020/01/20200102-0304") for name in names)
    assert (home.failed / "export.zip" / "bad.jpg").read_bytes() == b"no picture"
    assert {path.name for path in home.failed.rglob("*")} == {"export.zip", "bad.jpg", "bad.jpg.error.txt"}
    assert home.rows("select name from jobs where discarded = 0 or announced = 0") == []
    assert home.rows("select name, count(*) as n from jobs where kind = 'file' group by name having n > 1") == []


def has_ended(home: Home, jobs: int) -> bool:
    return len(home.rows("select id from jobs where finished_at is not null")) >= jobs
