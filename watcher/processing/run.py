"""One task from file to published picture: what a worker does. Repeatable; knows no database.

Everything is decoded and rendered before anything is published, so that a broken picture leaves nothing behind.
Errors end here as results; only MemoryError goes on to the worker, which then makes room by leaving.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from watcher.errors import RejectedError, RetryError, UnavailableError
from watcher.model import (
    Duplicate,
    Expanded,
    Facts,
    Failed,
    Format,
    Limits,
    Picture,
    Processed,
    Recipe,
    Rejected,
    Rendition,
    Task,
    TaskResult,
    Unavailable,
    shown,
)
from watcher.processing import archive, image, metadata, naming, raw, sniffing
from watcher.processing.complaints import said
from watcher.storage.base import KeyTakenError, Storage
from watcher.storage.local import LocalStorage

_IN_MEMORY = 128_000_000  # bytes; a larger file is hashed and decoded from disk
_SURROUNDINGS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN}


def run_task(task: Task) -> TaskResult:
    """Carry out one task. Never raises but MemoryError."""
    storage = LocalStorage(task.rules.library, umask=task.rules.umask, fsync=task.rules.fsync)
    try:
        with storage.workspace(f"{task.job_id}-{task.attempt}-{os.getpid()}") as workspace:
            return work(task, storage, workspace)
    except UnavailableError as error:
        return Unavailable(task.job_id, task.attempt, str(error))


def work(task: Task, storage: Storage, workspace: str) -> TaskResult:
    """The same with storage and a folder for temporary files given: a dry run brings its own.

    Raises UnavailableError, and MemoryError; all else is a result.
    """
    try:
        return _work(task, storage, workspace)
    except RejectedError as error:
        return Rejected(task.job_id, task.attempt, str(error))
    except RetryError as error:
        return Failed(task.job_id, task.attempt, str(error))
    except OSError as error:
        where = f": {shown(error.filename)}" if isinstance(error.filename, str) else f", with {shown(task.name)}"
        reason = (error.strerror or type(error).__name__) + where
        if error.errno in _SURROUNDINGS:
            raise UnavailableError(reason) from None
        return Failed(task.job_id, task.attempt, reason)
    except (UnavailableError, MemoryError):
        raise
    except Exception as error:  # no list of what decoders raise is ever complete; a fault of ours must not lose a file
        return Failed(task.job_id, task.attempt, f"unexpected {type(error).__name__}: {said(error)}")


def render(
    path: str, format: Format, recipes: tuple[Recipe, ...], limits: Limits
) -> tuple[list[image.Rendered], tuple[str, ...]]:
    """Renditions of an original that stands in the library, from one decode, and the picture's flags.

    `path` is the file, `format` what the catalog says that it is. Raises RejectedError when it cannot be rendered,
    OSError when it cannot be read.
    """
    with open(path, "rb") as file:
        opened = _opened(file, format, limits)
        facts = _facts(opened)
        return opened.render(recipes, facts.orientation or 1, facts)


def _work(task: Task, storage: Storage, workspace: str) -> TaskResult:
    path = task.source if task.member is None else _extracted(task, workspace)
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        kind = _kind(file, before.st_size, task)
        if kind == "zip":
            return Expanded(task.job_id, task.attempt, archive.members(path, task.rules.limits))
        content: BinaryIO = io.BytesIO(file.read()) if before.st_size <= _IN_MEMORY else file
        digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # BytesIO and files are what it takes
        content.seek(0)
        if _stands(digest, before.st_size, task, storage):
            return Duplicate(task.job_id, task.attempt, digest)
        picture, rendered = _develop(content, kind, digest, before, task)
        _unchanged(file, before)  # before: what changed is not published; after: nor is it committed
        published = _publish(picture, rendered, path, task, storage, workspace)
        _unchanged(file, before)
        return Processed(task.job_id, task.attempt, published)


def _extracted(task: Task, workspace: str) -> str:
    assert task.member is not None
    path = os.path.join(workspace, "member")
    with open(path, "xb") as target:
        archive.extract(task.source, task.member, target, task.rules.limits)
    made = archive.modified(task.source, task.member)
    if made is not None:
        os.utime(path, (made, made))
    return path


def _kind(file: BinaryIO, size: int, task: Task) -> sniffing.Kind:
    """What the file is. Raises RejectedError for what is not taken."""
    if size == 0:
        raise RejectedError("the file is empty")
    limits = task.rules.limits
    kind = sniffing.kind(file)
    if kind is None:
        raise RejectedError(f"it is {sniffing.refusal(file.read(sniffing.HEAD_BYTES))}")
    if kind == "zip" and task.member is not None:
        raise RejectedError("it is a zip inside a zip; unpack it and drop what it holds")
    if kind != "zip" and size > limits.max_file_bytes:
        raise RejectedError(f"it has {size:,} bytes; limits.max_file_bytes allows {limits.max_file_bytes:,}")
    return kind


def _stands(digest: str, size: int, task: Task, storage: Storage) -> bool:
    """Whether an asset of this digest is there for certain: the last copy of a lost original is no duplicate."""
    for rival, key in task.rivals:
        if rival == digest:
            found = storage.stat(key)
            return found is not None and found.size == size
    return False


def _develop(
    file: BinaryIO, format: Format, digest: str, status: os.stat_result, task: Task
) -> tuple[Picture, list[image.Rendered]]:
    """Read and render: all that can go wrong with a picture goes wrong here, before anything is written."""
    opened = _opened(file, format, task.rules.limits)
    facts = _facts(
        opened, name=task.name, mtime=status.st_mtime, first_seen=task.dropped_at, timezone=task.rules.timezone
    )
    orientation = facts.orientation or 1
    rendered, flags = opened.render(task.rules.recipes, orientation, facts)
    width, height = opened.upright(orientation)
    key = naming.original_key(task.rules.name_template, task.name, _taken(facts), format, digest)
    return Picture(digest, key, format, status.st_size, width, height, facts, (), (*facts.flags, *flags)), rendered


def _opened(file: BinaryIO, format: Format, limits: Limits) -> image.Picture | raw.Raw:
    return raw.Raw(file, limits) if format == "raw" else image.Picture(file, format, limits)


def _facts(opened: image.Picture | raw.Raw, **known: Any) -> Facts:
    facts = metadata.read(opened.blobs(), **known)
    if opened.pages > 1:
        facts = replace(facts, everything={**facts.everything, "File": {"PageCount": opened.pages}})
    return replace(facts, orientation=opened.turned) if opened.turned else facts


def _taken(facts: Facts) -> datetime | None:
    return datetime.fromisoformat(facts.taken_at) if facts.taken_at else None


def _publish(
    picture: Picture, rendered: list[image.Rendered], path: str, task: Task, storage: Storage, workspace: str
) -> Picture:
    """Original first, create-only: the key that it gets names the renditions, which then replace what stands there."""
    key = _put_original(picture, path, task, storage)
    renditions = tuple(publish_rendition(one, key, storage, workspace) for one in rendered)
    return replace(picture, key=key, renditions=renditions)


def publish_rendition(one: image.Rendered, original: str, storage: Storage, workspace: str) -> Rendition:
    """Put a rendition of the original that stands under the key `original`, over what stood in its place."""
    staged = os.path.join(workspace, one.recipe)
    with open(staged, "xb") as target:
        target.write(one.content)
    key = naming.rendition_key(one.recipe, original, one.format)
    storage.put(key, staged, replace=True, link=True)
    return Rendition(one.recipe, key, one.width, one.height, len(one.content), one.fingerprint)


def _put_original(picture: Picture, path: str, task: Task, storage: Storage) -> str:
    for key in naming.candidates(picture.key, picture.digest):
        try:
            storage.put(key, path, link=task.may_link or task.member is not None)
        except KeyTakenError:
            continue
        return key
    raise RetryError(f"every name for it in the library is taken by other content, the last {key}")


def _unchanged(file: BinaryIO, before: os.stat_result) -> None:
    after = os.fstat(file.fileno())
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise RetryError("the file changed while it was processed; something still writes to it")
