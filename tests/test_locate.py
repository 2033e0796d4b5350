import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from watcher import locate
from watcher.errors import ConfigError


@pytest.fixture(autouse=True)
def no_file_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "SYSTEM_FILE", str(tmp_path / "etc" / "watcher.toml"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_any_file_there_is_none_and_the_library_is_in_the_pictures(tmp_path):
    assert locate.config_file(None, {}) is None
    library = locate.library(None, None, {})
    assert library.path == str(tmp_path / "home/Pictures/Library")
    assert library.database == str(tmp_path / "home/Pictures/Library/.watcher/watcher.db")


def test_flag_wins_over_variable_over_the_users_file_over_the_systems(tmp_path):
    system = write(tmp_path / "etc/watcher.toml")
    assert locate.config_file(None, {}) == system
    own = write(tmp_path / "home/.config/watcher/watcher.toml")
    assert locate.config_file(None, {}) == own
    xdg = write(tmp_path / "xdg/watcher/watcher.toml")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert locate.config_file(None, environment) == xdg
    environment["WATCHER_CONFIG"] = write(tmp_path / "variable.toml")
    assert locate.config_file(None, environment) == environment["WATCHER_CONFIG"]
    flag = write(tmp_path / "flag.toml")
    assert locate.config_file("flag.toml", environment) == flag


def test_an_empty_variable_and_a_relative_xdg_home_count_as_not_set(tmp_path):
    own = write(tmp_path / "home/.config/watcher/watcher.toml")
    write(tmp_path / "relative/watcher/watcher.toml")
    assert locate.config_file(None, {"WATCHER_CONFIG": "", "XDG_CONFIG_HOME": "relative"}) == own


@pytest.mark.parametrize(
    ("flag", "environment", "origin"),
    [("gone.toml", {}, "--config"), (None, {"WATCHER_CONFIG": "gone.toml"}, "WATCHER_CONFIG")],
)
def test_a_file_that_is_named_and_missing_is_an_error_even_beside_another(tmp_path, flag, environment, origin):
    write(tmp_path / "home/.config/watcher/watcher.toml")
    with pytest.raises(ConfigError, match=rf"gone\.toml: there is no such file \({origin}"):
        locate.config_file(flag, environment)
    with pytest.raises(ConfigError, match="no such file"):
        locate.library(flag, str(tmp_path), environment)


def test_the_library_of_the_file_counts_from_the_files_folder_and_other_keys_do_not_matter(tmp_path):
    file = write(tmp_path / "conf/w.toml", 'nonsense = 1\n[library]\npath = "../photos"\nnmae = 3\n')
    library = locate.library(file, None, {})
    assert library == locate.Library(str(tmp_path / "photos"), str(tmp_path / "photos/.watcher/watcher.db"))


def test_the_library_flag_names_the_catalog_too_whatever_file_and_environment_say(tmp_path):
    file = write(tmp_path / "w.toml", '[library]\npath = "/x"\ndatabase = "/x.db"\n')
    environment = {"WATCHER_LIBRARY__PATH": "/y", "WATCHER_LIBRARY__DATABASE": "/y.db"}
    assert locate.library(file, None, {}) == locate.Library("/x", "/x.db")
    assert locate.library(file, None, environment) == locate.Library("/y", "/y.db")
    assert locate.library(file, "l", environment) == locate.Library(
        str(tmp_path / "l"), str(tmp_path / "l/.watcher/watcher.db")
    )


def test_a_name_that_is_not_utf8_stays_as_it_is(tmp_path):
    name = os.fsdecode(b"caf\xe9\n")
    assert locate.library(None, name, {}).path == os.path.join(tmp_path, name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a = 1\nb = \n", "is not valid TOML: .*line 2"),
        (b"# caf\xe9\n", "is not UTF-8 text \\(byte 6\\)"),
        (b"[library]\npath = 3\n", "library.path: must be text in quotes"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_makes_no_sense_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "w.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        locate.library(str(file), None, {})
    assert str(caught.value).startswith(str(file)) and "\n" not in str(caught.value)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "w.toml"
    file.write_bytes(b'\xef\xbb\xbf[library]\npath = "/x"\n')
    assert locate.library(str(file), None, {}).path == "/x"


def test_a_folder_in_the_place_of_the_file_is_said_to_be_one(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        locate.read(str(tmp_path))


def test_a_file_that_is_found_and_may_not_be_read_is_an_error_and_not_passed_over(tmp_path):
    file = write(tmp_path / "home/.config/watcher/watcher.toml", "[library]\n")
    os.chmod(file, 0)
    if os.access(file, os.R_OK):  # root reads all; a file that fails to open for him too stands in
        os.remove(file)
        os.symlink("/proc/self/mem", file)
        assert stat.S_ISREG(os.stat(file).st_mode)
    with pytest.raises(ConfigError, match="cannot be read"):
        locate.library(None, None, {})


def test_finding_a_library_loads_neither_toml_nor_pydantic(tmp_path):
    program = (
        "import sys; from watcher import locate; locate.library(None, sys.argv[1], {});"
        "print(*sorted({'tomllib', 'pydantic', 'pydantic_settings', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
