"""What the names in a zip mean: bytes in some encoding with some separator become relative paths with slashes. Pure.

Never fails. The paths are for people, for folders and for matching sidecars; nobody opens them.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterable
from unicodedata import east_asian_width

from watcher.processing.zipdirectory import UTF8, Entry, field

_UNICODE_PATH = 0x7075  # Info-ZIP's extra field (APPNOTE 4.6.9): version 1, CRC of the plain name, name in UTF-8
_BACKSLASHED = (0, 6, 10, 11, 14)  # makers on whose systems no name has a backslash: FAT, HPFS, NTFS, MVS, VFAT
_DRIVE = re.compile(r"[A-Za-z]:")
_GUESSES = ("gb2312", "cp932")  # the stricter first: Japanese in cp932 is hardly ever right in it
_DOS = "cp437"  # what APPNOTE (D.1) says of a name without a flag; it reads any byte
_NAMELESS = "unnamed"


def paths(entries: list[Entry]) -> list[str]:
    """The path of each entry, in their order: no empty, `.` or `..` component, no drive, no slash at either end."""
    decoded = _decoded(entries)
    slashed = any("/" in text for text in decoded)
    return [
        _path(text, not slashed or entry.maker in _BACKSLASHED) for entry, text in zip(entries, decoded, strict=True)
    ]


def _decoded(entries: list[Entry]) -> list[str]:
    told = [_text(entry.name) if entry.flags & UTF8 else _unicode_path(entry) for entry in entries]
    read = _reading([entry.name for entry, text in zip(entries, told, strict=True) if text is None])
    return [read(entry.name) if text is None else text for entry, text in zip(entries, told, strict=True)]


def _unicode_path(entry: Entry) -> str | None:
    content = field(entry.extra, _UNICODE_PATH) or b""
    # whoever renames a member without knowing this field leaves a name that is no longer its name
    if content[:1] != b"\1" or content[1:5] != zlib.crc32(entry.name).to_bytes(4, "little"):
        return None
    return _text(content[5:])


def _text(name: bytes) -> str | None:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _reading(names: list[bytes]) -> Callable[[bytes], str]:
    """How to read names that nothing tells about: as one encoding where one fits all, else each for itself.

    An archive is written on one system, and a single name is too little: half-width Japanese may be valid UTF-8.
    """
    odd = [name for name in names if not name.isascii()]
    if any(_text(name) is None for name in odd):
        for encoding in _GUESSES:
            if _fits(odd, encoding):
                return lambda name: name.decode(encoding)
    return lambda name: _text(name) or name.decode(_DOS)


def _fits(names: list[bytes], encoding: str) -> bool:
    """Whether the names read as East Asian text: more such letters than anything that would not stand there.

    `père.jpg` of a French DOS is valid Japanese with one ideogram amid Latin letters; so those count against it,
    unless the DOS reading is none, with lines and boxes for letters.
    """
    try:
        text = _stems(name.decode(encoding) for name in names)
    except UnicodeDecodeError:
        return False
    foreign = [letter for letter in text if not letter.isascii()]
    wide = sum(letter.isalpha() and east_asian_width(letter) == "W" for letter in foreign)
    dos = _stems(name.decode(_DOS) for name in names)
    latin = all(letter.isascii() or letter.isalpha() for letter in dos)
    against = sum(letter.isascii() and letter.isalpha() for letter in text) if latin else 0
    return wide > len(foreign) - wide + against


def _stems(names: Iterable[str]) -> str:
    return "".join(os.path.splitext(name)[0] for name in names)


def _path(text: str, backslashed: bool) -> str:
    text = text.partition("\0")[0]  # where C ends a name, and with it most programs that unpack
    if backslashed and "\\" in text:
        text = text.replace("\\", "/")
        text = text[2:] if _DRIVE.match(text) else text
    return "/".join(part for part in text.split("/") if part not in ("", ".", "..")) or _NAMELESS
