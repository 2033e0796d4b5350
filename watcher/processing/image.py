"""Pixels: open, judge, decode, turn upright, scale.

`Picture` opens one file within the limits and hands out what it says about itself; `render` makes all recipes
from one decode. Nothing is written here. Colours are colour.py's, the files that come out encoding.py's, JPEGs without
their end cutoff.py's; where metadata lies in a file is embedded.py's to know.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from PIL import Image, ImageFile, UnidentifiedImageError

from watcher.errors import RejectedError
from watcher.model import Facts, Format, Limits, Recipe
from watcher.processing import colour, cutoff, embedded, encoding, framing, labels
from watcher.processing.complaints import said
from watcher.processing.metadata import Blobs

Image.MAX_IMAGE_PIXELS = None  # our own limits are asked before anything is decoded; see `Picture`
ImageFile.LOAD_TRUNCATED_IMAGES = False
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it names no file; what it complains of is in our reason

_PILLOW: dict[Format, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "jp2": "JPEG2000",
    "heic": "HEIF",
}
# EXIF orientation -> what to do to the stored pixels (CIPA DC-008, 4.6.4 Orientation)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UNTURNS = {6: 8, 8: 6}
# Bytes a pixel while it is decoded and brought to 8 bits, both copies counted: C keeps three colours in four bytes.
_BYTES = {"1": 2, "L": 1, "P": 5, "PA": 8, "LA": 4, "RGB": 4, "RGBA": 4, "CMYK": 4, "LAB": 4, "I": 13, "F": 13}
_WIDE_BYTES = 8  # 16-bit grey, and any mode that is converted first
# what these decoders hold beside Pillow's pixels
_LIBRARY_BYTES: dict[Format, int] = {"webp": 12, "avif": 12, "heic": 12, "jp2": 24}
_WHOLE = 256_000_000  # bytes; of a larger file that is searched whole the metadata stay unread
_NO_FACTS = Facts()
# in the file's XMP, or in that of a picture behind it: Adobe's, Apple's, and Google's containers, and ISO's name
_GAIN_MAPS = (b"hdr-gain-map", b"HDRGainMap", b"GainMap", b"iso:ts:21496:-1")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished rendition: its recipe's name and fingerprint, its size in px, its encoded bytes, their format."""

    recipe: str
    width: int
    height: int
    content: bytes
    format: Format
    fingerprint: str


class Picture:
    """An opened picture. Raises RejectedError for what cannot be opened, is broken, or is over a limit.

    A JPEG is decoded by `render`, at the scale that the recipes need. All else has one scale and is decoded at
    once: a PNG may carry its metadata behind its pixels, and Pillow turns a TIFF upright while it loads it.
    So `width` and `height` are as stored, but for TIFF and for a HEIC whose container turns it, where they are
    upright; `turned` is the orientation that HEIC's decoder took out of the metadata. `pages` counts those of a TIFF.
    Any exception of Pillow is final for an image object: a second `load` of a broken one reports success.
    """

    def __init__(self, file: BinaryIO, format: Format, limits: Limits) -> None:
        self.format = format
        self._limits = limits
        self._file = file
        _ready(format)
        with judged(format):
            self._image = Image.open(file, formats=(_PILLOW[format],))
            self.width, self.height = self._image.size
            check_pixels(self.width, self.height, limits)
            self.turned: int | None = self._image.info.get("original_orientation")
            self.pages = getattr(self._image, "n_frames", 1) if format == "tiff" else 1
            self._upright = format == "tiff" or (format == "heic" and embedded.container_turns(self._content()))
            self._flags = self._told()
            if format != "jpeg":
                self._load()
                self.width, self.height = self._image.size

    def blobs(self) -> Blobs:
        """The metadata that travels in the file, undecoded."""
        with judged(self.format):
            if self.format == "tiff":
                return embedded.of_tiff(self._content())
            if self.format == "jp2":
                return embedded.of_jp2(self._content())
            if self.format == "png":
                return embedded.of_png(self._image.info)
            return embedded.of_info(self._image.info, getattr(self._image, "applist", ()))

    def upright(self, orientation: int) -> tuple[int, int]:
        """Width and height in px of the picture as it is to be seen."""
        swapped = orientation >= 5 and not self._upright
        return (self.height, self.width) if swapped else (self.width, self.height)

    def render(
        self, recipes: tuple[Recipe, ...], orientation: int, facts: Facts = _NO_FACTS
    ) -> tuple[list[Rendered], tuple[str, ...]]:
        """All recipes from one decode, upright and in sRGB, and the picture's flags.

        They are animated, multi_page, hdr_gain_map, truncated_end and icc_converted. `facts` are what a recipe with
        metadata says. Raises RejectedError when the pixels cannot be had whole, when a recipe cuts out nothing, or
        when it would take more memory than the limits allow.
        """
        upright = self.upright(orientation)
        by = max((framing.scale(recipe, upright) for recipe in recipes), default=1.0)
        work = framing.scaled((self.width, self.height), by)
        with judged(self.format):
            cut = self.format == "jpeg" and self._decode(work)
            image, converted = colour.to_srgb(
                _resized(colour.plain(self._image), work), self._image.info.get("icc_profile")
            )
            if orientation in TURNS and not self._upright:
                image = image.transpose(TURNS[orientation])
            rendered = [self._rendered(image, recipe, upright, facts) for recipe in recipes]
        seen = ("truncated_end",) * (cut or self._lacks_end()) + ("icc_converted",) * converted
        return rendered, (*self._flags, *seen)

    def _rendered(self, image: Image.Image, recipe: Recipe, upright: framing.Size, facts: Facts) -> Rendered:
        size, box = framing.frame(recipe, upright)
        across, down = image.width / upright[0], image.height / upright[1]
        part = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
        image = _resized(image, size, part if box != (0, 0, *upright) else None)
        format = encoding.format_of(recipe, self.format)
        told = labels.of(recipe, facts, self.blobs()) if recipe.metadata != "none" else labels.NONE
        content = encoding.encoded(image, recipe, format, told)
        return Rendered(recipe.name, image.width, image.height, content, format, recipe.fingerprint())

    def _told(self) -> tuple[str, ...]:
        """What the file's own structure says of itself before it is decoded."""
        if self.format == "jpeg":
            return ("hdr_gain_map",) * self._has_gain_map()
        parts = "multi_page" if self.format in ("tiff", "heic") else "animated"
        gain_maps = [urn for urn in self._image.info.get("aux", ()) if "hdrgainmap" in urn]  # HEIC's auxiliary pictures
        return (parts,) * getattr(self._image, "is_animated", False) + ("hdr_gain_map",) * bool(gain_maps)

    def _has_gain_map(self) -> bool:
        if any(mark in (embedded.of_info(self._image.info).xmp or b"") for mark in _GAIN_MAPS):
            return True
        return "mp" in self._image.info and any(mark in self._content() for mark in _GAIN_MAPS)

    def _decode(self, work: framing.Size) -> bool:
        """Decode a JPEG at the smallest scale that serves `work`; whether its end is missing."""
        if self._image.info.get("progressive"):  # at an eighth what a cut takes away would not show
            work = max(work[0], self.width // 2), max(work[1], self.height // 2)
        self._image.draft(None, work)  # the smallest scale above it that JPEG's arithmetic offers; None: its own mode
        try:
            self._load()
        except OSError as error:
            if "truncated" not in str(error):
                raise
            return self._mended(None, work)
        if cutoff.is_suspect(self._image):
            return self._mended(self._image, work)
        return cutoff.lacks_end(self._file)

    def _mended(self, loaded: ImageFile.ImageFile | None, work: framing.Size) -> bool:
        self._image, cut = cutoff.judged(self._file, loaded, work)
        return cut

    def _lacks_end(self) -> bool:
        """Whether what comes behind the pixels is missing: those are all there."""
        if self.format == "png":
            return b"IEND" not in self._content()
        return self.format == "gif" and cutoff.lacks_trailer(self._content())

    def _load(self) -> None:
        """Decode, if the memory that it takes is within the limit."""
        width, height = self._image.size
        each = _BYTES.get(self._image.mode, _WIDE_BYTES) + _LIBRARY_BYTES.get(self.format, 0)
        if "transparency" in self._image.info:
            each += 4
        needed = width * height * each
        if self._image.info.get("progressive"):  # libjpeg keeps all coefficients, whatever the scale
            needed += self.width * self.height * 6
        check_memory(f"decoding its {width} x {height} pixels", needed, self._limits)
        self._image.load()

    def _content(self) -> bytes:
        """The whole file, b"" when it is very large."""
        if self._file.seek(0, io.SEEK_END) > _WHOLE:
            return b""
        self._file.seek(0)
        return self._file.getvalue() if isinstance(self._file, io.BytesIO) else self._file.read()


def from_rgb(
    width: int,
    height: int,
    rgb: bytes,
    *,
    enlarge_to: tuple[int, int],
    orientation: int = 1,
    format: Literal["jpeg", "png", "webp"] = "jpeg",
    quality: int = 88,
    exif: bytes = b"",
) -> bytes:
    """A picture file from `width * height * 3` bytes of sRGB, enlarged smoothly.

    With an `orientation` the pixels are stored turned, so that a reader who heeds it sees them upright.
    """
    image = Image.frombytes("RGB", (width, height), rgb).resize(enlarge_to, Image.Resampling.BICUBIC)
    turn = TURNS.get(_UNTURNS.get(orientation, orientation))
    if turn is not None:
        image = image.transpose(turn)
    out = io.BytesIO()
    image.save(out, _PILLOW[format], quality=quality, exif=exif)
    return out.getvalue()


def _ready(format: Format) -> None:
    """Make the decoder of an optional format known. Raises RejectedError where it is not installed."""
    if format != "heic" or "HEIF" in Image.OPEN:
        return
    try:
        import pillow_heif
    except ImportError:
        raise RejectedError(
            "it is a HEIC picture; to read them, install the addition: pip install 'photo-watcher[heif]'"
        ) from None
    pillow_heif.register_heif_opener()


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raise RejectedError when there are more than the limits allow."""
    if width * height > limits.max_pixels:
        raise RejectedError(
            f"the picture has {width} x {height} pixels; limits.max_pixels allows {limits.max_pixels:,}"
        )


def check_memory(what: str, needed: int, limits: Limits) -> None:
    """Raise RejectedError when `what` takes more than the limits allow: so many bytes are `needed`."""
    if needed > limits.max_decoded_bytes:
        raise RejectedError(
            f"{what} takes {needed / 1e6:,.0f} MB; "
            f"limits.max_decoded_bytes allows {limits.max_decoded_bytes / 1e6:,.0f} MB"
        )


@contextlib.contextmanager
def judged(format: Format) -> Iterator[None]:
    """Whatever Pillow raises on a file becomes one sentence. No list of its exception classes is ever complete."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RejectedError, MemoryError):
        raise
    except UnidentifiedImageError:  # its own words are of an object in memory
        what = _PILLOW[format]
        raise RejectedError(
            f"it begins as {what} pictures do, but is damaged or of a kind of {what} not read here"
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk that it lies on, not the picture; EINVAL is a seek to where the picture pointed
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise RejectedError("the picture is cut off: its end is missing") from None
        raise RejectedError(f"the picture is damaged and cannot be decoded ({said(error)})") from None


def _resized(image: Image.Image, size: framing.Size, box: framing.Box | None = None) -> Image.Image:
    if image.size == size and box in (None, (0, 0, *size)):
        return image
    # reducing_gap: pixels that a filter of three times the size would average anyway are averaged first
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
