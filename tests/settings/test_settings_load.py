import json
import os
import tomllib

import pytest

from watcher import locate, model, settings
from watcher.settings import amounts, text


def test_without_a_file_the_defaults_hold(tmp_path):
    loaded = settings.load(environment={})
    now = loaded.settings
    assert loaded.file is None and loaded.origins == {}
    assert now.library.path == str(tmp_path / "home/Pictures/Library")
    assert now.library.database == now.library.path + "/.watcher/watcher.db"
    assert [(inbox.name, inbox.path) for inbox in now.inbox] == [("Inbox", str(tmp_path / "home/Pictures/Inbox"))]
    assert now.workers.count == len(os.sched_getaffinity(0))
    assert (now.workers.max_memory, now.limits.zip_bytes) == (2 * 10**9, 200 * 10**9)
    assert now.library.umask == 0o022


def test_the_limits_and_recipes_for_workers_are_the_models_own_defaults():
    now = settings.load(environment={}).settings
    assert settings.limits(now) == model.Limits()
    assert settings.recipes(now, now.inbox[0].recipes) == (
        model.Recipe("preview", "1600", "fit", 82),
        model.Recipe("thumb", "300x300", "fill", 82),
    )


def test_flags_win_over_environment_over_file_over_defaults(file):
    path = file("[workers]\ncount = 3\ntask_seconds = 5\nstop_seconds = 4\n")
    environment = {"WATCHER_WORKERS__COUNT": "5", "WATCHER_WORKERS__TASK_SECONDS": "7"}
    loaded = settings.load(path, jobs=9, environment=environment)
    workers = loaded.settings.workers
    assert (workers.count, workers.task_seconds, workers.stop_seconds, workers.recycle_after) == (9, 7, 4, 1000)
    assert loaded.origins == {
        ("workers", "count"): "flag",
        ("workers", "task_seconds"): "environment",
        ("workers", "stop_seconds"): "file",
    }


def test_only_the_environment_given_is_asked(monkeypatch):
    monkeypatch.setenv("WATCHER_RETRY__ATTEMPTS", "9")
    assert settings.load(environment={}).settings.retry.attempts == 3
    assert settings.load().settings.retry.attempts == 9


def test_the_library_flag_moves_the_catalog_whatever_file_and_environment_say(file, tmp_path):
    path = file('[library]\npath = "/x"\ndatabase = "/x.db"\n')
    environment = {"WATCHER_LIBRARY__DATABASE": "/y.db"}
    library = settings.load(path, library="here", environment=environment).settings.library
    assert (library.path, library.database) == (str(tmp_path / "here"), str(tmp_path / "here/.watcher/watcher.db"))
    library = settings.load(path, environment=environment).settings.library
    assert (library.path, library.database) == ("/x", "/y.db")


def test_settings_and_locate_find_the_same_library(file):
    path = file('[library]\npath = "photos"\ndatabase = "c.db"\n')
    for flag, environment in [(None, {}), ("l", {}), (None, {"WATCHER_LIBRARY__PATH": "e"})]:
        library = settings.load(path, library=flag, environment=environment).settings.library
        assert locate.library(path, flag, environment) == locate.Library(library.path, library.database)


def test_the_inbox_flag_replaces_the_files_list(file, tmp_path):
    path = file('[[inbox]]\nname = "phone"\npath = "phone"\n[[inbox]]\npath = "b"\n')
    assert [inbox.path for inbox in settings.load(path, environment={}).settings.inbox] == [
        str(tmp_path / "conf/phone"),
        str(tmp_path / "conf/b"),
    ]
    loaded = settings.load(path, inboxes=["x", "y"], environment={})
    assert [(inbox.name, inbox.path) for inbox in loaded.settings.inbox] == [
        ("x", str(tmp_path / "x")),
        ("y", str(tmp_path / "y")),
    ]
    assert set(loaded.origins.values()) == {"flag"}


def test_inboxes_and_recipes_can_come_from_the_environment_as_json(tmp_path):
    environment = {
        "WATCHER_INBOX": '[{"path": "/x", "recipes": ["small"]}]',
        "WATCHER_RECIPES": '{"small": {"size": "640x480"}}',
        "WATCHER_RECIPES__PREVIEW__QUALITY": "50",
    }
    now = settings.load(environment=environment).settings
    assert now.inbox[0].path == "/x"
    assert settings.recipes(now, ["small", "preview"]) == (
        model.Recipe("small", "640x480"),
        model.Recipe("preview", "1600", quality=50),
    )


def test_a_file_adds_recipes_and_changes_single_keys_of_the_two_that_are_there(file):
    now = settings.load(file("[recipes.thumb]\nquality = 60\n[recipes.web]\nsize = 2048\n"), environment={}).settings
    assert settings.recipes(now, ["preview", "thumb", "web"]) == (
        model.Recipe("preview", "1600"),
        model.Recipe("thumb", "300x300", "fill", 60),
        model.Recipe("web", "2048"),
    )


def test_home_is_expanded_and_relative_paths_count_from_where_they_are_written(file, tmp_path):
    path = file('[library]\npath = "~/lib"\n[[inbox]]\npath = "../in"\n')
    now = settings.load(path, environment={}).settings
    assert (now.library.path, now.inbox[0].path) == (str(tmp_path / "home/lib"), str(tmp_path / "in"))
    now = settings.load(path, environment={"WATCHER_LIBRARY__PATH": "lib"}).settings
    assert now.library.path == str(tmp_path / "lib")


def test_names_that_are_not_utf8_and_have_line_breaks_pass(tmp_path):
    name = os.fsdecode(b"caf\xe9\n\xf0\x9f\x93\xb7")
    loaded = settings.load(library=name, inboxes=[name + "in"], environment={})
    assert loaded.settings.library.path == os.path.join(tmp_path, name)
    assert loaded.settings.inbox[0].name == r"caf\xe9" + "\n📷in"
    assert json.loads(text.as_json(loaded))["settings"]["library"]["path"].endswith("caf\\xe9\n📷")
    assert tomllib.loads(text.as_toml(loaded))["library"]["path"].endswith("caf\\xe9\n📷")


def test_inboxes_without_a_name_are_called_as_their_folders_and_never_alike(file):
    path = file(
        '[[inbox]]\npath = "/a/drop"\n[[inbox]]\npath = "/b/drop"\n'
        '[[inbox]]\nname = "drop-2"\npath = "/c"\n[[inbox]]\npath = "/d/drop"\n'
    )
    names = [inbox.name for inbox in settings.load(path, environment={}).settings.inbox]
    assert names == ["drop", "drop-3", "drop-2", "drop-4"]


def test_folders_whose_names_only_begin_alike_are_apart():
    assert len(settings.load(inboxes=["/a", "/ab"], library="/abc", environment={}).settings.inbox) == 2


@pytest.mark.parametrize(
    ("written", "count"),
    [(7, 7), ("7", 7), ("500KB", 500_000), ("2 gb", 2 * 10**9), ("2GiB", 2**31), ("1.5MB", 1_500_000)],
)
def test_sizes_are_read_as_people_write_them(written, count):
    assert amounts.parse_bytes(written) == count
