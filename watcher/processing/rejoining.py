"""An asset in the library, read again with its sidecars: what it says now, and the names that its files have then.

Nothing is rendered anew. New names are put beside the old ones, which go when the catalog has forgotten them: a try
that ended anywhere is repeated from the start.
"""

from __future__ import annotations

import os
from dataclasses import replace

from watcher.messages import Joined, Task
from watcher.model import Picture, Rendition
from watcher.processing import cleaning, naming, publishing, reading
from watcher.storage.base import Storage


def joined(task: Task, storage: Storage) -> Joined:
    """Read the standing asset again. Raises RejectedError, RetryError, OSError."""
    assert task.standing is not None
    before = task.standing.picture
    read = _read(task, before, storage)
    key = publishing.key_of(task, read.facts, before.format, before.digest)
    if task.standing.beside:
        key = naming.beside(task.standing.beside, before.key)
    with storage.local_copy(before.key) as path:
        key = publishing.put(storage, key, before.digest, path, link=True)
    followed = (_follow(storage, one, before.key, key, task) for one in before.renditions)
    renditions = tuple(one for one in followed if one)
    moved = () if task.standing.beside else publishing.move_sidecars(task, key, storage)
    return Joined(task.job_id, task.attempt, replace(read, key=key, renditions=renditions), moved)


def _read(task: Task, before: Picture, storage: Storage) -> Picture:
    with storage.local_copy(before.key) as path, open(path, "rb") as file:
        opened = reading.opened(file, before.format, before.stored_size, task.rules.limits)
        beside = reading.sidecars(task.sidecars, storage)
        facts = reading.facts(opened, beside, task, os.stat(path).st_mtime)
    facts = cleaning.worded(facts, task.rules.wishes, task.sequence)
    facts = cleaning.shifted_again(facts, before.facts.everything.get("cleaning", {}))
    facts = replace(facts, orientation=before.facts.orientation)  # its pixels may have been turned since it was read
    return replace(before, facts=facts, flags=tuple(dict.fromkeys((*before.flags, *facts.flags))))


def _follow(storage: Storage, one: Rendition, before: str, now: str, task: Task) -> Rendition | None:
    """The rendition under the name that its original gives it; None when it is gone: it can be made anew.

    What it says of itself may be outdated then.
    """
    key = naming.renamed_rendition(one.key, one.recipe, before, now)
    if key != one.key:
        try:
            with storage.local_copy(one.key) as path:
                storage.put(key, path, replace=True, link=True)
        except FileNotFoundError:
            return None
    telling = any(recipe.name == one.recipe and recipe.metadata != "none" for recipe in task.rules.recipes)
    return replace(one, key=key, fingerprint="" if telling else one.fingerprint)
