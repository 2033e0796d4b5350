"""`watcher verify`: what it prints and returns, how it goes on where it was stopped, that it may run at any time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture, xmp

A = "originals/2024/05/20240517-142301_a.jpg"
KEYS = ["kind", "what", "path", "asset", "detail", "remedy"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("made"))
    for name in "abc":
        home.drop(f"{name}.jpg", picture(name))
    home.once()
    return home.library


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    home = Home(tmp_path)
    shutil.copytree(made, home.library)
    return home


def report(home: Home, *arguments: str) -> dict[str, Any]:
    done = home.watcher("verify", "--json", *arguments)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == int(bool(found["findings"] or found["earlier"])), done.stderr
    return found


def checked(home: Home) -> list[int]:
    return [row["asset_id"] for row in home.rows("select asset_id from checks order by checked_at, asset_id")]


def test_a_library_that_is_well_is_exit_0(home: Home) -> None:
    done = home.watcher("verify")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"checked 3 photographs" in done.stderr and b"all is as it should be" in done.stderr


def test_findings_are_printed_a_line_each_with_what_to_do(home: Home) -> None:
    (home.library / A).unlink()
    odd = home.library / os.fsdecode(b"originals/odd \xe9\n\x1b[31m.jpg")
    odd.write_bytes(b"x")
    done = home.watcher("verify")
    assert done.returncode == 1
    lines = done.stdout.split(b"\n")
    asset = home.asset("a.jpg")["id"]
    missing = f"missing\toriginal\t{home.library / A}\tit is not there (asset {asset})"
    assert lines[0] == missing.encode()
    assert lines[1].split(b"\t")[2] == os.fsencode(home.library) + rb"/originals/odd " + b"\xe9" + rb"\n\x1b[31m.jpg"
    assert lines[2:] == [b""]
    assert b"missing original: look for it in a backup" in done.stderr


def test_json_has_all_of_it(home: Home) -> None:
    (home.library / A).unlink()
    (home.library / "extra.txt").write_bytes(b"x")
    found = report(home)
    assert (found["version"], found["checked"]["assets"], found["left"], found["earlier"]) == (
        1,
        3,
        {"assets": 0, "bytes": 0},
        0,
    )
    lost, extra = found["findings"]
    assert list(lost) == KEYS
    assert (lost["kind"], lost["path"], extra["path"]) == (
        "missing",
        str(home.library / A),
        str(home.library / "extra.txt"),
    )
    assert (extra["asset"], extra["what"]) == (None, "file")


def test_a_budget_is_used_up_and_the_next_run_goes_on(home: Home) -> None:
    first = report(home, "--budget", "1B")
    assert (first["checked"]["assets"], first["left"]["assets"]) == (1, 2)
    sizes = {row["id"]: row["size"] for row in home.assets()}
    assert first["left"]["bytes"] == sum(sizes.values()) - sizes[checked(home)[0]]
    second, third = report(home, "--budget", "1B"), report(home, "--budget", "1B")
    assert (second["left"]["assets"], third["left"]["assets"]) == (2, 2)
    assert sorted(checked(home)) == sorted(sizes)


def test_what_was_found_before_is_told_until_it_is_looked_at_again(home: Home) -> None:
    content = (home.library / A).read_bytes()
    (home.library / A).unlink()
    asset = home.asset("a.jpg")["id"]
    assert len(report(home)["findings"]) == 1
    _backdated(home, asset, "2030-01-01T00:00:00Z")  # looked at last of all
    (home.library / A).write_bytes(content)
    again = report(home, "--since", "2031")
    assert again["findings"] == []
    _backdated(home, asset, "2020-01-01T00:00:00Z", "missing: it")
    none = report(home, "--since", "2019")
    assert (none["checked"]["assets"], none["findings"], none["earlier"]) == (0, [], 1)


def _backdated(home: Home, asset: int, moment: str, problem: str | None = None) -> None:
    from watcher.db.connect import editing

    with editing(str(home.catalog)) as db:
        db.execute("update checks set checked_at = ?, problem = ? where asset_id = ?", (moment, problem, asset))


def test_ctrl_c_loses_nothing(home: Home) -> None:
    line = home.line("verify", "--rate", "1500")  # a photograph takes two seconds
    with subprocess.Popen(line, stderr=subprocess.PIPE, env=home.environment(), cwd=home.root) as run:
        wait_for(lambda: checked(home), 60)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"the next run goes on here" in said and b"Traceback" not in said
    done = len(checked(home))
    assert done < 3
    report(home, "--budget", "1B")
    assert len(checked(home)) == done + 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--budget", "many"], b"must be a size"),
        (["--rate", "0"], b"more than 0"),
        (["--since", "soon"], b"is not a date"),
        (["--since", "2024-02-30"], b"no such date"),
    ],
)
def test_what_cannot_be_meant_is_said(home: Home, arguments: list[str], sentence: bytes) -> None:
    done = home.watcher("verify", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_a_library_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = Home(tmp_path).watcher("verify")
    assert done.returncode == 2
    assert b"no catalog" in done.stderr


def test_beside_a_daemon_at_work_nothing_is_found_that_is_not_so(home: Home) -> None:
    with home.running():
        for number in range(15):
            home.drop(f"{number}.jpg", picture(f"{number}", taken=None))
        for number in range(15):  # each renames its picture
            home.drop(f"{number}.jpg.xmp", xmp(f"Told {number}", taken=f"2019-03-02T10:00:{number:02}"))
        while True:
            rests = not home.rows("select 1 from jobs where discarded = 0") and not home.waiting()
            assert report(home)["findings"] == []
            if rests:
                break
    assert report(home)["checked"]["assets"] == 18
