"""`watcher add --wait`: until the batch is finished, how far it is on stderr, then what came of it."""

from __future__ import annotations

import shutil
import sys
import time

import click

from watcher.cli import output, progress
from watcher.cli.finding import Batches
from watcher.db import batch_views, search

_SECONDS = 0.3  # between two looks


def wait(batches: Batches, token: str, rendition: str | None, as_json: bool) -> int:
    """The exit code as that of a run: 0, 3 when some files failed; 1 when the batch was cancelled.

    Prints on stdout the path of each picture's `rendition`, or (`as_json`) the batch as `status` does.
    """
    batch = _finished(batches, token)
    if batch is None:
        _say(f"{token} was cancelled before it was taken")
        return 1
    _say(progress.line(batch))
    with search.reading(batches.place.database) as connection:
        failures = batch_views.failures(connection, batch["id"])
        for one in failures:
            _say(f"failed: {one['name']}: {one['reason']}")
        if as_json:
            published = batch_views.published(connection, batch["id"], batches.place.path)
            output.write(output.as_json({**batch, "published": published, "failures": failures}, indent=2) + "\n")
        elif rendition is not None:
            assets = search.assets(connection, batch_views.assets(connection, batch["id"]), library=batches.place.path)
            for asset in assets:
                _print_rendition(asset, rendition)
    output.flush()
    return 1 if batch["state"] == "cancelled" else 3 if failures else 0


def _finished(batches: Batches, token: str) -> progress.Batch | None:
    """The batch at its end; None when it is gone without having been taken."""
    terminal = sys.stderr.isatty()
    try:
        while (batch := batches.find(token)) and batch["state"] not in progress.ENDS:
            if terminal:
                room = shutil.get_terminal_size().columns - 1  # a line that is broken cannot be taken back
                click.echo(f"\r\x1b[K{output.escaped(progress.line(batch))[:room]}", err=True, nl=False)
            time.sleep(_SECONDS)
    finally:
        if terminal:
            click.echo("\r\x1b[K", err=True, nl=False)
    return batch


def _print_rendition(asset: dict[str, object], rendition: str) -> None:
    renditions = asset["renditions"]
    assert isinstance(renditions, dict)
    if path := renditions.get(rendition):
        output.write((output.escaped if output.on_terminal() else output.one_line)(path) + "\n")
    else:
        _say(f"{asset['name']} has no {rendition}")


def _say(sentence: str) -> None:
    click.echo(f"watcher: {output.escaped(sentence)}", err=True)
