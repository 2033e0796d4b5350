"""Events for the open inboxes: hints where to look. A watch that went with its folder is made anew.

Inboxes are known by their row ids. What is done about a hint is the inbox's business, events the observer's.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from watcher import logs
from watcher.intake.inbox import Inbox

if TYPE_CHECKING:
    from watcher.intake.observer import Observer

_log = logging.getLogger("watcher.service")


class Watching:
    """Does nothing before `start`. `inboxes` may grow meanwhile."""

    def __init__(self, inboxes: Mapping[int, Inbox]) -> None:
        self._inboxes = inboxes
        self._observer: Observer | None = None
        self._watched: dict[str, bool] = {}  # by root; False: its inbox is away

    def start(self) -> None:
        from watcher.intake.observer import Observer  # a run with --once does without watchdog

        self._observer = Observer(self._notice, self._overflow)
        self._observer.start()
        for inbox in self._inboxes.values():
            self.watch(inbox)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()

    def watch(self, inbox: Inbox) -> None:
        """Watch it from now on, and scan it once for what came before."""
        if self._observer is None:
            return
        problem = self._observer.watch(inbox.root)
        self._watched[inbox.root] = True
        if problem:
            logs.event(_log, "deaf", problem, level=logging.WARNING)
        inbox.rescan()

    def follow(self, away: Container[int]) -> None:
        """Give up the watches of the inboxes that are `away`; watch those again that are back."""
        for inbox_id, inbox in self._inboxes.items():
            watched = self._watched.get(inbox.root)
            if inbox_id in away and watched and self._observer is not None:
                self._observer.unwatch(inbox.root)
                self._watched[inbox.root] = False
            elif inbox_id not in away and watched is False:
                self.watch(inbox)

    def problem(self, inbox: Inbox) -> str | None:
        """Why its events cannot be relied on, or None."""
        return self._observer.problem(inbox.root) if self._observer else None

    def _notice(self, root: str, path: str) -> None:
        for inbox in tuple(self._inboxes.values()):  # called from the observer's thread, while inboxes are added
            if inbox.root == root:
                inbox.notice(path)

    def _overflow(self) -> None:
        for inbox in tuple(self._inboxes.values()):
            inbox.rescan()
