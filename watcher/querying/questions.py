"""What can be asked besides the fields, each behind a name of its own: `is:`, `has:`, `month:`, `near:` and so on.

A reader takes what stands behind the name, and raises ValueError with a sentence for what that cannot mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from watcher.fields import ALIASES, NAMES, columns_of, nearest
from watcher.querying.folding import fold
from watcher.querying.tree import (
    All,
    Bound,
    Calendar,
    DroppedAgain,
    Exact,
    Near,
    Node,
    Not,
    Present,
    Range,
    Rendition,
    Shape,
)

_NEAR_METRES = 1000.0

FAVOURITE = Range("favourite", Bound(1, True), Bound(1, True))
_IS: Mapping[str, Node] = {
    "duplicate": DroppedAgain(),
    "undated": Not(Present("taken_at")),
    "favourite": FAVOURITE,
    "landscape": Shape("landscape"),
    "portrait": Shape("portrait"),
    "square": Shape("square"),
    "panorama": Shape("panorama"),
}
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")

# beside the fields, what can be asked; for whoever lists it
QUESTIONS: Mapping[str, str] = {
    "is": "landscape portrait square panorama undated favourite duplicate (dropped more than once)",
    "has": "a field that says something, as has:title; or gps, flag, renditions",
    "flag": "one of the flags, whole",
    "month": "of the date taken: 1 to 12 or jan to dec, or from one to another: nov..feb",
    "weekday": "of the date taken: 0 (Sunday) to 6, or sun to sat, or from one to another",
    "hour": "of the local time taken: 0 to 23, or from one to another",
    "near": "LATITUDE,LONGITUDE or LATITUDE,LONGITUDE,DISTANCE in m, km or mi; 1km unless said",
}


def _has(value: str) -> Node:
    name = value.lower()
    if name == "flag":
        return Present("flags")
    if name == "gps":
        return All((Present("latitude"), Present("longitude")))
    if name == "renditions":
        return Rendition(None)
    known = [*NAMES, *ALIASES]
    if name not in known:
        raise ValueError(f"no field is called {value!r}{nearest(name, ['gps', *known])}")
    columns = columns_of(name)
    return Present(columns[0] if len(columns) == 1 else name)


def _is(value: str) -> Node:
    return one_of(_IS, value)


def _flag(value: str) -> Node:
    if value.lower() in ("none", "any"):
        return Present("flags") if value.lower() == "any" else Not(Present("flags"))
    return Exact("flags", fold(value))


def one_of(known: Mapping[str, Node], value: str) -> Node:
    """What `value` stands for. Raises ValueError, which lists what is known."""
    found = known.get(value.strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is none of {', '.join(known)}")
    return found


def _month(value: str) -> Node:
    return Calendar("month", _cycle(value, dict(zip(_MONTHS, range(1, 13), strict=True)), range(1, 13)))


def _weekday(value: str) -> Node:
    return Calendar("weekday", _cycle(value, dict(zip(_WEEKDAYS, range(7), strict=True)), range(7)))


def _hour(value: str) -> Node:
    return Calendar("hour", _cycle(value, {}, range(24)))


def _cycle(value: str, names: Mapping[str, int], numbers: range) -> tuple[int, ...]:
    """The numbers from one to the other, over the turn of the year, week or day where the first is the later."""
    low, dots, high = value.partition("..")
    first = _place(low, names, numbers) if low or not dots else numbers[0]
    last = (_place(high, names, numbers) if high else numbers[-1]) if dots else first
    round_trip = [*numbers, *numbers]
    start = round_trip.index(first)
    return tuple(sorted(set(round_trip[start : round_trip.index(last, start) + 1])))


def _place(text: str, names: Mapping[str, int], numbers: range) -> int:
    word = text.strip().lower()
    named = [number for name, number in names.items() if len(word) >= 3 and name.startswith(word)]
    if named:
        return named[0]
    if word.isascii() and word.isdigit() and len(word) <= 2 and int(word) in numbers:
        return int(word)
    known = f" or {', '.join(name[:3] for name in names)}" if names else ""
    raise ValueError(f"{text!r} is not one of {numbers[0]} to {numbers[-1]}{known}")


def _near(value: str) -> Node:
    from watcher.querying.numbers import LENGTHS, number

    parts = value.split(",")
    if len(parts) not in (2, 3):
        raise ValueError("write LATITUDE,LONGITUDE or LATITUDE,LONGITUDE,DISTANCE, as 48.21,16.37,5km")
    latitude, longitude = (float(number(part, {})) for part in parts[:2])
    metres = float(number(parts[2], LENGTHS)) if len(parts) == 3 else _NEAR_METRES
    if abs(latitude) > 90 or abs(longitude) > 180 or metres < 0 or not math.isfinite(metres):
        raise ValueError("latitudes are -90 to 90, longitudes -180 to 180, distances not negative")
    return Near(latitude, longitude, metres)


READERS: Mapping[str, Callable[[str], Node]] = {
    "is": _is,
    "has": _has,
    "flag": _flag,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
    "near": _near,
}
