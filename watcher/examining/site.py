"""What is examined: a library, its catalog, its inboxes, and its daemon as far as that tells of itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from watcher.db import accounts
from watcher.ignoring import Ignoring
from watcher.storage.base import PRIVATE


@dataclass(frozen=True, slots=True)
class Inbox:
    """A watched folder. `id`: its row's, None when the ledger does not know it; `marker`: a file that must be there.

    `configured`: the configuration names it; the ledger knows each inbox that ever was. `copies`: nothing is taken out
    of it.
    """

    path: str
    name: str
    id: int | None = None
    ignoring: Ignoring = field(default_factory=Ignoring)
    copies: bool = False
    marker: str = ""
    configured: bool = False

    def problem(self) -> str | None:
        """Why nothing can be said of what lies in it, as the rest of a sentence; None when all is well."""
        if not os.path.isdir(self.path):
            return "is not there"
        if self.marker and not os.path.lexists(os.path.join(self.path, self.marker)):
            return f"has no {self.marker} in it, so that it counts as not mounted"
        try:
            os.scandir(self.path).close()
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return None


@dataclass(frozen=True, slots=True)
class Site:
    """`daemon` is what the running one wrote down of itself, None when none runs; `inboxes`: the configured ones.

    `only_known`: the library was named by hand, so that configured inboxes may be another library's. `umask` and
    `timezone` are settings.
    """

    library: str
    database: str
    inboxes: Sequence[Inbox] = ()
    only_known: bool = False
    daemon: Mapping[str, Any] | None = None
    umask: int = 0o022
    timezone: str = ""

    @property
    def private(self) -> str:
        return os.path.join(self.library, PRIVATE)


def with_ledger(site: Site, connection: sqlite3.Connection) -> Site:
    """The site with the inboxes of its ledger: those that are configured as they are, and the others."""
    configured = {inbox.path: inbox for inbox in site.inboxes}
    known = {row["path"]: row for row in accounts.inboxes(connection)}
    there = [
        replace(configured[path], id=row["id"])
        if path in configured
        else Inbox(path, row["name"], row["id"], copies=bool(row["copies"]))
        for path, row in known.items()
    ]
    new = [] if site.only_known else [inbox for path, inbox in configured.items() if path not in known]
    return replace(site, inboxes=(*there, *new))
