"""What the daemon says of itself while it runs: to `watcher status` by the status file, to systemd in one line."""

from __future__ import annotations

import sqlite3
from typing import Any

from watcher import systemd
from watcher.daemon import Daemon
from watcher.intake.inbox import Inbox
from watcher.model import shown
from watcher.status import StatusFile
from watcher.watching import Watching


class Reporting:
    """Each of them hears something only when it is new."""

    def __init__(self, daemon: Daemon, watching: Watching, file: StatusFile, supervisor: systemd.Notifier) -> None:
        self._daemon, self._watching, self._file, self._supervisor = daemon, watching, file, supervisor
        self._line = ""

    def say(self) -> None:
        inboxes = [self._described(inbox_id, inbox) for inbox_id, inbox in self._daemon.inboxes.items()]
        line = self._in_one_line(sum(inbox["waiting"] or 0 for inbox in inboxes))
        self._file.write(ready=True, status=line, inboxes=inboxes)
        if line != self._line:
            self._line = line
            self._supervisor.status(line)

    def _in_one_line(self, waiting: int) -> str:
        reason = self._daemon.pause.reason
        paused = [f"{self._daemon.inboxes[each].name} is paused: {why}" for each, why in self._daemon.problems.items()]
        work = f"waiting: {reason}" if reason else f"{self._in_work()} in work, {waiting} waiting"
        return "; ".join([*paused, work])

    def _described(self, inbox_id: int, inbox: Inbox) -> dict[str, Any]:
        reason = self._daemon.problems.get(inbox_id) or self._daemon.pause.reason
        facts = self._watching.facts(inbox_id)
        return {
            "name": inbox.name,
            "path": shown(inbox.root),
            "mode": facts.mode,
            "state": "paused" if reason else "watching" if facts.mode == "events" else "scanning",
            "reason": reason or facts.deaf,
            "waiting": inbox.waiting_count() if inbox.presence.is_open else None,
            "fstype": facts.fstype,
            "last_event": facts.last_event,
            "last_scan": facts.last_scan,
            "unannounced": facts.unannounced,
            "files": [{"name": shown(path), "reason": why} for path, why in inbox.waiting(20)],
        }

    def _in_work(self) -> int | str:
        try:
            return self._daemon.journal.open_count([*self._daemon.inboxes])
        except sqlite3.OperationalError:  # the line has met it too, and waits
            return "?"
