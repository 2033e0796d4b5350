"""One task from file to published picture: what a worker does. Repeatable; knows no database.

Everything is decoded, cleaned up and rendered before anything is published, so that a broken picture leaves nothing
behind. Where the original that is stored has other bytes than the file that was dropped, those are put aside first.
Errors end here as results; only MemoryError goes on to the worker, which then makes room by leaving.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO, Literal

from watcher.errors import RejectedError, RetryError, UnavailableError
from watcher.messages import Duplicate, Failed, Processed, Rejected, Sidecar, Task, TaskResult, Unavailable
from watcher.model import Picture, Rules, SidecarKind
from watcher.processing import complaints, dating, members, publishing, reading, recognising, rejoining, takeout
from watcher.processing.developing import Developed, develop
from watcher.processing.sniffing import Kind
from watcher.storage.base import Storage
from watcher.storage.local import LocalStorage

_IN_MEMORY = 128_000_000  # bytes; a larger file is hashed and decoded from disk

Keep = Callable[[Picture, str], None]  # puts the bytes of the file, as dropped, aside: the picture and the path


def run_task(task: Task) -> TaskResult:
    """Carry out one task. Never raises but MemoryError."""
    storage = LocalStorage(task.rules.library, umask=task.rules.umask, fsync=task.rules.fsync)
    try:
        with storage.workspace(f"{task.job_id}-{task.attempt}-{os.getpid()}") as workspace:
            return work(task, storage, workspace, functools.partial(publishing.keep, task))
    except UnavailableError as error:
        return Unavailable(task.job_id, task.attempt, str(error))
    except OSError as error:  # of the workspace: work's own are results
        return Failed(task.job_id, task.attempt, complaints.reason_of(error, task.name))


def work(task: Task, storage: Storage, workspace: str, keep: Keep = lambda picture, path: None) -> TaskResult:
    """The same with storage and a folder for temporary files given: a dry run brings its own, and keeps nothing.

    Raises UnavailableError, and MemoryError; all else is a result.
    """
    try:
        return _work(task, storage, workspace, keep)
    except RejectedError as error:
        return Rejected(task.job_id, task.attempt, str(error))
    except RetryError as error:
        return Failed(task.job_id, task.attempt, str(error))
    except OSError as error:
        reason = complaints.reason_of(error, task.name)
        if complaints.blames_nobody(error, task.rules.library):
            raise UnavailableError(reason) from None
        return Failed(task.job_id, task.attempt, reason)
    except (UnavailableError, MemoryError):
        raise
    except Exception as error:  # no list of what decoders raise is ever complete; a fault of ours must not lose a file
        return Failed(task.job_id, task.attempt, f"unexpected {type(error).__name__}: {complaints.said(error)}")


def _work(task: Task, storage: Storage, workspace: str, keep: Keep) -> TaskResult:
    match task.errand:
        case "date":
            return dating.dated(task)
        case "join":
            return rejoining.joined(task, storage)
    path = task.source if task.member is None else members.extracted(task, workspace)
    try:
        return _taken(path, task, storage, workspace, keep)
    except RejectedError as error:  # its archive may go, when its bytes lie safe
        return Rejected(task.job_id, task.attempt, str(error), lodged=members.lodge(task, path))


def _taken(path: str, task: Task, storage: Storage, workspace: str, keep: Keep) -> TaskResult:
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        kind = _kind(file, before.st_size, task.rules)
        if kind == "zip":
            return members.expanded(task, path)
        content: BinaryIO = io.BytesIO(file.read()) if before.st_size <= _IN_MEMORY else file
        digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # BytesIO and files are what it takes
        content.seek(0)
        if kind == "xmp" or kind == "json":
            sidecar = _sidecar(content.read(), kind, digest, path, task, storage)
            _unchanged(file, before)
            return sidecar
        if _stands(digest, task, storage):
            return Duplicate(task.job_id, task.attempt, digest)
        beside = reading.sidecars(task.sidecars, storage)
        developed = develop(content, kind, digest, path, task, beside, workspace)
        _unchanged(file, before)  # before: what changed is not published; after: nor is it committed
        with complaints.at_library(task.rules.library):
            if developed.picture.stored:
                keep(developed.picture, path)
            processed = _published(developed, task, storage, workspace)
        _unchanged(file, before)
        return processed


def _published(developed: Developed, task: Task, storage: Storage, workspace: str) -> Processed:
    # the original first, create-only: the key that it gets names what follows, which replaces what stands there
    key = publishing.put_original(developed.picture, developed.cleaned, task, storage)
    renditions = tuple(publishing.put_rendition(one, key, storage, workspace) for one in developed.rendered)
    moved = publishing.move_sidecars(task, key, storage)
    return Processed(task.job_id, task.attempt, replace(developed.picture, key=key, renditions=renditions), moved)


def _kind(file: BinaryIO, size: int, rules: Rules) -> Kind:
    """What the file is taken as. Raises RejectedError for what is not taken."""
    kind = recognising.recognised(file)
    if kind is None and (size == 0 or rules.other != "store"):  # what an inbox would leave cannot stay in an archive
        raise RejectedError(recognising.refusal(file))
    if kind == "video" and rules.videos == "fail":
        raise RejectedError('it is a video, and videos = "fail" is set for its inbox')
    if kind not in ("zip", "video") and size > rules.limits.max_file_bytes:
        raise RejectedError(f"it has {size:,} bytes; limits.max_file_bytes allows {rules.limits.max_file_bytes:,}")
    return kind or "other"


def _sidecar(
    content: bytes, kind: Literal["xmp", "json"], digest: str, path: str, task: Task, storage: Storage
) -> Sidecar:
    google = takeout.read(content) if kind == "json" else None
    what: SidecarKind = "xmp" if google is None else "album" if google.kind == "album" else "takeout"
    with complaints.at_library(task.rules.library):
        key = publishing.put_sidecar(task, what, digest, path, storage)
    return Sidecar(task.job_id, task.attempt, what, digest, key, len(content), google.title if google else None)


def _stands(digest: str, task: Task, storage: Storage) -> bool:
    """Whether an asset of this digest is there for certain: the last copy of a lost original is no duplicate."""
    for rival, key, size in task.rivals:
        if rival == digest:
            found = storage.stat(key)
            return found is not None and found.size == size
    return False


def _unchanged(file: BinaryIO, before: os.stat_result) -> None:
    after = os.fstat(file.fileno())
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise RetryError("the file changed while it was processed; something still writes to it")
