"""Which batch a person means by a token, a name or a number, whether the daemon has taken it or not.

What `watcher add` put together and no daemon has seen yet is a batch too, although there is no row of it: it lies in
the `ready` folder of an inbox. So does what is left of one that is being taken.
"""

from __future__ import annotations

import os
from typing import get_args

from watcher.cli.progress import Batch, described
from watcher.db import batch_views, search, views
from watcher.intake.ready import TOKEN, Ready
from watcher.intake.spool import FOLDER, READY
from watcher.locate import Library
from watcher.model import State
from watcher.showing import shown, utc


class Batches:
    """Those of the library at `place`; `config` and `library` are the flags' values, by which its inboxes are found."""

    def __init__(self, place: Library, config: str | None, library: str | None) -> None:
        self.place, self._config, self._library = place, config, library

    def find(self, word: str) -> Batch | None:
        """The batch, as `progress.described` has it; None when there is none. Raises DatabaseError."""
        word = shown(word)
        if not TOKEN.fullmatch(word):
            return self._recorded(word)
        # again after the folders: it may have been taken between the two looks
        return self._recorded(word) or self._queued(word) or self._recorded(word)

    def waiting_at(self, token: str) -> str | None:
        """The inbox in whose `ready` folder the token lies."""
        return next((path for path in self._inboxes() if os.path.isdir(_folder(path, token))), None)

    def _recorded(self, word: str) -> Batch | None:
        if TOKEN.fullmatch(word) and not os.path.exists(self.place.database):
            return None  # the first run of all is still to come
        with search.reading(self.place.database) as connection:
            number = batch_views.named(connection, word)
            row = None if number is None else batch_views.batch(connection, number)
        if row and row["token"] and row["unfinished"]:
            sizes = [size for _, size in Ready(row["inbox_path"]).files(row["token"])]
            row["jobs"]["queued"] += len(sizes)
            row["bytes"] += sum(sizes)
        return described(row) if row else None

    def _queued(self, token: str) -> Batch | None:
        path = self.waiting_at(token)
        if path is None:
            return None
        ready = Ready(path)
        sizes = [size for _, size in ready.files(token)]
        try:
            since = os.stat(_folder(path, token)).st_mtime
        except FileNotFoundError:  # taken just now
            return None
        row = dict.fromkeys(("id", "closed_at", "cancelled_at", "finished_at"))
        jobs = {**dict.fromkeys(get_args(State), 0), "queued": len(sizes)}
        return described(
            {
                **row,
                "token": token,
                "name": shown(ready.name(token)),
                "kind": "add",
                "inbox": self._inboxes()[path],
                "jobs": jobs,
                "bytes": sum(sizes),
                "bytes_done": 0,
                "recent": 0,
                "created_at": utc(since),
            }
        )

    def _inboxes(self) -> dict[str, str]:
        """The folders of the inboxes that the library knows and of those that are configured, with their names."""
        from watcher import settings

        chosen = settings.load(self._config, library=self._library).settings
        known = {inbox.path: inbox.name for inbox in chosen.inbox}
        if os.path.exists(self.place.database):
            with search.reading(self.place.database) as connection:
                known |= {os.fsdecode(row["path"]): row["name"] for row in views.inboxes(connection)}
        return known


def _folder(inbox: str, token: str) -> str:
    return os.path.join(inbox, FOLDER, READY, token)
