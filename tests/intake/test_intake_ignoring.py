import pytest

from watcher.ignoring import BUILT_IN, Ignoring, is_junk


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (".DS_Store", ".DS_Store"),
        ("trip/._IMG_1.jpg", "._*"),
        ("THUMBS.DB", "Thumbs.db"),
        ("@eaDir/IMG_1.jpg/x.jpg", "@eaDir"),
        ("movie.mp4.PART", "*.part"),
        ("a/.syncthing.IMG.jpg.tmp", ".syncthing.*.tmp"),
        (".IMG_1.jpg.Xy12Ab", ".*"),
        ("trip/.hidden/a.jpg", ".*"),
        (".watcher/spool/1/a.jpg", ".*"),
        ("failed/a.jpg", "failed"),
        (".nfs0000\n\udcff", ".nfs*"),
    ],
)
def test_litter_is_named_by_the_particular_rule(path: str, rule: str) -> None:
    assert Ignoring().rule(path) == rule


@pytest.mark.parametrize(
    "path",
    ["IMG_1.jpg", "trip/failed/a.jpg", "a.tmp.jpg", "party.jpg", "日本/ö\n.jpg", "\udcff.jpg", "~x.jpg"],
)
def test_pictures_are_not_ignored(path: str) -> None:
    assert Ignoring().rule(path) is None


def test_own_globs_come_on_top_of_the_built_in_ones_in_any_case() -> None:
    rules = Ignoring(("*.XMP", "Backup/", "2024/drafts"))
    assert rules.rule("a/b.xmp") == "*.XMP"
    assert rules.rule("backup/deep/a.jpg") == "Backup"
    assert rules.rule("2024/drafts/a.jpg") == "2024/drafts"
    assert rules.rule("2025/drafts/a.jpg") is None
    assert rules.rule("x.swp") == "*.swp"


def test_a_bracket_that_is_no_pattern_harms_nothing() -> None:
    assert Ignoring(("[", "/")).rule("a.jpg") is None


def test_junk_in_an_archive_knows_no_failed_folder() -> None:
    assert is_junk("__MACOSX/._IMG_1.jpg")
    assert is_junk("trip/desktop.ini")
    assert not is_junk("failed/a.jpg")


def test_every_built_in_glob_matches_something_and_the_catch_all_is_last() -> None:
    for glob in BUILT_IN:
        assert Ignoring().rule(glob.replace("*", "x")) in BUILT_IN
    assert BUILT_IN[-1] == ".*"
