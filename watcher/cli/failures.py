"""`watcher failures`: the files that lie in failed/, and why: those that failed and those that were stopped."""

from __future__ import annotations

import os

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.db import search, views


@click.command()
@places
@as_json
def command(config: str | None, library: str | None, as_json: bool) -> None:
    """List the failed files that still lie in failed/. Deleting one from there is forgetting it.

    \b
    Examples:
      watcher failures
      watcher failures --json
    """
    with search.reading(locate.library(config, library).database) as connection:
        rows = [row for row in views.failures(connection) if os.path.lexists(row["place"])]
    for row in rows:
        row["path"] = os.fsdecode(row.pop("place"))
    output.write_view(["id", "name", "archive", "reason", "path"], rows, as_json, "no failures")
    output.flush()
