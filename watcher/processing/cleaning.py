"""What a person wants done to a picture on its way in: to its words, to its dates, to the file that is stored.

Owns which wishes a file can have fulfilled and in which order, and what is told of it in `everything["cleaning"]`. How
bytes are changed is patching.py's to know, how pixels are turned turning.py's. The file as dropped is only read, so
that another try finds what this one found: what is stored in its place is made in the workspace.

Two flags tell of a wish that could not be fulfilled: `not_upright`, the file still lies on its side, with the tag that
says so; `not_shifted`, the date in the file stays, and only the catalog has the right one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from watcher.errors import RejectedError
from watcher.model import Facts, Format, Limits, Rules, Wishes, parse_shift
from watcher.processing import comparing, moments, naming, patching, turning
from watcher.processing.sources import Stated, told

_TURN_SECONDS = 60.0  # a picture of 100 megapixels takes jpegtran about two
_COPIES = 3  # of a file's bytes, while they are changed
_TURNED_BY_READERS = ("heic", "avif", "raw")
_CHANGEABLE = ("jpeg", "tiff", "raw")  # what patching.py understands
_OUTSIDE = ("name", "mtime", "XMP-sidecar:", "Takeout:")  # how sources of a date begin that do not stand in the file


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What is to be stored, and what is to be said of it.

    `path` is the file: the one that was dropped, where nothing changes. `stored`: its SHA-256 and bytes, None where
    they are as dropped. `orientation` (1..8) is that of its pixels, where `facts` has it as read. `time_ns` (unix, ns)
    is to become its mtime and atime: last of all, since any reading changes the latter.
    """

    path: str
    facts: Facts
    orientation: int
    stored: tuple[str, int] | None = None
    time_ns: int | None = None
    flags: tuple[str, ...] = ()


def worded(facts: Facts, wishes: Wishes, sequence: str) -> Facts:
    """The facts with a person's title and description in place of the picture's own, and keywords beside those.

    `sequence` is the picture's number in its batch, as it is written; "" where it has none.
    """
    texts = {name: getattr(wishes, name) for name in ("title", "description")}
    texts = {name: naming.titled(text, wishes.prefix, sequence) for name, text in texts.items() if text}
    stated = facts.everything.get("sources", {})
    said = {name: [*told([Stated("batch", (text,))]), *stated.get(name, ())] for name, text in texts.items()}
    if wishes.keywords:
        said["batch_keywords"] = told([Stated("batch", wishes.keywords)])
    if not said:
        return facts
    keywords = tuple(dict.fromkeys((*facts.keywords, *wishes.keywords)))
    return replace(facts, **texts, keywords=keywords, everything={**facts.everything, "sources": stated | said})


def clean(path: str, format: Format, facts: Facts, rules: Rules, workspace: str) -> Cleaned:
    """Turn, shift and touch what is at `path`, as far as it is wished and can be done.

    `facts` are what it says of itself, `workspace` an own folder for the file that comes out. Raises OSError when one
    cannot be read or the other not be written.
    """
    wishes = rules.wishes
    cleaned = Cleaned(path, facts, facts.orientation or 1)
    if wishes.upright and cleaned.orientation > 1 and format not in _TURNED_BY_READERS:
        cleaned = _turned(cleaned, format, rules.limits, os.path.join(workspace, "upright.jpg"))
    if wishes.shift or wishes.touch:
        content = _content(cleaned.path, format, rules.limits)
        cleaned = _redated(cleaned, wishes, content, os.path.join(workspace, "redated.file"))
    if cleaned.path != path:
        cleaned = replace(cleaned, stored=_measured(cleaned.path))
    if wishes.touch and cleaned.facts.taken_at:
        cleaned = _touched(cleaned, path, rules.timezone, os.path.join(workspace, "touched.file"))
    if cleaned.path != path:
        shutil.copystat(path, cleaned.path)
    return cleaned


def shifted_again(facts: Facts, before: Mapping[str, Any]) -> Facts:
    """The facts as read from a stored original, its date moved unless it was moved there.

    `before` is `everything["cleaning"]` of the facts that `clean` gave, which these are to have as well.
    """
    if not before:
        return facts
    facts, source = _told(facts, **before), facts.taken_source or ""
    stands = _is_among(source, before.get("changed", ())) or (source == "mtime" and before.get("touched"))
    if facts.taken_at is None or stands or "shift" not in before:
        return facts
    return replace(facts, taken_at=_moved(facts.taken_at, parse_shift(before["shift"])) or facts.taken_at)


def _turned(cleaned: Cleaned, format: Format, limits: Limits, target: str) -> Cleaned:
    outcome = _outcome(cleaned, format, limits, target)
    if not outcome.turned:
        return replace(
            cleaned, facts=_told(cleaned.facts, upright=outcome.words), flags=(*cleaned.flags, "not_upright")
        )
    words = ", ".join(filter(None, ("turned", outcome.words)))
    return replace(cleaned, path=target, orientation=1, facts=_told(cleaned.facts, upright=words))


def _outcome(cleaned: Cleaned, format: Format, limits: Limits, target: str) -> turning.Outcome:
    if format != "jpeg":
        return turning.Outcome(False, "left: only a JPEG can be turned without loss")
    if not _fits(cleaned.path, limits):
        return turning.Outcome(False, "left: the file is too large for limits.max_decoded_bytes")
    same = functools.partial(comparing.same_pixels, limits=limits)
    try:
        return turning.turn_upright(
            Path(cleaned.path), Path(target), cleaned.orientation, same, _TURN_SECONDS, limits.max_decoded_bytes
        )
    except RejectedError as reason:
        return turning.Outcome(False, f"left: {reason}")


def _content(path: str, format: Format, limits: Limits) -> bytes:
    """The whole file, where dates in it can be changed, else nothing."""
    return Path(path).read_bytes() if format in _CHANGEABLE and _fits(path, limits) else b""


def _redated(cleaned: Cleaned, wishes: Wishes, content: bytes, target: str) -> Cleaned:
    """The dates in the file and in the facts moved, and EXIF's DateTime made to follow."""
    delta = parse_shift(wishes.shift) if wishes.shift else timedelta()
    content, shifted = patching.shift_dates(content, delta)
    content, followed = patching.follow_original(content) if wishes.touch else (content, [])
    tags = [change.tag for change in (*shifted, *followed)]
    if tags:
        Path(target).write_bytes(content)
        cleaned = replace(cleaned, path=target, facts=_told(cleaned.facts, changed=sorted(set(tags))))
    return _shifted(cleaned, wishes.shift, [change.tag for change in shifted]) if delta else cleaned


def _shifted(cleaned: Cleaned, shift: str, tags: list[str]) -> Cleaned:
    """The date in the facts moved by as much as those under `tags` in the file were."""
    facts = _told(cleaned.facts, shift=shift)
    if facts.taken_at is None:
        return replace(cleaned, facts=facts)
    moved = _moved(facts.taken_at, parse_shift(shift))
    source = facts.taken_source or ""
    followed = moved and (source.startswith(_OUTSIDE) or _is_among(source, tags))
    flags = cleaned.flags if followed else (*cleaned.flags, "not_shifted")
    return replace(cleaned, facts=replace(facts, taken_at=moved or facts.taken_at), flags=flags)


def _is_among(source: str, tags: Sequence[str]) -> bool:
    """Whether the date that dates.py names so is one of those that patching.py names."""
    return source in [tag.replace("XMP:", "XMP-") for tag in tags]


def _moved(taken_at: str, delta: timedelta) -> str | None:
    """The date moved, its fraction kept; None where that is no date in the calendar."""
    seconds, dot, fraction = taken_at.partition(".")
    try:
        return (datetime.fromisoformat(seconds) + delta).isoformat() + dot + fraction
    except OverflowError:
        return None


def _touched(cleaned: Cleaned, path: str, zone: str, target: str) -> Cleaned:
    """With the time that the file is to get; a copy then, since the one that was dropped keeps its own."""
    try:
        time_ns = _instant(cleaned.facts, zone)
    except (OverflowError, ValueError, OSError):  # before year 1, or after 9999, by the clock of another place
        return cleaned
    if cleaned.path == path:
        shutil.copyfile(path, target)
        cleaned = replace(cleaned, path=target)
    return replace(cleaned, time_ns=time_ns, facts=_told(cleaned.facts, touched=True))


def _instant(facts: Facts, zone: str) -> int:
    taken = datetime.fromisoformat(facts.taken_at or "")
    if facts.taken_offset:
        taken = taken.replace(tzinfo=timezone(moments.distance(facts.taken_offset)))
    elif zone:
        taken = taken.replace(tzinfo=ZoneInfo(zone))
    return round(taken.timestamp() * 1000) * 1_000_000


def _told(facts: Facts, **what: Any) -> Facts:
    cleaning = {**facts.everything.get("cleaning", {}), **what}
    return replace(facts, everything={**facts.everything, "cleaning": cleaning})


def _measured(path: str) -> tuple[str, int]:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size


def _fits(path: str, limits: Limits) -> bool:
    return os.path.getsize(path) * _COPIES <= limits.max_decoded_bytes
