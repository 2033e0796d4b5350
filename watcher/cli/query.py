"""`watcher query`: queries kept by a name, for `watcher search @NAME`."""

from __future__ import annotations

from datetime import datetime

import click

from watcher import locate
from watcher.cli import asking, output
from watcher.cli.options import as_json, places
from watcher.db import saved, search
from watcher.db.connect import editing, transaction
from watcher.errors import ConfigError
from watcher.querying.arguments import from_arguments
from watcher.querying.parsing import is_name, parse


@click.group(name="query")
def command() -> None:
    """Keep queries by a name: watcher search @NAME, also inside of another query.

    \b
    Examples:
      watcher query save summer month:jun..aug
      watcher search @summer rating:5
      watcher query list
    """


@command.command(cls=asking.Words)
@click.argument("name")
@click.argument("query", nargs=-1, required=True)
@places
def save(name: str, query: tuple[str, ...], config: str | None, library: str | None) -> None:
    """Keep QUERY as NAME, in place of what was kept by that name.

    A date such as taken:-2w.. counts from the day of each search.

    \b
    Examples:
      watcher query save summer month:jun..aug -rain
      watcher search @summer rating:5
    """
    if not is_name(name):
        raise ConfigError(f"{name!r} cannot be a name: write letters, digits, _ - and ., a letter or digit first")
    text = from_arguments(query)
    with editing(locate.library(config, library).database) as connection:
        # with itself in place: a query that leads back to itself is found out
        parse(text, datetime.now(), lambda other: text if other == name else saved.find(connection, other))
        with transaction(connection):
            saved.save(connection, name, text)


@command.command(name="list")
@places
@as_json
def listing(config: str | None, library: str | None, as_json: bool) -> None:
    """List the queries that are kept.

    \b
    Examples:
      watcher query list
    """
    with search.reading(locate.library(config, library).database) as connection:
        output.write_view(("name", "query"), saved.everything(connection), as_json, "no queries are saved")
    output.flush()


@command.command()
@click.argument("name", nargs=-1, required=True)
@places
def rm(name: tuple[str, ...], config: str | None, library: str | None) -> int:
    """Forget the queries kept as NAME. Exits with 1 when one of them is not there.

    \b
    Examples:
      watcher query rm summer
    """
    with editing(locate.library(config, library).database) as connection, transaction(connection):
        missing = [one for one in name if not saved.remove(connection, one)]
    for one in missing:
        click.echo(f"watcher: no query is saved as {output.escaped(one)}", err=True)
    return 1 if missing else 0
