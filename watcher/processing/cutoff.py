"""Whether a JPEG was cut off: which of its rows there were data for. What its headers tell is scans.py's.

The rule: where at most the last row of blocks is missing the picture is kept, and says so; else it is refused. A GIF
whose first picture is whole is kept whatever comes, and says so, too.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from PIL import Image, ImageChops, ImageFile

from watcher.errors import RejectedError
from watcher.processing import scans

_CORNER = 2  # px; at an eighth a block has no more
_DESCRIPTOR, _EXTENSION = 0x2C, 0x21  # how the blocks of a GIF begin
_GREY = (127, 128)  # what libjpeg makes of blocks without data, in every kind of colour


def is_suspect(image: Image.Image) -> bool:
    """Whether a decoded JPEG may lack its end in spite of an end marker: a look at its last corner is all it costs."""
    if image.info.get("progressive"):
        return True  # what is missing shows nowhere: each pixel is there from the first scan on
    last = image.crop((max(0, image.width - _CORNER), image.height - 1, *image.size)).getextrema()
    channels = last if isinstance(last[0], tuple) else (last,)
    return all(_GREY[0] <= low and high <= _GREY[1] for low, high in channels)


def lacks_end(file: BinaryIO) -> bool:
    """Whether a JPEG whose rows were all decoded lacks its end marker: a strict decoder does not always ask for it."""
    file.seek(-len(scans.EOI), io.SEEK_END)
    if file.read() == scans.EOI:
        return False
    found = scans.survey(file)  # behind the end there may be more: a video, another picture
    return found is not None and not found.ended


def judged(
    file: BinaryIO, loaded: ImageFile.ImageFile | None, work: tuple[int, int]
) -> tuple[ImageFile.ImageFile, bool]:
    """The picture, decoded at the scale that serves `work`, and whether its end is missing.

    `loaded` is what a strict decoder made of it, None when it gave up. Raises RejectedError when more is missing
    than the last row of blocks.
    """
    found = scans.survey(file)
    if found is None and loaded is not None:
        return loaded, False
    if found is None or not found.covered:
        raise _too_much()
    ended, filled = scans.endings(file, found)
    mode = "L" if found.single else None  # brightness alone is enough, and has no neighbours' colour smoothed into it
    one = loaded if loaded is not None and not found.single else _decoded(ended, mode, work)
    top = _first_difference(one, _decoded(filled, mode, work))
    if top is not None and top < _last_row(found, Image.open(ended).height, one.height):
        raise _too_much()
    image = loaded or (_decoded(ended, None, work) if found.single else one)
    return image, top is not None or not found.ended


def lacks_trailer(gif: bytes) -> bool:
    """Whether a GIF ends before its trailer (GIF89a, 27). What comes behind that, or is no block, is not asked."""
    at = 13 + _colours(gif[10:11])
    while at < len(gif):
        kind = gif[at]
        if kind == _DESCRIPTOR:
            at += 11 + _colours(gif[at + 9 : at + 10])
        elif kind == _EXTENSION:
            at += 2
        else:
            return False
        while at < len(gif) and gif[at]:
            at += 1 + gif[at]
        at += 1
    return bool(gif)


def _colours(flags: bytes) -> int:
    """The bytes of the colour table that the flags before it tell of (GIF89a, 19 and 21)."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _decoded(file: BinaryIO, mode: str | None, work: tuple[int, int]) -> ImageFile.ImageFile:
    image = Image.open(file, formats=("JPEG",))
    image.draft(mode, work)
    image.load()
    return image


def _first_difference(one: Image.Image, other: Image.Image) -> int | None:
    box = ImageChops.difference(one, other).getbbox()
    return box[1] if box else None


def _last_row(found: scans.Scans, height: int, decoded_height: int) -> int:
    """Where the last row of blocks begins, px of the decoded picture."""
    by = max(scale for scale in (1, 2, 4, 8) if -(-height // scale) >= decoded_height)
    return (height - 1) // found.row_px * found.row_px // by


def _too_much() -> RejectedError:
    return RejectedError("the picture is cut off: its end is missing")
