"""`watcher edit`: what the catalog says of photographs is changed by hand, after a look at what that would be."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

import click

from watcher import chronicle, locate
from watcher.cli import asking, output
from watcher.cli.options import places
from watcher.db import annals, editing, search
from watcher.db.connect import editing as open_for_editing
from watcher.db.connect import transaction
from watcher.db.editing import Changes, Values
from watcher.querying.periods import moment
from watcher.showing import known_part, shown

_RATINGS = range(-1, 6)


def _checked(read: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], object]:
    """A callback for click: the value as `read` gives it; its ValueError becomes a mistake of usage."""

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> object:
        try:
            return None if value is None else read(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return callback


def _text(name: str) -> Callable[[str], Values]:
    return lambda text: {name: _typed(text) or None}


def _typed(text: str) -> str:
    """In one form of the accents, whatever the keyboard made of them, as names and queries have them."""
    return unicodedata.normalize("NFC", shown(text)).strip()


def _rating(text: str) -> Values:
    if not text:
        return {"rating": None}
    if text in map(str, _RATINGS):
        return {"rating": int(text)}
    raise ValueError(f"{text!r} is not one of -1 (rejected) to 5")


def _taken(text: str) -> Values:
    # an offset that was read belonged to the date that was read
    when, precision, offset = moment(text) if text else (None, None, None)
    return dict(zip(editing.TAKEN, (when, offset, precision, "edit"), strict=True))


@click.command(name="edit", cls=asking.CarefulWords)
@click.argument("query", nargs=-1, required=True)
@places
@click.option("--title", metavar="TEXT", callback=_checked(_text("title")), help="The title.")
@click.option("--description", metavar="TEXT", callback=_checked(_text("description")), help="The description.")
@click.option("--keyword", multiple=True, metavar="WORD", help="Add a keyword; -WORD takes it away. Repeatable.")
@click.option("--rating", metavar="N", callback=_checked(_rating), help="-1 (rejected) to 5.")
@click.option("--taken", metavar="DATE", callback=_checked(_taken), help="Local time: 2024-05-17T14:23, or less of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    query: tuple[str, ...],
    config: str | None,
    library: str | None,
    keyword: tuple[str, ...],
    yes: bool,
    **values: Values | None,
) -> int:
    """Change what the catalog says of the photographs that QUERY finds. An empty title, description, rating or date
    takes away what is there.

    Tells first what would change, and asks; without a terminal it needs --yes. The files stay as they are, and no
    metadata read later changes what was edited. Exits with 1 when nothing is found, or the answer is no.

    \b
    Examples:
      watcher edit id:12 --title 'Sunset at the beach' --rating 4
      watcher edit folder:iceland taken:2023 --keyword holiday --keyword -todo
      watcher edit name::^scan --taken 1987-06
    """
    changes = _changes(keyword, *filter(None, values.values()))
    place = locate.library(config, library)
    with search.reading(place.database) as connection, asking.patient():
        assets = search.ids(connection, asking.read(connection, query, place.path), sort="id")
        counted = editing.plan(connection, assets, changes)
    if not assets:
        click.echo("nothing found", err=True)
        return 1
    _tell(len(assets), counted, changes)
    if not counted[""]:
        return 0
    if not _agreed(yes):
        return 1
    with open_for_editing(place.database) as connection, transaction(connection):
        edited = editing.edit(connection, assets, changes)
        if edited:
            chronicle.append(place.path, annals.of_edit(connection), fsync=True)
    click.echo(f"{_photographs(edited)} changed", err=True)
    return 0


def _changes(keywords: tuple[str, ...], *values: Values) -> Changes:
    words = [_typed(word) for word in keywords]
    if not values and not any(word.strip("-") for word in words):
        raise click.UsageError("say what to change: --title, --description, --keyword, --rating or --taken")
    return Changes(
        {column: value for one in values for column, value in one.items()},
        tuple(word for word in words if word and not word.startswith("-")),
        tuple(word[1:].strip() for word in words if word.startswith("-")),
    )


def _tell(found: int, counted: dict[str, int], changes: Changes) -> None:
    """The plan: what becomes of how many."""
    lines = [f"{_photographs(found)} found; {counted[''] or 'none'} would change"]
    lines += [
        f"  {name}: {_shown(name, value, changes)} ({counted[name]:,})"
        for name, value in changes.values.items()
        if name not in editing.TAKEN[1:]
    ]
    if changes.added or changes.removed:
        words = [*(f"+ {word}" for word in changes.added), *(f"- {word}" for word in changes.removed)]
        lines.append(f"  keywords: {', '.join(words)} ({counted['keywords']:,})")
    for line in lines:
        click.echo(output.escaped(line), err=True)


def _shown(name: str, value: object, changes: Changes) -> str:
    if not isinstance(value, str):
        return "none" if value is None else str(value)
    precision = changes.values.get("taken_precision")
    return f"'{known_part(value, str(precision)) if name == 'taken_at' else value}'"


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to be asked: --yes makes the change")
    return click.confirm("Change them?", err=True)


def _photographs(number: int) -> str:
    return "1 photograph" if number == 1 else f"{number:,} photographs"
