"""What Google's JSON says of a picture or an album, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.processing import takeout
from watcher.processing.takeout import Takeout

PARIS = {"latitude": 48.8583, "longitude": 2.2945, "altitude": 35.0}
NOWHERE = {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0}


def picture(**said: Any) -> Takeout:
    found = takeout.read(json.dumps({"photoTakenTime": {}, **said}).encode())
    assert found is not None
    return found


def test_a_picture_tells_all_that_it_knows() -> None:
    found = picture(
        title="a/b.jpg",
        description=" Our garden\n",
        photoTakenTime={"timestamp": "1563099072", "formatted": "14 Jul 2019"},
        geoData=PARIS,
        people=[{"name": "Ada"}, {"name": "日本"}, {"name": "Ada"}, {}],
        favorited=True,
        trashed=True,
        archived=True,
        url="https://photos.example/x",
    )
    assert found == Takeout(
        "picture",
        title="a/b.jpg",
        description="Our garden",
        taken=1563099072.0,
        latitude=48.8583,
        longitude=2.2945,
        altitude_m=35.0,
        people=("Ada", "日本"),
        favourite=True,
        trashed=True,
        archived=True,
        url="https://photos.example/x",
    )


def test_what_is_not_said_is_absent() -> None:
    assert picture(description="", geoData=NOWHERE, people=[]) == Takeout("picture")
    assert Takeout("picture").told() == {}


def test_a_place_that_google_does_not_know_is_the_cameras() -> None:
    found = picture(geoData=NOWHERE, geoDataExif=PARIS)
    assert (found.latitude, found.longitude, found.altitude_m) == (48.8583, 2.2945, 35.0)


def test_the_equator_is_a_place_and_sea_level_is_not_known() -> None:
    found = picture(geoData={"latitude": 0.0, "longitude": 9.5, "altitude": 0.0})
    assert (found.latitude, found.longitude, found.altitude_m) == (0.0, 9.5, None)
    assert found.told() == {"latitude": 0.0, "longitude": 9.5}


@pytest.mark.parametrize(
    "said",
    [
        {"title": "Sommer", "date": {"timestamp": "1546300800"}},
        {"title": "Sommer", "description": "", "access": "protected"},
        {"albumData": {"title": "Sommer"}},
    ],
)
def test_an_album_is_known_by_its_content(said: dict[str, Any]) -> None:
    assert takeout.read(json.dumps(said).encode()) == Takeout("album", "Sommer")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2, 3]",
        b'"text"',
        b"null",
        b"\xff\xfe\xfd",
        b"{}",
        b'{"title": "a tax return", "year": 2019}',
        b'{"photoTakenTime": ' + b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        json.dumps({"photoTakenTime": {}, "description": "x" * (1 << 20)}).encode(),
    ],
    ids=lambda content: content[:20],
)
def test_what_is_no_takeout_is_nothing(content: bytes) -> None:
    assert takeout.read(content) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mark_before_the_text_makes_no_difference(encoding: str) -> None:
    content = json.dumps({"imageViews": "1", "description": "日本語 😀"}, ensure_ascii=False).encode(encoding)
    assert takeout.read(content) == Takeout("picture", description="日本語 😀")


@pytest.mark.parametrize(
    "timestamp", ["", "soon", True, None, [], {}, "NaN", "inf", "9" * 5000, float("nan"), float("inf"), 10**400]
)
def test_a_time_that_is_none_is_absent_and_costs_nothing_else(timestamp: object) -> None:
    said = json.dumps({"photoTakenTime": {"timestamp": 0}, "description": "kept"})
    with_it = said.replace('"timestamp": 0', f'"timestamp": {_written(timestamp)}')
    assert takeout.read(with_it.encode()) == Takeout("picture", description="kept")


def _written(value: object) -> str:
    """As JSON; of whole numbers also those that `int` does not read."""
    return "9" * 5000 if value == 10**400 else json.dumps(value)


@pytest.mark.parametrize("wrong", [None, 5, "text", [], {}, [[]], [5], True, {"name": []}, [{"name": 5}]])
def test_a_wrong_type_is_absent(wrong: object) -> None:
    names = ("title", "photoTakenTime", "geoData", "geoDataExif", "people")
    said = dict.fromkeys(names, wrong) | {"description": "kept", "url": ["x"], "trashed": 1, "favorited": "yes"}
    found = picture(**said)
    assert (found.description, found.taken, found.latitude, found.people) == ("kept", None, None, ())
    assert (found.url, found.trashed, found.favourite) == ("", False, None)


def test_characters_that_no_text_may_have_are_left_out() -> None:
    assert takeout.read(rb'{"imageViews": 1, "description": "a\u0000b\ud83dc"}') == Takeout(
        "picture", description="abc"
    )


def test_of_two_the_first_that_says_a_thing_counts() -> None:
    first = Takeout("picture", description="first", latitude=0.0, longitude=9.0)
    second = Takeout("picture", description="second", taken=5.0, latitude=1.0, longitude=1.0, trashed=True)
    assert takeout.merged([first, second]) == Takeout(
        "picture", description="first", taken=5.0, latitude=0.0, longitude=9.0, trashed=True
    )
    assert takeout.merged([]) == Takeout("picture")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("title", "description", "photoTakenTime", "geoData", "geoDataExif", "people", "favorited", "date", "albumData")


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
@settings(max_examples=200, deadline=None)
def test_nothing_makes_it_raise(said: dict[str, Any]) -> None:
    found = takeout.read(json.dumps(said).encode())
    json.dumps(found.told() if found else None, allow_nan=False)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_it_raise(content: bytes) -> None:
    takeout.read(content)
    takeout.read(b'{"photoTakenTime":' + content)


@pytest.mark.corpus
def test_the_collections_files_are_what_they_are_for(corpus: Path) -> None:
    folder = corpus / "sidecars" / "takeout" / "Photos from 2019"
    found = {path.name: takeout.read(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
    unreadable = {"IMG_0010.jpg.json", "IMG_0012.jpg.json", "IMG_0013.jpg.json"}
    assert {name for name, read in found.items() if read is None} == unreadable
    assert {name for name, read in found.items() if read and read.kind == "album"} == {"metadata.json"}
    undated = {name for name, read in found.items() if read and read.kind == "picture" and read.taken is None}
    assert undated == {"IMG_0007.jpg.json", "IMG_0015.jpg.json"}
    unplaced = {name for name, read in found.items() if read and read.kind == "picture" and read.latitude is None}
    assert unplaced == {"IMG_0005.jpg.json", "IMG_0014.jpg.json", "IMG_0015.jpg.json"}
