"""What an examination comes to: what is wrong, with its remedy, and what is only worth knowing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "configuration",  # it cannot be read, or is wrong
    "database",  # the catalog's file, its pages, the rows that it must have
    "index",  # words or places are not those of the rows
    "inbox",  # it is not there, waits, or belongs to another library
    "account",  # ledger and inbox contradict each other: what is in flight, what failed, what is nobody's
    "original",  # it does not stand as the catalog says
    "rendition",
    "sidecar",
    "stray",  # a file in the library that no row names
    "leftover",  # of a run that ended
    "permission",
    "space",
    "limit",  # of the system
    "version",  # of what the program is made with
    "clock",
    "synced",  # something else works in the inbox too
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: `what` happened to what lies at `path` (None: to no one place), and the `remedy`. Sentences."""

    kind: Kind
    what: str
    path: str | None
    remedy: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a person may want to know. Nothing is to be done."""

    about: str
    what: str


Remark = Finding | Note
