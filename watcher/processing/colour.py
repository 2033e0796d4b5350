"""Colours: any kind of pixel as 8 bits a channel, in sRGB, by the embedded profile where there is one.

What is transparent stays so; the ground behind it is a recipe's to choose.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import struct

from PIL import Image, ImageChops, ImageCms

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}  # a profile's colour space -> pixels that fit
_INTENT, _COMPENSATED = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
_ROUNDING = 2  # of 255, between what several programs write as sRGB
_MADE = slice(24, 36)  # when a profile was made (ICC.1:2001-04, 6.1): now, in one made now
SRGB = _SRGB.tobytes()[: _MADE.start] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + _SRGB.tobytes()[_MADE.stop :]


def plain(image: Image.Image) -> Image.Image:
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


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bool]:
    """L, LA, RGB or RGBA in sRGB, and whether an embedded profile was converted from."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert("RGB" if image.mode == "RGBA" else "L") if alpha is not None else image
    by_profile = _converted(colours, _profile(icc, colours.mode))
    colours = by_profile or colours
    if colours.mode == "LAB":
        colours = _converted(colours, _LAB) or colours
    if colours.mode not in ("L", "RGB"):
        colours = colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours, by_profile is not None


def on_ground(image: Image.Image, colour: str) -> Image.Image:
    """The picture on a ground of that colour (a name or #rrggbb), where it was transparent."""
    if image.mode not in ("LA", "RGBA"):
        return image
    ground = Image.new("RGB", image.size, colour)
    ground.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return ground


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


def _profile(icc: bytes | None, mode: str) -> ImageCms.ImageCmsProfile | None:
    """The embedded profile, when it is readable, fits the pixels, and is not sRGB itself."""
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        fits = _MODES.get(profile.profile.xcolor_space.strip()) == mode
        return profile if fits and not (mode == "RGB" and _is_srgb(profile)) else None
    except Exception:  # an unreadable profile is no reason to refuse the picture
        return None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether it changes no colour by more than rounding does. A name tells nothing: there is a linear "sRGB" too."""
    levels = bytes(itertools.chain(*itertools.product(range(0, 256, 51), repeat=3)))
    colours = Image.frombytes("RGB", (len(levels) // 3, 1), levels)
    # unoptimized: for so few pixels a table of all colours would cost more than it saves
    changed = ImageCms.profileToProfile(
        colours, profile, _SRGB, _INTENT, "RGB", flags=_COMPENSATED | ImageCms.Flags.NOOPTIMIZE
    )
    return changed is not None and max(ImageChops.difference(colours, changed).tobytes()) <= _ROUNDING


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image | None:
    if profile is None:
        return None
    with contextlib.suppress(Exception):  # a profile that breaks on use is no reason to refuse the picture either
        return ImageCms.profileToProfile(image, profile, _SRGB, _INTENT, "RGB", flags=_COMPENSATED)
    return None
