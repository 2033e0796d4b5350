"""The nouns: plain frozen values that travel between coordinator, workers and database. Stdlib only.

Everything here is JSON-safe and picklable. File names are `str` as `os.fsdecode` gives them (a byte that is not
UTF-8 is a lone surrogate); `shown` turns one into text for people and for the catalog.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal

from watcher.showing import shown as shown

State = Literal[
    "queued",  # ours, waiting for a worker
    "running",  # a worker has it; its attempt is counted
    "expanded",  # an archive whose members are jobs of their own
    "done",  # in the library and in the catalog
    "duplicate",  # equal to an asset that stands in the library
    "failed",  # in failed/ with a reason
    "ignored",  # a member that is no picture: folder litter of an operating system
    "cancelled",  # stopped by request before it began
]
FINISHED: tuple[State, ...] = ("done", "duplicate", "failed", "ignored", "cancelled")

CANCELLED_REASON = "its batch was cancelled before it began"
OPTIONS_NAME = "batch.toml"  # at the top of a folder or archive: what is to be done with all that is in it
MOST_OPTIONS = 65_536  # bytes of it: a few lines; what is larger is something else under its name
OPTIONS_REASON = "its settings are those of its batch"
JUNK_REASON = "folder litter of an operating system"  # why a member is ignored

Format = Literal["jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "jp2", "heic", "raw", "video", "other"]
RENDITION_STEP = 1  # raised when the same recipe begins to give another picture: all renditions are outdated then


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a rendition is made; each name is that of a setting in `[recipes.NAME]`.

    `size` is "1600" (long side, px), "300x300" (a box), "800x" (width) or "x600" (height). `crop` is empty, or left,
    top, right and bottom in the upright picture, each px (150) or a share of its side ("20%"). `background` is the
    colour behind what is transparent; "" keeps it transparent where the format can, else it is white.
    """

    name: str
    size: str = "1600"
    mode: Literal["fit", "fill", "stretch"] = "fit"
    quality: int = 82
    crop: tuple[int | str, ...] = ()
    enlarge: bool = False
    format: Literal["jpeg", "png", "webp", "avif", "same"] = "jpeg"
    background: str = ""
    progressive: bool = False
    metadata: Literal["none", "essentials", "all"] = "none"
    gps: bool = False

    def fingerprint(self) -> str:
        """16 hex digits that differ when the rendition would; its name makes no difference."""
        settings = {**asdict(self), "name": "", "step": RENDITION_STEP}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. Each name is that of a setting in `[limits]`, so that an error can name it."""

    max_file_bytes: int = 4_000_000_000
    max_pixels: int = 1_000_000_000
    max_decoded_bytes: int = 1_000_000_000
    zip_members: int = 100_000
    zip_bytes: int = 200_000_000_000
    zip_ratio: int = 200
    zip_depth: int = 3
    zip_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants done to the pictures of an inbox or of one batch.

    Each name is that of a setting in `[[inbox]]`, a key of batch.toml and an option of `watcher add`. `title` and
    `description` may hold `{prefix}` and `{seq}`. "" and () change nothing.
    """

    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    prefix: str = ""
    shift: str = ""  # -1d2hr3m4s, as parse_shift reads it
    upright: bool = False
    touch: bool = False


_SHIFT = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)hr)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def parse_shift(text: str) -> timedelta:
    """From "-1d2hr3m4s": days, hours, minutes, seconds, at least one of them, one sign for all. Else ValueError.

    Here, since settings refuse what workers could not read, and a worker does not load them.
    """
    match = _SHIFT.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{text!r} is no shift: write days, hours, minutes, seconds like -1d2hr3m4s, or some of them")
    try:
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
        size = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):  # int() refuses thousands of digits
        raise ValueError(f"{text[:40]!r} is no shift: it is longer than the calendar") from None
    return -size if match[1] else size


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker must know beside the file itself; the same for all tasks of a run."""

    library: str
    name_template: str
    recipes: tuple[Recipe, ...]
    limits: Limits
    umask: int = 0o022
    fsync: bool = True  # flush file by file; False where the coordinator flushes a group with one syncfs
    timezone: str = ""  # IANA name, for instants without a place; "" is the machine's
    wishes: Wishes = Wishes()
    videos: Literal["store", "fail"] = "store"
    other: Literal["store", "fail", "leave"] = "fail"


SidecarKind = Literal["xmp", "takeout", "album"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture says about itself. Absent is None. Units are in the names; EXIF's words otherwise."""

    orientation: int | None = None  # as read, 1..8
    taken_at: str | None = None  # YYYY-MM-DDTHH:MM:SS[.fff], local
    taken_offset: str | None = None  # +02:00
    taken_precision: str | None = None  # second day month year
    taken_source: str | None = None  # the tag that won, e.g. EXIF:DateTimeOriginal
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    iso: int | None = None
    f_number: float | None = None
    exposure_time: float | None = None  # seconds
    exposure: str | None = None  # 1/250
    focal_length_mm: float | None = None
    latitude: float | None = None  # decimal degrees, south is negative
    longitude: float | None = None  # decimal degrees, west is negative
    altitude_m: float | None = None  # below sea level is negative
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    rating: int | None = None  # -1..5
    flags: tuple[str, ...] = ()
    everything: dict[str, Any] = field(default_factory=dict)  # all that was read, by group and tag
    creator: tuple[str, ...] = ()
    copyright: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    location: str | None = None  # within the city
    people: tuple[str, ...] = ()  # who is in it
    favourite: bool | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """A file made from an original: its recipe's name, its key in storage, its size in px and bytes."""

    recipe: str
    key: str
    width: int
    height: int
    size: int
    fingerprint: str = ""  # of the recipe that it was made by; "" from before there were any


@dataclass(frozen=True, slots=True)
class Picture:
    """A published picture: what the catalog will say of it. `width` and `height` are upright."""

    digest: str  # SHA-256 of the bytes as dropped, hex
    key: str  # of the original in storage
    format: Format
    size: int  # bytes as dropped
    width: int | None
    height: int | None
    facts: Facts
    renditions: tuple[Rendition, ...]
    flags: tuple[str, ...] = ()
    stored: tuple[str, int] | None = None  # SHA-256 and bytes of the original in storage; None: they are as dropped

    @property
    def stored_digest(self) -> str:
        return self.stored[0] if self.stored else self.digest

    @property
    def stored_size(self) -> int:
        return self.stored[1] if self.stored else self.size


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its place in the directory, its path there, its size in bytes once unpacked."""

    index: int
    path: str
    size: int
    junk: bool = False

    @property
    def name(self) -> str:
        """Its base name."""
        return self.path.rstrip("/").rpartition("/")[2] or self.path


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file was noticed: `at` (UTC), `by`; `waited`: what it waited for before it was taken, (why, seconds)."""

    at: str
    by: Literal["event", "scan", "add"]
    waited: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from a changed one: its size in bytes, its mtime in ns, its inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is ours by rename, not yet in the journal.

    `token` names its spool folder (time-ordered, never used twice); `inbox` is the inbox's root; `path` the path
    below the inbox as it was dropped; `source` where it lies now. `seen`: how it was noticed. `stamp`: its file stays
    in the inbox, and was this when it was copied.
    """

    token: str
    inbox: str
    path: str
    source: str
    size: int
    seen: Seen | None = field(default=None, compare=False)  # a claim is the same however it was come upon
    stamp: Stamp | None = None

    @property
    def batch(self) -> str | None:
        """The token of the `watcher add` that it came by."""
        return self.token.partition(".")[2] or None


BatchKind = Literal["folder", "archive", "add"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What came together.

    `options` are those of its batch.toml; `problem` says why that cannot be followed. `numbered`: its pictures wait for
    its end, to be numbered in order.
    """

    id: int
    token: str | None
    inbox_id: int
    kind: BatchKind
    name: str
    options: Mapping[str, Any]
    problem: str | None
    numbered: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One file's story, as the coordinator needs it.

    A member of an archive has no `claim`: that of the archive that was dropped is `root_claim`, with `root_path`.
    Its bytes lie in its archive's, the job `parent_id`'s: in that one's own file when it is lodged, `parent_lodged`.
    `suspect`: it must run alone. `surplus`: keys that only this job published. `left_at`: where it lies in failed/.
    `copied`: its file stays in the inbox.
    """

    id: int
    state: State
    attempt: int
    claim: str | None
    parent_id: int | None
    member: int | None
    inbox_id: int
    path: str
    name: str
    size: int
    created_at: str
    finished_at: str | None
    reason: str | None
    suspect: bool
    root_claim: str | None
    root_path: str | None
    asset_id: int | None
    surplus: tuple[str, ...]
    left_at: str | None
    kind: Literal["file", "join"] = "file"
    batch_id: int | None = None
    batch: str | None = None
    root_id: int | None = None
    depth: int = 0
    listed: int = 0
    lodged: bool = False
    parent_lodged: bool = False
    numbering: str | None = None
    sequence: str | None = None
    scope: str | None = None
    shot: str | None = None
    known: int | None = None  # the last sidecar that there was when it was tried first
    copied: bool = False
