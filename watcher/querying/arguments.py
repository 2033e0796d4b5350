"""From a shell's arguments to one query: the shell took away the quotes that a phrase needs."""

from __future__ import annotations

from collections.abc import Iterable

from watcher.querying.lexing import FIELD
from watcher.querying.terms import is_known


def from_arguments(arguments: Iterable[str]) -> str:
    """`arguments` joined by spaces; one that begins with a known `field:` and has white space is its phrase."""
    return " ".join(map(_requoted, arguments))


def _requoted(argument: str) -> str:
    start = 1 if argument[:1] in ("-", "^") else 0
    field = FIELD.match(argument, start)
    if not field or not is_known(field[1]):
        return argument
    value = argument[field.end() :]
    if value.startswith('"') or not any(map(str.isspace, value)):
        return argument
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{argument[: field.end()]}"{escaped}"'
