"""Colours by numbers: flat patches of wide spaces against the spaces' own mathematics, worked out here without Pillow.

Matrix/TRC profiles after ICC.1:2001-04, annex E.
"""

from __future__ import annotations

import io
import itertools
import struct

import pytest
from colour_numbers import (
    D50,
    SRGB,
    Triple,
    apply,
    ciede2000,
    fixed,
    icc,
    inverse,
    lab,
    lab_of_srgb,
    linear,
    text,
    to_d50,
)
from PIL import Image

from watcher.model import Limits, Recipe
from watcher.processing import image

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
GAMMA = 563 / 256  # Adobe RGB (1998), 4.3.1.2: 2.19921875
SIDE = 32  # px


def profile(primaries: tuple[tuple[float, float], ...], curve: bytes, name: str = "wide") -> bytes:
    colorants = zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*to_d50(primaries), strict=True), strict=True)
    tags = {
        b"desc": text(name),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50),
        **{tag: b"XYZ \0\0\0\0" + fixed(*values) for tag, values in colorants},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


SRGB_CURVE = b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *(round(linear(at / 1023) * 65535) for at in range(1024)))
GAMMA_CURVE = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(GAMMA * 256))
SPACES = {"Display P3": (P3, SRGB_CURVE, linear), "Adobe RGB": (ADOBE, GAMMA_CURVE, lambda level: level**GAMMA)}


@pytest.mark.parametrize(
    ("one", "two", "difference"),
    [  # from the test data of Sharma, Wu and Dalal, Color Research and Application 30 (2005)
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_ruler_itself_is_right(one: Triple, two: Triple, difference: float) -> None:
    assert ciede2000(one, two) == pytest.approx(difference, abs=1e-4)


def in_gamut_patches(space: str) -> list[tuple[tuple[int, int, int], Triple]]:
    """24 stored colours that sRGB can show, and what they are in XYZ (D50)."""
    primaries, _, decode = SPACES[space]
    matrix, back = to_d50(primaries), inverse(to_d50(SRGB))
    found = []
    for stored in itertools.product((40, 90, 128, 170, 215), repeat=3):
        meant = apply(matrix, tuple(decode(level / 255) for level in stored))  # type: ignore[arg-type]
        if all(0 <= level <= 1 for level in apply(back, meant)):
            found.append((stored, meant))
    step = len(found) // 24
    return found[: 24 * step : step]


@pytest.mark.parametrize("space", SPACES)
def test_flat_patches_of_a_wide_space_are_the_same_colours_in_srgb(space: str) -> None:
    patches = in_gamut_patches(space)
    assert len(patches) == 24
    sheet = Image.new("RGB", (6 * SIDE, 4 * SIDE))
    for at, (stored, _) in enumerate(patches):
        sheet.paste(stored, (at % 6 * SIDE, at // 6 * SIDE, at % 6 * SIDE + SIDE, at // 6 * SIDE + SIDE))
    out = io.BytesIO()
    sheet.save(out, "PNG", icc_profile=profile(*SPACES[space][:2]))
    picture = image.Picture(io.BytesIO(out.getvalue()), "png", Limits())
    (made,), flags = picture.render((Recipe("full", format="png"),), 1)
    assert flags == ("icc_converted",)
    seen = Image.open(io.BytesIO(made.content)).convert("RGB")
    far = {}
    for at, (stored, meant) in enumerate(patches):
        levels = seen.getpixel((at % 6 * SIDE + SIDE // 2, at // 6 * SIDE + SIDE // 2))
        difference = ciede2000(lab(meant), lab_of_srgb(levels))  # type: ignore[arg-type]
        far[stored] = ciede2000(lab(meant), lab_of_srgb(stored))
        assert difference <= 1, (stored, levels, difference)
    assert max(far.values()) > 3  # without a conversion some would be plainly wrong


def flat(colour: Triple | tuple[int, int, int], profile: bytes) -> tuple[Triple, tuple[str, ...]]:
    """The colour of a picture's rendition, and its flags."""
    out = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), colour).save(out, "PNG", icc_profile=profile)  # type: ignore[arg-type]
    (made,), flags = image.Picture(io.BytesIO(out.getvalue()), "png", Limits()).render((Recipe("a", format="png"),), 1)
    return Image.open(io.BytesIO(made.content)).convert("RGB").getpixel((1, 1)), flags  # type: ignore[return-value]


def test_a_profile_is_known_by_what_it_does_whatever_its_name() -> None:
    stored = (200, 120, 60)
    for name in ("sRGB IEC61966-2.1", "uncalled"):
        assert flat(stored, profile(SRGB, SRGB_CURVE, name)) == (stored, ())
    straight = b"curv" + bytes(8)
    seen, flags = flat(stored, profile(SRGB, straight, "linear sRGB"))
    meant: Triple = (stored[0] / 255, stored[1] / 255, stored[2] / 255)
    assert ciede2000(lab(apply(to_d50(SRGB), meant)), lab_of_srgb(seen)) <= 1
    assert flags == ("icc_converted",)
