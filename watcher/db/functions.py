"""What SQL lacks and a query needs: patterns, distances, and an end to a pattern that comes to none."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from watcher.db.wording import AND, is_plain, items

EARTH_METRES = 6_371_008.8  # mean radius, IUGG


def add_functions(connection: sqlite3.Connection) -> None:
    """Of a pattern and a value: `found`, `found_in_list` (a JSON array), `found_in_several` (joined by AND). Of a
    pattern and any of some values, which come again and again: `found_in_few`. And
    `metres(latitude, longitude, latitude, longitude)`.
    """
    found: dict[str, tuple[int, Callable[..., bool]]] = {
        "found": (2, _found),
        "found_in_few": (-1, functools.lru_cache(maxsize=1024)(_found_in_any)),
        "found_in_list": (2, _found_in_list),
        "found_in_several": (2, _found_in_several),
    }
    for name, (values, function) in found.items():
        connection.create_function(name, values, function, deterministic=True)
    connection.create_function("metres", 4, metres, deterministic=True)


def metres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The way over a sphere (haversine), sound for short ways and at the poles; off by up to 0.6 % on the ellipsoid."""
    north, other = math.radians(latitude), math.radians(other_latitude)
    across = math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    half = math.sin((other - north) / 2) ** 2 + math.cos(north) * math.cos(other) * across
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, half)))


def around(latitude: float, longitude: float, distance: float) -> list[tuple[float, float, float, float]]:
    """South, north, west, east of the boxes that hold all within `distance` metres.

    One, or two where the circle crosses the antimeridian.
    """
    angle = distance / EARTH_METRES + 1e-8  # some centimetres for rounding
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return [(south, north, -180.0, 180.0)]  # a pole lies in it, and with it every meridian
    half = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(latitude))))
    west, east = longitude - half, longitude + half
    if west < -180:
        return [(south, north, west + 360, 180.0), (south, north, -180.0, east)]
    if east > 180:
        return [(south, north, west, 180.0), (south, north, -180.0, east - 360)]
    return [(south, north, west, east)]


def _found(pattern: str, value: object) -> bool:
    return _search(pattern)(str(value)) is not None


def _found_in_any(pattern: str, *values: object) -> bool:
    search = _search(pattern)
    return any(search(str(value)) for value in values if value not in (None, ""))


def _found_in_several(pattern: str, text: str) -> bool:
    search = _search(pattern)
    return any(map(search, text.split(AND))) if AND in text else search(text) is not None


def _found_in_list(pattern: str, array: str) -> bool:
    rough = _rough(pattern)
    if rough and is_plain(array) and not rough(array[2:-2].replace('", "', "\n")):
        return False  # one look at all of them, where mostly none has it, takes half as long
    return any(map(_search(pattern), items(array)))


@functools.lru_cache(maxsize=64)
def _rough(pattern: str) -> Callable[[str], object] | None:
    """Finds something in lines wherever the pattern is found in one of them; None where that cannot be had.

    A line's ends are a text's own, but for what asks for the ends of a text, or what lies around a place in it.
    """
    if "(?" in pattern or "\\A" in pattern or "\\Z" in pattern:
        return None
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE).search


@functools.lru_cache(maxsize=64)
def _search(pattern: str) -> Callable[[str], object]:
    # re keeps compiled patterns too, but asking it for one takes as long as a search
    return re.compile(pattern, re.IGNORECASE).search


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Ends what runs inside after `seconds` with a TimeoutError, also in the midst of one match of one pattern.

    SQLite's progress handler cannot: it is not asked while a function runs. `re` looks for signals as it goes. They
    reach the main thread only; elsewhere nothing is limited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    expired = False

    def ring(signum: int, frame: FrameType | None) -> None:
        nonlocal expired
        expired = True
        raise TimeoutError

    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except sqlite3.OperationalError as error:  # what becomes of an exception in one of its functions
        if not expired:
            raise
        raise TimeoutError from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
