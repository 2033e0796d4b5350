"""`watcher cancel`: what has not begun of a batch is stopped. Beside the daemon, in a transaction of its own.

Where the files go that were stopped is the daemon's to say; what no daemon has seen goes to failed/ from here.
"""

from __future__ import annotations

import os

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.finding import Batches
from watcher.cli.options import places
from watcher.cli.progress import Batch
from watcher.db import cancelling
from watcher.db.connect import editing, transaction
from watcher.errors import ConfigError
from watcher.filesystem import rename_noreplace
from watcher.intake.discards import FAILED
from watcher.intake.spool import FOLDER, READY
from watcher.logs import printable


@click.command()
@click.argument("batch", metavar="BATCH|TOKEN")
@places
def command(batch: str, config: str | None, library: str | None) -> int:
    """Stop what has not begun of a batch; what is in the library stays there. The files stopped go to failed/.

    BATCH is a name (the latest batch of that name counts), or a number that watcher batches shows; TOKEN is what
    watcher add printed.

    \b
    Examples:
      watcher cancel takeout-20240517T000000Z
      watcher cancel a-7k2m5qx3ab
    """
    batches = Batches(locate.library(config, library), config, library)
    found = batches.find(batch)
    if found and found["id"] is None:
        if _set_aside(found["token"], batches.waiting_at(found["token"])):
            return 0
        found = batches.find(batch)  # a daemon has taken it meanwhile
    if found is None:
        _complain(f"there is no batch {printable(batch)}: watcher batches lists them")
        return 1
    return _cancel(found, batches.place.database)


def _set_aside(token: str, inbox: str | None) -> bool:
    """Move what waits in `ready` to failed/; whether it was still there. It may be the only copy by now."""
    if inbox is None:
        return False
    target = os.path.join(inbox, FAILED, token)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        rename_noreplace(os.path.join(inbox, FOLDER, READY, token), target)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{token} cannot be moved to {printable(target)}: {error.strerror}") from None
    output.write(f"stopped before it was taken; its files lie in {printable(target)}\n")
    output.flush()
    return True


def _cancel(batch: Batch, database: str) -> int:
    with editing(database) as connection, transaction(connection):
        stopped = cancelling.cancel(connection, batch["id"])
    name = printable(batch["name"])
    if not stopped.files and not stopped.was_open:
        rest = f": {_files(stopped.running)} being worked on" if stopped.running else f", which is {batch['state']}"
        _complain(f"there is nothing to stop of {name}{rest}")
        return 1
    output.write(f"{name}: {_files(stopped.files)} stopped\n")
    if stopped.running:
        goes_on = "goes on" if stopped.running == 1 else "go on"
        output.write(f"{name}: {_files(stopped.running)} being worked on, which {goes_on}\n")
    if stopped.was_open:
        output.write(f"{name}: what still comes for it is stopped too\n")
    output.flush()
    return 0


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _complain(sentence: str) -> None:
    click.echo(f"watcher: {sentence}", err=True)
