"""What SQL lacks and a query needs: patterns, distances, and an end to a pattern that does not come to one."""

from __future__ import annotations

import contextlib
import math
import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from types import FrameType

EARTH_METRES = 6_371_008.8  # mean radius, IUGG


def add_functions(connection: sqlite3.Connection) -> None:
    """`X regexp Y` and `metres(latitude, longitude, latitude, longitude)`, on this connection."""
    connection.create_function("regexp", 2, _found, deterministic=True)
    connection.create_function("metres", 4, metres, deterministic=True)


def metres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The way over a sphere (haversine), sound for short ways and at the poles; off by up to 0.6 % on the ellipsoid."""
    north, other = math.radians(latitude), math.radians(other_latitude)
    across = math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    half = math.sin((other - north) / 2) ** 2 + math.cos(north) * math.cos(other) * across
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, half)))


def _found(pattern: str, text: object) -> bool | None:
    # re keeps compiled patterns by itself
    return None if text is None else re.search(pattern, str(text), re.IGNORECASE) is not None


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
