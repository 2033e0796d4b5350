"""What every Storage keeps to. A test class inherits it and gives `storage`, a fixture with an empty one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watcher.storage.base import KeyTakenError, ObjectInfo, Storage

KEY = "originals/2024/05/a.jpg"
HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../a.jpg",
    "originals/../../a.jpg",
    "originals/./a.jpg",
    "originals//a.jpg",
    "originals/",
    ".watcher/watcher.db",
    "originals/a\0.jpg",
    "originals/\udcff.jpg",
]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "source"
    path.write_bytes(b"content")
    return str(path)


@pytest.fixture
def other(tmp_path: Path) -> str:
    path = tmp_path / "other"
    path.write_bytes(b"CONTENT")  # of the same size
    return str(path)


class StorageContract:
    def content(self, storage: Storage, key: str) -> bytes:
        with storage.local_copy(key) as path:
            return Path(path).read_bytes()

    def test_what_was_put_stands_under_its_key(self, storage: Storage, file: str) -> None:
        storage.put(KEY, file)
        assert self.content(storage, KEY) == b"content"
        assert storage.stat(KEY) == ObjectInfo(KEY, 7)
        assert Path(file).read_bytes() == b"content"

    def test_putting_the_same_again_is_success(self, storage: Storage, file: str) -> None:
        for _ in range(2):
            storage.put(KEY, file)
            storage.put(KEY, file, link=True)
        assert self.content(storage, KEY) == b"content"

    def test_other_content_does_not_take_a_key(self, storage: Storage, file: str, other: str) -> None:
        storage.put(KEY, file)
        with pytest.raises(KeyTakenError):
            storage.put(KEY, other)
        assert self.content(storage, KEY) == b"content"

    def test_the_same_size_and_time_are_not_the_same_content(self, storage: Storage, file: str, other: str) -> None:
        os.utime(file, (1000, 1000))
        os.utime(other, (1000, 1000))
        storage.put(KEY, file)
        for _ in range(2):
            with pytest.raises(KeyTakenError):
                storage.put(KEY, other)

    @pytest.mark.parametrize("link", [False, True])
    def test_replacing_replaces(self, storage: Storage, file: str, other: str, link: bool) -> None:
        storage.put(KEY, other, replace=True, link=link)
        storage.put(KEY, file, replace=True, link=link)
        storage.put(KEY, file, replace=True, link=link)
        assert self.content(storage, KEY) == b"content"
        assert Path(file).read_bytes() == b"content"

    def test_deleting_takes_away_and_may_be_repeated(self, storage: Storage, file: str) -> None:
        storage.put(KEY, file)
        storage.delete(KEY)
        storage.delete(KEY)
        storage.delete(KEY + "/below/what/is/no/folder")
        assert storage.stat(KEY) is None
        with pytest.raises(FileNotFoundError), storage.local_copy(KEY):
            pass

    def test_what_is_not_there_has_no_size(self, storage: Storage, file: str) -> None:
        storage.put(KEY, file)
        assert storage.stat("originals/2024/05") is None
        assert storage.stat(KEY + "/b.jpg") is None

    def test_a_list_is_of_all_keys_with_the_prefix(self, storage: Storage, file: str) -> None:
        keys = ["originals/2024/05/a.jpg", "originals/2024/05/b.jpg", "originals/2024/06/a.jpg", "preview/日本 é.jpg"]
        for key in keys:
            storage.put(key, file)

        def listed(prefix: str) -> list[str]:
            return sorted(found.key for found in storage.list(prefix))

        assert listed("") == keys
        assert listed("originals/2024/05/") == keys[:2]
        assert listed("originals/2024/0") == keys[:3]
        assert listed("originals/2024/05/a") == keys[:1]
        assert listed("nothing/here") == []
        assert {found.size for found in storage.list("")} == {7}

    def test_a_url_names_the_object(self, storage: Storage, file: str) -> None:
        storage.put(KEY, file)
        assert storage.url(KEY).endswith(KEY)

    @pytest.mark.parametrize("key", HOSTILE)
    def test_what_is_no_key_is_refused(self, storage: Storage, file: str, key: str) -> None:
        for act in (storage.stat, storage.delete, storage.url):
            with pytest.raises(ValueError):
                act(key)
        with pytest.raises(ValueError):
            storage.put(key, file)
        with pytest.raises(ValueError), storage.local_copy(key):
            pass
        assert list(storage.list("")) == []

    def test_a_source_that_is_not_there_leaves_nothing(self, storage: Storage, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            storage.put(KEY, str(tmp_path / "absent"))
        assert list(storage.list("")) == []
