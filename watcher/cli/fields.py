"""`watcher fields`: what an asset has, by the names that queries, templates and JSON use."""

from __future__ import annotations

import click

from watcher.cli import output
from watcher.cli.options import as_json
from watcher.fields import ALIASES, FIELDS
from watcher.querying.questions import QUESTIONS


@click.command()
@as_json
def command(as_json: bool) -> None:
    """List the fields of a photograph: for queries, --fields, --format, --sort, and the keys of JSON.

    This is version 1 of the schema: later ones add fields, and neither rename nor remove one. A field without a value
    is null in JSON and empty elsewhere; renditions is an object, and {renditions.thumb} in a template one of its paths.
    Of kind question are the names that only a query knows.

    \b
    Examples:
      watcher fields
      watcher fields --json
    """
    rows = [(field.name, _alias(field.name), str(field.kind), field.meaning) for field in FIELDS]
    rows += [(name, "", "question", meaning) for name, meaning in QUESTIONS.items()]
    names = ("name", "alias", "kind", "meaning")
    if as_json:
        output.write_json(dict(zip(names, (row[0], row[1] or None, *row[2:]), strict=True)) for row in rows)
    else:
        output.write(output.table(names, rows))
    output.flush()


def _alias(name: str) -> str:
    return next((alias for alias, fields in ALIASES.items() if name in fields), "")
