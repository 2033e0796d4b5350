"""Where each format keeps its metadata: from what Pillow hands out, or the bytes of a TIFF, to Blobs.

Owns the containers (PNG's text profiles, Photoshop's image resources, TIFF's tags); what the blobs say is
metadata.py's. Nothing here raises, whatever the bytes: what cannot be read is absent.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from typing import Any

from watcher.processing import exif
from watcher.processing.metadata import Blobs

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377  # tags of TIFF, TN "Photoshop TIFF", Adobe 2002
_IPTC_RESOURCE = 0x0404  # Photoshop File Formats, "Image Resource IDs"
_PROFILE = "Raw profile type "  # ImageMagick's keyword for a blob as hexadecimal digits in a text chunk
_EXIF_MARK = b"Exif\0\0"
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"


def of_info(info: Mapping[Any, Any]) -> Blobs:
    """From Pillow's `info` of a JPEG, WebP, AVIF, GIF or BMP."""
    photoshop = info.get("photoshop")
    iptc = photoshop.get(_IPTC_RESOURCE) if isinstance(photoshop, dict) else None
    return Blobs(_blob(info.get("exif")), _blob(info.get("xmp")), _blob(iptc))


def of_png(info: Mapping[Any, Any]) -> Blobs:
    """From Pillow's `info` of a PNG, once its pixels are loaded: chunks may follow them."""
    text = {key: str(value) for key, value in info.items() if isinstance(key, str) and isinstance(value, str)}
    packet = text.pop("XML:com.adobe.xmp", None)
    profiles = {key.removeprefix(_PROFILE): _unhexed(text.pop(key)) for key in list(text) if key.startswith(_PROFILE)}
    app1 = profiles.get("APP1", b"")  # the whole segment of a JPEG that became this PNG: EXIF or XMP
    tiff = _blob(info.get("exif")) or profiles.get("exif") or (app1 if app1.startswith(_EXIF_MARK) else None)
    xmp = packet or profiles.get("xmp") or (app1.removeprefix(_XMP_MARK) if app1.startswith(_XMP_MARK) else None)
    iptc = profiles.get("iptc") or profiles.get("8bim") or b""
    return Blobs(tiff or None, _blob(xmp), _resource(iptc) or _blob(iptc), text)


def of_tiff(content: bytes) -> Blobs:
    """From a whole TIFF: it is its own EXIF structure, and its directories may lie anywhere in it."""
    order = "<" if content.startswith(b"II") else ">"
    tags = exif.read(content).ifds["0th"]
    xmp, iptc, photoshop = (_in_bytes(tags.get(tag), order) for tag in (_XMP, _IPTC, _PHOTOSHOP))
    return Blobs(content, xmp, iptc or _resource(photoshop or b""))


def _blob(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) and value else None


def _unhexed(profile: str) -> bytes:
    """A raw profile's bytes: its name and its length stand before the digits."""
    digits = profile.lstrip().partition("\n")[2].lstrip().partition("\n")[2]  # the name may hold a space
    with contextlib.suppress(ValueError):
        return bytes.fromhex(digits)
    return b""


def _in_bytes(value: exif.Value | None, order: str) -> bytes | None:
    """A tag's value as it lay in the file: some writers call IPTC records a list of longs."""
    if isinstance(value, tuple):
        with contextlib.suppress(struct.error, TypeError):
            code = "B" if max(value) < 256 else "L"  # type: ignore[operator]
            return struct.pack(f"{order}{len(value)}{code}", *value)
    return _blob(value)


def _resource(photoshop: bytes) -> bytes | None:
    """The IIM records among Photoshop's image resources, or None. A block: 8BIM, number, padded name, size, bytes."""
    found, at = b"", 0
    while photoshop[at : at + 4] == b"8BIM" and at + 12 <= len(photoshop):
        number = int.from_bytes(photoshop[at + 4 : at + 6], "big")
        content = at + 10 + (photoshop[at + 6] + 2) // 2 * 2
        size = int.from_bytes(photoshop[content - 4 : content], "big")
        if number == _IPTC_RESOURCE:
            found += photoshop[content : content + size]
        at = content + size + size % 2
    return found or None
