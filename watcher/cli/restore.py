"""`watcher restore`: a backup in the place of the catalog, which is kept."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.db import accounts, backup
from watcher.db.catalog import Catalog
from watcher.db.connect import open_reader
from watcher.errors import ConfigError, DatabaseError
from watcher.logs import printable
from watcher.opening import Library
from watcher.storage.local import LocalStorage

VERSION = 1  # of what --json prints
_CHUNK = 500


@click.command(name="restore")
@click.argument("file")
@as_json
@places
def command(file: str, as_json: bool, config: str | None, library: str | None) -> None:
    """Put FILE in the place of the catalog; watcher backup made it. The daemon must not run.

    FILE is checked before anything is changed, and stays. The catalog of now is kept beside the new one. A backup by
    an older version is brought up to date. No photograph is touched: what the library holds and this catalog does not
    know is counted at the end, and watcher repair sees to it.

    \b
    With --json: {version, file, database, kept (where the former catalog lies
    now, or null), assets, missing: how many of them have no original in the
    library, unknown: how many originals are of none}.

    \b
    Examples:
      watcher restore ~/backups/watcher-2026-07-01.db
    """
    place = locate.library(config, library)
    source = locate.absolute(file)
    _check(source, place)
    opened = Library(place.path, place.database)
    opened.open()
    try:
        kept, held = _restored(source, place.database)
        missing, unknown = _differences(place)
    finally:
        opened.close()
    report = {
        "version": VERSION,
        "file": source,
        "database": place.database,
        "kept": kept,
        "assets": held.assets,
        "missing": missing,
        "unknown": unknown,
    }
    _tell(report, as_json)


def _check(source: str, place: locate.Library) -> None:
    if not os.path.isfile(source):
        raise ConfigError(f"there is no file {printable(source)}: name one that watcher backup made")
    if not os.path.isdir(place.path):  # one made for a misspelt path would hide that
        raise ConfigError(f"there is no library at {printable(place.path)}: make the folder, or name another")
    if os.path.exists(place.database) and os.path.samefile(source, place.database):
        raise ConfigError(f"{printable(source)} is the catalog itself: name a file that watcher backup made")


def _restored(source: str, database: str) -> tuple[str | None, backup.Held]:
    """Where the former catalog lies now, and what is in its place. Until that moment nothing of it has changed."""
    new = database + ".restoring"
    with _explained(source, new):
        _remove(new)
        os.makedirs(os.path.dirname(database), exist_ok=True)
        with contextlib.closing(open_reader(source)) as connection:
            backup.copy(connection, new)
        held = backup.judge(new, source)
        backup.modernise(new)
        return backup.exchange(new, database), held


@contextlib.contextmanager
def _explained(source: str, new: str) -> Iterator[None]:
    try:
        yield
    except (DatabaseError, sqlite3.Error) as error:
        words = str(error) if isinstance(error, DatabaseError) else f"{printable(source)} cannot be restored: {error}"
        raise DatabaseError(f"{words}. The catalog is as it was") from None
    except OSError as error:
        place = printable(os.fsdecode(error.filename or new))
        raise ConfigError(f"the catalog is as it was: {error.strerror} ({place})") from None
    finally:
        _remove(new)


def _remove(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _differences(place: locate.Library) -> tuple[int, int]:
    """How many assets have no original in the library, and how many originals no asset."""
    with contextlib.closing(open_reader(place.database)) as connection:
        held = accounts.held(connection, "original")
        missing = sum(not os.path.lexists(os.path.join(place.path, row["key"])) for row in held)
        catalog = Catalog(connection)
        there = (found.key for found in LocalStorage(place.path).list("originals/"))
        unknown = 0
        while chunk := list(islice(there, _CHUNK)):
            unknown += len(chunk) - len(catalog.named([key for key in chunk if _is_text(key)]))
    return missing, unknown


def _is_text(key: str) -> bool:
    """Whether the catalog could have it: SQLite takes no bytes that are not UTF-8 for text."""
    return key.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in key)


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.write(output.as_json(report, indent=2) + "\n")
        output.flush()
        return
    safe = output.escaped if output.on_terminal() else output.one_line
    output.write(f"{safe(report['database'])}: {report['assets']:,} photographs\n")
    output.flush()
    if report["kept"]:
        click.echo(f"the former catalog is kept as {output.escaped(report['kept'])}", err=True)
    missing, unknown = report["missing"], report["unknown"]
    if missing or unknown:
        words = f"{missing:,} photographs have no original in the library, {unknown:,} originals are not in the catalog"
        click.echo(f"{words}: watcher repair puts right what can be", err=True)
    else:
        click.echo("catalog and originals agree", err=True)
