"""`watcher backup`: the catalog as one file, beside a daemon that goes on with its work."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import click

from watcher import chronicle, locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.cli.progress import size_text
from watcher.db import backup
from watcher.db.connect import open_reader
from watcher.db.jobs import now
from watcher.errors import ConfigError, DatabaseError
from watcher.filesystem import fsync_directory, rename_noreplace
from watcher.logs import printable

VERSION = 1  # of what --json prints
# what the catalog tells of; trash has what was removed, and the bytes as dropped of what was cleaned up
_BESIDE = ("originals", "sidecars", os.path.join(".watcher", "trash"))


@click.command(name="backup")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace FILE when it is there.")
@as_json
@places
def command(file: str, force: bool, as_json: bool, config: str | None, library: str | None) -> None:
    """Copy the catalog into FILE as it is at this moment, while the daemon works; watcher restore puts it back.

    That is all that the catalog knows of the photographs, of their edits and of each file that was taken. It is not
    the photographs: what else to copy is said too. The copy is checked before it gets its name.

    \b
    With --json: {version, file, database, assets, bytes, made_at (UTC),
    beside: [what else to copy]}.

    \b
    Examples:
      watcher backup ~/backups/watcher-2026-07-01.db
      watcher backup --force /mnt/backup/watcher.db
    """
    place = locate.library(config, library)
    target = locate.absolute(file)
    _check(target, place.database, force)
    began = now()
    with _partial(target) as partial:
        _copy(place.database, partial)
        held = _judged(partial, place.database)
        _publish(partial, target, force)
    beside = [*(os.path.join(place.path, name) for name in _BESIDE), chronicle.path_of(place.path)]
    report = {
        "version": VERSION,
        "file": target,
        "database": place.database,
        "assets": held.assets,
        "bytes": os.stat(target).st_size,
        "made_at": began,
        "beside": [path for path in beside if os.path.exists(path)],
    }
    _tell(report, as_json)


def _check(target: str, database: str, force: bool) -> None:
    if os.path.isdir(target):
        raise ConfigError(f"{printable(target)} is a folder: name the file that the backup is to be")
    if not os.path.isdir(folder := os.path.dirname(target)):
        raise ConfigError(f"there is no folder {printable(folder)}: make it, or name another file")
    if not os.path.lexists(target):
        return
    if os.path.exists(database) and os.path.samefile(target, database):
        raise ConfigError(f"{printable(target)} is the catalog itself: name another file")
    if not force:
        raise ConfigError(f"{printable(target)} is there already: name another file, or replace it with --force")


@contextlib.contextmanager
def _partial(target: str) -> Iterator[str]:
    """The name of the file while it is made; nothing is left of it when it did not become a backup."""
    partial = target + ".partial"
    try:
        _remove(partial)  # of a run that was killed
        yield partial
    except sqlite3.Error as error:
        raise DatabaseError(f"the backup {printable(partial)} cannot be written: {error}") from None
    except OSError as error:
        place = printable(os.fsdecode(error.filename or partial))
        raise ConfigError(f"the backup cannot be written: {error.strerror} ({place})") from None
    finally:
        for name in (partial, partial + "-journal"):
            with contextlib.suppress(OSError):
                _remove(name)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _copy(database: str, partial: str) -> None:
    with contextlib.closing(open_reader(database)) as source, _bar() as bar:

        def tell(left: int, pages: int) -> None:
            bar.length = pages
            bar.update(pages - left - bar.pos)

        backup.copy(source, partial, tell)


def _bar() -> Any:
    return click.progressbar(length=1, file=sys.stderr, hidden=not sys.stderr.isatty())


def _judged(partial: str, database: str) -> backup.Held:
    try:
        return backup.judge(partial, database)
    except DatabaseError as error:
        raise DatabaseError(f"{error}: no backup was made; watcher doctor says more") from None


def _publish(partial: str, target: str, force: bool) -> None:
    if force:
        os.replace(partial, target)
    else:
        rename_noreplace(partial, target)
    fsync_directory(os.path.dirname(target))


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.write(output.as_json(report, indent=2) + "\n")
    else:
        safe = output.escaped if output.on_terminal() else output.one_line
        output.write(f"{safe(report['file'])}: {report['assets']:,} photographs, {size_text(report['bytes'])}\n")
    output.flush()
    if not as_json and report["beside"]:
        click.echo("It is the catalog, not the photographs. Copy these too, after it:", err=True)
        for path in report["beside"]:
            click.echo(f"  {output.escaped(path)}", err=True)
