"""A batch with a prefix: its pictures are called by it and numbered, by date and then by name."""

from __future__ import annotations

import pytest

from tests.end_to_end.household import Home, digest
from tests.end_to_end.pictures import movie, picture, xmp, zipped

PREFIX = "new_york_trip_may2008"
OPTIONS = f'prefix = "{PREFIX}"\ntitle = "{{prefix}} {{seq}}"\n'.encode()


def trip() -> dict[str, bytes]:
    """Eleven pictures; the later the date the smaller the letter, and two of one second."""
    dated = {f"{chr(107 - day)}.jpg": picture(f"Day {day}", taken=f"2008:05:{day:02} 10:00:00") for day in range(1, 11)}
    return {**dated, "twin.jpg": picture("Twin", taken="2008:05:10 10:00:00")}


def numbered(home: Home) -> dict[str, str]:
    """The names in the library, without their suffix, by those that were dropped."""
    found = {}
    for row in home.assets():
        key = home.key(row["path"])
        assert key.startswith("originals/2008/05/")
        assert row["title"] == key.rpartition("/")[2].rpartition(".")[0].replace(f"{PREFIX}_", f"{PREFIX} ")
        found[row["name"]] = row["title"].removeprefix(f"{PREFIX} ")
    return found


ALL_IN_ORDER = {f"{chr(107 - day)}.jpg": f"{day:02}" for day in range(1, 11)} | {"twin.jpg": "11"}


@pytest.mark.parametrize("way", ["folder", "zip", "nested"])
def test_pictures_are_numbered_in_the_order_of_their_dates_and_names(home: Home, way: str) -> None:
    if way == "folder":
        home.drop_folder("trip", {**trip(), "batch.toml": OPTIONS})
    elif way == "zip":
        home.drop("trip.zip", zipped({**trip(), "batch.toml": OPTIONS}))
    else:
        few = dict(list(trip().items())[:4])
        rest = {name: content for name, content in trip().items() if name not in few}
        home.drop("trip.zip", zipped({"batch.toml": OPTIONS, **rest, "in.zip": zipped(few)}))
    home.once()
    if way == "nested":  # numbers are unique; those of the inner archive come when it is open
        assert sorted(numbered(home).values()) == sorted(ALL_IN_ORDER.values())
    else:
        assert numbered(home) == ALL_IN_ORDER


@pytest.mark.parametrize("way", ["folder", "zip"])
def test_a_failure_and_a_duplicate_leave_gaps(home: Home, way: str) -> None:
    home.drop("known.jpg", trip()["f.jpg"])
    home.once()
    files = {**trip(), "i.jpg": trip()["i.jpg"][:300], "batch.toml": OPTIONS}
    if way == "zip":
        home.drop("trip.zip", zipped(files))
    else:
        home.drop_folder("trip", files)
    home.once(3)
    assert home.states("f.jpg") == ["duplicate"]
    assert home.states("i.jpg") == ["failed"]
    names = {home.key(row["path"]).rpartition("_")[2] for row in home.assets() if row["name"] != "known.jpg"}
    assert len(names) == 9
    assert {f"{day:02}.jpg" for day in (1, 3, 4, 6, 7, 8, 9, 10)} <= names


def test_the_daemon_numbers_a_folder_when_it_is_quiet_and_a_loose_file_has_its_digest(home: Home) -> None:
    text = home.config.read_text()
    home.config.write_text(text.replace('path = "inbox"', f'path = "inbox"\nprefix = "{PREFIX}"'))
    loose = picture("Loose", taken="2008:05:01 10:00:00")
    with home.running():
        home.drop("loose.jpg", loose)
        home.drop_folder("trip", trip())
        home.wait_for_rest()
    names = {row["name"]: home.key(row["path"]).rpartition("/")[2] for row in home.assets()}
    assert names.pop("loose.jpg") == f"{PREFIX}_{digest(loose)[:8]}.jpg"
    assert names == {name: f"{PREFIX}_{number}.jpg" for name, number in ALL_IN_ORDER.items()}


def test_a_live_photo_has_one_number_and_a_sidecar_none(home: Home) -> None:
    files = {
        "a.jpg": picture("A", taken="2008:05:01 10:00:00"),
        "a.mov": movie("A", taken="2008-05-01T08:00:00"),
        "b.jpg": picture("B", taken="2008:05:02 10:00:00"),
        "b.jpg.xmp": xmp("Edited"),
    }
    home.drop("trip.zip", zipped({**files, "batch.toml": f'prefix = "{PREFIX}"'.encode()}))
    home.once()
    assert {home.key(row["path"]) for row in home.assets()} == {
        f"originals/2008/05/{PREFIX}_{name}" for name in ("01.jpg", "01.mov", "02.jpg")
    }
    assert f"sidecars/2008/05/{PREFIX}_02.jpg.xmp" in home.library_files()


def test_a_date_that_a_sidecar_changes_keeps_the_number(home: Home) -> None:
    home.drop_folder("trip", {**trip(), "batch.toml": OPTIONS})
    home.once()
    home.drop_folder("trip", {"j.jpg.xmp": xmp("Dated anew", taken="2009-01-01T00:00:00")})
    home.once()
    assert home.key(home.asset("j.jpg")["path"]) == f"originals/2009/01/{PREFIX}_01.jpg"
