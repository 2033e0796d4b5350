"""Pictures for print: inks come out as the colours that the embedded profile says they have on its paper.

An output profile of version 2 with one table (ICC.1:2001-04, 6.5.8 lut8Type), each of whose corners is a mixture of
inks in full; what is between them is nobody's to judge here.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from colour_numbers import D50, SRGB, Triple, apply, ciede2000, fixed, icc, inverse, lab_of_srgb, text, to_d50
from marked_pictures import encoded
from PIL import Image
from worker_world import World, picture_of

from watcher.model import Recipe

SIDE = 32  # px
Inks = tuple[int, int, int, int]  # each 0 or 1
MIXED: dict[tuple[int, int, int], Triple] = {  # without black; Lab, whole numbers so that 8 bits hold a and b
    (0, 0, 0): (100, 0, 0),
    (1, 0, 0): (60, -17, -30),
    (0, 1, 0): (50, 52, -4),
    (0, 0, 1): (88, -6, 60),
    (1, 1, 0): (32, 14, -40),
    (1, 0, 1): (52, -36, 24),
    (0, 1, 1): (48, 50, 34),
    (1, 1, 1): (30, 2, 3),
}


def paper(inks: Inks) -> Triple:
    """The colour of full inks in Lab: black takes most of the light of what is under it, and of its colour."""
    light, a, b = MIXED[inks[:3]]
    return (8 + light / 10, round(a / 8), round(b / 8)) if inks[3] else (light, a, b)


def byte_lab(colour: Triple) -> bytes:
    light, a, b = colour
    return bytes((round(light * 2.55), round(a) + 128, round(b) + 128))


def in_bytes(colour: Triple) -> Triple:
    """The colour that is left once it was told in 8 bits."""
    light, a, b = byte_lab(colour)
    return light / 2.55, a - 128, b - 128


def print_profile() -> bytes:
    straight = bytes(range(256))
    corners = itertools.product((0, 1), repeat=4)  # black varies first, as the table has it
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += straight * 4 + b"".join(byte_lab(paper(inks)) for inks in corners) + straight * 3
    tags = {
        b"desc": text("some paper"),
        b"cprt": b"text\0\0\0\0nobody's\0",
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50),
        b"A2B0": table,
    }
    return icc(b"prtr", b"CMYK", b"Lab ", tags)


def light(colour: Triple) -> Triple:
    """XYZ in D50 (CIE 15, 8.2.1)."""
    y = (colour[0] + 16) / 116
    x, z = y + colour[1] / 500, y - colour[2] / 200
    back = (t**3 if t > 6 / 29 else (t - 4 / 29) * 3 * (6 / 29) ** 2 for t in (x, y, z))
    return tuple(value * white for value, white in zip(back, D50, strict=True))  # type: ignore[return-value]


CORNERS: list[Inks] = list(itertools.product((0, 1), repeat=4))


def place(at: int) -> tuple[int, int]:
    """The left upper corner of a patch, four in a row."""
    return at % 4 * SIDE, at // 4 * SIDE


def sheet() -> Image.Image:
    """A patch of each mixture."""
    made = Image.new("CMYK", (4 * SIDE, 4 * SIDE))
    for at, inks in enumerate(CORNERS):
        left, top = place(at)
        made.paste(tuple(255 * ink for ink in inks), (left, top, left + SIDE, top + SIDE))
    return made


def test_srgb_can_show_all_of_these_colours() -> None:
    back = inverse(to_d50(SRGB))
    levels = [level for inks in CORNERS for level in apply(back, light(in_bytes(paper(inks))))]
    assert min(levels) >= -0.001
    assert max(levels) <= 1.001


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("JPEG", {"quality": 95, "progressive": True}), ("TIFF", {"compression": "tiff_lzw"})],
    ids=["jpeg", "progressive", "tiff"],
)
def test_inks_are_the_colours_that_the_profile_says(world: World, kind: str, options: dict[str, Any]) -> None:
    world.follow(recipes=(Recipe("copy", format="png"),))
    picture = picture_of(world.run(encoded(sheet(), kind, icc_profile=print_profile(), **options), "a"))
    assert picture.flags == ("icc_converted",)
    with Image.open(world.library / picture.renditions[0].key) as made:
        seen = made.convert("RGB")
    for at, inks in enumerate(CORNERS):
        left, top = place(at)
        levels = seen.getpixel((left + SIDE // 2, top + SIDE // 2))
        assert ciede2000(in_bytes(paper(inks)), lab_of_srgb(levels)) <= 2, (inks, levels)  # type: ignore[arg-type]


def test_inks_without_a_profile_are_those_of_no_paper_and_nothing_is_flagged(world: World) -> None:
    world.follow(recipes=(Recipe("copy", format="png"),))
    picture = picture_of(world.run(encoded(sheet(), "TIFF"), "a"))
    assert picture.flags == ()
    with Image.open(world.library / picture.renditions[0].key) as made:
        seen = {inks: made.convert("RGB").getpixel(place(at)) for at, inks in enumerate(CORNERS)}
    assert (seen[0, 0, 0, 0], seen[1, 0, 0, 0]) == ((255, 255, 255), (0, 255, 255))
    assert (seen[0, 0, 0, 1], seen[1, 1, 1, 1]) == ((0, 0, 0), (0, 0, 0))
