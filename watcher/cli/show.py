"""`watcher show`: one asset as a person names it. What counts as a name stands in `_ways`."""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.db import search, views
from watcher.errors import ConfigError
from watcher.fields import Asset
from watcher.model import shown

_LISTED = 10  # of the assets that a digest's beginning can mean


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
        found = {word: _find(connection, word, place.path) for word in asset}
        ids = list(dict.fromkeys(number for numbers in found.values() for number in numbers))
        assets = search.assets(connection, ids, library=place.path)
        if as_json:
            output.write_json(assets)
        else:
            output.write("\n".join(_described(connection, one) for one in assets))
        output.flush()
        missing = [_missing(connection, word) for word, numbers in found.items() if not numbers]
    for sentence in missing:
        click.echo(sentence, err=True)
    if missing:
        raise click.exceptions.Exit(1)


def _find(connection: sqlite3.Connection, word: str, library: str) -> list[int]:
    """The ids of the assets that `word` names; the first way that finds any decides."""
    return next(filter(None, _ways(connection, word, library)), [])


def _ways(connection: sqlite3.Connection, word: str, library: str) -> Iterator[list[int]]:
    if number := _job_number(word):
        job = views.job(connection, number)
        yield [job["asset_id"]] if job and job["asset_id"] else []
    if re.fullmatch("[0-9]+", word):
        yield views.asset_by_id(connection, int(word)) if len(word) < 20 else []
    if re.fullmatch("[0-9a-fA-F]{8,64}", word):
        yield _by_digest(connection, word.lower())
    yield views.assets_by_key(connection, _keys(word, library))
    yield views.assets_by_name(connection, shown(word))


def _job_number(word: str) -> int | None:
    match = re.fullmatch("job:([0-9]{1,18})", word)
    return int(match[1]) if match else None


def _by_digest(connection: sqlite3.Connection, prefix: str) -> list[int]:
    ids = views.assets_by_digest(connection, prefix)
    if len(ids) > 1:
        listed = search.assets(connection, ids[:_LISTED], library="")
        lines = [f"  {one['digest']}  {output.escaped(one['name'])}" for one in listed]
        raise ConfigError("\n".join([f"{len(ids)} digests begin with {prefix}: give more of it", *lines]))
    return ids


def _keys(word: str, library: str) -> list[str]:
    """The keys that a path can mean: below the library as it is called, as it really is, or a key already."""
    pairs = [(os.path.abspath(word), os.path.abspath(library)), (_real(word), os.path.realpath(library))]
    keys = [os.path.relpath(path, root) for path, root in pairs if path.startswith(root.rstrip("/") + "/")]
    # keys are in NFC, whatever the keyboard made of an accent
    return [unicodedata.normalize("NFC", shown(key)) for key in (*keys, os.path.normpath(word))]


def _real(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _missing(connection: sqlite3.Connection, word: str) -> str:
    number = _job_number(word)
    job = views.job(connection, number) if number else None
    if job:
        reason = f": {job['reason']}" if job["reason"] else ""
        return output.escaped(f"job {job['id']} ({job['name']}) is {job['state']}, it led to no asset{reason}")
    return output.escaped(f"no asset is called {word!r}: give an id, a digest, a path or the name it had")


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
