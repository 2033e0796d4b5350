"""What the library's daemon wrote down of itself, and whether there is one."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

from watcher.filesystem import is_locked


def report(library: str) -> dict[str, Any] | None:
    """What the daemon that holds the library's lock wrote last, {} before that; None when none holds it."""
    folder = os.path.join(library, ".watcher")
    # shared: two who ask at once must not take each other for a daemon
    if not is_locked(os.path.join(folder, "lock"), fcntl.LOCK_SH):
        return None
    try:
        with open(os.path.join(folder, "status.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
