import pytest

from watcher import settings
from watcher.errors import ConfigError


def complaints(*arguments, **more) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings.load(*arguments, **{"environment": {}, **more})
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("inboxes", "library", "sentence"),
    [
        (["/a", "/a"], "/l", "/a is named twice"),
        (["/a/b", "/a"], "/l", "/a/b lies inside /a, which is an inbox too"),
        (["/l/in"], "/l", "/l/in lies inside the library /l"),
        (["/l"], "/l", "/l is the library too"),
        (["/a"], "/a/l", "the library /a/l lies inside /a"),
    ],
)
def test_folders_that_would_swallow_each_other_are_refused(inboxes, library, sentence):
    assert sentence in complaints(inboxes=inboxes, library=library)[0]


def test_two_ways_to_one_folder_are_one_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    assert complaints(inboxes=["real", "way"]) == [f"--inbox: {tmp_path}/real is named twice"]


def test_a_catalog_in_an_inbox_is_refused(file):
    path = file('[library]\npath = "/l"\ndatabase = "/in/c.db"\n[[inbox]]\npath = "/in"\n')
    assert complaints(path) == [f"{path}: inbox: the catalog /in/c.db lies inside /in, which would take it away"]


def test_all_that_is_wrong_is_said_at_once_each_with_its_place(file):
    path = file(
        "settle_seconds = 3\n"
        '[library]\numask = "0777"\n'
        '[[inbox]]\npath = "/a"\npth = 3\n'
        "[intake]\nsettle_second = 3\n"
        '[recipes.thumb]\nmode = "fil"\n'
        '[workers]\nmax_memory = "12 parsecs"\n'
    )
    environment = {"WATCHER_WORKERS__COUNT": "many", "WATCHER_WORKERS__CUONT": "4"}
    assert sorted(complaints(path, environment=environment)) == sorted(
        [
            "environment: WATCHER_WORKERS__CUONT: there is no such setting; did you mean WATCHER_WORKERS__COUNT?",
            'environment: WATCHER_WORKERS__COUNT: must be a whole number, not "many"',
            f"{path}: settle_seconds: unknown key; did you mean intake.settle_seconds?",
            f'{path}: library.umask: must be octal digits in quotes, "000" to "077":'
            " rights that others than the owner lose",
            f"{path}: inbox 1: pth: unknown key; did you mean path?",
            f"{path}: intake.settle_second: unknown key; did you mean settle_seconds?",
            f"{path}: recipes.thumb.mode: must be 'fit', 'fill' or 'stretch', not \"fil\"",
            f'{path}: workers.max_memory: must be a size such as 500KB, 2GB or 2GiB, not "12 parsecs"',
        ]
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[workers]\ncount = -1", "workers.count: must be at least 0, not -1"),
        ("[workers]\ncount = true", "workers.count: must not be true"),
        ("[workers]\ncount = 1.5", "workers.count: must be a whole number, not 1.5"),
        ("[workers]\nmax_memory = 1000", "workers.max_memory: must be at least 256000000, not 1000"),
        ("[intake]\nrescan_seconds = nan", "intake.rescan_seconds: must be a finite number, not nan"),
        ("[intake]\nrescan_seconds = 0", "intake.rescan_seconds: must be at least 1, not 0"),
        ("intake = 3", "intake: must be a table, not 3"),
        ("recipes = 3", "recipes: must be a table, not 3"),
        ("recipes.preview = 3", "recipes.preview: must be a table, not 3"),
        ("[inbox]", "inbox: there can be several: write [[inbox]] with two brackets"),
        ("inbox = []", "inbox: must not be empty"),
        ('[[inbox]]\nrecipes = "preview"', 'inbox 1: recipes: must be a list in brackets, such as ["preview"]'),
        ('[[inbox]]\nrecipes = ["web"]', 'inbox: there is no recipe "web"; there are preview, thumb'),
        ('[[inbox]]\nname = "a"\npath = "/1"\n[[inbox]]\nname = "a"\npath = "/2"', 'inbox: two are called "a"'),
        ('[library]\npath = ""', "library.path: must be a path in quotes"),
        ('[library]\nname = ""', "library.name: must not be empty"),
        ('[library]\npath = "~nobody-at-all/x"', "library.path: there is no user called nobody-at-all"),
        ("[recipes.thumb]\nsize = 300", 'recipes.thumb.mode: "fill" needs a box to fill, such as size = "300x300"'),
        ("[recipes.preview]\nquality = 96", "recipes.preview.quality: must be at most 95, not 96"),
        ('[recipes.thumb]\nmode = "stretch"\nsize = "x300"', 'recipes.thumb.mode: "stretch" needs a box to fill'),
        ('[recipes.preview]\nsize = "x"', 'recipes.preview.size: must be pixels such as 1600, "300x300"'),
        ("[recipes.preview]\nsize = 1600016000", "recipes.preview.size: must be pixels such as 1600"),
        ("[recipes.preview]\ncrop = [1, 2, 3]", "recipes.preview.crop: must be four edges"),
        ('[recipes.preview]\ncrop = [1, "2 %", 3, 4]', "recipes.preview.crop: must be four edges"),
        ("[recipes.preview]\ncrop = [9, 0, 9, 4]", "recipes.preview.crop: cuts out nothing: its left edge 9"),
        ('[recipes.preview]\ncrop = [0, "50%", 9, "9.5%"]', "recipes.preview.crop: cuts out nothing: its top edge 50%"),
        ('[recipes.preview]\nbackground = "whte"', 'recipes.preview.background: must be "#rrggbb" or one of white'),
        ("[recipes.preview]\ngps = true", 'recipes.preview.gps: needs metadata = "essentials" or "all"'),
        ('[recipes.preview]\nsize = "0x5"', 'recipes.preview.size: must be pixels such as 1600, "300x300"'),
        ("[recipes.originals]", "recipes.originals: cannot name a recipe"),
        ('[recipes."../x"]', "recipes.../x: cannot name a recipe"),
        ('[log]\nlevel = "loud"', "log.level: must be 'debug', 'info', 'warning' or 'error', not \"loud\""),
        ("[notfy]", "notfy: unknown key"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(file, content, sentence):
    path = file(content)
    lines = complaints(path)
    assert len(lines) == 1
    assert lines[0].startswith(f"{path}: {sentence}")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("WATCHER_CONFG", "x", "WATCHER_CONFG: there is no such setting; did you mean WATCHER_CONFIG?"),
        ("WATCHER_LIBRARY", "{}", "WATCHER_LIBRARY: there is no such setting; did you mean WATCHER_LIBRARY__PATH?"),
        ("WATCHER_workers__count", "3", "WATCHER_workers__count: there is no such setting; did you mean WATCHER_W"),
        ("WATCHER_RECIPES__WEB__SZE", "3", "WATCHER_RECIPES__WEB__SZE: there is no such setting; did you mean "),
        ("WATCHER_INBOX", "/x", 'WATCHER_INBOX: must be JSON such as [{"path": '),
        ("WATCHER_INBOX", '[{"path": 5}]', "WATCHER_INBOX: 1: path: must be a path in quotes"),
        ("WATCHER_RECIPES__WEB__QUALITY", "400", 'WATCHER_RECIPES__WEB__QUALITY: must be at most 95, not "400"'),
        ("WATCHER_RETRY__ATTEMPTS", "", 'WATCHER_RETRY__ATTEMPTS: must be a whole number, not ""'),
    ],
)
def test_a_wrong_variable_is_named(name, value, sentence):
    lines = complaints(environment={name: value})
    assert len(lines) == 1
    assert lines[0].startswith(f"environment: {sentence}")


def test_a_wrong_flag_is_named():
    assert complaints(jobs=1000) == ["--jobs: must be at most 512, not 1000"]
