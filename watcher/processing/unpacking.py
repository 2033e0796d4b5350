"""How a zip's members are packed: the methods, unpacked piece by piece. It knows bytes, not archives or files.

No method needs more memory than a few pieces, whatever its input claims; how much comes out, and whether it is right,
the caller counts.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

from watcher.errors import RejectedError
from watcher.processing.complaints import said

PIECE = 1 << 20  # bytes, packed or not
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14  # APPNOTE 4.4.5
_NAMED = {1: "shrinking", 6: "imploding", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES encryption"}
_LZMA_PROPERTIES = struct.Struct("<xxHBL")  # APPNOTE 5.8.8: version, length of what follows, lc/lp/pb, dictionary
_MOST_DICTIONARY = 1 << 28  # bytes


class UnreadableMemberError(RejectedError):
    """A member's bytes cannot be had whole (password, method, damage, limits): only the archive still has them."""


class _Method(Protocol):
    """What bz2 and lzma offer."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def unpacked(packed: Iterator[bytes], method: int, size: int) -> Iterator[bytes]:
    """The bytes in pieces, at most one more than `size` where there are more.

    Some are empty: a stream of nothing can go on for hours, and whoever watches the clock must come to it. LZMA is cut
    at `size`: without an end mark it goes on to unpack its own padding. Raises UnreadableMemberError.
    """
    unpacker = _unpacker(packed, method, size)
    left = size if method == LZMA else size + 1
    while left and not unpacker.eof:
        chunk = next(packed, b"") if unpacker.needs_input else b""
        piece = _piece(unpacker, chunk, min(left, PIECE))
        if not piece and not chunk and unpacker.needs_input:
            return
        left -= len(piece)
        yield piece


def _piece(unpacker: _Method, chunk: bytes, most: int) -> bytes:
    try:
        return unpacker.decompress(chunk, most)
    except MemoryError:
        raise
    except Exception as error:  # zlib.error, LZMAError, OSError, EOFError, ValueError: no list has been complete yet
        raise UnreadableMemberError(f"the member is damaged and cannot be unpacked ({said(error)})") from None


def _unpacker(packed: Iterator[bytes], method: int, size: int) -> _Method:
    if method == STORED:
        return _Stored()
    if method == DEFLATED:
        return _Inflating()
    if method == BZIP2:
        return bz2.BZ2Decompressor()
    if method == LZMA:
        return _lzma(packed, size)
    name = _NAMED.get(method, f"method {method}")
    raise UnreadableMemberError(
        f"the member is packed by {name}, which this program does not unpack; unpack the zip and drop what it holds"
    )


class _Stored:
    """Not packed at all."""

    eof = False

    def __init__(self) -> None:
        self._held = b""

    @property
    def needs_input(self) -> bool:
        return not self._held

    def decompress(self, data: bytes, max_length: int) -> bytes:
        held = self._held or data
        self._held = held[max_length:]
        return held[:max_length]


class _Inflating:
    """zlib in the shape of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail or data, max_length)


def _lzma(packed: Iterator[bytes], size: int) -> _Method:
    """The decoder that a member's first nine bytes describe, and what came with them already given to it."""
    head = next(packed, b"")
    if len(head) < _LZMA_PROPERTIES.size:
        raise UnreadableMemberError("the member is damaged: it ends within its LZMA properties")
    length, packing, dictionary = _LZMA_PROPERTIES.unpack_from(head)
    # it is allocated as it is claimed, and a member never needs one that is longer than itself
    dictionary = max(min(dictionary, size), 1 << 12)
    if length != 5 or dictionary > _MOST_DICTIONARY:
        raise UnreadableMemberError("the member is damaged: its LZMA properties are none that a packer writes")
    lc, lp, pb = packing % 9, packing // 9 % 5, packing // 45
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}]
    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        decoder.decompress(head[_LZMA_PROPERTIES.size :], 0)
    except lzma.LZMAError as error:
        raise UnreadableMemberError(f"the member is damaged and cannot be unpacked ({said(error)})") from None
    return decoder
