"""Settings as TOML text: the annotated reference, and the values in force with who set them."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from watcher.model import shown
from watcher.settings import Loaded
from watcher.settings.problems import Place
from watcher.settings.tables import Recipe, Table
from watcher.settings.whole import DEFAULT_RECIPES, TABLES

WIDTH = 100
INTRODUCTION = """\
Settings of photo-watcher. Each is shown with its default; delete what you do not change.
Flags win over the environment (WATCHER_WORKERS__COUNT=4), which wins over this file.
~ is your home; a relative path counts from this file's folder. Sizes: 500KB, 2GB, 2GiB.
Check it with: watcher config check"""


def default_text() -> str:
    """The reference: every setting, its default, its sentence. Loading it gives the defaults."""
    lines = [f"# {line}" for line in INTRODUCTION.splitlines()]
    for name, table in TABLES.items():
        lines += ["", *_comment(table.__doc__ or "")]
        if name == "recipes":
            lines += _default_recipes()
        else:
            lines += [f"[[{name}]]" if name == "inbox" else f"[{name}]", *_annotated(table.model_construct())]
    return "\n".join(lines) + "\n"


def as_toml(loaded: Loaded) -> str:
    """The values in force; those that are no defaults say who set them: flag, environment or file."""
    lines = ["# defaults only" if loaded.file is None else f"# {shown(loaded.file)}"]
    for place, values in _tables(loaded.settings.model_dump(mode="json")):
        header = ".".join(str(part) for part in place if isinstance(part, str))
        lines += ["", f"[[{header}]]" if place[0] == "inbox" else f"[{header}]"]
        lines += [_line(key, value, loaded.origins.get((*place, key))) for key, value in values.items()]
    return "\n".join(lines) + "\n"


def as_json(loaded: Loaded) -> str:
    """The same as one object: `file`, `settings`, and `origins` by dotted name (inboxes counted from 0)."""
    answer = {
        "file": loaded.file,
        "settings": loaded.settings.model_dump(mode="json"),
        "origins": {".".join(map(str, place)): origin for place, origin in loaded.origins.items()},
    }
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    # a byte that is not UTF-8 is no JSON: written as shown() does, with the backslash that JSON asks for
    return re.sub(r"[\udc80-\udcff]", lambda byte: "\\" + shown(byte[0]), text)


def _tables(settings: Mapping[str, Any]) -> Iterable[tuple[Place, dict[str, Any]]]:
    for name, value in settings.items():
        if name == "inbox":
            yield from (((name, index), inbox) for index, inbox in enumerate(value))
        elif name == "recipes":
            yield from (((name, recipe), table) for recipe, table in value.items())
        else:
            yield (name,), value


def _default_recipes() -> list[str]:
    lines: list[str] = []
    for name, table in DEFAULT_RECIPES.items():
        recipe = Recipe(**table)
        # one explanation serves all recipes
        body = [_line(*pair) for pair in _values(recipe)] if lines else _annotated(recipe)
        lines += [*([""] if lines else []), f"[recipes.{name}]", *body]
    return lines


def _annotated(table: Table) -> list[str]:
    lines: list[str] = []
    for key, value in _values(table):
        lines += [*_comment(type(table).model_fields[key].description or ""), _line(key, value)]
    return lines


def _values(table: Table) -> Iterable[tuple[str, Any]]:
    return table.model_dump(mode="json").items()


def _line(key: str, value: Any, origin: str | None = None) -> str:
    return f"{key} = {_toml(value)}" + (f"  # {origin}" if origin else "")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        # a JSON string is a TOML string, but for DEL
        return json.dumps(shown(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else str(value)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ")
