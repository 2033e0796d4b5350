import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests import warm
from watcher.settings.text import default_text

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def watcher(tmp_path):
    """Runs `watcher config ...` as a person would, in a home without a configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WATCHER_", "XDG_"))}
    clean |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = warm.run(["config", *arguments], clean | environment, tmp_path, 60)
        printed = (os.fsdecode(stream) for stream in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, *printed)

    return run


def test_init_writes_the_reference_where_it_will_be_found_and_says_what_to_do_next(watcher, tmp_path):
    file = tmp_path / "home/.config/watcher/watcher.toml"
    done = watcher("init")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text(encoding="utf-8") == default_text()
    assert str(file) in done.stdout and "watcher run" in done.stdout
    done = watcher("path")
    assert (done.returncode, done.stdout) == (0, f"{file}\n")
    done = watcher("check")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == f"{file}: ok"


def test_init_never_writes_over_a_file_unless_forced(watcher, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("# mine\n")
    done = watcher("init", "--config", "mine.toml")
    assert done.returncode == 2
    assert done.stderr == f"watcher: {file}: is there already; --force writes over it\n"
    assert file.read_text() == "# mine\n"
    assert watcher("init", "--config", "mine.toml", "--force").returncode == 0
    assert file.read_text(encoding="utf-8") == default_text()


def test_init_where_nobody_can_write_is_a_sentence(watcher, tmp_path):
    (tmp_path / "file").touch()
    done = watcher("init", "--config", "file/watcher.toml")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_check_lists_every_mistake_and_ends_with_2(watcher, tmp_path):
    file = tmp_path / "w.toml"
    file.write_text("[intake]\nsettle_second = 1\n[log]\nlevel = 3\n")
    done = watcher("check", "--config", str(file), WATCHER_CUONT="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[1:3] for line in done.stderr.splitlines()] == [
        ["environment", "WATCHER_CUONT"],
        [str(file), "intake.settle_second"],
        [str(file), "log.level"],
    ]


def test_path_without_a_file_is_no_with_a_sentence(watcher):
    if os.path.exists("/etc/watcher/watcher.toml"):
        pytest.fail("this machine has a configuration of its own: the test cannot tell")
    done = watcher("path")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no configuration file" in done.stderr


def test_path_prints_the_bytes_of_the_name(watcher, tmp_path):
    name = os.fsdecode(b"caf\xe9.toml")
    (tmp_path / name).touch()
    assert watcher("path", "--config", name).stdout == f"{tmp_path}/{name}\n"


def test_show_says_who_set_what_is_no_default(watcher, tmp_path):
    (tmp_path / "w.toml").write_text('[library]\npath = "lib"\n[workers]\nrecycle_after = 1000\n')
    environment = {"WATCHER_CONFIG": "w.toml", "WATCHER_RETRY__ATTEMPTS": "5"}
    done = watcher("show", **environment)
    assert done.returncode == 0
    assert tomllib.loads(done.stdout)["retry"]["attempts"] == 5
    assert [line for line in done.stdout.splitlines() if line.endswith(("# file", "# environment"))] == [
        f'path = "{tmp_path}/lib"  # file',
        "attempts = 5  # environment",
    ]
    shown = json.loads(watcher("show", "--json", **environment).stdout)
    assert shown["file"] == f"{tmp_path}/w.toml"
    assert shown["settings"]["limits"]["zip_bytes"] == "200GB"
    assert shown["origins"] == {"library.path": "file", "retry.attempts": "environment"}


def test_the_library_flag_is_shown_as_a_flag(watcher, tmp_path):
    shown = json.loads(watcher("show", "--json", "--library", "lib").stdout)
    assert shown["settings"]["library"]["database"] == f"{tmp_path}/lib/.watcher/watcher.db"
    assert shown["origins"] == {"library.path": "flag", "library.database": "flag"}


@pytest.mark.parametrize("name", ["check", "show", "path", "init"])
def test_help_has_an_example(watcher, name):
    done = watcher(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout and "--config" in done.stdout
