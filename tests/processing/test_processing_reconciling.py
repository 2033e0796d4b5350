"""Which of several texts counts, and that the others are kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metadata_blobs import TITLE, exif, packet, read, records
from piexif import ImageIFD

from watcher.model import Facts
from watcher.processing.metadata import Blobs


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


@pytest.mark.parametrize(("written", "rating"), [("5", 5), ("-1", -1), ("3.0", 3), ("9", None), ("2.5", None)])
def test_a_rating_is_a_whole_number_of_stars(written: str, rating: int | None) -> None:
    assert read(Blobs(xmp=packet(attributes=f'xmp:Rating="{written}"'))).rating == rating


def test_exif_rates_when_xmp_does_not() -> None:
    assert read(Blobs(exif=exif({ImageIFD.Rating: 4}))).rating == 4


def bag(*words: str) -> str:
    return "<rdf:Bag>" + "".join(f"<rdf:li>{word}</rdf:li>" for word in words) + "</rdf:Bag>"


def keywords(*words: str) -> str:
    return f"<dc:subject>{bag(*words)}</dc:subject>"


def said(facts: Facts, field: str) -> list[tuple[str, Any]]:
    return [(one["source"], one["value"]) for one in facts.everything["sources"][field]]


def digest(raw: bytes) -> bytes:
    return hashlib.md5(raw, usedforsecurity=False).digest()


CAPTION = '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">By XMP</rdf:li></rdf:Alt></dc:description>'


def test_exif_speaks_before_xmp_and_xmp_before_iptc() -> None:
    blobs = Blobs(exif({ImageIFD.ImageDescription: b"By EXIF"}), packet(CAPTION), records((120, b"By IPTC")))
    facts = read(blobs)
    assert facts.description == "By EXIF"
    everyone = [
        ("EXIF:ImageDescription", "By EXIF"),
        ("XMP-dc:description", "By XMP"),
        ("IPTC:Caption-Abstract", "By IPTC"),
    ]
    assert said(facts, "description") == everyone
    assert read(replace(blobs, exif=None)).description == "By XMP"
    assert read(replace(blobs, exif=None, xmp=None)).description == "By IPTC"
    assert read(replace(blobs, exif=exif({ImageIFD.ImageDescription: b"   "}))).description == "By XMP"


@pytest.mark.parametrize("stale", [True, False])
def test_iptc_speaks_before_xmp_when_it_was_changed_since(stale: bool) -> None:
    news = records((120, b"By IPTC"), (25, b"iptc"), (90, b"Ghent"))
    xmp = packet(CAPTION + keywords("xmp"), 'photoshop:City="Bruges"')
    facts = read(Blobs(xmp=xmp, iptc=news, iptc_digest=digest(b"older" if stale else news)))
    assert (facts.description, facts.keywords, facts.city) == (
        ("By IPTC", ("iptc",), "Ghent") if stale else ("By XMP", ("xmp",), "Bruges")
    )


def test_a_field_that_only_xmp_knows_is_not_lost_to_newer_iptc() -> None:
    facts = read(Blobs(xmp=packet(CAPTION), iptc=records((25, b"iptc")), iptc_digest=bytes(16)))
    assert (facts.description, facts.keywords) == ("By XMP", ("iptc",))


def test_what_iptc_cut_off_is_whole_in_xmp() -> None:
    name = "Ünterföhringen upon the long river"
    xmp = packet(attributes=f'photoshop:City="{name}"')
    cut = records((90, name.encode()[:32]), charset=b"\x1b%G")
    assert read(Blobs(xmp=xmp, iptc=cut, iptc_digest=bytes(16))).city == name
    other = records((90, b"Ghent"))
    assert read(Blobs(xmp=xmp, iptc=other, iptc_digest=bytes(16))).city == "Ghent"


def test_keywords_of_one_source_count_and_the_losers_are_kept() -> None:
    words = tuple("sun; sea;ships".encode("utf-16-le"))
    blobs = Blobs(exif({ImageIFD.XPKeywords: words}), packet(keywords("sea", "a,b;c", "sea")), records((25, b"boat")))
    facts = read(blobs)
    assert facts.keywords == ("sea", "a,b;c")
    assert said(facts, "keywords")[1:] == [("IPTC:Keywords", "boat"), ("EXIF:XPKeywords", ["sun", "sea", "ships"])]
    assert read(replace(blobs, xmp=None)).keywords == ("boat",)
    assert read(replace(blobs, xmp=None, iptc=None)).keywords == ("sun", "sea", "ships")


def test_each_level_of_a_hierarchy_is_a_keyword() -> None:
    tree = f"<lr:hierarchicalSubject>{bag('Places|Chile|Santiago')}</lr:hierarchicalSubject>"
    tags = f"<digiKam:TagsList>{bag('People/Ana', 'Places/Chile')}</digiKam:TagsList>"
    facts = read(Blobs(xmp=packet(keywords("Santiago") + tree + tags)))
    assert facts.keywords == ("Santiago", "Places", "Chile", "People", "Ana")


@pytest.mark.parametrize(
    ("artist", "people"),
    [
        ("Ana", ("Ana",)),
        ("Ana; Bo", ("Ana", "Bo")),
        ('"Smith; Sons"; Bo', ("Smith; Sons", "Bo")),
        ('"the ""Ace"""; Bo', ('the "Ace"', "Bo")),
        ('"never closed; Bo', ('"never closed; Bo',)),
        ("Smith;Sons", ("Smith;Sons",)),
        ("; ;", (";",)),
    ],
)
def test_one_text_of_exif_may_name_several_creators(artist: str, people: tuple[str, ...]) -> None:
    assert read(Blobs(exif({ImageIFD.Artist: artist.encode()}))).creator == people


def test_creators_are_taken_in_their_order() -> None:
    xmp = packet("<dc:creator><rdf:Seq><rdf:li>Xi</rdf:li><rdf:li>Yu</rdf:li></rdf:Seq></dc:creator>")
    author = {ImageIFD.XPAuthor: tuple("Win;Dow".encode("utf-16-le"))}
    blobs = Blobs(exif(author), xmp, records((80, b"Ip"), (80, b"Tc")), {"Author": "Png"})
    assert read(blobs).creator == ("Xi", "Yu")
    assert read(replace(blobs, xmp=None)).creator == ("Ip", "Tc")
    assert read(replace(blobs, xmp=None, iptc=None)).creator == ("Win", "Dow")
    assert read(Blobs(text={"Author": "Png"})).creator == ("Png",)


@pytest.mark.parametrize(
    ("raw", "notice"), [(b"Ana", "Ana"), (b"Ana\0Ed", "Ana\nEd"), (b" \0Ed\0", "Ed"), (b" \0", None)]
)
def test_a_copyright_is_the_photographers_and_the_editors(raw: bytes, notice: str | None) -> None:
    assert read(Blobs(exif({ImageIFD.Copyright: raw}))).copyright == notice


def test_the_place_that_is_shown_goes_before_the_older_properties() -> None:
    shown = (
        "<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li><rdf:Description Iptc4xmpExt:City='Bruges'"
        " Iptc4xmpExt:CountryName='Belgium'/></rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>"
    )
    older = 'photoshop:City="Ghent" photoshop:State="Flanders" Iptc4xmpCore:Location="Market"'
    facts = read(Blobs(xmp=packet(shown, older)))
    assert (facts.city, facts.state, facts.country, facts.location) == ("Bruges", "Flanders", "Belgium", "Market")
    assert said(facts, "city")[1] == ("XMP-photoshop:City", "Ghent")


def test_a_filler_is_kept_with_the_reason_why_it_is_no_description() -> None:
    facts = read(Blobs(exif({ImageIFD.ImageDescription: b"SONY DSC"})))
    assert facts.description is None
    assert facts.everything["sources"]["description"] == [
        {"source": "EXIF:ImageDescription", "value": "SONY DSC", "passed_over": "the camera wrote it, not a person"}
    ]


def test_a_long_text_is_kept_whole() -> None:
    text = "long " * 20_000
    facts = read(Blobs(exif(), packet(CAPTION.replace("By XMP", text)), text={"Title": text}))
    assert (facts.description, facts.title) == (text.strip(), text.strip())
    assert facts.everything["XMP"]["dc:description"]["x-default"] == text.strip()


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_no_artist_makes_it_raise(artist: str) -> None:
    assert all(read(Blobs(exif({ImageIFD.Artist: artist.encode()}))).creator)
