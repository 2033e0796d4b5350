"""What was odd about a file is found by `flag:`, and what it says at length is kept to its last word."""

from __future__ import annotations

import io
import json
import re

import pytest
from PIL import Image

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture, xmp
from tests.processing.colour_numbers import D50, SRGB, fixed, icc, to_d50
from watcher.processing import metadata

ORIENTATION = 0x0112
TORN = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\0\0\xff\xff\0\0" + bytes(
    4
)  # a maker's name beyond the end
GAIN_MAP = b"http://ns.adobe.com/xap/1.0/\0" + xmp("Bright").replace(b"dc:title", b"hdr-gain-map")


def _with(segments: list[tuple[int, bytes]], content: bytes) -> bytes:
    """A JPEG with these APPn segments in front of all others."""
    added = (bytes((0xFF, 0xE0 + number)) + (len(body) + 2).to_bytes(2, "big") + body for number, body in segments)
    return content[:2] + b"".join(added) + content[2:]


def _profile() -> bytes:
    """sRGB's colorants with straight curves: any other colour but black and white is another one in sRGB."""
    colorants = zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*to_d50(SRGB), strict=True), strict=True)
    points = {b"wtpt": D50, **dict(colorants)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + bytes(8))
    tags = {name: b"XYZ \0\0\0\0" + fixed(*values) for name, values in points.items()} | curves
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


def _several(kind: str) -> bytes:
    frames = [Image.new("L", (20, 20), level) for level in (0, 128, 255)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def _on_its_side() -> bytes:
    """Not a JPEG, so that no program can turn it without loss."""
    out = io.BytesIO()
    Image.new("RGB", (20, 30), "teal").save(out, "PNG", exif=metadata.build_exif({ORIENTATION: 6}, {}, {}))
    return out.getvalue()


FLAGGED = {
    "exif_repaired": _with([(1, TORN)], picture("torn", taken=None)),
    "icc_converted": _with([(2, b"ICC_PROFILE\0\x01\x01" + _profile())], picture("straight")),
    "hdr_gain_map": _with([(1, GAIN_MAP)], picture("bright")),
    "truncated_end": picture("cut")[:-2],
    "animated": _several("GIF"),
    "multi_page": _several("TIFF"),
    "not_upright": _on_its_side(),
}


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A library with one picture for each flag, named after it, and one without any."""
    home = Home(tmp_path_factory.mktemp("flagged"))
    home.config.write_text(home.config.read_text().replace('path = "inbox"', 'path = "inbox"\nupright = true'))
    for flag, content in FLAGGED.items():
        home.drop(flag, content)
    home.drop("plain", picture("plain"))
    home.once()
    return home


@pytest.mark.parametrize("flag", FLAGGED)
def test_a_flag_finds_the_pictures_that_have_it_and_no_others(flagged: Home, flag: str) -> None:
    assert flagged.finds(f"flag:{flag}") == [flag]
    assert flag not in flagged.finds(f"-flag:{flag}")


def test_a_picture_that_nothing_is_odd_about_has_no_flag(flagged: Home) -> None:
    assert flagged.finds("flags:none") == ["plain"]


@pytest.mark.parametrize("blank", [" ", ""], ids=["words", "no blanks"])
def test_a_text_of_a_hundred_thousand_letters_is_kept_shown_and_found_whole(home: Home, blank: str) -> None:
    text = blank.join(f"海辺{number}" for number in range(100_000 // 5)) + " lastword"
    assert len(text) > 100_000
    described = xmp(text).decode().replace("dc:title", "dc:description").encode()
    home.drop("a.jpg", picture("a", taken=None))
    home.drop("a.xmp", described)
    home.once()
    (asset,) = home.json("search", "lastword")
    assert asset["description"] == text
    shown = dict(re.split("  +", line, maxsplit=1) for line in home.on_terminal("show", "a.jpg").decode().splitlines())
    assert shown["description"] == text
    (kept,) = home.rows("select metadata from assets")
    assert json.loads(kept["metadata"])["XMP-sidecar"]["dc:description"] == {"x-default": text}
