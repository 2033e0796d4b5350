"""The date in a file's name, where a camera, a phone or a person put one there on purpose.

Owns the patterns. Mere digits are no date: DSC_20240517, counters and telephone numbers say nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from watcher.processing import moments

_DAY8 = r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_TIME6 = r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
_DAY = r"(?P<year>(?:18|19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)"
_PATTERNS = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE | re.DOTALL)
    for pattern in (
        # PXL_20240517_142301123: a Pixel writes UTC
        rf"(?P<utc>PXL)_{_DAY8}_{_TIME6}(?P<fraction>\d{{3}})?(?!\d)",
        # IMG_20240517_142301, Screenshot_20240517-142301, 20240517T142301, WIN_20240517_14_23_01_Pro
        rf"(?:.*?[^a-z0-9])?{_DAY8}[_\-T ]{_TIME6}(?P<fraction>\d{{3}})?(?!\d)",
        rf"(?:.*?[^a-z0-9])?{_DAY8}_(?P<hour>\d\d)_(?P<minute>\d\d)_(?P<second>\d\d)(?!\d)",
        # IMG20240517142301, DJI_20240517142301_0001: fourteen digits count only behind such a word
        rf"(?:.*?[^a-z0-9])?(?:IMG|VID|DJI|\d*BURST)_?{_DAY8}{_TIME6}(?P<fraction>\d{{3}})?(?!\d)",
        # Screenshot 2024-05-17 at 2.23.01 PM, signal-2024-05-17-142301, 2024-05-17 14.23.01
        rf"(?:.*?[^a-z0-9])?{_DAY}(?: at |[ _T-])(?P<hour>\d\d|\d(?=[.:]))(?P<colon>[-.:_ ]?)(?P<minute>\d\d)(?P=colon)"
        r"(?P<second>\d\d)(?:[-._]?(?P<fraction>\d{3}))?(?!\d)(?:[ \u00a0\u202f]?(?P<half>[AP]M)(?![a-z]))?",
        # IMG-20240517-WA0001: the day on which WhatsApp got it
        rf"(?:IMG|VID)-{_DAY8}-WA\d+(?!\d)",
        # 2024-05-17 Birthday; 1987-06 Summer, as scans are named
        rf"(?:.*?[^a-z0-9-])?{_DAY}(?!\d)",
        r"(?P<year>(?:18|19|20)\d\d)-(?P<month>\d\d)(?=[ _.]|$)",
    )
)


class Named(NamedTuple):
    """A date as moments.py reads it; `utc`: the name tells an instant, not the clock on the wall."""

    text: str
    utc: bool


def date(name: str) -> Named | None:
    """The date that a file name states, or None. What is no possible day or hour is no date but a number."""
    for pattern in _PATTERNS:
        match = pattern.match(name[-255:])  # no file system has longer ones, and patterns look back
        if match is None:
            continue
        parts = match.groupdict()
        text = _day(parts) + (_clock(parts) if parts.get("hour") else "")
        if moments.parsed(text):
            return Named(text, bool(parts.get("utc")))
    return None


def _day(parts: dict[str, str | None]) -> str:
    return "-".join(filter(None, (parts["year"], parts["month"], parts.get("day"))))


def _clock(parts: dict[str, str | None]) -> str:
    hour, half = int(parts["hour"] or 0), (parts.get("half") or "").upper()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (half == "PM")
    fraction = f".{parts['fraction']}" if parts.get("fraction") else ""
    return f"T{hour:02}:{parts['minute']}:{parts['second']}{fraction}"
