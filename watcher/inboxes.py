"""The inboxes of the configuration: opened at the start, looked for again while they are away.

What an inbox does with its files is intake/inbox.py's to know, how it is watched that of `watching`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from typing import Any

from watcher import filesystem, logs, settings
from watcher.daemon import Daemon
from watcher.db.taken import Taken
from watcher.errors import ConfigError, UnavailableError
from watcher.intake.copying import Copying
from watcher.intake.inbox import Inbox
from watcher.model import Rules, Wishes, shown
from watcher.settings.whole import Settings
from watcher.storage.base import PRIVATE
from watcher.wake import Wake
from watcher.watching import Mode

_log = logging.getLogger("watcher.service")


def inbox_of(configured: Any, chosen: Settings, wake: Wake, copying: Copying | None) -> Inbox:
    """The inbox that a `[[inbox]]` table describes. `copying`: what takes copies of its files, where they stay."""
    return Inbox(
        configured.path,
        configured.name,
        settle_seconds=chosen.intake.settle_seconds,
        incomplete_seconds=chosen.intake.incomplete_seconds,
        batch_seconds=chosen.intake.batch_seconds,
        rescan_seconds=chosen.intake.rescan_seconds,
        ignore=tuple(configured.ignore),
        marker=configured.marker,
        leaves_other=configured.other == "leave",
        copying=copying,
        wake=wake.set,
    )


def rules_of(configured: Any, chosen: Settings) -> Rules:
    """What workers must know for the files of this inbox."""
    return Rules(
        library=chosen.library.path,
        name_template=chosen.library.name,
        recipes=settings.recipes(chosen, configured.recipes),
        limits=settings.limits(chosen),
        umask=chosen.library.umask,
        fsync=filesystem.type_of(chosen.library.path) not in filesystem.SYNCFS_TYPES,
        timezone=chosen.library.timezone,
        wishes=Wishes(
            title=configured.title,
            description=configured.description,
            keywords=tuple(configured.keywords),
            prefix=configured.prefix,
            shift=configured.shift,
            upright=configured.upright,
            touch=configured.touch,
        ),
        videos=configured.videos,
        other=configured.other,
    )


class Inboxes:
    """Those that `chosen` names, for this daemon."""

    def __init__(self, daemon: Daemon, chosen: Settings) -> None:
        self._daemon, self._chosen = daemon, chosen

    def open(self, stack: contextlib.ExitStack) -> dict[int, Mode]:
        """Open them all; their modes by row id. One that is known and not there is not mounted: it waits.

        Raises ConfigError, LockedError. `stack` closes them.
        """
        modes = {}
        for configured in self._chosen.inbox:
            inbox = inbox_of(configured, self._chosen, self._daemon.wake, self._copying(configured))
            stack.callback(inbox.close)
            self._refuse_left_copies(inbox)
            awaited = configured.marker or self._daemon.journal.knows_inbox(inbox.root)
            if not (awaited and inbox.presence.is_away(spooled=self._has_spooled(inbox))):
                inbox.open(self._chosen.library.path)
            inbox_id = self._daemon.journal.inbox(inbox.root, inbox.name)
            self._daemon.inboxes[inbox_id] = inbox
            self._daemon.rules[inbox_id] = rules_of(configured, self._chosen)
            modes[inbox_id] = configured.mode
        self._tell_of_unwatched()
        return modes

    def _copying(self, configured: Any) -> Copying | None:
        if configured.take != "copy":
            return None
        root, journal = os.path.abspath(configured.path), self._daemon.journal
        memory = Taken(self._daemon.connection, lambda: journal.inbox(root, configured.name))
        return Copying(root, os.path.join(self._chosen.library.path, PRIVATE), memory)

    def _refuse_left_copies(self, inbox: Inbox) -> None:
        """Looked for in the inbox's own spool they would count as lost, and their files may be gone from the phone."""
        journal = self._daemon.journal
        if inbox.copies or not journal.knows_inbox(inbox.root):
            return
        if count := journal.copies_in_work(journal.inbox(inbox.root, inbox.name)):
            files = "1 unfinished file" if count == 1 else f"{count} unfinished files"
            raise ConfigError(
                f"The inbox {shown(inbox.root)} has {files} in the library's spool, from when its files were copied."
                ' Run once with take = "copy" to have that finished.'
            )

    def _tell_of_unwatched(self) -> None:
        """Files of an inbox that left the configuration would lie in its spool, and nobody would know."""
        for path, count in self._daemon.journal.left_in_spools([*self._daemon.inboxes]):
            words = f"{shown(path)} is no inbox any more, and {count} unfinished files lie in its .watcher/spool; "
            words += "run once with it as an inbox to have them finished"
            logs.event(_log, "unwatched", words, level=logging.WARNING)

    def _has_spooled(self, inbox: Inbox) -> bool:
        """Whether unfinished files lie in its spool, as far as the journal knows."""
        return inbox.root in {path for path, _ in self._daemon.journal.left_in_spools([])}

    def seek(self) -> None:
        """Take up those again that are there by now, also as another folder with the same spool: mounted anew."""
        for inbox_id in [*self._daemon.problems]:
            inbox = self._daemon.inboxes[inbox_id]
            try:
                if inbox.presence.seek(self._chosen.library.path, spooled=self._has_spooled(inbox)):
                    self._daemon.recover(only=inbox_id)
                    self._daemon.executor.renew()
            except (sqlite3.OperationalError, UnavailableError):  # the next look finds it closed again
                inbox.close()
