"""`watcher repair`: what can be made anew is made anew; what is lost, and what nobody knows, is said."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO

import click

from watcher import opening, pacing, rebuilding, rendering, settings
from watcher.adopting import Adopting
from watcher.chronicle import Chronicle
from watcher.cli import output
from watcher.cli.options import places
from watcher.db import holdings, ledger, search
from watcher.db.connect import editing
from watcher.db.journal import Patience
from watcher.errors import FatalError
from watcher.model import Recipe, Rules
from watcher.repairing import Elsewhere, Outcome, Repairing
from watcher.settings import flags
from watcher.settings.whole import Settings
from watcher.showing import shown
from watcher.storage import trash
from watcher.storage.local import LocalStorage
from watcher.verifying import Verifying

_BY_FLAGS = re.compile(r"(\d*x?\d*)-(fit|fill|stretch)-q(\d{1,3})(?:-([a-z]+))?", re.ASCII)  # as settings.flags has it


@click.command(name="repair")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--delete-extra", is_flag=True, help="Move to the trash what nobody knows, after a look at the list.")
@click.option("--delete", "listed", type=click.File("rb"), metavar="FILE", help="Move to the trash what FILE lists.")
@click.option("--yes", is_flag=True, help="With --delete-extra: do not ask.")
@click.option("--from-library", is_flag=True, help="Make the whole catalog anew; no daemon may run.")
@places
def command(
    dry_run: bool,
    delete_extra: bool,
    listed: IO[bytes] | None,
    yes: bool,
    from_library: bool,
    config: str | None,
    library: str | None,
) -> int:
    """Make anew what can be made anew: renditions that are missing or cannot be read, the indexes, rows for originals
    and sidecars that the catalog does not know, with the renditions that their inbox wants. An original that is missing
    is looked for in the trash, in failed/ and in the inboxes, and put back; one that has other bytes is left, and said.
    It goes by sizes, and by bytes where the last watcher verify found something.

    Prints what became of each file (made, restored, adopted, left, extra), with tabs between. Nothing is deleted: extra
    files go to the trash with --delete-extra, or with --delete those whose paths FILE has, one a line as printed here.
    Exits with 1 when something is left for a person to see to.

    With --from-library the catalog is made from the files and the library's chronicle alone, in a new file; the former
    stays beside it. Of a library without a chronicle, names and times are what the files' own names and times tell. An
    original that has other bytes than the chronicle tells of is left out, and said: put the right ones back and run
    watcher repair, or move it into an inbox. One that is nowhere is said too.

    \b
    Examples:
      watcher repair --dry-run
      watcher repair --delete-extra
      watcher repair --from-library
    """
    _check(dry_run, delete_extra, listed is not None, yes, from_library)
    chosen = settings.load(config, library=library).settings
    os.umask(chosen.library.umask)
    pacing.step_back()
    if from_library:
        return _rebuild(chosen)
    with editing(chosen.library.database) as connection:
        if listed is not None:
            return _delete(_repairing(connection, chosen, dry=False), listed.read(), chosen)
        return _repair(connection, chosen, dry_run, delete_extra, yes)


def _check(dry_run: bool, delete_extra: bool, listed: bool, yes: bool, from_library: bool) -> None:
    """Raises UsageError for flags that do not go together."""
    if [dry_run, delete_extra, listed, from_library].count(True) > 1:
        raise click.UsageError("choose one of --dry-run, --delete-extra, --delete and --from-library")
    if yes and not delete_extra:
        raise click.UsageError("--yes goes with --delete-extra only")
    if delete_extra and not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody is here to be asked: --yes makes --delete-extra do it")


def _repairing(connection: sqlite3.Connection, chosen: Settings, *, dry: bool) -> Repairing:
    storage, limits = _storage(chosen), settings.limits(chosen)
    elsewhere = Elsewhere(storage.root, [inbox.path for inbox in chosen.inbox])
    verifying = Verifying(connection, storage, limits, pacing.Pace())
    recipes = functools.partial(_recipe, chosen)
    return Repairing(connection, storage, verifying, recipes, limits, elsewhere, dry=dry)


def _repair(connection: sqlite3.Connection, chosen: Settings, dry: bool, delete_extra: bool, yes: bool) -> int:
    repairing, tell = _repairing(connection, chosen, dry=dry), _Telling(chosen)
    tell(repairing.indexes())
    suspects = set(holdings.problems(connection))
    assets = holdings.assets(connection)
    with click.progressbar(assets, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True) as bar:
        for asset in bar:
            tell(repairing.asset(asset, suspect=asset in suspects))
    with contextlib.closing(Chronicle(chosen.library.path)) as chronicle:
        books = ledger.over(connection, Patience())
        rules = _rules(chosen)
        tell(repairing.strays(Adopting(connection, books, chronicle, rules, _inbox(chosen)), rules))
    tell(repairing.complete(rules.recipes, _wanted(chosen)))
    output.flush()
    extra = [one.key for one in tell.outcomes if one.what == "extra"]
    if extra and delete_extra and (yes or click.confirm(f"Move these {len(extra)} to the trash?", err=True)):
        tell(repairing.discard(extra, trash.new_token(time.time())))
        tell.outcomes = [one for one in tell.outcomes if one.what != "extra"]
    return tell.conclude(dry=dry)


def _delete(repairing: Repairing, listed: bytes, chosen: Settings) -> int:
    tell = _Telling(chosen)
    tell(repairing.discard(list(_keys(listed, repairing, chosen.library.path)), trash.new_token(time.time())))
    return tell.conclude(dry=False)


def _keys(listed: bytes, repairing: Repairing, root: str) -> Iterator[str]:
    """The keys that a list of paths names: a path a line, as it is or as it was printed; NULs between are fine too."""
    lines = [os.fsdecode(line) for line in listed.split(b"\0" if b"\0" in listed else b"\n")]
    wanted = {line.split("\t")[1] if line.startswith("extra\t") else line for line in lines if line}
    printed = {output.one_line(path): path for path in (f"{root}/{key}" for key in repairing.extra())}
    for line in sorted(wanted):
        path = printed.get(line, line)
        yield path.removeprefix(f"{root}/")


class _Telling:
    """Prints what became of each file, as it comes."""

    def __init__(self, chosen: Settings) -> None:
        self._root = chosen.library.path
        self.outcomes: list[Outcome] = []

    def __call__(self, outcomes: Iterable[Outcome]) -> None:
        safe = output.escaped if output.on_terminal() else output.one_line
        for one in outcomes:
            self.outcomes.append(one)
            place = f"{self._root}/{one.key}" if one.key else self._root
            output.write(f"{one.what}\t{safe(place)}\t{safe(one.words)}\n")
            output.flush()

    def conclude(self, *, dry: bool) -> int:
        """Says how many of each; the exit code."""
        kinds = ("made", "restored", "adopted", "left", "extra", "trashed")
        counted = {kind: sum(one.what == kind for one in self.outcomes) for kind in kinds}
        words = ", ".join(f"{number:,} {kind}" for kind, number in counted.items() if number)
        would = " (nothing was done: --dry-run)" if dry and self.outcomes else ""
        click.echo((words or "all is as it should be") + would, err=True)
        if counted["extra"] and not dry:
            click.echo("extra files are nobody's: watcher repair --delete-extra moves them to the trash", err=True)
        return int(bool(counted["left"] or counted["extra"] or (dry and self.outcomes)))


def _rebuild(chosen: Settings) -> int:
    """The catalog anew, while nobody works on the library; the former one stays beside it."""
    database = chosen.library.database
    new, kept = f"{database}.new", f"{database}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if not os.path.isdir(chosen.library.path):
        raise FatalError(f"the library {shown(chosen.library.path)} is not there: is its disk mounted?")
    library = opening.Library(chosen.library.path, database)
    with contextlib.closing(library):
        library.open()
        for tail in ("", "-wal", "-shm", "-journal"):  # of one that was stopped
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new + tail)
        threads = chosen.workers.count or os.cpu_count() or 1
        report = rebuilding.rebuild(new, _storage(chosen), _rules(chosen), _inbox(chosen), threads, _progress)
        rebuilding.put_in_place(new, database, kept)
    for key, reason in report.left:
        output.write(f"left\t{output.one_line(f'{chosen.library.path}/{key}')}\t{output.one_line(reason)}\n")
    output.flush()
    _conclude(report, kept, _missing(chosen))
    return 1 if report.left else 0


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done:,} of {of:,} files", err=True, nl=done == of)


def _missing(chosen: Settings) -> int:
    """How many renditions there never were, or are no more, that inboxes want."""
    with search.reading(chosen.library.database) as connection:
        _, shares = rendering.outdated(connection, _rules(chosen).recipes, _wanted(chosen))
    return sum(share.missing for share in shares)


def _conclude(report: rebuilding.Report, kept: str, missing: int) -> None:
    guessed = report.assets - report.told
    lines = [f"{report.assets:,} photographs and {report.sidecars:,} sidecars are in the catalog"]
    if guessed:
        lines.append(f"of {guessed:,} the chronicle tells nothing: their names are as the library has them")
    if report.damaged:
        lines.append(f"{report.damaged:,} lines of the chronicle cannot be read")
    if missing:
        lines.append(f"{missing:,} renditions are missing: watcher render --outdated makes them")
    if os.path.lexists(kept):
        lines.append(f"the former catalog is {output.escaped(kept)}")
    for line in lines:
        click.echo(line, err=True)


def _rules(chosen: Settings) -> Rules:
    """By which originals are read: all recipes, and whatever some inbox takes."""
    return Rules(
        chosen.library.path,
        chosen.library.name,
        settings.recipes(chosen, list(chosen.recipes)),
        settings.limits(chosen),
        timezone=chosen.library.timezone,
        other="store" if any(inbox.other == "store" for inbox in chosen.inbox) else "fail",
    )


def _wanted(chosen: Settings) -> dict[str, list[str]]:
    """The names of the recipes that each inbox's pictures get."""
    return {inbox.name: inbox.recipes for inbox in chosen.inbox}


def _inbox(chosen: Settings) -> tuple[str, str]:
    return chosen.inbox[0].path, chosen.inbox[0].name


def _storage(chosen: Settings) -> LocalStorage:
    return LocalStorage(chosen.library.path, umask=chosen.library.umask)


def _recipe(chosen: Settings, name: str) -> Recipe | None:
    """The configured recipe of this name, or that of the flags that it is named after."""
    if name in chosen.recipes:
        return settings.recipes(chosen, [name])[0]
    match = _BY_FLAGS.fullmatch(name)
    if match is None:
        return None
    given = dict(zip(("size", "mode", "quality", "format"), match.groups(), strict=True))
    return flags.recipe({key: int(value) if key == "quality" else value for key, value in given.items() if value})
