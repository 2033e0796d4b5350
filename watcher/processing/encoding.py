"""Renditions as files: which format, how fine, on which ground, with which labels.

What the labels say is labels.py's; sizes and colours are made before.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, PngImagePlugin

from watcher.model import Format, Recipe
from watcher.processing import colour
from watcher.processing.labels import Labels

_SAME: dict[Format, Format] = {"png": "png", "gif": "png", "webp": "webp", "avif": "avif"}  # all else: JPEG
_PILLOW: dict[Format, str] = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}
_AVIF_SPEED = 8  # of 10; 6, the default, takes ten times as long as a JPEG of four times the size


def format_of(recipe: Recipe, original: Format) -> Format:
    """The format of a rendition of an original in `original`. "same" is JPEG for those that no browser shows."""
    return _SAME.get(original, "jpeg") if recipe.format == "same" else recipe.format


def encoded(image: Image.Image, recipe: Recipe, format: Format, labels: Labels) -> bytes:
    """The file's bytes. `image` is L, LA, RGB or RGBA in sRGB."""
    if format == "jpeg" or recipe.background:
        image = colour.on_ground(image, recipe.background or "white")
    out = io.BytesIO()
    image.info = {}  # nothing of the original's metadata travels unasked: its orientation would turn it again
    image.save(out, _PILLOW[format], **_options(image, recipe, format), **_labelled(image, format, labels))
    return out.getvalue()


def _options(image: Image.Image, recipe: Recipe, format: Format) -> dict[str, Any]:
    if format == "png":
        return {}
    if format == "avif":
        return {"quality": recipe.quality, "speed": _AVIF_SPEED}
    progressive = {"progressive": True} if recipe.progressive and format == "jpeg" else {}
    return {"quality": recipe.quality, **progressive}


def _labelled(image: Image.Image, format: Format, labels: Labels) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if labels.exif:
        named["exif"] = labels.exif
    if labels.xmp and format == "png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", labels.xmp.decode("utf-8", "replace"))
        named["pnginfo"] = chunks
    elif labels.xmp:
        named["xmp"] = labels.xmp
    if labels.srgb and image.mode in ("RGB", "RGBA"):  # the profile is one of colours: it does not fit grey pixels
        named["icc_profile"] = colour.SRGB
    return named
