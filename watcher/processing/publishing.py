"""What was made of a file is put into storage: the original first, under a name that is its own, then what follows it.

Owns which name that is; how bytes get under a name is storage's.
"""

from __future__ import annotations

import os
import time
from datetime import datetime

from watcher.errors import RetryError
from watcher.messages import Task
from watcher.model import Facts, Format, Picture, Rendition, SidecarKind
from watcher.processing import image, naming
from watcher.processing.cleaning import Cleaned
from watcher.storage import trash
from watcher.storage.base import KeyTakenError, Storage


def key_of(task: Task, facts: Facts, format: Format, digest: str) -> str:
    """The key that the original should have, by its name template or its batch's prefix."""
    rules = task.rules
    taken = datetime.fromisoformat(facts.taken_at) if facts.taken_at else None
    called = naming.numbered(rules.wishes.prefix, task.sequence, digest)
    return naming.original_key(
        rules.name_template, task.name, taken, format, digest, called, folder=task.folder, batch=task.batch
    )


def put_original(picture: Picture, cleaned: Cleaned, task: Task, storage: Storage) -> str:
    """The key under which the original stands now. Raises RetryError when all that it may have are taken."""
    if cleaned.time_ns is not None:
        os.utime(cleaned.path, ns=(cleaned.time_ns, cleaned.time_ns))
    return put(storage, picture.key, picture.digest, cleaned.path, link=_is_ours(cleaned.path, task))


def put_rendition(one: image.Rendered, original: str, storage: Storage, workspace: str) -> Rendition:
    """Put a rendition of the original that stands under the key `original`, over what stood in its place."""
    staged = os.path.join(workspace, one.recipe)
    with open(staged, "xb") as target:
        target.write(one.content)
    key = naming.rendition_key(one.recipe, original, one.format)
    storage.put(key, staged, replace=True, link=True)
    return Rendition(one.recipe, key, one.width, one.height, len(one.content), one.fingerprint)


def put_sidecar(task: Task, kind: SidecarKind, digest: str, path: str, storage: Storage) -> str:
    """The key under which a sidecar stands now whose picture is not known."""
    key = naming.lone_sidecar_key(task.name, kind, digest)
    return put(storage, key, digest, path, link=_is_ours(path, task))


def move_sidecars(task: Task, original: str, storage: Storage) -> tuple[tuple[str, str], ...]:
    """Put the picture's sidecars under its own name too: (former key, key) of each."""
    moved = []
    for each in task.sidecars:
        try:
            with storage.local_copy(each.key) as path:
                key = put(storage, naming.sidecar_key(original, each.kind), each.digest, path, link=True)
        except FileNotFoundError:  # somebody took it out of the library: then there is nothing to keep together
            continue
        moved.append((each.key, key))
    return tuple(moved)


def put(storage: Storage, wanted: str, digest: str, path: str, *, link: bool) -> str:
    """Put a file under the first of its names that is not taken by other content, and give that."""
    for key in naming.candidates(wanted, digest):
        try:
            storage.put(key, path, link=link)
        except KeyTakenError:
            continue
        return key
    raise RetryError(f"every name for it in the library is taken by other content, the last {key}")


def keep(task: Task, picture: Picture, path: str) -> None:
    """Put the bytes as they were dropped into the trash: another file is to stand in the library for them."""
    token = trash.token_of(time.time() if task.dropped_at is None else task.dropped_at, picture.digest)
    trash.keep(task.rules.library, token, picture.key, path, link=_is_ours(path, task), fsync=task.rules.fsync)


def _is_ours(path: str, task: Task) -> bool:
    """Whether nobody can still write to the file: what lies in the workspace was made by ourselves."""
    return task.may_link or path != task.source
