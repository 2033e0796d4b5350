"""Small pictures with the EXIF of a camera, what comes beside them, and zips of all that.

Different titles make different bytes.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import json
import struct
import time
import zipfile
from typing import Literal

from watcher.processing import image, metadata

_TITLE, _MAKE, _MODEL, _TAKEN = 0x9C9B, 0x010F, 0x0110, 0x9003  # EXIF 2.32; the first is Windows' own


def picture(
    title: str,
    *,
    taken: str | None = "2024:05:17 14:23:01",
    format: Literal["jpeg", "png", "webp"] = "jpeg",
    size: tuple[int, int] = (64, 48),
) -> bytes:
    """A photograph called `title`, by a camera of the make Lumen; its colours come from the title."""
    colours = hashlib.sha256(title.encode()).digest()[:12]
    exif = metadata.build_exif(
        {_TITLE: title.encode("utf-16-le") + b"\0\0", _MAKE: "Lumen", _MODEL: "Mark II"},
        {_TAKEN: taken} if taken else {},
        {},
    )
    return image.from_rgb(2, 2, colours, enlarge_to=size, format=format, exif=exif)


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def xmp(title: str, *, taken: str = "", keyword: str = "") -> bytes:
    """A sidecar as editors write it; `taken` is YYYY-MM-DDTHH:MM:SS."""
    date = f' exif:DateTimeOriginal="{taken}"' if taken else ""
    subject = f"<dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li></rdf:Bag></dc:subject>" if keyword else ""
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:exif="http://ns.adobe.com/exif/1.0/"{date}>
      <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>{subject}
      </rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def takeout(name: str, *, taken: str = "2011-03-04T05:06:07", description: str = "", person: str = "") -> bytes:
    """What Google Takeout says beside the picture that it calls `name`; `taken` is UTC."""
    at = calendar.timegm(time.strptime(taken, "%Y-%m-%dT%H:%M:%S"))
    said = {"title": name, "description": description, "photoTakenTime": {"timestamp": str(at)}}
    return json.dumps(said | ({"people": [{"name": person}]} if person else {})).encode()


def album(title: str) -> bytes:
    """The metadata of an album, as Google Takeout puts it into the album's folder."""
    return json.dumps({"title": title, "date": {"timestamp": "1546300800"}}).encode()


def movie(title: str, *, taken: str = "2024-05-17T12:23:01") -> bytes:
    """A QuickTime movie of 640x480 without a picture in it; `taken` is UTC."""
    since_1904 = calendar.timegm(time.strptime(taken, "%Y-%m-%dT%H:%M:%S")) + 2_082_844_800
    mvhd = _box(b"mvhd", bytes(4), struct.pack(">4L", since_1904, since_1904, 600, 1500), bytes(80))
    matrix = struct.pack(">9l", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    tkhd = _box(b"tkhd", bytes(40), matrix, struct.pack(">2L", 640 << 16, 480 << 16))
    trak = _box(b"trak", tkhd, _box(b"mdia", _box(b"hdlr", bytes(4), b"mhlr", b"vide", bytes(12))))
    return _box(b"ftyp", b"qt  ", bytes(4)) + _box(b"mdat", title.encode()) + _box(b"moov", mvhd, trak)


def _box(name: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">L", 8 + len(joined)) + name + joined
