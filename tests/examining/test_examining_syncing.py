"""An inbox in which something else works too: what is warned of, and what is no reason to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examining.examined import Place
from watcher import filesystem
from watcher.examining import syncing
from watcher.examining.finding import Finding
from watcher.examining.site import Inbox


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / "synced" / "Inbox"
    path.mkdir(parents=True)
    return Inbox(str(path), "phone")


def found(inbox: Inbox, samba: str = "/none") -> list[Finding]:
    return list(syncing.examine(inbox, samba))


@pytest.mark.parametrize("mark", [".stfolder", ".stversions", ".sync", ".dropbox", ".dropbox.cache", "@eaDir"])
@pytest.mark.parametrize("where", [".", ".."])
def test_a_synchronised_folder_is_a_finding_that_says_what_to_exclude(inbox: Inbox, mark: str, where: str) -> None:
    assert found(inbox) == []
    Path(inbox.path, where, mark).mkdir()
    (finding,) = found(inbox)
    assert (finding.kind, finding.path) == ("synced", inbox.path)
    assert mark in finding.what
    assert ".watcher and failed" in finding.remedy


def test_an_examination_warns_of_it(place: Place) -> None:
    (place.inbox / ".stfolder").mkdir()
    assert place.finding().kind == "synced"


@pytest.mark.parametrize("mark", [".dropbox", ".sync"])
def test_the_settings_of_a_synchroniser_in_a_persons_home_are_no_mark(inbox: Inbox, mark: str) -> None:
    Path(inbox.path, "..", "..", mark).mkdir()
    assert found(inbox) == []


@pytest.mark.parametrize(
    ("where", "lines", "enough"),
    [
        (".", [".watcher", "failed"], True),
        (".", ["/.watcher", "(?d)**/failed"], True),
        (".", [".watcher"], False),
        ("..", ["/Inbox/.watcher", "/Inbox/failed"], True),
        ("..", ["/.watcher", "/failed"], False),
    ],
)
def test_what_syncthing_is_told_to_leave_alone_is_no_reason(
    inbox: Inbox, where: str, lines: list[str], enough: bool
) -> None:
    Path(inbox.path, where, ".stfolder").mkdir()
    Path(inbox.path, where, ".stignore").write_text("\n".join(["// ours", *lines]) + "\n")
    assert (found(inbox) == []) == enough


def test_an_inbox_whose_files_stay_may_be_synchronised(inbox: Inbox) -> None:
    Path(inbox.path, ".stfolder").mkdir()
    assert found(Inbox(inbox.path, "phone", copies=True)) == []


def test_a_share_of_another_machine_is_a_finding(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "type_of", lambda path: "cifs")
    (finding,) = found(inbox)
    assert "a share of another machine (cifs)" in finding.what
    assert "veto files" in finding.remedy


def test_what_samba_shares_is_a_finding_for_all_that_is_in_it(inbox: Inbox, tmp_path: Path) -> None:
    samba = tmp_path / "smb.conf"
    samba.write_text(f"[global]\n  workgroup = HOME\n[photos]\n  Path = {Path(inbox.path).parent}  \n")
    (finding,) = found(inbox, str(samba))
    assert "by Samba" in finding.what
    assert finding.remedy == f"in {samba}: veto files = /.watcher/failed/"
    samba.write_text(f"[photos]\n; path = {inbox.path}\npath = {inbox.path}2\n")
    assert found(inbox, str(samba)) == []
