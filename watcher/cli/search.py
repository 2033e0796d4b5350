"""`watcher search`: from a query to assets, and to what is wanted of them. It imports nothing heavy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from watcher import locate
from watcher.cli import asking, output
from watcher.cli.forms import Form, paths_of, print_stream, print_table
from watcher.cli.options import LIMIT, as_json, places
from watcher.db import ordering, search
from watcher.errors import ConfigError
from watcher.fields import Asset
from watcher.querying.tree import Node

_OPENED = 20  # windows at once, unless more are asked for


class _Found(NamedTuple):
    """A query on an open catalog: what it finds, `limit` of them, in the order of `sort`."""

    connection: sqlite3.Connection
    query: Node
    library: str
    sort: str | None
    limit: int | None

    def ids(self, at_most: int | None = None) -> list[int]:
        """`at_most` holds where no limit is asked for."""
        limit = at_most if self.limit is None else self.limit
        return search.ids(self.connection, self.query, sort=self.sort, limit=limit)

    def assets(self, ids: list[int]) -> Iterator[Asset]:
        return search.assets(self.connection, ids, library=self.library)


@click.command(cls=asking.Words)
@click.argument("query", nargs=-1)
@places
@as_json
@click.option("--jsonl", is_flag=True, help="Print one JSON object a line.")
@click.option("--csv", is_flag=True, help="Print CSV with a header.")
@click.option("-0", "nul", is_flag=True, help="End each path with a NUL byte, for xargs -0.")
@click.option("--long", is_flag=True, help="Print all that is known of each.")
@click.option("--format", "template", metavar="TEMPLATE", help="Print a line such as '{taken:%Y} {title|name}'.")
@click.option("--fields", metavar="A,B", help="Print these fields; `watcher fields` lists them.")
@click.option("--rendition", metavar="NAME", help="Paths of this rendition, not of the original.")
@click.option("--limit", type=LIMIT, metavar="N", help="At most N.")
@click.option("--sort", metavar="FIELD", help="Sort by a field; -FIELD the other way round; or by rank.")
@click.option("--count", is_flag=True, help="Print how many there are.")
@click.option("--facet", metavar="FIELD", help="Print how many have each camera, year, keyword, ...")
@click.option("--open", "opening", is_flag=True, help="Open them in the desktop's viewer.")
@click.option("--link", metavar="DIR", help="Make a folder of links to them.")
@click.option(
    "--link-as",
    type=click.Choice(["symbolic", "hard", "copies"]),
    default="symbolic",
    help="With --link: hard links need no library later, copies are yours to change.",
)
def command(
    query: tuple[str, ...],
    config: str | None,
    library: str | None,
    limit: int | None,
    sort: str | None,
    count: bool,
    facet: str | None,
    opening: bool,
    link: str | None,
    link_as: str,
    **forms: Any,
) -> int:
    """Find photographs by QUERY; without QUERY, all of them, the newest first.

    `watcher help query` explains all that can be asked; a word may begin with a dash. On a terminal a table, of 50;
    into a pipe the path of one original a line, of all. What has words comes with the best match first, but with the
    newest first when more than 2,000 photographs have them. Exits with 1 when nothing is found.

    Among a million photographs the first are there within 50 ms; --count, --facet, --sort and what must be looked for
    photograph by photograph (a regular expression) take up to a second and a half.

    \b
    Examples:
      watcher search sunset lisbon
      watcher search beach -sunset taken:2023 iso:..400
      watcher search -0 cat | xargs -0 cp -t ~/cats
      watcher search --format '{taken:%Y-%m-%d} {title|name}' --sort -taken
      watcher search rating:5 --link ~/best
      watcher search near:48.21,16.37,5km --facet year
    """
    form = _form(**forms)
    form.check()
    _check_purposes(form, count=count, facet=facet is not None, open=opening, link=link is not None)
    place = locate.library(config, library)
    with search.reading(place.database) as connection, asking.patient():
        found = _Found(connection, asking.read(connection, query, place.path), place.path, sort, limit)
        if sort is not None:
            ordering.check(sort)  # a misspelt one is said also where nothing is to be sorted
        if count:
            some = _count(found)
        elif facet is not None:
            some = _facet(found, facet, form.json)
        elif opening:
            some = _open(found, form.rendition)
        elif link is not None:
            return _link(found, form.rendition, link, link_as)
        else:
            some = _print(found, form)
        output.flush()
        if not some and (form.rendition is None or not found.ids(1)):  # else they lack the rendition, which was said
            _say_nothing_found(found)
    return 0 if some else 1


def _form(
    *,
    as_json: bool,
    jsonl: bool,
    csv: bool,
    nul: bool,
    long: bool,
    template: str | None,
    fields: str | None,
    rendition: str | None,
) -> Form:
    from watcher.cli import templates

    parsed = templates.template(template) if template is not None else None
    names = output.field_names(fields) if fields is not None else None
    return Form(as_json, jsonl, csv, nul, long, parsed, names, rendition)


def _check_purposes(form: Form, **purposes: bool) -> None:
    """Raises UsageError for two purposes at once, or one that prints no assets with a form to print them in."""
    chosen = [name for name, wanted in purposes.items() if wanted]
    if len(chosen) > 1:
        raise click.UsageError(f"choose one of --{chosen[0]} and --{chosen[1]}")
    fits = form.is_plain or (form.json and chosen in (["count"], ["facet"]) and not form.fields)
    fits = fits or (form.prints_paths and not form.nul and chosen in (["open"], ["link"]))
    if chosen and not fits:
        raise click.UsageError(f"--{chosen[0]} prints no photographs: leave out how")


def _print(found: _Found, form: Form) -> bool:
    if not (output.on_terminal() and form.is_for_reading):
        ids = found.ids()
        return print_stream(found.connection, found.assets(ids), form) and bool(ids)
    ids = found.ids(output.ROWS)
    if form.long:
        print_stream(found.connection, found.assets(ids), form)
    else:
        from watcher.cli.marking import marks

        print_table(list(found.assets(ids)), form.fields, marks(found.query))
    if found.limit is None and len(ids) == output.ROWS:
        output.flush()  # counting may take longer than finding
        _tell_of_more(search.count(found.connection, found.query) - len(ids))
    return bool(ids)


def _tell_of_more(number: int) -> None:
    output.write(f"and {number:,} more (--limit N shows more of them)\n" if number > 0 else "")


def _count(found: _Found) -> bool:
    number = search.count(found.connection, found.query)
    output.write(f"{number}\n")
    return number > 0


def _facet(found: _Found, name: str, as_json: bool) -> bool:
    from watcher.db import facets

    counted = facets.facet(found.connection, found.query, name, found.limit)
    at_most = output.ROWS if found.limit is None and output.on_terminal() and not as_json else len(counted)
    rows = [{name: value, "count": number} for value, number in counted[:at_most]]
    if rows or as_json:
        output.write_view(("count", name), rows, as_json, "")
    _tell_of_more(len(counted) - len(rows))
    return bool(rows)


def _open(found: _Found, rendition: str | None) -> bool:
    ids = found.ids(_OPENED)
    paths = [path for _, path in paths_of(found.assets(ids), rendition)]
    for path in paths:
        _view(path)
    if found.limit is None and len(ids) == _OPENED:
        output.note(f"no more than {_OPENED} are opened; --limit N opens N")
    return bool(paths)


def _view(path: str) -> None:
    import subprocess

    try:
        # in a session of its own: the viewer stays when the terminal is closed
        subprocess.Popen(["xdg-open", path], stdin=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError:
        raise ConfigError("there is no xdg-open to open pictures with: install xdg-utils") from None


def _link(found: _Found, rendition: str | None, folder: str, kind: str) -> int:
    from watcher.cli import linking

    place = linking.place(folder, found.library)
    ids = found.ids()
    if not ids:
        _say_nothing_found(found)
        return 1
    there = list(paths_of(found.assets(ids), rendition))
    if not there:
        return 1
    done, problems = linking.link(there, place, kind)
    for sentence in problems:
        click.echo(f"watcher: {output.escaped(sentence)}", err=True)
    output.note(f"{done:,} in {output.escaped(folder)}")
    return 1 if problems else 0


def _say_nothing_found(found: _Found) -> None:
    """For a person; the nearest words of the vocabulary also for whoever reads a log."""
    from watcher.cli.marking import words_of
    from watcher.db.vocabulary import nearest

    output.note("nothing found")
    for word in words_of(found.query):
        if near := nearest(found.connection, word):
            click.echo(
                f"no photograph has {output.escaped(word)}; near to it: {output.escaped(', '.join(near))}", err=True
            )
