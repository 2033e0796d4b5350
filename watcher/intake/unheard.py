"""Files that a scan met although events should have told of them: how far the events of an inbox can be trusted.

What lay there when the watch began does not count, nor does one whose event comes behind the scan that met it.
"""

from __future__ import annotations

from watcher.intake.agenda import Place


class Unheard:
    """`count`: how many were taken, over all watches."""

    def __init__(self) -> None:
        self.count = 0
        self._expects = self._listens = False
        self._met: set[Place] = set()

    def listen(self, events: bool) -> None:
        """From the end of the next scan on, events should tell of what comes; or none are expected."""
        self._expects, self._listens = events, False
        self._met.clear()

    def scanned(self) -> None:
        """A scan of all ended."""
        self._listens = self._expects

    def met(self, place: Place) -> None:
        """A scan met what was not known."""
        if self._listens:
            self._met.add(place)

    def heard(self, place: Place) -> None:
        """An event told of it."""
        self._met.discard(place)

    def taken(self, place: Place) -> None:
        """It has settled and is ours: an event would have come by now."""
        if place in self._met:
            self._met.remove(place)
            self.count += 1
