"""Two JPEGs, one turned without loss: whether the same pixels are to be seen in both."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked_pictures import STORED, encoded, patches
from PIL import Image

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import comparing


def same_pixels(folder: Path, before: bytes, after: bytes, orientation: int = 6, **limits: int) -> bool:
    paths = folder / "before.jpg", folder / "after.jpg"
    for path, content in zip(paths, (before, after), strict=True):
        path.write_bytes(content)
    return comparing.same_pixels(*paths, orientation, Limits(**limits))


def jpeg(picture: Image.Image, turns: tuple[Image.Transpose, ...] = (), mode: str = "RGB") -> bytes:
    picture = picture.convert(mode)
    for turn in turns:
        picture = picture.transpose(turn)
    return encoded(picture, "JPEG", quality=95, subsampling=0)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_jpeg_shows_the_same_pixels_and_one_turned_otherwise_does_not(
    tmp_path: Path, orientation: int, mode: str
) -> None:
    for other, turns in STORED.items():
        same = same_pixels(tmp_path, jpeg(patches(), turns, mode), jpeg(patches(), (), mode), orientation)
        assert same == (other == orientation), other


def test_a_fault_of_a_few_pixels_shows_wherever_it_is(tmp_path: Path) -> None:
    picture = patches((64, 800))
    for at in ((0, 0), (63, 300), (5, 799)):
        other = picture.copy()
        other.paste("black", (*at, at[0] + 2, at[1] + 2))
        assert not same_pixels(tmp_path, jpeg(picture, STORED[6]), jpeg(other))


def test_pictures_of_other_sizes_or_colours_are_not_the_same(tmp_path: Path) -> None:
    assert not same_pixels(tmp_path, jpeg(patches(), STORED[6]), jpeg(patches((96, 72))))
    assert not same_pixels(tmp_path, jpeg(patches(), STORED[6], "L"), jpeg(patches()))


def test_pictures_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    lies, stands = jpeg(patches(), STORED[6]), jpeg(patches())
    with pytest.raises(RejectedError, match=r"comparing its 96 x 64 pixels takes 0 MB; limits\.max_decoded_bytes"):
        same_pixels(tmp_path, lies, stands, max_decoded_bytes=10_000)
    with pytest.raises(RejectedError, match="cut off"):
        same_pixels(tmp_path, lies, stands[: len(stands) // 2])
