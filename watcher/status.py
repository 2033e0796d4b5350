"""What the daemon says of itself in `<library>/.watcher/status.json`, for `watcher status`. A view, never the truth.

Written whole (a reader never sees half of it) and only when something changed; that it cannot be written stops nothing.
On a full disk it is written over itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from watcher.showing import utc


class StatusFile:
    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "status.json")
        self._since = utc(time.time())
        self._last = ""

    def write(self, *, ready: bool, status: str, inboxes: list[dict[str, Any]]) -> bool:
        """Whether something changed, and is written.

        `status`: one line; `inboxes`: name, path, mode, state, reason, waiting, fstype, last_event, last_scan,
        unannounced, files [{name, reason}].
        """
        said = {"pid": os.getpid(), "since": self._since, "ready": ready, "status": status, "inboxes": inboxes}
        text = json.dumps(said, ensure_ascii=True)
        if text == self._last:
            return False
        with contextlib.suppress(OSError):
            try:
                self._replace(text)
            except OSError:
                self._overwrite(text)
            self._last = text
        return True

    def _replace(self, text: str) -> None:
        with open(self._path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(self._path + ".new", self._path)

    def _overwrite(self, text: str) -> None:
        """In the room that it has: that it is full is what people look for. One write, so that none sees half of it."""
        with open(self._path, "r+b", buffering=0) as file:
            found = os.fstat(file.fileno())
            if len(text) <= found.st_blocks * 512:  # stat(2)
                file.write(text.encode("ascii").ljust(found.st_size))

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)
