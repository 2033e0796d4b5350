"""`watcher remove`: into the trash, out of the catalog, and taken anew when dropped again."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture
from tests.end_to_end.stock import Stock

FILES = {"beach.jpg": picture("Beach"), "snow.jpg": picture("Snow", taken="2023:02:03 04:05:06")}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return Stock(tmp_path_factory.mktemp("stock"), FILES)


@pytest.fixture
def filled(stock: Stock) -> Home:
    return stock.fresh()


def _pictures(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*.jpg") if ".watcher" not in p.relative_to(folder).parts}


def test_what_is_removed_lies_in_the_trash_and_is_not_found_any_more(filled: Home) -> None:
    before = _pictures(filled.library)
    done = filled.watcher("remove", "beach.jpg")
    assert done.returncode == 0, done.stderr
    places = [Path(line) for line in done.stdout.decode().splitlines()]
    assert len(places) == 3
    assert all(place.is_relative_to(filled.library / ".watcher/trash") for place in places)
    assert places[-1].read_bytes() == FILES["beach.jpg"]
    left = _pictures(filled.library)
    assert before - left == {"/".join(place.relative_to(filled.library).parts[3:]) for place in places}
    assert filled.finds("beach") == []
    assert filled.finds("snow") == ["snow.jpg"]
    assert [job["asset_id"] for job in filled.jobs("beach.jpg")] == [None]


def test_dropped_again_it_is_taken_anew(filled: Home) -> None:
    path = filled.assets()[0]["path"]
    names = [asset["name"] for asset in filled.assets()]
    filled.watcher("remove", path)
    filled.drop("again.jpg", FILES[names[0]])
    assert filled.watcher("run", "--once").returncode == 0
    assert filled.states("again.jpg") == ["done"]
    assert len(filled.assets()) == 2
    assert filled.finds("again") == ["again.jpg"]


def test_it_works_beside_a_running_daemon_that_takes_the_same_picture_again(home: Home) -> None:
    with home.running():
        for number in (1, 2, 3):
            home.drop("beach.jpg", FILES["beach.jpg"])
            home.wait_until("beach.jpg", *["done"] * number)
            assert home.watcher("remove", "--yes", "beach.jpg").returncode == 0
            assert home.assets() == []
    assert _pictures(home.library) == set()
    kept = [path for path in (home.library / ".watcher/trash").rglob("*") if path.is_file()]
    assert len(kept) == 9


def test_what_there_is_not_is_a_sentence_and_the_rest_goes(filled: Home) -> None:
    done = filled.watcher("remove", "nothing.jpg", "snow.jpg")
    assert done.returncode == 1
    assert b"no asset is called 'nothing.jpg'" in done.stderr
    assert [asset["name"] for asset in filled.assets()] == ["beach.jpg"]


def test_a_name_of_two_pictures_removes_neither(filled: Home) -> None:
    filled.drop("beach.jpg", picture("Another beach"))
    filled.watcher("run", "--once")
    done = filled.watcher("remove", "beach.jpg")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"beach.jpg names 2 assets: say which by its id" in done.stderr
    assert len(filled.assets()) == 3


@pytest.mark.parametrize(("answer", "left", "code"), [(b"n\n", 2, 1), (b"\n", 2, 1), (b"y\n", 1, 0)])
def test_on_a_terminal_it_asks_first(filled: Home, answer: bytes, left: int, code: int) -> None:
    outside, inside = pty.openpty()
    line = filled.line("remove", "beach.jpg")
    with subprocess.Popen(
        line, stdin=inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=filled.environment()
    ) as run:
        os.write(outside, answer)
        _, said = run.communicate(timeout=60)
    os.close(inside)
    os.close(outside)
    assert b"beach.jpg" in said and b"Move to the trash? [y/N]" in said
    assert run.returncode == code
    assert len(filled.assets()) == left


def test_without_a_catalog_there_is_nothing_to_remove(home: Home) -> None:
    done = home.watcher("remove", "1")
    assert done.returncode == 2
    assert b"no catalog at" in done.stderr
