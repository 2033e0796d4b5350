"""Facts from blobs: the camera's settings, places, characters, hostile input."""

from __future__ import annotations

import itertools
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metadata_blobs import PARIS, TITLE, exif, packet, read, records
from piexif import ExifIFD, ImageIFD

from watcher.model import Facts
from watcher.processing import iptc, xmp
from watcher.processing.metadata import Blobs


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


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("café".encode("cp1252"), b"", "café"),
        ("café".encode(), b"", "café"),
        ("café".encode(), b"\x1b%G", "café"),
        (b"\xff\xfe", b"\x1b%G", "\ufffd\ufffd"),
        ("café".encode("cp1252"), b"\x1b.A", "café"),
        ("Łódź".encode("iso8859-2"), b"\x1b-B", "Łódź"),
        ("Москва".encode("iso8859-5"), b"\x1b-L", "Москва"),
        ("Москва".encode(), b"\x1bno such set", "Москва"),
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
    assert (facts.camera_make, facts.flags) == (None, ("exif_repaired",))


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


GUID = b"0123456789ABCDEF" * 2
NOTE = f'xmpNote:HasExtendedXMP="{GUID.decode()}"'


def extension(packet: bytes, *cuts: int, guid: bytes = GUID) -> list[bytes]:
    """A packet in parts, as a JPEG's segments hold them."""
    edges = [0, *cuts, len(packet)]
    head = xmp.EXTENSION + guid + struct.pack(">L", len(packet))
    return [head + struct.pack(">L", a) + packet[a:b] for a, b in itertools.pairwise(edges)]


def test_extended_xmp_is_joined_in_its_order() -> None:
    parts = extension(packet(TITLE, 'xmp:Rating="1"'), 100, 200)
    facts = read(Blobs(xmp=packet(attributes=f'xmp:Rating="5" {NOTE}'), xmp_extended=(parts[2], parts[0], parts[1])))
    assert (facts.title, facts.rating, facts.flags) == ("Sun 日", 5, ())


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param(extension(packet(TITLE), 100)[1:], id="the first part is lost"),
        pytest.param(extension(packet(TITLE), 100)[:1], id="the last part is lost"),
        pytest.param(extension(packet(TITLE), guid=b"F" * 32), id="another packet's"),
        pytest.param([xmp.EXTENSION + GUID], id="cut off"),
        pytest.param([b""], id="nothing"),
    ],
)
def test_extended_xmp_that_is_not_whole_costs_only_itself(segments: list[bytes]) -> None:
    facts = read(Blobs(xmp=packet(attributes=f'xmp:Rating="5" {NOTE}'), xmp_extended=tuple(segments)))
    assert (facts.title, facts.rating, facts.flags) == (None, 5, ("xmp_unreadable",))


def test_segments_that_nobody_asked_for_are_ignored() -> None:
    facts = read(Blobs(xmp=packet(attributes='xmp:Rating="5"'), xmp_extended=tuple(extension(packet(TITLE)))))
    assert (facts.title, facts.flags) == (None, ())


@given(st.lists(st.binary(max_size=60), max_size=4))
@settings(max_examples=150, deadline=None)
def test_random_segments_never_raise(segments: list[bytes]) -> None:
    named = tuple(xmp.EXTENSION + GUID + segment for segment in segments)
    assert read(Blobs(xmp=packet(attributes=f'xmp:Rating="5" {NOTE}'), xmp_extended=named)).rating == 5


def test_what_has_no_field_of_its_own_is_found_in_one_place() -> None:
    photo = {ExifIFD.Flash: 25, ExifIFD.BodySerialNumber: b"0042", ExifIFD.FocalLengthIn35mmFilm: 50}
    when = {"DateStamp": b"2019:07:14", "TimeStamp": ((8, 1), (10, 1), (25, 1))}
    facts = read(Blobs(exif({ImageIFD.Software: b"Ver.1.0"}, photo, **when)))
    assert facts.everything["camera"] == {
        "flash": 25,
        "flash_fired": True,
        "body_serial": "0042",
        "software": "Ver.1.0",
        "focal_length_35mm": 50.0,
        "gps_at": "2019:07:14 08:10:25",
    }
