"""Whether a failed file still lies where the ledger says: deleting it is forgetting it."""

from __future__ import annotations

import os
from typing import Any


def lies_there(row: dict[str, Any]) -> bool:
    """Of a row with `place`, `inbox_path` and `stays`, as `db.views` has them.

    A file that stays in its inbox is there while the inbox is not: a folder that is away, or empty as a mount point is,
    does not mean that it was deleted.
    """
    return os.path.lexists(row["place"]) or (bool(row["stays"]) and not _holds_anything(row["inbox_path"]))


def _holds_anything(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
