"""When a picture was taken: which of its dates counts, and what offset its clock had.

Owns the order of the sources and what makes a date unbelievable. How a date is written is moments.py's, what a
file name says filenames.py's to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from watcher.processing import exif, filenames, iptc, moments, xmp
from watcher.processing.moments import Moment
from watcher.processing.sources import Named, Sources, Stated

_OLDEST_YEAR = 1826  # of the first photograph that lasts
_DAY = timedelta(days=1)
_DAY_SECONDS = 86400
_DOS_ZERO = datetime(1980, 1, 1)  # what FAT and zip have for a time that nobody set
_OFFSETS = ("OffsetTimeOriginal", "OffsetTime", "OffsetTimeDigitized")
_UNSET = "0000-00-00"  # a date that was stated and is none
_IMPOSSIBLE = "it cannot be true"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a file beside its content: name as dropped, mtime and first sight in unix seconds or None,
    the time zone of the place (IANA, "" is the machine's), and the present in unix seconds."""

    now: float
    name: str = ""
    mtime: float | None = None
    first_seen: float | None = None
    timezone: str = ""


class Taken(NamedTuple):
    """The date that counts (None: undated) and all that were stated, in order; `invalid`: one was passed over."""

    moment: Moment | None
    source: str | None
    stated: list[Stated]
    invalid: bool


class _Date(NamedTuple):
    text: str
    instant: bool = False  # a point on the world's clock, not on the wall's


_NONE = _Date("")


def taken(sources: Sources, arrival: Arrival) -> Taken:
    """The first date in the order of `_ORDER` that can be true."""
    moment, winner, stated, invalid = None, None, [], False
    for source, reader in _ORDER:
        date = reader(sources, arrival)
        if not any(c.isdigit() for c in date.text):
            continue  # EXIF writes an unknown date as blanks between colons
        found = _believed(date, sources, arrival)
        stated.append(Stated(source, (exif.clean(date.text) or "",), "" if found else _IMPOSSIBLE))
        if moment is None:
            moment, winner = found, source if found else None
            invalid |= found is None
    if moment is not None and moment.offset is None and moment.precision == "second":
        moment = replace(moment, offset=_measured_offset(moment, sources, arrival))
    return Taken(moment, winner, stated, invalid)


def _believed(date: _Date, sources: Sources, arrival: Arrival) -> Moment | None:
    """The local moment; None when it is none, or cannot be true."""
    moment = moments.parsed(date.text)
    if moment is None or not _OLDEST_YEAR <= moment.at.year < 9999:  # beyond, no arithmetic with zones
        return None
    if date.instant:
        moment = moments.local(moment, _stated_offset(sources.photo), arrival.timezone)
    latest = _there(arrival.now, arrival.timezone) + _DAY
    return moment if moment.at <= latest else None


def _there(seconds: float, zone: str) -> datetime:
    """Unix seconds as the clock on the wall of the place."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone) if zone else None).replace(tzinfo=None)


def _stated_offset(photo: Named) -> str | None:
    """The offset that EXIF states, whatever date it came with: that of the place."""
    return next(filter(None, (_offset_text(photo, tag) for tag in _OFFSETS)), None)


def _measured_offset(moment: Moment, sources: Sources, arrival: Arrival) -> str | None:
    """How the clock on the wall differs from an instant of the same shot, when that can be an offset."""
    for reader in (_gps, _xmp_gps, _takeout, _created, _name):
        date = reader(sources, arrival)
        instant = moments.parsed(date.text) if date.instant else None
        if instant and instant.precision == "second" and 1 < instant.at.year < 9999:
            offset = moments.offset_between(moment, instant)
            if offset:
                return offset
    return None


def _exif(tags: str, date_tag: str, fraction_tag: str, *offset_tags: str) -> Callable[[Sources, Arrival], _Date]:
    """Reads date, fraction and offset into one text. A broken fraction or offset does not cost the date."""

    def read(sources: Sources, _: Arrival) -> _Date:
        holder = sources.image if tags == "image" else sources.photo
        date = (exif.text(holder.get(date_tag)) or "").strip()
        if not re.search(r":\d\d:\d\d$", date, re.ASCII):
            return _Date(date)
        fraction = (exif.text(sources.photo.get(fraction_tag)) or "").strip()
        offset = next(filter(None, (_offset_text(sources.photo, tag) for tag in offset_tags)), "")
        return _Date(date + (f".{fraction}" if re.fullmatch(r"\d+", fraction, re.ASCII) else "") + offset)

    return read


def _offset_text(photo: Named, tag: str) -> str | None:
    text = (exif.text(photo.get(tag)) or "").strip()
    return {"Z": "+00:00"}.get(text, text) if re.fullmatch(r"Z|[+-](0\d|1[0-4]):[0-5]\d", text, re.ASCII) else None


def _xmp(name: str) -> Callable[[Sources, Arrival], _Date]:
    return lambda sources, _: _Date(xmp.text(sources.xmp.get(name)) or "")


def _sidecar(name: str) -> Callable[[Sources, Arrival], _Date]:
    return lambda sources, _: _Date(xmp.text(sources.sidecar.get(name)) or "")


def _takeout(sources: Sources, _: Arrival) -> _Date:
    seconds = sources.takeout.taken
    return _NONE if seconds is None else _unix(seconds)


def _filmed(sources: Sources, _: Arrival) -> _Date:
    return _Date(sources.movie.get("creationdate", ""))


def _created(sources: Sources, _: Arrival) -> _Date:
    """Of a movie's header, in UTC (ISO 14496-12); nobody set the clock that says when its count began."""
    text = sources.movie.get("creation_time", "")
    return _NONE if text.startswith("1904-01-01") else _Date(text, instant=True)


def _iptc(sources: Sources, _: Arrival) -> _Date:
    return _Date(iptc.date(sources.iptc))


def _gps(sources: Sources, _: Arrival) -> _Date:
    """The receiver's date and time, both: an instant in UTC (Exif 2.32, GPSDateStamp and GPSTimeStamp)."""
    day = (exif.text(sources.gps.get("GPSDateStamp")) or "").strip()
    time = sources.gps.get("GPSTimeStamp")
    parts = [exif.number(part) for part in time] if isinstance(time, tuple) else []
    if not any(c.isdigit() for c in day) or len(parts) != 3:
        return _NONE
    hour, minute, second = (-1.0 if part is None else part for part in parts)
    thousandths = round(second % 1 * 1000)
    clock = f"{int(hour):02}:{int(minute):02}:{int(second):02}"
    return _Date(f"{day} {clock}" + (f".{thousandths:03}" if 0 < thousandths < 1000 else ""), instant=True)


def _xmp_gps(sources: Sources, _: Arrival) -> _Date:
    """XMP part 2, exif:GPSTimeStamp: date and time together, in UTC."""
    text = xmp.text(sources.xmp.get("exif:GPSTimeStamp")) or ""
    moment = moments.parsed(text)
    return _Date(text, instant=True) if moment is None or moment.precision == "second" else _NONE


def _name(_: Sources, arrival: Arrival) -> _Date:
    found = filenames.date(arrival.name)
    return _Date(found.text, found.utc) if found else _NONE


def _mtime(_: Sources, arrival: Arrival) -> _Date:
    """Only one that is a day older than the file's arrival: a younger one says when it was copied."""
    seen = arrival.now if arrival.first_seen is None else arrival.first_seen
    if arrival.mtime is None or arrival.mtime > seen - _DAY_SECONDS:
        return _NONE
    try:
        unset = _there(arrival.mtime, arrival.timezone) == _DOS_ZERO
    except (OverflowError, ValueError, OSError):  # before year 1
        unset = False
    return _Date(_UNSET) if unset else _unix(arrival.mtime)


def _unix(seconds: float) -> _Date:
    """Unix seconds as the date that they stand for; 0 is what a clock says that nobody set."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # no such year
        return _Date(f"{seconds:.0f}")
    return _Date(moment.replace(tzinfo=None).isoformat(timespec="seconds") if seconds else _UNSET, instant=True)


# One entry a source, the first that can be believed wins. To come: an edit made with watcher before all.
_ORDER: tuple[tuple[str, Callable[[Sources, Arrival], _Date]], ...] = (
    ("XMP-sidecar:exif:DateTimeOriginal", _sidecar("exif:DateTimeOriginal")),
    ("XMP-sidecar:photoshop:DateCreated", _sidecar("photoshop:DateCreated")),
    ("XMP-sidecar:xmp:CreateDate", _sidecar("xmp:CreateDate")),
    ("EXIF:DateTimeOriginal", _exif("photo", "DateTimeOriginal", "SubSecTimeOriginal", *_OFFSETS[:2])),
    ("QuickTime:CreationDate", _filmed),
    ("XMP-exif:DateTimeOriginal", _xmp("exif:DateTimeOriginal")),
    ("XMP-photoshop:DateCreated", _xmp("photoshop:DateCreated")),
    ("IPTC:DateCreated", _iptc),
    ("EXIF:DateTimeDigitized", _exif("photo", "DateTimeDigitized", "SubSecTimeDigitized", *_OFFSETS[:0:-1])),
    ("QuickTime:CreateDate", _created),
    ("XMP-xmp:CreateDate", _xmp("xmp:CreateDate")),
    ("Takeout:photoTakenTime", _takeout),
    ("GPS:GPSDateTime", _gps),
    ("XMP-exif:GPSTimeStamp", _xmp_gps),
    ("name", _name),
    ("EXIF:DateTime", _exif("image", "DateTime", "SubSecTime", "OffsetTime")),
    ("mtime", _mtime),
)


def instants(sources: Sources) -> Iterator[str]:
    """What the receiver's clock said, in UTC, as it is written."""
    nowhere = Arrival(0)
    yield from (date.text for date in (_gps(sources, nowhere), _xmp_gps(sources, nowhere)) if date.text)
