"""A query cut into lexemes. It knows quotes, parentheses and operators; which fields there are is for `terms`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from watcher.querying.mistakes import QueryError

# what begins a term of a field: its name, and a sign for `exactly` or `by this pattern`
FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)?):([=:]?)")
_OPERATORS = ("OR", "AND", "NOT")

Sign = Literal["", "=", ":"]


class Mark(NamedTuple):
    """A parenthesis or an operator. `position` is where it begins in the query, for whoever complains about it."""

    kind: Literal["(", ")", "OR", "AND", "NOT"]
    position: int


class Term(NamedTuple):
    """A word or phrase; `name` as typed in front of a colon, or None. `value` is without its quotes.

    `position` is where it begins, `at` where the value does; `starred`: a `*` follows the closing quote.
    """

    position: int
    value: str
    at: int
    name: str | None = None
    sign: Sign = ""
    quoted: bool = False
    starred: bool = False

    kind: Literal["term"] = "term"


Lexeme = Mark | Term


def lexemes(text: str) -> Iterator[Lexeme]:
    """The lexemes of `text` from left to right. Raises QueryError for a quote that is not closed."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        lexeme, at = _next(text, at)
        yield lexeme


def _next(text: str, at: int) -> tuple[Lexeme, int]:
    char = text[at]
    if char == "(" or char == ")":
        return Mark("(" if char == "(" else ")", at), at + 1
    if char in "-^" and _negates(text, at):
        return Mark("NOT", at), at + 1
    end = _end_of_word(text, at)
    for operator in _OPERATORS:
        if text[at:end] == operator:
            return Mark(operator, at), end  # type: ignore[arg-type]  # one of the literals
    return _term(text, at)


def _negates(text: str, at: int) -> bool:
    """Whether a dash or caret belongs to what follows: alone, doubled or before a bracket it is text."""
    return at + 1 < len(text) and not text[at + 1].isspace() and text[at + 1] not in "-^)"


def _term(text: str, start: int) -> tuple[Term, int]:
    field = FIELD.match(text, start)
    at = field.end() if field else start
    name, sign = (field[1], sign_of(field)) if field else (None, sign_of(None))
    if text[at : at + 1] == '"':
        value, end = _quoted(text, at)
        starred = text[end : end + 1] == "*"
        return Term(start, value, at, name, sign, quoted=True, starred=starred), end + starred
    end = _end_of_word(text, at)
    return Term(start, text[at:end], at, name, sign), end


def sign_of(field: re.Match[str] | None) -> Sign:
    """What FIELD found behind the colon."""
    text = field[2] if field else ""
    return "=" if text == "=" else ":" if text == ":" else ""


def _end_of_word(text: str, start: int) -> int:
    """Where a bare word ends: at white space, a quote, or a parenthesis that it did not open itself."""
    depth = 0
    for at in range(start, len(text)):
        char = text[at]
        if char.isspace() or char == '"':
            return at
        if char == "(":
            if text[start:at] in _OPERATORS:  # NOT(a OR b)
                return at
            depth += 1
        elif char == ")":
            if not depth:
                return at
            depth -= 1
    return len(text)


def _quoted(text: str, start: int) -> tuple[str, int]:
    r"""What stands in the quotes that open at `start`, and where they end. `\"` and `\\` stand for themselves."""
    found: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] == '"':
            return "".join(found), at + 1
        at += text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\")
        found.append(text[at])
        at += 1
    raise QueryError("this quote is not closed", start, text)
