"""How much of a JPEG is there: its scans, what they cover, and where their data end (ITU-T T.81, annexes B and G).

Owns markers and what a decoder needs to be told apart whole from cut; decoding is cutoff.py's. libjpeg fills what is
missing without a word, so a cut is made visible: the data are ended in two ways (`endings`), and where the two
decoded pictures differ there was nothing to decode.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

EOI = b"\xff\xd9"
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # neither a stuffed byte nor a restart
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # SOF0 ... SOF15
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_STANDALONE = (0x01, *range(0xD0, 0xD9))
_SOI, _SOS, _DRI = 0xD8, 0xDA, 0xDD
# Codes of any table read these as something else than nothing; long enough for the largest block.
_FILLER = bytes((index * 37 + index // 7) % 255 for index in range(4096))
_MOST = 512_000_000  # bytes of scan data that are read


@dataclass(frozen=True, slots=True)
class Scans:
    """What a JPEG's headers tell. `end` is the offset behind the last scan's data, where an EOI belongs.

    `covered`: no coefficient of any component is left to a scan that is not there. `single`: one scan holds all, so
    that its data run from top to bottom. `row_px`: the height of a row of blocks (MCU).
    """

    end: int
    ended: bool
    covered: bool
    single: bool
    row_px: int
    restart: bytes  # the restart marker that would come next, empty where there are none


def survey(file: BinaryIO) -> Scans | None:
    """The scans of a JPEG, or None where its segments cannot be walked."""
    file.seek(0)
    return _Walk(file.read(_MOST)).run()


def endings(file: BinaryIO, scans: Scans) -> tuple[BinaryIO, BinaryIO]:
    """The same JPEG with its data ended at once, and ended by what the file never held."""
    file.seek(0)
    jpeg = file.read(scans.end)
    more = _FILLER + scans.restart + (_FILLER if scans.restart else b"")
    return io.BytesIO(jpeg + EOI), io.BytesIO(jpeg + more + EOI)


class _Walk:
    """One walk over the segments and scans of the first picture in `jpeg`."""

    def __init__(self, jpeg: bytes) -> None:
        self._jpeg = jpeg
        self._components: dict[int, int] = {}  # a component's number -> its height in blocks
        self._missing: dict[int, set[int]] = {}  # -> coefficients that no scan has brought to their last bit
        self._progressive = False
        self._restarts = False
        self._scans = 0
        self._single = False

    def run(self) -> Scans | None:
        jpeg, at, end = self._jpeg, 2, 0
        while (marker := _NEXT_MARKER.match(jpeg, at)) is not None:
            code, at = jpeg[marker.end() - 1], marker.end()
            if marker.group().endswith(EOI):
                break
            if code in _STANDALONE:
                continue
            length = int.from_bytes(jpeg[at : at + 2], "big")
            if length < 2 or at + length > len(jpeg):
                break
            self._segment(code, jpeg[at + 2 : at + length])
            at += length
            if code == _SOS:
                end = at = self._data_end(at)
        return self._told(end) if self._scans and self._components else None

    def _segment(self, code: int, body: bytes) -> None:
        if code in _FRAMES and len(body) >= 6 + 3 * body[5]:
            self._progressive = code in _PROGRESSIVE
            self._components = {body[at]: body[at + 1] & 15 for at in range(6, 6 + 3 * body[5], 3)}
            self._missing = {component: set(range(64)) for component in self._components}
        elif code == _DRI:
            self._restarts = any(body[:2])
        elif code == _SOS and len(body) >= 4 + 2 * body[0]:
            self._scan(body)

    def _scan(self, body: bytes) -> None:
        count = body[0]
        first, last, approximation = body[1 + 2 * count : 4 + 2 * count]
        if not self._progressive:
            first, last, approximation = 0, 63, 0
        self._scans += 1
        self._single = not self._progressive and count == len(self._components)
        if approximation & 15 == 0:
            for component in body[1 : 1 + 2 * count : 2]:
                self._missing.get(component, set()).difference_update(range(first, last + 1))

    def _data_end(self, start: int) -> int:
        found = _NEXT_MARKER.search(self._jpeg, start)
        end = found.start() if found else len(self._jpeg)
        return end - 1 if found is None and self._jpeg.endswith(b"\xff") else end

    def _told(self, end: int) -> Scans:
        return Scans(
            end=end,
            ended=self._jpeg[end : end + 16].lstrip(b"\xff")[:1] == b"\xd9",
            covered=not any(self._missing.values()),
            single=self._single and self._scans == 1,
            row_px=8 * (max(self._components.values()) if len(self._components) > 1 else 1),
            restart=self._restart(end) if self._restarts else b"",
        )

    def _restart(self, end: int) -> bytes:
        last = max((self._jpeg.rfind(bytes((0xFF, code)), 0, end), code) for code in range(0xD0, 0xD8))
        return bytes((0xFF, 0xD0 + (last[1] + 1) % 8 if last[0] >= 0 else 0xD0))
