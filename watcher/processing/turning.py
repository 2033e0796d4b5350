"""Turns a JPEG upright without loss: a copy whose pixels need no Orientation any more.

Owns the call of jpegtran (libjpeg-turbo or IJG; Debian: libjpeg-turbo-progs), what is never turned, and what must
follow the pixels: the tags, by patching.py, and the thumbnail. All but the coded picture stays byte for byte as it
was. Comparing the pixels, and what replaces what, are the caller's.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watcher.processing import patching
from watcher.processing.patching import LINK, Segment, Structure

SamePixels = Callable[[Path, Path, int], bool]  # (as it was, turned, Orientation of the former)

_TURNS = {  # Exif 2.32, Orientation, by what undoes it
    2: ("-flip", "horizontal"),
    3: ("-rotate", "180"),
    4: ("-flip", "vertical"),
    5: ("-transpose",),
    6: ("-rotate", "90"),
    7: ("-transverse",),
    8: ("-rotate", "270"),
}
_SIDEWAYS = range(5, 9)
_THUMBNAIL, _THUMBNAIL_SIZE, _THUMBNAIL_ORIENTATION = ("1st", 0x0201), ("1st", 0x0202), ("1st", 0x0112)
_ABOUT = (*range(0xE0, 0xF0), 0xFE)  # APP0 to APP15 and comments: not the picture, but what is said about it
_PROGRESSIVE, _APP2, _SCAN, _END = 0xC2, 0xE2, 0xDA, 0xD9
_PICTURES = b"MPF\0"  # CIPA DC-007, Multi-Picture Format
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496:-1")  # Adobe; ISO 21496-1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether there is a turned copy. `words`, for a person: why not; or what became of the thumbnail."""

    turned: bool
    words: str = ""


class _LeftError(Exception):
    """The picture stays as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class _Program:
    """jpegtran, and what one call of it may cost."""

    path: str
    timeout_seconds: float
    max_bytes: int

    def turn(self, jpeg: bytes, orientation: int) -> bytes:
        """The picture of `jpeg` turned, what is said about it as it was. Raises _LeftError."""
        parts = list(patching.segments(jpeg))
        how = ["-progressive"] if any(part.marker == _PROGRESSIVE for part in parts) else []
        turned = self._run(jpeg, [*_TURNS[orientation], *how])
        about = b"".join(jpeg[part.start : part.end] for part in parts if part.marker in _ABOUT)
        coded = [part for part in patching.segments(turned) if part.marker not in _ABOUT]
        if not coded or coded[-1].marker != _END:
            raise _LeftError("what jpegtran made of it is no whole JPEG")
        return turned[:2] + about + b"".join(turned[part.start : part.end] for part in coded)

    def _run(self, jpeg: bytes, how: list[str]) -> bytes:
        # -optimize: the tables are made for this picture, else the copy would be larger than the original
        limits = ["-maxmemory", str(max(1, self.max_bytes // 1000))]
        command = [self.path, "-copy", "none", "-optimize", "-perfect", *limits, *how]
        try:
            # through pipes: no name of a file reaches the program, and it ends when this worker dies
            done = subprocess.run(
                command, input=jpeg, capture_output=True, timeout=self.timeout_seconds, env={"LC_ALL": "C"}, check=False
            )
        except subprocess.TimeoutExpired:
            raise _LeftError(f"jpegtran took more than {self.timeout_seconds:g} seconds") from None
        except OSError as error:
            raise _LeftError(f"jpegtran could not be started: {error.strerror}") from None
        if b"not perfect" in done.stderr:
            raise _LeftError(
                "its size is no multiple of the blocks that a JPEG is made of: turning it would cost a border"
            )
        if b"Backing store" in done.stderr:  # it has none: -maxmemory is all that there is
            raise _LeftError("it needs more memory than jpegtran may use")
        if done.returncode:
            raise _LeftError(
                "jpegtran could not turn it: " + ascii(done.stderr.decode("ascii", "replace").strip()[:200])
            )
        return done.stdout


def turn_upright(
    path: Path, target: Path, orientation: int, same_pixels: SamePixels, timeout_seconds: float, max_bytes: int
) -> Outcome:
    """Write the JPEG at `path`, whose Orientation is 1..8, upright to `target`, which must not be there yet.

    There is no `target` unless its pixels are the same by `same_pixels`. Raises OSError when `path` cannot be read
    or `target` not be written; whatever else stands in the way is an Outcome. `max_bytes`: of jpegtran's memory.
    """
    program = shutil.which("jpegtran")
    if orientation not in _TURNS:
        return Outcome(False, "left: it is upright")
    if program is None:
        return Outcome(False, "left: there is no program jpegtran (Debian and Ubuntu: apt install libjpeg-turbo-progs)")
    try:
        content, words = _upright(path.read_bytes(), orientation, _Program(program, timeout_seconds, max_bytes))
        target.write_bytes(content)
        if not _checked(path, target, orientation, same_pixels):
            raise _LeftError("turned, it would not show the same pixels")
    except _LeftError as reason:
        return Outcome(False, f"left: {reason}")
    return Outcome(True, words)


def _checked(path: Path, target: Path, orientation: int, same_pixels: SamePixels) -> bool:
    same = False
    try:
        same = same_pixels(path, target, orientation)
    finally:
        if not same:
            target.unlink()
    return same


def _upright(jpeg: bytes, orientation: int, program: _Program) -> tuple[bytes, str]:
    """The whole file turned, and what became of its thumbnail. Raises _LeftError."""
    _demand_plain(jpeg)
    content, changes = patching.set_orientation(jpeg, 1, sides_swapped=orientation in _SIDEWAYS)
    if not any(change.tag.endswith(":Orientation") for change in changes):
        raise _LeftError("its orientation is not stated where it could be changed: it would be turned twice")
    words = ""
    for structure in patching.structures(content):
        if structure.get(LINK):
            content, words = _with_thumbnail(content, structure, orientation, program)
    return program.turn(content, orientation), words


def _demand_plain(jpeg: bytes) -> None:
    """Other pictures in the file would be left behind by the first, or cut off."""
    parts = list(patching.segments(jpeg))
    if not parts or parts[-1].marker != _END:
        raise _LeftError("its end is missing")
    if any(part.marker == _APP2 and jpeg.startswith(_PICTURES, part.body) for part in parts):
        raise _LeftError("it holds several pictures (MPO)")
    if any(_is_gain_map(jpeg, part) for part in parts):
        raise _LeftError("it holds a gain map for HDR screens, which would no longer fit")
    if parts[-1].end != len(jpeg):
        raise _LeftError("data follow the end of the picture")


def _is_gain_map(jpeg: bytes, part: Segment) -> bool:
    return part.marker in _ABOUT and any(jpeg.find(name, part.body, part.end) >= 0 for name in _GAIN_MAPS)


def _with_thumbnail(content: bytes, structure: Structure, orientation: int, program: _Program) -> tuple[bytes, str]:
    """The thumbnail turned in its place, zeros behind it; else nothing leads to it any more. And which of the two."""
    start, end = _thumbnail(content, structure)
    try:
        upright = program.turn(content[start:end], orientation)
    except _LeftError:  # made of strips, not where it should be, or of a size that cannot be turned
        upright = b""
    if not 0 < len(upright) <= end - start:
        return patching.applied(content, [("EXIF:Thumbnail", structure[LINK][0].start, bytes(4))])[
            0
        ], "thumbnail dropped"
    edits = [("EXIF:Thumbnail", start, upright.ljust(end - start, b"\0"))]
    for own in structure.get(_THUMBNAIL_ORIENTATION, ()):
        edits.append(("EXIF:Thumbnail", own.start, patching.written(content, own, 1)))
    return patching.applied(content, edits)[0], "thumbnail turned"


def _thumbnail(content: bytes, structure: Structure) -> tuple[int, int]:
    """Where the JPEG of the thumbnail lies in the file; (0, 0) unless it has this place for itself."""
    link = structure[LINK][0]
    offset, size = (patching.stated(content, patching.first(structure, tag)) for tag in (_THUMBNAIL, _THUMBNAIL_SIZE))
    if offset is None or size is None:
        return 0, 0
    start, end = link.base + offset, link.base + offset + size
    inside = any(part.body <= min(start, link.start) and end <= part.end for part in patching.segments(content))
    shared = any(entry.touches(start, end) for entries in structure.values() for entry in entries)
    return (start, end) if inside and not shared else (0, 0)
