"""Facts from blobs: which source answers, in what order, and what is not believed."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import piexif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from piexif import GPSIFD, ExifIFD, ImageIFD

from watcher.model import Facts
from watcher.processing import iptc, metadata, xmp
from watcher.processing.metadata import Blobs

NOW = 1_750_000_000.0  # 2025-06-15


def read(blobs: Blobs) -> Facts:
    return metadata.read(blobs, clock=lambda: NOW)


def exif(image: dict[int, Any] | None = None, photo: dict[int, Any] | None = None, **gps: Any) -> bytes:
    place = {getattr(GPSIFD, f"GPS{name}"): value for name, value in gps.items()}
    return bytes(piexif.dump({"0th": image or {}, "Exif": photo or {}, "GPS": place}))


def packet(body: str = "", attributes: str = "") -> bytes:
    spaces = {"dc": "http://purl.org/dc/elements/1.1/", "xmp": "http://ns.adobe.com/xap/1.0/"}
    spaces |= {name: f"http://ns.adobe.com/{name}/1.0/" for name in ("exif", "tiff", "photoshop")}
    spaces |= {"aux": "http://ns.adobe.com/exif/1.0/aux/", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in spaces.items())
    description = f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description>'
    rdf = f"<rdf:RDF {declared}>{description}</rdf:RDF>"
    text = f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}'
    return (text + '</x:xmpmeta>\n<?xpacket end="w"?>').encode()


def records(*pairs: tuple[int, bytes], charset: bytes = b"") -> bytes:
    everything = [(1, 90, charset)] if charset else []
    everything += [(2, dataset, raw) for dataset, raw in pairs]
    return b"".join(struct.pack(">BBBH", 0x1C, rec, number, len(raw)) + raw for rec, number, raw in everything)


def test_nothing_says_nothing() -> None:
    assert read(Blobs()) == Facts()


def test_a_cameras_exif_becomes_facts() -> None:
    blob = exif(
        {ImageIFD.Make: b"Acme Co  \0", ImageIFD.Model: "Modèle 1".encode(), ImageIFD.Orientation: 6},
        {
            ExifIFD.DateTimeOriginal: b"2019:07:14 10:11:12",
            ExifIFD.SubSecTimeOriginal: b"5",
            ExifIFD.OffsetTimeOriginal: b"+05:45",
            ExifIFD.LensModel: b"35mm f/2",
            ExifIFD.ISOSpeedRatings: (400, 400),
            ExifIFD.FNumber: (28, 10),
            ExifIFD.ExposureTime: (1, 250),
            ExifIFD.FocalLength: (35, 1),
        },
        LatitudeRef=b"S",
        Latitude=((33, 1), (51, 1), (2540, 100)),
        LongitudeRef=b"W",
        Longitude=((70, 1), (40, 1), (0, 1)),
        AltitudeRef=1,
        Altitude=(25, 2),
    )
    facts = read(Blobs(exif=blob))
    assert replace(facts, everything={}, latitude=None, longitude=None) == Facts(
        orientation=6,
        taken_at="2019-07-14T10:11:12.500",
        taken_offset="+05:45",
        taken_precision="second",
        taken_source="EXIF:DateTimeOriginal",
        camera_make="Acme Co",
        camera_model="Modèle 1",
        lens="35mm f/2",
        iso=400,
        f_number=2.8,
        exposure_time=0.004,
        exposure="1/250",
        focal_length_mm=35.0,
        altitude_m=-12.5,
    )
    assert facts.latitude == pytest.approx(-33.857055, abs=1e-6)
    assert facts.longitude == pytest.approx(-70.666667, abs=1e-6)


def test_the_leading_exif_mark_makes_no_difference() -> None:
    blob = exif({ImageIFD.Make: b"Acme"})
    assert read(Blobs(exif=blob)) == read(Blobs(exif=blob.removeprefix(b"Exif\0\0")))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [((1, 250), "1/250"), ((10, 60), "1/6"), ((3, 10), "0.3"), ((5, 2), "2.5"), ((30, 1), "30"), ((0, 1), None)],
)
def test_an_exposure_is_shown_as_cameras_show_it(seconds: tuple[int, int], shown: str | None) -> None:
    assert read(Blobs(exif=exif(photo={ExifIFD.ExposureTime: seconds}))).exposure == shown


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_leaves_the_word_to_xmp(value: int) -> None:
    blob = exif({ImageIFD.Orientation: value})
    assert read(Blobs(exif=blob)).orientation is None
    assert read(Blobs(exif=blob, xmp=packet(attributes='tiff:Orientation="8"'))).orientation == 8


@pytest.mark.parametrize(("kind", "count", "raw"), [(2, 2, b"6\0\0\0"), (11, 1, struct.pack("<f", 6.0))])
def test_an_orientation_may_be_text_or_a_float(kind: int, count: int, raw: bytes) -> None:
    entry = struct.pack("<HHL", ImageIFD.Orientation, kind, count) + raw
    assert read(Blobs(exif=b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4))).orientation == 6


def test_text_without_a_final_nul_keeps_its_last_letter() -> None:
    entry = struct.pack("<HHL", ImageIFD.Make, 2, 3) + b"HTC\0"
    assert read(Blobs(exif=b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4))).camera_make == "HTC"


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


PARIS = {"LatitudeRef": b"N", "Latitude": ((48, 1), (0, 1), (0, 1)), "LongitudeRef": b"E"}
PARIS |= {"Longitude": ((2, 1), (0, 1), (0, 1))}


@pytest.mark.parametrize(
    "change",
    [
        {"Latitude": ((0, 0), (0, 0), (0, 0))},
        {"Latitude": ((91, 1), (0, 1), (0, 1))},
        {"Longitude": ((181, 1), (0, 1), (0, 1))},
        {"Latitude": ((0, 1), (0, 1), (0, 1)), "Longitude": ((0, 1), (0, 1), (0, 1))},
        {"LatitudeRef": b"?"},
    ],
)
def test_a_position_that_cannot_be_is_absent_and_flagged(change: dict[str, Any]) -> None:
    facts = read(Blobs(exif=exif(**PARIS | change)))
    assert (facts.latitude, facts.longitude, facts.flags) == (None, None, ("gps_invalid",))


def test_xmp_gives_the_position_that_exif_has_not() -> None:
    where = 'exif:GPSLatitude="33,51.5S" exif:GPSLongitude="70,30,36W" exif:GPSAltitude="25/2" exif:GPSAltitudeRef="1"'
    facts = read(Blobs(exif=exif(**PARIS | {"LatitudeRef": b"?"}), xmp=packet(attributes=where)))
    assert facts.latitude == pytest.approx(-33 - 51.5 / 60)
    assert facts.longitude == pytest.approx(-70.51)
    assert (facts.altitude_m, facts.flags) == (-12.5, ())


def test_exposure_and_lens_come_from_xmp_when_exif_is_silent() -> None:
    said = 'exif:FNumber="28/10" exif:ExposureTime="1/60" exif:FocalLength="50/1" aux:Lens="EF 50mm" tiff:Make="Canon"'
    iso = "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>200</rdf:li></rdf:Seq></exif:ISOSpeedRatings>"
    facts = read(Blobs(xmp=packet(iso, said)))
    assert (facts.f_number, facts.exposure, facts.focal_length_mm, facts.iso) == (2.8, "1/60", 50.0, 200)
    assert (facts.lens, facts.camera_make) == ("EF 50mm", "Canon")


TITLE = '<dc:title><rdf:Alt><rdf:li xml:lang="de">Sonne</rdf:li><rdf:li xml:lang="x-default">Sun 日</rdf:li></rdf:Alt>'
TITLE += "</dc:title>"


def test_titles_are_taken_in_their_order() -> None:
    blobs = Blobs(
        exif=exif({ImageIFD.XPTitle: tuple("Tïtle\0".encode("utf-16-le"))}),
        xmp=packet(TITLE),
        iptc=records((5, b"Object")),
        text={"Title": "PNG"},
    )
    assert read(blobs).title == "Sun 日"
    assert read(replace(blobs, xmp=None)).title == "Object"
    assert read(replace(blobs, xmp=None, iptc=None)).title == "Tïtle"
    assert read(Blobs(text=blobs.text)).title == "PNG"


@pytest.mark.parametrize(
    "filler",
    [
        "OLYMPUS DIGITAL CAMERA         ",
        "SONY DSC",
        "DCIM\\100GOPRO\\GOPR0482.JPG",
        "default",
        "KODAK Digital Still Camera",
        " DIGITAL CAMERA ",
        "SAMSUNG            ",
        "Exif_JPEG_PICTURE",
    ],
)
def test_what_cameras_write_by_themselves_is_no_description(filler: str) -> None:
    blobs = Blobs(exif=exif({ImageIFD.ImageDescription: filler.encode()}), text={"Description": "Our garden"})
    facts = read(blobs)
    assert facts.description == "Our garden"
    assert facts.everything["EXIF"]["ImageDescription"] == filler.strip()


def test_a_description_about_a_camera_is_a_description() -> None:
    blob = exif({ImageIFD.ImageDescription: b"My new Olympus digital camera"})
    assert read(Blobs(exif=blob)).description == "My new Olympus digital camera"


def test_keywords_are_united_in_order_without_repeats() -> None:
    subject = "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>a,b;c</rdf:li></rdf:Bag></dc:subject>"
    words = tuple("sun; sea;ships".encode("utf-16-le"))
    blobs = Blobs(exif({ImageIFD.XPKeywords: words}), packet(subject), records((25, b"sea"), (25, b"boat")))
    assert read(blobs).keywords == ("sea", "a,b;c", "boat", "sun", "ships")


@pytest.mark.parametrize(("written", "rating"), [("5", 5), ("-1", -1), ("3.0", 3), ("9", None), ("2.5", None)])
def test_a_rating_is_a_whole_number_of_stars(written: str, rating: int | None) -> None:
    assert read(Blobs(xmp=packet(attributes=f'xmp:Rating="{written}"'))).rating == rating


def test_exif_rates_when_xmp_does_not() -> None:
    assert read(Blobs(exif=exif({ImageIFD.Rating: 4}))).rating == 4


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("café".encode("cp1252"), b"", "café"),
        ("café".encode(), b"", "café"),
        ("café".encode(), b"\x1b%G", "café"),
        (b"\xff\xfe", b"\x1b%G", "\ufffd\ufffd"),
    ],
)
def test_iptc_is_read_in_its_character_set(raw: bytes, charset: bytes, text: str) -> None:
    assert iptc.read(records((120, raw), charset=charset)) == {"Caption-Abstract": [text]}


def test_iptc_gives_what_lies_before_a_cut() -> None:
    whole = records((5, b"Title"), (25, b"word"))
    assert iptc.read(whole[:-1]) == {"ObjectName": ["Title"]}
    extended = struct.pack(">BBBHL", 0x1C, 2, 120, 0x8004, 5) + b"Hello"
    assert iptc.read(extended) == {"Caption-Abstract": ["Hello"]}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_xmp_may_come_in_any_unicode_encoding(codec: str) -> None:
    assert read(Blobs(xmp=packet(TITLE).decode().encode(codec) + b"\0 \n" * 2)).title == "Sun 日"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(BOMB.encode(), id="entities"),
        pytest.param(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', id="a file"),
        pytest.param(b"<a>" * 100_000 + b"</a>" * 100_000, id="depth"),
        pytest.param(b"<a>" + b"<b/>" * 200_000 + b"</a>", id="number"),
        pytest.param(b"<a>" + b" " * (17 << 20) + b"</a>", id="size"),
        pytest.param(packet(TITLE)[:-60], id="cut off"),
        pytest.param(b"\0" * 100, id="nothing"),
    ],
)
def test_hostile_xmp_is_refused_and_costs_nothing_else(hostile: bytes) -> None:
    facts = read(Blobs(exif=exif({ImageIFD.Make: b"Acme"}), xmp=hostile))
    assert (facts.camera_make, facts.flags) == ("Acme", ("xmp_unreadable",))


def test_rdf_may_say_the_same_thing_in_many_ways() -> None:
    ways = [
        packet('<exif:Flash rdf:parseType="Resource"><exif:Fired>True</exif:Fired></exif:Flash>'),
        packet("<exif:Flash><rdf:Description><exif:Fired>True</exif:Fired></rdf:Description></exif:Flash>"),
        packet('<exif:Flash exif:Fired="True"/>'),
    ]
    assert [xmp.read(way) for way in ways] == [{"exif:Flash": {"exif:Fired": "True"}}] * 3


def test_everything_is_kept_by_name_and_is_json() -> None:
    odd = exif(
        {ImageIFD.Make: b"Acme", ImageIFD.XResolution: (72, 0)},
        {ExifIFD.MakerNote: b"secret", ExifIFD.ExifVersion: b"0232", ExifIFD.FNumber: (28, 10)},
        LatitudeRef=b"N",
    )
    picture = "A" * 5000
    blobs = Blobs(odd, packet(TITLE, f'xmp:Thumb="{picture}"'), records((25, b"a"), (25, b"b")), {"Author": "Ö\0"})
    everything = read(blobs).everything
    assert everything["EXIF"] == {"Make": "Acme", "XResolution": None, "ExifVersion": "0232", "FNumber": 2.8}
    assert everything["GPS"] == {"GPSLatitudeRef": "N"}
    assert everything["XMP"] == {"dc:title": {"de": "Sonne", "x-default": "Sun 日"}, "xmp:Thumb": "(5000 bytes)"}
    assert everything["IPTC"] == {"Keywords": ["a", "b"]}
    assert everything["PNG"] == {"Author": "Ö"}
    assert json.loads(json.dumps(everything, allow_nan=False)) == everything


def test_tags_without_a_name_are_kept_by_number() -> None:
    entry = struct.pack("<HHL", 0xA436, 2, 4) + b"abc\0"
    blob = b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    assert read(Blobs(exif=blob)).everything == {"EXIF": {"0xa436": "abc"}}


def test_exif_never_names_a_file_to_be_opened(tmp_path: Any) -> None:
    picture = tmp_path / "x.tif"
    picture.write_bytes(exif({ImageIFD.Make: b"Acme"}).removeprefix(b"Exif\0\0"))
    facts = read(Blobs(exif=str(picture).encode()))
    assert (facts.camera_make, facts.flags) == (None, ("exif_damaged",))


FULL = exif(
    {ImageIFD.Make: b"Acme", ImageIFD.Orientation: 6, ImageIFD.XPKeywords: tuple(b"a\0;\0b\0")},
    {ExifIFD.DateTimeOriginal: b"2019:07:14 10:11:12", ExifIFD.UserComment: b"UNICODE\0h\0i\0"},
    **PARIS,
)
CHANGES = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=10)


def changed(whole: bytes, changes: list[tuple[int, int]]) -> bytes:
    mutated = bytearray(whole)
    for position, byte in changes:
        mutated[position % len(whole)] = byte
    return bytes(mutated)


@given(CHANGES, CHANGES, CHANGES, st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_mutated_blobs_never_raise_and_stay_json(
    one: list[tuple[int, int]], two: list[tuple[int, int]], three: list[tuple[int, int]], text: str
) -> None:
    where = 'exif:GPSLatitude="33,51.5S" exif:GPSLongitude="70,30,36W" xmp:Rating="3" exif:FNumber="28/10"'
    news = records((5, b"Title"), (55, b"20190714"), (60, b"101112+0200"), charset=b"\x1b%G")
    blobs = Blobs(changed(FULL, one), changed(packet(TITLE, where), two), changed(news, three), {text: text})
    json.dumps(read(blobs).everything, allow_nan=False).encode()


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_random_bytes_never_raise(one: bytes, two: bytes, three: bytes) -> None:
    read(Blobs(b"II*\0\x08\0\0\0" + one, two, b"\x1c\x02" + three))
    read(Blobs(one, b"<a>" + two + b"</a>", three))
