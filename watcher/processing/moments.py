"""A point in time as pictures write it: from text to a Moment, and from an instant to local time.

Owns the ways to write a date (EXIF's, XMP's, IPTC's) and the arithmetic of offsets and zones. Which date of a
picture counts is dates.py's to know.
Rules: Exif 2.32 section 4.6.5 (DateTime, OffsetTime); XMP part 1, Date (a profile of ISO 8601).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

_DATE = re.compile(
    r"(?P<year>\d{4})(?:[-:/.]?(?P<month>\d\d)(?:[-:/.]?(?P<day>\d\d)"
    r"(?:[T ]+(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<offset>Z|[+-]\d\d?:?\d\d)?)?)?)?[\s:]*",
    re.ASCII,
)
_QUARTER = timedelta(minutes=15)
_FARTHEST = timedelta(hours=14)
_SLACK = timedelta(minutes=1)  # a receiver's fix and the camera's own clock are never the same second


@dataclass(frozen=True, slots=True)
class Moment:
    """`at`: the clock on the wall, whole seconds; `fraction`: ".123" or ""; `offset`: "+02:00" or None;
    `precision`: second day month year."""

    at: datetime
    fraction: str
    offset: str | None
    precision: str


def parsed(text: str) -> Moment | None:
    """What a date's text says; None when it is none, or there is no such day or hour."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = (int(match[name] or 1) for name in ("year", "month", "day"))
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    try:
        at = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    precision = "second" if match["hour"] else match.lastgroup or "year"
    fraction = f".{match['fraction'][:3]:0<3}" if match["fraction"] else ""
    return Moment(at, fraction, _offset(match["offset"]), precision)


def _offset(text: str | None) -> str | None:
    """`+02:00`, from Z, +0200, +2:00; None when no place on earth keeps such time."""
    digits = (text or "").lstrip("+-Z").replace(":", "").zfill(4)
    hours, minutes = int(digits[:2]), int(digits[2:])
    if text is None or hours > 14 or minutes > 59:
        return None
    return f"{'-' if text[0] == '-' else '+'}{hours:02}:{minutes:02}"


def written(offset: timedelta) -> str:
    """`+02:00`; what a zone had before there were zones (+00:53:28) loses its seconds."""
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def distance(offset: str) -> timedelta:
    """How far east of UTC `+02:00` is."""
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    return -size if offset[0] == "-" else size


def in_utc(instant: Moment) -> datetime:
    """The instant as an aware time; a moment without an offset is taken for UTC."""
    return (instant.at - distance(instant.offset or "+00:00")).replace(tzinfo=UTC)


def local(instant: Moment, offset: str | None, zone: str) -> Moment:
    """The instant on the wall's clock at this offset, or in this IANA zone ("" is the machine's)."""
    there = timezone(distance(offset)) if offset else ZoneInfo(zone) if zone else None
    at = in_utc(instant).astimezone(there)
    return replace(instant, at=at.replace(tzinfo=None), offset=written(at.utcoffset() or timedelta(0)))


def offset_between(wall: Moment, instant: Moment) -> str | None:
    """The offset that makes them the same shot: whole quarter hours, up to 14 h, to within a minute; else None."""
    apart = wall.at.replace(tzinfo=UTC) - in_utc(instant)
    offset = round(apart / _QUARTER) * _QUARTER
    return written(offset) if abs(offset) <= _FARTHEST and abs(apart - offset) <= _SLACK else None
