"""How a file name is shown, whatever bytes it has. By itself, since a search needs this of the nouns and no more."""

from __future__ import annotations


def shown(name: str | bytes) -> str:
    r"""A file name as text: bytes that are not UTF-8 become `\xNN`."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")
