"""What a dropped file is to us: by its first bytes, and where those are JSON, by what it tells about.

How each kind begins is sniffing.py's to know, what Google writes takeout.py's. What is done with a kind, or with what
has none, is for those who take files to say.
"""

from __future__ import annotations

from typing import BinaryIO

from watcher.processing import sniffing, takeout
from watcher.processing.sniffing import Kind


def recognised(file: BinaryIO) -> Kind | None:
    """The kind of an open file, left at its start; None when it is no picture, video, archive or sidecar."""
    kind = sniffing.kind(file)
    if kind == "json" and takeout.read(file.read()) is None:
        kind = None
    file.seek(0)
    return kind


def refusal(file: BinaryIO) -> str:
    """Why an open file that is not recognised is not taken, as a sentence."""
    file.seek(0)
    head = file.read(sniffing.HEAD_BYTES)
    if not head:
        return "the file is empty"
    if sniffing.kind(file) == "json":
        return "it is JSON, but not what Google Takeout tells of a picture or an album"
    return f"it is {sniffing.refusal(head)}"
