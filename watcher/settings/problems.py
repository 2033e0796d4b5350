"""What is wrong with settings, in words: one line a problem, with the nearest right name. Stdlib only.

An error comes as pydantic describes it (`ValidationError.errors()`): a dict of type, loc, msg, input, ctx.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from watcher.model import shown

Place = tuple[str | int, ...]
Tables = Mapping[str, Sequence[str]]  # the keys of each table

_WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_unicode": "must be valid Unicode text",
    "string_too_short": "must not be empty",
    "list_type": 'must be a list in brackets, such as ["preview"]',
    "too_short": "must not be empty",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}
_SELF_EXPLAINING = ("value_error", "string_too_short", "too_short", "list_type")


def dotted(place: Place) -> str:
    """A setting's place as people write it: intake.settle_seconds, inbox 2: path (counted from 1)."""
    text = ""
    for part in place:
        if part == "[key]":  # pydantic's word for "the name itself"
            continue
        text += f" {part + 1}:" if isinstance(part, int) else f" {part}" if text.endswith(":") else f".{part}"
    return text.strip(" .:")


def in_words(error: Mapping[str, Any], tables: Tables) -> list[str]:
    """The sentences for one of pydantic's errors: mostly one, several where a check found several."""
    if error["type"] == "extra_forbidden":
        return [_unknown_key(error["loc"], tables)]
    context = {name: _whole(value) for name, value in error.get("ctx", {}).items()}
    words = _WORDS.get(error["type"], error["msg"]).format(**context)
    if error["type"] not in _SELF_EXPLAINING:
        words += f", not {_quoted(error['input'])}"
    return str(words).splitlines()


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" with the most similar of `known`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _unknown_key(place: Place, tables: Tables) -> str:
    key, table = str(place[-1]), str(place[0])
    own = tables.get(table, ()) if len(place) > 1 else tuple(tables)
    elsewhere = [f"{other}.{key}" for other, keys in tables.items() if key in keys]
    hint = nearest(key, own) or (f"; did you mean {elsewhere[0]}?" if elsewhere else "")
    return "unknown key" + hint


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _quoted(value: Any) -> str:
    text = f'"{shown(value)}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
