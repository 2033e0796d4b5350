"""The options that many commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


# what SQLite takes; whoever wants no limit names none
LIMIT = click.IntRange(0, 2**63 - 1)


def places(command: Command) -> Command:
    """--config FILE and --library DIR, as `config` and `library` (str or None)."""
    command = click.option(
        "--library",
        metavar="DIR",
        help="The library; its catalog is DIR/.watcher/watcher.db, whatever the file says.",
    )(command)
    return click.option("--config", metavar="FILE", help="The configuration file to read.")(command)


def as_json(command: Command) -> Command:
    """--json, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
