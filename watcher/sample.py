"""Sample photographs to try the program on: painted places, with the EXIF that a camera would have written.

Owns the files of a sample folder and their EXIF; places and cameras are `places`', how a landscape is painted
`painting`'s, how a file is encoded `processing`'s. Nothing asks a clock or chance: the same count gives the
same bytes.
"""

from __future__ import annotations

import math
import os
import zipfile
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from watcher.errors import ConfigError
from watcher.painting import Light, paint
from watcher.places import CAMERAS, PLACES, Camera, Place
from watcher.processing import image, metadata

ARCHIVE = "Highlights.zip"
BROKEN = "IMG_0999.JPG"
PAINTED_AT = 4  # px of a photograph for one painted px, in each direction
SPEEDS = [Fraction(n) for n in (8, 4, 2, 1)] + [
    Fraction(1, n) for n in (2, 4, 8, 15, 30, 60, 125, 250, 500, 1000, 2000, 4000, 8000)
]


def write(directory: str, count: int) -> None:
    """Fill a new or empty folder with `count` photographs, the last quarter of them in a zip.

    Beside them lie a copy of the first under another name and a JPEG that ends in its middle. Dates of files
    are those of the pictures. Raises ConfigError when the folder holds anything or cannot be made.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        if held := os.listdir(directory):
            raise ConfigError(f"{directory} is not empty ({min(held)} ...): name a new folder for the samples")
        _fill(directory, loose=count - count // 4, count=count)
    except OSError as error:
        raise ConfigError(f"cannot write samples to {directory}: {error.strerror}") from None


def _fill(directory: str, loose: int, count: int) -> None:
    for index in range(loose):
        _save(directory, *photograph(index))
    name, taken, content = photograph(0)
    _save(directory, "Copy of " + name, taken, content)
    _save(directory, BROKEN, taken, content[: len(content) // 2])
    if loose < count:
        _archive(os.path.join(directory, ARCHIVE), range(loose, count))


def photograph(index: int) -> tuple[str, datetime, bytes]:
    """The photograph of that number, from 0: its file name, when it was taken, its bytes."""
    place, camera = PLACES[index % len(PLACES)], CAMERAS[index % len(CAMERAS)]
    orientation = index % 8 + 1
    visit = index // len(PLACES)  # the same places again, some days and minutes earlier
    taken = datetime.fromisoformat(place.taken) - timedelta(days=7 * visit, minutes=13 * visit)
    name = _file_name(place, camera, index, visit, taken)
    wide, high = camera.frame
    upright = (high, wide) if orientation > 4 else (wide, high)
    small = (upright[0] // PAINTED_AT, upright[1] // PAINTED_AT)
    content = image.from_rgb(
        *small,
        paint(place.light, place.layers, *small, seed=f"{place.title} {visit}"),
        enlarge_to=upright,
        orientation=orientation,
        format=_format(name),
        quality=86,
        exif=_exif(place, camera, taken, orientation, index),
    )
    return name, taken, content


def _file_name(place: Place, camera: Camera, index: int, visit: int, taken: datetime) -> str:
    if not place.name:
        utc = taken.astimezone(UTC)
        return camera.file_name.format(n=1042 + 37 * index, utc=utc, ms=_milliseconds(index))
    stem, suffix = os.path.splitext(place.name)
    return f"{stem} ({visit + 1}){suffix}" if visit else place.name


def _format(name: str) -> Literal["jpeg", "png", "webp"]:
    if name.endswith(".png"):
        return "png"
    return "webp" if name.endswith(".webp") else "jpeg"


def _milliseconds(index: int) -> int:
    return index * 389 % 1000


def _exif(place: Place, camera: Camera, taken: datetime, orientation: int, index: int) -> bytes:
    """EXIF 2.32 as the camera would write it, with the words a person added later. Tags by their numbers."""
    f_number, seconds = exposure(camera, place.light)
    when, offset = taken.strftime("%Y:%m:%d %H:%M:%S"), taken.strftime("%z")
    zeroth: dict[int, Any] = {
        0x010E: place.description.encode(),
        0x010F: camera.make,
        0x0110: camera.model,
        0x0112: orientation,
        0x0132: when,
        0x9C9B: _windows_text(place.title),
        0x9C9E: _windows_text(place.keywords),
    }
    exif: dict[int, Any] = {
        0x829A: _ratio(seconds),
        0x829D: _ratio(f_number),
        0x8827: place.light.iso,
        0x9000: b"0232",
        0x9003: when,
        0x9004: when,
        0x9010: f"{offset[:3]}:{offset[3:]}",
        0x9011: f"{offset[:3]}:{offset[3:]}",
        0x9291: f"{_milliseconds(index):03}",
        0x920A: _ratio(Fraction(str(camera.focal_mm))),
        0xA001: 1,
        0xA434: camera.lens,
    }
    return metadata.build_exif(zeroth, exif, _position(place, taken.astimezone(UTC)))


def _position(place: Place, utc: datetime) -> dict[int, Any]:
    return {
        0: (2, 3, 0, 0),
        1: "N" if place.latitude >= 0 else "S",
        2: _degrees(place.latitude),
        3: "E" if place.longitude >= 0 else "W",
        4: _degrees(place.longitude),
        5: 1 if place.altitude_m < 0 else 0,
        6: (abs(place.altitude_m), 1),
        7: ((utc.hour, 1), (utc.minute, 1), (utc.second, 1)),
        29: utc.strftime("%Y:%m:%d"),
    }


def exposure(camera: Camera, light: Light) -> tuple[Fraction, Fraction]:
    """The f-number, and of the times on a dial (in s) the one nearest to N² / 2^EV at the light's ISO."""
    f_number = camera.wide_open if light.exposure_value < 11 else camera.closed
    seconds = f_number**2 / 2.0**light.exposure_value * 100 / light.iso
    return Fraction(str(f_number)), min(SPEEDS, key=lambda speed: abs(math.log(speed / seconds)))


def _degrees(value: float) -> tuple[tuple[int, int], ...]:
    hundredths = round(abs(value) * 360_000)  # of a second
    return (hundredths // 360_000, 1), (hundredths // 6000 % 60, 1), (hundredths % 6000, 100)


def _ratio(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator


def _windows_text(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def _save(directory: str, name: str, taken: datetime, content: bytes) -> None:
    path = os.path.join(directory, name)
    with open(path, "xb") as file:
        file.write(content)
    os.utime(path, (taken.timestamp(), taken.timestamp()))


def _archive(path: str, indexes: range) -> None:
    folder = os.path.splitext(os.path.basename(path))[0]
    with zipfile.ZipFile(path, "x") as archive:
        for index in indexes:
            name, taken, content = photograph(index)
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", taken.timetuple()[:6]), content)
