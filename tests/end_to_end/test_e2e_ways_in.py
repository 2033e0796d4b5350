"""Every way in which a file comes into an inbox: each is taken exactly once, whole, and found by its words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import PATIENT, Home, let_pass, wait_for
from tests.end_to_end.pictures import picture, zipped

Way = Callable[[Path, Path], None]  # from a file outside to its place in the inbox


def _other_file_system(beside: Path) -> str:
    """A folder on another device than `beside`, where the machine has one; else the one for temporary files."""
    here = beside.stat().st_dev
    folders = ("/dev/shm", "/run", "/var/tmp", "/")
    others = (f for f in folders if os.path.isdir(f) and os.stat(f).st_dev != here and os.access(f, os.W_OK))
    return next(others, tempfile.gettempdir())


def copied(source: Path, target: Path) -> None:
    subprocess.run(["cp", source, target], check=True)


def copied_with_its_times(source: Path, target: Path) -> None:
    os.utime(source, (1_000_000_000, 1_000_000_000))
    subprocess.run(["cp", "-p", source, target], check=True)


def moved(source: Path, target: Path) -> None:
    subprocess.run(["mv", source, target], check=True)


def moved_from_another_file_system(source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=_other_file_system(target.parent)) as folder:
        print(f"moved from {folder}")
        away = shutil.move(source, Path(folder, source.name))
        shutil.move(away, target)


def synchronised(source: Path, target: Path) -> None:
    """As rsync does: under a hidden name first, then renamed."""
    hidden = target.with_name(f".{target.name}.Xy12ab")
    shutil.copyfile(source, hidden)
    hidden.rename(target)


def downloaded(source: Path, target: Path) -> None:
    """As browsers do: under the name with .part until it is whole."""
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    part.rename(target)


def linked(source: Path, target: Path) -> None:
    os.link(source, target)


def put_in_without_a_name_at_first(source: Path, target: Path) -> None:
    """O_TMPFILE and linkat: the name appears when all is written."""
    nameless, open_files = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY), os.open("/proc/self/fd", os.O_PATH)
    os.write(nameless, source.read_bytes())
    # only with a folder's descriptor does Python ask the kernel to follow the link in /proc
    os.link(str(nameless), target, src_dir_fd=open_files, follow_symlinks=True)
    os.close(nameless)
    os.close(open_files)


@pytest.mark.parametrize(
    "way",
    [
        copied,
        copied_with_its_times,
        moved,
        moved_from_another_file_system,
        synchronised,
        downloaded,
        linked,
        put_in_without_a_name_at_first,
    ],
)
def test_a_picture_is_taken_once_and_whole_however_it_comes(watched: Home, way: Way) -> None:
    word = way.__name__.replace("_", "")
    name, content = f"{way.__name__}.jpg", picture(f"Lantern {word}")
    outside = watched.root / name
    outside.write_bytes(content)
    way(outside, watched.inbox / name)
    watched.assert_taken_once({name: content})
    assert watched.finds("lantern", word) == [name]


def test_a_hard_link_is_copied_and_the_file_outside_stays_its_own(watched: Home) -> None:
    content = picture("Shared bytes")
    outside = watched.root / "outside.jpg"
    outside.write_bytes(content)
    os.link(outside, watched.inbox / "inside.jpg")
    watched.wait_until("inside.jpg", "done")
    outside.write_bytes(b"something else")
    watched.assert_taken_once({"inside.jpg": content})


def test_files_of_a_folder_that_is_moved_in_are_taken_and_the_folder_goes(watched: Home) -> None:
    contents = {f"roll {n}.jpg": picture(f"Moved roll {n}") for n in range(5)}
    folder = watched.root / "roll"
    (folder / "deep" / "down").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "deep" / "down" / name).write_bytes(content)
    folder.rename(watched.inbox / "roll")
    watched.assert_taken_once(contents)
    wait_for(lambda: not (watched.inbox / "roll").exists(), what="the emptied folder to go")


def test_files_of_a_folder_that_is_copied_are_taken(watched: Home) -> None:
    contents = {f"walk {n}.png": picture(f"Copied walk {n}", format="png") for n in range(5)}
    folder = watched.root / "walk"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    shutil.copytree(folder, watched.inbox / "walk")
    watched.assert_taken_once(contents)


def test_files_that_are_unzipped_into_the_inbox_are_taken(watched: Home) -> None:
    contents = {f"unzipped {n}.webp": picture(f"Unzipped {n}", format="webp") for n in range(20)}
    archive = watched.root / "holiday.zip"
    archive.write_bytes(zipped({f"holiday/{name}": content for name, content in contents.items()}))
    script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, archive, watched.inbox], check=True)
    watched.assert_taken_once(contents)
    assert zipfile.is_zipfile(archive)


def test_five_hundred_files_at_once_are_all_taken(watched: Home) -> None:
    contents = {f"burst {n:03}.jpg": picture(f"Burst {n}", size=(16, 12)) for n in range(500)}
    for name, content in contents.items():
        watched.drop(name, content)
    wait_for(lambda: len(watched.finds("burst")) == 500, 60, what="500 files")
    jobs = [job for job in watched.jobs() if job["name"] in contents]
    assert sorted((job["name"], job["state"]) for job in jobs) == [(name, "done") for name in sorted(contents)]
    watched.assert_taken_once({name: contents[name] for name in ("burst 000.jpg", "burst 499.jpg")})


def test_what_is_dropped_while_the_daemon_is_stopped_is_taken_at_its_start(home: Home) -> None:
    contents = {"before.jpg": picture("Before the start"), "later.jpg": picture("Between two runs")}
    home.drop("before.jpg", contents["before.jpg"])
    with home.running():
        home.wait_until("before.jpg", "done")
    home.drop("later.jpg", contents["later.jpg"])
    with home.running():
        home.assert_taken_once(contents)


# -- writers that take their time ------------------------------------------------------------------------------------


class Writer:
    """`cat` with the file open: it writes what it is given, when it is given it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = subprocess.Popen(["sh", "-c", 'exec cat > "$0"', path], stdin=subprocess.PIPE)

    def write(self, content: bytes) -> None:
        assert self.process.stdin
        wait_for(self.path.exists, what="cat to open its file")
        before = self.path.stat().st_size
        self.process.stdin.write(content)
        self.process.stdin.flush()
        wait_for(lambda: self.path.stat().st_size == before + len(content), what="cat to write")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture
def writers() -> Iterator[Callable[[Path], Writer]]:
    started: list[Writer] = []

    def start(path: Path) -> Writer:
        started.append(Writer(path))
        return started[-1]

    yield start
    for writer in started:
        writer.close()


def test_a_file_is_not_taken_before_its_slow_writer_has_closed_it(
    watched: Home, writers: Callable[[Path], Writer]
) -> None:
    content = picture("Slow scan", size=(400, 300))
    writer = writers(watched.inbox / "slow.jpg")
    step = len(content) // 5 + 1
    for start in range(0, len(content), step):
        writer.write(content[start : start + step])
        let_pass(0.8)  # longer than any wait that the configuration knows
        assert watched.jobs("slow.jpg") == []
    writer.close()
    watched.assert_taken_once({"slow.jpg": content})


def test_a_whole_picture_waits_as_long_as_somebody_has_it_open(
    watched: Home, writers: Callable[[Path], Writer]
) -> None:
    content = picture("Held open")
    writer = writers(watched.inbox / "held.jpg")
    writer.write(content)
    wait_for(lambda: watched.waits("held.jpg", "still open for writing"))
    let_pass(1.0)
    assert watched.jobs("held.jpg") == []
    writer.close()
    watched.assert_taken_once({"held.jpg": content})


def test_a_file_that_is_made_in_full_length_first_is_taken_when_it_is_filled(watched: Home) -> None:
    content = picture("Preallocated")
    with (watched.inbox / "zeros.jpg").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, len(content))
        wait_for(lambda: watched.waits("zeros.jpg", "still open for writing"))
        file.write(content)
    watched.assert_taken_once({"zeros.jpg": content})


def test_a_copy_that_pauses_with_the_file_closed_is_given_time_for_the_rest(tmp_path: Path) -> None:
    home, content = Home(tmp_path, intake=PATIENT), picture("Resumed")
    with home.running():
        path = home.drop("resumed.jpg", content[:-200])
        wait_for(lambda: home.waits("resumed.jpg", "its end is missing"))
        with path.open("ab") as file:
            file.write(content[-200:])
        home.assert_taken_once({"resumed.jpg": content})


# -- what stays ------------------------------------------------------------------------------------------------------


def test_litter_and_hidden_files_stay(watched: Home) -> None:
    names = [".DS_Store", "._IMG_1.jpg", ".hidden.jpg", "Thumbs.db", "film.jpg.part", "x.CRDOWNLOAD", "y.tmp"]
    stay = [watched.drop(name, picture(f"Litter {name}")) for name in names]
    watched.drop("after the litter.jpg", picture("After the litter"))
    watched.wait_until("after the litter.jpg", "done")
    assert all(path.exists() for path in stay)
    assert not {job["name"] for job in watched.jobs()} & set(names)


def test_a_link_and_a_pipe_stay_and_status_says_so(watched: Home) -> None:
    outside = watched.root / "pointed at.jpg"
    outside.write_bytes(picture("Pointed at"))
    (watched.inbox / "link.jpg").symlink_to(outside)
    os.mkfifo(watched.inbox / "pipe.jpg")
    watched.drop("after the pipe.jpg", picture("After the pipe"))
    watched.wait_until("after the pipe.jpg", "done")
    assert (watched.inbox / "link.jpg").is_symlink()
    assert (watched.inbox / "pipe.jpg").is_fifo()
    assert outside.exists()
    assert watched.jobs("link.jpg") == watched.jobs("pipe.jpg") == []
