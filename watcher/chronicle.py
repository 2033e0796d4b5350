"""The chronicle: what a library's files cannot say of themselves, beside them in `<library>/.watcher/chronicle.jsonl`.

From the files and this the catalog can be made anew (rebuilding). It only grows. One JSON object (RFC 8259) a line:

    {"chronicle": 1}            the first: the version of what follows
    {"what": "drop", ...}       an asset was dropped: a new one, or its equal. Of the asset: digest, size (bytes;
                                both as dropped), stored (digest in the library), key, orientation, flags, cleaning,
                                words (a person's title, description, keywords), imported_at. Of the drop: job,
                                state, at, name, path, inbox, inbox_path, batch ({id, kind, name, token, options} or
                                null), sequence, scope, album
    {"what": "sidecar", ...}    a sidecar came: digest, and of the drop as above
    {"what": "edit", ...}       a person changed an asset: digest, edit (its number), field, old, new, at
    {"what": "removal", ...}    an asset was removed: digest, at

Times are UTC; a byte of a name that is not UTF-8 is a lone surrogate. Lines are written within the transaction that
they tell of, before its end: one too many does no harm, for only what stands in the library counts. Which rows become
which lines, and lines rows again, is db.annals's.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.errors import DatabaseError, UnavailableError
from watcher.filesystem import fsync_directory
from watcher.showing import shown
from watcher.storage.base import PRIVATE

VERSION = 1

Line = dict[str, Any]
_Place = tuple[int, int]  # of a line in the file: where it begins, how many bytes it has


def path_of(library: str) -> str:
    return os.path.join(library, PRIVATE, "chronicle.jsonl")


def begin(library: str, lines: Iterable[Line]) -> None:
    """Write the chronicle with these lines, unless there is one: whole or not at all. Raises UnavailableError."""
    path = path_of(library)
    if os.path.lexists(path) or not os.path.isdir(os.path.dirname(path)):  # or it is not mounted
        return
    with _explained(path):
        with open(path + ".new", "wb") as file:
            file.write(_written({"chronicle": VERSION}))
            file.writelines(map(_written, lines))
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
        fsync_directory(os.path.dirname(path))


def append(library: str, lines: Iterable[Line], *, fsync: bool = False) -> None:
    """Add these lines, in the catalog's transaction that they tell of. `fsync`: they are on the disk when this returns.

    Where there is no chronicle there will be a whole one, out of the catalog, when the daemon starts: none is begun
    here. Raises UnavailableError.
    """
    content = b"".join(map(_written, lines))
    path = path_of(library)
    if not content:
        return
    with _explained(path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            _add(descriptor, content)
            if fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _add(descriptor: int, content: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":  # whoever wrote last died over it
        content = b"\n" + content
    while content:
        content = content[os.write(descriptor, content) :]


def _written(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=True, separators=(",", ":"), default=str).encode() + b"\n"


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"the chronicle {shown(path)} cannot be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Told:
    """All that is told of one asset, each in order: when it was dropped, and what people changed of it since."""

    drops: list[Line] = field(default_factory=list)
    edits: list[Line] = field(default_factory=list)

    @property
    def asset(self) -> Line:
        """What was told last of the asset itself."""
        return self.drops[-1]


class Chronicle:
    """A chronicle to be read. Keeps in memory where the lines are, not what they say.

    `damaged`: how many of them cannot be read. None at all where there is no chronicle. Raises DatabaseError when it is
    of a newer version or cannot be read.
    """

    def __init__(self, library: str) -> None:
        self.damaged = 0
        self._file: int | None = None
        self._places: dict[str, list[_Place]] = {}  # by an asset's digest
        self._stored: dict[str, list[str]] = {}  # digests by that of the file in the library
        self._sidecars: dict[str, list[_Place]] = {}
        path = path_of(library)
        try:
            with contextlib.suppress(FileNotFoundError):
                self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self._index(path)
        except OSError as error:
            raise DatabaseError(f"the chronicle {shown(path)} cannot be read: {error.strerror}") from None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def told(self, stored: str, key: str) -> Told | None:
        """What is told of the asset whose original, with this digest, stands under `key`; None when nothing is.

        Equal files may be of several assets, which were cleaned up alike: then the one that had the key is meant.
        """
        found = [told for digest in self._stored.get(stored, ()) if (told := self._of(digest)).drops]
        found.sort(key=lambda told: (told.asset["stored"] == stored, told.asset["key"] == key))
        return found[-1] if found else None

    def originals(self) -> dict[str, str]:
        """The key that was told last of each original that was not removed since, by the asset's digest.

        It may have another by now: a sidecar that came later renames its picture.
        """
        keys: dict[str, str] = {}
        for digest, places in self._places.items():
            for line in map(self._line, places):
                if line["what"] == "drop":
                    keys[digest] = str(line["key"])
                elif line["what"] == "removal":
                    keys.pop(digest, None)
        return keys

    def sidecars(self, digest: str) -> list[Line]:
        """Each time that a sidecar with these bytes came."""
        return _once(map(self._line, self._sidecars.get(digest, ())))

    def _of(self, digest: str) -> Told:
        told, gone = Told(), False
        for line in map(self._line, self._places[digest]):
            if line["what"] == "drop" and gone:  # what was said of it before went with it
                told, gone = Told(), False
            if line["what"] == "drop":
                told.drops.append(line)
            elif line["what"] == "edit":
                told.edits.append(line)
            else:
                gone = True
        return Told(_once(told.drops), _made(told.edits))

    def _index(self, path: str) -> None:
        at = 0
        with open(path, "rb") as file:
            for raw in file:
                self._note(raw, (at, len(raw)))
                at += len(raw)

    def _note(self, raw: bytes, place: _Place) -> None:
        try:
            line = json.loads(raw)
            if "chronicle" in line:
                _check(line["chronicle"])
            elif line["what"] == "sidecar":
                self._sidecars.setdefault(line["digest"], []).append(place)
            else:
                digests = self._stored.setdefault(line["stored"], []) if line["what"] == "drop" else [line["digest"]]
                digests += [] if line["digest"] in digests else [line["digest"]]
                self._places.setdefault(line["digest"], []).append(place)
        except (ValueError, LookupError, TypeError, RecursionError):
            self.damaged += bool(raw.strip())

    def _line(self, place: _Place) -> Line:
        assert self._file is not None
        line: Line = json.loads(os.pread(self._file, place[1], place[0]))
        return line


def _check(version: object) -> None:
    if version != VERSION:
        raise DatabaseError(f"the chronicle is of version {version}, a newer photo-watcher's: update the program")


def _once(drops: Iterable[Line]) -> list[Line]:
    """What was told again, because the first transaction came to nothing, counts once: as it was told last."""
    return list({tuple(map(line.get, ("job", "at", "path"))): line for line in drops}.values())


def _made(edits: Sequence[Line]) -> list[Line]:
    """Without those whose transaction came to nothing: another edit has their number then."""
    moments = {line["edit"]: line["at"] for line in edits}
    return [line for line in edits if moments[line["edit"]] == line["at"]]
