"""What a single term means: a word, or a value behind the name of a field or of a question (`is:`, `near:`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from watcher.fields import ALIASES, NAMES, columns_of, kind_of
from watcher.querying.folding import stands_alone, tokens
from watcher.querying.lexing import Term
from watcher.querying.mistakes import QueryError
from watcher.querying.questions import FAVOURITE, READERS, one_of
from watcher.querying.tree import (
    All,
    Any,
    Bound,
    Exact,
    Inside,
    Letters,
    Node,
    Not,
    Present,
    Range,
    Regex,
    Rendition,
    Words,
)

LEAST_INSIDE = 2  # letters: one stands in nearly every word

_DIGESTS = ("digest", "stored_digest")
_SWITCH: Mapping[str, Node] = {
    **dict.fromkeys(("yes", "true", "1"), FAVOURITE),
    **dict.fromkeys(("no", "false", "0"), Not(FAVOURITE)),
}
_SIGNED = ("taken_offset",)  # a word has no sign, and +02:00 is not -02:00


def node(term: Term, query: str, now: datetime, library: str = "") -> Node:
    """The condition that `term` of `query` puts. Raises QueryError for what it cannot mean.

    `now` is for dates that count from it, `library` the absolute path of the library, for paths below it.
    """
    if term.name is None or (not is_known(term.name) and _is_no_field(term)):
        # a colon that is no field's is text; so is what was read as a sign
        return _at(term, query, lambda: _worded(None, query[term.position : term.at] + term.value, term))
    name = term.name.lower()
    if not is_known(name):
        raise QueryError(_unknown(term), term.position, query)
    if not term.value.strip():
        raise QueryError(f"{name}: needs a value", term.position, query)
    return _at(term, query, lambda: _of_field(name, term, now, library))


def is_unit(term: Term, word: str) -> bool:
    """Whether `word` is the unit of the number that `term` asks for: `size:>5` with `MB` behind it."""
    if term.name is None or term.quoted or not term.value[-1:].isdigit():
        return False
    from watcher.querying.numbers import UNITS

    name = term.name.lower()
    return word.lower() in UNITS.get(ALIASES.get(name, (name,))[0], ())


def is_known(name: str) -> bool:
    """Whether `name:` may begin a term."""
    lower = name.lower()
    return lower in NAMES or lower in ALIASES or lower in READERS or lower.startswith("renditions.")


def _is_no_field(term: Term) -> bool:
    """Text that only looks like a field: an address, a Windows path, a word with a colon behind it."""
    return not term.quoted and (not term.value or term.value.startswith(("//", "\\")))


def _unknown(term: Term) -> str:
    name = term.name or ""
    import difflib

    close = difflib.get_close_matches(name.lower(), [*NAMES, *ALIASES, *READERS], n=1)
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


def _of_field(name: str, term: Term, now: datetime, library: str) -> Node:
    # imported where they are met: most searches are for words, and wait for their patterns in vain
    from watcher.querying.numbers import number_range
    from watcher.querying.periods import time_range

    if name in READERS:
        return READERS[name](term.value.strip())
    if name == "renditions" or name.startswith("renditions."):
        return _rendition(name, term)
    field = columns_of(name)[0] if len(columns_of(name)) == 1 else name
    if not term.quoted and not term.sign and term.value.lower() in ("none", "any"):
        return Present(field) if term.value.lower() == "any" else Not(Present(field))
    if term.sign == ":":
        return Regex(field, _pattern(term.value), f"{library.rstrip('/')}/" if library and field == "path" else "")
    if kind_of(field) == "number":
        return number_range(field, term.value)
    if kind_of(field) == "time":
        return time_range(field, term.value, now)
    if kind_of(field) == "flag":
        return one_of(_SWITCH, term.value)
    if field in _DIGESTS:
        return _digest(field, term)
    if term.sign or field in _SIGNED:
        return Exact(field, term.value)
    if field == "path" and term.value.startswith("/"):
        return _beneath(term, library)
    return _worded(field, term.value, term)


def _beneath(term: Term, library: str) -> Node:
    """The file at an absolute path, or all in that folder: the catalog has what is below the library."""
    import posixpath

    starred = term.starred or (term.value.endswith("*") and not term.quoted)
    place = posixpath.normpath(term.value.removesuffix("*") if starred else term.value)
    key = _key(place, library) if library else None
    if key is None and library:  # by another way, a link in it
        key = _key(posixpath.realpath(place), posixpath.realpath(library))
    if not key:
        return Not(All(())) if key is None else All(())
    if starred:
        return Range("path", Bound(key, True), Bound(key + "\U0010ffff", False))
    # in the order of code points, 0 comes after /
    return Any((Exact("path", key), Range("path", Bound(f"{key}/", True), Bound(f"{key}0", False))))


def _key(place: str, library: str) -> str | None:
    """Where `place` lies below the library; empty for the library or a folder around it, None for any other."""
    if f"{library}/".startswith(place.rstrip("/") + "/"):
        return ""
    return place[len(library) + 1 :] if place.startswith(f"{library}/") else None


def _digest(field: str, term: Term) -> Node:
    start = term.value.lower()
    if term.sign:
        return Exact(field, start)
    return Range(field, Bound(start, True), Bound(start + "g", False))  # no hex digit comes after f


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
