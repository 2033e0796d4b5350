import tomllib
from pathlib import Path

import pytest

from watcher import model, settings
from watcher.settings import amounts, text
from watcher.settings.whole import TABLES, Settings

CONFIG = Path(__file__).parent.parent.parent / "config"


def test_the_reference_is_made_from_the_settings_and_lies_in_config():
    assert (CONFIG / "watcher.toml").read_text(encoding="utf-8") == text.default_text()


def test_the_reference_loads_as_the_defaults():
    loaded = settings.load(str(CONFIG / "watcher.toml"), environment={})
    assert loaded.settings == settings.load(environment={}).settings
    assert loaded.origins == {}


def test_the_reference_leaves_no_setting_out_and_explains_each():
    tables = tomllib.loads(text.default_text())
    assert set(tables) == set(TABLES) == set(Settings.model_fields)
    for name, table in TABLES.items():
        found = {"inbox": lambda t: t[0], "recipes": lambda t: t["preview"]}.get(name, lambda t: t)(tables[name])
        assert set(found) == set(table.model_fields)
        assert all(field.description for field in table.model_fields.values())


@pytest.mark.parametrize("name", ["development", "production"])
def test_the_other_files_in_config_load(name):
    loaded = settings.load(str(CONFIG / f"{name}.toml"), environment={})
    assert loaded.origins[("library", "path")] == "file"
    assert loaded.origins[("inbox", 0, "path")] == "file"


def test_the_recipes_shown_in_config_load_as_what_they_say():
    now = settings.load(str(CONFIG / "recipes.toml"), environment={}).settings
    assert settings.recipes(now, now.inbox[0].recipes[2:]) == (
        model.Recipe("detail", "300x300", "stretch", crop=(4, "20%", 154, "60%"), enlarge=True),
        model.Recipe("tiny", "100x100", "fill", 75),
    )


@pytest.mark.parametrize("count", [1, 999, 1000, 1024, 3 * 2**20, 200 * 10**9, 12345, 0])
def test_sizes_are_written_so_that_they_read_the_same(count):
    assert amounts.parse_bytes(amounts.bytes_text(count)) == count


def test_what_show_writes_loads_again_as_the_same_settings(file):
    first = settings.load(
        file(
            '[[inbox]]\npath = "/in"\nignore = ["*.part", "\\u0007"]\n[recipes.web]\nsize = "99x"\n'
            'crop = [4, "20%", 154, "60%"]\n'
            'metadata = "all"\ngps = true\nbackground = "#FFeedd"\nformat = "same"\n'
        ),
        environment={},
    )
    again = settings.load(file(text.as_toml(first)), environment={})
    assert again.settings == first.settings
