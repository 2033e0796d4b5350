"""The tolerant reader: right where EXIF is right, and unmoved where it is not."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import piexif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.processing import exif

MAKE, MODEL, ISO = 0x010F, 0x0110, 0x8827
EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 13: 4, 129: 1}

Entry = tuple[int, int, int, bytes | int]  # tag, type, count, and the value itself or an offset as it stands


def ifd(order: str, at: int, entries: list[Entry], link: int = 0) -> bytes:
    """One IFD that lies at `at`, its long values behind it."""
    table, heap = b"", b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if isinstance(value, int):
            field = struct.pack(order + "L", value)
        elif len(value) <= 4:
            field = value.ljust(4, b"\0")
        else:
            field = struct.pack(order + "L", behind + len(heap))
            heap += value
        table += struct.pack(order + "HHL", tag, kind, count) + field
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "L", link) + heap


def tiff(entries: list[Entry], order: str = "<", link: int = 0) -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    return head + ifd(order, 8, entries, link)


GOOD: list[Entry] = [(MAKE, 2, 6, b"Canon\0"), (MODEL, 2, 8, b"EOS 7D\0\0")]

FULL = piexif.dump(
    {
        "0th": {piexif.ImageIFD.Make: b"Acme", piexif.ImageIFD.XPTitle: tuple("Tïtle".encode("utf-16-le"))},
        "Exif": {
            piexif.ExifIFD.DateTimeOriginal: b"2019:07:14 10:11:12",
            piexif.ExifIFD.ExposureTime: (1, 250),
            piexif.ExifIFD.LensSpecification: ((35, 1), (35, 1), (2, 1), (2, 1)),
            piexif.ExifIFD.ExposureBiasValue: (-1, 3),
            piexif.ExifIFD.UserComment: b"ASCII\0\0\0hello",
        },
        "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"S", piexif.GPSIFD.GPSLatitude: ((33, 1), (51, 1), (25, 1))},
        "Interop": {piexif.InteropIFD.InteroperabilityIndex: b"R98"},
    }
).removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    entries: list[Entry] = [*GOOD, (ISO, 3, 1, struct.pack(order + "H", 400))]
    found = exif.read(tiff(entries, order))
    assert found.ifds["0th"] == {MAKE: b"Canon", MODEL: b"EOS 7D", ISO: 400}
    assert not found.damaged
    assert found.big_endian == (order == ">")


@pytest.mark.parametrize(
    ("kind", "count", "raw", "value"),
    [
        (1, 1, b"\x07", 7),
        (1, 3, b"\x01\x02\x03", (1, 2, 3)),
        (2, 3, b"HTC", b"HTC"),
        (2, 0, b"", b""),
        (3, 2, struct.pack("<HH", 100, 0), (100, 0)),
        (4, 1, struct.pack("<L", 70000), 70000),
        (5, 1, struct.pack("<LL", 1, 250), (1, 250)),
        (5, 2, struct.pack("<4L", 1, 2, 3, 0), ((1, 2), (3, 0))),
        (6, 1, b"\xff", -1),
        (7, 4, b"0232", b"0232"),
        (8, 1, struct.pack("<h", -5), -5),
        (9, 1, struct.pack("<l", -70000), -70000),
        (10, 1, struct.pack("<ll", -1, 3), (-1, 3)),
        (11, 1, struct.pack("<f", 6.0), 6.0),
        (12, 1, struct.pack("<d", 2.5), 2.5),
        (129, 6, "é…\0".encode(), "é…".encode()),
    ],
)
def test_each_type_is_read_as_what_it_is(kind: int, count: int, raw: bytes, value: object) -> None:
    assert exif.read(tiff([(MAKE, kind, count, raw)])).ifds["0th"] == {MAKE: value}


def test_it_agrees_with_piexif_where_piexif_can_read() -> None:
    theirs = piexif.load(b"Exif\0\0" + FULL)
    ours = exif.read(FULL)
    assert not ours.damaged
    assert ours.ifds == {name: theirs[name] for name in ours.ifds}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((ISO, 4, 0xFFFFFFFF, 8), id="a count beyond the end"),
        pytest.param((ISO, 5, 1, 0xFFFFFFF0), id="an offset beyond the end"),
        pytest.param((ISO, 77, 1, 0), id="a type that does not exist"),
        pytest.param((EXIF_POINTER, 4, 1, 8), id="a pointer back to its own IFD"),
        pytest.param((GPS_POINTER, 4, 1, 0xFFFFFF), id="a pointer to nowhere"),
        pytest.param((EXIF_POINTER, 2, 5, b"text\0"), id="a pointer that is text"),
    ],
)
def test_a_bad_entry_costs_only_itself(bad: Entry) -> None:
    found = exif.read(tiff([GOOD[0], bad, GOOD[1]]))
    assert found.damaged
    assert (found.ifds["0th"][MAKE], found.ifds["0th"][MODEL]) == (b"Canon", b"EOS 7D")
    assert found.ifds["Exif"] == {}


def big(entries: list[Entry], order: str = "<", link: int = 0) -> bytes:
    """A BigTIFF of one IFD: counts and places have 8 bytes."""
    behind = 16 + 8 + 20 * len(entries) + 8
    table, heap = b"", b""
    for tag, kind, count, value in entries:
        if isinstance(value, int):
            field = struct.pack(order + "Q", value)
        elif len(value) <= 8:
            field = value.ljust(8, b"\0")
        else:
            field = struct.pack(order + "Q", behind + len(heap))
            heap += value
        table += struct.pack(order + "HHQ", tag, kind, count) + field
    head = (b"II+\0" if order == "<" else b"MM\0+") + struct.pack(order + "HHQQ", 8, 0, 16, len(entries))
    return head + table + struct.pack(order + "Q", link) + heap


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_bigtiff_is_read_like_any_other(order: str) -> None:
    model = b"a name of more than eight letters\0"
    entries: list[Entry] = [GOOD[0], (MODEL, 2, len(model), model), (ISO, 16, 1, struct.pack(order + "Q", 1 << 40))]
    found = exif.read(big(entries, order))
    assert found.ifds["0th"] == {MAKE: b"Canon", MODEL: model[:-1], ISO: 1 << 40}
    assert (found.damaged, found.big_endian) == (False, order == ">")
    child = big([*GOOD, (EXIF_POINTER, 18, 1, 16)], order)
    assert exif.read(child).damaged, "it points back to its own IFD"


def test_the_wide_types_of_a_bigtiff_are_none_of_a_plain_one() -> None:
    assert exif.read(tiff([(ISO, 16, 1, bytes(8))])).damaged


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((ISO, 4, 0xFFFFFFFF_FFFFFFFF, 16), id="a count beyond the end"),
        pytest.param((ISO, 5, 2, 0xFFFFFFFF_FFFFFFF0), id="an offset beyond the end"),
        pytest.param((GPS_POINTER, 16, 1, 0xFFFFFFFF_FFFFFFFF), id="a pointer to nowhere"),
    ],
)
def test_a_bad_entry_of_a_bigtiff_costs_only_itself(bad: Entry) -> None:
    found = exif.read(big([GOOD[0], bad, GOOD[1]], link=0xFFFFFFFF_FFFFFFFF))
    assert found.damaged
    assert (found.ifds["0th"][MAKE], found.ifds["0th"][MODEL]) == (b"Canon", b"EOS 7D")


def test_an_unused_entry_is_no_damage() -> None:
    found = exif.read(tiff([(0, 0, 0, 0), *GOOD]))
    assert not found.damaged
    assert found.ifds["0th"][MAKE] == b"Canon"


def test_what_lies_before_a_cut_survives_it() -> None:
    whole = tiff(GOOD)
    for length in range(len(whole)):
        found = exif.read(whole[:length])
        assert found.ifds["0th"].items() <= {MAKE: b"Canon", MODEL: b"EOS 7D"}.items()
    assert exif.read(whole[:-1]).ifds["0th"] == {MAKE: b"Canon"}


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([(tag, 4, 0x3FFFFFFF, 8) for tag in range(3000)], id="counts that lie"),
        pytest.param([(tag, 7, 30_000, 8) for tag in range(3000)], id="values that overlap"),
        pytest.param([(tag, 1, 30_000, 8) for tag in range(3000)], id="lists that overlap"),
    ],
)
@pytest.mark.parametrize("made", [tiff, big])
def test_hostile_counts_do_not_make_memory_grow(made: Callable[[list[Entry]], bytes], entries: list[Entry]) -> None:
    hostile = made(entries)
    tracemalloc.start()
    try:
        assert exif.read(hostile).damaged
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_a_long_list_stays_bytes_and_can_still_be_text() -> None:
    title = ("sunset " * 200).encode("utf-16-le")
    found = exif.read(tiff([(0x9C9B, 1, len(title), title)])).ifds["0th"]
    assert found == {0x9C9B: title}
    assert exif.utf16(found[0x9C9B]) == "sunset " * 200


@pytest.mark.parametrize("rubbish", [b"", b"II", b"II*\0", b"II+\0\x08\0\0\0\0\0\0\0", b"\0" * 64, b"Exif\0\0"])
def test_what_is_no_tiff_has_no_tags(rubbish: bytes) -> None:
    found = exif.read(rubbish)
    assert found.damaged
    assert not any(found.ifds.values())


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_random_bytes_never_raise(noise: bytes) -> None:
    for head in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10" + bytes(7)):
        exif.read(head + noise)


@given(st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), max_size=12))
@settings(max_examples=300, deadline=None)
def test_mutated_exif_never_raises(changes: list[tuple[int, int]]) -> None:
    mutated = bytearray(FULL)
    for position, byte in changes:
        mutated[position] = byte
    found = exif.read(bytes(mutated))
    for tags in found.ifds.values():
        for tag, value in tags.items():
            exif.shown(tag, value, True, found.big_endian)
            exif.shown(tag, value, False, found.big_endian)


@pytest.mark.parametrize(
    ("raw", "big_endian", "said"),
    [
        (b"ASCII\0\0\0hello\0\0", False, "hello"),
        (b"\0" * 8 + "café".encode("cp1252"), False, "café"),
        (b"UNICODE\0" + "héllo".encode("utf-16-le"), False, "héllo"),
        (b"UNICODE\0" + "héllo".encode("utf-16-le"), True, "héllo"),  # the writer ignored the byte order
        (b"UNICODE\0" + "写真".encode("utf-16-be"), True, "写真"),
        (b"UNICODE\0" + "写真".encode("utf-16"), True, "写真"),
        (b"JIS\0\0\0\0\0" + "写真".encode("iso2022_jp"), False, "写真"),
        (b"no code at all", False, "no code at all"),
    ],
)
def test_a_comment_is_read_by_its_character_code(raw: bytes, big_endian: bool, said: str) -> None:
    assert exif.comment(raw, big_endian) == said


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ((1, 4), 0.25),
        ((1, 0), None),
        ((0, 0), None),
        (6.0, 6.0),
        (b"6\0", 6.0),
        (b"six", None),
        (float("nan"), None),
        (None, None),
        ((1, 2, 3), None),
        (((1, 2), (3, 4)), None),
    ],
)
def test_a_number_is_a_number_or_nothing(value: exif.Value | None, result: float | None) -> None:
    assert exif.number(value) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (((51, 1), (30, 1), (36, 1)), 51.51),
        (((48, 1), (515123, 10000), (0, 1)), 48 + 51.5123 / 60),
        (((51, 1), (30, 1)), 51.5),
        (((0, 0), (0, 0), (0, 0)), None),
        ((103, 2), 51.5),
        (b"", None),
    ],
)
def test_degrees_come_from_up_to_three_numbers(value: exif.Value, result: float | None) -> None:
    assert exif.degrees(value) == (None if result is None else pytest.approx(result))
