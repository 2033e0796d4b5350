"""`watcher remove`: pictures leave the library for its trash. In which order, `watcher.removing` says."""

from __future__ import annotations

import sqlite3
import sys
import time

import click

from watcher import locate, removing
from watcher.cli import naming, output
from watcher.cli.options import places
from watcher.db import search
from watcher.db.connect import editing
from watcher.errors import ConfigError
from watcher.storage import trash


@click.command(name="remove")
@click.argument("asset", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@places
def command(asset: tuple[str, ...], yes: bool, config: str | None, library: str | None) -> int:
    """Move the original and the renditions of ASSET to the library's trash and forget it. ASSET is what `watcher
    show` takes: an id, 8 or more digits of its digest, a path in the library, the name it was dropped under, or job:N.

    Prints where each file lies now; a running daemon deletes it for good after library.trash_days. Dropped again, the
    picture is taken anew. On a terminal it asks first. Exits with 1 when one of them is not there.

    \b
    Examples:
      watcher remove 27
      watcher remove --yes IMG_1234.jpg
    """
    place = locate.library(config, library)
    with search.reading(place.database) as connection:
        found = {word: _one(connection, word, place.path) for word in asset}
        for word in (word for word, number in found.items() if number is None):
            click.echo(naming.missing(connection, word), err=True)
        chosen = list(dict.fromkeys(number for number in found.values() if number is not None))
        paths = [one["path"] for one in search.assets(connection, chosen, library=place.path)]
    if chosen and (yes or _agreed(paths)):
        _remove(chosen, place)
        return 0 if None not in found.values() else 1
    return 1


def _one(connection: sqlite3.Connection, word: str, library: str) -> int | None:
    """The id of the asset that `word` names. Raises ConfigError when that could be several: none goes by mistake."""
    numbers = naming.find(connection, word, library)
    if len(numbers) > 1:
        ids = ", ".join(map(str, numbers))
        raise ConfigError(f"{output.escaped(word)} names {len(numbers)} assets: say which by its id ({ids})")
    return numbers[0] if numbers else None


def _agreed(paths: list[str]) -> bool:
    """What a person says to it; a script has nobody to ask."""
    if not sys.stdin.isatty():
        return True
    for path in paths:
        click.echo(output.escaped(path), err=True)
    return click.confirm(
        "Move to the trash?" if len(paths) == 1 else f"Move these {len(paths)} to the trash?", err=True
    )


def _remove(assets: list[int], place: locate.Library) -> None:
    token = trash.new_token(time.time())
    safe = output.escaped if output.on_terminal() else output.one_line
    with editing(place.database) as connection:
        for asset in assets:
            for path in removing.remove(connection, place.path, asset, token):
                output.write(safe(path) + "\n")
            output.flush()
