"""`watcher show`: one asset as a person names it, with all that is known of it."""

from __future__ import annotations

import click

from watcher import locate
from watcher.cli import naming, output
from watcher.cli.describing import described
from watcher.cli.options import as_json, places
from watcher.db import search


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
            output.write("\n".join(described(connection, one) for one in assets))
        output.flush()
        missing = [naming.missing(connection, word) for word, numbers in found.items() if not numbers]
    for sentence in missing:
        click.echo(sentence, err=True)
    if missing:
        raise click.exceptions.Exit(1)
