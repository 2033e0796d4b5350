"""Renames that never replace, copies, the type of a file system, and flushing, on real files."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher import filesystem
from watcher.filesystem import copy_bytes, fsync_directory, fsync_file, is_ours_alone, rename_noreplace, syncfs, type_of

NASTY = ("日本 ö.jpg", "line\nbreak.jpg", os.fsdecode(b"caf\xe9.jpg"), "n" * 255, " ", "\\040")


@pytest.fixture(params=["renameat2", "links only", "neither"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """File systems that know ever less."""

    def refuse(*arguments: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    def no_links(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    if request.param != "renameat2":
        monkeypatch.setattr(filesystem._libc, "renameat2", refuse)
    if request.param == "neither":
        monkeypatch.setattr(os, "link", no_links)
    return str(request.param)


# -- rename ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NASTY)
def test_a_file_takes_a_free_name(tmp_path: Path, kernel: str, name: str) -> None:
    source, target = tmp_path / "source", tmp_path / name
    source.write_text("bytes")
    rename_noreplace(str(source), str(target))
    assert os.listdir(tmp_path) == [name]
    assert target.read_text() == "bytes"


@pytest.mark.parametrize("there", ["file", "folder", "dangling link"])
def test_a_name_that_is_taken_stays_whose_it_was(tmp_path: Path, kernel: str, there: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("bytes")
    if there == "file":
        target.write_text("other")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_noreplace(str(source), str(target))
    assert source.read_text() == "bytes"
    assert there != "file" or target.read_text() == "other"
    assert there != "folder" or target.is_dir()
    assert there != "dangling link" or os.readlink(target) == "nowhere"


def test_what_is_missing_is_named(tmp_path: Path, kernel: str) -> None:
    with pytest.raises(FileNotFoundError, match="source"):
        rename_noreplace(str(tmp_path / "source"), str(tmp_path / "target"))
    (tmp_path / "source").write_text("bytes")
    with pytest.raises(FileNotFoundError):
        rename_noreplace(str(tmp_path / "source"), str(tmp_path / "folder" / "target"))
    with pytest.raises(OSError, match="too long"):
        rename_noreplace(str(tmp_path / "source"), str(tmp_path / ("n" * 256)))
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize("kernel", ["links only"], indirect=True)
def test_a_rename_by_links_that_was_cut_off_is_completed(tmp_path: Path, kernel: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("bytes")
    os.link(source, target)
    rename_noreplace(str(source), str(target))
    assert os.listdir(tmp_path) == ["target"]


# -- copies ------------------------------------------------------------------------------------------------------------


class Pair:
    """A file and the empty one that it is copied into."""

    def __init__(self, folder: Path) -> None:
        self.source, self.target = folder / "source", folder / os.fsdecode(b"t\xffrget\n")

    def copy(self, content: bytes, *, standing: int = 0) -> None:
        """`standing`: where somebody who read of it left the source."""
        self.source.write_bytes(content)
        with open(self.source, "rb") as old, open(self.target, "wb") as new:
            old.seek(standing)
            copy_bytes(old.fileno(), new.fileno())


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def refusing(number: int) -> Callable[..., int]:
    def refuse(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


def half(then: Callable[..., int], copy: Callable[..., int] = os.copy_file_range) -> Callable[..., int]:
    """A kernel that copies half of the file, and the rest as `then` does."""

    def step(source: int, target: int, count: int, begin: int, there: int) -> int:
        return then(source, target, count, begin, there) if begin else copy(source, target, count // 2, begin, there)

    return step


KERNELS: dict[str, Callable[..., int]] = {
    "copies": os.copy_file_range,
    "copies in two": half(os.copy_file_range),
    "says that it is done": lambda *_: 0,
    "says so halfway": half(lambda *_: 0),
    "cannot": refusing(errno.EXDEV),
    "cannot go on": half(refusing(errno.EINVAL)),
}


@pytest.fixture
def copying(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems that share no blocks."""
    monkeypatch.setattr(fcntl, "ioctl", refusing(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "copy_file_range", request.param)


@pytest.mark.parametrize("copying", KERNELS.values(), ids=KERNELS.keys(), indirect=True)
@pytest.mark.parametrize("standing", [0, 5])
@pytest.mark.parametrize("length", [0, 1, 3_000_001])
def test_a_copy_is_whole_whoever_makes_it(pair: Pair, copying: None, length: int, standing: int) -> None:
    content = os.urandom(length)
    pair.copy(content, standing=standing)
    assert pair.target.read_bytes() == content


@pytest.mark.parametrize("length", [0, 1, 3_000_001])
def test_a_copy_is_whole_on_the_file_system_that_we_are_on(pair: Pair, length: int) -> None:
    content = os.urandom(length)
    pair.copy(content)
    assert pair.target.read_bytes() == content


def test_where_blocks_can_be_shared_nothing_is_copied(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def clone(target: int, request: int, source: int) -> int:
        assert request == 0x40049409  # FICLONE, ioctl_ficlone(2)
        return os.pwrite(target, os.pread(source, 100, 0), 0)

    monkeypatch.setattr(fcntl, "ioctl", clone)
    monkeypatch.setattr(os, "copy_file_range", refusing(errno.EIO))
    pair.copy(b"content", standing=3)
    assert pair.target.read_bytes() == b"content"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_copy_that_fails_says_why(pair: Pair, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(fcntl, "ioctl", refusing(number))
    monkeypatch.setattr(os, "copy_file_range", refusing(number))
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        pair.copy(b"content")
    assert raised.value.errno == number


@pytest.mark.parametrize("size", [0, 4, 10])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "copied"])
def test_a_file_that_gets_another_size_while_it_is_copied_is_not_copied(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, size: int, shared: bool
) -> None:
    def meanwhile(target: int, request: int, source: int) -> int:
        os.truncate(pair.source, size)
        if not shared:
            raise OSError(errno.EOPNOTSUPP, "no clones here")
        return os.pwrite(target, os.pread(source, 100, 0), 0)

    monkeypatch.setattr(fcntl, "ioctl", meanwhile)
    with pytest.raises(OSError, match="it changed its size while it was copied"):
        pair.copy(b"content")


def test_a_file_that_is_made_as_it_is_read_is_not_copied_as_an_empty_one(tmp_path: Path) -> None:
    with (
        open("/proc/self/status", "rb") as made,
        open(tmp_path / "copy", "wb") as copy,
        pytest.raises(OSError, match="it changed its size"),
    ):
        copy_bytes(made.fileno(), copy.fileno())


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_a_file_is_ours_alone_unless_another_can_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, link = tmp_path / os.fsdecode(b"caf\xe9\n.jpg"), tmp_path / "link"
    file.write_bytes(b"content")
    link.symlink_to(file)
    assert is_ours_alone(str(file))
    assert not is_ours_alone(str(link)), "what it leads to has a name of its own"
    os.link(file, tmp_path / "twin")
    assert not is_ours_alone(str(file))
    (tmp_path / "twin").unlink()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert not is_ours_alone(str(file))


# -- types -------------------------------------------------------------------------------------------------------------

TABLE = (
    r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
30 22 8:17 / /media/anna/Büro\040klein rw - exfat /dev/sdb1 rw
31 22 8:18 / /media/anna/Büro\040groß rw shared:7 master:2 - ntfs3 /dev/sdb2 rw
32 22 0:44 /@home /home rw - btrfs /dev/sdc rw
33 22 0:50 / /tab\011and\134slash rw - nfs4 server:/x rw
34 22 0:51 / /twice rw - ext4 /dev/a rw
35 22 0:52 / /twice rw - cifs //b rw
37 22 0:54 / /under/covers rw - nfs4 server:/y rw
38 22 0:55 / /under rw - ext4 /dev/c rw
""".encode()
    + b"36 22 0:53 / /odd\x0b\xe2\x80\xa8\xff rw - vfat /dev/b rw\n"
)


@pytest.mark.parametrize(
    ("path", "device", "expected"),
    [
        ("/srv/photos", (8, 1), "ext4"),
        ("/", (8, 1), "ext4"),
        ("/media/anna/Büro klein/DCIM", (8, 17), "exfat"),
        ("/media/anna/Büro groß", (8, 18), "ntfs3"),
        ("/home/anna", (0, 99), "btrfs"),
        ("/homeless", (8, 1), "ext4"),
        ("/tab\tand\\slash/x", (0, 50), "nfs4"),
        ("/twice/x", (0, 52), "cifs"),
        ("/twice/x", (0, 99), "cifs"),
        ("/under/covers/x", (0, 55), "ext4"),
        (os.fsdecode(b"/odd\x0b\xe2\x80\xa8\xff/x"), (0, 53), "vfat"),
    ],
)
def test_the_mount_that_holds_a_path_tells_its_type(path: str, device: tuple[int, int], expected: str) -> None:
    assert filesystem._type_in(TABLE, os.fsencode(path), os.makedev(*device)) == expected


def test_the_types_of_this_machine_are_those_that_stat_knows(tmp_path: Path) -> None:
    assert type_of("/proc/self") == "proc"
    assert type_of(str(tmp_path)) is not None
    link = tmp_path / os.fsdecode(b"link\n\xff")
    link.symlink_to("/proc")
    assert type_of(str(link)) == "proc", "what counts is where a link leads"


def test_where_there_is_nothing_there_is_no_type(tmp_path: Path) -> None:
    assert type_of(str(tmp_path / "never")) is None


# -- flushing ----------------------------------------------------------------------------------------------------------


def test_a_flush_reports_what_the_kernel_says(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    syncfs(descriptor)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        syncfs(descriptor)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is flushed, by its path; afterwards nothing of it is open."""
    paths: list[str] = []
    real = os.fsync

    def flush(descriptor: int) -> None:
        paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    before = len(os.listdir("/proc/self/fd"))
    yield paths
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folders_entries_can_be_flushed_and_leave_nothing_open(tmp_path: Path, flushed: list[str]) -> None:
    fsync_directory(str(tmp_path))
    with pytest.raises(NotADirectoryError):
        fsync_directory(__file__)
    assert flushed == [str(tmp_path)]


def test_a_files_bytes_can_be_flushed_also_where_we_may_not_write(tmp_path: Path, flushed: list[str]) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    file.write_bytes(b"content")
    file.chmod(0o400)
    fsync_file(str(file))
    with pytest.raises(FileNotFoundError):
        fsync_file(str(tmp_path / "never"))
    assert flushed == [str(file)]
