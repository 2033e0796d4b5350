"""`watcher run --dry-run`: what would become of each file, printed. What that is, foreseeing.py works out."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from watcher.cli import output
from watcher.cli.foreseeing import Foreseen, Theatre
from watcher.cli.pretending import Pretended
from watcher.db import search, taken
from watcher.db.catalog import Catalog
from watcher.ignoring import Ignoring
from watcher.inboxes import rules_of
from watcher.intake.copying import Copying
from watcher.logs import printable
from watcher.service import check_settings
from watcher.settings.tables import Inbox
from watcher.settings.whole import Settings


def rehearse(chosen: Settings, as_json: bool) -> int:
    """Print what a run would do with each file. 3 when some file would fail, as a run would end."""
    check_settings(chosen)
    seen = []
    with _catalog(chosen.library.database) as catalog, tempfile.TemporaryDirectory() as scratch:
        storage = Pretended(chosen.library.path)
        keys: dict[str, str] = {}
        for inbox in chosen.inbox:
            rules, known = rules_of(inbox, chosen), _known(inbox, chosen.library.database)
            theatre = Theatre(inbox.path, inbox.name, rules, storage, catalog, scratch, keys, known)
            for one in theatre.play(Ignoring(inbox.ignore)):
                seen.append(one)
                if not as_json:
                    _print(one)
    if as_json:
        output.write_json(map(asdict, seen))
        output.flush()
    return 3 if any(one.outcome == "failed" for one in seen) else 0


def _known(inbox: Inbox, database: str) -> Callable[[str], bool]:
    """Whether the file at a path stays in this inbox and was taken, as it is now."""
    if inbox.take != "copy" or not os.path.exists(database):
        return lambda path: False
    with search.reading(database) as connection:
        return Copying(inbox.path, "", taken.read(connection, inbox.path)).knows


@contextlib.contextmanager
def _catalog(database: str) -> Iterator[Catalog | None]:
    if not os.path.exists(database):
        yield None
        return
    with search.reading(database) as connection:
        yield Catalog(connection)


def _print(one: Foreseen) -> None:
    words: Sequence[Any] = {
        "done": (one.source, "->", one.key),
        "duplicate": (one.source, "equals", one.key),
        "failed": (one.source, "would fail:", one.reason),
        "skipped": (one.source, "is left alone:", one.reason),
    }[one.outcome]
    output.write(" ".join(printable(str(word)) for word in words) + "\n")
    output.flush()
