"""How a file name is shown, whatever bytes it has, and how a time is written.

By itself, since a search needs this of the nouns and no more.
"""

from __future__ import annotations

import time


def shown(name: str | bytes) -> str:
    r"""A file name as text: bytes that are not UTF-8 become `\xNN`."""
    try:
        raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair of UTF-16, which no bytes stand for
        raw = str(name).encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def is_text(name: str) -> bool:
    """Whether a name is valid UTF-8: SQLite takes no other as a value, and no key in storage is another."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def known_part(moment: str, precision: str | None) -> str:
    """What is known of a moment that the catalog has, to the second where its precision is not less."""
    return moment[: {"year": 4, "month": 7, "day": 10}.get(precision or "")]


def utc(seconds: float) -> str:
    """Unix seconds as rows and status have a time: UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
