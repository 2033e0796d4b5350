"""JPEGs that lie on their side, and a jpegtran for where there is none: it turns with Pillow, and is not lossless."""

from __future__ import annotations

import io
import sys

import piexif
from PIL import Image

from watcher.processing import exif

NOTE = b"a maker's own\0 bytes"

STAND_IN = f"""#!{sys.executable}
import sys
from PIL import Image
turns = {{
    "-flip horizontal": Image.Transpose.FLIP_LEFT_RIGHT, "-rotate 180": Image.Transpose.ROTATE_180,
    "-flip vertical": Image.Transpose.FLIP_TOP_BOTTOM, "-transpose": Image.Transpose.TRANSPOSE,
    "-rotate 90": Image.Transpose.ROTATE_270, "-transverse": Image.Transpose.TRANSVERSE,
    "-rotate 270": Image.Transpose.ROTATE_90,
}}
wanted = next(turn for words, turn in turns.items() if words in " ".join(sys.argv))
try:
    turned = Image.open(sys.stdin.buffer).transpose(wanted)
except OSError as error:
    sys.exit(str(error))
if turned.width % 16 or turned.height % 16:
    sys.exit("transformation is not perfect")
progressive = "-progressive" in sys.argv
turned.save(sys.stdout.buffer, "JPEG", quality=98, subsampling=0, optimize=True, progressive=progressive)
"""


def quarters(width: int, height: int, **how: object) -> bytes:
    """A JPEG whose four quarters differ, so that no two orientations look the same."""
    image = Image.new("RGB", (width, height), "white")
    for box, colour in {(0, 0): "red", (width // 2, 0): "green", (0, height // 2): "blue"}.items():
        image.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    out = io.BytesIO()
    image.save(out, "JPEG", **{"quality": 90, **how})
    return out.getvalue()


def app(number: int, body: bytes) -> bytes:
    return bytes([0xFF, 0xE0 + number]) + (len(body) + 2).to_bytes(2, "big") + body


def photo(
    orientation: int, thumbnail: bytes = b"", size: tuple[int, int] = (64, 32), after: bytes = b"", **how: object
) -> bytes:
    tags = {
        "0th": {piexif.ImageIFD.Orientation: orientation, piexif.ImageIFD.Make: b"Acme"},
        "Exif": {
            piexif.ExifIFD.MakerNote: NOTE,
            piexif.ExifIFD.PixelXDimension: size[0],
            piexif.ExifIFD.PixelYDimension: size[1],
        },
    }
    if thumbnail:
        tags |= {"1st": {piexif.ImageIFD.Orientation: orientation}, "thumbnail": thumbnail}
    plain = quarters(*size, **how)
    return plain[:2] + app(1, piexif.dump(tags)) + app(13, b"Private\0data") + after + plain[2:]


def tags_of(content: bytes) -> dict[str, exif.Tags]:
    return exif.read(content[content.index(b"Exif\0\0") + 6 :]).ifds
