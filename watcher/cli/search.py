"""`watcher search`: from words to assets, in the form that was asked for. It imports nothing heavy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.db import search
from watcher.fields import NAMES, Asset, value_of

_TABLE = ("id", "taken", "name", "title", "camera")


@dataclass(frozen=True, slots=True)
class _Form:
    """How to print: at most one of json, jsonl, csv and template; `fields` goes with all but a template."""

    json: bool
    jsonl: bool
    csv: bool
    nul: bool
    template: Callable[[Asset, Callable[[str], str]], str] | None
    fields: list[str] | None

    def check(self) -> None:
        chosen = [self.json, self.jsonl, self.csv, self.template is not None]
        if sum(chosen) > 1:
            raise click.UsageError("choose one of --json, --jsonl, --csv and --format")
        if self.nul and any(chosen[:3]):
            raise click.UsageError("-0 goes with paths, --fields and --format only")
        if self.template and self.fields:
            raise click.UsageError("--format names its fields itself: leave out --fields")


class _Words(click.Command):
    """A command in which every word that is no option of its own is query text, a leading dash or not."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # sorted out before click does: it would read -beach as a cluster with -h (help) in it
        takes_value = {
            name: not param.is_flag
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in param.opts
        }
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            name, equals, _ = arg.partition("=")
            if arg == "--":
                words.extend(rest)
            elif name not in takes_value:
                words.append(arg)
            elif takes_value[name] and not equals:
                options.append(f"{name}={_value(rest, name, ctx)}")
            else:
                options.append(arg)
        return super().parse_args(ctx, [*options, "--", *words])


def _value(rest: Iterator[str], name: str, ctx: click.Context) -> str:
    value = next(rest, None)
    if value is None:
        raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.", ctx)
    return value


@click.command(cls=_Words)
@click.argument("query", nargs=-1)
@places
@as_json
@click.option("--jsonl", is_flag=True, help="Print one JSON object a line.")
@click.option("--csv", is_flag=True, help="Print CSV with a header.")
@click.option("-0", "nul", is_flag=True, help="End each path with a NUL byte, for xargs -0.")
@click.option("--format", "template", metavar="TEMPLATE", help="Print a line such as '{taken:%Y} {title|name}'.")
@click.option("--fields", metavar="A,B", help="Print these fields; `watcher fields` lists them.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Print at most N.")
@click.option("--sort", metavar="FIELD", help="Sort by a field; -FIELD the other way round; or by rank.")
def command(
    query: tuple[str, ...],
    config: str | None,
    library: str | None,
    as_json: bool,
    jsonl: bool,
    csv: bool,
    nul: bool,
    template: str | None,
    fields: str | None,
    limit: int | None,
    sort: str | None,
) -> None:
    """Find photographs that have all words of QUERY; without QUERY, all of them, the newest first.

    On a terminal a table; into a pipe the path of one original a line. A word may begin with a dash.
    Exits with 1 when nothing is found.

    \b
    Examples:
      watcher search sunset lisbon
      watcher search -0 cat | xargs -0 cp -t ~/cats
      watcher search --format '{taken:%Y-%m-%d} {title|name}' --sort -taken
    """
    parsed = output.template(template) if template is not None else None
    names = output.field_names(fields) if fields is not None else None
    form = _Form(as_json, jsonl, csv, nul, parsed, names)
    form.check()
    words = [word for text in query for word in text.split()]
    place = locate.library(config, library)
    with search.reading(place.database) as connection:
        found = _print(connection, words, place.path, form, limit, sort)
    output.flush()
    if not found:
        output.note("nothing found")
        raise click.exceptions.Exit(1)


def _print(
    connection: sqlite3.Connection,
    words: Sequence[str],
    library: str,
    form: _Form,
    limit: int | None,
    sort: str | None,
) -> bool:
    """Print what is found; whether there was anything."""
    tabular = output.on_terminal() and not (form.json or form.jsonl or form.csv or form.nul or form.template)
    if tabular and limit is None:
        ids = search.ids(connection, words, sort=sort, limit=output.ROWS)
        more = search.count(connection, words) - len(ids) if len(ids) == output.ROWS else 0
    else:
        ids, more = search.ids(connection, words, sort=sort, limit=limit), 0
    found = search.assets(connection, ids, library=library)
    if tabular:
        _print_table(list(found), form.fields, more)
    else:
        _print_stream(found, form)
    return bool(ids)


def _print_table(found: list[Asset], chosen: list[str] | None, more: int) -> None:
    """A table of the fields `chosen`, else of those that a person mostly wants."""
    if chosen and found:
        output.write(output.table(chosen, list(output.texts(found, chosen))))
    elif found:
        output.write(output.table(_TABLE, [[_for_a_person(asset, name) for name in _TABLE] for asset in found]))
    if more:
        output.write(f"and {more:,} more (--limit N shows more of them)\n")


def _for_a_person(asset: Asset, name: str) -> str:
    """A field's text; of the camera only the model where that begins with the maker's first word."""
    make, model = asset["camera_make"], asset["camera_model"]
    # "NIKON CORPORATION NIKON Z 6" would take the width that name and title need
    if name == "camera" and make and model and model.casefold().split()[:1] == make.casefold().split()[:1]:
        return str(model)
    return output.text_of(value_of(asset, name))


def _print_stream(found: Iterator[Asset], form: _Form) -> None:
    if form.json:
        output.write_json(_chosen(found, form.fields))
    elif form.jsonl:
        for asset in _chosen(found, form.fields):
            output.write(output.as_json(asset) + "\n")
    elif form.csv:
        names, safe = form.fields or NAMES, output.escaped if output.on_terminal() else str
        output.write_csv(names, (list(map(safe, row)) for row in output.texts(found, names)))
    else:
        end = "\0" if form.nul else "\n"
        for asset in found:
            output.write(_line(asset, form) + end)


def _line(asset: Asset, form: _Form) -> str:
    safe: Callable[[str], str] = output.escaped if output.on_terminal() else output.one_line
    if form.nul:
        safe = str
    if form.template is not None:
        return form.template(asset, safe)
    if form.fields:
        return "\t".join(safe(output.text_of(value_of(asset, name))) for name in form.fields)
    path: str = asset["path"]
    return path


def _chosen(found: Iterator[Asset], names: Sequence[str] | None) -> Iterator[Asset]:
    for asset in found:
        yield asset if names is None else {name: value_of(asset, name) for name in names}
