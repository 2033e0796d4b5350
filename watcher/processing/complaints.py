"""What an exception of other people's code says, as a part of one sentence for a person. Pure."""

from __future__ import annotations

_MOST = 200  # characters


def said(error: Exception) -> str:
    """Its own words on one line, cut short; its class where it has none. What no catalog could store is escaped."""
    words = " ".join(str(error).split())[:_MOST] or type(error).__name__
    return words.encode("utf-8", "backslashreplace").decode()
