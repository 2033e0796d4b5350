"""What coordinator and workers tell each other: a task, and what came of it. Plain frozen values, stdlib only.

Everything here is JSON-safe and picklable, as the nouns in `model` are that it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watcher.model import Member, Picture, Rules, SidecarKind


@dataclass(frozen=True, slots=True)
class Attached:
    """A sidecar that belongs to the picture: what it is, its key in storage, and the SHA-256 of its bytes."""

    kind: SidecarKind
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An asset in the library whose facts are to be read again, with its sidecars, and whose name may change then.

    `beside` is the key of the original that it must be named after, when it is a part of that one's stack.
    """

    picture: Picture
    name: str  # as dropped
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A message to a worker: one try at one file, or at one member of an archive.

    `source` is the absolute path of the spool copy (of the archive, for a member); `name` the base name as
    dropped; `rivals` the (digest, key and bytes of the original in storage) of catalogued assets of the
    same size in bytes as dropped.
    """

    job_id: int
    attempt: int
    source: str
    name: str
    rules: Rules
    member: int | None = None
    rivals: tuple[tuple[str, str, int], ...] = ()
    may_link: bool = True  # False where leases cannot be asked: a writer could still be there
    dropped_at: float | None = None  # unix seconds; a file much older than that tells by its mtime when it was made
    errand: Literal["take", "date", "join"] = "take"
    folder: str = ""  # the path of its folder below the inbox or in its archive, as text
    batch: str = ""  # the name of what it came with
    sequence: str = ""  # its number in the batch, as it is written
    listed: int = 0  # of an archive: how many of its files are known already
    depth: int = 0  # archives around it
    lodge: str | None = None  # a member: where its bytes may be put, when it is an archive or cannot be taken
    sidecars: tuple[Attached, ...] = ()
    standing: Standing | None = None  # to join: the asset as it stands


@dataclass(frozen=True, slots=True)
class Processed:
    """A picture in the library. `sidecars`: (former key, key) of those that were read with it; they have its name."""

    job_id: int
    attempt: int
    picture: Picture
    sidecars: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    job_id: int
    attempt: int
    digest: str


@dataclass(frozen=True, slots=True)
class Expanded:
    """Files of an archive, in its directory's order. `more`: there are further ones, to be asked for next.

    `options`: the content of the batch.toml in it. `lodged`: the archive, a member itself, has a file of its own now.
    """

    job_id: int
    attempt: int
    members: tuple[Member, ...]
    more: bool = False
    options: str | None = None
    lodged: bool = False


@dataclass(frozen=True, slots=True)
class Dated:
    """When the file's picture was taken, for the order of its batch; `numbered`: whether it gets a number at all."""

    job_id: int
    attempt: int
    taken: str | None
    numbered: bool


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file that tells about another one; it is stored under `key`. `title`: Takeout's hint, or an album's name."""

    job_id: int
    attempt: int
    kind: SidecarKind
    digest: str
    key: str
    size: int
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """An asset read again with its sidecars; its files, and those, may stand under other keys now."""

    job_id: int
    attempt: int
    picture: Picture
    sidecars: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The file is at fault; `reason` is the sentence that its error file carries.

    `lodged`: it is a member, and its bytes lie whole in a file of their own.
    """

    job_id: int
    attempt: int
    reason: str
    lodged: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """This try failed. `died`: it took its worker with it (killed, crashed, out of time)."""

    job_id: int
    attempt: int
    reason: str
    died: bool = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The surroundings failed (no space, library gone): the try does not count, everything waits."""

    job_id: int
    attempt: int
    reason: str


TaskResult = Processed | Duplicate | Expanded | Dated | Sidecar | Joined | Rejected | Failed | Unavailable
