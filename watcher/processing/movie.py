"""What a movie says about itself: length, size, when, where and by what it was made.

Owns three containers (MP4 and QuickTime, AVI, Matroska), each a tree of named parts that is walked from header to
header: of the file no more is read than those and a few short values, wherever they lie. What is damaged or made to
be walked for ever is absent. What a date or a place in words means is for dates.py and positions.py to know.
Rules: ISO/IEC 14496-12; Apple, QuickTime File Format; Microsoft, RIFF and AVI 1.0; RFC 8794 and RFC 9559.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import BinaryIO

from watcher.processing.exif import clean, decoded, text

_MOST_PARTS = 256  # of one part; the fullest real ones have some dozens
_MOST_OUTER = 20_000  # a long recording in fragments has a pair for every few seconds
_MOST_BYTES = 4096  # of one value: a longer title is none

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MATROSKA = datetime(2001, 1, 1, tzinfo=UTC)
_FROM_1904_TO_1970 = 2_082_844_800  # seconds
_CLOCK_NEVER_SET = 315_619_200  # seconds from 1970: until 1980-01-02 a clock shows what it began with

# What names are called here: keys of QuickTime metadata without their domain, user data, RIFF's LIST INFO and exif
_NAMES = {
    "creation_time": "creation_time",
    "creationdate": "creationdate",
    "make": "make",
    "manufacturer": "make",  # com.android
    "model": "model",
    "software": "software",
    "location.ISO6709": "location",
    "location": "location",
    "title": "title",
    "displayname": "title",
    "content.identifier": "content_identifier",  # the same in the still of a live photo
    "©day": "creationdate",
    "©mak": "make",
    "©mod": "model",
    "©swr": "software",
    "©xyz": "location",
    "©nam": "title",
    "ICRD": "creationdate",
    "ISFT": "software",
    "INAM": "title",
    "ecor": "make",
    "emdl": "model",
}
_DOMAINS = ("com.apple.quicktime.", "com.android.")
_TEXT_TYPES = {1: "utf-8", 2: "utf-16-be"}  # of a QuickTime metadata value


@dataclass(frozen=True, slots=True)
class Movie:
    """What was found; absent is None. `width` and `height` in px as shown, that is after the track's rotation.

    `creation_time` is YYYY-MM-DDTHH:MM:SSZ by the header. The standard says UTC, yet many cameras (Canon, Nikon,
    GoPro) write local time, and nothing there tells: what `stated` says goes before it. `stated` holds texts as they
    were written, by creation_time, creationdate, make, model, software, location (ISO 6709), title and
    content_identifier; an AVI's date is brought into the form YYYY-MM-DDTHH:MM:SS, local.
    """

    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    creation_time: str | None = None
    stated: dict[str, str] = field(default_factory=dict)


def read(file: BinaryIO, size: int) -> Movie:
    """What the `size` bytes of `file` say. Raises OSError alone, when they cannot be read.

    Other containers (MPEG streams, ASF, FLV, Ogg) are not looked into.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF":
        return _avi(_Part(file, _chunks, b"", 0, size))
    if head[:4] == b"\x1aE\xdf\xa3":
        return _matroska(_Part(file, _elements, b"", 0, size))
    return _quicktime(_Part(file, _boxes, b"", 0, size))


Headers = Callable[[BinaryIO, int, int], Iterator[tuple[bytes, int, int]]]  # (name, begin, end) of each content


@dataclass(frozen=True, slots=True)
class _Part:
    """A box, chunk or element: its name, and where in the file its content lies."""

    file: BinaryIO
    headers: Headers
    name: bytes
    begin: int
    end: int

    def parts(self, name: bytes | None = None) -> Iterator[_Part]:
        most = _MOST_PARTS if self.name else _MOST_OUTER
        for found, begin, end in islice(self.headers(self.file, self.begin, self.end), most):
            if name in (None, found):
                yield _Part(self.file, self.headers, found, begin, min(end, self.end))

    def first(self, *path: bytes) -> _Part:
        """The first part of each name on the path, each in the one before; an empty one when there is none."""
        part = self
        for name in path:
            part = next(part.parts(name), _Part(self.file, self.headers, name, 0, 0))
        return part

    def content(self, skipped: int = 0) -> bytes:
        """Its start: no value that is asked for is longer than _MOST_BYTES."""
        self.file.seek(self.begin + skipped)
        return self.file.read(max(0, min(self.end - self.begin - skipped, _MOST_BYTES)))

    def numbers(self, format: str, offset: int = 0) -> tuple[int, ...]:
        """Numbers at `offset` of the content; what is not there is zero."""
        raw = self.content()[offset:][: struct.calcsize(format)]
        return struct.unpack(format, raw.ljust(struct.calcsize(format), b"\0"))

    def inside(self, skipped: int) -> _Part:
        """The same part, its own parts beginning behind some fields."""
        return _Part(self.file, self.headers, self.name, self.begin + skipped, self.end)


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """ISO/IEC 14496-12, section 4.2: a length of 1 is followed by a long one, one of 0 reaches to the end."""
    while begin + 8 <= end:
        file.seek(begin)
        header = file.read(16)
        length, width = int.from_bytes(header[:4]), 8
        if length == 1:
            length, width = int.from_bytes(header[8:16]), 16
        length = length or end - begin
        if length < width:
            return
        yield header[4:8], begin + width, begin + length
        begin += length


def _chunks(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """RIFF chunks; a list goes by the name of what it lists."""
    while begin + 8 <= end:
        file.seek(begin)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] in (b"RIFF", b"LIST"):
            yield header[8:12], begin + 12, begin + 8 + length
        else:
            yield header[:4], begin + 8, begin + 8 + length
        begin += 8 + length + (length & 1)


def _elements(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """RFC 8794, sections 4 to 6: name and length are as long as their first byte's leading zeros say."""
    while begin + 2 <= end:
        file.seek(begin)
        header = file.read(12)
        width = 9 - header[0].bit_length() if header else 9
        if width > 4 or not header[width : width + 1] or not header[width]:
            return
        length_width = 9 - header[width].bit_length()
        length = int.from_bytes(header[width : width + length_width]) & (1 << 7 * length_width) - 1
        unknown = length == (1 << 7 * length_width) - 1
        start = begin + width + length_width
        begin = end if unknown else start + length
        yield header[:width], start, begin


def _quicktime(file: _Part) -> Movie:
    moov = file.first(b"moov")
    mvhd = moov.first(b"mvhd")
    long = mvhd.content()[:1] == b"\1"
    created, _, scale, duration = mvhd.numbers(">QQLQ" if long else ">4L", 4)
    unknown = duration == (1 << (64 if long else 32)) - 1
    seconds = None if unknown else _seconds(duration, scale)
    width, height = next(filter(all, map(_shown_size, moov.parts(b"trak"))), (None, None))
    return Movie(seconds, width, height, _since_1904(created), _stated_by_quicktime(moov))


def _since_1904(seconds: int) -> str | None:
    # some phones count from 1970: taken as seconds from 1904, that is before anybody filmed in files
    since = seconds - _FROM_1904_TO_1970 if seconds >= _FROM_1904_TO_1970 else seconds
    return _instant(_UNIX, since) if since > _CLOCK_NEVER_SET else None


def _instant(epoch: datetime, seconds: float) -> str | None:
    try:
        return (epoch + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None


def _seconds(duration: float, scale: float) -> float | None:
    seconds = duration / scale if scale else 0.0
    return round(seconds, 3) if math.isfinite(seconds) and seconds > 0 else None


def _shown_size(trak: _Part) -> tuple[int | None, int | None]:
    """Width and height of a track of pictures, turned as its matrix says (14496-12, section 8.3.2)."""
    if trak.first(b"mdia", b"hdlr").content()[8:12] != b"vide":
        return None, None
    tkhd = trak.first(b"tkhd")
    longer = 12 if tkhd.content()[:1] == b"\1" else 0
    a, b, width, height = tkhd.numbers(">2l28x2L", 40 + longer)  # the matrix' first two, the size: all 16.16
    return (height >> 16, width >> 16) if abs(b) > abs(a) else (width >> 16, height >> 16)


def _stated_by_quicktime(moov: _Part) -> dict[str, str]:
    udta = moov.first(b"udta")
    texts: list[tuple[str, str | None]] = []
    for meta in (moov.first(b"meta"), udta.first(b"meta")):
        # in ISO files a version comes before the parts, in QuickTime's none does
        texts += _listed(meta if meta.content()[4:8] == b"hdlr" else meta.inside(4))
    for part in udta.parts():
        if part.name[:1] == b"\xa9":
            texts.append((part.name.decode("latin-1"), _international(part)))
    return _stated(texts)


def _listed(meta: _Part) -> Iterator[tuple[str, str | None]]:
    """Keys and values of an `ilst`, whose parts are named by their keys' numbers, or as user data is."""
    keys = [part.content() for part in meta.first(b"keys").inside(8).parts()]
    for part in meta.first(b"ilst").parts():
        number = int.from_bytes(part.name)
        name = decoded(keys[number - 1]) if 0 < number <= len(keys) else part.name.decode("latin-1")
        value = part.first(b"data")
        encoding = _TEXT_TYPES.get(value.numbers(">L")[0])
        if encoding:
            yield name, value.content(skipped=8).decode(encoding, "replace")


def _international(part: _Part) -> str:
    """User data text: its length, its language, itself; perhaps more in other languages."""
    raw = part.content()
    return decoded(raw[4 : 4 + int.from_bytes(raw[:2])])


def _stated(texts: list[tuple[str, str | None]]) -> dict[str, str]:
    stated: dict[str, str] = {}
    for key, value in texts:
        for domain in _DOMAINS:
            key = key.removeprefix(domain)
        name, kept = _NAMES.get(key), clean(value)
        if name and kept:
            stated.setdefault(name, kept)
    return stated


def _avi(file: _Part) -> Movie:
    riff = file.first(b"AVI ")
    hdrl = riff.first(b"hdrl")
    microseconds, frames, width, height = hdrl.first(b"avih").numbers("<L12xL12x2L")
    duration = _seconds(frames * microseconds, 1e6)
    for strh in (stream.first(b"strh") for stream in hdrl.parts(b"strl")):
        scale, rate, length = strh.numbers("<2L4xL", 20)
        if strh.content()[:4] == b"vids":  # the main header counts the first RIFF chunk only
            duration = _seconds(length * scale, rate) or duration
    texts: list[tuple[str, str | None]] = [("creationdate", _idit(hdrl) or _idit(riff))]
    for part in (*riff.first(b"exif").parts(), *riff.first(b"INFO").parts()):
        texts.append((part.name.decode("latin-1"), text(part.content())))
    return Movie(duration, width or None, height or None, None, _stated(texts))


def _idit(part: _Part) -> str:
    """When it was digitised, as C's asctime writes it; cameras end it in a newline and a NUL."""
    raw = (text(part.first(b"IDIT").content()) or "").strip()
    for form in ("%a %b %d %H:%M:%S %Y", "%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
        with contextlib.suppress(ValueError):
            return datetime.strptime(raw.title(), form).isoformat()
    return raw


def _matroska(file: _Part) -> Movie:
    segment = file.first(b"\x18\x53\x80\x67")
    info = segment.first(b"\x15\x49\xa9\x66")
    scale = int.from_bytes(info.first(b"\x2a\xd7\xb1").content()[:8]) or 1_000_000
    date = int.from_bytes(info.first(b"\x44\x61").content()[:8], signed=True)
    tracks = segment.first(b"\x16\x54\xae\x6b").parts(b"\xae")
    videos = (track.first(b"\xe0") for track in tracks)
    sizes = (tuple(int.from_bytes(video.first(name).content()[:4]) for name in (b"\xb0", b"\xba")) for video in videos)
    width, height = next(filter(all, sizes), (None, None))
    return Movie(
        _seconds(_float(info.first(b"\x44\x89").content()) * scale, 1e9),
        width,
        height,
        _instant(_MATROSKA, date / 1e9) if date else None,
        _stated([("title", text(info.first(b"\x7b\xa9").content()))]),
    )


def _float(raw: bytes) -> float:
    return struct.unpack({4: ">f", 8: ">d"}[len(raw)], raw)[0] if len(raw) in (4, 8) else 0.0
