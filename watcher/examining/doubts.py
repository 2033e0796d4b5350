"""What looked wrong once is looked at again: beside a running daemon rows and files change between two looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

LOOKS = 3
SECONDS = 0.7  # between two looks: more than a group of results takes to be committed and let go of

Suspect = TypeVar("Suspect")
Wait = Callable[[], None]


def confirmed(suspects: Sequence[Suspect], is_wrong: Callable[[Suspect], bool], wait: Wait) -> list[Suspect]:
    """Those that are wrong at each of LOOKS further looks. `wait` passes the time before each."""
    remaining = list(suspects)
    for _ in range(LOOKS):
        if not remaining:
            break
        wait()
        remaining = [suspect for suspect in remaining if is_wrong(suspect)]
    return remaining
