"""Imported by the process that workers are forked from, and by nobody else: what it says when the daemon is killed.

When that happens while it asks for a worker, multiprocessing meets the end of a pipe, twice, and would print tracebacks
about it. There is nothing to be said: both processes end, and the next daemon's log says what became of the tasks.
"""

from __future__ import annotations

import sys
from types import TracebackType


def _say(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, EOFError | ConnectionError):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _say
