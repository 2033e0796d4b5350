"""What a file is, by its first bytes; never by its name. Pure, no third party: intake and workers both ask here."""

from __future__ import annotations

import struct
from typing import BinaryIO, Literal

from watcher.model import Format

HEAD_BYTES = 64  # how much of a file's start `sniff` wants to see

PICTURES: tuple[Format, ...] = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "jp2", "heic", "raw")
Kind = Format | Literal["zip"]

_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; a text may begin with BM too
_MOVIE_BOXES = (b"moov", b"mdat", b"wide")  # how a QuickTime film without ftyp begins

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
    (b"\x1aE\xdf\xa3", 0, "a video; this version takes pictures only"),
    (b"AVI ", 8, "a video; this version takes pictures only"),
    (b"v/1\x01", 0, "an OpenEXR picture; this version does not read them"),
    (b"SIMPLE  =", 0, "a FITS picture; this version does not read them"),
    (b"\x0a\x05\x01", 0, "a PCX picture; this version does not read them"),
    (b"qoif", 0, "a QOI picture; this version does not read them"),
)


def kind(file: BinaryIO) -> Kind | None:
    """The kind of an open file, left at its start. Camera raw files in the shape of a TIFF show by their tags."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = sniff(head)
    if found == "tiff" and _RAW_TAGS & _tags(file, head):
        found = "raw"
    file.seek(0)
    return found


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
    return None


def refusal(head: bytes) -> str:
    """Why a file that `sniff` does not know is not taken: the rest of a sentence that begins "it is"."""
    for start, offset, sentence in _REFUSED:
        if head[offset : offset + len(start)] == start:
            return sentence
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "a Netpbm picture (PPM, PGM, PBM); this version does not read them"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "a web page, an SVG drawing or other text in tags; a drawing can be exported as PNG"
    if head[4:8] in (*_MOVIE_BOXES, b"ftyp"):
        return "a video; this version takes pictures only"
    if not head.strip(b"\0"):
        return "nothing but zero bytes: the copy probably never finished"
    known = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF, BMP, JPEG 2000, camera raw"
    return f"not a picture that this program knows ({known}), nor a zip"


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
