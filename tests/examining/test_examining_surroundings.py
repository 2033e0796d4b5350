"""Room, limits, versions and the clock; what of that can be made scarce is made so by the kernel."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examining.examined import Place
from watcher.examining import surroundings
from watcher.examining.finding import Finding, Remark
from watcher.examining.site import Inbox

ROOT = Path(__file__).parents[2]


def findings(remarks: list[Remark]) -> list[Finding]:
    return [remark for remark in remarks if isinstance(remark, Finding)]


def confined(setup: str, expression: str, *arguments: str) -> str:
    """What an expression over `surroundings` and `site` comes to where a shell has narrowed what the kernel allows."""
    code = f"""import sys
from watcher.examining import surroundings
from watcher.examining.site import Inbox, Site
inboxes = tuple(Inbox(path, path) for path in sys.argv[2:])
site = Site(sys.argv[1], sys.argv[1] + "/watcher.db", inboxes)
print([remark.what + " / " + remark.remedy for remark in {expression} if hasattr(remark, "remedy")])"""
    line = [
        "unshare",
        "-Urm",
        "sh",
        "-c",
        f'{setup} && exec "$@"',
        arguments[0],
        sys.executable,
        "-c",
        code,
        *arguments,
    ]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_small_disk_is_a_finding_with_its_figures(tmp_path: Path) -> None:
    said = confined('mount -t tmpfs -o size=5m none "$0"', "surroundings.space(site)", str(tmp_path))
    assert "only 0.01 GB of 0.0 GB are free / make room" in said


def test_a_disk_that_can_hold_no_more_files_is_a_finding(tmp_path: Path) -> None:
    setup = 'mount -t tmpfs -o nr_inodes=100 none "$0" && (cd "$0" && touch $(seq 98))'
    assert "possible files are free (inodes)" in confined(setup, "surroundings.space(site)", str(tmp_path))


def test_one_disk_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    setup = 'mount -t tmpfs -o size=5m none "$0" && mkdir "$0/inbox"'
    said = confined(setup, "surroundings.space(site)", str(tmp_path), str(tmp_path / "inbox"))
    assert said.count("are free") == 1


def test_too_few_watches_and_instances_are_findings_with_the_sysctl(tmp_path: Path) -> None:
    setup = "echo 5 > /proc/sys/user/max_inotify_watches && echo 1 > /proc/sys/user/max_inotify_instances"
    said = confined(setup, "surroundings.limits(site, 12)", str(tmp_path), str(tmp_path))
    assert "5 inotify watches, and the inboxes have 12 folders" in said
    assert "sysctl fs.inotify.max_user_watches=8192" in said
    assert "1 inotify instances" in said
    assert "sysctl fs.inotify.max_user_instances=128" in said


def test_too_few_open_files_are_a_finding(place: Place) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
    try:
        found = findings(list(surroundings.limits(place.site(), 1)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert any("may open only 100 files" in finding.what and "ulimit -n" in finding.remedy for finding in found)


def test_each_folder_below_an_inbox_needs_a_watch(place: Place) -> None:
    (place.inbox / "deep" / "er").mkdir(parents=True)
    asked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surroundings, "limits", lambda site, folders: asked.append(folders) or [])
        list(surroundings.examine(place.site()))
    assert asked == [sum(1 for _ in os.walk(place.inbox))]


def test_versions_are_notes_with_and_without_what_may_be_missing() -> None:
    said = [remark.what for remark in surroundings.versions()]
    assert any(line.startswith(f"Python {sys.version.split()[0]}, SQLite") for line in said)
    for name in ("pillow (", "pillow-heif", "rawpy", "jpegtran"):
        assert any(line.startswith(name) for line in said)
    assert findings(list(surroundings.versions())) == []


@pytest.mark.parametrize(
    ("now", "newest", "words"),
    [
        (1_000.0, None, "the clock says 1970-01-01"),
        (1_600_000_000.0, "2024-01-01T00:00:00Z", "the clock is behind the ledger, whose latest row is of 2024"),
        (1_704_067_210.0, "2024-01-01T00:00:00Z", None),
        (1_704_067_190.0, "2024-01-01T00:00:00Z", None),  # the clock was set back a little
        (1_704_067_190.0, None, None),
    ],
)
def test_a_clock_that_cannot_be_right_is_a_finding(now: float, newest: str | None, words: str | None) -> None:
    said = [finding.what for finding in surroundings.clock(now, newest)]
    assert (words is None) == (said == [])
    assert words is None or said[0].startswith(words)


def test_the_clock_is_held_against_the_newest_row(place: Place) -> None:
    place.sql("update assets set imported_at = '2999-01-01T00:00:00Z' where id = 1")
    assert any("latest row is of 2999" in remark.what for remark in place.remarks())


@pytest.mark.parametrize(("zone", "wrong"), [("Europe/Lisbon", False), ("Europe/Nowhere", True), ("../etc/x", True)])
def test_a_time_zone_that_nobody_knows_is_a_finding(zone: str, wrong: bool) -> None:
    (remark,) = surroundings.timezone(zone)
    assert isinstance(remark, Finding) == wrong
    assert zone in remark.what


def test_the_machines_time_zone_is_examined_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Mars/Olympus")
    assert [finding.kind for finding in findings(list(surroundings.timezone("")))] == ["clock"]


def test_an_inbox_whose_files_stay_needs_no_room(tmp_path: Path, place: Place) -> None:
    stays = Inbox("/proc", "card", copies=True)  # where nothing is free, and nothing needs to be
    assert not any(finding.path == "/proc" for finding in surroundings.space(place.site(inboxes=(stays,))))
