"""Where bytes live: the seam. Keys are relative paths with forward slashes; what stands under a key is always whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    key: str
    size: int  # bytes


class KeyTakenError(Exception):
    """Other content stands under the key, and the put was create-only."""


PRIVATE = ".watcher"  # the first part of no key: what lies there is the daemon's own


def check_key(key: str) -> str:
    """`key`, when it is one: parts between single slashes, none of them empty, `.` or `..`, text that UTF-8 can hold.

    Raises ValueError for all else, so that no key ever leads out of its storage.
    """
    parts = key.split("/")
    if {"", ".", ".."} & set(parts) or parts[0] == PRIVATE or "\0" in key:
        raise ValueError(f"not a key: {key!r}")
    key.encode()
    return key


class Storage(Protocol):
    """Each method that takes a key raises ValueError for what `check_key` refuses."""

    def put(self, key: str, source: str, *, replace: bool = False, link: bool = False) -> None:
        """Make the bytes of the file `source` stand under `key`: all or nothing, and repeatable.

        Create-only unless `replace`: the same content already there is success, other content raises KeyTakenError.
        `link`: the source may become the object itself (hard link) where the place can; it must then never be written
        again. Raises UnavailableError when the place is full, read-only or gone.
        """

    def local_copy(self, key: str) -> AbstractContextManager[str]:
        """The path of a file with the object's bytes, good inside the `with`. Raises FileNotFoundError."""

    def stat(self, key: str) -> ObjectInfo | None:
        """What stands under `key`, or None."""

    def delete(self, key: str) -> None:
        """Take the object away; that it is absent already is fine."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Everything whose key begins with `prefix`, in no particular order. The empty prefix: everything."""

    def url(self, key: str) -> str:
        """Where a person finds the object: an absolute path, or a URL."""
