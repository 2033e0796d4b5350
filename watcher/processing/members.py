"""What a task needs of an archive: its next files, the bytes of one, a file of its own for what must outlive the try.

What an archive is made of is archive's to know; what becomes of its files, the journal's.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from watcher.errors import RejectedError
from watcher.filesystem import fsync_directory, fsync_file
from watcher.messages import Expanded, Task
from watcher.model import OPTIONS_NAME, Limits
from watcher.processing import archive

GROUP = 1000  # files of an archive that are told of at once: a message and a transaction of some 100 KB
_MEMBER = "member"


def extracted(task: Task, workspace: str) -> str:
    """The path of a file with the member's bytes. Raises UnreadableMemberError when they cannot be had whole."""
    assert task.member is not None
    path = os.path.join(workspace, _MEMBER)
    with open(path, "xb") as target:
        archive.extract(task.source, task.member, target, task.rules.limits)
    made = archive.modified(task.source, task.member)
    if made is not None:
        with contextlib.suppress(OverflowError):
            os.utime(path, (made, made))
    return path


def expanded(task: Task, path: str) -> Expanded:
    """The next files of the archive at `path`. Raises RejectedError when its directory lies or is over a limit."""
    limits = task.rules.limits
    if task.depth >= limits.zip_depth:
        raise RejectedError(f"it is a zip inside {task.depth} others; limits.zip_depth allows {limits.zip_depth}")
    found = archive.members(path, limits, task.listed, GROUP)
    options = None if task.listed or task.depth else _options(path, limits)
    return Expanded(task.job_id, task.attempt, found, len(found) == GROUP, options, lodge(task, path))


def lodge(task: Task, path: str) -> bool:
    """Give a member's bytes, at `path`, a file of their own beside the spool, all or nothing; whether it has one now.

    Its archive is deleted on the strength of that.
    """
    if task.member is None or task.lodge is None:
        return False
    folder = os.path.dirname(task.lodge)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    staged = f"{task.lodge}.{os.getpid()}"
    shutil.copyfile(path, staged)  # the inbox may be on another file system than the library
    shutil.copystat(path, staged)
    fsync_file(staged)
    os.replace(staged, task.lodge)
    fsync_directory(folder)
    return True


def _options(path: str, limits: Limits) -> str | None:
    content = archive.batch_options(path, limits)
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError as error:
        raise RejectedError(f"{OPTIONS_NAME} in it is not UTF-8 text (byte {error.start + 1})") from None
