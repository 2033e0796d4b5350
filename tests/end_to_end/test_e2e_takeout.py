"""An export of Google Takeout in parts: one batch, its JSON files joined across parts, its albums kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import album, picture, takeout, zipped

YEAR, ALBUM = "Takeout/Google Photos/Photos from 2011", "Takeout/Google Photos/Trip to Oslo"
ORDERS = {"a": (0, 1, 2), "b": (2, 1, 0), "c": (1, 2, 0)}


def name_of(export: str, part: int) -> str:
    return f"takeout-20240517T00000{'abcd'.index(export)}Z-00{part + 1}.zip"


def undated(name: str) -> bytes:
    return picture(name, taken=None)


def part_of(export: str, part: int) -> bytes:
    """Of three parts: pictures without their JSON, JSON without their pictures, and the album's copies."""
    ship, fjord, lonely = (f"{name} {export}.jpg" for name in ("ship", "fjord", "lonely"))
    ferry = takeout(ship, description="The ferry", person="Ida")
    parts = (
        {f"{YEAR}/{ship}": undated(ship), f"{YEAR}/{fjord}.supplemental-metadata.json": takeout(fjord)},
        {
            f"{YEAR}/{ship}.supplemental-metadata.json": ferry,
            f"{YEAR}/{fjord}": undated(fjord),
            f"{ALBUM}/metadata.json": album(f"Oslo {export}"),
        },
        {
            f"{ALBUM}/{ship}": undated(ship),
            f"{ALBUM}/{ship}.supplemental-metadata.json": ferry,
            f"{ALBUM}/{lonely}": undated(lonely),
        },
    )
    return zipped(parts[part])


def assert_joined(home: Home, export: str) -> None:
    ship, fjord, lonely = (home.asset(f"{name} {export}.jpg") for name in ("ship", "fjord", "lonely"))
    assert {row["batch"] for row in (ship, fjord, lonely)} == {name_of(export, 0).removesuffix("-001.zip")}
    assert (ship["description"], ship["people"], ship["album"]) == ("The ferry", "Ida", f"Oslo {export}")
    assert (fjord["album"], lonely["album"]) == (None, f"Oslo {export}")
    assert {part.strip() for part in ship["folder"].split(";")} == {YEAR, ALBUM}
    assert [home.key(row["path"]) for row in (ship, fjord, lonely)] == [
        f"originals/2011/03/20110304-050607_ship {export}.jpg",
        f"originals/2011/03/20110304-050607_fjord {export}.jpg",
        f"originals/undated/lonely {export}.jpg",
    ]
    assert set(home.finds("oslo", export)) == {ship["name"], lonely["name"]}


def test_the_parts_of_an_export_are_one_batch_whatever_lies_in_which_and_whenever_they_come(home: Home) -> None:
    home.config.write_text(home.config.read_text().replace("[library]", '[library]\ntimezone = "UTC"'))
    for part in range(3):
        home.drop(name_of("d", part), part_of("d", part))  # all three at once
    for turn in range(3):
        for export, order in ORDERS.items():
            home.drop(name_of(export, order[turn]), part_of(export, order[turn]))
        home.once()
    for export in "abcd":
        assert_joined(home, export)
    assert len(home.rows("select id from batches")) == 4
    assert len(list((home.library / "originals").rglob("*.jpg"))) == len(home.assets()) == 12
    sidecars = {key for key in home.library_files() if key.startswith("sidecars/") and "metadata.json" not in key}
    assert sidecars == {
        f"sidecars/2011/03/20110304-050607_{name} {export}.jpg.json" for name in ("ship", "fjord") for export in "abcd"
    }


def test_an_album_dropped_later_brings_its_name_its_folder_and_its_batch_to_what_is_there(watched: Home) -> None:
    content = picture("In two places")
    watched.drop("place.jpg", content)
    watched.wait_until("place.jpg", "done")
    watched.drop("later.zip", zipped({"My album/place.jpg": content, "My album/Metadaten.json": album("Wandern")}))
    watched.wait_for_rest()
    found = watched.asset("place.jpg")
    assert (found["album"], found["folder"], found["batch"]) == ("Wandern", "My album", "later.zip")
    assert watched.finds("wandern") == ["place.jpg"]


def described(path: Path) -> bytes:
    """The file; a JSON that tells of a picture says in its description which one it is."""
    return path.read_bytes().replace(b'"description": ""', f'"description": "told by {path.name}"'.encode())


def test_the_metadata_of_an_album_that_comes_loose_makes_no_album_of_the_inbox(watched: Home) -> None:
    watched.drop("early.jpg", picture("Loose early"))
    watched.drop("metadata.json", album("No album"))
    watched.wait_for_rest()
    watched.drop("late.jpg", picture("Loose late"))
    watched.wait_for_rest()
    assert [watched.asset(name)["album"] for name in ("early.jpg", "late.jpg")] == [None, None]


@pytest.mark.corpus
@pytest.mark.parametrize("way", ["zip", "folder"])
def test_each_json_of_the_collection_finds_a_picture(home: Home, corpus: Path, way: str) -> None:
    folder = corpus / "sidecars" / "takeout" / "Photos from 2019"
    files = {path.name: described(path) for path in folder.iterdir()}
    if way == "zip":
        home.drop("takeout.zip", zipped({f"Photos from 2019/{name}": content for name, content in files.items()}))
    else:
        home.drop_folder("Photos from 2019", files)
    home.watcher("run", "--once")
    told = {row["name"]: row["description"] for row in home.assets()}
    assert told["IMG_0001.jpg"] == told["IMG_0001-edited.jpg"] == "told by IMG_0001.jpg.json"
    assert told["IMG_0003.jpg"] == "told by IMG_0003.jpg.supplemental-metadata.json"
    assert told["IMG_0003(1).jpg"] == "told by IMG_0003.jpg.supplemental-metadata(1).json"
    assert told["IMG_0004(2).jpg"] == "told by IMG_0004.jpg(2).json"
    assert {row["album"] for row in home.assets()} == {"Photos from 2019"}
    unmatched = {
        row["name"]
        for row in home.rows(
            "select name from sidecars where id not in (select sidecar_id from sidecars_of_assets) and kind <> 'album'"
        )
    }
    assert unmatched == {"IMG_0016.HEIC.json"}
