"""Sidecars join their picture, however and in whatever order they come; what cannot be told is kept and listed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest
from tests.end_to_end.pictures import picture, takeout, xmp, zipped

ORDERS = list(itertools.permutations(("jpg", "jpg.xmp", "jpg.json")))


def shot(stem: str) -> dict[str, bytes]:
    """A picture with both kinds of sidecars, by their suffixes."""
    return {
        "jpg": picture(f"Camera {stem}"),
        "jpg.xmp": xmp(f"Edited {stem}", taken="2020-01-02T03:04:05", keyword="harbour"),
        "jpg.json": takeout(f"{stem}.jpg", description=f"Told of {stem}", person="Anna"),
    }


def places(stem: str, *sidecars: str) -> set[str]:
    """All that the library has of a shot, by the date of its XMP sidecar."""
    name = f"2020/01/20200102-030405_{stem}.jpg"
    folders = {f"{folder}/{name}" for folder in ("originals", "preview", "thumb")}
    return folders | {f"sidecars/{name}.{kind}" for kind in sidecars}


def assert_joined(home: Home, stem: str) -> None:
    found = home.asset(f"{stem}.jpg")
    assert (found["title"], found["description"]) == (f"Edited {stem}", f"Told of {stem}")
    assert (found["people"], found["keywords"]) == ("Anna", ["harbour"])
    assert found["taken_at"] == "2020-01-02T03:04:05"
    shown = {home.key(path) for path in (found["path"], *found["renditions"].values())}
    assert shown == places(stem)
    assert Path(found["path"]).read_bytes() == shot(stem)["jpg"]


def drop_loose(home: Home, files: dict[str, bytes], part: int) -> None:
    for name, content in files.items():
        home.drop(name, content)


def drop_in_a_folder(home: Home, files: dict[str, bytes], part: int) -> None:
    home.drop_folder("holiday", {f"day one/{name}": content for name, content in files.items()})


def drop_as_a_part(home: Home, files: dict[str, bytes], part: int) -> None:
    home.drop(f"takeout-20240517T000000Z-00{part}.zip", zipped({f"Takeout/{name}": files[name] for name in files}))


WAYS = {"loose": drop_loose, "folder": drop_in_a_folder, "part": drop_as_a_part}


def test_in_whatever_order_they_come_and_however_much_later_picture_and_sidecars_are_one(home: Home) -> None:
    stems = {f"{way}{number}": order for way in WAYS for number, order in enumerate(ORDERS)}
    for part in range(3):
        for way, drop in WAYS.items():
            ours = {stem: order[part] for stem, order in stems.items() if stem.startswith(way)}
            drop(home, {f"{stem}.{suffix}": shot(stem)[suffix] for stem, suffix in ours.items()}, part + 1)
        home.once()
    for stem in stems:
        assert_joined(home, stem)
    assert home.library_files() == set().union(*(places(stem, "xmp", "json") for stem in stems))
    assert len(home.assets()) == len(stems)
    assert len(home.finds("edited")) == len(home.finds("harbour", "anna")) == len(stems)
    assert home.finds("camera") == []  # the word of the titles that they came with


def test_what_comes_together_is_one_at_once(watched: Home) -> None:
    for number, order in enumerate(ORDERS):
        zip_files = {f"in/z{number}.{suffix}": shot(f"z{number}")[suffix] for suffix in order}
        watched.drop(f"together {number}.zip", zipped(zip_files))
        for suffix in order:
            watched.drop(f"l{number}.{suffix}", shot(f"l{number}")[suffix])
        watched.drop_folder(
            f"together {number}", {f"f{number}.{suffix}": shot(f"f{number}")[suffix] for suffix in order}
        )
    watched.wait_for_rest()
    for stem in (f"{way}{number}" for way in "zlf" for number in range(len(ORDERS))):
        assert_joined(watched, stem)
        assert places(stem, "xmp", "json") == {key for key in watched.library_files() if f"_{stem}." in key}


UNCLEAR = {"jpg": picture("D"), "png": picture("D", format="png"), "xmp": xmp("Whose is it")}


def test_a_sidecar_that_several_pictures_could_mean_is_kept_and_listed_in_whatever_order_they_come(home: Home) -> None:
    orders = dict(enumerate(itertools.permutations(UNCLEAR)))
    for part in range(3):
        for number, order in orders.items():
            home.drop(f"d{number}.{order[part]}", UNCLEAR[order[part]] + bytes([number]))
        home.once()
    assert home.finds("whose") == []
    assert {row["title"] for row in home.assets()} == {"D"}
    rows = home.rows("select key, problem from sidecars")
    assert [row["problem"] for row in rows] == ["several pictures could be meant"] * len(orders)
    assert {(home.library / row["key"]).read_bytes() for row in rows} == {
        UNCLEAR["xmp"] + bytes([number]) for number in orders
    }
    assert {key for key in home.library_files() if key.startswith("sidecars/")} == {row["key"] for row in rows}


def test_an_unclear_sidecar_in_a_zip_is_not_given_to_the_picture_that_is_worked_on_first(watched: Home) -> None:
    watched.drop("unclear.zip", zipped({f"unclear.{suffix}": content for suffix, content in UNCLEAR.items()}))
    watched.wait_for_rest()
    assert watched.rows("select problem from sidecars where name = 'unclear.xmp' and problem is not null")
    assert watched.finds("whose") == []


def test_a_card_of_the_same_names_brings_its_own_sidecars(home: Home) -> None:
    """Cameras count from 1 again: the same folder, the same names, other pictures."""
    for card in ("first", "second"):
        home.drop_folder("100CANON", {"IMG_1.jpg": picture(card), "IMG_1.jpg.xmp": xmp(f"The {card} card")})
        home.once()
    titles = {row["digest"]: row["title"] for row in home.assets()}
    assert titles == {digest(picture(card)): f"The {card} card" for card in ("first", "second")}


def test_a_sidecar_without_its_picture_is_done_and_waits_in_the_library(watched: Home) -> None:
    content = xmp("Nobody there")
    watched.drop("lonely.xmp", content)
    watched.wait_until("lonely.xmp", "done")
    (kept,) = (watched.library / "sidecars" / "unmatched").glob("*lonely.xmp")
    assert kept.read_bytes() == content


def test_the_one_with_the_full_name_counts_before_the_one_with_the_stem(watched: Home) -> None:
    watched.drop_folder(
        "both", {"c.jpg": picture("C"), "c.xmp": xmp("By the stem", keyword="stem"), "c.jpg.xmp": xmp("By the name")}
    )
    watched.wait_for_rest()
    assert (watched.asset("c.jpg")["title"], watched.asset("c.jpg")["keywords"]) == ("By the name", ["stem"])


def test_sidecars_of_other_folders_with_the_same_name_stay_theirs(watched: Home) -> None:
    for folder in ("north", "south"):
        watched.drop_folder(folder, {"same.jpg": picture(folder), "same.jpg.xmp": xmp(f"From the {folder}")})
    watched.drop("same.jpg.xmp", xmp("From nowhere"))
    watched.wait_for_rest()
    titles = {row["folder"]: row["title"] for row in watched.assets() if row["name"] == "same.jpg"}
    assert titles == {"north": "From the north", "south": "From the south"}


def test_a_duplicate_brings_its_sidecar_to_the_asset_that_it_equals(watched: Home) -> None:
    watched.drop("plain.jpg", picture("Dropped twice"))
    watched.wait_until("plain.jpg", "done")
    watched.drop_folder("again", {"renamed.jpg": picture("Dropped twice"), "renamed.jpg.xmp": xmp("Told later")})
    watched.wait_for_rest()
    assert watched.states("renamed.jpg") == ["duplicate"]
    assert watched.asset("plain.jpg")["title"] == "Told later"
    assert "plain.jpg" in watched.finds("told", "later", "again")


@pytest.mark.parametrize("content", [b"<x:xmpmeta", b'{"title": "a letter"}', xmp("Cut off")[:-60]])
def test_what_is_called_a_sidecar_and_is_none_harms_nobody(home: Home, content: bytes) -> None:
    home.drop("p.jpg", picture("Unharmed"))
    home.drop("p.jpg.xmp", content)
    assert home.watcher("run", "--once").returncode in (0, 3)
    assert home.asset("p.jpg")["title"] == "Unharmed"
    kept = [path for root in (home.failed, home.library / "sidecars") for path in root.rglob("*") if path.is_file()]
    assert content in [path.read_bytes() for path in kept]


def test_a_sidecar_that_was_edited_again_counts_and_one_that_comes_twice_is_one_file(home: Home) -> None:
    home.drop("p.jpg", picture("Camera"))
    for sidecar in (xmp("First words"), xmp("Better words"), xmp("Better words")):
        home.drop("p.jpg.xmp", sidecar)
        home.once()
    assert home.asset("p.jpg")["title"] == "Better words"
    kept = [key for key in home.library_files() if key.startswith("sidecars/")]
    assert {(home.library / key).read_bytes() for key in kept} == {xmp("First words"), xmp("Better words")}
    assert len(kept) == 2


def test_a_picture_that_was_removed_finds_its_sidecar_when_it_is_dropped_again(home: Home) -> None:
    for name, content in {"p.jpg": picture("Camera"), "p.jpg.xmp": xmp("Edited")}.items():
        home.drop(name, content)
    home.once()
    assert home.watcher("remove", home.asset("p.jpg")["digest"]).returncode == 0
    home.drop("p.jpg", picture("Camera"))
    home.once()
    assert home.asset("p.jpg")["title"] == "Edited"
