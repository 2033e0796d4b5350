"""`watcher add`: files into an inbox as one batch, with what is asked for them. Beside the daemon or without one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from watcher import adding, locate
from watcher.cli import output, waiting
from watcher.cli.finding import Batches
from watcher.cli.options import as_json, places
from watcher.cli.report import report
from watcher.errors import ConfigError
from watcher.logs import printable
from watcher.model import MOST_OPTIONS, OPTIONS_NAME, shown

if TYPE_CHECKING:
    from watcher.settings.tables import Inbox
    from watcher.settings.whole import Settings

Command = Callable[..., Any]


def _wishes(command: Command) -> Command:
    """The keys of a batch.toml as options; what is not given is None or ()."""
    for option in (
        click.option("--touch", is_flag=True, default=None, help="Give each file the time at which it was taken."),
        click.option("--upright", is_flag=True, default=None, help="Turn JPEGs that lie on their side, without loss."),
        click.option("--shift", metavar="S", help="Put the camera's clock right: -23m, 1d2hr3m4s."),
        click.option("--recipe", "recipes", multiple=True, metavar="R", help="Make these renditions only; repeatable."),
        click.option("--keyword", "keywords", multiple=True, metavar="K", help="A keyword for all; repeatable."),
        click.option("--description", metavar="D", help="Their description; {prefix} and {seq} are filled in."),
        click.option("--title", metavar="T", help="Their title; {prefix} and {seq} are filled in."),
        click.option("--prefix", metavar="P", help="Call them P_01, P_02 and so on, in the order they were taken."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("paths", nargs=-1, metavar="FILE|DIR|ZIP|-...")
@click.option(
    "--inbox",
    metavar="NAME",
    help='The inbox to add to, by its name or folder (default: the first with take = "move").',
)
@click.option("--name", metavar="NAME", help="What standard input (-) is called, such as x.jpg.")
@_wishes
@click.option("--wait", "wait", is_flag=True, help="Wait until all is done (3: some files failed).")
@click.option("--rendition", metavar="NAME", help="With --wait: print the path of this rendition of each picture.")
@click.option("--dry-run", is_flag=True, help="Say what would be added, and write nothing.")
@places
@as_json
def command(
    paths: tuple[str, ...],
    inbox: str | None,
    name: str | None,
    wait: bool,
    rendition: str | None,
    dry_run: bool,
    config: str | None,
    library: str | None,
    as_json: bool,
    **wishes: Any,
) -> int:
    """Copy files into an inbox as one batch, and print its token. They are taken as soon as watcher run does.

    A folder keeps its name and its tree. A batch.toml in it, or beside the files, says what is asked for; options given
    here go first.

    \b
    Examples:
      watcher add IMG_1.jpg IMG_2.jpg
      watcher add lisbon/ --prefix lisbon --keyword travel --wait
      curl -s https://example.org/x.jpg | watcher add - --name x.jpg
      watcher add x.jpg --wait --rendition preview
    """
    _check_usage(paths, name, wait, rendition, dry_run)
    from watcher import settings

    chosen = settings.load(config, library=library).settings
    target, plan = _inbox(chosen, inbox), adding.plan(paths, name)
    options = _options(plan, wishes, chosen)
    if rendition is not None:
        _check_rendition(rendition, options.get("recipes", target.recipes))
    for path, why in plan.left_out:
        _say(f"left out: {printable(path)}: {why}")
    if dry_run:
        _rehearse(plan, options, target, as_json)
        return 0
    token = _add(target, plan, options)
    batches = Batches(locate.library(config, library), config, library)
    if not wait or not (as_json or rendition):  # their output must be nothing else
        _print_token(token, plan, target, as_json)
    if report(batches.place.path) is None:
        _say(f"{token} is queued: no daemon is running; it is taken when watcher run starts")
    return waiting.wait(batches, token, rendition, as_json) if wait else 0


def _check_usage(paths: Sequence[str], name: str | None, wait: bool, rendition: str | None, dry_run: bool) -> None:
    if not paths:
        raise click.UsageError("say what to add: FILE, DIR, ZIP, or - for standard input")
    if ("-" in paths) != (name is not None):
        raise click.UsageError("- and --name go together: watcher add - --name x.jpg")
    if name is not None and (not name.strip(".") or "/" in name or "\0" in name or name == OPTIONS_NAME):
        raise click.UsageError(f"--name: {printable(name)!r} is no file's name")
    if rendition is not None and not wait:
        raise click.UsageError("--rendition goes with --wait only")
    if wait and dry_run:
        raise click.UsageError("--dry-run goes without --wait: there is nothing to wait for")


def _inbox(chosen: Settings, wanted: str | None) -> Inbox:
    """The one that is wanted. Nothing is written to those whose files are to stay where they are."""
    if wanted is None:
        found = next((inbox for inbox in chosen.inbox if inbox.take == "move"), None)
        if found is None:
            raise ConfigError('nothing is put into an inbox with take = "copy": configure one with take = "move"')
        return found
    for inbox in chosen.inbox:
        if wanted == inbox.name or os.path.realpath(wanted) == os.path.realpath(inbox.path):
            if inbox.take == "copy":
                raise ConfigError(
                    f'the inbox {shown(inbox.name)} has take = "copy": nothing is put into it. Choose another, or put '
                    f"the files into {shown(inbox.path)} yourself"
                )
            return inbox
    names = ", ".join(shown(inbox.name) for inbox in chosen.inbox)
    raise ConfigError(f"there is no inbox {printable(wanted)}; there are {names}")


def _options(plan: adding.Plan, wishes: Mapping[str, Any], chosen: Settings) -> dict[str, Any]:
    """What is asked for: by the batch.toml that came along, and over that by the command line."""
    from watcher.settings import batchfile

    found: dict[str, Any] = {}
    if plan.options is not None:
        try:
            with open(plan.options, "rb") as file:
                found = batchfile.read(file.read(MOST_OPTIONS + 1), chosen.recipes)
        except ConfigError as error:
            lines = [f"{shown(plan.options)}: {line}" for line in str(error).splitlines()]
            raise ConfigError("\n".join(lines)) from None
        except OSError as error:
            raise ConfigError(f"{shown(plan.options)} cannot be read: {error.strerror}") from None
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in wishes.items()}
    given = {key: value for key, value in given.items() if value not in (None, [])}
    return {**found, **batchfile.check(given, chosen.recipes)}


def _check_rendition(rendition: str, recipes: Sequence[str]) -> None:
    if rendition not in recipes:
        there = ", ".join(recipes) or "none"
        raise ConfigError(f"--rendition: {printable(rendition)} is none of the renditions that these get: {there}")


def _add(target: Inbox, plan: adding.Plan, options: Mapping[str, Any]) -> str:
    from watcher.settings import batchfile

    return adding.add(target.path, plan.pieces, batchfile.text(options).encode(), sys.stdin.buffer)


def _rehearse(plan: adding.Plan, options: Mapping[str, Any], target: Inbox, as_json: bool) -> None:
    from watcher.settings import batchfile

    files = [{"name": shown(piece.place), "bytes": piece.size} for piece in plan.pieces]
    if as_json:
        left = [{"path": shown(path), "reason": why} for path, why in plan.left_out]
        answer = {"inbox": target.name, "files": files, "options": dict(options), "left_out": left}
        output.write(output.as_json(answer, indent=2) + "\n")
    else:
        output.write_view(["bytes", "name"], files, False, "nothing")
        output.write(output.escaped(batchfile.text(options)).replace("\\n", "\n"))
    output.flush()


def _print_token(token: str, plan: adding.Plan, target: Inbox, as_json: bool) -> None:
    size = sum(piece.size or 0 for piece in plan.pieces)
    answer = {"token": token, "inbox": target.name, "files": len(plan.pieces), "bytes": size}
    output.write((output.as_json(answer) if as_json else token) + "\n")
    output.flush()


def _say(sentence: str) -> None:
    click.echo(f"watcher: {sentence}", err=True)
