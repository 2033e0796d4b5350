"""When the surroundings fail (no space, library gone, catalog locked) everything waits and nobody is blamed.

Owns why, until when and how often in a row; what counts as such a failure is for those who meet it to say.
"""

from __future__ import annotations

import logging
import time

from watcher import logs

_log = logging.getLogger("watcher.daemon")

_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # from one look at what fails to the next


class Pause:
    """`reason`: why everything waits, None when nothing does; `until`: when to look again (monotonic seconds)."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.until = 0.0
        self.failures = 0  # in a row
        self._said = ""  # the last reason that the log has

    def begin(self, reason: str, tolerated: int = 0) -> None:
        """Wait for `reason`. The log hears of it when it came more than `tolerated` times in a row."""
        if reason != self._said and self.failures >= tolerated:
            logs.event(_log, "waiting", f"{reason}; nothing is lost, it goes on by itself", level=logging.ERROR)
            self._said = reason
        self.reason = reason
        self.until = time.monotonic() + _SECONDS[min(self.failures, len(_SECONDS) - 1)]
        self.failures += 1

    def is_over(self) -> bool:
        """Whether it is time to look again, or never was a pause."""
        return self.reason is None or time.monotonic() >= self.until

    def end(self) -> None:
        """Things look well; whether they are, the next commit shows."""
        self.reason = None

    def forget(self) -> None:
        """Something was committed: things are well."""
        if self._said:
            logs.event(_log, "resumed", "the surroundings are well again", level=logging.WARNING)
        self.failures, self._said = 0, ""
