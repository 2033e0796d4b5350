"""An asset in labelled lines, with all that is known of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from watcher.cli import output
from watcher.db import views
from watcher.fields import Asset


def described(connection: sqlite3.Connection, asset: Asset) -> str:
    """Labelled lines, only what is known."""
    facts = {name: value for name, value in asset.items() if name != "renditions" and value not in (None, [])}
    rows = [(name, output.text_of(value)) for name, value in facts.items()]
    rows += [(recipe, path) for recipe, path in asset["renditions"].items()]
    rows += [("dropped as", name) for name in views.dropped_names(connection, asset["id"])]
    return _labelled(rows)


def _labelled(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "".join(f"{label:<{width}}  {output.escaped(text)}\n" for label, text in rows)
