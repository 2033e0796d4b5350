"""All that is examined, in order. Where the catalog cannot be read that is a finding, and the rest goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from watcher.db import search
from watcher.db.accounts import newest_moment
from watcher.errors import DatabaseError
from watcher.examining import accounts, books, doubts, holdings, rights, surroundings, syncing
from watcher.examining.books import RESTORE
from watcher.examining.doubts import Wait
from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Site, with_ledger

_Section = Callable[[Site, sqlite3.Connection], Iterator[Remark]]


def examine(site: Site, wait: Wait = lambda: time.sleep(doubts.SECONDS)) -> Iterator[Remark]:
    """What is wrong with the site, and what is worth knowing of it. Only reads.

    `wait` passes the time between two looks at what looks wrong.
    """
    yield from _daemon(site)
    try:
        with search.reading(site.database) as connection:
            site = with_ledger(site, connection)
    except DatabaseError as error:
        yield _unreadable(site, error)
        site = replace(site, inboxes=() if site.only_known else site.inboxes)
    else:
        yield from _of_the_catalog(site, wait)
    yield from rights.examine(site)
    for inbox in site.inboxes:
        yield from syncing.examine(inbox)
    yield from surroundings.examine(site)


def _of_the_catalog(site: Site, wait: Wait) -> Iterator[Remark]:
    """Each by a connection of its own: what one cannot read, another may."""
    sections: tuple[_Section, ...] = (
        books.examine,
        lambda site, connection: accounts.examine(site, connection, wait),
        lambda site, connection: holdings.examine(site, connection, wait),
        lambda site, connection: surroundings.clock(time.time(), newest_moment(connection)),
    )
    told: set[Remark] = set()  # each may meet the same damaged page
    for section in sections:
        for remark in _guarded(site, section):
            if remark not in told:
                told.add(remark)
                yield remark


def _guarded(site: Site, section: _Section) -> Iterator[Remark]:
    try:
        with search.reading(site.database) as connection:
            yield from section(site, connection)
    except DatabaseError as error:
        yield _unreadable(site, error)


def _unreadable(site: Site, error: DatabaseError) -> Finding:
    cause = error.__context__
    if isinstance(cause, sqlite3.OperationalError):
        remedy = f"look at its disk and at the rights of the file; if it is damaged: {RESTORE}"
    else:
        remedy = RESTORE if isinstance(cause, sqlite3.DatabaseError) else "do as the sentence says"
    return Finding("database", str(error), site.database, remedy)


def _daemon(site: Site) -> Iterator[Remark]:
    if site.daemon is None:
        yield Note("daemon", "no daemon is running")
        return
    yield Note("daemon", f"running, pid {site.daemon.get('pid')}, since {site.daemon.get('since')}")
    for inbox in site.daemon.get("inboxes", ()):
        if inbox.get("state") == "paused":
            words = f"the daemon has paused the inbox {inbox.get('name')}: {inbox.get('reason')}"
            yield Finding("inbox", words, inbox.get("path"), "do as the reason says; the daemon goes on by itself")
