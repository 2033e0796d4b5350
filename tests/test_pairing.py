"""Which names belong to one shot: sidecars in all their forms, edited twins, stacks; and when nobody can tell."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher import pairing

EDITED = (
    "edited",
    "bearbeitet",
    "modifié",
    "editado",
    "modificato",
    "bewerkt",
    "edytowane",
    "editat",
    "編集済み",
    "편집됨",
)
SUPPLEMENT = ".supplemental-metadata"
LATIN1 = os.fsdecode(b"caf\xe9.jpg")


def takeout(sidecar: str, *pictures: str, title: str | None = None) -> list[str] | None:
    """The names of the pictures that the sidecar belongs to."""
    places = pairing.partners(sidecar, "takeout", title, pictures)
    return None if places is None else [pictures[place] for place in places]


def xmp(sidecar: str, *pictures: str) -> list[str] | None:
    places = pairing.partners(sidecar, "xmp", None, pictures)
    return None if places is None else [pictures[place] for place in places]


def cut(text: str, length: int, *, units: bool) -> str:
    """The first code points, or the first UTF-16 units without half an emoji."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore") if units else text[:length]


# -- takeout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", range(len(SUPPLEMENT) + 1))
def test_any_beginning_of_the_supplement_is_one(end: int) -> None:
    assert takeout(f"IMG_1.jpg{SUPPLEMENT[:end]}.json", "IMG_1.jpg", "IMG_2.jpg") == ["IMG_1.jpg"]


@pytest.mark.parametrize(
    ("sidecar", "picture"),
    [
        ("IMG_3.jpg(1).json", "IMG_3(1).jpg"),
        ("IMG_3(1).jpg.json", "IMG_3(1).jpg"),
        ("IMG_3.jpg.supplemental-metadata(1).json", "IMG_3(1).jpg"),
        ("IMG_3.jpg.supplemental-metadata.json", "IMG_3.jpg"),
        ("IMG_3.jpg.suppl(2).json", "IMG_3(2).jpg"),
        ("IMG_3(1).jpg(2).json", "IMG_3(1)(2).jpg"),
        ("IMG_3.JPG.json", "IMG_3.jpg"),
        ("IMG_3.json", "IMG_3.jpg"),  # its title had no extension
        ("IMG_3(1).json", "IMG_3(1).jpg"),
    ],
)
def test_a_counter_stands_before_the_pictures_extension(sidecar: str, picture: str) -> None:
    others = [f"IMG_3{counter}.jpg" for counter in ("", "(1)", "(2)", "(1)(2)", "(3)")]
    assert takeout(sidecar, *others) == [picture]


def test_a_counted_sidecar_waits_for_its_own_picture() -> None:
    assert takeout("IMG_3.jpg(1).json", "IMG_3.jpg", "IMG_3(2).jpg") == []
    assert takeout("IMG_3.jpg.json", "IMG_3(1).jpg") == []


@pytest.mark.parametrize("word", [*EDITED, "ha editado", unicodedata.normalize("NFD", "modifié")])
def test_an_edited_twin_has_the_sidecar_of_the_unedited_one(word: str) -> None:
    twin = f"IMG_1-{word}.jpg"
    assert takeout("IMG_1.jpg.json", "IMG_1.jpg", twin, "IMG_2.jpg") == ["IMG_1.jpg", twin]
    assert takeout("IMG_1.jpg.json", twin) == [twin]
    assert takeout("IMG_1.jpg(1).json", "IMG_1(1).jpg", f"IMG_1-{word}(1).jpg", twin) == [
        "IMG_1(1).jpg",
        f"IMG_1-{word}(1).jpg",
    ]


def test_an_edited_twin_may_be_of_another_format_where_no_other_picture_is_its_original() -> None:
    assert takeout("a.heic.json", "a.heic", "a-edited.jpg") == ["a.heic", "a-edited.jpg"]
    assert takeout("a.heic.json", "a.heic", "a-edited.jpg", "a.jpg") == ["a.heic"]
    assert takeout("a.heic.json", "a-edited.jpg") == []


def test_what_is_called_edited_and_has_its_own_sidecar_is_an_original() -> None:
    assert takeout("a-edited.jpg.json", "a.jpg", "a-edited.jpg") == ["a-edited.jpg"]


@pytest.mark.parametrize("units", [False, True])
@pytest.mark.parametrize("letter", ["x", "é", "日", "📷"])
@pytest.mark.parametrize("extension", [".jpg", ".heic"])
@pytest.mark.parametrize("length", range(36, 60))
def test_long_names_are_cut_to_46_and_51_characters(units: bool, letter: str, extension: str, length: int) -> None:
    def named(letters: str, counter: str = "") -> tuple[str, str, str]:
        title = letters + extension
        picture = cut(letters, 51 - len(extension), units=units) + counter + extension
        return title, picture, cut(title + SUPPLEMENT, 46, units=units) + counter + ".json"

    letters = cut("A" + letter * 60, length, units=units)
    title, picture, sidecar = named(letters)
    _, counted, its_sidecar = named(letters, "(1)")
    for hint in (title, None):
        assert takeout(sidecar, picture, counted, "B.jpg", title=hint) == [picture]
        assert takeout(its_sidecar, picture, counted, "B.jpg", title=hint) == [counted]
    names = {picture, counted, sidecar, its_sidecar}
    heads = {pairing.shot(name).removesuffix("(1)") for name in names}
    assert len(heads) == 1


def test_the_title_tells_pictures_apart_that_differ_behind_the_cut() -> None:
    first, second = "x" * 46 + "A.jpg", "x" * 46 + "B.jpg"
    sidecar = "x" * 46 + ".json"
    assert takeout(sidecar, first, second) is None
    assert takeout(sidecar, first, second, title="x" * 46 + "B and more.jpg") == [second]
    assert takeout(sidecar, first, title=second) == [], "its own is still to come"
    assert takeout(sidecar, "x" * 46 + "_.jpg", title="x" * 46 + "?.jpg") == ["x" * 46 + "_.jpg"]


def test_a_short_name_is_not_the_beginning_of_another() -> None:
    assert takeout("IMG_1.jpg.json", "IMG_1.jpg.png", "IMG_12.jpg") == []
    assert takeout("IMG.json", "IMG_1.jpg") == []


def test_an_edited_twins_name_is_cut_too() -> None:
    original, twin = "x" * 41 + ".jpg", "x" * 41 + "-edite.jpg"
    assert takeout("x" * 41 + ".jpg..json", original, twin) == [original, twin]
    assert takeout("short.jpg.json", "short.jpg", "short-e.jpg") == ["short.jpg"]


def test_a_live_photos_own_sidecar_is_the_stills() -> None:
    assert takeout("IMG_1.HEIC.json", "IMG_1.HEIC", "IMG_1.MP4") == ["IMG_1.HEIC"]


# -- xmp -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sidecar", "pictures", "partners"),
    [
        ("IMG_1.jpg.xmp", ["IMG_1.jpg", "IMG_1.CR2"], ["IMG_1.jpg"]),
        ("IMG_1.xmp", ["IMG_1.jpg", "IMG_1.CR2"], ["IMG_1.jpg", "IMG_1.CR2"]),
        ("IMG_1.xmp", ["IMG_1.HEIC", "IMG_1.MOV"], ["IMG_1.HEIC", "IMG_1.MOV"]),
        ("IMG_1.xmp", ["IMG_1.jpg", "IMG_1.png"], None),
        ("IMG_1.xmp", ["IMG_1.jpg", "IMG_1.CR2", "IMG_1.png"], None),
        ("e.xmp", ["E.JPG"], ["E.JPG"]),
        ("e.xmp", ["E.jpg", "e.jpg"], ["e.jpg"]),
        ("e.XMP", ["E.jpg", "E.JPG"], None),
        ("IMG_1.xmp", ["IMG_1(1).jpg", "IMG_1-edited.jpg", "IMG_10.jpg"], []),
        ("IMG_1.xmp", [], []),
        ("PXL_1.MP.xmp", ["PXL_1.MP.jpg"], ["PXL_1.MP.jpg"]),
        ("caf\u0065\u0301.xmp", ["caf\u00e9.jpg"], ["caf\u00e9.jpg"]),
        (LATIN1 + ".xmp", [LATIN1], [LATIN1]),
        ("a\nb.xmp", ["a\nb.jpg"], ["a\nb.jpg"]),
        ("layers.xmp", ["layers.kra"], ["layers.kra"]),
    ],
)
def test_an_xmp_sidecar_is_for_one_file_or_for_its_stack(
    sidecar: str, pictures: list[str], partners: list[str] | None
) -> None:
    assert xmp(sidecar, *pictures) == partners


def test_an_album_and_what_is_no_sidecar_belong_to_no_picture() -> None:
    assert pairing.partners("metadata.json", "album", "metadata.jpg", ["metadata.jpg"]) == ()
    assert pairing.partners("IMG_1.jpg", "xmp", None, ["IMG_1.jpg"]) == ()


@pytest.mark.parametrize(("name", "tells"), [("a.xmp", True), ("a.jpg.JSON", True), (".json", False), ("a.jpg", False)])
def test_sidecars_are_known_by_their_extension(name: str, tells: bool) -> None:
    assert pairing.tells_of_others(name) is tells


# -- stacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "stacks"),
    [
        (["IMG_1.CR2", "img_1.JPG"], [["img_1.JPG", "IMG_1.CR2"]]),
        (["IMG_1.heic", "IMG_1.dng"], [["IMG_1.heic", "IMG_1.dng"]]),
        (
            ["IMG_1.MOV", "IMG_2.MOV", "IMG_1.HEIC", "IMG_2.jpg"],
            [["IMG_1.HEIC", "IMG_1.MOV"], ["IMG_2.jpg", "IMG_2.MOV"]],
        ),
        (["a.jpg", "a.mp4", "a.nef"], [["a.jpg", "a.mp4", "a.nef"]]),
        (["PXL_1.MP", "PXL_1.MP.jpg"], [["PXL_1.MP.jpg", "PXL_1.MP"]]),
        (["a(1).heic", "a(1).mov", "a.mov"], [["a(1).heic", "a(1).mov"]]),
        (["d.jpg", "d.png"], []),
        (["d.jpg", "d.heic", "d.mov"], []),
        (["d.jpg", "D.JPG", "d.cr2"], []),
        (["d.cr2", "d.mov"], []),
        (["d.jpg", "d.tif"], []),
    ],
)
def test_a_stack_is_one_still_with_its_raw_file_or_movie(names: list[str], stacks: list[list[str]]) -> None:
    assert [[names[place] for place in stack] for stack in pairing.stacks(names)] == stacks


# -- shots -----------------------------------------------------------------------------------------------------------


def forms(stem: str, *, units: bool) -> Iterator[str]:
    """The names that one shot comes under."""
    yield from (f"{stem}.{extension}" for extension in ("HEIC", "mov", "dng", "xmp", "heic.xmp"))
    title = stem + ".HEIC"
    yield from (cut(title + SUPPLEMENT[:end], 46, units=units) + ".json" for end in range(len(SUPPLEMENT) + 1))
    yield cut(stem, 46, units=units) + ".HEIC"
    yield from (cut(f"{stem}-{word}", 46, units=units) + ".HEIC" for word in EDITED)
    yield unicodedata.normalize("NFD", title)
    yield unicodedata.normalize("NFC", title).upper()


STEMS = st.text("abzÄéß_- 0日📷", min_size=1, max_size=60).map(lambda text: text + "0")


@given(STEMS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_all_names_of_a_shot_have_one_key(stem: str, units: bool) -> None:
    keys = {name: pairing.shot(name) for name in forms(stem, units=units)}
    assert len(set(keys.values())) == 1, keys


@given(st.text("abé📷0", min_size=1, max_size=17), st.integers(1, 99), st.sampled_from(EDITED))
def test_a_counter_is_in_the_key_wherever_it_stands(stem: str, number: int, word: str) -> None:
    counter = f"({number})"
    names = [f"{stem}{counter}.jpg", f"{stem}.jpg{counter}.json", f"{stem}{counter}.jpg.json", f"{stem}{counter}.xmp"]
    names += [
        f"{stem}.jpg.supplemental-meta{counter}.json",
        f"{stem}-{word}{counter}.jpg",
        f"{stem}{counter}-{word}.jpg",
    ]
    assert {pairing.shot(name) for name in names} == {pairing.shot(stem + ".jpg") + counter}


@pytest.mark.parametrize("name", [".jpg", "(1).jpg", "-edited.jpg", "(1)", ".json", ".", "x" * 255, LATIN1])
def test_a_key_is_short_text_and_never_empty(name: str) -> None:
    key = pairing.shot(name)
    assert key
    assert len(key.encode("utf-16-le")) <= 70
    assert pairing.shot(name + ".json") == key


def test_those_that_are_only_numbered_have_keys_of_their_own() -> None:
    names = [f"Image ({number}).jpg" for number in range(9)] + [f"scan({number}).jpg" for number in range(9)]
    assert len({pairing.shot(name) for name in names}) == len(names)


@given(st.binary(min_size=1, max_size=60), st.lists(st.binary(min_size=1, max_size=60), max_size=5), st.text())
@settings(max_examples=150, deadline=None)
def test_no_name_makes_it_raise(sidecar: bytes, pictures: list[bytes], title: str) -> None:
    names = [os.fsdecode(raw) for raw in pictures]
    places = pairing.partners(os.fsdecode(sidecar) + ".json", "takeout", title, [*names, os.fsdecode(sidecar)])
    assert places is None or len(names) in places
    assert pairing.stacks(names) is not None


# -- the collection --------------------------------------------------------------------------------------------------

OTHERS = {  # the sidecars whose name is more than their picture's
    "IMG_0001.jpg.json": ["IMG_0001-bearbeitet.jpg", "IMG_0001-edited.jpg", "IMG_0001.jpg"],
    "IMG_0002.jpg.supplemental-metadata.json": ["IMG_0002.jpg"],
    "IMG_0003.jpg.supplemental-metadata(1).json": ["IMG_0003(1).jpg"],
    "IMG_0003.jpg.supplemental-metadata.json": ["IMG_0003.jpg"],
    "IMG_0004.jpg(2).json": ["IMG_0004(2).jpg"],
    "IMG_0016.HEIC.json": [],
    "IMG_20190714_101112345_BURST000_COVER.jpg.supp.json": ["IMG_20190714_101112345_BURST000_COVER.jpg"],
    "Screenshot_2019-07-14-10-11-12-345_com.example.json": ["Screenshot_2019-07-14-10-11-12-345_com.example.app.jpg"],
    "metadata.json": [],
    "c.xmp": ["c.jpg"],
    "d.xmp": None,
    "e.xmp": ["E.JPG"],
    "orphan.xmp": [],
}


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["takeout/Photos from 2019", "xmp"])
def test_each_sidecar_of_the_collection_finds_its_picture(corpus: Path, folder: str) -> None:
    names = sorted(os.listdir(corpus / "sidecars" / folder))
    pictures = [name for name in names if not pairing.tells_of_others(name)]
    find = xmp if folder == "xmp" else takeout
    found = {name: find(name, *pictures) for name in names if pairing.tells_of_others(name)}
    stems = {name: name.rpartition(".")[0] for name in found}
    expected = {
        name: OTHERS.get(
            name, [picture for picture in pictures if picture.removesuffix(".jpg") == stem.removesuffix(".jpg")]
        )
        for name, stem in stems.items()
    }
    assert found == expected
    assert all(pairing.shot(name) == pairing.shot(one) for name, partners in found.items() for one in partners or ())
