"""`watcher show`, `jobs` and `failures`: one asset by any of its names, and what the journal says."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from pathlib import Path

import pytest

from tests.cli.catalog_rows import Catalog, Run, Terminal


def shown_ids(watcher: Run, *words: str | bytes, **options: object) -> list[int]:
    done = watcher("show", "--json", *words, **options)
    assert done.returncode == 0, done.stderr
    return [asset["id"] for asset in json.loads(done.stdout)]


def test_an_id_a_digest_a_path_and_a_job_lead_to_the_asset(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    catalog.asset("other.jpg")
    number = catalog.asset("a.jpg", digest="abcdef12" + "0" * 56, recipes=("thumb",))
    inbox = catalog.inbox(tmp_path / "inbox")
    job = catalog.job(inbox, b"sub/copy.jpg", "duplicate", asset_id=number)
    link = tmp_path / "link"
    link.symlink_to(catalog.root)
    for word in (
        str(number),
        "ABCDEF12",
        "abcdef12" + "0" * 56,
        f"{catalog.root}/originals/{number}.jpg",
        f"{link}/thumb/{number}.jpg",
        f"thumb/{number}.jpg",
        "a.jpg",
        "copy.jpg",
        f"job:{job}",
    ):
        assert shown_ids(watcher, word) == [number], word
    assert shown_ids(watcher, f"./{number}.jpg", cwd=_made(catalog.root / "originals")) == [number]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_all_assets_dropped_under_a_name_are_shown(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    first, second, third = catalog.asset("IMG_1.jpg"), catalog.asset("IMG_1.jpg"), catalog.asset("x.jpg")
    catalog.job(catalog.inbox(tmp_path), b"IMG_1.jpg", "duplicate", asset_id=third)
    assert shown_ids(watcher, "IMG_1.jpg") == [first, second, third]


def test_a_name_is_found_as_it_was_dropped_and_as_it_is_shown(catalog: Catalog, watcher: Run) -> None:
    odd = catalog.asset(r"caf\xe9.jpg")
    accent = catalog.asset("x.jpg", key=unicodedata.normalize("NFC", "originals/été.jpg"))
    assert shown_ids(watcher, b"caf\xe9.jpg") == shown_ids(watcher, r"caf\xe9.jpg") == [odd]
    assert shown_ids(watcher, unicodedata.normalize("NFD", f"{catalog.root}/originals/été.jpg")) == [accent]


def test_a_digest_that_is_not_enough_lists_what_it_can_mean(catalog: Catalog, watcher: Run) -> None:
    for number in range(12):
        catalog.asset(f"{number}\x1b.jpg", digest="abcdef12" + f"{number:056x}")
    done = watcher("show", "abcdef12")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"12 digests begin with abcdef12" in done.stderr
    assert done.stderr.count(rb"\x1b.jpg") == 10


def test_what_is_not_there_is_exit_1_and_the_rest_is_shown(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    catalog.asset("a.jpg")
    failed = catalog.job(catalog.inbox(tmp_path), b"b.jpg", "failed", reason="cut off")
    done = watcher("show", "a.jpg", "nothing.jpg", f"job:{failed}", "99999999999999999999", "--json")
    assert [asset["name"] for asset in json.loads(done.stdout)] == ["a.jpg"]
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert "nothing.jpg" in lines[0]
    assert "b.jpg" in lines[1] and "cut off" in lines[1]
    assert len(lines) == 3


def test_a_person_reads_labelled_lines(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    number = catalog.asset("a\n.jpg", recipes=("thumb",), keywords='["x", "y"]', flags='["cut off"]')
    inbox = catalog.inbox(tmp_path)
    catalog.job(inbox, b"a\n.jpg", "done", asset_id=number)
    catalog.job(inbox, b"again.jpg", "duplicate", asset_id=number)
    lines = [re.split("  +", line, maxsplit=1) for line in watcher("show", str(number)).stdout.decode().splitlines()]
    for expected in (
        ["name", r"a\n.jpg"],
        ["keywords", "x, y"],
        ["flags", "cut off"],
        ["thumb", f"{catalog.root}/thumb/1.jpg"],
        ["dropped as", r"a\n.jpg"],
        ["dropped as", "again.jpg"],
    ):
        assert expected in lines
    assert not any(line[0] == "title" for line in lines)


def test_nothing_that_is_shown_of_an_asset_is_shortened(catalog: Catalog, watcher: Run, terminal: Terminal) -> None:
    description = " ".join(f"word{number}" for number in range(12_000))
    keywords = [f"keyword {number}" for number in range(3_000)]
    assert len(description) > 100_000
    number = str(catalog.asset(title="t" * 5_000, description=description, keywords=json.dumps(keywords)))
    for shown in (watcher("show", number).stdout, terminal("show", number)):
        facts = dict(re.split("  +", line, maxsplit=1) for line in shown.decode().splitlines())
        assert facts["title"] == "t" * 5_000
        assert facts["description"] == description
        assert facts["keywords"] == ", ".join(keywords)
    (asset,) = json.loads(watcher("show", "--json", number).stdout)
    assert (asset["description"], asset["keywords"]) == (description, keywords)


def test_jobs_have_the_keys_of_the_contract_the_latest_first(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    inbox = catalog.inbox(tmp_path, "phone")
    catalog.job(inbox, b"trip/caf\xe9.jpg", "done", batch="trip", asset_id=catalog.asset())
    catalog.job(inbox, b"b\n.jpg", "failed", reason="cut off", finished_at="2026-01-02T00:00:00Z")
    jobs = json.loads(watcher("jobs", "--json").stdout)
    assert jobs[1] == {
        "id": 1,
        "name": r"caf\xe9.jpg",
        "inbox": "phone",
        "batch": "trip",
        "state": "done",
        "attempt": 0,
        "reason": None,
        "created_at": "2026-01-01T00:00:00Z",
        "finished_at": None,
        "asset_id": 1,
    }
    assert [job["id"] for job in jobs] == [2, 1]
    assert len(watcher("jobs").stdout.splitlines()) == 2
    for choice, expected in (
        (["--state", "failed"], [2]),
        (["--batch", "trip"], [1]),
        (["--batch", "trip", "--state", "failed"], []),
        (["--limit", "1"], [2]),
    ):
        assert [job["id"] for job in json.loads(watcher("jobs", "--json", *choice).stdout)] == expected
    assert watcher("jobs", "--state", "lost").returncode == 2


def test_jobs_are_counted_by_reason(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    inbox = catalog.inbox(tmp_path)
    for reason in ("cut off", "no picture", "cut off", None):
        catalog.job(inbox, b"x.jpg", "failed", reason=reason)
    done = watcher("jobs", "--by", "reason", "--json")
    assert json.loads(done.stdout) == [
        {"reason": "cut off", "count": 2},
        {"reason": "no picture", "count": 1},
    ]
    assert watcher("jobs", "--by", "reason").stdout == b"2\tcut off\n1\tno picture\n"


def test_failures_are_the_files_that_still_lie_there(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    root = tmp_path / "inbox"
    (root / "failed").mkdir(parents=True)
    inbox = catalog.inbox(root)
    odd = os.fsencode(root) + b"/failed/caf\xe9.jpg"
    for path in (odd, os.fsencode(root / "failed/trip.zip")):
        Path(os.fsdecode(path)).write_bytes(b"x")
    catalog.job(inbox, b"caf\xe9.jpg", "failed", reason="cut off", left_at=b"failed/caf\xe9.jpg")
    catalog.job(inbox, b"gone.jpg", "failed", reason="cut off", left_at=b"failed/gone.jpg")
    archive = catalog.job(inbox, b"trip.zip", "failed", reason="1 of 2 failed", left_at=b"failed/trip.zip")
    catalog.job(inbox, b"a/b.jpg", "failed", reason="no picture", parent_id=archive, member=1)
    catalog.job(inbox, b"a/c.jpg", "done", parent_id=archive, member=2)
    rows = json.loads(watcher("failures", "--json").stdout)
    assert [(row["id"], row["archive"], row["reason"]) for row in rows] == [
        (1, None, "cut off"),
        (3, None, "1 of 2 failed"),
        (4, "trip.zip", "no picture"),
    ]
    assert [os.fsencode(row["path"]) for row in rows[::2]] == [odd, os.fsencode(root / "failed/trip.zip")]
    assert watcher("failures").stdout.splitlines()[0].split(b"\t")[-1] == odd


def test_a_terminal_shows_moments_by_the_clock_of_the_machine(
    catalog: Catalog, watcher: Run, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    catalog.job(catalog.inbox(tmp_path), b"a.jpg", "failed", reason="no")  # at midnight, UTC
    head, line = terminal("jobs").decode().splitlines()
    assert head.split() == ["id", "state", "name", "batch", "created_at", "reason"]
    assert line.split()[3:] == ["2026-01-01", "09:00", "no"]
    assert watcher("jobs").stdout.split(b"\t")[5] == b"2026-01-01T00:00:00Z"


def test_on_a_terminal_a_failure_keeps_its_whole_reason_and_its_path(
    catalog: Catalog, terminal: Terminal, tmp_path: Path
) -> None:
    root, reason = tmp_path / "inbox", "it is not a picture that this program knows, " * 3 + "nor a zip\x1b"
    (root / "failed").mkdir(parents=True)
    (root / "failed/notes.txt").touch()
    catalog.job(catalog.inbox(root), b"notes.txt", "failed", reason=reason, left_at=b"failed/notes.txt")
    seen = terminal("failures").decode()
    assert seen == f"1  notes.txt\n    {reason[:-1]}\\x1b\n    {root}/failed/notes.txt\n"


@pytest.mark.parametrize(("command", "remark"), [("failures", b"no failures\n"), ("jobs", b"no jobs\n")])
def test_an_empty_view_is_no_error(command: str, remark: bytes, catalog: Catalog, watcher: Run) -> None:
    done = watcher(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", remark)
    assert watcher(command, "--json").stdout == b"[]\n"
