"""`watcher show`: one asset as a person names it, with all that is known of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import click

from watcher import locate
from watcher.cli import naming, output
from watcher.cli.options import as_json, places
from watcher.db import search, views
from watcher.fields import Asset


@click.command()
@click.argument("asset", nargs=-1, required=True)
@places
@as_json
def command(asset: tuple[str, ...], config: str | None, library: str | None, as_json: bool) -> None:
    """Show what the catalog knows of ASSET: an id, 8 or more digits of its digest, a path in the library,
    the name it was dropped under, or job:N.

    Exits with 1 when one of them is not there.

    \b
    Examples:
      watcher show IMG_1234.jpg
      watcher show 27 3f9a01c2
      watcher show --json job:12
    """
    place = locate.library(config, library)
    with search.reading(place.database) as connection:
        found = {word: naming.find(connection, word, place.path) for word in asset}
        ids = list(dict.fromkeys(number for numbers in found.values() for number in numbers))
        assets = search.assets(connection, ids, library=place.path)
        if as_json:
            output.write_json(assets)
        else:
            output.write("\n".join(_described(connection, one) for one in assets))
        output.flush()
        missing = [naming.missing(connection, word) for word, numbers in found.items() if not numbers]
    for sentence in missing:
        click.echo(sentence, err=True)
    if missing:
        raise click.exceptions.Exit(1)


def _described(connection: sqlite3.Connection, asset: Asset) -> str:
    """Labelled lines, only what is known."""
    facts = {name: value for name, value in asset.items() if name != "renditions" and value not in (None, [])}
    rows = [(name, output.text_of(value)) for name, value in facts.items()]
    rows += [(recipe, path) for recipe, path in asset["renditions"].items()]
    rows += [("dropped as", name) for name in views.dropped_names(connection, asset["id"])]
    return _labelled(rows)


def _labelled(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "".join(f"{label:<{width}}  {output.escaped(text)}\n" for label, text in rows)
