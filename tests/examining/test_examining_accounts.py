"""The law between ledger and inboxes: what breaks it is found, what only looks like it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.examining.examined import Place, kinds
from watcher.examining.examination import examine
from watcher.examining.site import Inbox, Site
from watcher.ignoring import Ignoring


def copying(place: Place, **changes: Any) -> Site:
    """The site with an inbox whose files stay in it."""
    return place.site(inboxes=(Inbox(str(place.inbox), "phone", copies=True, configured=True, **changes),))


def note_of(place: Place, name: str) -> Path:
    return place.failed / f"{name}.error.txt"


def test_nothing_is_wrong_after_a_run_with_failures_duplicates_and_archives(place: Place) -> None:
    states = {row[0] for row in place.sql("select distinct state from jobs")}
    assert states == {"done", "duplicate", "failed", "ignored"}
    assert place.found() == []
    assert place.looks == []


def test_the_files_that_rules_leave_alone_are_counted_by_rule(place: Place) -> None:
    place.put(place.inbox / "drafts" / "deep" / "a.jpg")
    place.put(place.inbox / "drafts" / ".DS_Store")
    place.put(place.inbox / "wait.jpg")
    inbox = Inbox(str(place.inbox), "phone", ignoring=Ignoring(["drafts"]), configured=True)
    (said,) = place.notes("inbox", place.site(inboxes=(inbox,)))
    for part in (
        "1 waiting",
        "1 ignored by #recycle",
        "1 ignored by .DS_Store",
        "1 ignored by *.part",
        "2 ignored by drafts",
    ):
        assert part in said
    assert f"{sum(len(files) for _, _, files in os.walk(place.failed))} files in failed/" in said


def test_an_inbox_that_the_configuration_does_not_name_is_known_from_the_ledger(place: Place) -> None:
    place.flying().unlink()
    assert kinds(place.found(place.site(inboxes=()))) == ["account"]


# -- in flight ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["new.jpg", "trip/day 1/new.jpg", b"caf\xe9\n\x1b[2J.jpg"])
def test_a_file_in_flight_is_accounted_for_until_it_is_gone(place: Place, path: str | bytes) -> None:
    lying = place.flying(path)
    assert place.found() == []
    lying.unlink()
    finding = place.finding()
    assert (finding.kind, finding.path) == ("account", str(lying))
    assert "is in work, but its file is gone" in finding.what
    assert len(place.looks) == 3


def test_a_file_that_comes_to_its_end_between_two_looks_is_no_finding(place: Place) -> None:
    place.flying().unlink()

    def end_it() -> None:
        place.sql("update jobs set state = 'done', discarded = 1 where state = 'queued'")

    assert not [remark for remark in examine(place.site(), end_it) if "is in work" in remark.what]


def test_a_file_that_is_let_go_of_is_not_missed(place: Place) -> None:
    place.flying(state="done", finished_at="2026-01-01T00:00:00Z").unlink()
    assert place.found() == []


def test_a_spool_that_is_gone_is_told_of_once(place: Place) -> None:
    place.flying()
    place.flying("b.jpg", claim="0000000000000002-abcd")
    shutil.rmtree(place.inbox / ".watcher" / "spool")
    assert "has lost its .watcher/spool, with 2 files in it" in place.finding().what


def test_a_spool_file_without_a_row_is_the_next_runs_and_a_running_daemons(place: Place) -> None:
    lying = place.put(place.inbox / ".watcher" / "spool" / "0000000000000009-aaaa" / "trip" / "x.jpg")
    finding = place.finding()
    assert (finding.kind, finding.path) == ("account", str(lying))
    assert "watcher run" in finding.remedy
    assert place.found(place.site(daemon={"pid": 1})) == []


def test_a_members_own_file_must_be_there_and_be_somebodys(place: Place) -> None:
    archive = place.flying("big.zip", state="expanded")
    claim = archive.parent.name
    root = place.one("select id from jobs where claim = ?", claim)
    place.sql(
        """insert into jobs (parent_id, root_id, member, inbox_id, path, name, state, lodged, created_at)
           values (?1, ?1, 0, 1, cast('inner.zip' as blob), 'inner.zip', 'expanded', 1, '2026-01-01T00:00:00Z')""",
        root,
    )
    member = place.one("select max(id) from jobs")
    lodged = place.put(place.inbox / ".watcher" / "members" / claim / str(member))
    assert place.found() == []
    lodged.unlink()
    assert place.finding().path == str(lodged)
    place.put(lodged)
    stranger = place.put(place.inbox / ".watcher" / "members" / "0000000000000009-aaaa" / "7")
    assert place.finding().path == str(stranger)


def test_what_is_added_waits_and_what_is_odd_in_the_private_folder_is_a_finding(place: Place) -> None:
    for folder in ("ready", "add"):
        place.put(place.inbox / ".watcher" / folder / "a-abcdefghij" / "x.jpg")
    assert "2 waiting" in place.notes("inbox")[0]
    odd = place.put(place.inbox / ".watcher" / "hoard" / "y.jpg")
    assert place.finding().path == str(odd)


# -- failed ------------------------------------------------------------------------------------------------------------


def test_a_failed_file_that_is_not_where_it_was_put_is_a_finding(place: Place) -> None:
    (place.failed / "letter.jpg").rename(place.root / "elsewhere.jpg")
    finding = place.finding()
    assert (finding.kind, finding.path) == ("account", str(place.failed / "letter.jpg"))
    assert "letter.jpg" in finding.what
    assert "put it back" in finding.remedy


def test_a_failed_file_deleted_with_its_note_is_forgotten(place: Place) -> None:
    (place.failed / "letter.jpg").unlink()
    note_of(place, "letter.jpg").unlink()
    assert place.found() == []
    assert place.notes("failed") == ["1 files of phone were deleted from failed/: forgotten"]


def test_a_failed_file_moved_back_waits_to_be_tried_again(place: Place) -> None:
    (place.failed / "letter.jpg").rename(place.inbox / "letter.jpg")
    assert place.found() == []
    assert place.notes("failed") == []


def test_a_failed_member_moved_back_waits_at_the_top_of_the_inbox(place: Place) -> None:
    (left,) = place.failed.glob("pack.zip/*.jpg")
    left.rename(place.inbox / left.name)
    assert place.found() == []


def test_a_failed_file_that_was_taken_again_is_no_finding(place: Place) -> None:
    (place.failed / "letter.jpg").unlink()
    place.flying("letter.jpg", name="letter.jpg")
    assert place.found() == []


def test_a_whole_failed_folder_that_is_gone_is_a_loss_until_a_person_says_that_it_is_none(place: Place) -> None:
    left = place.one("select count(distinct left_at) from jobs where left_at is not null")
    shutil.rmtree(place.failed)
    assert kinds(place.found()) == ["account"] * left
    place.failed.mkdir()
    assert place.found() == []


def test_a_failed_job_whose_file_is_nowhere_is_a_finding_until_it_is_dropped_again(place: Place) -> None:
    for path in (place.failed / "letter.jpg", note_of(place, "letter.jpg")):
        path.unlink()
    place.sql("update jobs set left_at = null, reason = 'its spool copy is gone' where name = 'letter.jpg'")
    finding = place.finding()
    assert "its file is nowhere: its spool copy is gone" in finding.what
    assert "drop the file again" in finding.remedy
    place.put(place.inbox / "letter.jpg")
    assert place.found() == []


def test_a_failed_member_of_an_archive_that_counts_as_whole_is_a_finding(place: Place) -> None:
    place.sql("update jobs set lodged = 0, left_at = null where name = 'bad.jpg'")
    assert "its archive pack.zip counts as taken whole" in place.finding().what


def test_a_lodged_member_whose_file_is_nowhere_is_a_finding(place: Place) -> None:
    place.sql("update jobs set left_at = null where name = 'bad.jpg'")
    assert "bad.jpg" in place.finding().what


# -- the inbox itself --------------------------------------------------------------------------------------------------


def test_an_inbox_that_is_not_there_has_lost_no_files(place: Place) -> None:
    place.flying()
    place.inbox.rename(place.root / "unplugged")
    finding = place.finding()
    assert (finding.kind, finding.path) == ("inbox", str(place.inbox))
    assert "mount" in finding.remedy


def test_an_inbox_without_its_marker_is_not_looked_into(place: Place) -> None:
    (place.failed / "letter.jpg").unlink()
    site = place.site(inboxes=(Inbox(str(place.inbox), "phone", marker=".mounted", configured=True),))
    assert "has no .mounted in it" in place.finding(site).what
    place.put(place.inbox / ".mounted")
    assert "letter.jpg" in place.finding(site).what


def test_an_old_inbox_that_is_gone_is_a_note_when_nothing_of_it_is_left(place: Place) -> None:
    place.sql("insert into inboxes (name, path, first_seen) values ('old', cast('/none/old' as blob), '2026')")
    assert place.found() == []
    assert any("old (/none/old) is not there" in note for note in place.notes("inbox"))
    place.sql("update jobs set inbox_id = 2 where name = 'letter.jpg'")
    assert "the inbox old is not there; 1 files" in place.finding().what


def test_a_configured_inbox_that_was_never_there_is_a_finding(place: Place) -> None:
    new = Inbox(str(place.root / "none"), "camera", configured=True)
    assert place.finding(place.site(inboxes=(*place.site().inboxes, new))).path == new.path
    assert place.found(place.site(inboxes=(*place.site().inboxes, new), only_known=True)) == []


# -- files that stay ---------------------------------------------------------------------------------------------------


def test_what_was_copied_is_remembered_and_what_changed_since_waits(place: Place) -> None:
    for name in ("old.jpg", "changed.jpg", "new.jpg"):
        place.put(place.inbox / name)
    for name in ("old.jpg", "changed.jpg", "deleted.jpg"):
        stamp = os.stat(place.inbox / ("old.jpg" if name == "deleted.jpg" else name))
        place.sql(
            "insert into taken values (1, ?, ?, ?, ?, 1)", name.encode(), stamp.st_size, stamp.st_mtime_ns, stamp.st_ino
        )
    place.put(place.inbox / "changed.jpg", b"longer than it was")
    assert place.found(copying(place)) == []
    (said,) = place.notes("inbox", copying(place))
    assert "2 waiting" in said
    assert "1 taken and left in place" in said


def test_a_failed_file_that_stays_in_its_place_is_no_finding(place: Place) -> None:
    place.sql("update jobs set copied = 1, left_at = null where name in ('letter.jpg', 'empty.zip')")
    assert place.found(copying(place)) == []


def test_the_working_copy_of_a_file_that_stays_lies_in_the_library(place: Place) -> None:
    lying = place.flying(copied=1)
    spool = place.private / "spool" / "1"
    assert place.finding(copying(place)).path == str(spool / lying.parent.name / "new.jpg")
    place.put(spool / lying.parent.name / "new.jpg")
    assert place.found(copying(place)) == []


def test_a_picture_that_leads_to_no_asset_is_a_finding(place: Place) -> None:
    number = place.one("select id from assets where name = 'two.jpg'")
    place.sql("update jobs set asset_id = 99 where asset_id = ?", number)
    found = place.found()
    assert {"account", "database"} == set(kinds(found))
    assert any("two.jpg) ended as photograph 99" in finding.what for finding in found)
