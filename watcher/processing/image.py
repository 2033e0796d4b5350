"""Pixels: open, judge, decode, turn upright, colour, scale, encode. The only module that imports Pillow.

`Picture` opens one file within the limits and hands out what it says about itself; `render` makes all recipes
from one decode. Nothing is written here; where metadata lies in a file is embedded.py's to know.
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

from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from watcher.errors import RejectedError
from watcher.model import Format, Limits, Recipe
from watcher.processing import embedded, framing
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
}
# EXIF orientation -> what to do to the stored pixels (CIPA DC-008, 4.6.4 Orientation)
_TURNS = {
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
_LIBRARY_BYTES: dict[Format, int] = {"webp": 12, "avif": 12}  # what these decoders hold beside Pillow's pixels
_WHOLE_TIFF = 256_000_000  # bytes; a larger one keeps its metadata to itself
_RAW_TAGS = (50706, 37398)  # DNGVersion, TIFF/EPStandardID: the picture in front is only the camera's preview
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}  # a profile's colour space -> pixels that fit


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished rendition: its recipe's name, its size in px, its encoded bytes."""

    recipe: str
    width: int
    height: int
    content: bytes


class Picture:
    """An opened picture. Raises RejectedError for what cannot be opened, is broken, or is over a limit.

    A JPEG is decoded by `render`, at the scale that the recipes need. All else has one scale and is decoded at
    once: a PNG may carry its metadata behind its pixels, and Pillow turns a TIFF upright while it loads it.
    So `width` and `height` are as stored, but for TIFF, where they are upright.
    Any exception of Pillow is final for an image object: a second `load` of a broken one reports success.
    """

    def __init__(self, file: BinaryIO, format: Format, limits: Limits) -> None:
        self.format = format
        self._limits = limits
        self._file = file
        with _judged(format):
            self._image = Image.open(file, formats=(_PILLOW[format],))
            self.width, self.height = self._image.size
            self._check()
            self._flags = self._frames()
            if format != "jpeg":
                self._load()
                self.width, self.height = self._image.size

    def blobs(self) -> Blobs:
        """The metadata that travels in the file, undecoded."""
        with _judged(self.format):
            if self.format == "tiff":
                return self._tiff_blobs()
            return (embedded.of_png if self.format == "png" else embedded.of_info)(self._image.info)

    def upright(self, orientation: int) -> tuple[int, int]:
        """Width and height in px of the picture as it is to be seen."""
        swapped = orientation >= 5 and self.format != "tiff"
        return (self.height, self.width) if swapped else (self.width, self.height)

    def render(self, recipes: tuple[Recipe, ...], orientation: int) -> tuple[list[Rendered], tuple[str, ...]]:
        """All recipes from one decode, upright and in sRGB, and flags: animated, multi_page, icc_converted.

        Raises RejectedError when the pixels cannot be had whole, or would take more memory than the limits allow.
        """
        by = max((framing.scale(recipe, self.upright(orientation)) for recipe in recipes), default=1.0)
        work = framing.scaled((self.width, self.height), by)
        with _judged(self.format):
            if self.format == "jpeg":
                self._image.draft(None, work)  # the smallest scale above it that JPEG's arithmetic offers; None: mode
                self._load()
            image, converted = _to_srgb(_resized(_plain(self._image), work), self._image.info.get("icc_profile"))
            if orientation in _TURNS and self.format != "tiff":
                image = image.transpose(_TURNS[orientation])
            rendered = [_rendered(image, recipe) for recipe in recipes]
        return rendered, (*self._flags, "icc_converted") if converted else self._flags

    def _check(self) -> None:
        if self.width * self.height > self._limits.max_pixels:
            raise RejectedError(
                f"the picture has {self.width} x {self.height} pixels; "
                f"limits.max_pixels allows {self._limits.max_pixels:,}"
            )
        tags = getattr(self._image, "tag_v2", {})
        if any(tag in tags for tag in _RAW_TAGS):
            raise RejectedError("it is a camera raw file; this version does not read them")

    def _frames(self) -> tuple[str, ...]:
        if self.format == "jpeg" or not getattr(self._image, "is_animated", False):
            return ()
        return ("multi_page",) if self.format == "tiff" else ("animated",)

    def _load(self) -> None:
        """Decode, if the memory that it takes is within the limit."""
        width, height = self._image.size
        each = _BYTES.get(self._image.mode, _WIDE_BYTES) + _LIBRARY_BYTES.get(self.format, 0)
        if "transparency" in self._image.info:
            each += 4
        needed = width * height * each
        if self._image.info.get("progressive"):  # libjpeg keeps all coefficients, whatever the scale
            needed += self.width * self.height * 6
        if needed > self._limits.max_decoded_bytes:
            raise RejectedError(
                f"decoding its {width} x {height} pixels takes {needed / 1e6:,.0f} MB; "
                f"limits.max_decoded_bytes allows {self._limits.max_decoded_bytes / 1e6:,.0f} MB"
            )
        self._image.load()

    def _tiff_blobs(self) -> Blobs:
        whole = b""
        if self._file.seek(0, io.SEEK_END) <= _WHOLE_TIFF:
            self._file.seek(0)
            whole = self._file.getvalue() if isinstance(self._file, io.BytesIO) else self._file.read()
        if whole[2:3] in (b"\x2a", b"\0"):  # BigTIFF has 43 there, and other widths
            return embedded.of_tiff(whole)
        return embedded.of_info(self._image.info)


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
    turn = _TURNS.get(_UNTURNS.get(orientation, orientation))
    if turn is not None:
        image = image.transpose(turn)
    out = io.BytesIO()
    image.save(out, _PILLOW[format], quality=quality, exif=exif)
    return out.getvalue()


@contextlib.contextmanager
def _judged(format: Format) -> Iterator[None]:
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
            f"it begins like a {what} picture, but is damaged or of a kind of {what} not read here"
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk that it lies on, not the picture; EINVAL is a seek to where the picture pointed
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise RejectedError("the picture is cut off: its end is missing") from None
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise RejectedError(f"the picture is damaged and cannot be decoded ({said})") from None


def _resized(image: Image.Image, size: framing.Size, box: framing.Box | None = None) -> Image.Image:
    if image.size == size and box in (None, (0, 0, *size)):
        return image
    # reducing_gap: pixels that a filter of three times the size would average anyway are averaged first
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _plain(image: Image.Image) -> Image.Image:
    """8 bits a channel in a mode that can be scaled and coloured: L, LA, RGB, RGBA, CMYK, LAB."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda level: level * (1 / 257) + 0.5).convert("L")
    if image.mode in ("I", "F"):
        return _squeezed(image)
    if image.mode == "PA" or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _squeezed(image: Image.Image) -> Image.Image:
    """Wide integers and floats as 8 bits: by their nominal range where that is plain, else by their extremes."""
    low, high = image.getextrema()
    assert not isinstance(low, tuple) and not isinstance(high, tuple)
    if low >= 0 and high <= 1 and image.mode == "F":
        low, high = 0, 1
    elif low >= 0 and high <= 65535:
        low, high = 0, 255 if high <= 255 else 65535
    factor = 255 / ((high - low) or 1)
    return image.convert("F").point(lambda level: level * factor + (0.5 - low * factor)).convert("L")


def _to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bool]:
    """L or RGB in sRGB on white where it was transparent, and whether an embedded profile was converted from."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert("RGB" if image.mode == "RGBA" else "L") if alpha is not None else image
    by_profile = _converted(colours, _profile(icc, colours.mode))
    colours = by_profile or colours
    if colours.mode == "LAB":
        colours = _converted(colours, _LAB) or colours
    if colours.mode not in ("L", "RGB"):
        colours = colours.convert("RGB")
    if alpha is not None:
        ground = Image.new(colours.mode, colours.size, "white")
        ground.paste(colours, mask=alpha)
        colours = ground
    return colours, by_profile is not None


def _profile(icc: bytes | None, mode: str) -> ImageCms.ImageCmsProfile | None:
    """The embedded profile, when it is readable, fits the pixels, and is not sRGB itself."""
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        name = (profile.profile.profile_description or "").lower()
    except Exception:  # an unreadable profile is no reason to refuse the picture
        return None
    return profile if mode == _MODES.get(space) and "srgb" not in name else None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image | None:
    if profile is None:
        return None
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    with contextlib.suppress(Exception):  # a profile that breaks on use is no reason to refuse the picture either
        return ImageCms.profileToProfile(image, profile, _SRGB, intent, "RGB", flags=flags)
    return None


def _rendered(image: Image.Image, recipe: Recipe) -> Rendered:
    image = _resized(image, *framing.frame(recipe, image.size))
    out = io.BytesIO()
    image.info = {}  # nothing of the original's metadata travels: its orientation would turn the preview again
    image.save(out, "JPEG", quality=recipe.quality)
    return Rendered(recipe.name, image.width, image.height, out.getvalue())
