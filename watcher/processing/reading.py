"""A file as what it is: a picture, a camera raw file, a movie, or just bytes; and what it says with its sidecars.

Owns which reader a format has and what is given to `metadata.read` beside the file's own bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, Protocol

from watcher.messages import Attached, Task
from watcher.model import Facts, Format, Limits, Recipe
from watcher.processing import image, metadata, movie, raw, takeout
from watcher.processing.metadata import Blobs, Sidecars
from watcher.storage.base import Storage

_MOST_SIDECAR = 8_000_000  # bytes; with the edits of a whole catalog in it an XMP file has one


class Opened(Protocol):
    """A file that is open to be read and rendered. See `image.Picture`, the fullest one."""

    @property
    def format(self) -> Format: ...

    @property
    def pages(self) -> int: ...

    @property
    def turned(self) -> int | None: ...

    def blobs(self) -> Blobs: ...

    def upright(self, orientation: int) -> tuple[int | None, int | None]: ...

    def render(
        self, recipes: tuple[Recipe, ...], orientation: int, facts: Facts
    ) -> tuple[list[image.Rendered], tuple[str, ...]]: ...


class _Stored:
    """A file that is stored as it came: nothing is rendered from it. A movie says something of itself."""

    pages = 1
    turned: int | None = None

    def __init__(self, file: BinaryIO, format: Format, size: int) -> None:
        self.format = format
        self._said = movie.read(file, size) if format == "video" else movie.Movie()

    def blobs(self) -> Blobs:
        stated = self._said.stated
        if self._said.creation_time:
            stated = {"creation_time": self._said.creation_time} | stated
        return Blobs(movie=stated)

    def upright(self, orientation: int) -> tuple[int | None, int | None]:
        return self._said.width, self._said.height

    def render(
        self, recipes: tuple[Recipe, ...], orientation: int, facts: Facts
    ) -> tuple[list[image.Rendered], tuple[str, ...]]:
        return [], ()


def opened(file: BinaryIO, format: Format, size: int, limits: Limits) -> Opened:
    """The file, of `size` bytes, as its format. Raises RejectedError for what cannot be read or is over a limit."""
    if format in ("video", "other"):
        return _Stored(file, format, size)
    return raw.Raw(file, limits) if format == "raw" else image.Picture(file, format, limits)


def facts(opened: Opened, sidecars: Sidecars, task: Task, mtime: float | None) -> Facts:
    """What the file says of itself, what its sidecars say, and what its name and `mtime` (unix seconds) tell."""
    return _completed(told(opened.blobs(), sidecars, task, mtime), opened)


def told(blobs: Blobs, sidecars: Sidecars, task: Task, mtime: float | None) -> Facts:
    """The same of a file that is not open: all that is known of it are these `blobs`."""
    return metadata.read(
        blobs,
        name=task.name,
        mtime=mtime,
        first_seen=task.dropped_at,
        timezone=task.rules.timezone,
        sidecars=sidecars,
    )


def own_facts(opened: Opened) -> Facts:
    """What the file says of itself alone."""
    return _completed(metadata.read(opened.blobs()), opened)


def _completed(read: Facts, opened: Opened) -> Facts:
    """The facts with what the decoder knows beside them."""
    if opened.pages > 1:
        read = replace(read, everything={**read.everything, "File": {"PageCount": opened.pages}})
    return replace(read, orientation=opened.turned) if opened.turned else read


def sidecars(attached: Sequence[Attached], storage: Storage) -> Sidecars:
    """The content of sidecars in storage. One that is gone says nothing, nor does an album's of a picture."""
    packets, google = [], []
    for each in attached:
        with contextlib.suppress(FileNotFoundError), storage.local_copy(each.key) as path, open(path, "rb") as file:
            content = file.read(_MOST_SIDECAR)
            if each.kind == "xmp":
                packets.append(content)
            elif each.kind == "takeout" and (said := takeout.read(content)):
                google.append(said)
    return Sidecars(tuple(packets), tuple(google))
