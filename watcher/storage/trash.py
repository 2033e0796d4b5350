"""What was taken out of the library, kept for some days: `<library>/.watcher/trash/<token>/<key>`.

So are the bytes of a picture as it was dropped, where it was changed on its way in. A token is the moment of one
removal, or of one drop, so that the trash can be emptied without asking anybody how old a file is, and a person who
wants one back finds it under the path that it had. What the catalog says of it is not known here.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime

from watcher.errors import UnavailableError
from watcher.filesystem import fsync_directory, fsync_file, is_ours_alone, rename_noreplace
from watcher.model import shown
from watcher.storage.base import PRIVATE, check_key

_TOKEN = re.compile(r"([0-9]{8}-[0-9]{6})-[0-9a-f]{8}")
_TIME = "%Y%m%d-%H%M%S"
_DAY = 86_400  # seconds


def new_token(now: float) -> str:
    """A name for what is removed together at `now` (unix seconds); never used twice."""
    return f"{datetime.fromtimestamp(now, UTC):{_TIME}}-{secrets.token_hex(4)}"


def token_of(dropped: float, digest: str) -> str:
    """The name for what was dropped at this moment (unix seconds), the same for each try at it."""
    return f"{datetime.fromtimestamp(dropped, UTC):{_TIME}}-{digest[:8]}"


def keep(library: str, token: str, key: str, source: str, *, link: bool, fsync: bool) -> None:
    """Put the bytes of the file `source` into the trash under `key`: all or nothing, and repeatable.

    `link`: the file may become the kept one itself (hard link) where it can; it must then never be written again.
    `fsync`: all of it is flushed when this returns. Raises UnavailableError, a sentence, when it cannot be put there.
    """
    target = _place(library, token, key)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.lexists(target) and not (link and _linked(source, target)):
            _copy(source, target, os.path.join(library, PRIVATE, "tmp", f"keep-{secrets.token_hex(8)}"))
        if fsync:
            _flush(target, library)
    except OSError as error:
        words = f"{shown(source)} cannot be kept in the trash of {shown(library)}: {error.strerror}"
        raise UnavailableError(words) from None


def move(library: str, token: str, keys: Sequence[str]) -> list[str]:
    """Move what stands under `keys` into the trash, in this order; where it lies now. What is absent is passed over.

    All of it is flushed when this returns. Raises UnavailableError, a sentence, for what cannot be moved: what came
    before it in `keys` is in the trash then.
    """
    moved = []
    for key in keys:
        source, target = os.path.join(library, check_key(key)), _place(library, token, key)
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
    try:
        tokens = os.listdir(root)
    except OSError:  # there is none, or its disk fails
        return 0
    old = [os.path.join(root, token) for token in tokens if _removed_before(token, now - days * _DAY)]
    for path in old:
        with contextlib.suppress(OSError):  # rmtree lets some through
            shutil.rmtree(path, ignore_errors=True)
    return sum(not os.path.lexists(path) for path in old)


def _place(library: str, token: str, key: str) -> str:
    return os.path.join(library, PRIVATE, "trash", token, check_key(key))


def _linked(source: str, target: str) -> bool:
    """Link rather than copy, where nobody can change the file by another name and links can be had."""
    if not is_ours_alone(source):
        return False
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another disk, or one without links; a full one fails the copy too, and says so
        return False
    return True


def _copy(source: str, target: str, staged: str) -> None:
    """By way of a file in tmp, so that what has the name is whole."""
    os.makedirs(os.path.dirname(staged), mode=0o700, exist_ok=True)
    try:
        shutil.copy2(source, staged)
        with contextlib.suppress(FileExistsError):  # an equal file was faster
            rename_noreplace(staged, target)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it has its name by now, unless something went wrong
            os.unlink(staged)


def _flush(target: str, library: str) -> None:
    """The file, and the folders that lead to it: any of them may be new."""
    fsync_file(target)
    folder = os.path.dirname(target)
    while folder != library:
        fsync_directory(folder)
        folder = os.path.dirname(folder)


def _removed_before(token: str, moment: float) -> bool:
    match = _TOKEN.fullmatch(token)
    if match is None:
        return False
    try:
        return datetime.strptime(match[1], _TIME).replace(tzinfo=UTC).timestamp() < moment
    except ValueError:  # digits, but of no day that there is
        return False
