"""`watcher render`: renditions on demand, and those that a changed configuration outdates."""

from __future__ import annotations

import dataclasses
import sys

import click

from watcher import rendering, settings
from watcher.cli import naming, output
from watcher.cli.options import as_json, places
from watcher.db import search, views
from watcher.db.connect import editing
from watcher.errors import ConfigError, RejectedError, RetryError
from watcher.model import Recipe
from watcher.settings.whole import Settings
from watcher.storage.local import LocalStorage

_PLAN = ("recipe", "count", "missing", "bytes", "original_bytes")
_LIST = ("recipe", "count", "bytes", "outdated")


@click.command(name="render")
@click.argument("asset", nargs=-1)
@click.option("--recipe", metavar="NAME", help="Make it as [recipes.NAME] has it.")
@click.option("--size", metavar="N|WxH", help="Or by these flags: px of the long side, or of a box.")
@click.option("--mode", type=click.Choice(["fit", "fill", "stretch"]), help="With --size: how it goes into the box.")
@click.option("--quality", type=int, metavar="N", help="With --size: 1 to 95.")
@click.option("--format", type=click.Choice(["jpeg", "png", "webp", "avif", "same"]), help="With --size.")
@click.option("--outdated", is_flag=True, help="Make anew what the configuration has otherwise by now.")
@click.option("--dry-run", is_flag=True, help="With --outdated: say how much that is, and do nothing.")
@click.option("--list", "listing", is_flag=True, help="The recipes, with how many renditions there are of each.")
@as_json
@places
def command(
    asset: tuple[str, ...],
    recipe: str | None,
    outdated: bool,
    dry_run: bool,
    listing: bool,
    as_json: bool,
    config: str | None,
    library: str | None,
    **flags: str | int | None,
) -> int:
    """Make a rendition of ASSET, keep it in the library, and print where it lies. ASSET is what `watcher show` takes.

    What is there already is not made again. With --outdated, all that a changed configuration affects is made anew;
    interrupted, it goes on where it ended. Exits with 1 when something could not be made.

    \b
    Examples:
      watcher render IMG_1234.jpg --size 640x480 --mode fill --quality 80
      watcher render 27 --recipe preview
      watcher render --outdated --dry-run
      watcher render --list
    """
    given = {name: value for name, value in flags.items() if value is not None}
    _check(asset, recipe, given, outdated, dry_run, listing, as_json)
    chosen = settings.load(config, library=library).settings
    if listing:
        return _list(chosen, as_json)
    if outdated:
        return _rebuild(chosen, dry_run, as_json)
    return _render(asset, _recipe(chosen, recipe, given), chosen)


def _check(
    asset: tuple[str, ...],
    recipe: str | None,
    flags: dict[str, str | int],
    outdated: bool,
    dry_run: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Raises UsageError for flags that do not go together."""
    if [bool(asset), outdated, listing].count(True) != 1:
        raise click.UsageError("say what: ASSET..., or --outdated, or --list")
    if asset and (recipe is None) == ("size" not in flags):
        raise click.UsageError("say how: --recipe NAME, or --size N")
    if flags and (recipe is not None or not asset):
        raise click.UsageError(f"--{next(iter(flags))} goes with ASSET and --size only")
    if recipe is not None and not asset:
        raise click.UsageError("--recipe goes with ASSET only")
    if dry_run and not outdated:
        raise click.UsageError("--dry-run goes with --outdated only")
    if as_json and asset:
        raise click.UsageError("--json goes with --outdated and --list only")


def _recipe(chosen: Settings, name: str | None, given: dict[str, str | int]) -> Recipe:
    if name is None:
        from watcher.settings import flags

        return flags.recipe(given)
    if name not in chosen.recipes:
        there = ", ".join(sorted(chosen.recipes))
        raise ConfigError(f"there is no recipe {name!r}: there are {there}, or say --size")
    return settings.recipes(chosen, [name])[0]


def _render(words: tuple[str, ...], recipe: Recipe, chosen: Settings) -> int:
    storage = _storage(chosen)
    with search.reading(chosen.library.database) as connection:
        found = {word: naming.find(connection, word, storage.root) for word in words}
        problems = [naming.missing(connection, word) for word, numbers in found.items() if not numbers]
        assets = list(dict.fromkeys(number for numbers in found.values() for number in numbers))
        keys = {asset: rendering.standing(connection, storage, asset, recipe) for asset in assets}
    for asset, key in keys.items():
        try:
            _print_path(storage.url(key or _made(asset, recipe, storage, chosen)))
        except (RejectedError, RetryError) as error:
            problems.append(output.escaped(str(error)))
    return _complained(problems)


def _made(asset: int, recipe: Recipe, storage: LocalStorage, chosen: Settings) -> str:
    with editing(chosen.library.database) as connection:
        order = rendering.order(connection, asset, recipe)
        return rendering.make(connection, storage, order, settings.limits(chosen))[0]


def _rebuild(chosen: Settings, dry_run: bool, as_json: bool) -> int:
    with search.reading(chosen.library.database) as connection:
        orders, shares = rendering.outdated(connection, *_configured(chosen))
    rows = [dataclasses.asdict(share) for share in shares if share.count]
    output.write_view(_PLAN, rows, as_json, "all renditions are as configured")
    output.flush()
    return 0 if dry_run or not orders else _work_off(orders, chosen)


def _work_off(orders: list[rendering.Order], chosen: Settings) -> int:
    storage, limits, problems = _storage(chosen), settings.limits(chosen), []
    with (
        editing(chosen.library.database) as connection,
        click.progressbar(orders, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True) as bar,
    ):
        for order in bar:
            try:
                rendering.make(connection, storage, order, limits)
            except (RejectedError, RetryError) as error:
                problems.append(output.escaped(str(error)))
    return _complained(problems)


def _list(chosen: Settings, as_json: bool) -> int:
    with search.reading(chosen.library.database) as connection:
        there = {row["recipe"]: row for row in views.renditions_by_recipe(connection)}
        _, shares = rendering.outdated(connection, *_configured(chosen))
    due = {share.recipe: share.count for share in shares}
    none = {"count": 0, "bytes": 0}
    # of what flags once asked for nobody knows any more whether it is outdated
    rows = [
        {**none, **there.get(name, {}), "recipe": name, "outdated": due.get(name)} for name in sorted({*there, *due})
    ]
    output.write_view(_LIST, rows, as_json, "no recipes")
    return 0


def _configured(chosen: Settings) -> tuple[tuple[Recipe, ...], dict[str, list[str]]]:
    """All recipes, and the names of those that each inbox wants."""
    return settings.recipes(chosen, list(chosen.recipes)), {inbox.name: inbox.recipes for inbox in chosen.inbox}


def _storage(chosen: Settings) -> LocalStorage:
    return LocalStorage(chosen.library.path, umask=chosen.library.umask)


def _print_path(path: str) -> None:
    output.write((output.escaped if output.on_terminal() else output.one_line)(path) + "\n")
    output.flush()


def _complained(problems: list[str]) -> int:
    for sentence in problems:
        click.echo(f"watcher: {sentence}", err=True)
    return 1 if problems else 0
