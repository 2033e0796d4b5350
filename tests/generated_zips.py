"""Zips of all kinds, whole and damaged, made byte by byte since no packer makes such ones; what their members hold.

What is to become of a member can be told from what it was made of.
"""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from tests.ledger_site import photo, picture, xmp

ENCRYPTED, DESCRIBED, UTF8 = 0x1, 0x8, 0x800
STORED, DEFLATED, BZIP2, LZMA, UNKNOWN = 0, 8, 12, 14, 77


@dataclass(frozen=True)
class File:
    """What a member holds; `end` is what becomes of it: "asset", "sidecar", or "kept" in failed/."""

    content: bytes
    end: str


@dataclass(frozen=True)
class Entry:
    name: bytes
    body: File | Archive
    method: int = STORED
    flags: int = 0
    maker: int = 3
    lies: bool = False  # about its checksum

    @property
    def is_folder(self) -> bool:
        return self.name.endswith(b"/")

    @property
    def is_readable(self) -> bool:
        return not (self.lies or self.is_folder or self.flags & ENCRYPTED or self.method == UNKNOWN)

    def written(self, start: int) -> tuple[bytes, bytes]:
        """What lies at `start` for it, and what stands of it in the directory (APPNOTE 4.3.7, 4.3.9, 4.3.12)."""
        content = self.body.content
        packed = _packed(content, self.method)
        numbers = struct.pack("<LLL", zlib.crc32(content) ^ self.lies, len(packed), len(content))
        fixed = struct.pack("<HHHHH", 20, self.flags, self.method, 0, 0)
        described = self.flags & DESCRIBED
        lengths = struct.pack("<HH", len(self.name), 0)
        local = b"PK\3\4" + fixed + (bytes(12) if described else numbers) + lengths + self.name + packed
        behind = struct.pack("<HHHLL", 0, 0, 0, 0, start)
        central = b"PK\1\2" + bytes([20, self.maker]) + fixed + numbers + lengths + behind + self.name
        return local + (b"PK\7\x08" + numbers if described else b""), central


@dataclass(frozen=True)
class Archive:
    entries: tuple[Entry, ...]
    changed: tuple[tuple[float, int], ...] = ()  # where, as a share of the whole, a byte is another one: which
    cut: float = 1.0  # the share that is left of it

    @property
    def is_damaged(self) -> bool:
        return bool(self.changed) or self.cut < 1

    @property
    def content(self) -> bytes:
        whole, directory = b"", b""
        for entry in self.entries:
            local, central = entry.written(len(whole))
            whole, directory = whole + local, directory + central
        count = len(self.entries)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(whole), 0)
        content = bytearray(whole + directory + end)
        for place, value in self.changed:
            content[int(place * len(content))] = value
        return bytes(content[: int(self.cut * len(content))])


def _packed(content: bytes, method: int) -> bytes:
    if method == DEFLATED:
        return zlib.compress(content, wbits=-15)
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:  # a version, the length of the properties, and those (APPNOTE 5.8.8)
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        return struct.pack("<BBHBL", 9, 20, 5, 93, 1 << 16) + lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
    return content


def _json(**said: object) -> bytes:
    return json.dumps(said).encode()


T = TypeVar("T")


def weighed(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of these, each as often as its weight says: what ends early must not be most of it."""
    drawn = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.sampled_from(range(len(drawn))).flatmap(drawn.__getitem__)


LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(str.encode)
_NAMES = (
    "a.png a.png a.png A.PNG trip/a.png trip\\a.png trip/a.png.xmp a.png.xmp a.xmp a.png.json trip/metadata.json "
    "../a.png ../../../../../a.png /a.png C:\\a.png / . .. trip/ trip/../ a\0b.png a\r\n.png "
    "failed/a.png .watcher/spool/a.png __MACOSX/._a.png Thumbs.db trip/.DS_Store inner.zip a.png/inner.zip"
)
NAMES = st.sampled_from(_NAMES.encode().split(b" "))
LONG = st.integers(200, 400).map(lambda length: b"a" * length + b".png")
FILES = weighed(
    (5, st.integers(1, 6).map(lambda number: File(picture(number), "asset"))),
    (1, st.integers(1, 3).map(lambda number: File(photo(number), "asset"))),
    (1, st.integers(1, 6).map(lambda number: File(picture(number)[:30], "kept"))),
    (1, st.binary(max_size=300).map(lambda text: File(b"Dear Anna, " + text, "kept"))),
    (1, st.sampled_from(["2019-03-02", "2021-01-01"]).map(lambda day: File(xmp("Harbour", f"{day}T10:00"), "sidecar"))),
    (
        1,
        st.integers(1, 9).map(
            lambda at: File(_json(title="a.png", photoTakenTime={"timestamp": at * 10**8}), "sidecar")
        ),
    ),
    (1, st.just(File(_json(title="Trip", date={}, access="private"), "sidecar"))),
    (1, st.sampled_from([File(_json(title="nobody's"), "kept"), File(b"", "kept")])),
)
SOUND: dict[str, int] = {}
TROUBLES = st.sampled_from([SOUND] * 21 + [{"flags": ENCRYPTED}, {"method": UNKNOWN}, {"lies": True}])


def entries(bodies: st.SearchStrategy[File | Archive]) -> st.SearchStrategy[Entry]:
    sound = st.builds(
        Entry,
        name=weighed((6, NAMES), (2, LETTERS), (1, st.binary(max_size=8)), (1, LONG)),
        body=bodies,
        method=st.sampled_from([STORED, DEFLATED, BZIP2, LZMA]),
        flags=st.sampled_from([UTF8, 0, DESCRIBED, DESCRIBED | UTF8]),
        maker=st.sampled_from([0, 3]),
    )
    return st.builds(lambda entry, trouble: replace(entry, **trouble), sound, TROUBLES)


def archives(bodies: st.SearchStrategy[File | Archive]) -> st.SearchStrategy[Archive]:
    """Whole ones, and damaged ones."""
    held = st.lists(entries(bodies), min_size=1, max_size=8).map(tuple)
    share = st.integers(0, 9999).map(lambda number: number / 10000)
    changed = st.lists(st.tuples(share, st.integers(0, 255)), min_size=1, max_size=3).map(tuple)
    return weighed(
        (12, st.builds(Archive, held)),
        (3, st.builds(Archive, held, changed)),
        (1, st.builds(Archive, held, cut=share)),
        (1, st.just(Archive(()))),
    )


def nested(depth: int) -> st.SearchStrategy[Archive]:
    """Such with up to `depth` others within one another in them."""
    return archives(weighed((3, FILES), (1, nested(depth - 1)))) if depth else archives(FILES)
