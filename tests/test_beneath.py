"""A path below a folder leads nowhere else, whatever is put in its place meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from watcher import beneath

DEPTH = 1050  # more than Python lets a function call itself
DEEP = "/".join("d" * DEPTH)


@pytest.fixture(params=["openat2", "part by part"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "part by part":
        monkeypatch.setattr(beneath, "_OPENAT2", 99_999)  # ENOSYS, as on a kernel before 5.6
    return str(request.param)


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "inbox/a/b").mkdir(parents=True)
    (tmp_path / "elsewhere/b").mkdir(parents=True)
    return tmp_path / "inbox"


def same(descriptor: int, path: Path) -> bool:
    return os.path.samestat(os.fstat(descriptor), path.stat())


def test_a_folder_below_is_opened(way: str, inside: Path) -> None:
    with beneath.root(str(inside)) as root:
        for path in ("", "a", "a/b"):
            with beneath.folder(root, path) as found:
                assert same(found, inside / path)


@pytest.mark.parametrize("path", ["link", "link/b", "a/link", "a/link/b"])
def test_a_link_on_the_way_or_at_its_end_is_refused(way: str, inside: Path, path: str) -> None:
    for link in (inside / "link", inside / "a/link"):
        link.symlink_to(inside.parent / "elsewhere")
    for make in (None, 0o755):
        with beneath.root(str(inside)) as root, pytest.raises(OSError), beneath.folder(root, path, make=make):
            pass
    assert sorted(os.listdir(inside.parent / "elsewhere")) == ["b"]


@pytest.mark.parametrize("path", ["..", "a/../..", "a/../../elsewhere", "/", "/etc", "../inbox/a"])
def test_a_path_that_leads_out_is_refused(way: str, inside: Path, path: str) -> None:
    with beneath.root(str(inside)) as root, pytest.raises(OSError), beneath.folder(root, path):
        pass


def test_the_root_itself_may_be_reached_through_a_link(way: str, inside: Path) -> None:
    (inside.parent / "link").symlink_to(inside)
    with beneath.root(str(inside.parent / "link")) as root, beneath.folder(root, "a/b") as found:
        assert same(found, inside / "a/b")


def test_missing_folders_are_made_where_that_is_asked_for(way: str, inside: Path) -> None:
    with beneath.root(str(inside)) as root:
        with pytest.raises(FileNotFoundError), beneath.folder(root, "a/new/er"):
            pass
        with beneath.folder(root, "a/new/er", make=0o700) as found:
            assert same(found, inside / "a/new/er")
    assert (inside / "a/new").stat().st_mode & 0o777 == 0o700


def test_what_is_no_folder_is_refused(way: str, inside: Path) -> None:
    (inside / "file").write_text("x")
    for make in (None, 0o755):
        with beneath.root(str(inside)) as root, pytest.raises(OSError), beneath.folder(root, "file", make=make):
            pass


def test_no_descriptor_is_left_open(way: str, inside: Path) -> None:
    before = os.listdir("/proc/self/fd")
    test_a_folder_below_is_opened(way, inside)
    test_missing_folders_are_made_where_that_is_asked_for(way, inside)
    test_what_is_no_folder_is_refused(way, inside)
    assert os.listdir("/proc/self/fd") == before


SWAP = """
import os, sys
folder, link, away = sys.argv[1:]
print("ready", flush=True)
while True:  # a folder, then a link that stands in its place, then the folder again
    os.rename(folder, away)
    os.rename(link, folder)
    os.rename(folder, link)
    os.rename(away, folder)
"""


def test_an_attacker_who_swaps_folders_for_links_all_the_time_leads_nowhere(way: str, inside: Path) -> None:
    link, away = inside / "link", inside / "away"
    link.symlink_to(inside.parent / "elsewhere")
    arguments = [str(inside / "a"), str(link), str(away)]
    with subprocess.Popen([sys.executable, "-c", SWAP, *arguments], stdout=subprocess.PIPE) as attacker:
        try:
            assert attacker.stdout is not None and attacker.stdout.readline()
            there, outcomes = (inside.parent / "elsewhere/b").stat(), set()
            with beneath.root(str(inside)) as root:
                for _ in range(3000):
                    try:
                        with beneath.folder(root, "a/b") as found:
                            assert not os.path.samestat(os.fstat(found), there)
                            outcomes.add("found")
                    except OSError as error:
                        outcomes.add(error.strerror)
        finally:
            attacker.kill()
    assert len(outcomes) > 1, "nothing was swapped while it was looked at"


def test_folders_however_deep_are_walked_through_and_go_when_they_are_empty(tmp_path: Path) -> None:
    with beneath.root(str(tmp_path)) as top:
        try:
            with beneath.folder(top, DEEP, make=0o755) as last:
                os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=last))
            (tmp_path / "d/empty/er").mkdir(parents=True)
            beneath.prune(top)
            found = [(path, names) for path, names, _ in beneath.walk(top, strict=True)]
            assert (len(found), found[-1]) == (DEPTH + 1, (DEEP, ["file"]))
            with beneath.folder(top, DEEP) as last:
                os.unlink("file", dir_fd=last)
            beneath.prune(top)
            assert os.listdir(tmp_path) == []
        finally:  # pytest, which calls itself for each folder, could not clean up
            subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_a_walk_goes_in_the_order_of_names_into_folders_alone_and_stays_below(way: str, inside: Path) -> None:
    (inside / "a/link").symlink_to(inside.parent / "elsewhere")
    (inside / "c").mkdir()
    for path in ("b", "a/b/2", "a/b/1"):
        (inside / path).touch()
    with beneath.root(str(inside)) as top:
        found = [(path, names, os.listdir(at)) for path, names, at in beneath.walk(top, strict=True)]
    assert [(path, names) for path, names, _ in found] == [
        ("", ["b"]), ("a", ["link"]), ("a/b", ["1", "2"]), ("c", []),
    ]  # fmt: skip
    assert sorted(found[1][2]) == ["b", "link"]


def test_a_folder_that_cannot_be_read_ends_a_strict_walk_and_no_other(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def shut(at: int) -> object:
        if os.readlink(f"/proc/self/fd/{at}").endswith("/a"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(at)

    (inside / "c").mkdir()
    monkeypatch.setattr(os, "scandir", shut)
    with beneath.root(str(inside)) as top:
        assert [path for path, _, _ in beneath.walk(top, strict=False)] == ["", "c"]
        with pytest.raises(PermissionError):
            list(beneath.walk(top, strict=True))
