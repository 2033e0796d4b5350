"""The story of one file in sentences: what happened, in order of time; then why it is called and dated as it is. Pure.

What is known comes as rows (db/stories.py); a sentence is told only of what is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from watcher.cli.whereabouts import Called, Place
from watcher.db.jobs import MOST_ATTEMPTS
from watcher.showing import shown

Row = dict[str, Any]


class Told(NamedTuple):
    """A sentence; `at` (UTC) is when it happened, "" for what is so without a time."""

    at: str
    text: str


_SEEN = {"event": "first seen, by an event", "scan": "first seen, by a scan", "add": "put together by watcher add"}
_ENDED = {
    "failed": "failed",
    "died": "took its worker along",
    "unavailable": "was put off, through no fault of the file",
    "interrupted": "was cut off: the program died",
    "stopped": "was put back: the program was asked to stop",
}
_STATES = {
    "queued": "is waiting for a worker",
    "running": "is being worked on",
    "expanded": "is an archive whose members are being taken",
    "done": "was taken",
    "duplicate": "equals a picture of the library",
    "failed": "failed",
    "ignored": "was ignored",
    "cancelled": "was stopped before it began",
}
_TAGS = {"taken_at": "date"}
_NOT_TOLD = ("taken_offset", "taken_precision", "taken_source")  # of an edit: they change with the date


def headline(story: Row) -> str:
    """What became of it."""
    job, asset = story["job"], story["asset"]
    if job is None:
        return f"{asset['name']} is in the library (asset {asset['id']})"
    where = f"asset {asset['id']}, job {job['id']}" if asset else f"job {job['id']}"
    return f"{job['name']} {_state(story)} ({where})" + _because(job)


def _state(story: Row) -> str:
    job = story["job"]
    if job["state"] == "done":
        if story["asset"]:
            return "is in the library"
        if story["sidecar"]:
            return "is a sidecar in the library"
        return "is an archive whose members were taken" if job["listed"] else "was removed from the library"
    if job["state"] == "queued" and job["numbering"] == "wait":
        return "is waiting for its number, until its batch is complete"
    if job["state"] == "duplicate" and story["asset"] is None:
        return "equals a picture that was in the library and was removed since"
    return _STATES[job["state"]]


def _because(job: Row) -> str:
    return f": {job['reason']}" if job["reason"] else ""


def events(story: Row) -> list[Told]:
    """What happened, in order of time."""
    told = [*_arrival(story), *_tries(story), *_end(story), *_later(story)]
    return sorted((one for one in told if one.at), key=lambda one: one.at)


def reasons(story: Row, called: Called | None, template: str) -> list[Told]:
    """Why it says what it says, and what belongs to it."""
    lines = [*_together(story), *_sources(story), *_name(story, called, template), *_company(story)]
    return [Told("", line) for line in lines]


def lies(places: Iterable[Place]) -> list[Told]:
    """Where all that there is of it lies."""
    return [Told("", f"{one.what}: {shown(one.path)}" + ("" if one.stands else " (not there)")) for one in places]


# -- how it came -------------------------------------------------------------------------------------------------------


def _arrival(story: Row) -> Iterator[Told]:
    job, asset = story["job"], story["asset"]
    if job is None:
        yield Told(asset["imported_at"], "put into the library; what came before was let go of (library.history_days)")
        return
    if job["seen_at"]:
        yield Told(job["seen_at"], _SEEN[job["seen_by"]] + _waited(job["waited"]))
    inbox = f"the inbox {job['inbox']}, where it was {shown(job['root_path'] or job['path'])}"
    taken = "copied from" if job["copied"] or job["root_copied"] else "taken from"
    if not story["archives"]:
        yield Told(job["claimed_at"], f"{taken} {inbox}")
        return
    inside, *around = story["archives"]
    dropped = (around or [inside])[-1]
    yield Told(job["claimed_at"], f"its archive {dropped['name']} (job {dropped['id']}) was {taken} {inbox}")
    yield Told(job["created_at"], f"found in {inside['name']} as {shown(job['path'])}")


def _waited(waited: Iterable[Iterable[Any]]) -> str:
    told = [f"{seconds:g} s: {why}" for why, seconds in waited]
    return "; waited " + "; ".join(told) if told else ""


def _tries(story: Row) -> Iterator[Told]:
    attempts = story["attempts"]
    if len(attempts) == MOST_ATTEMPTS and (gone := attempts[0]["attempt"] - 1):
        yield Told(attempts[0]["started_at"] or "", f"{gone:,} earlier tries; no more is known of them")
    for one in attempts:
        reason = f": {one['reason']}" if one["reason"] else ""
        yield Told(one["ended_at"], f"try {one['attempt']} {_ENDED[one['outcome']]}{_lasted(one)}{reason}")


def _lasted(attempt: Row) -> str:
    if not attempt["started_at"]:
        return ""
    lasted = datetime.fromisoformat(attempt["ended_at"]) - datetime.fromisoformat(attempt["started_at"])
    return f" after {lasted.total_seconds():.0f} s" if lasted else ""


def _end(story: Row) -> Iterator[Told]:
    job, asset = story["job"], story["asset"]
    if job is None:
        return
    if job["state"] == "running":
        yield Told(job["started_at"] or "", f"try {job['attempt']} began")
    if not job["finished_at"]:
        return
    match job["state"]:
        case "done":
            tries = f", at try {job['attempt']}" if story["attempts"] else ""
            yield Told(job["finished_at"], f"{_outcome(story)}{tries}")
        case "duplicate" if asset:
            equal = f"asset {asset['id']}, which was dropped as {asset['name']}"
            yield Told(job["finished_at"], f"found equal to {equal}: nothing was added to the library")
        case "duplicate":
            yield Told(job["finished_at"], "found equal to a picture of the library: nothing was added")
        case state:
            yield Told(job["finished_at"], _STATES[state] + _because(job))


def _outcome(story: Row) -> str:
    if story["job"]["listed"]:
        return "finished with its last member: " + ", ".join(f"{n:,} {state}" for state, n in story["members"].items())
    return "put into the library"


def _later(story: Row) -> Iterator[Told]:
    asset = story["asset"]
    if asset is None:
        return
    own = story["job"]["id"] if story["job"] else 0
    for one in story["dropped"]:
        if one["job"] != own:
            when = "dropped again" if own and one["job"] > own else "dropped before" if own else "dropped"
            yield Told(one["at"], f"{when} as {_dropped(one)} (job {one['job']})")
    yield from (Told(at, "read again with the sidecars that came for it") for at in story["reread"])
    for edit in story["edits"]:
        if edit["field"] not in _NOT_TOLD:
            yield Told(edit["at"], f"{edit['field']} edited: {_edited(edit, 'old')} became {_edited(edit, 'new')}")


def _edited(edit: Row, which: str) -> str:
    value = edit[which]
    return _value(json.loads(value) if edit["field"] == "keywords" and value else value)  # as their column has them


def _dropped(one: Row) -> str:
    folder = f"{one['folder']}/" if one["folder"] else ""
    batch = f" with the batch {one['batch']}" if one["batch"] else ""
    return f"{folder}{one['name']} in the inbox {one['inbox']}{batch}"


# -- why it is so ------------------------------------------------------------------------------------------------------


def _together(story: Row) -> Iterator[str]:
    batch = story["batch"]
    if batch:
        asked = ", ".join(f"{key} = {_value(value)}" for key, value in batch["options"].items())
        token = f" {batch['token']}" if batch["token"] else ""
        yield f"batch: {batch['name']} ({batch['kind']}{token})" + (f", which asks for {asked}" if asked else "")
        if batch["problem"]:
            yield f"batch: its batch.toml cannot be followed: {batch['problem']}"


def _sources(story: Row) -> Iterator[str]:
    """For each field who said what: the first that was not passed over has won."""
    metadata = (story["asset"] or {"metadata": {}})["metadata"]
    for field, stated in {**_camera(metadata), **metadata.get("sources", {})}.items():
        won = next((one for one in stated if "passed_over" not in one), None)
        lost = [one for one in stated if one is not won]
        line = f"{_TAGS.get(field, field)}: " + (_says(won) if won else "nothing that can be believed")
        yield line + "".join(f"; not {_says(one)}{_why_not(one)}" for one in lost)
    if story["asset"] and "taken_at" not in metadata.get("sources", {}) and not story["asset"]["taken_at"]:
        yield "date: nothing says when it was taken"


def _camera(metadata: Row) -> dict[str, list[Row]]:
    """Who says which camera it was, in the order of metadata.py."""
    tags = (("XMP-sidecar", "tiff:Model"), ("EXIF", "Model"), ("XMP", "tiff:Model"), ("QuickTime", "model"))
    said = [(f"{group}:{tag}", metadata.get(group, {}).get(tag)) for group, tag in tags]
    stated = [{"source": source, "value": value} for source, value in said if value]
    return {"camera": stated} if stated else {}


def _says(one: Row) -> str:
    return f"{_value(one['value'])} of {one['source']}"


def _why_not(one: Row) -> str:
    return f" ({one['passed_over']})" if "passed_over" in one else ""


def _name(story: Row, called: Called | None, template: str) -> Iterator[str]:
    if called is None:
        return
    told = {
        "template": f'by library.name = "{template}"',
        "prefix": "by the prefix of its batch and its number there",
        "stack": "after the picture that its shot is shown by",
        "unknown": "by a template that was in use then: it is not the one of today",
    }[called.by]
    suffix = "; digits of its digest were added, since another picture has that name" if called.suffix else ""
    yield f"name: {told}{suffix}"


def _company(story: Row) -> Iterator[str]:
    for part in story["stack"]:
        shows = "is shown by" if part["shows"] else "goes with"
        yield f"stack: it {shows} {part['name']} (asset {part['id']})"
    sidecar = story["sidecar"]
    if sidecar:
        owners = ", ".join(f"asset {one}" for one in sidecar["assets"])
        yield f"sidecar: of {owners}" if owners else f"sidecar: of no picture{_problem(sidecar)}"
    if story["asset"]:
        yield from _cleaned(story["asset"]["metadata"].get("cleaning", {}))
        if story["asset"]["flags"]:
            yield "flags: " + ", ".join(story["asset"]["flags"])


def _cleaned(cleaning: Row) -> Iterator[str]:
    told = {
        "upright": "to lie upright it was {}",
        "shift": "its dates were moved by {}",
        "changed": "tags rewritten in the file: {}",
        "touched": "the file's time was set to its date",
    }
    for key, words in told.items():
        if key in cleaning:
            value = cleaning[key]
            yield "cleaned up: " + words.format(", ".join(value) if isinstance(value, list) else value)


def _problem(sidecar: Row) -> str:
    return f": {sidecar['problem']}" if sidecar["problem"] else ", as far as has come yet"


def _value(value: object) -> str:
    """As a person writes it: text in quotes, nothing as such."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(f'"{one}"' for one in value) or "nothing"
    return json.dumps(value, ensure_ascii=False)
