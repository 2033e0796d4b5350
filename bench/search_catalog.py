"""A generated catalog of N assets, the same each time; its words are spread as in language (Zipf)."""

from __future__ import annotations

import bisect
import itertools
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from watcher.db.connect import open_writer, transaction

WORDS = 50_000
CAMERAS = [
    (make, f"{make.title()} {letter}{number}")
    for make in ("CANON", "NIKON CORPORATION", "SONY", "FUJIFILM", "Apple", "samsung")
    for letter, number in zip("ABCDEF", (5, 6, 7, 10, 100, 2000), strict=True)
]
ISO = (50, 64, 100, 100, 100, 200, 200, 400, 400, 800, 1600, 3200, 6400, 12800)
PLACES = (
    (48.21, 16.37, "Vienna, Austria"),
    (38.72, -9.14, "Lisbon, Portugal"),
    (64.15, -21.94, "Reykjavík, Iceland"),
    (35.68, 139.69, "東京都, 日本"),
    (-33.87, 151.21, "Sydney, Australia"),
    (-16.5, 179.99, "Taveuni, Fiji"),
)
START = datetime(2000, 1, 1)
CHUNK = 2000
COLUMNS = (
    "digest", "stored_digest", "key", "name", "format", "size", "width", "height", "orientation", "taken_at",
    "taken_precision", "taken_source", "camera_make", "camera_model", "lens", "iso", "f_number", "exposure_time",
    "exposure", "focal_length_mm", "latitude", "longitude", "title", "description", "keywords", "rating", "place",
    "favourite", "flags", "folder", "batch", "inbox", "imported_at", "metadata", "job_id",
)  # fmt: skip


class Vocabulary:
    """Words of two to four syllables; the n-th comes 1/n as often as the first."""

    def __init__(self, rng: random.Random) -> None:
        syllables = [a + b for a in "bcdfghklmnprstvwz" for b in "aeiou"]
        found: dict[str, None] = {}
        while len(found) < WORDS:
            found["".join(rng.choices(syllables, k=rng.choice((2, 3, 3, 4))))] = None
        self.words = list(found)
        self._sums = list(itertools.accumulate(1 / rank for rank in range(1, WORDS + 1)))
        self._rng = rng

    def some(self, least: int, most: int) -> list[str]:
        return [self._one() for _ in range(self._rng.randint(least, most))]

    def _one(self) -> str:
        return self.words[bisect.bisect(self._sums, self._rng.random() * self._sums[-1])]


def vocabulary() -> Vocabulary:
    return Vocabulary(random.Random(1))


def make(path: Path, assets: int) -> None:
    """Fill a new catalog at `path`."""
    connection = open_writer(str(path))
    connection.execute("pragma cache_size = -400000")
    rows = _rows(assets)
    while chunk := list(itertools.islice(rows, CHUNK)):
        with transaction(connection, durable=False):
            marks = ", ".join("?" * len(COLUMNS))
            connection.executemany(f"insert into assets ({', '.join(COLUMNS)}) values ({marks})", chunk)
            numbers = [row[-1] for row in chunk]
            connection.executemany(
                "insert into renditions values (?, ?, ?, 300, 300, 20000, 'f')",
                [(number, recipe, f"{recipe}/{number}.jpg") for number in numbers for recipe in ("preview", "thumb")],
            )
            connection.executemany(
                "insert into provenance (asset_id, job_id, name, created_at) values (?, ?, 'a.jpg', '2026')",
                [(number, job) for number in numbers for job in range(1 + (number % 200 == 0))],
            )
    connection.execute("insert into assets_fts (assets_fts) values ('optimize')")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def _rows(assets: int) -> Iterator[tuple[object, ...]]:
    words = vocabulary()
    rng = random.Random(2)
    moments = sorted(rng.random() for _ in range(assets))
    for number, moment in enumerate(moments, 1):
        yield _row(number, START + timedelta(days=9400 * moment), words, rng)


def _row(number: int, taken: datetime, words: Vocabulary, rng: random.Random) -> tuple[object, ...]:
    make, model = rng.choice(CAMERAS)
    portrait = rng.random() < 0.3
    wide, high = rng.choice(((4000, 3000), (6000, 4000), (4032, 3024), (8000, 2000)))
    latitude, longitude, place = rng.choice(PLACES) if rng.random() < 0.5 else (None, None, None)
    undated = rng.random() < 0.02
    exposure = rng.choice((30, 60, 125, 250, 500, 1000))
    folder = " ".join(words.some(1, 2)).title()
    return (
        f"{number:064x}", "s", f"originals/{taken:%Y/%m}/{number}.jpg",
        f"{rng.choice(('IMG', 'DSC', 'PXL'))}_{number % 10_000:04}.{rng.choice(('jpg', 'JPG', 'heic'))}",
        rng.choice(("jpeg", "jpeg", "jpeg", "heic", "raw", "png")), rng.randint(500_000, 20_000_000),
        high if portrait else wide, wide if portrait else high, 1,
        None if undated else taken.isoformat(timespec="seconds"), None if undated else "second", "EXIF",
        make, model, f"{rng.choice((16, 24, 50, 70))}-{rng.choice((85, 105, 200))}mm F{rng.choice((2.8, 4.0))}",
        rng.choice(ISO), rng.choice((1.8, 2.8, 4.0, 5.6, 8.0)), 1 / exposure, f"1/{exposure}", rng.randint(16, 200),
        None if latitude is None else latitude + rng.gauss(0, 0.1),
        None if longitude is None else max(-180, min(180, longitude + rng.gauss(0, 0.1))),
        " ".join(words.some(1, 5)).capitalize() if rng.random() < 0.4 else None,
        " ".join(words.some(5, 30)).capitalize() if rng.random() < 0.2 else None,
        json.dumps(list(dict.fromkeys(words.some(0, 6)))), rng.choice((None, None, None, 1, 3, 4, 5)), place,
        1 if rng.random() < 0.02 else None, '["hdr_gain_map"]' if rng.random() < 0.01 else "[]",
        folder, folder, "phone",
        (taken + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ"), json.dumps({"EXIF": {"MakerNote": "x" * 1000}}),
        number,
    )  # fmt: skip
