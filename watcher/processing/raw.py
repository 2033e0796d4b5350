"""Camera raw files: their size, and the picture that the camera put in to be looked at.

The raw pixels are never developed: how they are to look is decided in a raw converter. The only home of rawpy.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any, BinaryIO

from watcher.errors import RejectedError
from watcher.model import Facts, Format, Limits, Recipe
from watcher.processing import embedded, image
from watcher.processing.metadata import Blobs

_IN_TIFF = (b"II", b"MM")  # Olympus and Panasonic have a number of their own behind it
_OWN_NUMBERS = (b"*\0", b"\0*", b"U\0", b"RO", b"RS", b"OR")


class Raw:
    """An opened camera raw file; stands in for `image.Picture`. `width` and `height` are as stored, without edges.

    Raises RejectedError for what cannot be read, is over a limit, or when rawpy is not installed.
    """

    format: Format = "raw"
    pages = 1
    turned: int | None = None

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._content = _read_whole(file, limits)
        self.width, self.height, preview = _looked_into(self._content)
        image.check_pixels(self.width, self.height, limits)
        self._preview: image.Picture | None = None
        with contextlib.suppress(RejectedError):  # a preview that is broken is none: the raw file is what counts
            self._preview = image.Picture(io.BytesIO(preview), _format(preview), limits) if preview else None

    def blobs(self) -> Blobs:
        """The file's own EXIF; where it is no TIFF, its preview's."""
        if self._content[:2] in _IN_TIFF and self._content[2:4] in _OWN_NUMBERS:
            number = b"*\0" if self._content[:2] == b"II" else b"\0*"
            return embedded.of_tiff(self._content[:2] + number + self._content[4:])
        return self._preview.blobs() if self._preview else Blobs()

    def upright(self, orientation: int) -> tuple[int, int]:
        """Width and height in px of the picture as it is to be seen."""
        return (self.height, self.width) if orientation >= 5 else (self.width, self.height)

    def render(
        self, recipes: tuple[Recipe, ...], orientation: int, facts: Facts
    ) -> tuple[list[image.Rendered], tuple[str, ...]]:
        """The recipes, made from the preview; none and the flag no_renditions where there is none to be had."""
        if self._preview is None:
            return [], ("no_renditions",)
        if orientation >= 5 and self._lies() != (self._preview.width > self._preview.height):
            orientation = 1  # this camera had turned it before it put it in
        try:
            return self._preview.render(recipes, orientation, facts)
        except RejectedError:
            return [], ("no_renditions",)

    def _lies(self) -> bool:
        return self.width > self.height


def _read_whole(file: BinaryIO, limits: Limits) -> bytes:
    size = file.seek(0, io.SEEK_END)
    if size > limits.max_decoded_bytes:  # else the worker runs out of memory, try after try
        raise RejectedError(
            f"reading a camera raw file takes its whole {size / 1e6:,.0f} MB; "
            f"limits.max_decoded_bytes allows {limits.max_decoded_bytes / 1e6:,.0f} MB"
        )
    file.seek(0)
    return file.read()


def _looked_into(content: bytes) -> tuple[int, int, bytes | None]:
    """Width, height and the preview, if there is one, as a file."""
    try:
        import rawpy
    except ImportError:
        raise RejectedError(
            "it is a camera raw file; to read them, install the addition: pip install 'photo-watcher[raw]'"
        ) from None
    try:
        with rawpy.imread(io.BytesIO(content)) as opened:
            return opened.sizes.width, opened.sizes.height, _preview(opened, rawpy)
    except rawpy.LibRawError as error:
        said = error.args[0].decode("ascii", "replace") if error.args else type(error).__name__
        raise RejectedError(
            f"it is a camera raw file that cannot be read ({said}): damaged, or of a camera that is not known yet"
        ) from None


def _preview(opened: Any, rawpy: Any) -> bytes | None:
    try:
        thumbnail = opened.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumbnail.format == rawpy.ThumbFormat.JPEG:
        return bytes(thumbnail.data)
    return _as_png(thumbnail.data) if thumbnail.format == rawpy.ThumbFormat.BITMAP else None


def _as_png(pixels: Any) -> bytes | None:
    """A file of a preview that is bare pixels: rows of three bytes each."""
    height, width, *colours = pixels.shape
    if colours != [3]:
        return None
    return image.from_rgb(width, height, pixels.tobytes(), enlarge_to=(width, height), format="png")


def _format(preview: bytes) -> Format:
    return "jpeg" if preview.startswith(b"\xff\xd8") else "png"
