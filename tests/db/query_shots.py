"""What some 200 photographs say of themselves, by the folders in which they are dropped; `query_catalog` drops them.

They are named after something else than what is asked for, so that each word of a query has few that it can mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watcher.model import Facts, Format


@dataclass(frozen=True)
class Shot:
    """A photograph: what it says, and what it is."""

    facts: Facts
    format: Format = "jpeg"
    shape: tuple[int, int] | tuple[None, None] = (4000, 3000)
    size: int = 2_000_000
    flags: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ("thumb",)


# Trees, and what was written about them.
_DIARY = {
    "alder": Facts(title="Sunset at the beach", keywords=("sea", "evening")),
    "birch": Facts(title="Sunset", description="Behind the harbour"),
    "cedar": Facts(title="Sunrise", description="It comes up over the beach"),
    "elm": Facts(title="Golden hour"),
    "fir": Facts(keywords=("golden", "hour")),
    "hazel": Facts(description="An hour so golden"),
    "holly": Facts(title="Cat and dog", keywords=("pets",)),
    "ivy": Facts(keywords=("cat",)),
    "juniper": Facts(keywords=("black cat",)),
    "larch": Facts(title="Dog on holiday"),
    "lime": Facts(title="Cat on holiday"),
    "maple": Facts(description="Category five storm"),
    "oak": Facts(title="Rain in summer", keywords=("summer", "rain")),
    "olive": Facts(title="Summer garden", keywords=("Summer",)),
    "pear": Facts(title="Santa Cruz harbour"),
    "pine": Facts(title="Cruz Santa"),
    "plum": Facts(title="Santa Claus", description="Never in Cruz"),
    "poplar": Facts(title="sunset"),
    "rowan": Facts(title="Sunflower field"),
    "spruce": Facts(title="An unsung hero"),
    "teak": Facts(people=("Zoë Müller", "Søren Åkesson")),
    "walnut": Facts(title="Tsunami drill"),
    "willow": Facts(people=("Mara Müller",), creator=("Ansel Adams",)),
    "yew": Facts(creator=("Dorothea Lange", "Ansel Smith"), copyright="Never to be found"),
}
_SCRIPTS = (
    "Łódź", "smørrebrød", "Đakovo", "Straße", "Ærø", "Œuvre", "café", "cre\u0300me", "İstanbul", "naïve", "ﬁsh",
    "ＦＵＪＩ",
    "Москва", "Ёлка", "Αθήνα", "ΕΛΛΑΣ", "القاهرة", "مُحَمَّد", "ירושלים", "שָׁלוֹם", "กรุงเทพ", "हिन्दी",
    "富士山", "富山", "士官", "東京タワー", "カラス", "ガラス", "서울", "서울역", "\u1112\u1161\u11ab국",
    "🌅", "день🌅", "👍🏽",
)  # fmt: skip
_TYPED = (
    "it's", "its", "foo-bar", "foo bar", "foobar", "photo", "photo.png", "C++", "C", "50%", "500", "12:30", "12-45",
    "AT&T", 'say "hi"', "new\nline", "tab\there", "caf\udce9", "#1", "no.5", "a_b", "x=y", "OR", "NOT", "-dash",
    "@home", "star*", "(draft)", "esc\x1b[31m", "http",
)  # fmt: skip
_GLOBE: Mapping[str, Facts] = {
    "north-pole": Facts(latitude=90.0, longitude=0.0),
    "near-north-pole": Facts(latitude=89.995, longitude=120.0),
    "south-pole": Facts(latitude=-90.0, longitude=0.0, altitude_m=2835.0),
    "fiji-east": Facts(latitude=-16.8, longitude=179.9999),
    "fiji-west": Facts(latitude=-16.8, longitude=-179.9999),
    "taveuni": Facts(latitude=-16.8, longitude=179.99),
    "null-island": Facts(latitude=0.0, longitude=0.0),
    "quito": Facts(latitude=-0.1807, longitude=-78.4678, altitude_m=2850.0, city="Quito", country="Ecuador"),
    "everest": Facts(latitude=27.9881, longitude=86.925, altitude_m=8848.86),
    "dead-sea": Facts(latitude=31.5, longitude=35.5, altitude_m=-430.5),
    "stephansdom": Facts(
        latitude=48.2082, longitude=16.3738, location="Stephansplatz", city="Vienna", country="Austria", altitude_m=171
    ),
    "prater": Facts(latitude=48.2165, longitude=16.396, city="Vienna", country="Austria"),
    "schoenbrunn": Facts(latitude=48.1845, longitude=16.3122, city="Wien", country="Österreich"),
    "graz": Facts(latitude=47.0707, longitude=15.4395, city="Graz", state="Steiermark", country="Austria"),
    "alfama": Facts(latitude=38.7139, longitude=-9.1334, location="Alfama", city="Lisbon", country="Portugal"),
    "belem": Facts(latitude=38.6969, longitude=-9.2063, city="Lisboa", country="Portugal"),
    "falls": Facts(city="Lisbon Falls", state="Maine", country="USA"),
    "gion": Facts(latitude=35.0037, longitude=135.7751, city="京都市", country="日本"),
    "hallgrim": Facts(latitude=64.1417, longitude=-21.9266, city="Reykjavík", country="Ísland"),
    "bondi": Facts(latitude=-33.8908, longitude=151.2743, city="Sydney", state="New South Wales", country="Australia"),
    "atlanta": Facts(city="Atlanta", state="Georgia", country="USA"),
    "tbilisi": Facts(latitude=41.7151, longitude=44.8271, city="Tbilisi", country="Georgia"),
    "half": Facts(latitude=10.0),
}


def _camera(
    make: str | None,
    model: str | None,
    iso: int | None,
    f: float,
    seconds: float,
    lens: str | None = None,
    mm: float = 50,
) -> Facts:
    exposure = f"1/{round(1 / seconds)}" if seconds < 1 else f"{seconds:g}"
    return Facts(
        camera_make=make, camera_model=model, iso=iso, f_number=f, exposure_time=seconds, exposure=exposure, lens=lens,
        focal_length_mm=mm,
    )  # fmt: skip


_GEAR = {
    "alpine": _camera("FUJIFILM", "X-T4", 200, 1.4, 1 / 250, "XF35mmF1.4 R", 35),
    "bridge": _camera("FUJIFILM", "X100V", 160, 2.0, 1 / 125, None, 23),
    "castle": _camera("Canon", "Canon EOS R5", 800, 4.0, 1 / 60, "RF24-105mm F4 L IS USM", 105),
    "desert": _camera("Canon", "Canon EOS 5D Mark IV", 100, 2.799999952316284, 1 / 8000, "EF70-200mm f/2.8L", 200),
    "estuary": _camera("NIKON CORPORATION", "NIKON Z 9", 6400, 2.8, 1 / 4000, "NIKKOR Z 50mm f/1.8 S"),
    "forest": _camera("Google", "Pixel 8 Pro", 51, 1.68, 1 / 251, None, 6.9),
    "glacier": _camera("Apple", "iPhone 15 Pro", 64, 1.7799999713897705, 1 / 100, "iPhone 15 Pro back camera", 6.765),
    "heath": _camera("Leica Camera AG", "LEICA M11", 64, 1.4, 1 / 30, "Summilux-M 1:1.4/50 ASPH."),
    "island": _camera(None, "LC-A", None, 2.8, 2.0, None, 32),
    "jungle": _camera("Hasselblad", "500C/M", None, 8.0, 30.0, "Planar 80mm", 80),
    "karst": _camera("GoPro", "HERO12", 102400, 2.5, 1 / 240, None, 3),
}
_STARS = {
    "reject": Facts(rating=-1), "zero": Facts(rating=0), "one": Facts(rating=1), "two": Facts(rating=2),
    "three": Facts(rating=3), "four": Facts(rating=4), "five": Facts(rating=5), "unrated": Facts(),
    "dearest": Facts(favourite=True, rating=5), "ordinary": Facts(favourite=False),
}  # fmt: skip
_DATES = {  # name: date, precision, offset
    "window": ("1826-01-01T00:00:00", "year", None),
    "paris": ("1839-05-01T00:00:00", "month", None),
    "flyer": ("1903-12-17T00:00:00", "day", None),
    "moon": ("1969-07-20T20:17:40", "second", "+00:00"),
    "y1999": ("1999-12-31T23:59:59", "second", None),
    "y2000": ("2000-01-01T00:00:00", "second", None),
    "nine": ("2009-01-01T00:00:00", "year", None),
    "nine-end": ("2009-12-31T23:59:59.999", "second", None),
    "ten": ("2010-01-01T00:00:00", "second", None),
    "june-end": ("2023-06-30T23:59:59.999", "second", None),
    "july": ("2023-07-01T00:00:00", "month", None),
    "july-first": ("2023-07-01T00:00:00", "second", "+02:00"),
    "july-mid": ("2023-07-15T14:30:00", "second", "+02:00"),
    "july-mid-later": ("2023-07-15T14:30:59.5", "second", "-02:00"),
    "august-end": ("2023-08-31T23:59:59", "second", None),
    "september": ("2023-09-01T00:00:00", "second", None),
    "leap": ("2024-02-29T05:00:00", "second", None),
    "kiritimati": ("2024-05-17T21:59:59", "second", "+14:00"),
    "pago": ("2024-05-17T18:00:00", "second", "-11:00"),
    "fortnight-more": ("2026-05-31T23:59:59", "second", None),
    "fortnight": ("2026-06-01T00:00:00", "second", None),
    "week": ("2026-06-08T12:00:00", "second", None),
    "yesterday": ("2026-06-14T22:00:00", "second", None),
    "morning": ("2026-06-15T08:00:00", "second", None),
    "before-noon": ("2026-06-15T11:00:00", "second", None),
    "clock-wrong": ("2026-12-31T17:00:00", "second", None),
}
_UNDATED = ("undated-a", "undated-b")
_SHAPES = {
    "wide": Shot(Facts(), "png", (6000, 4000), 8_000_000),
    "tall": Shot(Facts(), "webp", (3000, 4000), 5_000_000),
    "box": Shot(Facts(), "avif", (2000, 2000), 4_999_999),
    "pano": Shot(Facts(), "tiff", (12000, 3000), 5_242_880),
    "slim": Shot(Facts(), "heic", (1000, 2000), 5_242_879),
    "almost": Shot(Facts(), "raw", (3999, 2000), 25_000_000),
    "dot": Shot(Facts(), "gif", (1, 1), 35),
    "bitmap": Shot(Facts(), "bmp", (640, 480), 921_654),
    "wavelet": Shot(Facts(), "jp2", (480, 640), 1000),
    "clip": Shot(Facts(), "video", (None, None), 1_200_000_000, recipes=()),
    "strange": Shot(Facts(), "other", (None, None), 999, recipes=()),
}
_EVENTS = {
    "glow": Shot(Facts(), flags=("hdr_gain_map",)),
    "loop": Shot(Facts(), flags=("animated", "no_renditions"), recipes=()),
    "cut": Shot(Facts(), flags=("truncated_end", "hdr_gain_map")),
    "big": Shot(Facts(), recipes=("thumb", "preview")),
    "twice": Shot(Facts()),
    "thrice": Shot(Facts()),
    "geysir": Shot(Facts()),
    "waterfall": Shot(Facts()),
    "retold": Shot(Facts(title="Misnamed")),
    "beside": Shot(Facts(title="Before")),
    "gone": Shot(Facts(title="Removed from here")),
}
_ROLL = {
    f"roll-{number:02}": Shot(
        Facts(camera_make="NIKON", camera_model="FM2", keywords=("film", *(["keeper"] if number % 12 == 0 else []))),
        size=10_000_000 + number * 1_000_000,
    )
    for number in range(1, 37)
}


def _dated(shot: Shot, date: str, precision: str = "second", offset: str | None = None) -> Shot:
    facts = replace(shot.facts, taken_at=date, taken_precision=precision, taken_offset=offset, taken_source="EXIF:x")
    return replace(shot, facts=facts)


def _folder(date: str, shots: Mapping[str, Shot], precision: str = "second") -> dict[str, Shot]:
    return {_file_name(name): _dated(shot, date, precision) for name, shot in shots.items()}


def _file_name(name: str) -> str:
    return name if name.endswith(".png") else f"{name}.jpg"


def _of(facts: Mapping[str, Facts]) -> dict[str, Shot]:
    return {name: Shot(one) for name, one in facts.items()}


CATALOG: Mapping[str, Mapping[str, Shot]] = {
    "diary": _folder("2019-03-05T10:00:00", _of(_DIARY)),  # a Tuesday
    "scripts": _folder("2018-03-05T10:00:00", {name: Shot(Facts()) for name in _SCRIPTS}),  # Monday
    "typed": _folder("2013-03-05T10:00:00", {name: Shot(Facts()) for name in _TYPED}),  # Tuesday
    "globe": _folder("2016-03-05T10:00:00", _of(_GLOBE)),  # Saturday
    "gear": _folder("2015-03-05T10:00:00", _of(_GEAR)),  # Thursday
    "stars": _folder("2014-03-05T10:00:00", _of(_STARS)),  # Wednesday
    "calendar": {
        **{f"{name}.jpg": _dated(Shot(Facts()), *when) for name, when in _DATES.items()},
        **{f"{name}.jpg": Shot(Facts()) for name in _UNDATED},
    },
    "shapes": _folder("2017-03-06T10:00:00", _SHAPES),  # Monday
    "events": _folder("2020-03-05T10:00:00", _EVENTS),  # Thursday
    "negatives": _folder("1987-08-01T00:00:00", _ROLL, "month"),
}
IMPORTED = {"stars": "2026-06-14T21:59:59Z", "events": "2026-06-14T22:00:00Z"}  # before and after midnight at +02:00
