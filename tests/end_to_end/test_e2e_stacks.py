"""What is one shot in several files is one stack of one name; movies and, when asked for, other files are kept too."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest
from tests.end_to_end.pictures import movie, picture, xmp, zipped

LIVE = {"jpg": picture("Live"), "mov": movie("Live", taken="2019-01-01T00:00:00")}


def stack_of(home: Home, name: str) -> object:
    (row,) = home.rows(f"select stack from assets where name = '{name}'")
    return row["stack"]


def assert_one_stack(home: Home, stem: str, files: dict[str, bytes], shown_by: str) -> None:
    primary = home.asset(f"{stem}.{shown_by}")
    for suffix, content in files.items():
        found = home.asset(f"{stem}.{suffix}")
        assert stack_of(home, found["name"]) == primary["id"]
        assert Path(found["path"]).with_suffix("") == Path(primary["path"]).with_suffix("")
        assert Path(found["path"]).read_bytes() == content


def of(stem: str) -> dict[str, bytes]:
    return {suffix: content + stem.encode() for suffix, content in LIVE.items()}


def test_a_live_photo_is_one_stack_loose_in_a_folder_and_in_a_zip(watched: Home) -> None:
    for suffix, content in of("loose").items():
        watched.drop(f"loose.{suffix}", content)
    watched.drop_folder("live", {f"folder.{suffix}": content for suffix, content in of("folder").items()})
    watched.drop("live.zip", zipped({f"x/zip.{suffix}": content for suffix, content in of("zip").items()}))
    watched.wait_for_rest()
    for stem in ("loose", "folder", "zip"):
        assert_one_stack(watched, stem, of(stem), "jpg")
        assert watched.key(watched.asset(f"{stem}.mov")["path"]) == f"originals/2024/05/20240517-142301_{stem}.mov"


def test_the_halves_of_a_stack_may_come_one_after_the_other_and_follow_a_date_that_comes_last(home: Home) -> None:
    parts = {**LIVE, "xmp": xmp("Edited", taken="2020-01-02T03:04:05")}
    orders = dict(enumerate(itertools.permutations(parts)))
    for part in range(3):
        for number, order in orders.items():
            home.drop(f"h{number}.{order[part]}", parts[order[part]] + bytes([number]))
        home.once()
    for number in orders:
        assert_one_stack(home, f"h{number}", {suffix: LIVE[suffix] + bytes([number]) for suffix in LIVE}, "jpg")
    names = {f"2020/01/20200102-030405_h{number}" for number in orders}
    assert {key for key in home.library_files() if key.startswith("originals/")} == {
        f"originals/{name}.{suffix}" for name in names for suffix in LIVE
    }
    assert len(home.library_files()) == len(orders) * 5  # two originals, two renditions of the still, the sidecar
    assert len(home.finds("edited")) == 2 * len(orders)


def test_removing_the_still_leaves_the_movie_on_its_own(home: Home) -> None:
    for suffix, content in LIVE.items():
        home.drop(f"live.{suffix}", content)
    home.once()
    assert home.watcher("remove", home.asset("live.jpg")["digest"]).returncode == 0
    assert stack_of(home, "live.mov") is None
    home.drop("other.jpg", picture("Other"))
    home.once()
    assert Path(home.asset("live.mov")["path"]).read_bytes() == LIVE["mov"]


def test_two_stills_of_one_stem_are_no_stack(watched: Home) -> None:
    watched.drop_folder("stills", {"s.jpg": picture("S1"), "s.jpeg": picture("S2"), "s.mov": movie("S")})
    watched.wait_for_rest()
    assert [stack_of(watched, name) for name in ("s.jpg", "s.jpeg", "s.mov")] == [None] * 3


def test_a_movie_is_kept_dated_and_found_without_renditions(watched: Home) -> None:
    content = movie("Alone", taken="2021-06-01T12:00:00")
    watched.drop("Boat trip.MOV", content)
    watched.wait_until("Boat trip.MOV", "done")
    (found,) = watched.json("search", "boat")
    assert (found["format"], found["width"], found["height"]) == ("video", 640, 480)
    assert (found["taken_at"][:10], found["renditions"]) == ("2021-06-01", {})
    assert Path(found["path"]).read_bytes() == content
    assert watched.key(found["path"]).startswith("originals/2021/06/20210601-")
    (shown,) = watched.json("show", digest(content)[:10])
    assert shown["id"] == found["id"]


@pytest.fixture
def strict(home: Home) -> Home:
    text = home.config.read_text()
    home.config.write_text(text.replace('path = "inbox"', 'path = "inbox"\nvideos = "fail"\nother = "store"'))
    return home


def test_movies_can_be_refused_and_other_files_stored(strict: Home) -> None:
    strict.drop("clip.mov", movie("Refused"))
    strict.drop("letter.txt", b"Dear Anna")
    strict.drop("mixed.zip", zipped({"clip2.mov": movie("Refused too"), "letter2.txt": b"Dear Bert"}))
    strict.once(3)
    assert (strict.failed / "clip.mov").read_bytes() == movie("Refused")
    assert (strict.failed / "mixed.zip" / "clip2.mov").read_bytes() == movie("Refused too")
    assert 'videos = "fail"' in (strict.failed / "clip.mov.error.txt").read_text()
    for name, content in {"letter.txt": b"Dear Anna", "letter2.txt": b"Dear Bert"}.items():
        found = strict.asset(name)
        assert (found["format"], found["renditions"], Path(found["path"]).read_bytes()) == ("other", {}, content)


@pytest.mark.corpus
def test_a_raw_file_beside_its_jpeg_is_one_stack_where_raw_files_are_read(home: Home, corpus: Path) -> None:
    """Without the extra that reads raw files they lie in failed/, and the JPEG is taken as ever."""
    raw = (corpus / "formats" / "DNG.dng").read_bytes()
    home.drop("pair.jpg", picture("Pair"))
    home.drop("pair.dng", raw)
    home.watcher("run", "--once")
    if home.states("pair.dng") == ["done"]:
        assert_one_stack(home, "pair", {"jpg": picture("Pair"), "dng": raw}, "jpg")
    else:
        assert (home.failed / "pair.dng").read_bytes() == raw
        assert stack_of(home, "pair.jpg") is None
    assert Path(home.asset("pair.jpg")["path"]).read_bytes() == picture("Pair")
