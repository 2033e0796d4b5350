"""--follow: the same view again and again, redrawn on a terminal; in a pipe a line whenever it changes."""

from __future__ import annotations

import time
from collections.abc import Iterable

from watcher.cli import output

View = tuple[str, str]  # whole, and on one line

_SECONDS = 1.0  # between two looks


def follow(views: Iterable[View]) -> None:
    """Show each of `views`, which are asked for one a second, until they end or a person ends it by Ctrl-C."""
    try:
        if output.on_terminal():
            _redraw(views)
        else:
            _log_changes(views)
    except KeyboardInterrupt:  # the way to end it
        output.flush()


def _redraw(views: Iterable[View]) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for whole, _ in views:
            live.update(Text(whole), refresh=True)
            time.sleep(_SECONDS)


def _log_changes(views: Iterable[View]) -> None:
    before = ""
    for _, line in views:
        if line != before:
            output.write(line)
            output.flush()
        before = line
        time.sleep(_SECONDS)
