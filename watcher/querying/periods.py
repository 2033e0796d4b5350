"""Points in time as people write them, each a period as long as it is precise: `2023-07` is all of July."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

from watcher.querying.tree import Bound, Range

_ABSOLUTE = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2})(?::(\d{2})(?::(\d{2}))?)?)?)?)?", re.ASCII | re.I
)
_GIVEN = re.compile(r"(.*?)(\.\d{1,3})?([Zz]|[+-](?:0\d|1[0-4]):[0-5]\d)?", re.ASCII | re.S)
_RELATIVE = re.compile(r"([+-]?\d{1,6})([hdwmy])", re.ASCII | re.I)
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(.*)", re.S)
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_FORMS = "2023, 2023-07, 2023-07-15, 2023-07-15T14:30, today, yesterday, or -2w (h d w m y)"

Period = tuple[datetime, "datetime | None"]  # from, and what is no longer in it; None is the end of the calendar


def time_range(field: str, text: str, now: datetime) -> Range:
    """What `text` allows for `field`: a point, `a..b` with both ends included whole, `>=a`.

    `taken_at` is compared as local time; `imported_at` as UTC, into which local time is turned by the zone of `now`
    (none: that of the machine), and what has an offset or a Z by that.
    Raises ValueError with a sentence.
    """
    start, end = _limits(text.strip(), now)
    low = None if start is None else Bound(_written(field, start, now), included=True)
    high = None if end is None else Bound(_written(field, end, now), included=False)
    return Range(field, low, high)


def _limits(text: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The first moment that is meant, and the first that no longer is."""
    compared = _COMPARED.fullmatch(text)
    if compared:
        start, end = period(compared[2], now)
        inside = {"<": (None, start), "<=": (None, end), ">": (end or datetime.max, None), ">=": (start, None)}
        return inside[compared[1]]
    low, dots, high = text.partition("..")
    if not dots:
        return period(low, now)
    if not low and not high:
        raise ValueError("a range needs at least one end")
    return period(low, now)[0] if low else None, period(high, now)[1] if high else None


def period(text: str, now: datetime) -> Period:
    """The period that `text` names: naive local time, or of its own offset. Raises ValueError with a sentence."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    try:
        if text.lower() in _DAYS:
            start = today + timedelta(days=_DAYS[text.lower()])
            return start, _after(start, "d")
        if relative := _RELATIVE.fullmatch(text):
            return _relative(int(relative[1]), relative[2].lower(), now.replace(tzinfo=None))
        if given := _given(text):
            return _absolute(*given)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such date as {text!r}") from None
    raise ValueError(f"{text!r} is not a date: write {_FORMS}")


def moment(text: str) -> tuple[str, str, str | None]:
    """A point in time that a person gives: as the catalog writes it, its precision, and its offset from UTC if given.

    Of `2024`, `2024-05`, `2024-05-17`, `2024-05-17T14:23`, with seconds, their fraction, `+02:00` or `Z`. Raises
    ValueError with a sentence.
    """
    given = _given(text.strip())
    if not given or len(given[0]) == 4:
        raise ValueError(f"{text!r} is not a date: write 2024, 2024-05, 2024-05-17, 2024-05-17T14:23 or ...T14:23:01")
    parts, fraction, zone = given
    try:
        start, _ = _absolute(parts)
    except ValueError:
        raise ValueError(f"there is no such date as {text!r}") from None
    precision = ("year", "month", "day", "", "second", "second")[len(parts) - 1]
    return start.isoformat(timespec="seconds") + fraction, precision, "+00:00" if zone == "Z" else zone or None


def _given(text: str) -> tuple[list[int], str, str] | None:
    """The numbers of a date, its fraction of a second as `.5`, its offset or Z; empty where it has none."""
    split = _GIVEN.fullmatch(text)
    absolute = _ABSOLUTE.fullmatch(split[1]) if split else None
    if not split or not absolute:
        return None
    parts = [int(part) for part in absolute.groups() if part is not None]
    fraction, zone = split[2] or "", (split[3] or "").upper()
    if (fraction and len(parts) < 6) or (zone and len(parts) < 5):
        return None
    return parts, fraction, zone


def _absolute(parts: list[int], fraction: str = "", zone: str = "") -> Period:
    start = datetime(*(*parts, 1, 1)[:3] if len(parts) < 3 else parts)
    if zone:
        start = datetime.fromisoformat(start.isoformat() + zone)
    if fraction:
        start += timedelta(seconds=float(fraction))
        return start, _later(start, timedelta(milliseconds=10 ** (4 - len(fraction))))
    return start, _after(start, "ymdhMS"[len(parts) - 1])


def _relative(number: int, unit: str, now: datetime) -> Period:
    """The hour or the day that lies so far from now."""
    if unit == "h":
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=number)
        return start, _after(start, "h")
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in "dw":
        start = today + timedelta(days=number * (7 if unit == "w" else 1))
    else:
        start = _months_later(today, number * (12 if unit == "y" else 1))
    return start, _after(start, "d")


def _months_later(day: datetime, number: int) -> datetime:
    year, month = divmod(day.year * 12 + day.month - 1 + number, 12)
    last = calendar.monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 28
    return day.replace(year=year, month=month + 1, day=min(day.day, last))  # 31 March less a month is 28 February


def _after(start: datetime, unit: str) -> datetime | None:
    """When a period of one `unit` is over."""
    lengths = {"d": timedelta(1), "h": timedelta(hours=1), "M": timedelta(minutes=1), "S": timedelta(seconds=1)}
    if unit in lengths:
        return _later(start, lengths[unit])
    try:
        return _months_later(start, 12 if unit == "y" else 1)
    except (ValueError, OverflowError):
        return None


def _later(start: datetime, length: timedelta) -> datetime | None:
    try:
        return start + length
    except OverflowError:
        return None


def _written(field: str, moment: datetime, now: datetime) -> str:
    """A moment as the catalog writes it, so that text compares as time does."""
    if field != "imported_at":
        if moment.tzinfo is not None:
            raise ValueError("the time on the camera's clock is asked for: leave out the offset, or the Z")
        return _as_text(moment)
    try:
        utc = (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).astimezone(UTC)
    except (ValueError, OverflowError):  # at the ends of the calendar a zone leads out of it
        utc = moment.replace(tzinfo=UTC)
    return _as_text(utc.replace(tzinfo=None))


def _as_text(moment: datetime) -> str:
    # without the zeros at the end, and so not behind one that was read with as few digits
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.rstrip("0") if moment.microsecond else text
