"""`watcher jobs`: the journal, the latest first, or the reasons in it."""

from __future__ import annotations

from typing import get_args

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import LIMIT, as_json, places
from watcher.db import search, views
from watcher.model import State, shown


@click.command()
@places
@click.option("--state", type=click.Choice(get_args(State)), help="Only jobs in this state.")
@click.option("--batch", metavar="BATCH", help="Only files of this batch: name, token or number.")
@click.option("--by", type=click.Choice(["reason"]), help="Count the jobs of each reason.")
@click.option("--limit", type=LIMIT, metavar="N", help="Print at most N.")
@as_json
def command(
    config: str | None,
    library: str | None,
    state: str | None,
    batch: str | None,
    by: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List what became of each file that was taken, the latest first.

    \b
    Examples:
      watcher jobs --state failed
      watcher jobs --by reason
      watcher jobs --batch lisbon --state duplicate
      watcher jobs --json --limit 100
    """
    batch = shown(batch) if batch is not None else None
    if limit is None and output.on_terminal() and not as_json:
        limit = output.ROWS
    with search.reading(locate.library(config, library).database) as connection:
        if by:
            rows, total = views.reasons(connection, state=state, batch=batch)[:limit], 0
            names = ["count", "reason"]
        else:
            rows = views.jobs(connection, state=state, batch=batch, limit=limit)
            total = views.job_count(connection, state=state, batch=batch)
            names = ["id", "state", "name", "inbox", "batch", "created_at", "reason"]
    output.write_view(names, rows, as_json, "no jobs", [name for name in names if name != "inbox"])
    if output.on_terminal() and not as_json and total > len(rows):
        output.write(f"and {total - len(rows):,} more\n")
    output.flush()
