"""What the library's daemon wrote down of itself, and whether there is one."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any


def report(library: str) -> dict[str, Any] | None:
    """What the daemon that holds the library's lock wrote last, {} before that; None when none holds it."""
    folder = os.path.join(library, ".watcher")
    if not _locked(os.path.join(folder, "lock")):
        return None
    try:
        with open(os.path.join(folder, "status.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # shared: two who ask at once must not take each other for a daemon
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
