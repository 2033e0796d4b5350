"""What must hold of a household at rest, whatever was done to it: the ledger law, and nothing for doctor to find."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.end_to_end.household import Home
from tests.ledger_law import Drop, violations


def assert_lawful(home: Home, drops: Sequence[Drop] | None, *, raced: bool = False, sound: bool = True) -> None:
    """Disk, catalog and indexes agree with what was dropped. `raced` as in the ledger law. `sound`: doctor says so.

    Without `drops`: with each other alone.
    """
    places = str(home.library), str(home.inbox)
    wrong = violations(*places, drops or (), announced(home), raced=raced, database=str(home.catalog))
    wrong = [line for line in wrong if drops is not None or not line.startswith("too much: ")]
    assert not wrong, "\n".join(wrong)
    if sound:
        assert_doctor_finds_nothing(home)


def assert_doctor_finds_nothing(home: Home) -> None:
    found = home.watcher("doctor")
    assert found.returncode == 0, found.stdout.decode() + found.stderr.decode()


def announced(home: Home) -> set[int]:
    """The jobs whose end the log tells of."""
    ends = r"^\S+ (?:done|duplicate|failed|joined|ignored) .*\(job (\d+)\)$"
    return {int(job) for job in re.findall(ends, home.log(), re.M)}
