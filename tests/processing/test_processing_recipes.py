"""Recipes: what is cut out, how it is framed, which file it becomes, and what that says about itself."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked_pictures import encoded
from PIL import Image, ImageCms, ImageColor

from watcher.errors import RejectedError
from watcher.model import Facts, Format, Limits, Recipe
from watcher.processing import framing, image, metadata, stripping, xmp
from watcher.processing.developing import render
from watcher.settings.amounts import COLOURS

EDGES = st.one_of(st.integers(-50, 5000), st.integers(0, 150).map(lambda share: f"{share}%"))
FACTS = Facts(
    taken_at="2024-05-17T14:23:01.250",
    taken_offset="+02:00",
    taken_precision="second",
    title="Hafen & Möwen <3",
    creator=("Ana Žagar", "李"),
    copyright="© 2024 Ana",
    latitude=-33.8568,
    longitude=151.2153,
    altitude_m=4.5,
    orientation=6,
)


def quadrants(size: tuple[int, int]) -> Image.Image:
    """Red and lime above, blue and white below."""
    small = Image.new("RGB", (2, 2))
    for at, colour in enumerate(("red", "lime", "blue", "white")):
        small.putpixel((at % 2, at // 2), ImageColor.getrgb(colour))
    return small.resize(size, Image.Resampling.NEAREST)


def made(
    content: bytes, format: Format, recipe: Recipe, orientation: int = 1, facts: Facts = FACTS
) -> tuple[image.Rendered, Image.Image]:
    picture = image.Picture(io.BytesIO(content), format, Limits())
    (one,), _ = picture.render((recipe,), orientation, facts)
    seen = Image.open(io.BytesIO(one.content))
    assert seen.size == (one.width, one.height)
    return one, seen


@pytest.mark.parametrize(
    ("recipe", "size", "expected", "box"),
    [
        (Recipe("x", "800x"), (1600, 1000), (800, 500), (0, 0, 1600, 1000)),
        (Recipe("x", "x600"), (1600, 1200), (800, 600), (0, 0, 1600, 1200)),
        (Recipe("x", "x600"), (1600, 300), (1600, 300), (0, 0, 1600, 300)),
        (Recipe("x", "x600", enlarge=True), (1600, 300), (3200, 600), (0, 0, 1600, 300)),
        (Recipe("x", "300x200", "stretch"), (1000, 1000), (300, 200), (0, 0, 1000, 1000)),
        (Recipe("x", "300x200", "stretch"), (150, 1000), (150, 100), (0, 0, 150, 1000)),
        (Recipe("x", "300x200", "stretch", enlarge=True), (150, 10), (300, 200), (0, 0, 150, 10)),
        (Recipe("x", "300x300", "fill", enlarge=True), (100, 50), (300, 300), (25, 0, 75, 50)),
        (Recipe("x", "200", crop=(10, 20, 110, 70)), (1000, 1000), (100, 50), (10, 20, 110, 70)),
        (Recipe("x", "200", crop=(10, 20, 110, 70), enlarge=True), (1000, 1000), (200, 100), (10, 20, 110, 70)),
        (Recipe("x", "50x50", "fill", crop=("10%", "20%", "30%", "30%")), (1000, 1000), (50, 50), (150, 200, 250, 300)),
        (Recipe("x", "9999", crop=(-5, "0%", 5000, "120%")), (800, 600), (800, 600), (0, 0, 800, 600)),
    ],
)
def test_a_recipe_frames_what_its_words_say(
    recipe: Recipe, size: framing.Size, expected: framing.Size, box: framing.Box
) -> None:
    assert framing.frame(recipe, size) == (expected, pytest.approx(box))


@given(
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    st.tuples(EDGES, EDGES, EDGES, EDGES),
    st.sampled_from(("fit", "fill", "stretch")),
    st.booleans(),
)
def test_any_crop_lies_in_the_picture_or_is_refused(
    size: framing.Size, crop: tuple[int | str, ...], mode: Any, enlarge: bool
) -> None:
    recipe = Recipe("any", "300x200", mode, crop=crop, enlarge=enlarge)
    try:
        (width, height), (left, top, right, bottom) = framing.frame(recipe, size)
    except RejectedError as error:
        assert "cuts out nothing" in str(error)
        return
    assert 1 <= width <= 300 and 1 <= height <= 200
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    assert 0 < framing.scale(recipe, size) <= 1
    if not enlarge:
        assert width <= max(1, right - left + 0.5) and height <= max(1, bottom - top + 0.5)


@pytest.mark.parametrize("format", ["jpeg", "png"])
@pytest.mark.parametrize(("orientation", "corner"), [(1, "red"), (3, "white"), (6, "blue"), (8, "lime")])
def test_a_crop_is_of_the_upright_picture(format: Format, orientation: int, corner: str) -> None:
    content = encoded(quadrants((400, 400)), format)
    recipe = Recipe("corner", "50x50", "stretch", crop=(0, 0, "40%", 160))
    _, seen = made(content, format, recipe, orientation)
    assert seen.size == (50, 50)
    colours = seen.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert all(abs(a - b) < 6 for a, b in zip(colours, ImageColor.getrgb(corner), strict=True))


def test_a_small_part_of_a_large_jpeg_is_decoded_finely_enough() -> None:
    stripes = Image.new("L", (2000, 100))
    stripes.paste(255, (1000, 0, 2000, 100))
    recipe = Recipe("edge", "100x100", "stretch", crop=(950, 0, 1050, 100))
    _, seen = made(encoded(stripes, "jpeg", quality=95), "jpeg", recipe)
    row = [seen.convert("L").getpixel((x, 50)) for x in range(100)]
    assert max(row[:48]) < 30 and min(row[52:]) > 225


def test_a_crop_beside_the_picture_is_refused_by_the_recipes_name() -> None:
    recipe = Recipe("detail", crop=(500, 0, 600, 100))
    with pytest.raises(RejectedError, match=r'"detail" cuts out nothing of its 64 x 64 pixels: its crop is 500, 0'):
        made(encoded(quadrants((64, 64)), "png"), "png", recipe)


@pytest.mark.parametrize(
    ("original", "wanted", "expected"),
    [
        *(("jpeg", wanted, wanted) for wanted in ("jpeg", "png", "webp", "avif")),
        *((same, "same", same) for same in ("jpeg", "png", "webp", "avif")),
        ("gif", "same", "png"),
        ("tiff", "same", "jpeg"),
        ("bmp", "same", "jpeg"),
    ],
)
def test_a_rendition_has_the_format_that_was_asked(original: Format, wanted: Any, expected: str) -> None:
    picture = quadrants((64, 64)).convert("P" if original == "gif" else "RGB")
    one, seen = made(encoded(picture, original), original, Recipe("x", "32", format=wanted))
    assert (one.format, seen.format) == (expected, expected.upper())


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_what_is_transparent_stays_so_where_it_can(format: Any) -> None:
    content = encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "png")
    _, seen = made(content, "png", Recipe("x", "32", format=format))
    assert seen.convert("RGBA").getpixel((9, 9))[3] == 0
    _, seen = made(content, "png", Recipe("x", "32", format=format, background="#0000ff"))
    assert all(abs(a - b) < 6 for a, b in zip(seen.convert("RGB").getpixel((9, 9)), (0, 0, 255), strict=True))
    assert "A" not in seen.mode


def test_the_ground_behind_a_jpeg_is_white_or_the_colour_asked() -> None:
    content = encoded(Image.new("LA", (64, 64), (0, 0)), "png")
    for background, expected in (("", (255, 255, 255)), ("lime", (0, 255, 0)), ("#102030", (16, 32, 48))):
        _, seen = made(content, "png", Recipe("x", "32", background=background))
        assert all(abs(a - b) < 4 for a, b in zip(seen.convert("RGB").getpixel((9, 9)), expected, strict=True))


def test_each_colour_that_a_setting_may_name_is_one_that_can_be_painted() -> None:
    for name in COLOURS:
        assert len(ImageColor.getrgb(name)) == 3


def test_a_jpeg_loads_coarse_first_when_asked() -> None:
    content = encoded(quadrants((64, 64)), "png")
    assert made(content, "png", Recipe("x", progressive=True))[1].info.get("progressive")
    assert not made(content, "png", Recipe("x"))[1].info.get("progressive")


def read_again(content: bytes, format: Format) -> Facts:
    return metadata.read(image.Picture(io.BytesIO(content), format, Limits()).blobs())


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_the_essentials_travel_in_every_format_and_nothing_else(format: Any) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    content = encoded(quadrants((64, 64)), "jpeg", exif=exif)
    one, seen = made(content, "jpeg", Recipe("x", format=format, metadata="essentials"), 6)
    facts = read_again(one.content, format)
    same = ("taken_at", "taken_offset", "title", "creator", "copyright")
    assert {name: getattr(facts, name) for name in same} == {name: getattr(FACTS, name) for name in same}
    assert (facts.orientation, facts.camera_make, facts.latitude) == (None, None, None)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(seen.info["icc_profile"])))
    one, _ = made(content, "jpeg", Recipe("x", format=format, metadata="essentials", gps=True), 6)
    facts = read_again(one.content, format)
    assert (facts.latitude, facts.longitude, facts.altitude_m) == pytest.approx((-33.8568, 151.2153, 4.5), abs=1e-6)


def test_a_rendition_says_nothing_unless_it_is_asked() -> None:
    _, seen = made(encoded(quadrants((64, 64)), "jpeg", exif=Image.Exif(), xmp=b"<x/>"), "jpeg", Recipe("x"))
    assert not {"exif", "xmp", "icc_profile"} & set(seen.info)


def test_a_date_of_which_the_month_is_known_stays_one() -> None:
    facts = Facts(taken_at="2024-05-01T00:00:00", taken_precision="month")
    one, _ = made(encoded(quadrants((64, 64)), "png"), "png", Recipe("x", metadata="essentials"), facts=facts)
    again = read_again(one.content, "jpeg")
    assert (again.taken_at, again.taken_precision) == (facts.taken_at, "month")


def camera_exif() -> bytes:
    """Orientation, a maker note, a place, and a thumbnail, as a camera writes them."""
    return bytes(
        piexif.dump(
            {
                "0th": {0x010F: b"Maker", 0x0112: 6},
                "Exif": {0x927C: b"note of the maker" * 3, 0x9003: b"2024:05:17 14:23:01"},
                "GPS": {1: b"S", 2: ((33, 1), (51, 1), (2448, 100)), 3: b"E", 4: ((151, 1), (12, 1), (5508, 100))},
                "1st": {0x0112: 6, 0x0201: 0, 0x0202: 0},
                "thumbnail": encoded(quadrants((160, 120)), "jpeg"),
            }
        )
    )


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="6" exif:GPSLatitude="33,51.4S" xmp:Rating="4">'
    b"<exif:GPSLongitude>151,12.9E</exif:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_all_that_the_original_says_travels_but_its_orientation_thumbnail_and_place() -> None:
    content = encoded(quadrants((64, 64)), "jpeg", exif=camera_exif(), xmp=XMP)
    _, seen = made(content, "jpeg", Recipe("x", metadata="all"), 6)
    facts = read_again(seen.fp.getvalue(), "jpeg")  # type: ignore[union-attr]
    assert (facts.camera_make, facts.taken_at, facts.rating) == ("Maker", "2024-05-17T14:23:01", 4)
    assert (facts.orientation, facts.latitude, facts.longitude) == (None, None, None)
    exif = seen.info["exif"]
    assert b"note of the maker" * 3 in exif and b"\xff\xd8\xff" not in exif
    assert b"GPS" not in seen.info["xmp"] and b"Orientation" not in seen.info["xmp"]
    _, seen = made(content, "jpeg", Recipe("x", metadata="all", gps=True), 6)
    assert read_again(seen.fp.getvalue(), "jpeg").latitude == pytest.approx(-33.8568)  # type: ignore[union-attr]


def test_a_place_told_in_utf_8_stays_behind_too() -> None:
    place = piexif.dump({"0th": {}, "GPS": {27: b"behind the old mill"}})
    in_utf_8 = place.replace(b"\0\x1b\0\x07", b"\0\x1b\0\x81")  # type 129, which Exif 3.0 adds
    assert in_utf_8 != place
    assert b"mill" not in stripping.exif(in_utf_8, gps=False)
    assert b"mill" in stripping.exif(in_utf_8, gps=True)


@pytest.mark.parametrize(
    "packet",
    [XMP, XMP.replace(b"exif:", b"e:").replace(b":exif", b":e"), XMP.decode().encode("utf-16")],
    ids=["usual", "another prefix", "UTF-16"],
)
def test_a_place_stays_behind_however_xmp_tells_it(packet: bytes) -> None:
    assert (xmp.read(packet) or {})["exif:GPSLongitude"] == "151,12.9E"
    left = stripping.xmp(packet, gps=False)
    assert "GPS" not in str(xmp.read(left)) and (left == b"" or packet is XMP)


def test_an_orientation_under_another_prefix_stays_behind_even_with_its_place() -> None:
    assert stripping.xmp(XMP.replace(b"tiff:", b"t:").replace(b":tiff", b":t"), gps=True) == b""


@given(st.data())
def test_a_damaged_structure_costs_no_more_than_itself(data: st.DataObject) -> None:
    blob = bytearray(camera_exif())
    for _ in range(data.draw(st.integers(1, 8))):
        blob[data.draw(st.integers(6, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(blob[: data.draw(st.integers(0, len(blob)))])
    for gps in (True, False):
        stripped = stripping.exif(cut, gps)
        assert stripped == b"" or len(stripped) == len(cut)
    assert stripping.xmp(bytes(blob), False) is not None


def test_a_fingerprint_tells_recipes_apart_and_not_their_names() -> None:
    first = Recipe("preview")
    assert first.fingerprint() == Recipe("other").fingerprint()
    changes: dict[str, Any] = {
        "size": "1601",
        "mode": "fill",
        "quality": 83,
        "crop": (1, 2, 3, 4),
        "enlarge": True,
        "format": "png",
        "background": "white",
        "progressive": True,
        "metadata": "all",
        "gps": True,
    }
    assert {"name", *changes} == {field.name for field in dataclasses.fields(Recipe)}
    prints = {dataclasses.replace(first, **{name: value}).fingerprint() for name, value in changes.items()}
    assert len(prints | {first.fingerprint()}) == len(changes) + 1


def test_an_original_is_rendered_again_from_where_it_stands(tmp_path: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "original"
    path.write_bytes(encoded(quadrants((640, 480)), "jpeg", exif=exif))
    rendered, flags = render(
        str(path), "jpeg", (Recipe("a", "100"), Recipe("b", "50x50", "fill", format="webp")), Limits()
    )
    assert [(one.recipe, one.width, one.height, one.format) for one in rendered] == [
        ("a", 75, 100, "jpeg"),
        ("b", 50, 50, "webp"),
    ]
    assert rendered[0].fingerprint == Recipe("x", "100").fingerprint()
    assert flags == ()
