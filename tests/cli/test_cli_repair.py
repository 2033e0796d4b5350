"""`watcher repair` as a person types it: what it prints, what it returns, and what it does not do unasked."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture

A = "originals/2024/05/20240517-142301_a.jpg"
THUMB = "thumb/2024/05/20240517-142301_a.jpg"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("made"))
    for name in "ab":
        home.drop(f"{name}.jpg", picture(name))
    home.once()
    assert home.watcher("render", "a.jpg", "--size", "20x20", "--mode", "fill", "--format", "png").returncode == 0
    return home.library


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    home = Home(tmp_path)
    shutil.copytree(made, home.library)
    return home


def lines(output: bytes) -> list[tuple[str, ...]]:
    return [tuple(line.split("\t")[:2]) for line in output.decode().splitlines()]


def test_a_library_that_is_well_is_exit_0(home: Home) -> None:
    done = home.watcher("repair")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"all is as it should be\n")


def test_what_was_made_anew_is_printed_whatever_recipe_it_had(home: Home) -> None:
    by_flags = "20x20-fill-q82-png/2024/05/20240517-142301_a.jpg.png"
    for key in (THUMB, by_flags):
        (home.library / key).unlink()
    done = home.watcher("repair")
    assert done.returncode == 0, done.stderr
    assert set(lines(done.stdout)) == {("made", str(home.library / key)) for key in (THUMB, by_flags)}
    assert done.stderr == b"2 made\n"
    assert home.watcher("verify").returncode == 0


def test_what_is_left_for_a_person_is_exit_1(home: Home) -> None:
    (home.library / A).unlink()
    done = home.watcher("repair")
    assert (done.returncode, lines(done.stdout)) == (1, [("left", str(home.library / A))])


def test_a_dry_run_does_nothing_and_says_so(home: Home) -> None:
    (home.library / THUMB).unlink()
    done = home.watcher("repair", "--dry-run")
    assert (done.returncode, lines(done.stdout)) == (1, [("made", str(home.library / THUMB))])
    assert b"nothing was done" in done.stderr
    assert not (home.library / THUMB).exists()


def strange(home: Home) -> list[Path]:
    paths = [home.library / "originals/letter.txt", home.library / "notes\n.txt"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def test_extra_files_are_listed_and_stay(home: Home) -> None:
    paths = strange(home)
    done = home.watcher("repair")
    assert done.returncode == 1
    assert {line[1] for line in lines(done.stdout)} == {str(path).replace("\n", r"\n") for path in paths}
    assert b"--delete-extra" in done.stderr
    assert all(path.exists() for path in paths)


def test_with_a_flag_they_go_to_the_trash(home: Home) -> None:
    paths = strange(home)
    done = home.watcher("repair", "--delete-extra", "--yes")
    assert done.returncode == 0, done.stderr
    assert not any(path.exists() for path in paths)
    kept = [path for path in (home.library / ".watcher/trash").rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {path.name for path in paths}
    assert (home.library / A).exists()


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_a_list_says_which_of_them_go(home: Home, separator: bytes) -> None:
    letter, notes = strange(home)
    chosen = [os.fsencode(notes).replace(b"\n", rb"\n" if separator == b"\n" else b"\n"), os.fsencode(home.library / A)]
    (home.root / "list").write_bytes(separator.join(chosen))
    done = home.watcher("repair", "--delete", str(home.root / "list"))
    assert done.returncode == 1, "one of them is the catalog's"
    assert {line[0] for line in lines(done.stdout)} == {"trashed", "left"}
    assert (letter.exists(), notes.exists(), (home.library / A).exists()) == (True, False, True)


def test_its_own_output_is_such_a_list(home: Home) -> None:
    paths = strange(home)
    (home.root / "list").write_bytes(home.watcher("repair").stdout)
    done = home.watcher("repair", "--delete", str(home.root / "list"))
    assert done.returncode == 0, done.stdout
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize(("answer", "stays"), [(b"y\n", False), (b"n\n", True)])
def test_on_a_terminal_it_asks(home: Home, answer: bytes, stays: bool) -> None:
    letter, _ = strange(home)
    outside, inside = pty.openpty()
    line = home.line("repair", "--delete-extra")
    with subprocess.Popen(
        line, stdin=inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.environment(), cwd=home.root
    ) as run:
        os.write(outside, answer)
        _, said = run.communicate(timeout=60)
    os.close(inside)
    os.close(outside)
    assert b"Move these 2 to the trash? [y/N]" in said
    assert (letter.exists(), run.returncode) == (stays, int(stays))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--delete-extra"], b"nobody is here to be asked"),
        (["--yes"], b"--yes goes with --delete-extra only"),
        (["--dry-run", "--from-library"], b"choose one of"),
        (["--delete", "/nowhere/list"], b"/nowhere/list"),
    ],
)
def test_what_cannot_be_meant_is_said(home: Home, arguments: list[str], sentence: bytes) -> None:
    done = home.watcher("repair", *arguments, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_a_catalog_made_anew_has_no_original_that_changed_and_says_so_with_exit_1(home: Home) -> None:
    (home.library / A).write_bytes(picture("Another"))
    done = home.watcher("repair", "--from-library")
    assert (done.returncode, lines(done.stdout)) == (1, [("left", str(home.library / A))])
    assert b"its bytes are not those that it had" in done.stdout
    assert [asset["name"] for asset in home.assets()] == ["b.jpg"]
    (home.library / A).write_bytes(picture("a"))
    done = home.watcher("repair")
    assert (done.returncode, lines(done.stdout)) == (0, [("adopted", str(home.library / A))])


def test_a_catalog_made_anew_says_how_many_renditions_are_missing(home: Home) -> None:
    shutil.rmtree(home.library / "thumb")
    done = home.watcher("repair", "--from-library")
    assert done.returncode == 0, done.stdout
    assert b"2 renditions are missing: watcher render --outdated" in done.stderr
    assert home.watcher("render", "--outdated").returncode == 0
    assert (home.library / THUMB).exists()


def test_what_is_taken_in_has_the_renditions_of_its_inbox(home: Home) -> None:
    (home.library / "originals/new.jpg").write_bytes(picture("New", taken=None))
    assert home.watcher("repair", "--dry-run").returncode == 1
    assert not (home.library / "thumb/new.jpg").exists()
    assert home.watcher("repair").returncode == 0
    assert (home.library / "thumb/new.jpg").exists() and (home.library / "preview/new.jpg").exists()
    assert home.json("render", "--outdated") == []
    assert home.watcher("verify").returncode == 0


def test_a_library_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.watcher("repair", "--from-library")
    assert done.returncode == 1
    assert b"is its disk mounted" in done.stderr
    assert not home.library.exists()


def test_beside_a_running_daemon_it_repairs_and_takes_nothing_that_is_in_work(home: Home) -> None:
    (home.library / THUMB).unlink()
    new = home.library / "originals/new.jpg"
    new.write_bytes(picture("New", taken=None))
    with home.running():
        for number in range(30):
            home.drop(f"{number}.jpg", picture(f"{number}"))
        said = set[tuple[str, ...]]()

        def is_adopted() -> bool:  # not while it is hardly older than what is in work
            done = home.watcher("repair")
            assert done.returncode == 0, done.stdout
            said.update(lines(done.stdout))
            return ("adopted", str(new)) in said

        wait_for(is_adopted, what="the original that the catalog did not know to be adopted")
        home.wait_for_rest()
    assert said == {("made", str(home.library / THUMB)), ("adopted", str(new))}
    assert len(home.assets()) == 33
    assert home.watcher("verify").returncode == 0
