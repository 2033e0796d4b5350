"""`watcher batches`: what came together, the latest first, and how far each is."""

from __future__ import annotations

import click

from watcher import locate
from watcher.cli import output, progress
from watcher.cli.options import LIMIT, as_json, places
from watcher.db import batch_views, search

_NAMES = ["id", "token", "name", "kind", "inbox", "state", "percent", "files", "failed", "created_at"]
_SHORT = [name for name in _NAMES if name not in ("token", "inbox")]


@click.command()
@places
@click.option("--open", "only_open", is_flag=True, help="Only those that are not finished.")
@click.option("--limit", type=LIMIT, metavar="N", help="Print at most N.")
@as_json
def command(config: str | None, library: str | None, only_open: bool, limit: int | None, as_json: bool) -> None:
    """List what came together: folders, zips, and what watcher add put in. The latest first.

    \b
    Examples:
      watcher batches
      watcher batches --open
      watcher batches --json --limit 10
    """
    if limit is None and output.on_terminal() and not as_json:
        limit = output.ROWS
    with search.reading(locate.library(config, library).database) as connection:
        found = batch_views.batches(connection, only_open=only_open, limit=limit)
    rows = [_row(progress.described(one)) for one in found]
    output.write_view(_NAMES, rows, as_json, "no batches", _SHORT)
    output.flush()


def _row(batch: progress.Batch) -> progress.Batch:
    counted = {**batch, "files": progress.files(batch), "failed": batch["jobs"]["failed"]}
    return {name: counted[name] for name in _NAMES}
