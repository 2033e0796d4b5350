"""`watcher run --dry-run`: what would become of each file, printed. What that is, foreseeing.py works out."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from watcher.cli import output
from watcher.cli.foreseeing import Foreseen, Theatre
from watcher.cli.pretending import Pretended
from watcher.db import connect
from watcher.db.catalog import Catalog
from watcher.ignoring import Ignoring
from watcher.logs import printable
from watcher.service import check_settings, rules_of
from watcher.settings.whole import Settings


def rehearse(chosen: Settings, as_json: bool) -> int:
    """Print what a run would do with each file. 3 when some file would fail, as a run would end."""
    check_settings(chosen)
    seen = []
    with _catalog(chosen.library.database) as catalog, tempfile.TemporaryDirectory() as scratch:
        storage = Pretended(chosen.library.path)
        keys: dict[str, str] = {}
        for inbox in chosen.inbox:
            theatre = Theatre(inbox.path, inbox.name, rules_of(inbox, chosen), storage, catalog, scratch, keys)
            for one in theatre.play(Ignoring(inbox.ignore)):
                seen.append(one)
                if not as_json:
                    _print(one)
    if as_json:
        output.write_json(map(asdict, seen))
        output.flush()
    return 3 if any(one.outcome == "failed" for one in seen) else 0


@contextlib.contextmanager
def _catalog(database: str) -> Iterator[Catalog | None]:
    if not os.path.exists(database):
        yield None
        return
    connection = connect.open_reader(database)
    try:
        yield Catalog(connection)
    finally:
        connection.close()


def _print(one: Foreseen) -> None:
    words: Sequence[Any] = {
        "done": (one.source, "->", one.key),
        "duplicate": (one.source, "equals", one.key),
        "failed": (one.source, "would fail:", one.reason),
        "skipped": (one.source, "is left alone:", one.reason),
    }[one.outcome]
    output.write(" ".join(printable(str(word)) for word in words) + "\n")
    output.flush()
