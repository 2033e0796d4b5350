"""What was taken out of the library, kept for some days: `<library>/.watcher/trash/<token>/<key>`.

A token is the moment of one removal, so that the trash can be emptied without asking anybody how old a file is, and
a person who wants one back finds it under the path that it had. What the catalog says of it is not known here.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime

from watcher.errors import UnavailableError
from watcher.filesystem import fsync_directory, rename_noreplace
from watcher.model import shown
from watcher.storage.base import PRIVATE, check_key

_TOKEN = re.compile(r"([0-9]{8}-[0-9]{6})-[0-9a-f]{8}")
_TIME = "%Y%m%d-%H%M%S"
_DAY = 86_400  # seconds


def new_token(now: float) -> str:
    """A name for what is removed together at `now` (unix seconds); never used twice."""
    return f"{datetime.fromtimestamp(now, UTC):{_TIME}}-{secrets.token_hex(4)}"


def move(library: str, token: str, keys: Sequence[str]) -> list[str]:
    """Move what stands under `keys` into the trash, in this order; where it lies now. What is absent is passed over.

    All of it is flushed when this returns. Raises UnavailableError, a sentence, for what cannot be moved: what came
    before it in `keys` is in the trash then.
    """
    moved = []
    for key in keys:
        source, target = (os.path.join(library, *below, check_key(key)) for below in ((), (PRIVATE, "trash", token)))
        if not os.path.lexists(source):
            continue
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            rename_noreplace(source, target)
            for folder in (target, source):  # in this order: a power cut may leave it twice, never not at all
                fsync_directory(os.path.dirname(folder))
        except OSError as error:
            raise UnavailableError(f"{shown(source)} cannot be moved to the trash: {error.strerror}") from None
        moved.append(target)
    return moved


def empty(library: str, days: float, now: float) -> int:
    """Delete for good what was removed more than `days` before `now` (unix seconds); how many removals that were.

    What is not of our naming stays, and so does what cannot be deleted: the next time may do better.
    """
    root = os.path.join(library, PRIVATE, "trash")
    if not os.path.isdir(root):
        return 0
    old = [os.path.join(root, token) for token in os.listdir(root) if _removed_before(token, now - days * _DAY)]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return sum(not os.path.lexists(path) for path in old)


def _removed_before(token: str, moment: float) -> bool:
    match = _TOKEN.fullmatch(token)
    if match is None:
        return False
    try:
        return datetime.strptime(match[1], _TIME).replace(tzinfo=UTC).timestamp() < moment
    except ValueError:  # digits, but of no day that there is
        return False
