"""The real daemon, killed again and again in the middle of one large archive, with a folder and an addition beside it.

TEST_KILLS says how often, TEST_MEMBERS how large the archive is.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN, picture, xmp, zipped
from tests.test_kill import House, Process, _session, signal_all, until, workers

KILLS = int(os.environ.get("TEST_KILLS", "6"))
MEMBERS = int(os.environ.get("TEST_MEMBERS", "1000"))
INNER = 5  # members of each archive in the archive
TOKEN = "a-abcdefgh23"
FOLDER = tuple(Drop(f"trip/{n}.png", picture(-n)) for n in range(1, 9))
ADDED = tuple(Drop(f"{n}.png", picture(-n)) for n in range(11, 16))
BESIDE = (Drop("trip/batch.toml", b'prefix = "trip"', litter=True), *FOLDER, *ADDED)
NUMBERED = sorted([*(f"trip_{n:02}" for n in range(1, 9)), *(f"added_{n:02}" for n in range(1, 6))])


@pytest.fixture
def house(tmp_path: Path) -> House:
    """One whose daemons log also what they ignore."""
    house = House(tmp_path).settle()
    with open(tmp_path / "watcher.toml", "a") as config:
        config.write('level = "debug"\n')
    return house


def _members() -> Iterator[Drop]:
    """Of every hundred one is broken, one is litter, one has a sidecar, and one comes with others in a zip."""
    for n in range(0, MEMBERS, 100):
        yield Drop(f"{n}/broken.png", BROKEN + n.to_bytes(4, "big"), broken=True)
        yield Drop(f"{n}/Thumbs.db", b"litter", litter=True)
        yield zipped(f"{n}/inner.zip", *(Drop(f"{n}.{i}.png", picture(MEMBERS + n + i)) for i in range(INNER)))
        yield Drop(f"{n}/told.png", picture(n))
        yield Drop(f"{n}/told.png.xmp", xmp(f"Harbour {n}", "2019-03-02T10:00:00"), sidecar=True)
        yield from (Drop(f"{n}/{i}.png", picture(n + i)) for i in range(5, 100))


def _finished(house: House) -> int:
    """How many members are at their end; none before there is a catalog."""
    with suppress(sqlite3.OperationalError):
        return int(house.rows("select count(finished_at) from jobs where parent_id is not null")[0][0])
    return 0


def _one_life(house: House, target: int, chance: random.Random) -> None:
    """Once so many members are finished a worker dies, or none, and then the daemon, before its group or with it."""
    with house.daemon() as process:
        _finish(house, process, max(target, _finished(house) + 1))
        if chance.random() < 0.5:
            signal_all(workers(process.pid)[:1], signal.SIGKILL)
            _finish(house, process, _finished(house) + 1)
        if chance.random() < 0.7:  # the daemon alone: its workers find out by themselves
            process.kill()
            process.wait()
            until(lambda: not _session(process.pid))


def _finish(house: House, process: Process, count: int) -> None:
    until(lambda: process.poll() is not None or _finished(house) >= count)
    assert process.poll() is None, "the daemon ended by itself"


def _is_unfinished(house: House, name: str) -> bool:
    return bool(house.rows(f"select 1 from jobs where name = '{name}' and finished_at is null"))


@pytest.mark.timeout(3600)  # a busy machine, or thousands of members
def test_an_archive_whose_daemon_is_killed_again_and_again_is_taken_once_and_nobody_is_blamed(house: House) -> None:
    chance = random.Random(5)
    archive = zipped("takeout.zip", *_members())
    house.drop(archive)
    for kill in range(KILLS):
        # the last ones well before the end: a busy machine may come late
        _one_life(house, kill * MEMBERS * 2 // (3 * KILLS), chance)
        assert _is_unfinished(house, archive.path), "it was not killed in the middle"
        if kill == KILLS // 3:  # nobody watches, so they come as a whole
            house.drop(*(drop for drop in BESIDE if drop not in ADDED))
            house.add(TOKEN, 'prefix = "added"', *ADDED)
    house.work_off()
    _assert_law(house, [archive, *BESIDE])
    _assert_each_once(house, [archive, *BESIDE])


def _assert_law(house: House, drops: list[Drop]) -> None:
    ends = ("done", "duplicate", "failed", "ignored", "joined")
    told = {int(event["job_id"]) for end in ends for event in house.events(end)}
    assert violations(house.library, house.inbox, drops, told) == []
    assert "Traceback" not in (house.root / "log").read_text(errors="replace")


def _assert_each_once(house: House, drops: list[Drop]) -> None:
    """Also where it could be told twice: among an asset's arrivals, as a file, by its number."""
    expected = [line for drop in drops for line in drop.story() if " is the asset " in line]
    assert house.rows("select count(*), count(distinct asset_id) from provenance") == [(len(expected),) * 2]
    originals = {str(path.relative_to(house.library)) for path in Path(house.library, "originals").rglob("*.png")}
    assert originals == {key for (key,) in house.rows("select key from assets")}
    stems = (Path(key).stem for key in originals)
    assert sorted(stem for stem in stems if stem.startswith(("trip_", "added_"))) == NUMBERED
