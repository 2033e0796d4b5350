"""Where all that there is of a file lies now, and whether it stands there; how its name in the library came about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

from watcher.intake.discards import ERROR_SUFFIX
from watcher.processing import naming
from watcher.showing import shown
from watcher.storage.base import PRIVATE

Row = dict[str, Any]
Way = Literal["template", "prefix", "stack", "unknown"]


class Place(NamedTuple):
    """`what` lies at `path` (absolute); `stands`: it is there."""

    what: str
    path: str
    stands: bool


class Called(NamedTuple):
    """What an original is called after; `suffix`: digits of its digest were added, for its name was another's."""

    by: Way
    suffix: bool


def places(story: Row, library: str) -> list[Place]:
    """Of a story as db/stories.py gives it."""
    return [Place(what, path, os.path.lexists(path)) for what, path in _paths(story, os.path.abspath(library))]


def called(story: Row, template: str) -> Called | None:
    """How the original's key follows from `template` (library.name) or from its batch; None without an original."""
    asset = story["asset"]
    if asset is None:
        return None
    for way, key in _keys(story, template):
        names = list(naming.candidates(key, asset["digest"]))
        if asset["key"] in names:
            return Called(way, asset["key"] != names[0])
    stem = os.path.splitext(os.path.basename(asset["key"]))[0]
    number = (story["job"] or {}).get("sequence") or asset["digest"][:8]
    return Called("prefix", False) if stem.endswith(f"_{number}") else Called("unknown", False)


def _keys(story: Row, template: str) -> Iterator[tuple[Way, str]]:
    """The keys that it may have been given first."""
    asset = story["asset"]
    for one in story["stack"]:
        if one["shows"]:
            yield "stack", naming.beside(one["key"], asset["key"])
    job = story["job"] if story["job"] and story["job"]["id"] == asset["job_id"] else None
    loose = job is not None and job["member"] is None
    name = os.path.basename(job["path"]) if job and loose else asset["name"]
    folder = shown(os.path.dirname(job["path"])) if job else asset["folder"] or ""
    prefix = ((story["batch"] or {}).get("options") or {}).get("prefix", "") if job else ""
    ways: list[tuple[Way, str]] = [("prefix", prefix), ("template", "")]
    for way, words in ways:
        if words or way == "template":
            stem = naming.numbered(words, job["sequence"] or "" if job else "", asset["digest"])
            batch = (job or asset)["batch"] or ""
            yield (
                way,
                naming.original_key(
                    template, name, _taken(story), asset["format"], asset["digest"], stem, folder=folder, batch=batch
                ),
            )


def _taken(story: Row) -> datetime | None:
    """The date as it was read: what a person said later makes no new name."""
    edits = [one["old"] for one in story["edits"] if one["field"] == "taken_at"]
    taken = edits[-1] if edits else story["asset"]["taken_at"]
    return datetime.fromisoformat(taken) if taken else None


def _paths(story: Row, library: str) -> Iterator[tuple[str, str]]:
    asset, sidecar, job = story["asset"], story["sidecar"], story["job"]
    if asset:
        yield "original", os.path.join(library, asset["key"])
        yield from ((one["recipe"], os.path.join(library, one["key"])) for one in story["renditions"])
        yield from ((f"sidecar {one['name']}", os.path.join(library, one["key"])) for one in story["sidecars"])
        if asset["stored_digest"] != asset["digest"]:
            yield from (("as dropped", path) for path in _kept(library, asset["digest"]))
    if sidecar:
        yield "sidecar", os.path.join(library, sidecar["key"])
    if job:
        yield from _of_job(job, library)


def _of_job(job: Row, library: str) -> Iterator[tuple[str, str]]:
    """What its inbox has of it: the file that stays there, the copy in work, what is left in failed/."""
    inbox = job["inbox_path"]
    if job["copied"]:
        yield "dropped file", os.path.join(inbox, job["path"])
    if job["left_at"]:
        place = os.path.join(inbox, job["left_at"])
        yield from (("failed file", place), ("its note", place + ERROR_SUFFIX))
    claim, path = (job["claim"], job["path"]) if job["claim"] else (job["root_claim"], job["root_path"])
    if claim and not (job["discarded"] if job["claim"] else job["root_discarded"]):
        home = library if job["copied"] or job["root_copied"] else inbox
        yield "copy in work", os.path.join(home, PRIVATE, "spool", claim, path)


def _kept(library: str, digest: str) -> Iterator[str]:
    """The bytes as they were dropped, in the folders of the trash that are called after them (storage/trash.py)."""
    trash = os.path.join(library, PRIVATE, "trash")
    names = os.listdir(trash) if os.path.isdir(trash) else []
    for token in sorted(name for name in names if name.endswith(f"-{digest[:8]}")):
        for folder, _, files in os.walk(os.path.join(trash, token)):
            yield from (os.path.join(folder, name) for name in files)
