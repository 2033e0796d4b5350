"""Templates of `--format`: what `{taken:%Y} {title|name}` makes of an asset."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from watcher.cli.output import text_of
from watcher.errors import ConfigError
from watcher.fields import Asset, columns_of, kind_of, value_of

Template = Callable[[Asset, Callable[[str], str]], str]


def template(text: str) -> Template:
    r"""What fills in `{field}`, `{field|other}`, `{taken:%Y-%m-%d}` and `{renditions.thumb}`.

    `\n` and `\t` are a line break and a tab, `{{` and `}}` braces. The result takes an asset and what makes a
    value safe. Raises ConfigError for a field that does not exist, a brace without its partner, or a date
    format on what is no date.
    """
    parts = [_part(match) for match in re.finditer(r"\{\{|\}\}|\\n|\\t|\{([^{}]*)\}|[{}]|[^{}\\]+|\\", text)]
    return lambda asset, safe: "".join(part if isinstance(part, str) else safe(part(asset)) for part in parts)


def _part(match: re.Match[str]) -> str | Callable[[Asset], str]:
    literal = {"{{": "{", "}}": "}", r"\n": "\n", r"\t": "\t"}
    if match[0] in ("{", "}"):
        raise ConfigError(f"a lone {match[0]!r} in the template at character {match.start() + 1}: write it twice")
    if match[1] is None:
        return literal.get(match[0], match[0])
    choices = [_choice(choice) for choice in match[1].split("|")]
    return lambda asset: next(filter(None, (choice(asset) for choice in choices)), "")


def _choice(choice: str) -> Callable[[Asset], str]:
    name, colon, form = choice.partition(":")
    name = name.strip()
    columns_of(name)
    if not colon:
        return lambda asset: text_of(value_of(asset, name))
    if kind_of(name) != "time":
        raise ConfigError(f"{name!r} is no date: only taken and imported can be followed by a format such as :%Y")
    return lambda asset: _formatted(value_of(asset, name), form)


def _formatted(moment: str | None, form: str) -> str:
    try:
        return datetime.fromisoformat(moment).strftime(form) if moment else ""
    except ValueError:  # a date that the calendar does not know, or a format that strftime does not
        return moment or ""
