"""What a single term means: a word, or a value behind the name of a field or of a question (`is:`, `near:`)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from watcher.fields import ALIASES, NAMES, columns_of, kind_of
from watcher.querying.folding import fold, stands_alone, tokens
from watcher.querying.lexing import Term
from watcher.querying.mistakes import QueryError
from watcher.querying.tree import (
    All,
    Bound,
    Calendar,
    DroppedAgain,
    Exact,
    Inside,
    Letters,
    Near,
    Node,
    Not,
    Present,
    Range,
    Regex,
    Rendition,
    Shape,
    Words,
)

LEAST_INSIDE = 2  # letters: one stands in nearly every word
_NEAR_METRES = 1000.0

_FAVOURITE = Range("favourite", Bound(1, True), Bound(1, True))
_IS: Mapping[str, Node] = {
    "duplicate": DroppedAgain(),
    "undated": Not(Present("taken_at")),
    "favourite": _FAVOURITE,
    "landscape": Shape("landscape"),
    "portrait": Shape("portrait"),
    "square": Shape("square"),
    "panorama": Shape("panorama"),
}
_SWITCH: Mapping[str, Node] = {
    **dict.fromkeys(("yes", "true", "1"), _FAVOURITE),
    **dict.fromkeys(("no", "false", "0"), Not(_FAVOURITE)),
}
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DIGESTS = ("digest", "stored_digest")
_SIGNED = ("taken_offset",)  # a word has no sign, and +02:00 is not -02:00


def node(term: Term, query: str, now: datetime) -> Node:
    """The condition that `term` of `query` puts. Raises QueryError for what it cannot mean."""
    if term.name is None or (not is_known(term.name) and _is_no_field(term)):
        # a colon that is no field's is text; so is what was read as a sign
        return _at(term, query, lambda: _worded(None, query[term.position : term.at] + term.value, term))
    name = term.name.lower()
    if not is_known(name):
        raise QueryError(_unknown(term), term.position, query)
    if not term.value.strip():
        raise QueryError(f"{name}: needs a value", term.position, query)
    return _at(term, query, lambda: _of_field(name, term, now))


def is_known(name: str) -> bool:
    """Whether `name:` may begin a term."""
    lower = name.lower()
    return lower in NAMES or lower in ALIASES or lower in _QUESTIONS or lower.startswith("renditions.")


def _is_no_field(term: Term) -> bool:
    """Text that only looks like a field: an address, a Windows path, a word with a colon behind it."""
    return not term.quoted and (not term.value or term.value.startswith(("//", "\\")))


def _unknown(term: Term) -> str:
    name = term.name or ""
    import difflib

    close = difflib.get_close_matches(name.lower(), [*NAMES, *ALIASES, *_QUESTIONS], n=1)
    hint = f"did you mean {close[0]!r}?" if close else "watcher fields lists them"
    if name.lower() in ("year", "date", "day"):
        hint = "write taken:2023, or taken:2023-07-14"
    return f"no field is called {name!r}; {hint} (in quotes it is text)"


def _at(term: Term, query: str, read: Callable[[], Node]) -> Node:
    """What `read` gives; its ValueError becomes a mistake at the term's value."""
    try:
        return read()
    except ValueError as error:
        name = f"{term.name}: " if term.name and is_known(term.name) else ""
        raise QueryError(f"{name}{error}", term.at, query) from None


def _of_field(name: str, term: Term, now: datetime) -> Node:
    # imported where they are met: most searches are for words, and wait for their patterns in vain
    from watcher.querying.numbers import number_range
    from watcher.querying.periods import time_range

    if name in _QUESTIONS:
        return _QUESTIONS[name](term.value.strip())
    if name == "renditions" or name.startswith("renditions."):
        return _rendition(name, term)
    field = columns_of(name)[0] if len(columns_of(name)) == 1 else name
    if not term.quoted and not term.sign and term.value.lower() in ("none", "any"):
        return Present(field) if term.value.lower() == "any" else Not(Present(field))
    if term.sign == ":":
        return Regex(field, _pattern(term.value))
    if kind_of(field) == "number":
        return number_range(field, term.value)
    if kind_of(field) == "time":
        return time_range(field, term.value, now)
    if kind_of(field) == "flag":
        return _one_of(_SWITCH, term.value)
    return Exact(field, term.value) if term.sign or field in _SIGNED else _text(field, term)


def _text(field: str, term: Term) -> Node:
    if field in _DIGESTS:
        start = term.value.lower()
        return Range(field, Bound(start, True), Bound(start + "g", False))  # no hex digit comes after f
    return _worded(field, term.value, term)


def _worded(field: str | None, text: str, term: Term) -> Node:
    """Words, with the stars that a bare one may have around it and a phrase behind it."""
    found = tokens(text)
    before = not term.quoted and text.startswith("*")
    after = term.starred if term.quoted else text.endswith("*")
    if not found:
        return Letters(text, field) if text else All(())
    if before and not all(map(stands_alone, found)):
        return _inside(field, found)
    return Words(found, field, open=after and not stands_alone(found[-1]))


def _inside(field: str | None, found: tuple[str, ...]) -> Node:
    letters = " ".join(found)
    if len(letters) < LEAST_INSIDE:
        raise ValueError(f"*{letters}* is too short: inside words at least {LEAST_INSIDE} letters are looked for")
    return Inside(letters, field)


def _pattern(text: str) -> str:
    try:
        re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _rendition(name: str, term: Term) -> Node:
    """`renditions:thumb` and `renditions.thumb:any` say the same."""
    recipe = name.partition(".")[2]
    value = term.value.lower()
    if value in ("any", "none"):
        found = Rendition((term.name or "").partition(".")[2] or None)
        return found if value == "any" else Not(found)
    if recipe or term.sign == ":":
        raise ValueError("only any or none can be asked of a rendition")
    return Rendition(term.value)


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
        raise ValueError(f"no field is called {value!r}{_nearest(name, ['gps', *known])}")
    columns = columns_of(name)
    return Present(columns[0] if len(columns) == 1 else name)


def _is(value: str) -> Node:
    return _one_of(_IS, value)


def _flag(value: str) -> Node:
    if value.lower() in ("none", "any"):
        return Present("flags") if value.lower() == "any" else Not(Present("flags"))
    return Exact("flags", fold(value))


def _one_of(known: Mapping[str, Node], value: str) -> Node:
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


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else " (watcher fields lists them)"


_QUESTIONS: Mapping[str, Callable[[str], Node]] = {
    "is": _is,
    "has": _has,
    "flag": _flag,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
    "near": _near,
}
