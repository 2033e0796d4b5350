"""When a picture was taken, for the order of the numbers in its batch, no more. Of a member its beginning is enough.

What cannot be read here has no date here; whether it is a picture is judged when it is taken.
"""

from __future__ import annotations

import contextlib
import io
import os
from typing import BinaryIO

from watcher.errors import RejectedError
from watcher.messages import Dated, Task
from watcher.model import Facts, Format
from watcher.processing import archive, embedded, reading, sniffing
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
    if task.member is None:
        with open(task.source, "rb") as file:
            return _dated(file, task, os.fstat(file.fileno()).st_mtime)
    head = _Head()
    with contextlib.suppress(_EnoughError, RejectedError):
        archive.extract(task.source, task.member, head, task.rules.limits)
    return _dated(head, task, archive.modified(task.source, task.member))


def _dated(file: BinaryIO, task: Task, mtime: float | None) -> Dated:
    kind = sniffing.kind(file)
    if kind is None or kind == "zip" or kind == "xmp" or kind == "json":
        return Dated(task.job_id, task.attempt, None, numbered=False)
    return Dated(task.job_id, task.attempt, _facts(file, kind, task, mtime).taken_at, numbered=True)


def _facts(file: BinaryIO, format: Format, task: Task, mtime: float | None) -> Facts:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        return reading.facts(reading.opened(file, format, size, task.rules.limits), Sidecars(), task, mtime)
    except RejectedError:  # some pictures are decoded when they are opened, and of a member's the end is not there
        file.seek(0)
        return reading.told(embedded.of_beginning(file.read(_HEAD)), Sidecars(), task, mtime)
