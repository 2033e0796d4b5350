"""A daemon that runs for long: neither it nor its workers grow with the files that they have seen.

TEST_STEADY says how many files that are; `make torture` has 10,000.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.end_to_end.household import Home, let_pass, wait_for
from tests.end_to_end.lawful import assert_lawful
from tests.end_to_end.pictures import picture
from tests.ledger_law import Drop

FILES = int(os.environ.get("TEST_STEADY", "400"))
LONG = FILES >= 10_000
WARM = 1000 if LONG else FILES // 2
# With the first hundreds of files the allocator's arenas, SQLite's page cache (2 MB) and the mapped index of the WAL
# grow towards their bounds; after a thousand they have come there.
GROWTH = 1.05 if LONG else 1.1
CHUNK = 100  # dropped at once
IDLE_SECONDS = 2.0  # a worker that has had nothing to do for one gives the kernel back what is free

# One worker, so that it has seen all of the first files; a worker that is replaced would begin anew, and hide what it
# gathers.
ONE_FOR_ALL = {"WATCHER_WORKERS__COUNT": "1", "WATCHER_WORKERS__RECYCLE_AFTER": "1_000_000"}


def test_memory_and_descriptors_stay_as_they_were_however_many_files_come(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.running(**ONE_FOR_ALL) as daemon:
        drops = dropped(home, 0, WARM)
        before = family(daemon.pid)
        drops += dropped(home, WARM, FILES)
        after = family(daemon.pid)
    print(f"(kB, descriptors) of daemon and worker after {WARM} files: {before}; after {FILES}: {after}")
    assert len(before) == 2
    assert before.keys() == after.keys(), "the worker was replaced"
    assert {pid: count for pid, (_, count) in after.items()} == {pid: count for pid, (_, count) in before.items()}
    assert not [pid for pid, (size, _) in after.items() if size > before[pid][0] * GROWTH], (before, after)
    assert_lawful(home, drops)


def family(daemon: int) -> dict[int, tuple[int, int]]:
    """Resident memory (kB) and open descriptors of the daemon and its workers, once they have rested."""
    let_pass(IDLE_SECONDS)
    return {pid: (resident(pid), descriptors(pid)) for pid in (daemon, *workers(daemon))}


def dropped(home: Home, first: int, end: int) -> list[Drop]:
    """Drop the files of these numbers, chunk after chunk; each chunk is worked off before the next comes."""
    drops = [Drop(f"IMG_{number:05}.jpg", picture(f"Steady {number}")) for number in range(first, end)]
    for at in range(0, len(drops), CHUNK):
        for drop in drops[at : at + CHUNK]:
            home.drop(drop.path, drop.content)
        home.wait_for_rest()
    wait_for(lambda: home.rows("select count(*) as n from assets") == [{"n": end}], what="all of them to be assets")
    return drops


def workers(daemon: int) -> list[int]:
    """Its grandchildren, by way of the process that they are forked from."""
    return sorted(worker for child in children(daemon) for worker in children(child))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> int:
    """kB of memory that the process has in RAM (proc(5), VmRSS)."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0])


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
