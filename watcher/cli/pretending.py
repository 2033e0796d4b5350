"""Storage for a dry run: what stands in the library counts as standing, what would be put there is remembered.

Of pictures only the digest is kept, of sidecars the bytes: a picture is read with those.
"""

from __future__ import annotations

import hashlib

from watcher.storage.base import KeyTakenError, ObjectInfo
from watcher.storage.local import LocalStorage
from watcher.storage.memory import MemoryStorage


class Pretended(MemoryStorage):
    """`root` is the library; nothing is written there."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self._library = LocalStorage(root)
        self._digests: dict[str, str] = {}  # by key

    def stat(self, key: str) -> ObjectInfo | None:
        return self._library.stat(key)

    def put(self, key: str, source: str, *, replace: bool = False, link: bool = False) -> None:
        if replace:  # a rendition: no name of an original depends on it
            return
        digest = _digest(source)  # not the file's path: a member's is gone by the next one
        if self._standing(key) not in (None, digest):
            raise KeyTakenError(key)
        self._digests[key] = digest
        if key.startswith("sidecars/"):
            super().put(key, source)

    def _standing(self, key: str) -> str | None:
        if key not in self._digests and self._library.stat(key):
            self._digests[key] = _digest(self._library.url(key))
        return self._digests.get(key)


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
