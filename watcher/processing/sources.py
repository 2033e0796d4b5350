"""What was read from one file and its sidecars, by name: what dates.py, positions.py and reconciling.py share.

Owns the nouns. Who fills them is metadata.py; what wins among them is theirs to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from watcher.processing import exif
from watcher.processing.takeout import Takeout
from watcher.processing.xmp import Properties

Named = dict[str, exif.Value]  # EXIF tags by piexif's names; a tag without a name is "0x" and four hex digits


@dataclass(frozen=True, slots=True)
class Sources:
    """The tags of IFD0, of the Exif IFD and of the GPS IFD, the XMP properties, IPTC datasets and PNG texts.

    `iptc_newer`: the IPTC records are not those that the XMP was written beside (see metadata.py). `movie`: what a
    movie states, by Blobs' names. `sidecar`: the properties of the XMP sidecars, the first that has one counts;
    `takeout`: what Google's say, likewise.
    """

    image: Named
    photo: Named
    gps: Named
    xmp: Properties
    iptc: dict[str, list[str]]
    text: dict[str, str]
    big_endian: bool
    iptc_newer: bool = False
    movie: dict[str, str] = field(default_factory=dict)
    sidecar: Properties = field(default_factory=dict)
    takeout: Takeout = field(default_factory=lambda: Takeout("picture"))


@dataclass(frozen=True, slots=True)
class Stated:
    """What one source states: its name (XMP-dc:title), its values; `passed_over` is the reason if it cannot win."""

    source: str
    values: tuple[str, ...]
    passed_over: str = ""


def winner(stated: list[Stated]) -> Stated | None:
    """The first that was not passed over."""
    return next((one for one in stated if not one.passed_over), None)


def told(stated: list[Stated]) -> list[dict[str, Any]]:
    """JSON-safe, for who asks why: in the order of precedence, so the first that was not passed over has won."""
    return [
        {"source": one.source, "value": one.values[0] if len(one.values) == 1 else list(one.values)}
        | ({"passed_over": one.passed_over} if one.passed_over else {})
        for one in stated
    ]
