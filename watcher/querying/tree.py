"""The tree of a query: plain values. A field is a name of watcher/fields.py, its alias resolved (`camera` stays)."""

from __future__ import annotations

from typing import ClassVar, Literal, dataclass_transform


@dataclass_transform(frozen_default=True)
class _Value:
    """Equal by its kind and its fields, like a frozen dataclass, and for mypy one.

    Each of those is written as text and compiled when it is imported: fifteen take a tenth of a search's time.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.__match_args__ = tuple(cls.__annotations__)  # type: ignore[misc]  # to mypy it is a dataclass's own

    def __init__(self, *values: object, **named: object) -> None:
        self.__dict__.update(zip(self.__match_args__, values, strict=False), **named)

    def _fields(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._fields()}"


class All(_Value):
    """Every one of `parts`; without parts it is every asset."""

    parts: tuple[Node, ...]


class Any(_Value):
    """At least one of `parts`."""

    parts: tuple[Node, ...]


class Not(_Value):
    part: Node


class Words(_Value):
    """These tokens (folding.tokens), at least one, one after the other in one text; `open`: the last may go on.

    Without a field it may be any of the texts that bare words search.
    """

    tokens: tuple[str, ...]
    field: str | None = None
    open: bool = False


class Inside(_Value):
    """Folded letters anywhere in a text as its tokens, joined by single spaces, make it up."""

    letters: str
    field: str | None = None


class Letters(_Value):
    """Characters of which no token is made (`++`), as they stand in a text."""

    text: str
    field: str | None = None


class Exact(_Value):
    """The whole value, letter by letter; of a list, one of its elements."""

    field: str
    text: str


class Regex(_Value):
    """A pattern of Python's `re` that is found somewhere in the value, case ignored; of a list, in an element.

    `under`: what people see before the value, and the catalog has not; it is part of what is looked through.
    """

    field: str
    pattern: str
    under: str = ""


class Present(_Value):
    """The field says something: not null, not empty."""

    field: str


class Bound(_Value):
    value: int | float | str
    included: bool


class Range(_Value):
    """A number, or a text in the order of its code points, from `low` to `high`; None is open. Absent is outside."""

    field: str
    low: Bound | None
    high: Bound | None


class Calendar(_Value):
    """The local time taken, where it is known so far: months 1..12, weekdays 0..6 from Sunday, hours 0..23."""

    unit: Literal["month", "weekday", "hour"]
    numbers: tuple[int, ...]


class Near(_Value):
    """Within `metres` of a place on a sphere of the Earth's mean radius; degrees, south and west are negative."""

    latitude: float
    longitude: float
    metres: float


class Shape(_Value):
    """`panorama`: one side is at least twice the other."""

    name: Literal["landscape", "portrait", "square", "panorama"]


class Rendition(_Value):
    """There is a rendition by this recipe; None is any."""

    recipe: str | None


class DroppedAgain(_Value):
    """It was dropped more than once."""


Leaf = (
    Words | Inside | Letters | Exact | Regex | Present | Range | Calendar | Near | Shape | Rendition | DroppedAgain
)  # fmt: skip
Node = All | Any | Not | Leaf
