"""Renames that never replace, the type of a file system, and flushing, on real files."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from watcher import filesystem
from watcher.filesystem import fsync_directory, rename_noreplace, syncfs, type_of

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


def test_a_folders_entries_can_be_flushed_and_leave_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    fsync_directory(str(tmp_path))
    with pytest.raises(NotADirectoryError):
        fsync_directory(__file__)
    assert len(os.listdir("/proc/self/fd")) == before
