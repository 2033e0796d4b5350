"""Both storages keep the contract; the library in a folder keeps more: links, modes, and what a full disk leaves."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.storage_contract import KEY, StorageContract, file, other
from watcher import filesystem
from watcher.errors import UnavailableError
from watcher.storage.base import KeyTakenError, Storage
from watcher.storage.local import LocalStorage
from watcher.storage.memory import MemoryStorage

__all__ = ["file", "other"]  # the contract's fixtures


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    (root / ".watcher").mkdir(parents=True)
    return root


@pytest.fixture
def uncloned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that shares no blocks: there the kernel is asked to copy."""
    monkeypatch.setattr(filesystem, "clone", lambda *_: False)


def tree(root: Path) -> list[str]:
    """All files of the library, our own included."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


class TestLocal(StorageContract):
    @pytest.fixture(params=[True, False], ids=["fsync", "no fsync"])
    def storage(self, library: Path, request: pytest.FixtureRequest) -> Storage:
        return LocalStorage(str(library), fsync=request.param)

    def test_our_own_single_file_is_linked_into_place(self, storage: Storage, library: Path, file: str) -> None:
        storage.put(KEY, file, link=True)
        assert os.path.samefile(library / KEY, file)
        assert tree(library) == [KEY]

    def test_a_file_with_another_name_is_copied(self, storage: Storage, library: Path, file: str) -> None:
        os.link(file, file + ".elsewhere")
        storage.put(KEY, file, link=True)
        assert not os.path.samefile(library / KEY, file)

    def test_a_file_of_somebody_else_is_copied(
        self, storage: Storage, library: Path, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner = os.stat(file).st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        storage.put(KEY, file, link=True)
        assert not os.path.samefile(library / KEY, file)

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
    def test_where_links_are_refused_the_file_is_copied(
        self, storage: Storage, library: Path, file: str, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "link", failing(number))
        storage.put(KEY, file, link=True)
        assert (library / KEY).read_bytes() == b"content"

    @pytest.mark.usefixtures("uncloned")
    def test_where_the_kernel_does_not_copy_we_do(
        self, storage: Storage, library: Path, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "copy_file_range", failing(errno.EXDEV))
        storage.put(KEY, file)
        assert (library / KEY).read_bytes() == b"content"

    @pytest.mark.parametrize("link", [True, False])
    def test_the_mode_is_the_librarys_and_times_and_attributes_stay(
        self, storage: Storage, library: Path, file: str, link: bool
    ) -> None:
        os.chmod(file, 0o600)
        os.utime(file, ns=(10**18, 10**18 + 1))
        os.setxattr(file, "user.rating", b"5")
        storage.put(KEY, file, link=link)
        put = (library / KEY).stat()
        assert stat.S_IMODE(put.st_mode) == 0o644
        assert put.st_mtime_ns == 10**18 + 1
        assert os.getxattr(library / KEY, "user.rating") == b"5"
        assert stat.S_IMODE((library / KEY).parent.stat().st_mode) == 0o755

    @pytest.mark.usefixtures("uncloned")
    @pytest.mark.parametrize("replace", [True, False])
    @pytest.mark.parametrize("call", ["copy_file_range", "chmod", "mkdir"])
    def test_a_full_disk_is_nobodys_fault_and_leaves_nothing(
        self,
        storage: Storage,
        library: Path,
        file: str,
        monkeypatch: pytest.MonkeyPatch,
        replace: bool,
        call: str,
    ) -> None:
        monkeypatch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(UnavailableError, match="cannot be written: No space left on device"):
            storage.put(KEY, file, replace=replace)
        monkeypatch.undo()
        assert tree(library) == []
        storage.put(KEY, file, replace=replace)
        assert tree(library) == [KEY]

    @pytest.mark.usefixtures("uncloned")
    def test_a_write_that_fails_midway_leaves_what_stood_there(
        self, storage: Storage, library: Path, file: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.put(KEY, other)
        real = os.copy_file_range

        def half(source: int, target: int, count: int, *rest: Any) -> int:
            real(source, target, count // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "copy_file_range", half)
        with pytest.raises(UnavailableError):
            storage.put(KEY, file, replace=True)
        assert (library / KEY).read_bytes() == b"CONTENT"
        assert tree(library) == [KEY]

    @pytest.mark.usefixtures("uncloned")
    def test_a_file_that_shrinks_while_it_is_copied_is_not_put(
        self, storage: Storage, library: Path, file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(*_: int) -> int:
            os.truncate(file, 3)
            return 0

        monkeypatch.setattr(os, "copy_file_range", meanwhile)
        with pytest.raises(OSError, match="changed its size"):
            storage.put(KEY, file)
        assert tree(library) == []

    def test_somebody_faster_with_the_same_content_is_success_and_with_other_content_is_not(
        self, storage: Storage, library: Path, file: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        racing = iter([b"content", b"CONTENT"])
        real = os.chmod

        def meanwhile(path: Any, mode: int, **options: Any) -> None:
            real(path, mode, **options)
            if "put-" in str(path) and not options:  # the last that happens to it before it takes its name
                (library / KEY).write_bytes(next(racing))

        monkeypatch.setattr(os, "chmod", meanwhile)
        storage.put(KEY, file)
        (library / KEY).unlink()
        with pytest.raises(KeyTakenError):
            storage.put(KEY, file)
        assert tree(library) == [KEY]

    def test_a_library_that_is_gone_is_not_made_anew(self, storage: LocalStorage, library: Path, file: str) -> None:
        (library / ".watcher").rmdir()
        library.rmdir()
        with pytest.raises(UnavailableError, match="is gone: is its disk mounted"):
            storage.put(KEY, file)
        with pytest.raises(UnavailableError, match="is gone"), storage.workspace("1-1-1"):
            pass
        assert not library.exists()
        assert "is gone" in (storage.problem() or "")

    def test_an_empty_mount_point_is_no_library(self, storage: LocalStorage, library: Path, file: str) -> None:
        (library / ".watcher").rmdir()
        with pytest.raises(UnavailableError, match="is gone"):
            storage.put(KEY, file)
        assert list(library.iterdir()) == []

    def test_a_workspace_is_on_the_librarys_file_system_and_goes_with_its_task(
        self, storage: LocalStorage, library: Path
    ) -> None:
        with storage.workspace("1-1-1") as folder:
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
            (Path(folder) / "part").write_bytes(b"x")
        assert tree(library) == []

    def test_a_library_that_takes_writes_has_no_problem(
        self, storage: LocalStorage, library: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert storage.problem(by_writing=True) is None
        assert tree(library) == []
        monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
        assert "No space left on device" in (storage.problem(by_writing=True) or "")

    def test_a_listing_leads_neither_out_nor_into_our_own(self, storage: Storage, library: Path, file: str) -> None:
        (library / ".watcher" / "watcher.db").write_bytes(b"x")
        storage.put(KEY, file)
        assert [found.key for found in storage.list("")] == [KEY]
        assert list(storage.list(".watcher")) == []
        for prefix in ("../", "/etc/", ".watcher/", "originals/../../"):
            with pytest.raises(ValueError, match="not a key"):
                list(storage.list(prefix))

    def test_a_folder_or_a_dangling_link_under_a_key_takes_it(self, storage: Storage, library: Path, file: str) -> None:
        (library / KEY).mkdir(parents=True)
        with pytest.raises(KeyTakenError):
            storage.put(KEY, file)
        (library / KEY).rmdir()
        (library / KEY).symlink_to("nowhere")
        with pytest.raises(KeyTakenError):
            storage.put(KEY, file)


def failing(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_the_umask_shapes_modes(library: Path, file: str) -> None:
    LocalStorage(str(library), umask=0o002).put(KEY, file)
    assert stat.S_IMODE((library / KEY).stat().st_mode) == 0o664
    assert stat.S_IMODE((library / KEY).parent.stat().st_mode) == 0o775
