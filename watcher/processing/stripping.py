"""What of an original's metadata a rendition must not carry: which way up it was stored, its thumbnail, its place.

Everything else stays byte for byte where it was: maker notes point to places in the structure. Pure; never raises.
Rules: TIFF 6.0 section 2, Exif 2.32 section 4.6.
"""

from __future__ import annotations

import re
import struct

from watcher.processing.exif import SIZES
from watcher.processing.xmp import read

_MARK = b"Exif\0\0"
_ORIENTATION, _GPS = 0x0112, 0x8825
_THUMBNAIL = (0x0201, 0x0202)  # its offset, its length
_TURNING = rb"tiff:Orientation"
_PLACE = rb"exif:GPS\w+"


def exif(blob: bytes, gps: bool) -> bytes:
    """An EXIF structure without orientation and thumbnail, and without its place unless `gps`; b"" if it is none."""
    try:
        structure = _Structure(bytearray(blob.removeprefix(_MARK)))
        return _MARK + structure.stripped({_ORIENTATION} if gps else {_ORIENTATION, _GPS})
    except (struct.error, IndexError, KeyError):
        return b""


def xmp(packet: bytes, gps: bool) -> bytes:
    """An XMP packet without orientation, and without its place unless `gps`; b"" where they cannot be cut out."""
    names = _TURNING if gps else _TURNING + b"|" + _PLACE
    packet = re.sub(rb"\s(?:%s)\s*=\s*(?:\"[^\"]*\"|'[^']*')" % names, b"", packet)
    packet = re.sub(rb"<(%s)\b[^>]*?(?:/>|>.*?</\1\s*>)" % names, b"", packet, flags=re.DOTALL)
    # the patterns go by the usual prefixes and by UTF-8; what stands there in another way, a reader still finds
    told = read(packet)
    left = ("tiff:Orientation",) if gps else ("tiff:Orientation", "exif:GPS")
    return b"" if told is None or any(name in str(told) for name in left) else packet


class _Structure:
    """The bytes of a TIFF structure, changed in place."""

    def __init__(self, tiff: bytearray) -> None:
        self._tiff = tiff
        self._order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(tiff[:4])]

    def stripped(self, tags: set[int]) -> bytes:
        at = self._number(4)
        entries = self._entries(at)
        for entry in entries:
            if entry[0] == _GPS and _GPS in tags:
                for inner in self._entries(self._number(entry[3] + 8)):
                    self._blank(inner)
        end = at + 2 + 12 * len(entries)
        thumbnail = self._number(end)
        if thumbnail:
            self._blank_thumbnail(thumbnail)
        kept = [bytes(self._tiff[entry[3] : entry[3] + 12]) for entry in entries if entry[0] not in tags]
        body = struct.pack(self._order + "H", len(kept)) + b"".join(kept)
        self._tiff[at : end + 4] = body.ljust(end + 4 - at, b"\0")
        return bytes(self._tiff)

    def _entries(self, at: int) -> list[tuple[int, int, int, int]]:
        """Tag, type, count and offset of each entry."""
        (count,) = struct.unpack_from(self._order + "H", self._tiff, at)
        places = range(at + 2, at + 2 + 12 * count, 12)
        return [(*struct.unpack_from(self._order + "HHL", self._tiff, place), place) for place in places]

    def _blank(self, entry: tuple[int, int, int, int]) -> None:
        _, kind, count, place = entry
        size = SIZES.get(kind, 0) * count
        if size > 4:
            self._zero(self._number(place + 8), size)
        self._zero(place, 12)

    def _blank_thumbnail(self, at: int) -> None:
        found = {entry[0]: self._number(entry[3] + 8) for entry in self._entries(at)}
        if all(tag in found for tag in _THUMBNAIL):
            self._zero(found[_THUMBNAIL[0]], found[_THUMBNAIL[1]])

    def _number(self, at: int) -> int:
        number: int = struct.unpack_from(self._order + "L", self._tiff, at)[0]
        return number

    def _zero(self, at: int, size: int) -> None:
        size = max(0, min(size, len(self._tiff) - at))
        self._tiff[at : at + size] = bytes(size)
