"""What must be apart is refused before anything is touched: two daemons, two libraries, folders inside each other.

By whichever way a folder is reached: by its path, by a link, by a mount of a part of another.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.lawful import assert_doctor_finds_nothing, assert_lawful
from tests.end_to_end.pictures import picture
from tests.ledger_law import Drop


def assert_refused(result: subprocess.CompletedProcess[bytes], words: str) -> None:
    said = result.stderr.decode()
    assert result.returncode == 2, said
    assert re.search(words, said), said
    assert all(line.startswith("watcher: ") for line in said.splitlines()), said


def test_a_second_daemon_is_refused_by_whichever_path_it_comes_to_the_library(watched: Home, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(watched.library)
    inbox = tmp_path / "its own inbox"
    inbox.mkdir()
    dropped = inbox / "dropped.jpg"
    dropped.write_bytes(picture("For the second daemon"))
    line = ["run", "--library", str(tmp_path / "link"), "--inbox", str(inbox)]
    assert_refused(watched.watcher(*line), "is in use by another watcher run")
    assert dropped.exists()
    assert [path.name for path in inbox.iterdir()] == ["dropped.jpg"]


def test_a_second_library_is_refused_an_inbox_by_whichever_path_it_comes_to_it(watched: Home, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(watched.inbox)
    content = picture("For one library only")
    line = ["run", "--once", "--library", str(tmp_path / "other"), "--inbox", str(tmp_path / "link")]
    assert_refused(watched.watcher(*line), "is already watched by another daemon")
    watched.drop("one.jpg", content)
    watched.assert_taken_once({"one.jpg": content})
    assert_lawful(watched, [Drop("one.jpg", content)])


def test_a_second_library_is_refused_an_inbox_whose_files_the_first_has_not_finished(home: Home) -> None:
    home.once()
    unfinished = home.inbox / ".watcher" / "spool" / "018f-token" / "half done.jpg"
    unfinished.parent.mkdir()
    unfinished.write_bytes(picture("Half done"))
    line = ["run", "--once", "--library", str(home.root / "other"), "--inbox", str(home.inbox)]
    assert_refused(home.watcher(*line), "belongs to the library .*, whose unfinished files lie in")
    assert unfinished.exists()
    with home.running():
        wait_for(lambda: "done" in home.states("half done.jpg"))
        home.wait_for_rest()
    assert_lawful(home, [Drop("half done.jpg", picture("Half done"))])


# -- inside each other -------------------------------------------------------------------------------------------------

# how the folders lie (a link: "-> target"), inbox and library as they are configured, and what is said
LAYOUTS = {
    "the inbox in the library": (
        {"photos/library/in": ""},
        "photos/library/in",
        "photos/library",
        "inside the library",
    ),
    "the library in the inbox": ({"in/library": ""}, "in", "in/library", "the library .* lies inside"),
    "the library's own folder": ({"library/.watcher": ""}, "library/.watcher", "library", "inside the library"),
    "one and the same": ({"both": ""}, "both", "both", "is the library too"),
    "the inbox by a link": ({"library/in": "", "link": "-> library/in"}, "link", "library", "inside the library"),
    "the library by a link": ({"in/library": "", "link": "-> in/library"}, "in", "link", "the library .* lies inside"),
    "both by links": ({"both": "", "a": "-> both", "b": "-> both"}, "a", "b", "is the library too"),
    "a link on the way": ({"library/deep/in": "", "way": "-> library/deep"}, "way/in", "library", "inside the library"),
}
MOUNTED = {
    "a part of the library as the inbox": ("library/originals", "inbox", "inside the library"),
    "a part of the inbox as the library": ("inbox/sub", "library", "the library .* lies inside"),
    "the library as the inbox": ("library", "inbox", "is the library too"),
}


@pytest.mark.parametrize(("folders", "inbox", "library", "words"), LAYOUTS.values(), ids=list(LAYOUTS))
def test_an_inbox_and_a_library_inside_each_other_are_refused(
    tmp_path: Path, folders: dict[str, str], inbox: str, library: str, words: str
) -> None:
    home = Home(tmp_path)
    home.config.write_text(
        home.config.read_text().replace('"inbox"', f'"{inbox}"').replace('"library"', f'"{library}"')
    )
    for name, target in folders.items():
        place = tmp_path / name
        if target:
            place.symlink_to(tmp_path / target.removeprefix("-> "))
        else:
            place.mkdir(parents=True)
    (tmp_path / inbox / "dropped.jpg").write_bytes(picture("Stays"))
    before = sorted(tmp_path.rglob("*"))
    assert_refused(home.watcher("run", "--once"), words)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("part", "point", "words"), MOUNTED.values(), ids=list(MOUNTED))
def test_a_part_of_one_that_is_mounted_as_the_other_is_refused(home: Home, part: str, point: str, words: str) -> None:
    for name in (part, point):
        (home.root / name).mkdir(parents=True, exist_ok=True)
    photo = home.root / part / "photo.jpg"
    photo.write_bytes(picture("Stays"))
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    line = ["unshare", "-Urm", "sh", "-c", script, str(home.root / part), str(home.root / point)]
    result = subprocess.run(
        [*line, *home.line("run", "--once")], capture_output=True, env=home.environment(), timeout=60
    )
    assert_refused(result, words)
    assert photo.exists()
    assert not list(home.root.rglob(".watcher"))


def test_two_inboxes_that_are_one_folder_by_another_way_are_refused(tmp_path: Path) -> None:
    home = Home(tmp_path, tables='[[inbox]]\npath = "again"\nname = "again"')
    (tmp_path / "again").mkdir()
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    line = ["unshare", "-Urm", "sh", "-c", script, str(home.inbox), str(tmp_path / "again")]
    result = subprocess.run(
        [*line, *home.line("run", "--once")], capture_output=True, env=home.environment(), timeout=60
    )
    assert_refused(result, "by another way")


def test_an_inbox_that_is_only_beside_the_library_is_none_inside_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text(home.config.read_text().replace('"inbox"', '"library inbox"'))
    home.inbox.rename(tmp_path / "library inbox")
    home.once()
    assert_doctor_finds_nothing(home)
