"""Whether a JPEG that was turned without loss shows what it showed before: pixel against pixel, in bands.

How a file is opened within the limits is image.py's to know, what becomes of one that differs turning.py's.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from watcher.model import Limits
from watcher.processing.image import TURNS, check_memory, judged

_BYTES = 14  # a pixel: of two pictures, and what libjpeg keeps of a progressive one
_BAND = 256  # rows
# Colours kept at half the size are enlarged before a turn, or after it, and rounded otherwise: of 885 turns of real
# cameras' pictures the worst came to 5 levels and a mean of 0.4.
_LEVELS, _MEAN_LEVELS = 8, 0.5


def same_pixels(before: Path, after: Path, orientation: int, limits: Limits) -> bool:
    """Whether the JPEG `after` shows, as it is stored, what `before` shows by its `orientation` (2..8).

    Raises RejectedError where one of them cannot be decoded, or both would take more memory than the limits allow.
    """
    with (
        judged("jpeg"),
        Image.open(before, formats=("JPEG",)) as first,
        Image.open(after, formats=("JPEG",)) as second,
    ):
        width, height = second.size
        check_memory(f"comparing its {width} x {height} pixels", width * height * _BYTES, limits)
        upright = first.transpose(TURNS[orientation])
        first.close()
        if (upright.size, upright.mode) != (second.size, second.mode):
            return False
        bands = [(0, top, width, min(top + _BAND, height)) for top in range(0, height, _BAND)]
        return all(_alike(upright.crop(band), second.crop(band)) for band in bands)


def _alike(one: Image.Image, other: Image.Image) -> bool:
    apart = ImageStat.Stat(ImageChops.difference(one, other))
    return max(high for _, high in apart.extrema) <= _LEVELS and max(apart.mean) <= _MEAN_LEVELS
