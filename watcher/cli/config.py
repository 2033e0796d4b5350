"""`watcher config`: check, show and begin a configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from watcher.cli.options import as_json, places
from watcher.errors import ConfigError
from watcher.logs import printable

if TYPE_CHECKING:
    from watcher.settings import Loaded

_config = click.option("--config", metavar="FILE", help="The configuration file.")


@click.group()
def command() -> None:
    """Check, show or begin the configuration.

    \b
    Examples:
      watcher config init       write a file to edit
      watcher config check      say what is wrong with it
    """


@command.command()
@places
def check(config: str | None, library: str | None) -> None:
    """Say whether the configuration is right, or all that is wrong with it (exit code 2).

    \b
    Examples:
      watcher config check
      watcher config check --config /etc/watcher/watcher.toml
    """
    from watcher import settings

    loaded = settings.load(config, library=library)
    click.echo(f"{printable(loaded.file or 'no file, only defaults')}: ok")
    for line in _summary(loaded):
        click.echo(printable(line))


def _summary(loaded: Loaded) -> list[str]:
    now = loaded.settings
    inboxes = [f"inbox    {inbox.path} ({inbox.name}){_absent(inbox.path)}" for inbox in now.inbox]
    return [
        *inboxes,
        f"library  {now.library.path}{_absent(now.library.path)}",
        f"catalog  {now.library.database}",
        f"recipes  {', '.join(now.recipes)}",
        f"workers  {now.workers.count}",
    ]


def _absent(folder: str) -> str:
    return "" if os.path.isdir(folder) else " - not there yet"


@command.command()
@places
@as_json
def show(config: str | None, library: str | None, as_json: bool) -> None:
    """Show the settings in force, and who set those that are not defaults.

    \b
    Examples:
      watcher config show
      WATCHER_WORKERS__COUNT=4 watcher config show --json
    """
    from watcher import settings
    from watcher.settings import text

    loaded = settings.load(config, library=library)
    click.echo(text.as_json(loaded) if as_json else text.as_toml(loaded), nl=as_json)


@command.command()
@_config
def path(config: str | None) -> None:
    """Print which file is in use; exit code 1 when there is none.

    \b
    Example:
      $EDITOR "$(watcher config path)"
    """
    from watcher import locate

    file = locate.config_file(config)
    if file is None:
        click.echo("There is no configuration file: the defaults hold. watcher config init writes one.", err=True)
        raise click.exceptions.Exit(1)
    click.echo(os.fsencode(file))


@command.command()
@_config
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(config: str | None, force: bool) -> None:
    """Write a file with every setting, its default and its meaning.

    \b
    Examples:
      watcher config init
      watcher config init --config ./watcher.toml
    """
    from watcher import locate
    from watcher.settings import text

    file = locate.absolute(config) if config else locate.user_file()
    _write(file, text.default_text(), force)
    option = f" --config {printable(file)}" if config else ""
    click.echo(f"wrote {printable(file)}")
    click.echo("Next: name your inbox and library in it, then")
    click.echo(f"  watcher config check{option}\n  watcher run{option}")


def _write(file: str, text: str, force: bool) -> None:
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w" if force else "x", encoding="utf-8") as output:
            output.write(text)
    except OSError as error:
        if isinstance(error, FileExistsError) and error.filename == file:
            raise ConfigError(f"{printable(file)}: is there already; --force writes over it") from None
        raise ConfigError(f"{printable(file)}: cannot be written ({os.strerror(error.errno or 0)})") from None
