"""What a movie says, read from movies that are built here part by part."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.processing import sniffing
from watcher.processing.movie import Movie, read

NOON_2021 = 2_082_844_800 + 1_609_502_400  # 2021-01-01T12:00:00Z in seconds since 1904
UPRIGHT = (1, 0, 0, 1)
QUARTER = (0, 1, -1, 0)


def box(name: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">L", 8 + len(joined)) + name + joined


def long_box(name: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">L4sQ", 1, name, 16 + len(joined)) + joined


def mvhd(created: int = NOON_2021, scale: int = 600, duration: int = 1500) -> bytes:
    return box(b"mvhd", bytes(4), struct.pack(">4L", created, created, scale, duration), bytes(80))


def trak(width: int, height: int, turn: tuple[int, ...] = UPRIGHT, handler: bytes = b"vide", version: int = 0) -> bytes:
    a, b, c, d = (part << 16 for part in turn)
    matrix = struct.pack(">9l", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    before = bytes([version]) + bytes(39 + 12 * version)
    tkhd = box(b"tkhd", before, matrix, struct.pack(">2L", width << 16, height << 16))
    return box(b"trak", tkhd, box(b"mdia", box(b"hdlr", bytes(4), b"mhlr", handler, bytes(12))))


def data(text: str, kind: int = 1) -> bytes:
    return box(b"data", struct.pack(">2L", kind, 0), text.encode({1: "utf-8", 2: "utf-16-be"}.get(kind, "utf-8")))


def keyed(texts: dict[str, str], version: bytes = b"", kind: int = 1) -> bytes:
    """QuickTime metadata: plain as QuickTime has it, or with the version that ISO files have."""
    keys = [box(b"mdta", key.encode()) for key in texts]
    values = [box(struct.pack(">L", number), data(text, kind)) for number, text in enumerate(texts.values(), 1)]
    hdlr = box(b"hdlr", bytes(8), b"mdta", bytes(12))
    return box(b"meta", version, hdlr, box(b"keys", struct.pack(">2L", 0, len(keys)), *keys), box(b"ilst", *values))


def said(name: bytes, text: str) -> bytes:
    return box(name, struct.pack(">2H", len(text.encode()), 0x15C7), text.encode())


def film(*parts: bytes, first: bytes = box(b"ftyp", b"mp42\0\0\0\0isom")) -> bytes:
    return first + box(b"mdat", bytes(3000)) + box(b"moov", *parts)


def told(content: bytes) -> Movie:
    return read(io.BytesIO(content), len(content))


def test_a_movie_tells_its_length_its_size_and_when_it_was_made() -> None:
    assert told(film(mvhd(), trak(1920, 1080))) == Movie(2.5, 1920, 1080, "2021-01-01T12:00:00Z", {})


def test_the_index_is_found_before_the_pictures_and_behind_more_than_four_gigabytes_of_them() -> None:
    moov = box(b"moov", mvhd(), trak(640, 480))
    assert told(moov + box(b"mdat", bytes(900))).width == 640

    class Sparse(io.BytesIO):
        """5 GB of nothing, then an index."""

        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset if offset < 5_000_000_000 else offset - 5_000_000_000 + 16, whence)

    mdat = struct.pack(">L4sQ", 1, b"mdat", 5_000_000_000)
    assert read(Sparse(mdat + moov), 5_000_000_000 + len(moov)).width == 640


def test_long_numbers_are_read() -> None:
    header = box(b"mvhd", b"\1\0\0\0", struct.pack(">QQLQ", NOON_2021, NOON_2021, 1000, 7_000_000_000_000))
    movie = told(long_box(b"moov", header, trak(320, 240, version=1)))
    assert movie == Movie(7_000_000_000.0, 320, 240, "2021-01-01T12:00:00Z", {})


@pytest.mark.parametrize("version", [0, 1])
def test_a_turned_track_is_as_wide_as_it_is_shown(version: int) -> None:
    movie = told(film(mvhd(), trak(1920, 1080, QUARTER, version=version)))
    assert (movie.width, movie.height) == (1080, 1920)


def test_sound_and_subtitles_have_no_size() -> None:
    movie = told(film(mvhd(), trak(0, 0, handler=b"soun"), trak(400, 60, handler=b"text"), trak(1280, 720)))
    assert (movie.width, movie.height) == (1280, 720)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (0, None),
        (1_609_502_400, "2021-01-01T12:00:00Z"),  # counted from 1970
        (2_082_844_800, None),
        (2_082_844_800 + 3600, None),  # a clock never set, in a time zone
        (3600, None),
    ],
)
def test_a_count_from_1970_is_known_and_a_clock_never_set_is_no_date(created: int, expected: str | None) -> None:
    assert told(film(mvhd(created))).creation_time == expected


def test_an_unknown_length_is_none() -> None:
    assert told(film(mvhd(duration=0xFFFFFFFF))).duration_seconds is None
    assert told(film(mvhd(scale=0))).duration_seconds is None


@pytest.mark.parametrize("version", [b"", bytes(4)], ids=["QuickTime", "ISO"])
def test_a_phone_s_metadata_are_read(version: bytes) -> None:
    stated = {
        "com.apple.quicktime.creationdate": "2021-01-01T13:00:00+0100",
        "com.apple.quicktime.location.ISO6709": "+48.8584+002.2945+035.000/",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 12",
        "com.apple.quicktime.software": "14.3",
        "com.apple.quicktime.content.identifier": "6D1C7B0E",
        "com.apple.quicktime.something.else": "unheard",
    }
    assert told(film(mvhd(), keyed(stated, version))).stated == {
        "creationdate": "2021-01-01T13:00:00+0100",
        "location": "+48.8584+002.2945+035.000/",
        "make": "Apple",
        "model": "iPhone 12",
        "software": "14.3",
        "content_identifier": "6D1C7B0E",
    }


def test_keys_of_other_makers_and_utf_16_are_read() -> None:
    stated = {"com.android.manufacturer": "Gôógle", "com.android.model": "Pixel 7", "title": "日の出"}
    assert told(film(mvhd(), keyed(stated, kind=2))).stated == {
        "make": "Gôógle",
        "model": "Pixel 7",
        "title": "日の出",
    }


def test_a_value_that_is_no_text_is_left_out() -> None:
    assert told(film(mvhd(), keyed({"com.apple.quicktime.make": "\1\2"}, kind=21))).stated == {}


def test_user_data_are_read_in_both_forms_and_keys_go_first() -> None:
    listed = box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"mdir"), box(b"ilst", box(b"\xa9nam", data("Listed"))))
    udta = box(b"udta", said(b"\xa9day", "2009"), said(b"\xa9xyz", "+01-002/"), said(b"\xa9mak", "Sea & Co"), listed)
    movie = told(film(mvhd(), udta, keyed({"com.apple.quicktime.creationdate": "2021"})))
    assert movie.stated == {
        "creationdate": "2021",
        "location": "+01-002/",
        "make": "Sea & Co",
        "title": "Listed",
    }


def test_control_characters_of_a_name_do_not_get_through() -> None:
    assert told(film(mvhd(), box(b"udta", said(b"\xa9mod", " X\x1b[2J\x07 100\r")))).stated == {"model": "X[2J 100"}


def test_an_old_film_without_a_brand_is_read() -> None:
    assert told(film(mvhd(), trak(320, 240), first=box(b"wide"))).height == 240


def chunk(name: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return name + struct.pack("<L", len(joined)) + joined + b"\0" * (len(joined) & 1)


def avi(*more: bytes, idit: bytes = b"SAT MAR 08 15:04:43 2003\n\0") -> bytes:
    avih = chunk(b"avih", struct.pack("<10L", 40_000, 0, 0, 0, 100, 0, 1, 0, 640, 480), bytes(16))
    strh = chunk(b"strh", b"vidsMJPG", bytes(12), struct.pack("<4L", 1, 25, 0, 250), bytes(20))
    sound = chunk(b"strh", b"auds", bytes(16), struct.pack("<4L", 1, 8000, 0, 99), bytes(20))
    streams = chunk(b"LIST", b"strl", strh) + chunk(b"LIST", b"strl", sound)
    hdrl = chunk(b"LIST", b"hdrl", avih, streams, chunk(b"IDIT", idit))
    return chunk(b"RIFF", b"AVI ", hdrl, chunk(b"LIST", b"movi", bytes(5000)), *more)


def test_an_avi_tells_the_length_of_all_its_chunks_and_the_camera_s_date() -> None:
    exif = chunk(b"LIST", b"exif", chunk(b"ecor", b"Canon\0old"), chunk(b"emdl", b"IXUS\0"))
    info = chunk(b"LIST", b"INFO", chunk(b"ISFT", b"CanonMVI02\0"))
    stated = {"creationdate": "2003-03-08T15:04:43", "make": "Canon", "model": "IXUS", "software": "CanonMVI02"}
    assert told(avi(exif, info)) == Movie(10.0, 640, 480, None, stated)


@pytest.mark.parametrize(
    ("idit", "expected"),
    [
        (b"2005:08:17 11:42:43\0", "2005-08-17T11:42:43"),
        (b"2001/ 1/27  1:42PM\0", "2001/ 1/27  1:42PM"),
        (b"\0\0\0", None),
    ],
)
def test_an_avi_s_date_is_read_in_the_forms_that_cameras_write(idit: bytes, expected: str | None) -> None:
    assert told(avi(idit=idit)).stated.get("creationdate") == expected


def element(name: bytes, *content: bytes, width: int = 8) -> bytes:
    joined = b"".join(content)
    return name + (len(joined) | 1 << 7 * width).to_bytes(width) + joined


def matroska(size: bytes | None = None) -> bytes:
    info = element(
        b"\x15\x49\xa9\x66",
        element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(3), width=1),
        element(b"\x44\x89", struct.pack(">d", 4200.0), width=1),
        element(b"\x44\x61", struct.pack(">q", 631_195_200_000_000_000), width=1),  # 7305.5 days from 2001
        element(b"\x7b\xa9", "Grüße".encode(), width=1),
    )
    video = element(b"\xe0", element(b"\xb0", b"\x07\x80", width=1), element(b"\xba", b"\x04\x38", width=2))
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", b"\x83\x81\x02"), element(b"\xae", video, width=2))
    inside = element(b"\xec", bytes(30)) + info + tracks + element(b"\x1f\x43\xb6\x75", bytes(900))
    segment = element(b"\x18\x53\x80\x67", inside) if size is None else b"\x18\x53\x80\x67" + size + inside
    return element(b"\x1aE\xdf\xa3", b"\x42\x82\x88matroska", width=1) + segment


@pytest.mark.parametrize("size", [None, b"\xff", b"\x01" + b"\xff" * 7], ids=["known", "unknown", "unknown, long"])
def test_a_matroska_film_is_read_whether_its_size_is_known_or_not(size: bytes | None) -> None:
    assert told(matroska(size)) == Movie(4.2, 1920, 1080, "2021-01-01T12:00:00Z", {"title": "Grüße"})


PHONE = keyed({"com.apple.quicktime.make": "Apple"})
WHOLE = [film(mvhd(), trak(1920, 1080, QUARTER), PHONE, box(b"udta", said(b"\xa9nam", "t"))), avi(), matroska()]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=8)), max_size=8), st.data())
def test_whatever_happened_to_a_movie_it_is_read_without_an_error(
    content: bytes, changes: list[tuple[int, bytes]], draw: st.DataObject
) -> None:
    damaged = bytearray(content)
    for place, changed in changes:
        place %= len(damaged)
        damaged[place : place + len(changed)] = changed
    length = draw.draw(st.integers(0, len(damaged)))
    assert isinstance(told(bytes(damaged[:length])), Movie)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\0\0\0\x08moov", b"RIFF\0\0\0\0AVI LIST", b"\x1aE\xdf\xa3"]), st.binary(max_size=300))
def test_any_bytes_behind_a_movie_s_start_are_read_without_an_error(start: bytes, rest: bytes) -> None:
    assert isinstance(told(start + rest), Movie)


class Counting(io.BytesIO):
    reads = 0
    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        raw = super().read(size)
        self.reads += 1
        self.taken += len(raw)
        return raw


HOSTILE = {
    "boxes": box(b"free") * 300_000,
    "tracks": box(b"moov", mvhd(), *[box(b"trak", box(b"mdia", box(b"free") * 200)) for _ in range(2000)]),
    "texts": box(b"moov", box(b"udta", *[said(b"\xa9nam", "") for _ in range(100_000)])),
    "keys": box(b"moov", box(b"meta", box(b"hdlr", bytes(12)), box(b"keys", bytes(8), *[box(b"mdta", b"k")] * 90_000))),
    "a long text": box(b"moov", box(b"udta", said(b"\xa9nam", "x" * 60_000))),
    "nested": box(b"moov") * 3 + box(b"moov", b"\0\0\0\1moov" * 200_000),
    "chunks": chunk(b"RIFF", b"AVI ", *[chunk(b"LIST", b"hdrl")] * 200_000),
    "elements": element(b"\x18\x53\x80\x67", element(b"\xec", width=1) * 400_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_movie_made_to_be_walked_for_ever_is_given_up(name: str) -> None:
    file = Counting((element(b"\x1aE\xdf\xa3") if name == "elements" else b"") + HOSTILE[name])
    read(file, len(file.getvalue()))
    assert file.reads < 250_000
    assert file.taken < 4_000_000


@pytest.mark.corpus
def test_movies_that_broke_other_readers_are_read(corpus: Path) -> None:
    contents = [path.read_bytes() for path in (corpus / "broken").iterdir()]
    movies = [content for content in contents if sniffing.sniff(content[: sniffing.HEAD_BYTES]) == "video"]
    assert len(movies) >= 3
    assert all(isinstance(told(content), Movie) for content in movies)


def test_of_a_large_movie_little_is_read() -> None:
    samples = box(b"mdia", box(b"hdlr", bytes(8), b"vide"), box(b"minf", bytes(20_000_000)))
    content = film(mvhd(), box(b"trak", samples), trak(640, 480), PHONE)
    file = Counting(content)
    assert read(file, len(content)).stated == {"make": "Apple"}
    assert file.taken < 20_000
