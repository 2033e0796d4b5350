"""Which files stay in the inbox because they are nothing that we take: a text beside the photos, a spreadsheet.

Whether an inbox leaves such files at all is its setting `other`. A file is asked once it has settled, and read again
only when it has changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from watcher.intake import discards
from watcher.intake.agenda import Place
from watcher.intake.settling import Observation
from watcher.model import OPTIONS_NAME
from watcher.processing.recognising import recognised, refusal

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW  # a pipe may have taken its place since it was looked at


class Leaving:
    """What was left so far, with the reason and as what it was seen."""

    def __init__(self) -> None:
        self._left: dict[Place, tuple[Observation, str]] = {}

    def why(self, place: Place, path: str, seen: Observation) -> str | None:
        """Why the file at `path` stays where it is, as a sentence; None when it is to be taken. Raises OSError."""
        known = self._left.pop(place, None)
        if known is None or not known[0].same_bytes(seen):
            reason = None if _is_for_us(place, path) else _refused(path)
            known = (seen, reason) if reason else None
        if known is None:
            return None
        self._left[place] = known
        return known[1]

    def forget(self, place: Place) -> None:
        """There is nothing to be left any more."""
        self._left.pop(place, None)

    def __contains__(self, place: Place) -> bool:
        return place in self._left

    def __iter__(self) -> Iterator[Place]:
        return iter(self._left)


def _is_for_us(place: Place, path: str) -> bool:
    """Whether it is no picture and yet ours: what is to be done with its folder, or our own note that came back."""
    folder, _, name = place.path.rpartition("/")
    return (name == OPTIONS_NAME and folder != "" and "/" not in folder) or discards.is_ours(path)


def _refused(path: str) -> str | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:  # whoever takes it will see
        return None
    with open(descriptor, "rb") as file:
        return None if recognised(file) else f'left here, as other = "leave" asks for: {refusal(file)}'
