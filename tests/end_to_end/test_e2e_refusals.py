"""What cannot work is refused at the start: one sentence on stderr, the exit code of its kind, nothing touched."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture


def library_is_a_file(home: Home) -> None:
    home.library.write_text("not a folder")


def library_lies_in_a_file(home: Home) -> None:
    (home.root / "file").write_text("")
    home.config.write_text(home.config.read_text().replace('"library"', '"file/library"'))


def inbox_is_missing(home: Home) -> None:
    (home.inbox / "dropped.jpg").unlink()
    home.inbox.rmdir()


def inbox_is_a_file(home: Home) -> None:
    inbox_is_missing(home)
    home.inbox.write_text("")


def inbox_lies_in_the_library(home: Home) -> None:
    home.config.write_text(home.config.read_text().replace('"inbox"', '"library/inbox"'))


def configuration_is_missing(home: Home) -> None:
    home.config.unlink()


def configuration_is_a_folder(home: Home) -> None:
    home.config.unlink()
    home.config.mkdir()


def configuration_has_a_misspelt_key(home: Home) -> None:
    home.config.write_text(home.config.read_text().replace("settle_seconds", "settel_seconds"))


def catalog_is_something_else(home: Home) -> None:
    home.catalog.parent.mkdir(parents=True)
    home.catalog.write_bytes(b"these are no rows of a database, by far not" * 100)


def name_template_is_nonsense(home: Home) -> None:
    home.config.write_text(home.config.read_text().replace("[library]", '[library]\nname = "{nonsense}"'))


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (library_is_a_file, 2, "library is not a folder"),
        (library_lies_in_a_file, 1, "file"),
        (inbox_is_missing, 2, "inbox"),
        (inbox_is_a_file, 2, "inbox"),
        (inbox_lies_in_the_library, 2, "inbox"),
        (configuration_is_missing, 2, "there is no such file"),
        (configuration_is_a_folder, 2, "is a folder; name the file in it"),
        (configuration_has_a_misspelt_key, 2, "settle_seconds"),
        (catalog_is_something_else, 2, "is not a catalog of photo-watcher"),
        (name_template_is_nonsense, 2, "{nonsense}"),
    ],
)
def test_a_start_that_cannot_work_is_one_sentence_and_its_code(
    home: Home, spoil: Callable[[Home], None], code: int, words: str
) -> None:
    dropped = home.drop("dropped.jpg", picture("Dropped before a refusal"))
    spoil(home)
    there_before = dropped.exists()
    result = home.watcher("run", "--once")
    assert_refused(result, code, words)
    assert dropped.exists() is there_before


def assert_refused(result: subprocess.CompletedProcess[bytes], code: int, words: str) -> None:
    said = result.stderr.decode()
    assert result.returncode == code, said
    assert words in said
    assert re.fullmatch(r"(watcher: [^\n]+\n){1,2}", said), said
    assert result.stdout == b""


def test_a_second_daemon_on_the_same_library_is_refused_and_names_the_first(watched: Home) -> None:
    assert_refused(watched.watcher("run"), 2, "is in use by another watcher run (process ")


def test_a_second_library_on_the_same_inbox_is_refused(watched: Home, tmp_path: Path) -> None:
    assert_refused(watched.watcher("run", "--library", str(tmp_path / "other")), 2, "already watched by another daemon")


@pytest.mark.parametrize(
    ("mounted", "code", "words"),
    [("library", 1, "read-only file system"), ("inbox", 2, "cannot be read and written")],
)
def test_a_disk_that_is_read_only_is_named(home: Home, mounted: str, code: int, words: str) -> None:
    (home.root / mounted).mkdir(exist_ok=True)
    line = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"', str(home.root / mounted)]
    result = subprocess.run(
        [*line, *home.line("run", "--once")], capture_output=True, env=home.environment(), timeout=60
    )
    assert_refused(result, code, words)


# -- the commands' exit codes ------------------------------------------------------------------------------------------


def test_run_once_ends_at_once_when_there_is_nothing_to_do(home: Home) -> None:
    result = home.watcher("run", "--once")
    assert (result.returncode, result.stderr.decode().splitlines()[-1]) == (0, "watcher: nothing to do")


def test_run_once_says_by_its_exit_code_whether_all_went_well(home: Home) -> None:
    home.drop("good.jpg", picture("Once good"))
    assert home.watcher("run", "--once").returncode == 0
    home.drop("bad.jpg", b"no picture")
    assert home.watcher("run", "--once").returncode == 3
    assert home.states("good.jpg") == ["done"]
    assert home.states("bad.jpg") == ["failed"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["search"], 0),
        (["search", "no such word at all"], 1),
        (["search", "--sort", "nonsense"], 2),
        (["search", "--json", "--csv"], 2),
        (["search", "--format", "{nonsense}"], 2),
        (["show", "taken.jpg"], 0),
        (["show", "absent.jpg"], 1),
        (["show"], 2),
        (["status"], 0),
        (["status", "--check"], 1),
        (["status", "--follow", "--json"], 2),
        (["jobs"], 0),
        (["jobs", "--state", "nonsense"], 2),
        (["failures"], 0),
        (["retry"], 2),
        (["run", "--jobs", "0"], 2),
        (["run", "--nonsense"], 2),
    ],
)
def test_each_command_has_the_exit_code_of_its_outcome(after_one_run: Home, arguments: list[str], code: int) -> None:
    result = after_one_run.watcher(*arguments)
    assert result.returncode == code, result.stderr
    assert b"Traceback" not in result.stderr


@pytest.fixture(scope="module")
def after_one_run(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One photograph in the library, and no daemon."""
    home = Home(tmp_path_factory.mktemp("after"))
    home.drop("taken.jpg", picture("Taken"))
    assert home.watcher("run", "--once").returncode == 0
    return home


@pytest.mark.parametrize("command", ["search", "status", "jobs", "failures", "show x", "retry 1"])
def test_a_library_that_is_not_there_is_named_with_what_to_do(home: Home, command: str) -> None:
    result = home.watcher(*command.split())
    assert_refused(result, 2, f"no catalog at {home.catalog}")


# -- help ------------------------------------------------------------------------------------------------------------


def on_the_command_line(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [*home.line("")[:3], *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=home.environment(), timeout=60)


def test_version_is_a_name_and_a_number(home: Home) -> None:
    assert re.fullmatch(r"watcher \d+\.\d+\.\d+\n", on_the_command_line(home, "--version").stdout)


COMMANDS = ["run", "add", "search", "query", "fields", "show", "explain", "status", "jobs", "failures", "batches"]
COMMANDS += ["retry", "cancel", "render", "edit", "remove", "doctor", "verify", "repair", "backup", "restore"]
COMMANDS += ["config", "sample", "demo", "help"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example_that_names_it(home: Home, command: str) -> None:
    text = on_the_command_line(home, command, "--help").stdout
    assert re.search(rf"Examples?:\n(    .+\n)*    watcher {command}\b", text)


def test_help_lists_every_command(home: Home) -> None:
    assert (
        re.findall(r"^  (\w+)  +\S", on_the_command_line(home, "--help").stdout.partition("Commands:")[2], re.M)
        == COMMANDS
    )


def test_a_misspelt_command_is_told_what_was_meant(home: Home) -> None:
    result = on_the_command_line(home, "serach")
    assert result.returncode == 2
    assert "search" in result.stderr
