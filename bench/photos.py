"""The photographs that the benchmarks work on: 12 MP JPEGs with EXIF, the same ones on every machine.

Owns their making and their cache. Landscapes are `watcher.painting`'s; noise makes them as large, and as slow to
decode, as what a camera writes. The same index gives the same pixels; the bytes can differ with another libjpeg.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

from PIL import Image, ImageChops

from watcher.painting import paint
from watcher.places import CAMERAS, PLACES
from watcher.processing.metadata import build_exif

FRAME = (4000, 3000)  # px
PAINTED = (1000, 750)  # px; enlarged to FRAME
NOISE = 4.0  # standard deviation in levels of 255: brings a file to about 2.6 MB
QUALITY = 90
ORIENTATIONS = (1, 1, 1, 6, 8, 3)  # most are held level
FIRST_TAKEN = datetime(2023, 1, 1, 9, 30)

_MIDDLE = 128
_TO_NOISE = bytes(round(NormalDist(_MIDDLE, NOISE).inv_cdf((level + 0.5) / 256)) for level in range(256))


def photographs(folder: Path, count: int) -> list[Path]:
    """The first `count` photographs, from `folder` where they are there already; about 0.5 s a missing one."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"IMG_{index:04}.JPG" for index in range(count)]
    missing = [index for index, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(_make, missing, [paths[index] for index in missing]):
            pass
    return paths


def _make(index: int, path: Path) -> None:
    # a half-written file of an interrupted run would be taken for a photograph by the next
    half = path.with_suffix(".part")
    _picture(index).save(
        half, "JPEG", quality=QUALITY, subsampling="4:2:0", exif=_exif(index, ORIENTATIONS[index % len(ORIENTATIONS)])
    )
    os.replace(half, path)


def _picture(index: int) -> Image.Image:
    place = PLACES[index % len(PLACES)]
    painted = paint(place.light, place.layers, *PAINTED, seed=f"bench {index}")
    image = Image.frombytes("RGB", PAINTED, painted).resize(FRAME, Image.Resampling.BICUBIC)
    # not Image.effect_noise: its noise depends on what the process drew before
    grain = Random(index).randbytes(FRAME[0] * FRAME[1]).translate(_TO_NOISE)
    noise = Image.frombytes("L", FRAME, grain)
    return ImageChops.add(image, Image.merge("RGB", (noise, noise, noise)), offset=-_MIDDLE)


def _exif(index: int, orientation: int) -> bytes:
    place, camera = PLACES[index % len(PLACES)], CAMERAS[index % len(CAMERAS)]
    taken = (FIRST_TAKEN + timedelta(hours=37 * index)).strftime("%Y:%m:%d %H:%M:%S")
    zeroth: dict[int, Any] = {
        0x010E: place.description.encode(),
        0x010F: camera.make,
        0x0110: camera.model,
        0x0112: orientation,
        0x0132: taken,
    }
    exif: dict[int, Any] = {
        0x829A: (1, 250),
        0x829D: _ratio(camera.closed),
        0x8827: place.light.iso,
        0x9003: taken,
        0x9004: taken,
        0x920A: _ratio(camera.focal_mm),
        0xA434: camera.lens,
    }
    return build_exif(zeroth, exif, _position(place.latitude, place.longitude))


def _position(latitude: float, longitude: float) -> dict[int, Any]:
    return {
        1: "N" if latitude >= 0 else "S",
        2: _degrees(latitude),
        3: "E" if longitude >= 0 else "W",
        4: _degrees(longitude),
    }


def _degrees(value: float) -> tuple[tuple[int, int], ...]:
    return (round(abs(value) * 1_000_000), 1_000_000), (0, 1), (0, 1)


def _ratio(value: float) -> tuple[int, int]:
    return Fraction(str(value)).as_integer_ratio()
