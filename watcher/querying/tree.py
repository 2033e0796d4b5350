"""The tree of a query: plain values. A field is a name of watcher/fields.py, its alias resolved (`camera` stays)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class All:
    """Every one of `parts`; without parts it is every asset."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of `parts`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class Words:
    """These tokens (folding.tokens), at least one, one after the other in one text; `open`: the last may go on.

    Without a field it may be any of the texts that bare words search.
    """

    tokens: tuple[str, ...]
    field: str | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Inside:
    """Folded letters anywhere in a text as its tokens, joined by single spaces, make it up."""

    letters: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Letters:
    """Characters of which no token is made (`++`), as they stand in a text."""

    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Exact:
    """The whole value, letter by letter; of a list, one of its elements."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern of Python's `re` that is found somewhere in the value, case ignored; of a list, in an element."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Present:
    """The field says something: not null, not empty."""

    field: str


@dataclass(frozen=True, slots=True)
class Bound:
    value: int | float | str
    included: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A number, or a text in the order of its code points, from `low` to `high`; None is open. Absent is outside."""

    field: str
    low: Bound | None
    high: Bound | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The local time taken, where it is known so far: months 1..12, weekdays 0..6 from Sunday, hours 0..23."""

    unit: Literal["month", "weekday", "hour"]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Within `metres` of a place on a sphere of the Earth's mean radius; degrees, south and west are negative."""

    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class Shape:
    """`panorama`: one side is at least twice the other."""

    name: Literal["landscape", "portrait", "square", "panorama"]


@dataclass(frozen=True, slots=True)
class Rendition:
    """There is a rendition by this recipe; None is any."""

    recipe: str | None


@dataclass(frozen=True, slots=True)
class DroppedAgain:
    """It was dropped more than once."""


Leaf = (
    Words | Inside | Letters | Exact | Regex | Present | Range | Calendar | Near | Shape | Rendition | DroppedAgain
)  # fmt: skip
Node = All | Any | Not | Leaf
