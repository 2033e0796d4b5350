"""`watcher render`: one on demand, those that a changed configuration outdates, and what there is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture
from tests.end_to_end.stock import Stock
from watcher.errors import ConfigError
from watcher.model import Limits
from watcher.processing import image
from watcher.settings import flags

FILES = {f"{word}.jpg": picture(word, size=(640, 400)) for word in ("beach", "snow", "sand")}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return Stock(tmp_path_factory.mktemp("stock"), FILES)


@pytest.fixture
def filled(stock: Stock) -> Home:
    return stock.fresh()


def _rendered(home: Home, *arguments: str) -> Path:
    done = home.watcher("render", *arguments)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.decode().splitlines()
    return Path(line)


def _size(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        opened = image.Picture(file, "jpeg", Limits())
    return opened.width, opened.height


def _asset(home: Home, name: str) -> dict[str, Any]:
    return next(asset for asset in home.assets() if asset["name"] == name)


def _configure(home: Home, recipes: str, wanted: str = '["preview", "thumb"]') -> None:
    """Change the configuration as a person does."""
    text = home.config.read_text().partition("[recipes")[0]
    lines = [line for line in text.splitlines() if not line.startswith("recipes = ")]
    at = lines.index('path = "inbox"') + 1
    home.config.write_text("\n".join([*lines[:at], f"recipes = {wanted}", *lines[at:], recipes, ""]))


def _plan(home: Home) -> dict[str, tuple[int, int]]:
    """By recipe: how many are to be made, and how many of them there never were."""
    return {row["recipe"]: (row["count"], row["missing"]) for row in home.json("render", "--outdated", "--dry-run")}


def _stamps(home: Home, recipe: str) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (home.library / recipe).rglob("*.jpg")}


# -- one on demand -----------------------------------------------------------------------------------------------------


def test_a_rendition_is_made_once_kept_and_found_in_the_catalog(filled: Home) -> None:
    asked = ("beach.jpg", "--size", "320x240", "--mode", "fill", "--quality", "80")
    path = _rendered(filled, *asked)
    assert path.is_relative_to(filled.library / "320x240-fill-q80")
    assert _size(path) == (320, 240)
    before = path.stat()
    assert _rendered(filled, *asked) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it was made again"
    renditions = _asset(filled, "beach.jpg")["renditions"]
    assert renditions["320x240-fill-q80"] == str(path)
    assert set(renditions) == {"320x240-fill-q80", "preview", "thumb"}


def test_the_second_time_the_original_is_not_even_read(filled: Home) -> None:
    asked = ("beach.jpg", "--size", "320x240", "--mode", "fill")
    path = _rendered(filled, *asked)
    os.truncate(_asset(filled, "beach.jpg")["path"], 0)
    before = path.stat()
    assert _rendered(filled, *asked) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert filled.watcher("render", "beach.jpg", "--size", "99").returncode == 1, "another one cannot be made of it"


def test_what_is_lost_is_made_again_and_what_the_daemon_made_is_not(filled: Home) -> None:
    path = Path(_asset(filled, "beach.jpg")["renditions"]["preview"])
    before = path.read_bytes(), path.stat().st_ino
    assert _rendered(filled, "beach.jpg", "--recipe", "preview") == path
    assert (path.read_bytes(), path.stat().st_ino) == before
    path.unlink()
    assert _rendered(filled, "beach.jpg", "--recipe", "preview") == path
    assert path.read_bytes() == before[0], "the command and the daemon make the same"


def test_every_format_has_its_own_file_and_name(filled: Home) -> None:
    begins = {"png": b"\x89PNG", "webp": b"RIFF", "avif": b"\0\0\0"}
    for name, start in begins.items():
        path = _rendered(filled, "beach.jpg", "--size", "50", "--format", name)
        assert path.is_relative_to(filled.library / f"50-fit-q82-{name}")
        assert path.suffix == f".{name}"
        assert path.read_bytes().startswith(start)
    assert _rendered(filled, "beach.jpg", "--size", "50", "--format", "same").suffix == ".jpg"


def test_several_assets_and_all_that_a_name_means_are_rendered(filled: Home) -> None:
    done = filled.watcher("render", "1", "snow.jpg", "thumb/nothing.jpg", "--size", "99")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == len({1, _asset(filled, "snow.jpg")["id"]})
    assert b"no asset is called 'thumb/nothing.jpg'" in done.stderr


def test_a_lost_original_is_a_sentence_that_says_what_to_do(filled: Home) -> None:
    asset = _asset(filled, "beach.jpg")
    Path(asset["path"]).unlink()
    done = filled.watcher("render", "beach.jpg", "snow.jpg", "--size", "99")
    assert done.returncode == 1
    assert f"{asset['path']} is missing: drop the picture again, or forget it" in done.stderr.decode()
    assert f"watcher remove {asset['id']}" in done.stderr.decode()
    assert len(done.stdout.splitlines()) == 1, "the other one is made"


def test_a_library_that_cannot_be_written_is_a_sentence(filled: Home) -> None:
    (filled.library / "77-fit-q82").write_bytes(b"in the way")
    done = filled.watcher("render", "beach.jpg", "--size", "77")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no rendition can be kept in the library: Not a directory" in done.stderr
    assert set(_asset(filled, "beach.jpg")["renditions"]) == {"preview", "thumb"}


def test_a_library_that_is_mounted_read_only_gives_what_it_has_and_changes_nothing(filled: Home) -> None:
    protect = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'

    def protected(*arguments: str) -> tuple[int, str]:
        line = ["unshare", "-Urm", "sh", "-c", protect, str(filled.library), *filled.line(*arguments)]
        done = subprocess.run(line, capture_output=True, env=filled.environment(), timeout=60)
        return done.returncode, (done.stdout + done.stderr).decode()

    before = sorted(filled.library.rglob("*.jpg"))
    preview = _asset(filled, "beach.jpg")["renditions"]["preview"]
    assert protected("render", "beach.jpg", "--recipe", "preview") == (0, f"{preview}\n")
    code, said = protected("render", "beach.jpg", "--size", "50")
    assert code in (1, 2) and re.search("cannot|can be kept", said) and "fault of the program" not in said
    code, said = protected("remove", "beach.jpg")
    assert code in (1, 2) and "cannot" in said and "fault of the program" not in said
    assert sorted(filled.library.rglob("*.jpg")) == before
    assert len(filled.assets()) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say what: ASSET..., or --outdated, or --list"),
        (["1"], "say how: --recipe NAME, or --size N"),
        (["1", "--quality", "80"], "say how"),
        (["1", "--recipe", "thumb", "--size", "80"], "say how"),
        (["1", "--recipe", "thumb", "--quality", "80"], "--quality goes with ASSET and --size only"),
        (["--outdated", "--list"], "say what"),
        (["--list", "--size", "80"], "--size goes with ASSET"),
        (["--list", "--dry-run"], "--dry-run goes with --outdated only"),
        (["--list", "--recipe", "thumb"], "--recipe goes with ASSET only"),
        (["1", "--size", "80", "--json"], "--json goes with"),
        (["1", "--recipe", "poster"], "there is no recipe 'poster': there are preview, thumb"),
        (["1", "--size", "huge"], "--size must be pixels such as 1600"),
        (["1", "--size", "80", "--quality", "0"], "--quality must be at least 1, not 0"),
        (["1", "--size", "80", "--mode", "fill"], '--mode "fill" needs a box'),
    ],
)
def test_flags_that_make_no_sense_are_refused(home: Home, arguments: list[str], sentence: str) -> None:
    done = home.watcher("render", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr.decode()


def test_flags_name_the_recipe_that_they_make() -> None:
    assert flags.recipe({"size": "640x480", "mode": "fill", "quality": 80}).name == "640x480-fill-q80"
    assert flags.recipe({"size": "0800"}).name == "800-fit-q82"
    assert flags.recipe({"size": "80", "format": "webp"}).name == "80-fit-q82-webp"
    with pytest.raises(ConfigError, match=r"--size .*\n.*--quality "):
        flags.recipe({"size": "x", "quality": 500})


# -- what a changed configuration outdates -----------------------------------------------------------------------------


def test_only_what_a_changed_recipe_affects_is_made_anew(filled: Home) -> None:
    assert _plan(filled) == {}
    before = _stamps(filled, "preview"), _stamps(filled, "thumb")
    _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
    assert _plan(filled) == {"thumb": (3, 0)}
    assert (_stamps(filled, "preview"), _stamps(filled, "thumb")) == before, "a dry run does nothing"
    done = filled.watcher("render", "--outdated")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [b"thumb", b"3", b"0", *done.stdout.split()[3:]]
    assert _stamps(filled, "preview") == before[0]
    assert {_size(path) for path in (filled.library / "thumb").rglob("*.jpg")} == {(50, 31)}
    assert _plan(filled) == {}
    again = filled.watcher("render", "--outdated")
    assert (again.returncode, again.stderr) == (0, b"all renditions are as configured\n")


def test_on_a_terminal_it_shows_how_far_it_is(filled: Home) -> None:
    _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
    seen = filled.on_terminal("render", "--outdated")
    assert seen.startswith(b"recipe  count  missing")
    assert b"3/3" in seen
    assert b"/3" not in filled.watcher("render", "--outdated").stderr


def test_bytes_are_counted_before_anything_is_done(filled: Home) -> None:
    _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
    (row,) = filled.json("render", "--outdated", "--dry-run")
    thumbs = [path.stat().st_size for path in (filled.library / "thumb").rglob("*.jpg")]
    assert row["bytes"] == sum(thumbs)
    assert row["original_bytes"] == sum(map(len, FILES.values()))


def test_a_recipe_that_an_inbox_begins_to_want_is_made_for_its_pictures(filled: Home) -> None:
    filled.watcher("render", "beach.jpg", "--size", "99")
    _configure(filled, "[recipes.small]\nsize = 60\n[recipes.unwanted]\nsize = 70\n", '["preview", "small"]')
    assert _plan(filled) == {"small": (3, 3)}
    assert filled.watcher("render", "--outdated").returncode == 0
    assert set(_asset(filled, "snow.jpg")["renditions"]) == {"preview", "small", "thumb"}
    assert not (filled.library / "unwanted").exists()
    assert {row["recipe"]: (row["count"], row["outdated"]) for row in filled.json("render", "--list")} == {
        "99-fit-q82": (1, None),
        "preview": (3, 0),
        "small": (3, 0),
        "thumb": (3, 0),
        "unwanted": (0, 0),
    }


def test_the_list_counts_the_bytes_that_lie_there(filled: Home) -> None:
    for row in filled.json("render", "--list"):
        sizes = [path.stat().st_size for path in (filled.library / row["recipe"]).rglob("*.jpg")]
        assert (row["count"], row["bytes"]) == (len(sizes), sum(sizes))
    assert filled.watcher("render", "--list").stdout.splitlines()[0].startswith(b"preview\t3\t")


def test_one_that_cannot_be_made_stops_none_of_the_others(filled: Home) -> None:
    _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
    lost = Path(_asset(filled, "snow.jpg")["path"])
    lost.unlink()
    done = filled.watcher("render", "--outdated")
    assert done.returncode == 1
    assert f"{lost} is missing" in done.stderr.decode()
    assert _plan(filled) == {"thumb": (1, 0)}


def test_killed_in_the_middle_it_goes_on_where_it_ended(filled: Home) -> None:
    _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
    before = _stamps(filled, "thumb")

    def made() -> int:
        return sum(before[name] != inode for name, inode in _stamps(filled, "thumb").items())

    with subprocess.Popen(
        filled.line("render", "--outdated"), stdout=subprocess.PIPE, env=filled.environment()
    ) as command:
        wait_for(lambda: made() > 0 or command.poll() is not None, what="the first to be made")
        os.kill(command.pid, signal.SIGKILL)
    first, finished = _stamps(filled, "thumb"), made()
    left = _plan(filled).get("thumb", (0, 0))[0]
    # the one that was just put, but not written down, is made a second time
    assert 3 - finished <= left <= 3 - finished + 1
    assert filled.watcher("render", "--outdated").returncode == 0
    assert made() == 3
    kept = sum(first[name] == inode for name, inode in _stamps(filled, "thumb").items() if first[name] != before[name])
    assert kept == 3 - left
    assert _plan(filled) == {}


def test_it_works_beside_a_running_daemon(filled: Home) -> None:
    with filled.running():
        _configure(filled, "[recipes.thumb]\nsize = 50\nmode = 'fit'\n")
        with subprocess.Popen(filled.line("render", "--outdated"), env=filled.environment()) as command:
            names = [f"new {number}.jpg" for number in range(6)]
            for name in names:
                filled.drop(name, picture(name))
            assert command.wait(60) == 0
        for name in names:
            filled.wait_until(name, "done")
    assert len(filled.assets()) == 9
    assert {_size(Path(_asset(filled, name)["renditions"]["thumb"])) for name in FILES} == {(50, 31)}
    # the daemon ran with the settings that it read at its start: what it took behind the command's back is left over
    assert filled.watcher("render", "--outdated").returncode == 0
    assert {_size(Path(asset["renditions"]["thumb"])) for asset in filled.assets()} == {(50, 31), (50, 38)}
    assert _plan(filled) == {}
