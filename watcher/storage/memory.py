"""Storage in a dict: for tests of what stands above the seam, and for a dry run, which must write nothing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from watcher.storage.base import KeyTakenError, ObjectInfo, check_key


class MemoryStorage:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, source: str, *, replace: bool = False, link: bool = False) -> None:
        content = Path(source).read_bytes()
        check_key(key)
        if not replace and self.objects.get(key, content) != content:
            raise KeyTakenError(key)
        self.objects[key] = content

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[str]:
        if check_key(key) not in self.objects:
            raise FileNotFoundError(key)
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(self.objects[key])
            copy.flush()
            yield copy.name

    def stat(self, key: str) -> ObjectInfo | None:
        content = self.objects.get(check_key(key))
        return None if content is None else ObjectInfo(key, len(content))

    def delete(self, key: str) -> None:
        self.objects.pop(check_key(key), None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return (ObjectInfo(key, len(content)) for key, content in list(self.objects.items()) if key.startswith(prefix))

    def url(self, key: str) -> str:
        return f"memory:{check_key(key)}"
