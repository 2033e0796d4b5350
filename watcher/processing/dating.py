"""When a picture was taken, from the beginning of its file: for the order of the numbers in its batch, no more.

What cannot be read here has no date here; whether it is a picture is judged when it is taken.
"""

from __future__ import annotations

import contextlib
import io
import os

from watcher.errors import RejectedError
from watcher.model import Dated, Task
from watcher.processing import archive, reading, sniffing
from watcher.processing.metadata import Sidecars

_HEAD = 256 * 1024  # bytes, in which cameras put what a picture says of itself


class _EnoughError(Exception):
    """The beginning is there."""


class _Head(io.BytesIO):
    """A file that takes no more than a picture's beginning."""

    def write(self, piece: bytes, /) -> int:  # type: ignore[override]  # bytes are all that is written here
        done = super().write(piece)
        if self.tell() >= _HEAD:
            raise _EnoughError
        return done


def dated(task: Task) -> Dated:
    """The date of the picture. Raises OSError when the file cannot be read."""
    file, mtime = _beginning(task)
    kind = sniffing.kind(file)
    if kind is None or kind == "zip" or kind == "xmp" or kind == "json":
        return Dated(task.job_id, task.attempt, None, numbered=False)
    taken = None
    with contextlib.suppress(RejectedError):
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        taken = reading.facts(reading.opened(file, kind, size, task.rules.limits), Sidecars(), task, mtime).taken_at
    return Dated(task.job_id, task.attempt, taken, numbered=True)


def _beginning(task: Task) -> tuple[io.BytesIO, float]:
    """The first bytes and the mtime (unix seconds) of the file, or of the member."""
    if task.member is None:
        with open(task.source, "rb") as source:
            return io.BytesIO(source.read(_HEAD)), os.fstat(source.fileno()).st_mtime
    head = _Head()
    with contextlib.suppress(_EnoughError, RejectedError):
        archive.extract(task.source, task.member, head, task.rules.limits)
    return head, archive.modified(task.source, task.member) or 0.0
