"""Who may read and write what, and whose the folders are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examining.examined import Place
from watcher.examining.site import Inbox

ROOT = Path(__file__).parents[2]


def test_what_others_may_write_in_is_a_finding_with_its_mode(place: Place) -> None:
    for path in (place.private, place.catalog, place.inbox / ".watcher" / "spool"):
        mode = path.stat().st_mode
        path.chmod(mode | 0o020)
        finding = place.finding()
        assert (finding.kind, finding.path) == ("permission", str(path))
        assert f"mode {(mode | 0o020) & 0o777:03o}" in finding.what
        assert finding.remedy == f"chmod go-w {path}"
        path.chmod(mode)
    assert place.found() == []


@pytest.mark.parametrize(("umask", "wrong"), [(0o000, True), (0o020, True), (0o022, False), (0o002, False)])
def test_a_umask_that_lets_everybody_write_is_a_finding(place: Place, umask: int, wrong: bool) -> None:
    assert [finding.kind for finding in place.found(place.site(umask=umask))] == ["permission"] * wrong


def test_what_is_mounted_read_only_is_a_finding_but_not_where_files_stay(place: Place) -> None:
    code = """import sys
from watcher.examining import rights
from watcher.examining.site import Inbox, Site
inboxes = (Inbox(sys.argv[2], "phone"), Inbox(sys.argv[2], "card", copies=True))
site = Site(sys.argv[1], sys.argv[1] + "/.watcher/watcher.db", inboxes)
print([remark.what for remark in rights.examine(site)])"""
    protect = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    paths = [str(place.library), str(place.inbox)]
    line = ["unshare", "-Urm", "sh", "-c", protect, str(place.root), sys.executable, "-c", code, *paths]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for what in ("the library", "the catalog's folder", "the inbox phone"):
        assert f"{what} cannot be written by this user" in done.stdout
    assert "card" not in done.stdout


def test_an_inbox_of_another_library_is_a_finding(place: Place) -> None:
    (place.inbox / ".watcher" / "owner").write_bytes(os.fsencode(place.root / "other"))
    finding = place.finding()
    assert (finding.kind, finding.path) == ("inbox", str(place.inbox))
    assert f"for another library, {place.root / 'other'}" in finding.what
    stays = Inbox(str(place.inbox), "phone", copies=True, configured=True)
    assert place.found(place.site(inboxes=(stays,))) == []


def test_a_folder_of_an_inbox_that_cannot_be_read_is_a_finding(place: Place) -> None:
    (place.inbox / "closed").mkdir(mode=0)
    place.inbox.chmod(0o755)
    code = """import os
from watcher.examining import census
from watcher.ignoring import Ignoring
if os.geteuid() == 0:  # who reads everything
    os.setuid(65534)
print(census.take(".", Ignoring()).unreadable)"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", code]
    done = subprocess.run(
        line, capture_output=True, text=True, cwd=place.inbox, env=environment, timeout=60, check=False
    )
    assert "('./closed', 'Permission denied')" in done.stdout, done.stderr
