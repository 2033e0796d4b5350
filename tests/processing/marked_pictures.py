"""Pictures that show what became of them: a colour in each corner, or noise that leaves no row without data."""

from __future__ import annotations

import io
from random import Random
from typing import Any

from PIL import Image, ImageDraw

CORNERS = ("red", "lime", "blue", "white")  # top left, top right, bottom left, bottom right, as to be seen
_NAMES = {(255, 0, 0): "red", (0, 255, 0): "lime", (0, 0, 255): "blue", (255, 255, 255): "white"}

# how the upright picture must be stored for an EXIF orientation to turn it back
STORED = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def patches(size: tuple[int, int] = (96, 64)) -> Image.Image:
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for at, colour in enumerate(CORNERS):
        left, top = at % 2 * width // 2, at // 2 * height // 2
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=colour)
    return picture


def corner_names(picture: Image.Image) -> tuple[str, ...]:
    width, height = picture.size
    points = ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5))
    found = [tuple(255 if level > 127 else 0 for level in picture.getpixel(point)) for point in points]
    return tuple(_NAMES.get(colour, str(colour)) for colour in found)


def noise(size: tuple[int, int]) -> Image.Image:
    """The same grey noise each time; Pillow's effect_noise goes on from where the process's last one ended."""
    return Image.frombytes("L", size, Random(1).randbytes(size[0] * size[1]))
