"""What people ask, and the photographs that they must get: each line of the language over some 200 of them.

The answers are written down from what a query is to mean. `query_shots` says who is who, and `named` of `query_catalog`
how sets of them are spelled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sqlite3
import subprocess
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from query_catalog import filled, label, named

from tests import warm
from watcher.db import facets, saved, search, vocabulary
from watcher.querying.mistakes import QueryError
from watcher.querying.parsing import parse
from watcher.querying.reference import EXAMPLES, reference, typed
from watcher.querying.tree import Node

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 6, 15, 12, 30, tzinfo=timezone(timedelta(hours=2)))  # a Monday
GPS = (
    "north-pole near-north-pole south-pole fiji-east fiji-west taveuni null-island quito everest dead-sea stephansdom "
    "prater schoenbrunn graz alfama belem gion hallgrim bondi tbilisi"
)
TITLED = "alder birch cedar elm holly larch lime oak olive pear pine plum poplar rowan spruce walnut retold beside"
DIGEST = hashlib.sha256(b"diary/alder.jpg").hexdigest()

WORDS = [
    ("", "all but"),
    ("   ", "all but"),
    ("sunset", "alder birch poplar"),
    ("SUNSET", "alder birch poplar"),
    ("sunset beach", "alder"),
    ("beach  sunset", "alder"),
    ("harbour", "birch pear"),
    ("nobody", ""),
    ('"golden hour"', "elm"),
    ("golden hour", "elm fir hazel"),
    ('"hour so golden"', "hazel"),
    ("santa cruz", "pear pine plum"),
    ('"santa cruz"', "pear"),
    ("cat", "holly ivy juniper lime"),
    ("ansel", "willow yew"),
    ('"ansel smith"', "yew"),
    ("never", "plum"),
    ("diary", "diary/"),
    ("well named", "retold"),
    ("misnamed", ""),
    ("sidecar", "beside"),
    ("removed", ""),
    # prefixes and what is inside
    ("sun*", "alder birch cedar poplar rowan"),
    ("cat*", "holly ivy juniper lime maple"),
    ('"golden ho"*', "elm"),
    ("beach sun*", "alder cedar"),
    ("*sun*", "alder birch cedar poplar rowan spruce walnut"),
    ("*SUN*", "alder birch cedar poplar rowan spruce walnut"),
    ("*unami*", "walnut"),
    ("*sun* -sun*", "spruce walnut"),
    ("title:*un*", "alder birch cedar poplar rowan spruce walnut"),
]
COMBINED = [
    ("-sunset", "all but alder birch poplar"),
    ("beach -sunset", "cedar"),
    ("beach ^sunset", "cedar"),
    ("beach NOT sunset", "cedar"),
    ("-sunset beach", "cedar"),
    ('-"golden hour" golden', "fir hazel"),
    ("NOT NOT cat", "holly ivy juniper lime"),
    ("--cat", "holly ivy juniper lime"),
    ("cat OR dog", "holly ivy juniper larch lime"),
    ("cat AND dog", "holly"),
    ("cat and dog", "holly"),
    ("cat or dog", ""),
    ("(cat OR dog) holiday", "larch lime"),
    ("holiday (cat OR dog)", "larch lime"),
    ("cat OR dog holiday", "holly ivy juniper larch lime"),
    ("cat dog OR holiday", "holly larch lime"),
    ("NOT cat dog", "larch"),
    ("NOT (cat dog) holiday", "larch lime"),
    ("dog -(cat holiday)", "holly larch"),
    ("dog NOT(cat OR holiday)", ""),
    ("cat -holiday OR rain", "holly ivy juniper oak"),
    ("((sunset OR (sunrise))) -(beach harbour)", "alder birch cedar poplar"),
    ("summer -rain", "olive"),
    # the same words in another way are another condition
    ("(cat dog) (cat OR dog)", "holly"),
    ("(cat OR dog) (cat dog)", "holly"),
    ("dog -(cat holiday) -(cat OR holiday)", ""),
    ("dog -(cat OR holiday) -(cat holiday)", ""),
    ("title:=Sunset title::Sunset", "birch"),
    ("title::Sunset title:=Sunset", "birch"),
    ("-title:=Sunset title::Sunset", "alder poplar"),
    ("is:portrait -is:panorama", "tall wavelet"),
    ("sunset OR iso:64", "alder birch poplar glacier heath"),
    ("-rating:any folder:stars", "unrated ordinary"),
    ("iso:any -iso:>100", "desert forest glacier heath"),
]
SCRIPTS = [
    ("lodz", "Łódź"),
    ("ŁÓDŹ", "Łódź"),
    ("smorrebrod", "smørrebrød"),
    ("SMØRREBRØD", "smørrebrød"),
    ("dakovo", "Đakovo"),
    ("strasse", "Straße"),
    ("STRASSE", "Straße"),
    ("straße", "Straße"),
    ("aero", "Ærø"),
    ("ærø", "Ærø"),
    ("oeuvre", "Œuvre"),
    ("cafe", "café"),
    ("cafe\u0301", "café"),
    ("crème", "crème"),
    ("istanbul", "İstanbul"),
    ("naive", "naïve"),
    ("fish", "ﬁsh"),
    ("fuji", "ＦＵＪＩ"),
    ("fuji*", "ＦＵＪＩ alpine bridge"),
    ("muller", "teak willow"),
    ("soren akesson", "teak"),
    ("МОСКВА", "Москва"),
    ("елка", "Ёлка"),
    ("моск*", "Москва"),
    ("*оскв*", "Москва"),
    ("αθηνα", "Αθήνα"),
    ("Ελλάς", "ΕΛΛΑΣ"),
    ("القاهرة", "القاهرة"),
    ("محمد", "مُحَمَّد"),
    ("ירושלים", "ירושלים"),
    ("שלום", "שָׁלוֹם"),
    ("กรุงเทพ", "กรุงเทพ"),
    ("กรุง", "กรุงเทพ"),
    ("हिन्दी", "हिन्दी"),
    ("富", "富士山 富山"),
    ("富士", "富士山"),
    ("富山", "富山"),
    ("富士山", "富士山"),
    ("山富", ""),
    ("士 富", "富士山"),
    ("士 -富", "士官"),
    ("*富*", "富士山 富山"),
    ("富*", "富士山 富山"),
    ("name:士", "富士山 士官"),
    ("東京", "東京タワー"),
    ("京", "東京タワー gion"),
    ("タワー", "東京タワー"),
    ("ﾀﾜｰ", "東京タワー"),
    ("カ", "カラス"),
    ("ラス", "カラス ガラス"),
    ("서울", "서울 서울역"),
    ("역", "서울역"),
    ("한국", "한국"),
    ("🌅", "🌅 день🌅"),
    ("день", "день🌅"),
    ("👍", "👍🏽"),
    ("👍🏿", ""),
]
TYPED = [
    ("it's", "it's"),
    ("its", "its beside"),
    ("foo-bar", "foo-bar foo_bar"),
    ("foo bar", "foo-bar foo_bar"),
    ("foobar", "foobar"),
    ("photo", "photo photo.png"),
    ("photo.jpg", "photo"),
    ("photo.png", "photo.png"),
    ("photo.*", "photo photo.png"),
    ("C++", "C++ C"),
    ("++", "C++"),
    ("name:++", "C++"),
    ("50%", "50% heath"),
    ("500", "500"),
    ("12:30", "12:30"),
    ("12:45", "12-45"),
    ("AT&T", "AT&T"),
    ('"hi"', 'say_"hi"'),
    ('"say \\"hi\\""', 'say_"hi"'),
    ("new line", "new_line"),
    ("tab here", "tab_here"),
    ("caf\udce9", "caf\\xe9"),
    ("#1", "#1 estuary heath"),
    ("no.5", "no.5"),
    ("a_b", "a_b"),
    ("x=y", "x=y"),
    ('"OR"', "OR"),
    ('"NOT"', "NOT"),
    ("or", "OR"),
    ('"-dash"', "-dash"),
    ("-dash", "all but -dash"),
    ('"@home"', "@home"),
    ('"star*"', "star*"),
    ("star*", "star* stars/"),
    ("(draft)", "(draft)"),
    ("http://example.org/a", ""),
    ("X-T4", "alpine"),
    ("500C/M", "jungle"),
    ("f/1.8", "estuary"),
    ("roll-12", "roll-12"),
    ("; drop table assets", ""),
    # a sign between words is none of them
    ("cat & dog", "holly"),
    ("cat - dog", "holly"),
    ("at & t", "AT&T"),
    ('cat "&" dog', ""),
    ('at "&" t', "AT&T"),
    ("(& cat) OR ++", "holly ivy juniper lime C++"),
    ("cat -&", "holly ivy juniper lime"),
    ('" OR "', "OR"),
]
FIELDS = [
    ("title:cat", "holly lime"),
    ("TITLE:Cat", "holly lime"),
    ("title:cat*", "holly lime"),
    ('title:"Santa Cruz"', "pear"),
    ("title:=Sunset", "birch"),
    ("title:=sunset", "poplar"),
    ('title:="Santa Cruz"', ""),
    ('title:="Santa Cruz harbour"', "pear"),
    ("title::^sunset$", "birch poplar"),
    (r"title::\bcat\b", "holly lime"),
    ('title::"^cat (and|on)"', "holly lime"),
    ("title:none", "all but " + TITLED),
    ("title:any", TITLED),
    ("has:title", TITLED),
    ('title:"none"', ""),
    ("description:any", "birch cedar hazel maple plum"),
    ("keyword:cat", "ivy juniper"),
    ("keywords:cat", "ivy juniper"),
    ("keyword:=cat", "ivy"),
    ('keyword:"black cat"', "juniper"),
    ('keyword:="black cat"', "juniper"),
    ('keyword:"golden hour"', ""),
    ("keyword:summer", "oak olive"),
    ("keyword:=Summer", "olive"),
    ("keyword::^(sea|pets)$", "alder holly"),
    ("keyword:any", "alder fir holly ivy juniper oak olive retold negatives/"),
    ("keyword:keeper", "roll-12 roll-24 roll-36"),
    ("people:any", "teak willow"),
    ('people:"zoe muller"', "teak"),
    ('people:="Søren Åkesson"', "teak"),
    ("people:=Müller", ""),
    # each value by itself: a phrase does not reach from one into the next
    ('people:"müller søren"', ""),
    ('"müller søren"', ""),
    ('people:"müller sø"*', ""),
    ("people:*r-s*", ""),
    ("people::^søren", "teak"),
    ("people::^åkesson", ""),
    ("people::müller$", "teak willow"),
    ("creator:ansel", "willow yew"),
    ('creator:"ansel adams"', "willow"),
    ('creator:"lange ansel"', ""),
    ('creator:="Ansel Smith"', "yew"),
    ('creator:="ansel smith"', ""),
    ("creator::^ansel", "willow yew"),
    ("has:creator", "willow yew"),
    ('copyright:"never to be"', "yew"),
    ("copyright:none folder:diary creator:any", "willow"),
    ("camera:fujifilm", "alpine bridge"),
    ("camera:nikon", "estuary negatives/"),
    ('camera:="Canon EOS R5"', "castle"),
    ("camera:=FM2", "negatives/"),
    ("camera:=canon", ""),
    ("camera:=Canon", "castle desert"),
    ("camera::^x", "alpine bridge"),
    ("camera::^canon$", "castle desert"),
    ("camera:any", "gear/ negatives/"),
    ('camera::"^nikon (corp|f)"', "estuary negatives/"),
    ("camera_make:none camera_model:any", "island"),
    ("lens:iphone", "glacier"),
    ("lens:*35mm*", "alpine"),
    ("has:lens", "alpine castle desert estuary glacier heath jungle"),
    ("lens:none camera:any", "bridge forest island karst negatives/"),
    ("exposure:1/60", "castle"),
    ("exposure:=1/8000", "desert"),
    ("name:=photo.png", "photo.png"),
    ("name:png", "photo.png"),
    ("name::^roll-0[1-3]", "roll-01..roll-03"),
    ("path::\\.heic$", "slim"),
    ("digest:" + DIGEST, "alder"),
    ("digest:" + DIGEST[:12].upper(), "alder"),
    ("format:raw", "almost"),
    ("format:heic OR format:jp2", "slim wavelet"),
    ("folder:attic", "twice thrice"),
    ("folder:=attic", "thrice"),
    ("folder:=attic/2017", "twice"),
    ("folder:none", "alone porto tram"),
    ("batch:douro", "porto tram"),
    ('batch:="Douro valley"', "porto tram"),
    ("batch:none", "alone"),
    ("album:iceland", "geysir waterfall"),
    ('album:="Best of"', "waterfall"),
    ('album:"road best"', ""),
    ("album::^best", "waterfall"),
    ("folder::^attic", "twice thrice"),
    ("has:album", "geysir waterfall"),
    ("inbox:phone", "all but"),
    ("inbox:none", ""),
    ("flags:any", "glow loop cut"),
    ("flags:hdr", "glow cut"),
    ("flag:hdr_gain_map", "glow cut"),
    ("flag:truncated_end", "cut"),
    ("flag:any", "glow loop cut"),
    ("has:flag", "glow loop cut"),
    ("favourite:yes", "dearest"),
    ("favourite:any", "dearest ordinary"),
    ("taken_precision:year", "window nine"),
    ("taken_offset:+02:00", "july-first july-mid"),
    ("taken_offset:-02:00", "july-mid-later"),
    ("taken_offset:any", "moon july-first july-mid july-mid-later kiritimati pago"),
    ("taken_source:exif", "all but undated-a undated-b"),
    ("renditions:preview", "big"),
    ("renditions.preview:any", "big"),
    ("has:renditions", "all but clip strange loop"),
    ("renditions.thumb:none", "clip strange loop"),
    ("id:1", "alder"),
    ("id:2..3 OR id:5", "birch cedar fir"),
]
NUMBERS = [
    ("iso:64", "glacier heath"),
    ("iso:200..800", "alpine castle"),
    ("iso:..100", "desert forest glacier heath"),
    ("iso:>800", "estuary karst"),
    ("iso:>=800", "castle estuary karst"),
    ("iso:<64", "forest"),
    ("iso:<=64", "forest glacier heath"),
    ("iso:800..200", ""),
    ("iso:none camera:any", "island jungle negatives/"),
    ("f:2.8", "desert estuary island"),
    ("f:..2", "alpine bridge forest glacier heath"),
    ("f:<2", "alpine forest glacier heath"),
    ("f:<=2.8", "alpine bridge desert estuary forest glacier heath island karst"),
    ("f:>2.8", "castle jungle"),
    ("f:1.78", "glacier"),
    ("f_number:4..8", "castle jungle"),
    ("exposure_time:1/250", "alpine"),
    ("exposure_time:1/250..1/100", "alpine bridge glacier karst"),
    ("exposure_time:>=1s", "island jungle"),
    ("exposure_time:..1ms", "desert estuary"),
    ("focal:50", "estuary heath"),
    ("focal:24mm..40mm", "alpine island"),
    ("rating:>=4", "four five dearest"),
    ("rating:4..5", "four five dearest"),
    ("rating:-1", "reject"),
    ("rating:-1..1", "reject zero one"),
    ("rating:<0", "reject"),
    ("rating:any", "reject zero one two three four five dearest"),
    ("size:5MB", "tall"),
    ("size:>5MB", "wide pano slim almost clip negatives/"),
    ("size:>5 MB", "wide pano slim almost clip negatives/"),
    ("size:<1 kB folder:shapes", "dot strange"),
    ("focal:50 mm", "estuary heath"),
    ("near:0,0,0 m", "null-island"),
    ('near:0,0,0 "m"', ""),
    ("size:5 mb..", ""),
    ("size:>=5MB", "tall wide pano slim almost clip negatives/"),
    ("size:5MiB", "pano"),
    ("size:5MiB..30MB", "pano wide almost roll-01..roll-20"),
    ("size:11mb..12MB", "roll-01 roll-02"),
    ("size:1.2GB", "clip"),
    ("size:<1kB", "dot strange"),
    ("width:>=4000", "all but tall box slim almost dot bitmap wavelet clip strange"),
    ("width:640px", "bitmap"),
    ("height:>3000", "wide tall"),
    ("height:none", "clip strange"),
    ("altitude_m:>1km", "south-pole quito everest"),
    ("altitude_m:<0", "dead-sea"),
    ("latitude:>60", "north-pole near-north-pole hallgrim"),
    ("longitude:..-100", "fiji-west"),
    ("id:>100000", ""),
]
DATES = [
    ("taken:1826", "window"),
    ("taken:..1900", "window paris"),
    ("taken:..2009", "window paris flyer moon y1999 y2000 nine nine-end negatives/"),
    ("taken:<2000", "window paris flyer moon y1999 negatives/"),
    ("taken:2009", "nine nine-end"),
    ("taken:1999-12-31..2000-01-01", "y1999 y2000"),
    ("taken:2000-01-01T00:00:00", "y2000"),
    ("taken:2023", "june-end july july-first july-mid july-mid-later august-end september"),
    ("taken:2023-07", "july july-first july-mid july-mid-later"),
    ("taken_at:2023-7", "july july-first july-mid july-mid-later"),
    ("taken:2023-07..2023-08", "july july-first july-mid july-mid-later august-end"),
    ("taken:2023-06-30", "june-end"),
    ("taken:2023-07-15T14:30", "july-mid july-mid-later"),
    ("taken:2023-07-15T14:30:00", "july-mid"),
    ("taken:2023-07-15T14:30:59", "july-mid-later"),
    ("taken:2024-02-29", "leap"),
    ("taken:>2024-05-17", "fortnight-more fortnight week yesterday morning before-noon clock-wrong"),
    (
        "taken:>=2024-05-17T21",
        "kiritimati fortnight-more fortnight week yesterday morning before-noon clock-wrong",
    ),
    ("taken:none", "undated-a undated-b"),
    ("taken:today", "morning before-noon"),
    ("taken:yesterday", "yesterday"),
    ("taken:-1d", "yesterday"),
    ("taken:-1w", "week"),
    ("taken:-2w..", "fortnight week yesterday morning before-noon clock-wrong"),
    ("taken:-2w..today", "fortnight week yesterday morning before-noon"),
    ("taken:-1m..-1d", "fortnight-more fortnight week yesterday"),
    ("taken:-1h", "before-noon"),
    ("taken:-4h..", "morning before-noon clock-wrong"),
    ("taken:tomorrow..", "clock-wrong"),
    (
        "taken:-3y..-2y",
        "june-end july july-first july-mid july-mid-later august-end september leap kiritimati pago",
    ),
    ("imported:today", "events/"),
    ("imported:yesterday", "stars/"),
    ("imported:-1d..", "events/ stars/"),
    ("imported:2025", "all but events/ stars/"),
    ("month:5", "paris kiritimati pago fortnight-more"),
    ("month:feb", "leap"),
    ("month:august", "august-end negatives/"),
    ("month:jul", "moon july july-first july-mid july-mid-later"),
    ("month:nov..feb", "flyer y1999 y2000 nine-end ten leap clock-wrong"),
    ("weekday:sun", "moon fortnight-more yesterday"),
    ("weekday:sat..sun", "y2000 moon july-first july-mid july-mid-later fortnight-more yesterday globe/"),
    ("weekday:monday", "scripts/ shapes/ fortnight week morning before-noon alone porto tram"),
    ("hour:14", "july-mid july-mid-later"),
    ("hour:18..21", "moon kiritimati pago"),
    (
        "hour:22..5",
        "yesterday y1999 y2000 nine-end ten june-end july-first august-end september leap fortnight-more fortnight",
    ),
    ("hour:..7", "y2000 ten july-first september leap fortnight"),
    ("hour:17..", "moon y1999 nine-end june-end august-end kiritimati pago fortnight-more yesterday clock-wrong"),
]
PLACES = [
    ("place:lisbon", "alfama falls"),
    ("place:lisbon place:portugal", "alfama"),
    ("place:austria", "stephansdom prater graz"),
    ("place:osterreich", "schoenbrunn"),
    ("place:georgia", "atlanta tbilisi"),
    ("place:alfama", "alfama"),
    ("place:=Vienna", "stephansdom prater"),
    ("place:=vienna", ""),
    ("place:=Austria", "stephansdom prater graz"),
    ("place:=Lisbon", "alfama"),
    ('place:="Alfama, Lisbon, Portugal"', "alfama"),
    ("place:=Georgia", "atlanta tbilisi"),
    ("place::^lisbon$", "alfama"),
    ("city:lisbon", "alfama falls"),
    ("city:=Lisbon", "alfama"),
    ("state:georgia", "atlanta"),
    ("country:georgia", "tbilisi"),
    ("location:any", "stephansdom alfama"),
    ("place:REYKJAVIK", "hallgrim"),
    ('place:"new south wales"', "bondi"),
    ("place:京都", "gion"),
    ("place:island", "hallgrim"),
    ("island", "hallgrim island null-island"),
    ("has:gps", GPS),
    ("-has:gps folder:globe", "falls atlanta half"),
    ("near:48.2082,16.3738", "stephansdom"),
    ("near:48.2082,16.3738,1800m", "stephansdom"),
    ("near:48.2082,16.3738,2km", "stephansdom prater"),
    ("near:48.2082,16.3738,3.2mi", "stephansdom prater"),
    ("near:48.2082,16.3738,3.3mi", "stephansdom prater schoenbrunn"),
    ("near:48.2082,16.3738,140km", "stephansdom prater schoenbrunn"),
    ("near:48.2082,16.3738,150km", "stephansdom prater schoenbrunn graz"),
    ('near:"48.2082, 16.3738, 2 km"', "stephansdom prater"),
    ("-near:48.2082,16.3738,150km place:austria", ""),
    ("near:38.7139,-9.1334,7km", "alfama belem"),
    ("near:0,-78.4678,21km", "quito"),
    ("near:0,-78.4678,20km", ""),
    ("near:90,0", "north-pole near-north-pole"),
    ("near:90,-123.4,500m", "north-pole"),
    ("near:89.999,-60", "north-pole near-north-pole"),
    ("near:-90,45", "south-pole"),
    ("near:-16.8,180", "fiji-east fiji-west"),
    ("near:-16.8,-180,2km", "fiji-east fiji-west taveuni"),
    ("near:-16.8,180,5m", ""),
    ("near:-16.8,179.9999,30m", "fiji-east fiji-west"),
    ("near:0,0,0m", "null-island"),
    ("near:12,34,20020km", GPS),
    ("near:48.2082,16.3738,150km place:vienna OR place:lisbon", "stephansdom prater alfama falls"),
]
QUESTIONS = [
    ("is:duplicate", "twice thrice"),
    ("-is:duplicate folder:attic", ""),
    ("is:undated", "undated-a undated-b"),
    ("is:favourite", "dearest"),
    ("is:landscape", "all but tall box slim dot wavelet clip strange"),
    ("is:portrait", "tall slim wavelet"),
    ("is:square", "box dot"),
    ("is:panorama", "pano slim"),
    ("IS:Panorama -is:portrait", "pano"),
]
SAVED_ONES = [
    ("@pets", "holly ivy juniper larch lime"),
    ("@pets dog", "holly larch"),
    ("holiday -@pets", ""),
    ("@calm", "holly ivy juniper"),
    ("rain OR @calm", "oak holly ivy juniper"),
    ("@日本.x", "東京タワー"),
]
TABLE = [*WORDS, *COMBINED, *SCRIPTS, *TYPED, *FIELDS, *NUMBERS, *DATES, *PLACES, *QUESTIONS, *SAVED_ONES]

REFUSED = [  # the query, where the caret stands, what is said
    ('beach "golden', 6, "quote"),
    ('title:"Santa', 6, "quote"),
    ("(cat OR dog", 0, "not closed"),
    ("cat (dog OR", 9, "missing after OR"),
    ("cat)", 3, "not opened"),
    ("cat OR", 4, "missing after OR"),
    ("OR cat", 0, "missing before OR"),
    ("cat NOT", 4, "missing after NOT"),
    ("()", 0, "missing"),
    ("*a*", 0, "too short"),
    ("beach isoo:200", 6, "'iso'"),
    ("tilte:x", 0, "'title'"),
    ("-kamera:nikon", 1, "'camera'"),
    ("iso:", 0, "needs a value"),
    ("iso:abc", 4, "not a number"),
    ("富士 iso:abc", 7, "not a number"),
    ("size:5XB", 5, "units"),
    ("rating:..", 7, "at least one end"),
    ("exposure_time:1/0", 14, "not a number"),
    ("taken:soon", 6, "not a date"),
    ("taken:2023-13", 6, "no such date"),
    ("taken:2023-02-29", 6, "no such date"),
    ("title::(", 7, "regular expression"),
    ("near:91,0", 5, "latitudes"),
    ("near:48", 5, "LATITUDE"),
    ("near:1,2,3ly", 5, "units"),
    ("month:13", 6, "1 to 12"),
    ("weekday:someday", 8, "mon"),
    ("hour:24", 5, "0 to 23"),
    ("is:pretty", 3, "panorama"),
    ("has:tilte", 4, "'title'"),
    ("favourite:maybe", 10, "yes"),
    ("renditions.thumb:small", 17, "any or none"),
    ("cat @nobody", 4, "no query is saved"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("library")
    (root / ".watcher").mkdir()
    with filled(root / ".watcher" / "watcher.db"):
        yield root


@pytest.fixture(scope="module")
def reader(library: Path) -> Iterator[sqlite3.Connection]:
    with search.reading(str(library / ".watcher" / "watcher.db")) as connection:
        yield connection


def read(reader: sqlite3.Connection, query: str) -> Node:
    return parse(query, NOW, lambda name: saved.find(reader, name))


def find(reader: sqlite3.Connection, query: str, **how: Any) -> list[str]:
    """The labels of what is found, in its order."""
    return [label(asset["name"]) for asset in search.search(reader, read(reader, query), library="/", **how)]


@pytest.mark.parametrize(("query", "spelled"), TABLE)
def test_a_query_finds_just_these(query: str, spelled: str, reader: sqlite3.Connection) -> None:
    wanted = named(spelled)
    assert set(find(reader, query)) == wanted
    assert find(reader, query, limit=3) == find(reader, query)[:3]
    assert search.count(reader, read(reader, query)) == len(wanted)


@pytest.mark.parametrize(("query", "spelled"), TABLE)
def test_what_a_query_does_not_find_its_negation_finds(query: str, spelled: str, reader: sqlite3.Connection) -> None:
    negated = f"NOT ({query})" if query.strip() else "id:none"
    assert set(find(reader, negated)) == named("all but") - named(spelled)


@pytest.mark.parametrize(("query", "position", "message"), REFUSED)
def test_what_cannot_be_read_is_refused_at_its_place(
    query: str, position: int, message: str, reader: sqlite3.Connection
) -> None:
    with pytest.raises(QueryError) as refused:
        read(reader, query)
    assert message in refused.value.message
    assert (refused.value.position, refused.value.query) == (position, query)


@pytest.mark.parametrize(("query", "text"), [("beach @broken", "iso:abc"), ("@round", "beach @round")])
def test_a_mistake_in_a_saved_query_is_shown_in_its_own_text(query: str, text: str, reader: sqlite3.Connection) -> None:
    with pytest.raises(QueryError) as refused:
        read(reader, query)
    assert refused.value.query == text and "in the saved query" in refused.value.message


@pytest.mark.parametrize(
    ("query", "how", "order"),
    [
        ("rating:>=4 OR is:undated", {}, "dearest five four undated-b undated-a"),
        ("taken:2023-07", {}, "july-mid-later july-mid july-first july"),
        ("taken:2023-07", {"limit": 2}, "july-mid-later july-mid"),
        ("taken:2023-07", {"limit": 0}, ""),
        ("sunset", {}, "poplar birch alder"),
        ("sunset", {"limit": 1}, "poplar"),
        ("sunset -harbour", {"sort": "rank"}, "poplar alder"),
        ("sunset", {"sort": "name"}, "alder birch poplar"),
        ("sunset", {"sort": "-name"}, "poplar birch alder"),
        ("taken:..1900 OR is:undated", {"sort": "taken"}, "window paris undated-a undated-b"),
        ("taken:..1900 OR is:undated", {"sort": "-taken"}, "paris window undated-b undated-a"),
        ("is:favourite OR flag:animated OR id:1", {"sort": "imported"}, "alder dearest loop"),
        ("is:favourite OR flag:animated OR id:1", {"sort": "-imported"}, "loop dearest alder"),
        ("folder:shapes size:<1MB", {"sort": "size"}, "dot strange wavelet bitmap"),
        ("folder:shapes", {"sort": "-size", "limit": 3}, "clip almost wide"),
        ("folder:stars", {"sort": "-rating", "limit": 4}, "dearest five four three"),
        ("camera:any -film", {"sort": "camera", "limit": 3}, "glacier desert castle"),
    ],
)
def test_photographs_come_in_the_order_that_is_asked_for(
    query: str, how: dict[str, Any], order: str, reader: sqlite3.Connection
) -> None:
    assert find(reader, query, **how) == order.split()


@pytest.mark.parametrize(
    ("query", "name", "counted"),
    [
        ("", "camera", [("NIKON FM2", 36), ("Apple iPhone 15 Pro", 1)]),
        ("taken:2009..", "year", [("2018", 34), ("2013", 30)]),
        ("folder:calendar", "year", [("2023", 7), ("2026", 7), ("2024", 3), ("2009", 2), ("1826", 1)]),
        ("", "keyword", [("film", 36), ("keeper", 3)]),
        ("folder:stars", "rating", [(5, 2), (-1, 1), (0, 1)]),
        ("", "flag", [("hdr_gain_map", 2), ("animated", 1), ("no_renditions", 1), ("truncated_end", 1)]),
        ("", "album", [("Iceland ring road", 2), ("Best of", 1)]),
        ("is:duplicate", "folder", [("events", 2), ("attic", 1), ("attic/2017", 1), ("cellar", 1)]),
        ("", "people", [("Mara Müller", 1), ("Søren Åkesson", 1), ("Zoë Müller", 1)]),
        ("", "favourite", [(False, 1), (True, 1)]),
        ("folder:calendar", "taken_precision", [("second", 21), ("month", 2), ("year", 2), ("day", 1)]),
        ("iso:64", "iso", [(64, 2)]),
        ("sunset", "batch", [("diary", 3)]),
        ("nobody", "format", []),
    ],
)
def test_a_facet_counts_its_values_the_most_frequent_first(
    query: str, name: str, counted: list[tuple[Any, int]], reader: sqlite3.Connection
) -> None:
    assert facets.facet(reader, read(reader, query), name, limit=len(counted) or None) == counted


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("sunste", "sunset"),
        ("harbor", "harbour"),
        ("reykjavk", "reykjavik"),
        ("lisbom", "lisbon"),
        ("golfen", "golden"),
    ],
)
def test_for_a_word_that_there_is_not_the_nearest_comes_first(word: str, near: str, reader: sqlite3.Connection) -> None:
    assert vocabulary.nearest(reader, word)[0] == near


@pytest.mark.parametrize("word", ["sunset", "removed", "misnamed", "zzzzzz", "富"])
def test_no_word_is_near_that_no_photograph_has(word: str, reader: sqlite3.Connection) -> None:
    assert vocabulary.nearest(reader, word) == []


@pytest.mark.parametrize("query", [query for _, query, _ in EXAMPLES])
def test_every_example_of_the_help_is_answered(query: str, reader: sqlite3.Connection) -> None:
    assert len(find(reader, query)) == search.count(reader, read(reader, query))


def test_the_meanings_in_the_help_stand_below_each_other() -> None:
    lines = reference().splitlines()
    texts = [next(line for line in lines if line.startswith(f"  {typed(query)}  ")) for _, query, _ in EXAMPLES]
    before = [line.removesuffix(meaning) for line, (_, _, meaning) in zip(texts, EXAMPLES, strict=True)]
    assert len({len(text) + sum(map(is_wide, text)) for text in before}) == 1


def is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


@pytest.mark.parametrize(
    ("arguments", "spelled"),
    [
        (["sunset", "beach"], "alder"),
        (["beach", "-sunset"], "cedar"),
        (["title:Santa Cruz"], "pear"),
        (["santa cruz"], "pear pine plum"),
        (["(cat OR dog)", "holiday"], "larch lime"),
        (["*sun*", "-sun*"], "spruce walnut"),
        (["size:5MiB..30MB", "--limit", "3", "folder:shapes"], "pano wide almost"),
        (["f:..2.8", "--sort", "f", "iso:64.."], "alpine bridge desert estuary glacier heath karst"),
        (["near:-16.8,180"], "fiji-east fiji-west"),
        (["富士"], "富士山"),
        (["it's"], "it's"),
        (["@calm"], "holly ivy juniper"),
        (["caf\udce9"], "caf\\xe9"),
        (["new", "line"], "new_line"),
    ],
)
def test_the_command_line_finds_the_same(arguments: list[str], spelled: str, library: Path) -> None:
    done = _watcher("search", "--library", str(library), "--json", *arguments)
    assert {label(asset["name"]) for asset in json.loads(done.stdout)} == named(spelled), done.stderr


def test_every_search_of_the_readme_is_answered(library: Path, tmp_path: Path) -> None:
    chapter = (ROOT / "README.md").read_text(encoding="utf-8").split("## Searching")[1].split("\n## ")[0]
    searches = [shlex.split(line, comments=True)[2:] for line in chapter.splitlines() if "watcher search" in line]
    assert len(searches) >= 8
    for words in searches:
        arguments = [word.replace("~", str(tmp_path)) for word in takewhile(lambda word: word != "|", words)]
        done = _watcher("search", "--library", str(library), *arguments)
        assert done.returncode in (0, 1) and b"Error" not in done.stderr, (arguments, done.stderr)


def test_the_command_line_points_at_the_mistake(library: Path) -> None:
    done = _watcher("search", "--library", str(library), "beach", "iso:abc")
    assert done.returncode == 2 and done.stdout == b""
    _, line, caret = done.stderr.decode().splitlines()
    assert line.index("abc") == caret.index("^")


def _watcher(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return warm.run(arguments, {**os.environ, "PYTHONPATH": str(ROOT)}, None, 60)
