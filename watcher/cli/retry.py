"""`watcher retry`: failed files go back to where they were dropped. A rename only: the inbox is the one way in.

A member of an archive that has a file of its own in failed/ goes to the top of the inbox; any other goes back with its
archive. Of a file that stays in its inbox it is forgotten that it was taken: a daemon notices that within seconds.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import click

from watcher import beneath, locate
from watcher.cli import output
from watcher.cli.lying import lies_there
from watcher.cli.options import places
from watcher.db import connect, search, taken, views
from watcher.filesystem import rename_noreplace
from watcher.logs import printable


@click.command(name="retry")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that lies in failed/ or stays in an inbox.")
@click.option("--reason", metavar="TEXT", help="Those whose reason contains TEXT.")
@places
def command(ids: tuple[str, ...], everything: bool, reason: str | None, config: str | None, library: str | None) -> int:
    """Move failed files back into their inbox, to be tried again. One that stays there is taken again.

    ID is the number that `watcher failures` shows.

    \b
    Examples:
      watcher retry 27
      watcher retry --reason "out of memory"
      watcher retry --all
    """
    if not (ids or everything or reason):
        raise click.UsageError("say which: ID..., --reason TEXT, or --all (watcher failures lists them)")
    numbers = [_number(one) for one in ids]
    database = locate.library(config, library).database
    with search.reading(database) as connection:
        lying = [row for row in [*views.left_behind(connection), *views.stayed(connection)] if lies_there(row)]
        wanted = {views.holder_of(connection, number): number for number in numbers}
    chosen = [row for row in lying if everything or row["id"] in wanted or (reason and reason in (row["reason"] or ""))]
    unknown = sorted(number for holder, number in wanted.items() if holder not in {row["id"] for row in lying})
    for number in unknown:
        _complain(f"job {number} has no failed file: see watcher failures")
    if not chosen and not unknown:
        _complain("no failed file matches")
    again = _take_again(database, [row for row in chosen if row["stays"]])
    again += [row for row in chosen if not row["stays"] and _put_back(row)]
    output.flush()
    return 0 if again and len(again) == len(chosen) and not unknown else 1


def _number(text: str) -> int:
    digits = text.removeprefix("job:")
    if not digits.isdecimal():
        raise click.BadParameter(f"{text!r} is no job number: see watcher failures", param_hint="ID")
    return int(digits)


def _take_again(database: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Forget that they were taken, in one transaction, which waits for the daemon's. Raises DatabaseError."""
    if rows:
        with connect.editing(database) as connection, connect.transaction(connection):
            taken.forget(connection, [row["id"] for row in rows])
    for row in rows:
        output.write(printable(os.fsdecode(row["place"])) + "\n")
    return rows


def _put_back(row: dict[str, Any]) -> bool:
    target = os.path.join(row["inbox_path"], row["path"])
    old, new = printable(os.fsdecode(row["place"])), printable(os.fsdecode(target))
    inbox = os.fsdecode(row["inbox_path"])
    try:
        with (
            beneath.pinned(inbox, os.fsdecode(row["place"])) as source,
            beneath.pinned(inbox, os.fsdecode(row["path"]), make=0o777) as place,
        ):
            rename_noreplace(source, place)
    except FileExistsError:
        _complain(f"{new} is there already: move it away, then retry {row['id']} again")
        return False
    except OSError as error:
        _complain(f"{old} cannot be moved back to {new}: {error.strerror}")
        return False
    _forget_note(inbox, row["place"])
    output.write(new + "\n")
    return True


def _forget_note(inbox: str, place: bytes) -> None:
    """The daemon's sweep would do it too; without a daemon nobody else does."""
    from watcher.intake import discards

    note = os.fsdecode(place) + discards.ERROR_SUFFIX
    with contextlib.suppress(OSError):
        if discards.is_ours(note):
            discards.delete(inbox, note)


def _complain(sentence: str) -> None:
    click.echo(f"watcher: {sentence}", err=True)
