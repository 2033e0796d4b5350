"""What a file is, by its first bytes; never by its name. Pure, no third party: intake and workers both ask here."""

from __future__ import annotations

import json
import re
import struct
from typing import BinaryIO, Literal

from watcher.model import Format

HEAD_BYTES = 64  # how much of a file's start `sniff` wants to see
_SAMPLE_BYTES = 1 << 16  # how far behind its start a text may hide its first tag, a stream its rhythm
_MAX_JSON_BYTES = 1 << 20  # read as Python objects it grows thirtyfold; sidecars have a few thousand

PICTURES: tuple[Format, ...] = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "jp2", "heic", "raw")
Kind = Format | Literal["zip", "xmp", "json"]

_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; a text may begin with BM too

_SOUND = (b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ")  # brands of movies without pictures
_STILLS = (b"avci", b"avcs", b"j2ki", b"j2is", b"jpeg", b"jpgs")  # ISO/IEC 23008-12; not decoded here
MOVIE_BOXES = (b"mdat", b"moov", b"wide", b"free", b"skip", b"pnot")  # how a QuickTime film without ftyp begins
_VIDEOS: tuple[tuple[bytes, int], ...] = (  # (start, offset)
    (b"\x1aE\xdf\xa3", 0),  # Matroska, WebM
    (b"AVI ", 8),
    (b"\0\0\x01\xba", 0),  # MPEG program stream (ISO/IEC 13818-1), then a bare MPEG video
    (b"\0\0\x01\xb3", 0),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", 0),  # ASF: WMV
    (b"FLV\x01", 0),
    (b"\x80theora", 28),  # in Ogg
    (b"\x01video\0", 28),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", 0),  # MXF
    (b"\x1f\x07\0", 0),  # DV
    (b".RMF\0", 0),
)
_PACKETS = ((0, 188), (4, 192))  # (first sync byte, packet) of MPEG transport streams: broadcast, camcorders
_SYNCS = 5  # a text may have a G in four such places sooner than in five

# The first tag behind declarations and comments. Possessive: hostile text makes it run once, not 2^n times
_ROOT = re.compile(
    r"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<((?:[\w.-]{1,64}:)?(?:xmpmeta|xapmeta|RDF))(?=[\s/>])([^>]*+)", re.DOTALL
)
_XMP_SPACES = ("adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#")  # ISO 16684-1, 7.3.2 and 7.4
_BOMS = (  # the longer ones first: that of UTF-32 begins like that of UTF-16
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),  # no mark, but XML begins with a tag (XML 1.0, appendix F)
    (b"\0\0\0<", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)

_JPEG_2000 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")  # boxes (ISO/IEC 15444-1, I.5.1), a bare codestream
_RAW: tuple[tuple[bytes, int], ...] = (  # (start, offset)
    (b"FUJIFILMCCD-RAW", 0),
    (b"IIU\x00", 0),  # Panasonic, Leica
    (b"IIRO", 0),  # Olympus
    (b"IIRS", 0),
    (b"MMOR", 0),
    (b"\0MRM", 0),  # Minolta
    (b"FOVb", 0),  # Sigma
    (b"ftypcrx ", 4),  # Canon: CR3, CRW, CR2
    (b"II\x1a\x00\x00\x00HEAPCCDR", 0),
    (b"CR\x02", 8),
)
# TIFF tags of camera raw files alone: DNGVersion, TIFF/EPStandardID (Nikon and others), DNGPrivateData (also Sony's)
_RAW_TAGS = frozenset((50706, 37398, 50740))
_MOST_TAGS = 512

_HEARD = "a sound recording, neither picture nor video"
# What people drop that we do not take: (start, offset, sentence)
_REFUSED: tuple[tuple[bytes, int, str], ...] = (
    (b"\x00\x00\x00\x0cJXL ", 0, "a JPEG XL picture; this version does not read them"),
    (b"\xff\x0a", 0, "a JPEG XL picture; this version does not read them"),
    (b"8BPS", 0, "a Photoshop document; export it as TIFF or PNG"),
    (b"%PDF", 0, "a PDF document, not a picture"),
    (b"%!PS", 0, "a PostScript document, not a picture"),
    (b"\xc5\xd0\xd3\xc6", 0, "a PostScript document, not a picture"),
    (b"\x00\x00\x01\x00", 0, "an icon file; this version does not take them"),
    (b"Rar!\x1a\x07", 0, "a RAR archive; only zip archives are unpacked"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive; only zip archives are unpacked"),
    (b"\x1f\x8b", 0, "a gzip archive; only zip archives are unpacked"),
    (b"WAVE", 8, _HEARD),
    (b"OggS", 0, _HEARD),
    (b"ID3", 0, _HEARD),
    (b"fLaC", 0, _HEARD),
    (b"v/1\x01", 0, "an OpenEXR picture; this version does not read them"),
    (b"SIMPLE  =", 0, "a FITS picture; this version does not read them"),
    (b"\x0a\x05\x01", 0, "a PCX picture; this version does not read them"),
    (b"qoif", 0, "a QOI picture; this version does not read them"),
)


def kind(file: BinaryIO) -> Kind | None:
    """The kind of an open file, left at its start. Camera raw files in the shape of a TIFF show by their tags.

    At most 1 MiB is read, and only of what may be JSON. "json" is any JSON object: what it is about is for others.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = sniff(head)
    if found == "tiff" and _RAW_TAGS & _tags(file, head):
        found = "raw"
    if found is None:
        found = _by_sample(file, head + file.read(_SAMPLE_BYTES - len(head)))
    file.seek(0)
    return found


def _by_sample(file: BinaryIO, sample: bytes) -> Kind | None:
    if any(sample[first : first + size * _SYNCS : size] == b"G" * _SYNCS for first, size in _PACKETS):
        return "video"
    if xmp_root(sample):
        return "xmp"
    if begins_json(sample) and _is_json(sample + file.read(_MAX_JSON_BYTES + 1 - len(sample))):
        return "json"
    return None


def xmp_root(sample: bytes) -> str | None:
    """The name of the first tag ("x:xmpmeta", "rdf:RDF") of a text that begins with `sample`, when it is XMP's."""
    encoding = next((encoding for start, encoding in _BOMS if sample.startswith(start)), "utf-8")
    text = sample.decode(encoding, "replace").lstrip("\ufeff")
    found = _ROOT.match(text)
    return found[1] if found and any(space in found[2] for space in _XMP_SPACES) else None


def begins_json(sample: bytes) -> bool:
    """Whether a text begins as a JSON object does: a brace, then a name or nothing (RFC 8259; a mark is allowed)."""
    return bool(re.match(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+\{[ \t\r\n]*+[\"}]", sample))


def _is_json(content: bytes) -> bool:
    if len(content) > _MAX_JSON_BYTES:
        return False
    try:
        return isinstance(json.loads(content.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, a number of thousands of digits; nested to no end
        return False


def sniff(head: bytes) -> Kind | None:
    """The kind of a file that starts with `head` (HEAD_BYTES of it), or None when it is nothing that we take."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and head[8:10] != b"CR":
        return "tiff"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[4:8] == b"ftyp" and any(brand in (b"avif", b"avis") for brand in brands(head)):
        return "avif"
    if head.startswith(_JPEG_2000):
        return "jp2"
    if any(head[offset : offset + len(start)] == start for start, offset in _RAW):
        return "raw"
    if head[4:8] == b"ftyp" and any(brand in _HEIF for brand in brands(head)):
        return "heic"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or head[:6] == b"PK00PK":
        return "zip"
    return "video" if _is_video(head) else None


def _is_video(head: bytes) -> bool:
    if head[4:8] == b"ftyp":  # ISO/IEC 14496-12: cameras have brands of their own, so all but the known others
        return head[8:12] not in (*_SOUND, *_STILLS)
    if head[4:8] in MOVIE_BOXES:  # all but the first are short: a sentence may begin with "The wide" or "Ink free"
        return head[4:8] == b"mdat" or head[:1] < b"\x20"
    return any(head[offset : offset + len(start)] == start for start, offset in _VIDEOS)


def refusal(head: bytes) -> str:
    """Why a file that `sniff` does not know is not taken: the rest of a sentence that begins "it is"."""
    for start, offset, sentence in _REFUSED:
        if head[offset : offset + len(start)] == start:
            return sentence
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "a Netpbm picture (PPM, PGM, PBM); this version does not read them"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "a web page, an SVG drawing or other text in tags; a drawing can be exported as PNG"
    if begins_json(head):
        return "JSON that cannot be read: its end is missing, it is not UTF-8, or it has more than 1 MiB"
    if head[4:8] == b"ftyp":
        return _HEARD if head[8:12] in _SOUND else "a picture of a kind that this program does not read"
    if not head.strip(b"\0"):
        return "nothing but zero bytes: the copy probably never finished"
    known = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF, BMP, JPEG 2000, camera raw"
    return f"not a picture that this program knows ({known}), nor a video, a sidecar or a zip"


def _tags(file: BinaryIO, head: bytes) -> set[int]:
    """The tags of a TIFF's first directory (TIFF 6.0, section 2), as far as they can be read."""
    order = "<" if head.startswith(b"II") else ">"
    file.seek(struct.unpack_from(order + "L", head.ljust(8, b"\0"), 4)[0])
    count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
    entries = file.read(12 * min(count, _MOST_TAGS))
    return {struct.unpack_from(order + "H", entries, at)[0] for at in range(0, len(entries) - 11, 12)}


def brands(head: bytes) -> list[bytes]:
    """Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, ftyp), as far as `head` reaches."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12]] + [head[at : at + 4] for at in range(16, size - 3, 4)]
