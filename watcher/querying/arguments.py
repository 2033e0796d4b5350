"""From a shell's arguments to one query: the shell took away the quotes that a phrase needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from watcher.querying.lexing import FIELD, Term, lexemes, sign_of
from watcher.querying.mistakes import QueryError
from watcher.querying.terms import is_known, node


def from_arguments(arguments: Iterable[str]) -> str:
    """`arguments` joined by spaces; one that begins with a known `field:` and has white space is its phrase.

    Not one that makes no sense, `iso:100 -beach`, and not one in which another field is asked for,
    `title:sea OR title:lake`: that is a whole query.
    """
    return " ".join(map(_requoted, arguments))


def _requoted(argument: str) -> str:
    start = 1 if argument[:1] in ("-", "^") else 0
    field = FIELD.match(argument, start)
    if not field or not is_known(field[1]):
        return argument
    value = argument[field.end() :]
    if value.startswith('"') or not any(map(str.isspace, value)):
        return argument
    if field[2] != ":" and _asks_for_more(value):
        return argument
    if not _is_readable(Term(0, value, 0, field[1], sign_of(field), quoted=True)):
        return argument
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{argument[: field.end()]}"{escaped}"'


def _asks_for_more(value: str) -> bool:
    try:
        return any(isinstance(one, Term) and one.name and one.value and is_known(one.name) for one in lexemes(value))
    except QueryError:
        return False


def _is_readable(phrase: Term) -> bool:
    try:
        node(phrase, phrase.value, datetime(2000, 1, 1))  # what a date counts from makes no difference here
    except QueryError:
        return False
    return True
