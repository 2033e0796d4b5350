"""What the daemon says of itself in `<library>/.watcher/status.json`, for `watcher status`. A view, never the truth.

Written whole (a reader never sees half of it) and only when something changed; that it cannot be written stops nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from typing import Any


class StatusFile:
    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "status.json")
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._last = ""

    def write(self, *, ready: bool, status: str, inboxes: list[dict[str, Any]]) -> bool:
        """Whether something changed, and is written.

        `status`: one line; `inboxes`: name, path, mode, state, reason, waiting, files [{name, reason}].
        """
        said = {"pid": os.getpid(), "since": self._since, "ready": ready, "status": status, "inboxes": inboxes}
        text = json.dumps(said, ensure_ascii=True)
        if text == self._last:
            return False
        with contextlib.suppress(OSError):
            with open(self._path + ".new", "w", encoding="ascii") as file:
                file.write(text)
            os.replace(self._path + ".new", self._path)
            self._last = text
        return True

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)
