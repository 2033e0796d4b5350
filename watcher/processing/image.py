"""Pixels: open, judge, decode, turn upright, colour, scale, encode. The only module that imports Pillow.

`Picture` opens one file within the limits and hands out what it says about itself; `render` makes all recipes
from one decode. Nothing is written here.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from PIL import Image, ImageCms, ImageFile

from watcher.errors import RejectedError
from watcher.model import Format, Limits, Recipe
from watcher.processing.metadata import Blobs

Image.MAX_IMAGE_PIXELS = None  # our own limits are asked before anything is decoded; see `Picture`
ImageFile.LOAD_TRUNCATED_IMAGES = False

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
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "LA": 4, "I;16": 2, "I;16B": 2, "I": 4, "F": 4}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished rendition: its recipe's name, its size in px, its encoded bytes."""

    recipe: str
    width: int
    height: int
    content: bytes


class Picture:
    """An opened picture. Raises RejectedError for what cannot be opened or is over a limit.

    `width` and `height` are as stored; Pillow turns TIFF upright itself, so there they are upright already.
    Any exception of Pillow is final for an image object: a second `load` of a broken one reports success.
    """

    def __init__(self, file: BinaryIO, format: Format, limits: Limits) -> None:
        self.format = format
        self._limits = limits
        self._file = file
        with _judged():
            self._image = Image.open(file, formats=(_PILLOW[format],))
        self.width, self.height = self._image.size
        if self.width < 1 or self.height < 1:
            raise RejectedError("the picture has no pixels")
        if self.width * self.height > limits.max_pixels:
            raise RejectedError(
                f"the picture has {self.width} x {self.height} pixels; limits.max_pixels allows {limits.max_pixels:,}"
            )

    def blobs(self) -> Blobs:
        """The metadata that travels in the file, undecoded."""
        info = self._image.info
        photoshop = info.get("photoshop")
        iptc = photoshop.get(0x0404) if isinstance(photoshop, dict) else None
        if self.format == "tiff":
            tags: Any = getattr(self._image, "tag_v2", {})
            return Blobs(self._whole_tiff(), _bytes(tags.get(700)), _bytes(tags.get(33723)), {})
        text = (
            {k: v for k, v in info.items() if isinstance(k, str) and isinstance(v, str)} if self.format == "png" else {}
        )
        xmp = info.get("xmp") or text.pop("XML:com.adobe.xmp", None)
        return Blobs(_bytes(info.get("exif")), _bytes(xmp), _bytes(iptc), text)

    def render(self, recipes: tuple[Recipe, ...], orientation: int) -> tuple[list[Rendered], tuple[str, ...]]:
        """All recipes from one decode, upright and in sRGB, and the flags of what was lost on the way.

        Raises RejectedError when the pixels cannot be had whole, or would take more memory than the limits allow.
        """
        flags = list(self._frames())
        turn = _TURNS.get(orientation) if self.format != "tiff" else None
        swapped = turn is not None and orientation >= 5
        upright = (self.height, self.width) if swapped else (self.width, self.height)
        scale = max((_scale(recipe, upright) for recipe in recipes), default=1.0)
        work = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        with _judged():
            image = self._decoded(work)
            image, converted = _to_srgb(_resized(_plain(image), work), self._image.info.get("icc_profile"))
        if turn is not None:
            image = image.transpose(turn)
        if converted:
            flags.append("icc_converted")
        return [_encoded(_shaped(image, recipe), recipe) for recipe in recipes], tuple(flags)

    def _decoded(self, size: tuple[int, int]) -> Image.Image:
        """The pixels, at the smallest scale that JPEG's own arithmetic offers above `size` (half the time)."""
        if self.format == "jpeg":
            self._image.draft(None, size)  # None keeps the mode
        width, height = self._image.size
        needed = width * height * _BYTES_PER_PIXEL.get(self._image.mode, 4)
        if self.format == "jpeg" and self._image.info.get("progressive"):
            needed += self.width * self.height * 3  # libjpeg keeps all coefficients of a progressive picture
        if needed > self._limits.max_decoded_bytes:
            raise RejectedError(
                f"decoding its {self.width} x {self.height} pixels takes {needed / 1e6:,.0f} MB; "
                f"limits.max_decoded_bytes allows {self._limits.max_decoded_bytes / 1e6:,.0f} MB"
            )
        self._image.load()
        return self._image

    def _frames(self) -> Iterator[str]:
        try:
            frames = getattr(self._image, "n_frames", 1)
        except Exception:  # counting frames reads the whole file and meets everything that can be wrong in it
            return
        if frames > 1 and self.format in ("gif", "png", "webp", "avif"):
            yield "animated"
        if frames > 1 and self.format == "tiff":
            yield "multi_page"

    def _whole_tiff(self) -> bytes | None:
        """A TIFF is its own EXIF structure, and its directories may lie anywhere in it."""
        here = self._file.tell()
        self._file.seek(0, io.SEEK_END)
        size = self._file.tell()
        self._file.seek(0)
        content = self._file.read() if size <= 256_000_000 else None
        self._file.seek(here)
        return content


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
def _judged() -> Iterator[None]:
    """Whatever Pillow raises on a file becomes one sentence. No list of its exception classes is ever complete."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RejectedError, MemoryError):
        raise
    except Exception as error:
        if "truncated" in str(error) or "Truncated" in str(error) or isinstance(error, EOFError):
            raise RejectedError("the picture is cut off: its end is missing") from None
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RejectedError(f"the picture is damaged and cannot be decoded ({said[:200]})") from None


def _scale(recipe: Recipe, size: tuple[int, int]) -> float:
    """By how much a picture of `size` must be scaled for `recipe`; never above 1."""
    width, height = size
    wanted_width, wanted_height = _box(recipe)
    scales = (wanted_width / width, wanted_height / height)
    return min(1.0, max(scales) if recipe.mode == "fill" else min(scales))


def _box(recipe: Recipe) -> tuple[int, int]:
    width, _, height = recipe.size.partition("x")
    return int(width), int(height or width)


def _shaped(image: Image.Image, recipe: Recipe) -> Image.Image:
    """`image` (upright, no smaller than the recipe needs) in the recipe's shape; small pictures are not enlarged."""
    scale = _scale(recipe, image.size)
    if recipe.mode == "fit":
        return _resized(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    want = _box(recipe)
    grow = max(want[0] / image.width, want[1] / image.height, 1.0)  # a small picture keeps the shape, not the size
    width, height = (max(1, round(side / grow)) for side in want)
    cut_width, cut_height = min(image.width, width / scale), min(image.height, height / scale)
    left, top = (image.width - cut_width) / 2, (image.height - cut_height) / 2
    return _resized(image, (width, height), (left, top, left + cut_width, top + cut_height))


def _resized(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    if image.size == size and box in (None, (0, 0, *image.size)):
        return image
    return image.resize(size, Image.Resampling.LANCZOS, box=box)


def _plain(image: Image.Image) -> Image.Image:
    """8 bits a channel in a mode that can be scaled and coloured: L, LA, RGB, RGBA, CMYK, LAB."""
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB"):
        return image.convert("RGBA") if "transparency" in image.info else image
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda level: level * (1 / 257)).convert("L")
    if image.mode in ("I", "F"):
        return _squeezed(image)
    return image.convert("RGB")


def _squeezed(image: Image.Image) -> Image.Image:
    """Wide integers and floats as 8 bits: by their nominal range where that is plain, else by their extremes."""
    low, high = image.getextrema()
    assert not isinstance(low, tuple) and not isinstance(high, tuple)
    if low >= 0 and high <= 1 and image.mode == "F":
        low, high = 0, 1
    elif low >= 0 and high <= 65535:
        low, high = 0, 255 if high <= 255 else 65535
    span = (high - low) or 1
    return image.convert("F").point(lambda level: level * (255 / span) + (-low * 255 / span)).convert("L")


def _to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bool]:
    """sRGB pixels, and whether an embedded profile was converted from. Transparency stays for `_encoded` to flatten."""
    profile = _profile(icc, image.mode)
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert("RGB" if image.mode == "RGBA" else "L") if alpha is not None else image
    converted = False
    if profile is not None:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            out = ImageCms.profileToProfile(
                colours, profile, _SRGB, intent, "RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
            )
            if out is not None:
                colours, converted = out, True
    if colours.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        colours = ImageCms.profileToProfile(colours, lab, _SRGB, outputMode="RGB") or colours
    if colours.mode not in ("L", "RGB"):
        colours = colours.convert("RGB")
    if alpha is not None:
        colours = colours.convert("RGB")
        colours.putalpha(alpha)
    return colours, converted


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
    fits = {"RGB": ("RGB", "RGBA"), "GRAY": ("L", "LA"), "CMYK": ("CMYK",), "Lab": ("LAB",)}
    return profile if mode in fits.get(space, ()) and "srgb" not in name else None


def _encoded(image: Image.Image, recipe: Recipe) -> Rendered:
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    out = io.BytesIO()
    image.info = {}
    image.save(out, "JPEG", quality=recipe.quality)
    return Rendered(recipe.name, image.width, image.height, out.getvalue())


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, tuple) and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        return bytes(value)
    return value if isinstance(value, bytes) and value else None
