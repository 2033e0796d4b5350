"""What a picture says is changed in place: just the bytes that are reported, and the maker note never."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.processing import exif, patching
from watcher.processing.patching import Patched

Entry = tuple[int, int, bytes]  # tag, type, value

XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
ORIGINAL, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x0132
ORIENTATION, ACROSS, DOWN, MAKER_NOTE = 0x0112, 0xA002, 0xA003, 0x927C
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 11: 4, 12: 8}
HOUR = timedelta(hours=1)


def ifd(order: str, at: int, entries: list[Entry], link: int = 0) -> bytes:
    """One IFD that lies at `at`, its long values behind it."""
    table, heap = b"", b""
    for tag, kind, value in entries:
        lies = struct.pack(order + "L", at + 2 + 12 * len(entries) + 4 + len(heap))
        field = value.ljust(4, b"\0") if len(value) <= 4 else lies
        heap += value if len(value) > 4 else b""
        table += struct.pack(order + "HHL", tag, kind, len(value) // SIZES[kind]) + field
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "L", link) + heap


def tiff(image: list[Entry], photo: list[Entry], gps: list[Entry] | None = None, order: str = "<") -> bytes:
    def pointers(photo_at: int, gps_at: int) -> list[Entry]:
        return [(0x8769, 4, struct.pack(order + "L", photo_at)), (0x8825, 4, struct.pack(order + "L", gps_at))]

    photo_at = 8 + len(ifd(order, 8, image + pointers(0, 0)))
    gps_at = photo_at + len(ifd(order, photo_at, photo))
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    return (
        head
        + ifd(order, 8, image + pointers(photo_at, gps_at))
        + ifd(order, photo_at, photo)
        + ifd(order, gps_at, gps or [])
    )


def jpeg(*app1: bytes) -> bytes:
    segments = (b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in app1)
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xda\0\x02coded\xff\0data\xff\xd9"


def with_exif(image: list[Entry], photo: list[Entry], gps: list[Entry] | None = None, order: str = "<") -> bytes:
    return jpeg(b"Exif\0\0" + tiff(image, photo, gps, order))


def with_xmp(inside: bytes, attributes: bytes = b"") -> bytes:
    return jpeg(
        XMP_MARK
        + b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp=\'http://ns.adobe.com/xap/1.0/\''
        b' xmlns:ex = "http://ns.adobe.com/exif/1.0/" '
        + attributes
        + b">"
        + inside
        + b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def read(content: bytes) -> dict[str, exif.Tags]:
    return exif.read(content[content.index(b"Exif\0\0") + 6 :] if content.startswith(b"\xff\xd8") else content).ifds


def differing(before: bytes, after: bytes) -> set[int]:
    assert len(before) == len(after)
    return {at for at, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]}


def reported(patched: Patched) -> set[int]:
    return {change.offset + at for change in patched[1] for at in range(len(change.after))}


def tags(patched: Patched) -> list[str]:
    return sorted(change.tag for change in patched[1])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_shift_changes_three_dates_and_not_a_byte_besides(order: str) -> None:
    note = b"Note 2019:07:14 10:11:12\0"
    content = with_exif(
        [(0x010F, 2, b"Acme\0"), (CHANGED, 2, b"2019:12:31 23:59:59\0")],
        [(ORIGINAL, 2, b"2019:07:14 10:11:12\0"), (DIGITIZED, 2, b"2020:02:28 23:30:00\0"), (MAKER_NOTE, 7, note)],
        [(29, 2, b"2019:07:14\0"), (7, 5, struct.pack(order + "6L", 10, 1, 11, 1, 12, 1))],
        order,
    )
    after, changes = patched = patching.shift_dates(content, HOUR)
    found = read(after)
    assert found["0th"][CHANGED] == b"2020:01:01 00:59:59"
    assert (found["Exif"][ORIGINAL], found["Exif"][DIGITIZED]) == (b"2019:07:14 11:11:12", b"2020:02:29 00:30:00")
    assert (found["GPS"], found["Exif"][MAKER_NOTE]) == (read(content)["GPS"], note)
    assert tags(patched) == ["EXIF:DateTime", "EXIF:DateTimeDigitized", "EXIF:DateTimeOriginal"]
    assert differing(content, after) <= reported(patched)
    assert all(content[c.offset :].startswith(c.before) and after[c.offset :].startswith(c.after) for c in changes)


@pytest.mark.parametrize(
    "date",
    [
        b"0000:00:00 00:00:00\0",
        b"    :  :     :  :  \0",
        b"2019:02:30 10:11:12\0",
        b"2019:07:14 24:00:00\0",
        b"9999:12:31 23:30:00\0",
        b"2019:07:14 10:11\0",
        b"2019:07:14\0",
        b"yesterday\0",
        b"",
    ],
)
def test_what_is_no_date_or_would_leave_the_calendar_stays(date: bytes) -> None:
    content = with_exif([(CHANGED, 2, b"2019:12:31 23:59:59\0")], [(ORIGINAL, 2, date)])
    assert tags(patching.shift_dates(content, HOUR)) == ["EXIF:DateTime"]


def test_a_date_before_the_year_one_is_not_written() -> None:
    content = with_exif([], [(ORIGINAL, 2, b"0001:01:01 00:30:00\0")])
    assert patching.shift_dates(content, -HOUR) == (content, [])


def test_separators_and_what_follows_a_date_stay_as_they_were_written() -> None:
    content = with_exif([], [(ORIGINAL, 2, b"2019-07-14T10:11:12.5+02:00\0")])
    assert read(patching.shift_dates(content, HOUR)[0])["Exif"][ORIGINAL] == b"2019-07-14T11:11:12.5+02:00"


def test_a_tag_that_is_written_twice_is_shifted_twice() -> None:
    content = with_exif([], [(ORIGINAL, 2, b"2019:07:14 10:11:12\0"), (ORIGINAL, 2, b"2019:07:14 10:11:12\0")])
    assert patching.shift_dates(content, HOUR)[0].count(b"2019:07:14 11:11:12\0") == 2


def test_a_thumbnail_with_dates_of_its_own_is_shifted_with_the_picture() -> None:
    content = with_exif([(CHANGED, 2, b"2019:12:31 23:59:59\0")], [(ORIGINAL, 2, b"2019:07:14 10:11:12\0")])
    second = len(content) - 12  # within the structure, where the segment will go on
    own = ifd("<", second, [(0x8769, 4, struct.pack("<L", second + 18))]) + ifd("<", second + 18, DATES[:1])
    structure = bytearray(content[12:] + own)
    structure[8 + 2 + 12 * 3 : 8 + 2 + 12 * 3 + 4] = struct.pack("<L", second)
    after, _ = patching.shift_dates(jpeg(b"Exif\0\0" + bytes(structure)), HOUR)
    assert after.count(b"2019:07:14 11:11:12\0") == 2


def test_dates_that_share_their_bytes_are_shifted_once() -> None:
    content = with_exif([], [(ORIGINAL, 2, b"2019:07:14 10:11:12\0"), (DIGITIZED, 2, b"2020:01:01 00:00:00\0")])
    shared = bytearray(content)
    original, digitized = (content.index(struct.pack("<HHL", tag, 2, 20)) + 8 for tag in (ORIGINAL, DIGITIZED))
    shared[digitized : digitized + 4] = shared[original : original + 4]
    after, changes = patching.shift_dates(bytes(shared), HOUR)
    assert len(changes) == 1
    assert read(after)["Exif"][ORIGINAL] == read(after)["Exif"][DIGITIZED] == b"2019:07:14 11:11:12"


def test_a_date_inside_the_maker_note_stays_with_the_note() -> None:
    content = with_exif([], [(MAKER_NOTE, 7, b"2019:07:14 10:11:12\0"), (ORIGINAL, 2, b"2020:01:01 00:00:00\0")])
    nested = bytearray(content)
    note, original = (
        content.index(struct.pack("<HHL", MAKER_NOTE, 7, 20)) + 8,
        content.index(struct.pack("<HHL", ORIGINAL, 2, 20)) + 8,
    )
    nested[original : original + 4] = nested[note : note + 4]
    assert patching.shift_dates(bytes(nested), HOUR) == (bytes(nested), [])


def test_the_dates_of_a_tiff_are_shifted() -> None:
    content = tiff([(CHANGED, 2, b"2019:12:31 23:59:59\0")], [])
    assert read(patching.shift_dates(content, HOUR)[0])["0th"][CHANGED] == b"2020:01:01 00:59:59"


def test_dates_in_xmp_are_shifted_as_attribute_and_as_element_under_any_prefix() -> None:
    content = with_xmp(
        b"<ex:DateTimeOriginal>2019-07-14T23:11:12.50+02:00</ex:DateTimeOriginal><ex:GPSTimeStamp>2019-07-14T21:11:12Z</ex:GPSTimeStamp>",
        b'xmp:ModifyDate = "2019-12-31T23:59:59Z" xmp:CreateDate="2019-07"',
    )
    after, _ = patched = patching.shift_dates(content, HOUR)
    assert tags(patched) == ["XMP:exif:DateTimeOriginal", "XMP:xmp:ModifyDate"]
    assert b">2019-07-15T00:11:12.50+02:00<" in after
    assert b'"2020-01-01T00:59:59Z"' in after
    assert differing(content, after) <= reported(patched)


@given(st.integers(-(10**9), 10**9), st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_a_shift_taken_back_gives_the_same_file(seconds: int, date: datetime) -> None:
    content, delta = (
        with_exif([], [(ORIGINAL, 2, date.strftime("%Y:%m:%d %H:%M:%S").encode())]),
        timedelta(seconds=seconds),
    )
    after, changes = patching.shift_dates(content, delta)
    assert bool(changes) == bool(seconds)
    assert patching.shift_dates(after, -delta)[0] == content


@pytest.mark.parametrize(
    ("kind", "value", "upright"),
    [
        (3, b"\x06\0", b"\x01\0"),
        (4, b"\x06\0\0\0", b"\x01\0\0\0"),
        (9, b"\x06\0\0\0", b"\x01\0\0\0"),
        (1, b"\x06", b"\x01"),
        (2, b"6\0", b"1\0"),
        (2, b"6", b"1"),
        (11, struct.pack("<f", 6), struct.pack("<f", 1)),
        (12, struct.pack("<d", 6), struct.pack("<d", 1)),
        (5, struct.pack("<LL", 6, 1), struct.pack("<LL", 1, 1)),
        (2, b"top\0", b"top\0"),
    ],
)
def test_an_orientation_of_any_type_is_set_in_its_own_type(kind: int, value: bytes, upright: bytes) -> None:
    entries: list[Entry] = [(ORIENTATION, kind, value), (0x0131, 2, b"Acme 1.0\0")]
    assert patching.set_orientation(with_exif(entries, []), 1, False)[0] == with_exif(
        [(ORIENTATION, kind, upright), entries[1]], []
    )


def test_the_orientation_of_xmp_follows_as_attribute_and_as_element() -> None:
    content = with_xmp(
        b"<tiff:Orientation>8</tiff:Orientation><tiff:Compression>6</tiff:Compression>", b"tiff:Orientation='6'"
    )
    after, _ = patched = patching.set_orientation(content, 1, True)
    assert after == content.replace(b">8<", b">1<").replace(b"='6'", b"='1'")
    assert tags(patched) == ["XMP:tiff:Orientation"] * 2


def test_sides_are_exchanged_only_when_asked_to() -> None:
    wide, small = (ACROSS, 4, struct.pack("<L", 70_000)), (DOWN, 3, struct.pack("<H", 480))
    content = with_exif([], [wide, small])
    assert patching.set_orientation(content, 1, False) == (content, [])
    after = read(patching.set_orientation(content, 1, True)[0])["Exif"]
    assert (after[ACROSS], after[DOWN]) == (480, 70_000)


@pytest.mark.parametrize(("across", "down", "exchanged"), [(b"640", b"480", True), (b"1024", b"768", False)])
def test_sides_in_xmp_are_exchanged_when_they_have_as_many_digits(across: bytes, down: bytes, exchanged: bool) -> None:
    def content(x: bytes, y: bytes) -> bytes:
        return with_xmp(b"<ex:PixelYDimension>" + y + b"</ex:PixelYDimension>", b'ex:PixelXDimension="' + x + b'"')

    expected = content(down, across) if exchanged else content(across, down)
    assert patching.set_orientation(content(across, down), 1, True)[0] == expected


def test_the_date_of_the_last_change_follows_the_date_of_taking() -> None:
    content = with_exif([(CHANGED, 2, b"0000:00:00 00:00:00\0")], [(ORIGINAL, 2, b"2019:07:14 10:11:12\0")])
    after, _ = patched = patching.follow_original(content)
    assert read(after)["0th"][CHANGED] == b"2019:07:14 10:11:12"
    assert differing(content, after) <= reported(patched)
    assert patching.follow_original(after) == (after, [])


def test_nothing_of_a_longer_date_is_left_behind_a_shorter_one() -> None:
    content = with_exif([(CHANGED, 2, b"2020:01:01 00:00:00+09:00\0")], [(ORIGINAL, 2, b"2019:07:14 10:11:12\0")])
    assert read(patching.follow_original(content)[0])["0th"][CHANGED] == b"2019:07:14 10:11:12"


@pytest.mark.parametrize(
    ("changed", "original"),
    [(b"2020:01:01\0", b"2019:07:14 10:11:12\0"), (b"2020:01:01 00:00:00\0", b"0000:00:00 00:00:00\0")],
    ids=["no room", "no date"],
)
def test_without_room_or_without_a_date_to_follow_nothing_changes(changed: bytes, original: bytes) -> None:
    content = with_exif([(CHANGED, 2, changed)], [(ORIGINAL, 2, original)])
    assert patching.follow_original(content) == (content, [])


CHANGES: list[Callable[[bytes], Patched]] = [
    lambda content: patching.shift_dates(content, timedelta(days=-1, seconds=7)),
    lambda content: patching.set_orientation(content, 1, True),
    patching.follow_original,
]
DATES: list[Entry] = [
    (ORIGINAL, 2, b"2019:07:14 10:11:12\0"),
    (ACROSS, 4, b"\1\2\3\4"),
    (DOWN, 3, b"\1\2"),
    (MAKER_NOTE, 7, b"note" * 9),
]
GOOD = with_exif([(ORIENTATION, 3, b"\x06\0"), (CHANGED, 2, b"2020:01:01 00:00:00\0")], DATES)
GOOD_XMP = with_xmp(b"<tiff:Orientation>8</tiff:Orientation>", b'xmp:ModifyDate="2019-12-31T23:59:59Z"')


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from([GOOD, GOOD_XMP, GOOD[12:], GOOD[:-11] + GOOD_XMP[2:]])))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=12)):
        content[at] = byte
    return bytes(content[: draw(st.integers(0, len(content)))]) if draw(st.booleans()) else bytes(content)


@pytest.mark.parametrize("change", CHANGES, ids=["shift_dates", "set_orientation", "follow_original"])
@given(content=damaged() | st.binary() | st.binary().map(lambda tail: b"\xff\xd8" + tail))
def test_whatever_the_bytes_only_those_reported_change(change: Callable[[bytes], Patched], content: bytes) -> None:
    patched = change(content)
    assert differing(content, patched[0]) <= reported(patched)


def test_a_file_made_to_cost_time_does_not() -> None:
    """Each of these would take minutes if any step were quadratic: the suite's time limit judges it."""
    runs = b"\xff\xd8" + b"\xff" * 3_000_000 + b"\0"
    prefixes = b"".join(b'xmlns:p%d="http://ns.adobe.com/tiff/1.0/" ' % number for number in range(1500))
    openings = with_xmp(b"<tiff:Orientation " * 3000)
    notes = with_exif([], [(MAKER_NOTE, 7, b"note")] * 5000)
    for content in (runs, jpeg(*[XMP_MARK + prefixes] * 200), openings, notes):
        assert patching.set_orientation(content, 1, True)[0] == content


def real_jpegs(corpus: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(path for folder in ("metadata", "orientation") for path in (corpus / folder).iterdir()):
        content = path.read_bytes()
        if content.startswith(b"\xff\xd8") and b"Exif\0\0" in content:
            yield path.name, content


@pytest.mark.corpus
def test_the_maker_notes_of_real_cameras_survive_each_change_byte_for_byte(corpus: Path) -> None:
    notes = changed = 0
    for name, content in real_jpegs(corpus):
        note = read(content)["Exif"].get(MAKER_NOTE)
        for change in CHANGES:
            patched = change(content)
            assert differing(content, patched[0]) <= reported(patched), name
            assert read(patched[0])["Exif"].get(MAKER_NOTE) == note, name
            changed += len(patched[1])
        notes += note is not None
    assert notes > 30
    assert changed > 300


def date_of(value: exif.Value | None) -> datetime | None:
    """The date in a tag; Photoshop puts dashes, a T and an offset into EXIF too."""
    try:
        text = exif.text(value) or ""
        return datetime.fromisoformat(text[:10].replace(":", "-") + text[10:19])
    except ValueError:
        return None


@pytest.mark.corpus
def test_real_dates_read_back_are_the_shifted_ones(corpus: Path) -> None:
    delta, shifted = timedelta(days=-1, hours=5, seconds=9), 0
    for name, content in real_jpegs(corpus):
        before, after = read(content), read(patching.shift_dates(content, delta)[0])
        for group, tag in (("Exif", ORIGINAL), ("Exif", DIGITIZED), ("0th", CHANGED)):
            date = date_of(before[group].get(tag))
            if date and name != IN_THE_NOTE:
                assert date_of(after[group].get(tag)) == date + delta, name
                shifted += 1
            else:
                assert after[group].get(tag) == before[group].get(tag), name
    assert shifted > 150


# The maker note of this camera claims bytes that hold the dates: the note is what must not change.
IN_THE_NOTE = "Traveler SX330Z.jpg"
