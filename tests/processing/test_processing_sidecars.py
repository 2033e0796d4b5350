"""What sidecars, and a movie's own words, make of the facts: which source counts, and what is united."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metadata_blobs import PARIS, exif, packet, read
from piexif import ExifIFD, ImageIFD
from PIL import Image

from watcher.model import Facts
from watcher.processing import embedded, takeout, xmp
from watcher.processing.metadata import Blobs, Sidecars
from watcher.processing.takeout import Takeout

TAKEN = 1_563_091_872.0  # 2019-07-14T08:11:12Z
LOCAL = {ExifIFD.DateTimeOriginal: b"2019:07:14 10:11:12"}
SHANGHAI = "Asia/Shanghai"


def bag(name: str, *texts: str) -> str:
    entries = "".join(f"<rdf:li>{text}</rdf:li>" for text in texts)
    return f"<{name}><rdf:Bag>{entries}</rdf:Bag></{name}>"


def beside(body: str = "", attributes: str = "", **google: Any) -> Sidecars:
    """One sidecar of each kind that says something."""
    packets = (packet(body, attributes),) if body or attributes else ()
    return Sidecars(packets, (Takeout("picture", **google),) if google else ())


def sources(facts: Facts, name: str) -> list[str]:
    return [said["source"] for said in facts.everything["sources"][name]]


# -- texts -----------------------------------------------------------------------------------------------------------


def test_a_text_is_the_xmp_sidecars_then_the_files_then_googles() -> None:
    blobs = Blobs(exif=exif({ImageIFD.ImageDescription: b"embedded"}))
    sidecars = beside(bag("dc:description", "sidecar"), description="google")
    facts = read(blobs, sidecars=sidecars)
    assert facts.description == "sidecar"
    assert sources(facts, "description") == [
        "XMP-sidecar:dc:description",
        "EXIF:ImageDescription",
        "Takeout:description",
    ]
    assert read(blobs, sidecars=beside(description="google")).description == "embedded"
    assert read(Blobs(), sidecars=beside(description="google")).description == "google"


def test_what_a_camera_writes_by_itself_is_not_before_googles_description() -> None:
    blobs = Blobs(exif=exif({ImageIFD.ImageDescription: b"OLYMPUS DIGITAL CAMERA"}))
    assert read(blobs, sidecars=beside(description="Our garden")).description == "Our garden"


def test_a_sidecar_goes_before_the_embedded_packet_field_by_field() -> None:
    within = Blobs(xmp=packet(bag("dc:title", "within") + bag("dc:creator", "Ada"), 'xmp:Rating="2" tiff:Make="Acme"'))
    facts = read(within, sidecars=beside(bag("dc:title", "beside"), 'xmp:Rating="5" photoshop:City="Ulm"'))
    assert (facts.title, facts.rating, facts.city) == ("beside", 5, "Ulm")
    assert (facts.creator, facts.camera_make) == (("Ada",), "Acme")


def test_a_name_that_google_calls_a_title_is_none() -> None:
    assert read(Blobs(), sidecars=beside(title="IMG_1.jpg")).title is None


def test_keywords_are_united() -> None:
    within = Blobs(xmp=packet(bag("dc:subject", "sea", "sun") + bag("lr:hierarchicalSubject", "Places|Chile")))
    facts = read(within, sidecars=beside(bag("dc:subject", "dog", "sea") + bag("digiKam:TagsList", "Animals/Dogs")))
    assert facts.keywords == ("dog", "sea", "sun", "Animals", "Dogs", "Places", "Chile")


FACES = """<r:Regions xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/" rdf:parseType="Resource">
<r:RegionList><rdf:Bag>
  <rdf:li><rdf:Description r:Name="Grace" r:Type="Face"/></rdf:li>
  <rdf:li rdf:parseType="Resource"><r:Name>Linus</r:Name><r:Type>Face</r:Type></rdf:li>
  <rdf:li><rdf:Description r:Name="Tower" r:Type="Focus"/></rdf:li>
  <rdf:li><rdf:Description r:Type="Face"/></rdf:li>
</rdf:Bag></r:RegionList></r:Regions>"""


def test_people_are_those_of_every_source() -> None:
    within = Blobs(xmp=packet(bag("Iptc4xmpExt:PersonInImage", "Ada")))
    facts = read(within, sidecars=beside(FACES, people=("Ada", "Alan"), favourite=True))
    assert facts.people == ("Grace", "Linus", "Ada", "Alan")
    assert facts.favourite is True


@pytest.mark.parametrize(
    "regions", ["<r:Regions>x</r:Regions>", "<r:Regions><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></r:Regions>"]
)
def test_regions_that_are_none_name_nobody(regions: str) -> None:
    spaced = regions.replace(
        "<r:Regions>", '<r:Regions xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/">'
    )
    assert read(Blobs(), sidecars=beside(spaced)).people == ()


def test_what_google_put_away_is_flagged() -> None:
    assert read(Blobs(), sidecars=beside(trashed=True)).flags == ("takeout_trashed",)
    assert read(Blobs(), sidecars=beside(archived=True)).flags == ("takeout_archived",)


def test_of_two_sidecars_the_first_counts_and_the_other_fills_in() -> None:
    packets = (packet(attributes='xmp:Rating="1"'), packet(bag("dc:title", "second"), 'xmp:Rating="2"'))
    googles = (Takeout("picture", description="one"), Takeout("picture", description="two", taken=TAKEN))
    facts = read(Blobs(), sidecars=Sidecars(packets, googles), timezone="UTC")
    assert (facts.rating, facts.title, facts.description) == (1, "second", "one")
    assert facts.taken_at == "2019-07-14T08:11:12"


@pytest.mark.parametrize("broken", [b"", b"<x:xmpmeta", b"\0" * 50, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_a_sidecar_that_cannot_be_read_is_flagged_and_costs_nothing_else(broken: bytes) -> None:
    facts = read(Blobs(exif=exif(photo=LOCAL)), sidecars=Sidecars((broken, packet(attributes='xmp:Rating="4"'))))
    assert (facts.taken_at, facts.rating, facts.flags) == ("2019-07-14T10:11:12", 4, ("sidecar_unreadable",))


def test_the_orientation_is_the_files_own() -> None:
    turned = beside(attributes='tiff:Orientation="3"')
    assert read(Blobs(exif=exif({ImageIFD.Orientation: 6})), sidecars=turned).orientation == 6
    assert read(Blobs(), sidecars=turned).orientation is None


def test_a_sidecar_corrects_what_the_camera_said() -> None:
    blobs = Blobs(exif=exif({ImageIFD.Make: b"Acme"}, {ExifIFD.FNumber: (28, 10), ExifIFD.ISOSpeedRatings: 400}))
    attributes = 'aux:Lens="Old glass" exif:FNumber="14/10" exif:ISOSpeedRatings="100" exif:ExposureTime="1/60"'
    facts = read(blobs, sidecars=beside(attributes=attributes))
    assert (facts.camera_make, facts.lens, facts.f_number, facts.iso) == ("Acme", "Old glass", 1.4, 100)
    assert facts.exposure == "1/60"


# -- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"])
def test_an_xmp_sidecars_date_goes_before_the_cameras(tag: str) -> None:
    facts = read(Blobs(exif=exif(photo=LOCAL)), sidecars=beside(attributes=f'{tag}="2001-02-03T04:05:06+09:00"'))
    assert (facts.taken_at, facts.taken_offset) == ("2001-02-03T04:05:06", "+09:00")
    assert facts.taken_source == f"XMP-sidecar:{tag}"


def test_an_impossible_date_in_a_sidecar_is_passed_over() -> None:
    facts = read(
        Blobs(exif=exif(photo=LOCAL)), sidecars=beside(attributes='exif:DateTimeOriginal="0000-00-00T00:00:00"')
    )
    assert (facts.taken_source, facts.flags) == ("EXIF:DateTimeOriginal", ("date_invalid",))


FIX = {"DateStamp": b"2018:01:01", "TimeStamp": ((8, 1), (10, 1), (25, 1))}


def test_googles_date_stands_between_the_embedded_ones_and_the_receivers() -> None:
    google = beside(taken=TAKEN)
    within = Blobs(exif(photo={ExifIFD.DateTimeDigitized: b"2017:01:01 00:00:00"}))
    assert read(within, sidecars=google).taken_source == "EXIF:DateTimeDigitized"
    facts = read(Blobs(exif(**FIX)), sidecars=google, timezone="UTC")
    assert (facts.taken_source, facts.taken_at) == ("Takeout:photoTakenTime", "2019-07-14T08:11:12")
    assert sources(facts, "taken_at") == ["Takeout:photoTakenTime", "GPS:GPSDateTime"]


def test_googles_instant_becomes_local_by_the_offset_that_is_known_else_by_the_zone() -> None:
    google = beside(taken=TAKEN)
    known = read(Blobs(exif(photo={ExifIFD.OffsetTime: b"-03:30"})), sidecars=google, timezone=SHANGHAI)
    assert (known.taken_at, known.taken_offset) == ("2019-07-14T04:41:12", "-03:30")
    zoned = read(Blobs(), sidecars=google, timezone=SHANGHAI)
    assert (zoned.taken_at, zoned.taken_offset) == ("2019-07-14T16:11:12", "+08:00")


@pytest.mark.parametrize(
    ("apart", "offset"), [(0, "+02:00"), (-13500, "+05:45"), (30, "+02:00"), (400, None), (90_000, None)]
)
def test_an_offset_is_measured_against_googles_instant(apart: int, offset: str | None) -> None:
    facts = read(Blobs(exif(photo=LOCAL)), sidecars=beside(taken=TAKEN + apart), timezone=SHANGHAI)
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T10:11:12", offset)


@pytest.mark.parametrize("seconds", [0.0, TAKEN * 1000, 4e9, -1e18, 1e300])
def test_a_time_that_cannot_be_is_passed_over_and_flagged(seconds: float) -> None:
    facts = read(Blobs(), sidecars=beside(taken=seconds), name="IMG_20170203_040506.jpg")
    assert (facts.taken_source, facts.flags) == ("name", ("date_invalid",))


def test_a_time_before_1970_is_one() -> None:
    assert read(Blobs(), sidecars=beside(taken=-86400.0), timezone="UTC").taken_at == "1969-12-31T00:00:00"


# -- places ----------------------------------------------------------------------------------------------------------

ULM = 'exif:GPSLatitude="48,24N" exif:GPSLongitude="9,59E"'


def test_a_place_is_the_xmp_sidecars_then_the_files_then_googles() -> None:
    blobs, google = Blobs(exif(**PARIS)), {"latitude": -33.5, "longitude": -70.5, "altitude_m": 600.0}
    both = read(blobs, sidecars=beside(attributes=ULM, **google))
    assert (both.latitude, both.longitude) == pytest.approx((48.4, 9.98333), abs=1e-5)
    assert read(blobs, sidecars=beside(**google)).latitude == 48.0
    alone = read(Blobs(), sidecars=beside(**google))
    assert (alone.latitude, alone.longitude, alone.altitude_m, alone.flags) == (-33.5, -70.5, 600.0, ())


@pytest.mark.parametrize("place", [(1e308, -999.0), (91.0, 0.0), (10.0, 180.5)])
def test_a_place_that_is_not_on_earth_is_flagged(place: tuple[float, float]) -> None:
    facts = read(Blobs(), sidecars=beside(latitude=place[0], longitude=place[1]))
    assert (facts.latitude, facts.longitude, facts.flags) == (None, None, ("gps_invalid",))
    assert read(Blobs(exif(**PARIS)), sidecars=beside(latitude=91.0, longitude=1.0)).flags == ()


# -- movies ----------------------------------------------------------------------------------------------------------


def filmed(**stated: str) -> Blobs:
    return Blobs(movie=stated)


def test_a_movies_local_date_goes_before_its_header() -> None:
    facts = read(filmed(creationdate="2019-07-14T10:11:12+0200", creation_time="2019-07-14T09:00:00Z"))
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T10:11:12", "+02:00")
    assert sources(facts, "taken_at") == ["QuickTime:CreationDate", "QuickTime:CreateDate"]


def test_a_movies_header_tells_an_instant() -> None:
    facts = read(filmed(creation_time="2019-07-14T08:11:12Z"), timezone=SHANGHAI)
    assert (facts.taken_at, facts.taken_offset) == ("2019-07-14T16:11:12", "+08:00")
    assert facts.taken_source == "QuickTime:CreateDate"
    assert (
        read(filmed(creation_time="2019-07-14T08:11:12Z"), sidecars=beside(taken=5.0)).taken_source
        == "QuickTime:CreateDate"
    )


def test_a_clock_that_nobody_set_says_nothing() -> None:
    facts = read(filmed(creation_time="1904-01-01T00:00:00Z"))
    assert (facts.taken_at, facts.flags) == (None, ())


def test_a_movie_has_a_camera_a_title_and_sidecars() -> None:
    movie = filmed(make="Acme", model="Phone 3", title="Waves", creationdate="2019-07-14T10:11:12+0200")
    facts = read(movie, sidecars=beside(attributes='xmp:Rating="4" exif:DateTimeOriginal="2001-02-03T04:05:06"'))
    assert (facts.camera_make, facts.camera_model, facts.title) == ("Acme", "Phone 3", "Waves")
    assert (facts.rating, facts.taken_at) == (4, "2001-02-03T04:05:06")
    assert facts.everything["QuickTime"]["model"] == "Phone 3"


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("+48.8583+002.2945+035.000/", (48.8583, 2.2945, 35.0)),
        ("-33.5000-070.5000/", (-33.5, -70.5, None)),
        ("+4851.498+00217.670/", (48.8583, 2.2945, None)),
        ("+485129.88+0021740.2-012.5CRSWGS_84/", (48.8583, 2.2945, -12.5)),
        ("+00.0000+000.0000/", (None, None, None)),
        ("+95.0+002.0/", (None, None, None)),
        ("somewhere", (None, None, None)),
        ("+" + "9" * 5000 + "+2/", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_a_movies_place_is_as_iso_6709_writes_it(location: str, place: tuple[float | None, ...]) -> None:
    facts = read(filmed(location=location))
    assert (facts.latitude, facts.longitude, facts.altitude_m) == pytest.approx(place, abs=1e-4)


@given(st.dictionaries(st.sampled_from(["creation_time", "creationdate", "make", "title", "location"]), st.text()))
@settings(max_examples=100, deadline=None)
def test_nothing_that_a_movie_states_makes_it_raise(stated: dict[str, str]) -> None:
    assert read(Blobs(movie=stated), sidecars=beside(taken=TAKEN)).taken_at is not None


# -- the collection --------------------------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("sidecar", "taken", "latitude", "flags"),
    [
        ("IMG_0001.jpg.json", "2019-07-14T10:11:12", 48.8583, ()),
        ("IMG_0003.jpg.supplemental-metadata(1).json", "2019-07-14T10:11:13", 48.8583, ()),
        ("IMG_0005.jpg.json", "1969-12-31T00:00:00", None, ()),
        ("IMG_0006.jpg.json", None, 48.8583, ("date_invalid",)),
        ("IMG_0007.jpg.json", None, 48.8583, ()),
        ("IMG_0008.jpg.json", "2019-07-14T10:11:12", None, ("gps_invalid",)),
        ("IMG_0009.jpg.json", "2019-07-14T10:11:12", 48.8583, ("takeout_trashed", "takeout_archived")),
        ("IMG_0011.jpg.json", "2019-07-14T10:11:12", 48.8583, ()),
        ("IMG_0014.jpg.json", "2019-07-14T10:11:12", None, ()),
        ("IMG_0015.jpg.json", None, None, ()),
    ],
)
def test_the_collections_takeout_says_what_it_is_for(
    corpus: Path, sidecar: str, taken: str | None, latitude: float | None, flags: tuple[str, ...]
) -> None:
    found = takeout.read((corpus / "sidecars" / "takeout" / "Photos from 2019" / sidecar).read_bytes())
    assert found is not None
    facts = read(Blobs(), sidecars=Sidecars(takeout=(found,)), timezone="UTC")
    assert (facts.taken_at, facts.latitude, facts.flags) == (taken, latitude, flags)


@pytest.mark.corpus
def test_a_sidecar_that_disagrees_with_its_picture_counts_but_for_the_orientation(corpus: Path) -> None:
    folder = corpus / "sidecars" / "xmp"
    with Image.open(folder / "f.jpg") as image:
        blobs = embedded.of_info(image.info)
    assert read(blobs).taken_at == "2010-10-10T10:10:10"
    facts = read(blobs, sidecars=Sidecars(((folder / "f.jpg.xmp").read_bytes(),)))
    assert (facts.taken_at, facts.rating, facts.orientation) == ("2011-11-11T11:11:11", 5, 6)


def of_xmp(corpus: Path, *names: str) -> Facts:
    packets = tuple((corpus / "sidecars" / name).read_bytes() for name in names)
    return read(Blobs(), sidecars=Sidecars(packets), timezone="UTC")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("names", "taken", "rating", "keywords", "flags"),
    [
        (["xmp/a.jpg.xmp"], "2001-02-03T04:05:06", 3, {"side"}, ()),
        (["xmp/b.xmp"], "2002-02-03T04:05:06", 3, {"side"}, ()),
        (["xmp/c.jpg.xmp", "xmp/c.xmp"], "2004-01-01T00:00:00", 3, {"side"}, ()),
        (["xmp/g.xmp"], "2008-01-01T00:00:00", 3, {"side"}, ()),
        (["xmp/h.xmp"], None, None, set(), ("sidecar_unreadable",)),
        (["xmp/i.xmp"], None, None, set(), ("sidecar_unreadable",)),
        (["xmp/j.xmp"], None, None, set(), ("sidecar_unreadable",)),
        (["real/APhotoManager-exmaple.xmp"], "2002-02-02T02:02:02", 2, {"tagA2", "tagB2"}, ()),
        (["real/digikam-example.xmp"], "2014-04-27T12:42:47", None, {"test", "test2", "test3"}, ()),
        (["real/iso-value-array.xmp"], "2009-11-28T13:42:39", None, set(), ()),
        (
            ["real/jPhotoTagger-example.xmp"],
            "2006-05-24T15:06:26",
            None,
            {"Deutschland", "GarmischPartenkirchen", "OesterreichBayern", "Orte", "Urlaub"},
            (),
        ),
        (["real/XMP.xmp"], "2005-06-09T20:09:27", 1, {"test1", "&-&amp;-&"}, ()),
    ],
)
def test_the_collections_xmp_sidecars_say_what_they_are_for(
    corpus: Path, names: list[str], taken: str | None, rating: int | None, keywords: set[str], flags: tuple[str, ...]
) -> None:
    facts = of_xmp(corpus, *names)
    assert (facts.taken_at, facts.rating, facts.flags) == (taken, rating, flags)
    assert keywords <= set(facts.keywords)


@pytest.mark.corpus
def test_each_real_sidecar_can_be_read(corpus: Path) -> None:
    for path in (corpus / "sidecars" / "real").glob("*.xmp"):
        assert xmp.read(path.read_bytes()), path.name
