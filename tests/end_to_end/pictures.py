"""Small pictures with the EXIF of a camera, and zips of them. Different titles make different bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Literal

from watcher.processing import image, metadata

_TITLE, _MAKE, _MODEL, _TAKEN = 0x9C9B, 0x010F, 0x0110, 0x9003  # EXIF 2.32; the first is Windows' own


def picture(
    title: str,
    *,
    taken: str = "2024:05:17 14:23:01",
    format: Literal["jpeg", "png", "webp"] = "jpeg",
    size: tuple[int, int] = (64, 48),
) -> bytes:
    """A photograph called `title`, by a camera of the make Lumen; its colours come from the title."""
    colours = hashlib.sha256(title.encode()).digest()[:12]
    exif = metadata.build_exif(
        {_TITLE: title.encode("utf-16-le") + b"\0\0", _MAKE: "Lumen", _MODEL: "Mark II"}, {_TAKEN: taken}, {}
    )
    return image.from_rgb(2, 2, colours, enlarge_to=size, format=format, exif=exif)


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()
