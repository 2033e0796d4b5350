"""What ends the loop's sleep from outside: a pipe that the observer's thread and signal handlers write to."""

from __future__ import annotations

import contextlib
import os


class Wake:
    """`fileno()` is readable from a `set()` until the next `drain()`."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self.writing, False)

    def fileno(self) -> int:
        return self._reading

    def set(self) -> None:
        """Wake the loop. Safe from any thread; a full pipe has woken it already."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.writing, b"!")

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reading, 4096):
                pass

    def close(self) -> None:
        os.close(self._reading)
        os.close(self.writing)
