"""JPEGs without their end: kept when at most the last row of blocks is missing, refused when more is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from marked_pictures import encoded, noise
from PIL import Image

from watcher.errors import RejectedError
from watcher.model import Limits, Recipe
from watcher.processing import image, scans

WIDTH, HEIGHT = 400, 300
EOI = b"\xff\xd9"
# enough for a preview in full, and little enough for libjpeg to decode at an eighth
RECIPES = {"full": Recipe("preview"), "an eighth": Recipe("tiny", "40")}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "grey": {"mode": "L"},
    "inks": {"mode": "CMYK"},
    "full colour": {"subsampling": 0},
    "restarts in each row": {"restart_marker_rows": 1},
    "restarts in each seven blocks": {"restart_marker_blocks": 7},
    "progressive": {"progressive": True},
}


def jpeg(mode: str = "RGB", **options: Any) -> bytes:
    return encoded(noise((WIDTH, HEIGHT)).convert(mode), "JPEG", quality=88, **options)


WHOLE = {kind: jpeg(**options) for kind, options in KINDS.items()}


def flags(content: bytes, recipe: Recipe = RECIPES["full"]) -> tuple[str, ...]:
    (made,), told = image.Picture(io.BytesIO(content), "jpeg", Limits()).render((recipe,), 1)
    assert Image.open(io.BytesIO(made.content)).size == (made.width, made.height)
    return told


def in_the_last_row(content: bytes) -> int:
    """How many bytes of a JPEG of noise to cut so that only its last row of blocks suffers: half of that row's."""
    rows = -(-HEIGHT // 16)
    return len(content) // rows // 2


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_jpeg_has_its_end(kind: str, recipe: Recipe) -> None:
    assert flags(WHOLE[kind], recipe) == ()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_its_end_marker_alone_is_kept_and_says_so(kind: str, recipe: Recipe) -> None:
    for missing in (1, 2):
        assert flags(WHOLE[kind][:-missing], recipe) == ("truncated_end",)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("progressive", "full colour", "grey", "inks")])
def test_a_jpeg_that_lacks_a_part_of_its_last_row_of_blocks_is_kept_and_says_so(kind: str, recipe: Recipe) -> None:
    content = WHOLE[kind]
    # the last of nineteen rows of blocks is 12 of 16 px high
    assert flags(content[:-20], recipe) == ("truncated_end",)
    for missing in (200, in_the_last_row(content)):
        assert flags(content[:-missing], recipe) == ("truncated_end",)
        assert flags(content[:-missing] + EOI, recipe) == ("truncated_end",)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("glued", [b"", EOI], ids=["", "with an end glued on"])
@pytest.mark.parametrize("percent", [20, 50, 90])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_more_is_refused_even_with_an_end_glued_on(
    kind: str, percent: int, glued: bytes, recipe: Recipe
) -> None:
    content = WHOLE[kind]
    with pytest.raises(RejectedError, match="cut off"):
        flags(content[: len(content) * percent // 100] + glued, recipe)


def test_a_progressive_jpeg_that_lacks_a_whole_scan_is_refused() -> None:
    content = WHOLE["progressive"]
    starts = [at for at in range(len(content)) if content[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts[1:]:
        for glued in (b"", EOI):
            # what stands right before a scan are its tables
            with pytest.raises(RejectedError, match="cut off"):
                flags(content[: content.rindex(b"\xff\xc4", 0, start)] + glued)


def test_a_flat_grey_picture_is_whole_and_cut_it_is_found_out() -> None:
    content = encoded(Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128)), "JPEG")
    assert flags(content) == ()
    assert flags(content[:-2]) == ("truncated_end",)


def test_data_behind_the_end_is_no_part_of_the_picture() -> None:
    content = WHOLE["plain"]
    assert flags(content + content[: len(content) // 2]) == ()
    with pytest.raises(RejectedError, match="cut off"):
        flags(content[: len(content) // 2] + EOI + b"\0trailer" * 9)


@pytest.mark.parametrize("kind", KINDS)
def test_headers_cut_anywhere_are_refused_or_walked(kind: str) -> None:
    content = WHOLE[kind]
    for end in range(2, 700, 7):
        with pytest.raises(RejectedError):
            flags(content[:end])
        scans.survey(io.BytesIO(content[:end]))


@pytest.mark.parametrize("format", ["png", "webp", "gif"])
@pytest.mark.parametrize("percent", [50, 90])
def test_other_formats_that_are_cut_off_are_refused(format: Any, percent: int) -> None:
    content = encoded(noise((WIDTH, HEIGHT)), format)
    with pytest.raises(RejectedError, match=r"cut off|damaged"):
        picture = image.Picture(io.BytesIO(content[: len(content) * percent // 100]), format, Limits())
        picture.render((RECIPES["full"],), 1)
