"""When a picture was taken: which date counts, what is not believed, and the offset of its clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metadata_blobs import NOW, exif, packet, read, records
from piexif import ExifIFD, ImageIFD

from watcher.processing.metadata import Blobs

ORDER = [
    "EXIF:DateTimeOriginal",
    "XMP-exif:DateTimeOriginal",
    "XMP-photoshop:DateCreated",
    "IPTC:DateCreated",
    "EXIF:DateTimeDigitized",
    "XMP-xmp:CreateDate",
    "EXIF:DateTime",
]


def dated(*sources: str) -> Blobs:
    """Blobs with these dates; each source has a year of its own, 2000 + its place in the order."""
    years = {source: 2000 + ORDER.index(source) for source in sources}
    exif_tags = {name.removeprefix("EXIF:"): f"{y}:01:01 00:00:00" for name, y in years.items() if "EXIF" in name}
    image = {getattr(ImageIFD, name): date for name, date in exif_tags.items() if name == "DateTime"}
    photo = {getattr(ExifIFD, name): date for name, date in exif_tags.items() if name != "DateTime"}
    xmp_tags = {name.removeprefix("XMP-"): y for name, y in years.items() if "XMP" in name}
    attributes = " ".join(f'{name}="{year}-01-01T00:00:00"' for name, year in xmp_tags.items())
    news = [(55, f"{y}0101".encode()) for name, y in years.items() if "IPTC" in name]
    return Blobs(exif(image, photo), packet(attributes=attributes), records(*news, (60, b"000000+0000")))


@pytest.mark.parametrize("winner", ORDER)
def test_the_earlier_in_the_order_gives_the_date(winner: str) -> None:
    place = ORDER.index(winner)
    facts = read(dated(*ORDER[place:]))
    assert (facts.taken_at, facts.taken_source) == (f"{2000 + place}-01-01T00:00:00", winner)


@pytest.mark.parametrize(
    "impossible",
    [
        b"0000:00:00 00:00:00",
        b"2019:02:30 10:00:00",
        b"2019:13:01 10:00:00",
        b"1825:12:31 23:59:59",
        b"2025:06:18 00:00:00",  # more than a day ahead of the clock
        b"2001:12:00 00:00:00",
        b"sometime in 2019",
    ],
)
def test_a_date_that_cannot_be_is_passed_over_and_flagged(impossible: bytes) -> None:
    blob = exif({ImageIFD.DateTime: b"2010:05:06 07:08:09"}, {ExifIFD.DateTimeOriginal: impossible})
    facts = read(Blobs(exif=blob))
    assert (facts.taken_at, facts.flags) == ("2010-05-06T07:08:09", ("date_invalid",))


def test_a_blank_date_is_only_unknown() -> None:
    blob = exif(photo={ExifIFD.DateTimeOriginal: b"    :  :     :  :  "})
    assert read(Blobs(exif=blob)).flags == ()


@pytest.mark.parametrize(
    ("written", "at", "offset", "precision"),
    [
        ("2010", "2010-01-01T00:00:00", None, "year"),
        ("2010-07", "2010-07-01T00:00:00", None, "month"),
        ("2010-07-08", "2010-07-08T00:00:00", None, "day"),
        ("2010-07-08T09:10", "2010-07-08T09:10:00", None, "second"),
        ("2010-07-08T09:10:11.5+1:00", "2010-07-08T09:10:11.500", "+01:00", "second"),
        ("2010-07-08T09:10:11Z", "2010-07-08T09:10:11", "+00:00", "second"),
        ("2010-07-08T09:10:11-99:00", "2010-07-08T09:10:11", None, "second"),
        ("1826-06-01T12:00:00", "1826-06-01T12:00:00", None, "second"),
    ],
)
def test_a_date_says_how_exact_it_is(written: str, at: str, offset: str | None, precision: str) -> None:
    facts = read(Blobs(xmp=packet(attributes=f'photoshop:DateCreated="{written}"')))
    assert (facts.taken_at, facts.taken_offset, facts.taken_precision) == (at, offset, precision)


@pytest.mark.parametrize(("raw", "precision"), [(b"20100000", "year"), (b"20100700", "month"), (b"20100708", "day")])
def test_iptc_writes_zeros_for_what_is_not_known(raw: bytes, precision: str) -> None:
    assert read(Blobs(iptc=records((55, raw)))).taken_precision == precision


def test_a_broken_fraction_or_offset_does_not_cost_the_date() -> None:
    tags = {ExifIFD.SubSecTimeOriginal: b"ab", ExifIFD.OffsetTimeOriginal: b"?", ExifIFD.OffsetTime: b"+02:00"}
    facts = read(Blobs(exif=exif(photo=tags | {ExifIFD.DateTimeOriginal: b"2019:07:14 10:11:12"})))
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T10:11:12", "+02:00")


SHANGHAI = "Asia/Shanghai"  # +08:00 all year
FIX = {"DateStamp": b"2019:07:14", "TimeStamp": ((8, 1), (10, 1), (2550, 100))}


def original(text: bytes, **offsets: bytes) -> dict[int, bytes]:
    return {ExifIFD.DateTimeOriginal: text} | {getattr(ExifIFD, name): value for name, value in offsets.items()}


def test_the_order_goes_on_with_gps_then_the_name_then_exif_datetime_then_mtime() -> None:
    image = {ImageIFD.DateTime: b"2018:01:02 03:04:05"}
    known: dict[str, Any] = {"timezone": "UTC", "mtime": 1_500_000_000.0}
    name = "IMG_20170203_040506.jpg"
    sources = [
        read(Blobs(exif(image, {ExifIFD.DateTimeDigitized: b"2020:01:01 00:00:00"}, **FIX)), name=name, **known),
        read(Blobs(exif(image, **FIX)), name=name, **known),
        read(Blobs(exif(image)), name=name, **known),
        read(Blobs(exif(image)), name="IMG_1234.jpg", **known),
        read(Blobs(), name="IMG_1234.jpg", **known),
        read(Blobs(), name="IMG_1234.jpg"),
    ]
    assert [(facts.taken_source, facts.taken_at) for facts in sources] == [
        ("EXIF:DateTimeDigitized", "2020-01-01T00:00:00"),
        ("GPS:GPSDateTime", "2019-07-14T08:10:25.500"),
        ("name", "2017-02-03T04:05:06"),
        ("EXIF:DateTime", "2018-01-02T03:04:05"),
        ("mtime", "2017-07-14T02:40:00"),
        (None, None),
    ]


def test_an_instant_becomes_local_by_the_offset_that_is_known() -> None:
    facts = read(Blobs(exif(photo={ExifIFD.OffsetTime: b"-03:30"}, **FIX)), timezone=SHANGHAI)
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T04:40:25.500", "-03:30")


def test_an_instant_becomes_local_by_the_zone_where_no_offset_is_known() -> None:
    facts = read(Blobs(exif(**FIX)), timezone=SHANGHAI)
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T16:10:25.500", "+08:00")
    berlin = read(Blobs(xmp=packet(attributes='exif:GPSTimeStamp="2019-07-14T22:30:00Z"')), timezone="Europe/Berlin")
    assert (berlin.taken_at, berlin.taken_offset) == ("2019-07-15T00:30:00", "+02:00"), "the folder is the local day's"


@pytest.mark.parametrize(
    ("local", "offset"),
    [
        (b"2019:07:14 10:10:25", "+02:00"),
        (b"2019:07:14 13:55:40", "+05:45"),
        (b"2019:07:14 04:40:00", "-03:30"),
        (b"2019:07:14 08:10:25", "+00:00"),
        (b"2019:07:14 22:10:25", "+14:00"),
        (b"2019:07:14 22:25:25", None),
        (b"2019:07:14 10:16:25", None),
        (b"2019:07:16 10:10:25", None),
    ],
)
def test_an_offset_is_measured_between_the_local_time_and_the_receivers(local: bytes, offset: str | None) -> None:
    facts = read(Blobs(exif(photo=original(local), **FIX)), timezone=SHANGHAI)
    assert facts.taken_source == "EXIF:DateTimeOriginal"
    assert facts.taken_offset == offset


def test_an_offset_that_is_stated_is_not_measured() -> None:
    tags = original(b"2019:07:14 10:10:25", OffsetTimeOriginal=b"+01:00")
    assert read(Blobs(exif(photo=tags, **FIX))).taken_offset == "+01:00"


def test_a_pixels_name_is_an_instant() -> None:
    name = "PXL_20240517_142301123.jpg"
    alone = read(Blobs(), name=name, timezone=SHANGHAI)
    assert (alone.taken_at, alone.taken_offset) == ("2024-05-17T22:23:01.123", "+08:00")
    beside = read(Blobs(exif(photo=original(b"2024:05:17 16:23:01"))), name=name)
    assert (beside.taken_at, beside.taken_offset) == ("2024-05-17T16:23:01", "+02:00")


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({"DateStamp": b"2019:02:30"}, ("date_invalid",)),
        ({"DateStamp": b"1999:99:99 99:99:99"}, ("date_invalid",)),
        ({"TimeStamp": ((25, 1), (0, 1), (0, 1))}, ("date_invalid",)),
        ({"TimeStamp": ((0, 0), (0, 0), (0, 0))}, ("date_invalid",)),
        ({"DateStamp": b"          "}, ()),
    ],
)
def test_a_receivers_time_that_cannot_be_is_passed_over(change: dict[str, Any], flags: tuple[str, ...]) -> None:
    facts = read(Blobs(exif(**FIX | change)))
    assert (facts.taken_at, facts.flags) == (None, flags)


def test_a_young_mtime_says_when_it_was_copied_and_not_when_it_was_taken() -> None:
    day = 86400.0
    assert read(Blobs(), mtime=NOW - day - 1, first_seen=NOW).taken_source == "mtime"
    assert read(Blobs(), mtime=NOW - day + 1, first_seen=NOW).taken_source is None
    assert read(Blobs(), mtime=NOW - day - 1, first_seen=NOW - 10).taken_source is None
    assert read(Blobs(), mtime=NOW - day + 1).taken_source is None, "without it, now is when it was first seen"


@pytest.mark.parametrize("unset", [0.0, 315532800.0, -1e30, -1e10])
def test_an_mtime_that_nobody_set_is_passed_over(unset: float) -> None:
    facts = read(Blobs(), mtime=unset, timezone="UTC")
    assert (facts.taken_at, facts.flags) == (None, ("date_invalid",))


def test_a_name_from_the_future_is_passed_over() -> None:
    facts = read(Blobs(), name="IMG_20990101_000000.jpg")
    assert (facts.taken_at, facts.flags) == (None, ("date_invalid",))


def test_the_present_is_that_of_the_place() -> None:
    tomorrow = b"2025:06:17 02:00:00"  # NOW is 2025-06-15T15:06:40Z
    assert read(Blobs(exif(photo=original(tomorrow))), timezone="Pacific/Kiritimati").taken_at is not None
    assert read(Blobs(exif(photo=original(tomorrow))), timezone="Pacific/Pago_Pago").taken_at is None


def test_all_dates_are_kept_with_the_reason_why_the_first_did_not_win() -> None:
    tags = original(b"0000:00:00 00:00:00") | {ExifIFD.DateTimeDigitized: b"2019:07:14 10:10:25"}
    facts = read(Blobs(exif({ImageIFD.DateTime: b"2020:01:01 00:00:00"}, tags)), name="20180203_040506.jpg")
    assert facts.everything["sources"]["taken_at"] == [
        {"source": "EXIF:DateTimeOriginal", "value": "0000:00:00 00:00:00", "passed_over": "it cannot be true"},
        {"source": "EXIF:DateTimeDigitized", "value": "2019:07:14 10:10:25"},
        {"source": "name", "value": "2018-02-03T04:05:06"},
        {"source": "EXIF:DateTime", "value": "2020:01:01 00:00:00"},
    ]


@given(st.floats(), st.text(max_size=60), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=150, deadline=None)
def test_no_mtime_and_no_name_makes_it_raise(mtime: float, name: str, seen: float) -> None:
    facts = read(Blobs(), mtime=mtime, name=name, first_seen=seen, timezone=SHANGHAI)
    assert facts.taken_source in (None, "name", "mtime")
