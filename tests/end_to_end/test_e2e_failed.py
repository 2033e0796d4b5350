"""failed/: what could not be taken lies there with its reason. Moving it back is the retry, deleting it forgetting."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture


def note_of(home: Home, name: str) -> Path:
    return Path(f"{home.failed / name}.error.txt")


def test_a_failed_file_lies_in_failed_with_a_reason_that_every_command_gives(watched: Home) -> None:
    watched.drop("letter.jpg", b"Dear Anna, this is no photograph.")
    watched.wait_until("letter.jpg", "failed")
    assert (watched.failed / "letter.jpg").read_bytes() == b"Dear Anna, this is no photograph."
    reason = watched.jobs("letter.jpg")[0]["reason"]
    assert "not a picture" in reason
    assert reason in note_of(watched, "letter.jpg").read_text()
    assert [row["reason"] for row in watched.json("failures") if row["name"] == "letter.jpg"] == [reason]
    assert reason in watched.watcher("show", "job:1").stderr.decode()


def test_a_file_of_a_sub_folder_fails_under_its_own_path(watched: Home) -> None:
    (watched.inbox / "summer").mkdir()
    watched.drop("summer/empty.jpg", b"")
    watched.wait_until("empty.jpg", "failed")
    assert (watched.failed / "summer" / "empty.jpg").exists()
    assert "the file is empty" in note_of(watched, "summer/empty.jpg").read_text()


def test_a_mended_file_moved_back_is_taken_and_its_note_goes(watched: Home) -> None:
    content = picture("Mended")
    watched.drop("mended.jpg", content[: len(content) // 2])
    watched.wait_until("mended.jpg", "failed")
    (watched.failed / "mended.jpg").write_bytes(content)
    (watched.failed / "mended.jpg").rename(watched.inbox / "mended.jpg")
    watched.wait_until("mended.jpg", "failed", "done")
    assert not note_of(watched, "mended.jpg").exists()
    assert watched.finds("mended") == ["mended.jpg"]


def test_a_file_moved_back_together_with_its_note_takes_the_note_along(watched: Home) -> None:
    watched.drop("pair.jpg", b"no picture")
    watched.wait_until("pair.jpg", "failed")
    for path in (note_of(watched, "pair.jpg"), watched.failed / "pair.jpg"):
        path.rename(watched.inbox / path.name)
    watched.wait_until("pair.jpg", "failed", "failed")
    assert watched.jobs("pair.jpg.error.txt") == []
    wait_for(lambda: not (watched.inbox / "pair.jpg.error.txt").exists())


def test_retry_moves_a_file_back_into_the_inbox(watched: Home) -> None:
    watched.drop("again.jpg", b"still no picture")
    watched.wait_until("again.jpg", "failed")
    job = watched.jobs("again.jpg")[0]["id"]
    result = watched.watcher("retry", str(job))
    assert result.returncode == 0, result.stderr
    watched.wait_until("again.jpg", "failed", "failed")
    assert (watched.failed / "again.jpg").read_bytes() == b"still no picture"


def test_two_files_that_fail_under_one_name_both_lie_there(watched: Home) -> None:
    watched.drop("twin.jpg", b"first")
    watched.wait_until("twin.jpg", "failed")
    watched.drop("twin.jpg", b"second")
    watched.wait_until("twin.jpg", "failed", "failed")
    lying = [path for path in watched.failed.glob("twin*") if not path.name.endswith(".error.txt")]
    assert sorted(path.read_bytes() for path in lying) == [b"first", b"second"]
    assert all(Path(f"{path}.error.txt").exists() for path in lying)


def test_deleting_a_failed_file_takes_its_note_away_and_nobody_elses(home: Home) -> None:
    home.drop("gone.jpg", b"no picture")
    home.drop("stays.jpg", b"no picture either")
    with home.running():
        home.wait_until("gone.jpg", "failed")
        home.wait_until("stays.jpg", "failed")
    (home.failed / "gone.jpg").unlink()
    someone_elses = home.failed / "report.error.txt"
    someone_elses.write_text("written by another program")
    with home.running():
        home.drop("next.jpg", picture("The next"))
        wait_for(lambda: not note_of(home, "gone.jpg").exists(), what="the note without its file to go")
        assert [row["name"] for row in home.json("failures")] == ["stays.jpg"]
    assert someone_elses.read_text() == "written by another program"
    assert note_of(home, "stays.jpg").exists()
