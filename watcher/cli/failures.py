"""`watcher failures`: the files that lie in failed/ or stay in their inbox, and why: they failed or were stopped."""

from __future__ import annotations

import os
from typing import Any

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.lying import lies_there
from watcher.cli.options import as_json, places
from watcher.db import search, views


@click.command()
@places
@as_json
def command(config: str | None, library: str | None, as_json: bool) -> None:
    """List the failed files that still lie in failed/, or in an inbox that is only copied from. Deleting one from there
    is forgetting it.

    \b
    Examples:
      watcher failures
      watcher failures --json
    """
    with search.reading(locate.library(config, library).database) as connection:
        rows = [row for row in views.failures(connection) if lies_there(row)]
    for row in rows:
        row["path"] = os.fsdecode(row.pop("place"))
        del row["inbox_path"], row["stays"]
    if rows and output.on_terminal() and not as_json:
        output.write("".join(map(_block, rows)))
    else:
        output.write_view(["id", "name", "archive", "reason", "path"], rows, as_json, "no failures")
    output.flush()


def _block(row: dict[str, Any]) -> str:
    """Lines of their own: a table of so many columns would cut off the reason and the path, which are asked for."""
    member = f" (in {row['archive']})" if row["archive"] else ""
    lines = (f"{row['id']}  {row['name']}{member}", f"    {row['reason']}", f"    {row['path']}")
    return "".join(output.escaped(line) + "\n" for line in lines)
