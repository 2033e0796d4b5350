"""A folder's batch.toml is taken before the other files in it: what it asks for is for them too.

Owns which files wait for that, and why one waits in vain.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from watcher.ignoring import Ignoring
from watcher.intake.agenda import Place
from watcher.intake.candidates import Candidates
from watcher.model import OPTIONS_NAME, shown

_SECONDS = 0.5  # how often a file is asked again whether its batch.toml was taken


class Precedence:
    """Of the files of the inbox at `root`. `clock` is monotonic. `is_known`: whether a path stays and was taken."""

    def __init__(
        self,
        root: str,
        ignoring: Ignoring,
        candidates: Candidates,
        clock: Callable[[], float],
        is_known: Callable[[str], bool],
    ) -> None:
        self._root, self._ignoring, self._candidates, self._clock = root, ignoring, candidates, clock
        self._is_known = is_known
        self._held: set[str] = set()  # paths of each batch.toml that settles in the spool
        self._behind: dict[str, set[Place]] = {}  # who waits for one that does not settle, by its path

    def held(self, path: str) -> None:
        """The file that had this path lies in the spool, and settles there."""
        if path.partition("/")[2] == OPTIONS_NAME:
            self._held.add(path)

    def settled(self, path: str) -> None:
        """It is claimed, or gone: nobody waits for it any more."""
        self._held.discard(path)
        self.release(path)

    def release(self, path: str) -> None:
        """Something has become of it at last: who waits for it is looked at again."""
        for place in self._behind.pop(path, ()):
            self._candidates.found(place)

    def delays(self, place: Place) -> bool:
        """Whether the file there must wait for its folder's batch.toml; then it is looked at again."""
        top, slash, _ = place.path.partition("/")
        options = Place("", f"{top}/{OPTIONS_NAME}")
        if not slash or place.path == options.path or self._ignoring.rule(options.path):
            return False
        if options.path not in self._held:
            path = os.path.join(self._root, options.path)
            if place.token or not os.path.lexists(path) or self._is_known(options.path):
                return False
            if os.path.islink(path) or not os.path.isfile(path):
                self._candidates.block(place, f"{shown(options.path)} is no file: make it one, or remove it")
                return True
            self._candidates.found(options)
        self._delay(place, options)
        return True

    def _delay(self, place: Place, options: Place) -> None:
        why = f"waiting until {shown(options.path)} is taken: {self._candidates.why(options)}"
        if self._candidates.is_stuck(options):
            self._candidates.block(place, why)
            self._behind.setdefault(options.path, set()).add(place)
        else:
            self._candidates.delay(place, self._clock() + _SECONDS, why)
