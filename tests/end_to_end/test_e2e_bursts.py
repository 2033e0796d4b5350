"""More at once than anybody would drop by hand: each file is taken exactly once, whole, whatever the events told.

TEST_BURST says how many files that are; `make torture` has 30,000.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.lawful import assert_lawful
from tests.ledger_law import Drop
from tests.ledger_site import picture

FILES = int(os.environ.get("TEST_BURST", "150"))
PATIENCE = 60 + FILES / 20  # seconds until all of them must be worked off
TURNS = max(10, 15_000 // FILES)  # of renames of them all
QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


@pytest.fixture
def drops() -> list[Drop]:
    """Tiny pictures, each another one."""
    return [Drop(f"IMG_{number:05}.png", picture(number)) for number in range(FILES)]


def create(home: Home, drops: Iterable[Drop]) -> None:
    for drop in drops:
        path = home.inbox / drop.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drop.content)


def wait_until_taken(home: Home, count: int) -> None:
    def all_let_go() -> bool:
        return home.rows("select count(*) as n from jobs where discarded = 1") == [{"n": count}]

    wait_for(all_let_go, PATIENCE, what="all files to be taken")
    home.wait_for_rest()


def taken_under(home: Home, contents: Iterable[bytes]) -> list[Drop]:
    """Where each of the contents was taken, for names that nobody could foresee."""
    told = home.rows("select j.path, a.digest from jobs j join assets a on a.id = j.asset_id")
    by_digest = {digest(content): content for content in contents}
    found = [Drop(os.fsdecode(row["path"]), by_digest[row["digest"]]) for row in told]
    assert sorted(row["digest"] for row in told) == sorted(by_digest), "each of them was taken, and once"
    return found


@contextlib.contextmanager
def overflowing(home: Home, pid: int) -> Iterator[None]:
    """The daemon is held, and its queue of events is full: it hears of nothing that happens meanwhile."""
    wait_for(lambda: home.inbox_status()["last_scan"], what="the first scan to have ended")
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text(), what="the daemon to be held")
    there, back = home.drop("flood.tmp", b""), home.inbox / "back.tmp"
    for _ in range(QUEUE // 4 + 1000):  # four events each
        there.rename(back)
        back.rename(there)
    there.unlink()
    yield
    os.kill(pid, signal.SIGCONT)


def test_files_that_were_created_while_no_daemon_ran_are_taken(home: Home, drops: list[Drop]) -> None:
    create(home, drops)
    with home.running():
        wait_until_taken(home, len(drops))
    assert_lawful(home, drops)


def test_files_that_are_created_at_once_before_a_running_daemon_are_taken(home: Home, drops: list[Drop]) -> None:
    with home.running():
        create(home, drops)
        wait_until_taken(home, len(drops))
    assert_lawful(home, drops)


def test_files_that_no_event_tells_of_are_found_and_their_folders_watched_from_then_on(
    home: Home, drops: list[Drop]
) -> None:
    """Whoever copies a tree goes on with it while the first of it is found."""
    begun = Drop("trip/day 1/begun.png", picture(FILES))
    later = Drop("trip/day 1/later.png", picture(FILES + 1))
    with home.running() as daemon:
        with overflowing(home, daemon.pid):
            create(home, [*drops, begun])
            (home.inbox / "trip/day 1/under way.part").touch()  # keeps the folder there
        wait_until_taken(home, len(drops) + 1)
        create(home, [later])
        wait_until_taken(home, len(drops) + 2)
        assert home.inbox_status()["unannounced"] == len(drops) + 1, "an event told of the later one"
        shutil.rmtree(home.inbox / "trip")
    assert home.log().count(" overflow ") == 1
    assert_lawful(home, [*drops, begun, later])


def test_files_whose_names_are_swapped_and_changed_while_they_settle_are_taken_once(home: Home) -> None:
    contents = [picture(number) for number in range(FILES)]
    names = [home.inbox / f"{number}.png" for number in range(FILES)]
    with home.running():
        for path, content in zip(names, contents, strict=True):
            path.write_bytes(content)
        for turn in range(TURNS):
            for one, other in zip(names[::2], names[1::2], strict=True):
                (swap if turn % 2 else pass_by_part)(one, other)
        wait_until_taken(home, len(contents))
    assert_lawful(home, taken_under(home, contents))


def swap(one: Path, other: Path) -> None:
    """Each gets the other's name, unless it is taken meanwhile."""
    aside = one.with_suffix(".tmp")
    for source, target in ((one, aside), (other, one), (aside, other)):
        with contextlib.suppress(FileNotFoundError):
            source.rename(target)


def pass_by_part(one: Path, other: Path) -> None:
    """Each is called unfinished for a moment."""
    for path in (one, other):
        with contextlib.suppress(FileNotFoundError):
            path.rename(part := path.with_suffix(".part"))
            part.rename(path)


def test_trees_that_are_made_and_filled_in_one_go_are_taken(home: Home) -> None:
    drops = [Drop(f"trip {number}/a/b/c/IMG.png", picture(number)) for number in range(FILES)]
    with home.running():
        create(home, drops)
        wait_until_taken(home, len(drops))
        wait_for(lambda: not list(home.inbox.glob("trip *")), PATIENCE, what="the emptied folders to be removed")
    assert_lawful(home, drops)


def test_trees_that_are_moved_in_while_they_are_written_are_taken_whole(home: Home) -> None:
    trees = [
        {f"tree {top}/{below}/{number}.png": picture(top * 1000 + number) for number, below in enumerate("abcabcabca")}
        for top in range(FILES // 10)
    ]
    with home.running():
        for files in trees:
            write_and_move(home, files)
        drops = [Drop(path, content) for files in trees for path, content in files.items()]
        wait_until_taken(home, len(drops))
    assert_lawful(home, drops)


def write_and_move(home: Home, files: dict[str, bytes]) -> None:
    """All of the files are open and half written while their tree is moved in; some are begun behind that."""
    begun, later = list(files)[:7], list(files)[7:]
    top = begun[0].partition("/")[0]
    with contextlib.ExitStack() as stack:
        for path in begun:
            (home.root / path).parent.mkdir(parents=True, exist_ok=True)
        writers = {path: stack.enter_context((home.root / path).open("wb", buffering=0)) for path in begun}
        for path, writer in writers.items():
            writer.write(files[path][:20])
        (home.root / top).rename(home.inbox / top)
        for path in later:
            writers[path] = stack.enter_context((home.inbox / path).open("wb", buffering=0))
        for path, writer in writers.items():
            writer.write(files[path][20 if path in begun else 0 :])


def test_a_root_that_is_deleted_and_made_again_is_taken_up_by_the_next_start(home: Home, drops: list[Drop]) -> None:
    half = len(drops) // 2
    with home.running():
        create(home, drops[:half])
        wait_until_taken(home, half)
        shutil.rmtree(home.inbox)
        home.inbox.mkdir()
        create(home, drops[half:])
        wait_for(lambda: home.inbox_status()["state"] == "paused", what="the inbox to be paused")
        assert len(home.waiting()) == len(drops) - half
    with home.running():
        wait_until_taken(home, len(drops))
    assert_lawful(home, drops)
