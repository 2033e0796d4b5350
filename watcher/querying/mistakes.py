"""What is wrong with a query: a sentence, the query, and a caret below the place."""

from __future__ import annotations

import unicodedata

from watcher.errors import ConfigError

_BEFORE, _AFTER = 50, 30  # characters of a long query that are shown around the place


class QueryError(ConfigError):
    """A query that cannot be read. `message` is the sentence alone, `position` an index into `query`.

    `saved` is the name of the saved query whose text `query` is, or None for what was typed.
    """

    def __init__(self, message: str, position: int, query: str, saved: str | None = None) -> None:
        self.message = message if saved is None else f"{message} (in the saved query {saved!r})"
        self.position, self.query, self.saved = position, query, saved
        super().__init__(f"{self.message}\n{_pointing(query, position)}")


def _pointing(query: str, position: int) -> str:
    start = max(0, position - _BEFORE)
    line = "".join(map(_visible, query[start : position + _AFTER]))
    caret = cells(line[: position - start])
    return f"  {line}\n  {' ' * caret}^"


def _visible(char: str) -> str:
    # one for one, or the caret would stand elsewhere
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes (UAX #11)."""
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
