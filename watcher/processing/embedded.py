"""Where each format keeps its metadata: from what Pillow hands out, or the bytes of a TIFF, to Blobs.

Owns the containers (PNG's text profiles, Photoshop's image resources, TIFF's tags); what the blobs say is
metadata.py's. Nothing here raises, whatever the bytes: what cannot be read is absent.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from watcher.processing import exif, xmp
from watcher.processing.metadata import Blobs

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377  # tags of TIFF, TN "Photoshop TIFF", Adobe 2002
_IPTC_RESOURCE = 0x0404  # Photoshop File Formats, "Image Resource IDs"
_DIGEST_RESOURCE = 0x0425
_PROFILE = "Raw profile type "  # ImageMagick's keyword for a blob as hexadecimal digits in a text chunk
_UUIDS = (  # EXIF, XMP and IPTC in JPEG 2000
    b"JpgTiffExif->JP2",
    bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC"),
    bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38"),
)
_READ = (b"uuid", b"meta")  # the boxes that are worth a copy; pixels are not
_EXIF_MARK = b"Exif\0\0"
_EXIF_START = re.compile(rb"II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08")  # TIFF 6.0, section 2
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"


def of_info(info: Mapping[Any, Any], segments: Iterable[tuple[str, bytes]] = ()) -> Blobs:
    """From Pillow's `info` of a JPEG, WebP, AVIF, HEIC, GIF or BMP, and the `segments` of a JPEG by their names."""
    found = info.get("photoshop")
    photoshop = found if isinstance(found, dict) else {}
    return Blobs(
        _blob(info.get("exif")),
        _blob(info.get("xmp")),
        _blob(photoshop.get(_IPTC_RESOURCE)),
        iptc_digest=_blob(photoshop.get(_DIGEST_RESOURCE)),
        xmp_extended=tuple(body for name, body in segments if name == "APP1" and body.startswith(xmp.EXTENSION)),
    )


def of_png(info: Mapping[Any, Any]) -> Blobs:
    """From Pillow's `info` of a PNG, once its pixels are loaded: chunks may follow them."""
    text = {key: str(value) for key, value in info.items() if isinstance(key, str) and isinstance(value, str)}
    packet = text.pop("XML:com.adobe.xmp", None)
    profiles = {key.removeprefix(_PROFILE): _unhexed(text.pop(key)) for key in list(text) if key.startswith(_PROFILE)}
    app1 = profiles.get("APP1", b"")  # the whole segment of a JPEG that became this PNG: EXIF or XMP
    tiff = _blob(info.get("exif")) or profiles.get("exif") or (app1 if app1.startswith(_EXIF_MARK) else None)
    said = packet or profiles.get("xmp") or (app1.removeprefix(_XMP_MARK) if app1.startswith(_XMP_MARK) else None)
    iptc = profiles.get("iptc") or profiles.get("8bim") or b""
    records = _resource(iptc, _IPTC_RESOURCE) or _blob(iptc)
    return Blobs(tiff or None, _blob(said), records, text, iptc_digest=_resource(iptc, _DIGEST_RESOURCE))


def of_jp2(content: bytes) -> Blobs:
    """From a whole JPEG 2000 file: boxes with a UUID (ISO/IEC 15444-1, I.7.2). A bare codestream has none."""
    found: dict[bytes, bytes] = {}
    for kind, body in _boxes(content):
        if kind == b"uuid":
            found.setdefault(body[:16], body[16:])
    tiff, packet, iptc = map(found.get, _UUIDS)
    return Blobs(tiff, packet, iptc)


def container_turns(content: bytes) -> bool:
    """Whether an ISO base media file says itself how it is to be turned (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
    properties = b"".join(body for kind, body in _boxes(content) if kind == b"meta")
    return b"irot" in properties or b"imir" in properties


def of_tiff(content: bytes) -> Blobs:
    """From a whole TIFF: it is its own EXIF structure, and its directories may lie anywhere in it."""
    order = "<" if content.startswith(b"II") else ">"
    tags = exif.read(content).ifds["0th"]
    packet, iptc, photoshop = (_in_bytes(tags.get(tag), order) for tag in (_XMP, _IPTC, _PHOTOSHOP))
    resources = photoshop or b""
    digest = _resource(resources, _DIGEST_RESOURCE)
    return Blobs(content, packet, iptc or _resource(resources, _IPTC_RESOURCE), iptc_digest=digest)


def of_beginning(content: bytes) -> Blobs:
    """From the first bytes of any file: whatever begins as EXIF does, with its first directory right behind."""
    found = _EXIF_START.search(content)
    return Blobs(content[found.start() :]) if found else Blobs()


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The outermost boxes, kind and body (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(content):
        length, kind, start = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = int.from_bytes(content[at + 8 : at + 16], "big"), at + 16
        end = max(at + length, start) if length else len(content)
        yield kind, content[start:end] if kind in _READ else b""
        at = end


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
            code = "B" if max(value) < 256 else "L"  # type: ignore[operator]  # TypeError is an answer here
            return struct.pack(f"{order}{len(value)}{code}", *value)
    return _blob(value)


def _resource(photoshop: bytes, wanted: int) -> bytes | None:
    """A resource among Photoshop's, or None. A block: 8BIM, number, padded name, size, bytes."""
    found, at = b"", 0
    while photoshop[at : at + 4] == b"8BIM" and at + 12 <= len(photoshop):
        number = int.from_bytes(photoshop[at + 4 : at + 6], "big")
        content = at + 10 + (photoshop[at + 6] + 2) // 2 * 2
        size = int.from_bytes(photoshop[content - 4 : content], "big")
        if number == wanted:
            found += photoshop[content : content + size]
        at = content + size + size % 2
    return found or None
