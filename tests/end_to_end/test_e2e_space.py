"""No space: where the library, the inbox, the catalog and the copies lie, each full in turn.

The daemon waits, says so, and goes on by itself when there is room; nothing half-written has a final name, and nobody
is blamed. Each disk is a small one in memory that only the daemon sees, in a mount namespace of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Daemon, Home, digest, wait_for
from tests.end_to_end.lawful import announced
from tests.end_to_end.pictures import picture
from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN

_MOUNT = 'mount -t tmpfs -o size=3m,nr_inodes=400 none "$0" && mkdir -p "$0/drops" && exec "$@"'
_FULL = re.compile("No space left|disk is full")


def fill_bytes(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def fill_inodes(disk: Path) -> None:
    (disk / "filler").mkdir()
    with suppress(OSError):
        for number in range(1000):
            (disk / "filler" / str(number)).touch()


def make_room(disk: Path) -> None:
    subprocess.run(["rm", "-r", str(disk / "filler")], check=True)


GOOD = tuple(Drop(f"{n}.jpg", picture(f"No space {n}", size=(400, 300))) for n in range(3))
BAD = Drop("broken.png", BROKEN, broken=True)


@dataclass(frozen=True)
class Case:
    """`disk`: the folder on the small disk, below the household; `fill`: how there comes to be no room.

    `inbox`: a path below the household; `database`: the catalog's, where it lies elsewhere. What is taken out of an
    inbox makes room there, so that only `drops` that stay keep it full.
    """

    disk: str
    fill: Callable[[Path], None] = fill_bytes
    inbox: str = "inbox"
    database: str = ""
    copies: bool = False
    drops: Sequence[Drop] = (*GOOD, BAD)


CASES = {
    "the library": Case("library"),
    "the library, its catalog elsewhere": Case("library", database="catalog.db"),
    "the library, no inodes": Case("library", fill_inodes),
    "the inbox": Case("disk", inbox="disk/inbox", drops=[BAD]),
    "the inbox, no inodes": Case("disk", fill_inodes, inbox="disk/inbox"),
    "the catalog": Case("disk", database="disk/catalog.db"),
    "the library of an inbox that is copied from": Case("library", copies=True),
}


class Cramped(Home):
    """A household with one small disk, which is there while its daemon runs."""

    def __init__(self, root: Path, case: Case) -> None:
        self.case, self.disk = case, root / case.disk
        super().__init__(root, library=f'database = "{case.database}"')
        self.disk.mkdir(exist_ok=True)
        text = self.config.read_text().replace('path = "inbox"', f'path = "{case.inbox}"')
        self.config.write_text(text.replace("[intake]", 'take = "copy"\n[intake]') if case.copies else text)

    def seen(self, daemon: Daemon, path: Path) -> Path:
        """Where a path of the daemon's lies for us."""
        if not path.is_relative_to(self.disk):
            return path
        return Path(f"/proc/{daemon.pid}/root{path}")

    def mounting(self) -> list[str]:
        return ["unshare", "-Urm", "sh", "-c", _MOUNT, str(self.disk), *self._made_inside()]

    def _made_inside(self) -> list[str]:
        inner = self.root / self.case.inbox
        return ["sh", "-c", 'mkdir -p "$0" && exec "$@"', str(inner)]

    def beside(self, daemon: Daemon, *arguments: str) -> Any:
        """What a command prints that sees the disks as the daemon does."""
        enter = ["nsenter", "-t", str(daemon.pid), "-U", "-m", "--preserve-credentials"]
        line = [*enter, *self.line(*arguments, "--json")]
        done = subprocess.run(line, capture_output=True, env=self.environment(), cwd=self.root, timeout=60, check=False)
        return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_full_disk_is_waited_for_and_then_all_goes_on_by_itself(tmp_path: Path, case: Case) -> None:
    home = Cramped(tmp_path, case)
    with home.running(within=home.mounting()) as daemon:
        disk, inbox = home.seen(daemon, home.disk), home.seen(daemon, home.root / case.inbox)
        library = home.seen(daemon, home.library)
        aside = disk / "drops" if inbox.is_relative_to(disk) else home.root / "drops"
        lay(aside, case.drops)
        case.fill(disk)
        for drop in case.drops:
            (aside / drop.path).rename(inbox / drop.path)
        wait_for(lambda: _FULL.search(home.log()), what="the log to say that the disk is full")
        wait_for(lambda: says_so(home, daemon), what="status to say it too")
        assert_nothing_is_half(library)
        make_room(disk)
        assert_lawful(home, daemon)


def lay(folder: Path, drops: Sequence[Drop]) -> None:
    """Put the files beside the inbox, on its disk: a rename needs no room."""
    folder.mkdir(exist_ok=True)
    for drop in drops:
        (folder / drop.path).write_bytes(drop.content)


def says_so(home: Cramped, daemon: Daemon) -> bool:
    status = home.beside(daemon, "status")["inboxes"][0]
    return status["state"] == "paused" and bool(_FULL.search(status["reason"] or ""))


def assert_nothing_is_half(library: Path) -> None:
    originals = {digest(path.read_bytes()) for path in library.glob("originals/**/*.jpg")}
    assert originals <= {digest(drop.content) for drop in GOOD}


def assert_lawful(home: Cramped, daemon: Daemon) -> None:
    wrong: list[str] = []

    def is_lawful() -> bool:
        wrong[:] = found_wrong(home, daemon)
        return not wrong

    with suppress(AssertionError):  # which would not say what is wrong
        wait_for(is_lawful)
    assert not wrong, "\n".join([*wrong, home.log()[-2000:]])
    # doctor may read what the daemon wrote down while it still waited
    wait_for(lambda: {found["kind"] for found in home.beside(daemon, "doctor")} <= {"space"}, what="a content doctor")


def found_wrong(home: Cramped, daemon: Daemon) -> list[str]:
    """By the law, held against a copy: SQLite takes /proc/PID/root for a plain link, and finds no file there."""
    copy = home.root / "as it is"
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(home.seen(daemon, home.disk), copy)
    except shutil.Error:
        return ["it is still at work"]

    def there(path: Path) -> str:
        return str(copy / path.relative_to(home.disk) if path.is_relative_to(home.disk) else path)

    return violations(
        there(home.library),
        there(home.root / home.case.inbox),
        home.case.drops,
        announced(home),
        stays=home.case.copies,
        database=there(home.root / (home.case.database or "library/.watcher/watcher.db")),
    )
