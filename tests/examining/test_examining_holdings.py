"""The library against the catalog: what does not stand as a row says, and what stands without a row."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.examining.examined import Place, kinds
from watcher.examining.doubts import confirmed
from watcher.examining.examination import examine


@pytest.fixture
def stray(place: Place) -> Path:
    return place.put(place.library / "originals" / "2024" / "05" / "stray.jpg")


def test_an_original_that_is_gone_is_a_finding(place: Place) -> None:
    place.original("two.jpg").unlink()
    finding = place.finding()
    assert finding.kind == "original"
    assert "of two.jpg" in finding.what
    assert "is not there" in finding.what
    assert not os.path.lexists(str(finding.path))


def test_an_original_of_another_size_is_a_finding_with_both_sizes(place: Place) -> None:
    original = place.original("two.jpg")
    size = original.stat().st_size
    original.write_bytes(b"x" * 1234)
    assert f"has 1,234 bytes instead of {size:,}" in place.finding().what


def test_a_changed_picture_is_held_against_its_stored_size(place: Place) -> None:
    original = place.original("two.jpg")
    original.write_bytes(original.read_bytes() + b"more")
    place.sql("update assets set stored_size = ? where name = 'two.jpg'", original.stat().st_size)
    assert place.found() == []


def test_a_link_in_the_place_of_an_original_is_a_finding(place: Place) -> None:
    original = place.original("two.jpg")
    original.rename(place.root / "moved.jpg")
    original.symlink_to(place.root / "moved.jpg")
    assert "is no regular file" in place.finding().what


def test_renditions_and_sidecars_are_held_against_their_rows_too(place: Place) -> None:
    place.rendition("two.jpg").unlink()
    (place.library / place.one("select key from sidecars where name = 'three.xmp'")).unlink()
    found = place.found()
    assert kinds(found) == ["rendition", "sidecar"]
    assert "watcher repair" in found[0].remedy


def test_all_that_is_gone_is_told_of(place: Place) -> None:
    shutil.rmtree(place.library / "originals")
    originals = place.one("select count(*) from assets")
    assert kinds(place.found()) == ["original"] * originals


def test_a_library_without_its_tree_is_one_finding(place: Place) -> None:
    site = place.site(library=str(place.root / "unmounted"))
    (finding,) = [finding for finding in place.found(site) if finding.kind == "original"]
    assert "the library is not there" in finding.what


def test_a_file_that_comes_back_between_two_looks_is_no_finding(place: Place) -> None:
    original = place.original("two.jpg")
    content = original.read_bytes()
    original.unlink()

    def put_back() -> None:
        original.write_bytes(content)

    assert not [remark for remark in examine(place.site(), put_back) if "two.jpg" in remark.what]


def test_only_what_is_wrong_at_every_look_is_confirmed() -> None:
    answers = {"always": [True] * 3, "once": [True, False, True]}
    assert confirmed(list(answers), lambda suspect: answers[suspect].pop(0), lambda: None) == ["always"]


# -- strays ------------------------------------------------------------------------------------------------------------


def test_strays_are_one_finding_with_their_number_and_the_first_few(place: Place, stray: Path) -> None:
    for number in range(7):
        place.put(place.library / "notes" / f"{number}.txt")
    finding = place.finding()
    assert (finding.kind, "watcher repair" in finding.remedy) == ("stray", True)
    assert finding.what.startswith("8 files in the library are in no row")
    assert finding.what.endswith(" ...")


def test_a_stray_whose_name_is_no_text_is_a_stray(place: Place) -> None:
    place.put(place.library / "originals" / os.fsdecode(b"caf\xe9.jpg"))
    assert r"originals/caf\xe9.jpg" in place.finding().what


def test_litter_of_systems_is_no_stray(place: Place) -> None:
    for name in ("Thumbs.db", "originals/.DS_Store"):
        place.put(place.library / name)
    assert place.found() == []


def test_what_a_running_try_may_have_published_is_no_stray(place: Place, stray: Path) -> None:
    place.flying(state="running", attempt=1, started_at="2026-01-01T00:00:00Z")
    assert place.found() == []
    place.sql("update jobs set started_at = '2999-01-01T00:00:00Z' where state = 'running'")
    assert kinds(place.found()) == ["stray"]


def test_what_is_still_to_be_deleted_is_no_stray(place: Place, stray: Path) -> None:
    surplus = json.dumps([str(stray.relative_to(place.library))])
    place.sql("update jobs set surplus = ?, discarded = 0 where name = 'again.jpg'", surplus)
    assert place.found() == []


def test_a_stray_that_gets_its_row_between_two_looks_is_none(place: Place, stray: Path) -> None:
    key = str(stray.relative_to(place.library))

    def name_it() -> None:
        place.sql("update sidecars set key = ? where name = 'alone.xmp'", key)

    was = place.library / place.one("select key from sidecars where name = 'alone.xmp'")
    found = list(examine(place.site(), name_it))
    assert not [remark for remark in found if key in remark.what]
    assert was.exists()


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_half_made_files_of_a_dead_run_are_a_finding_and_those_of_workers_are_not(place: Place) -> None:
    place.put(place.private / "tmp" / "12-1-4711" / "half.jpg")
    finding = place.finding()
    assert (finding.kind, finding.path) == ("leftover", str(place.private / "tmp"))
    assert place.found(place.site(daemon={"pid": 1})) == []
    with open(place.private / "workers.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert place.found() == []


def test_sidecars_without_a_picture_are_told_of_by_name(place: Place) -> None:
    assert place.notes("sidecar") == ["alone.xmp has no picture yet"]
    place.sql("update sidecars set problem = 'two are called so' where name = 'alone.xmp'")
    assert place.notes("sidecar") == ["alone.xmp has no picture yet: two are called so"]
