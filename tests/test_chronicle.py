"""The chronicle: what is written is read again, whatever whoever wrote before died of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watcher import chronicle
from watcher.chronicle import Chronicle, append, begin, path_of
from watcher.errors import DatabaseError, UnavailableError

STORED = "5" * 64


def drop(digest: str = "d1", job: int = 1, **more: Any) -> chronicle.Line:
    line = {"what": "drop", "digest": digest, "stored": STORED, "key": "originals/a.jpg", "job": job, "at": "2024"}
    return {**line, "path": "a.jpg", **more}


def edit(number: int, new: str, at: str = "2024", field: str = "title") -> chronicle.Line:
    return {"what": "edit", "digest": "d1", "edit": number, "field": field, "old": None, "new": new, "at": at}


@pytest.fixture
def library(tmp_path: Path) -> str:
    (tmp_path / ".watcher").mkdir()
    return str(tmp_path)


def test_what_is_written_is_read_again_names_of_any_bytes_too(library: str) -> None:
    odd = drop(path="odd \udce9\n\u2028名.jpg")
    begin(library, [odd])
    append(library, [edit(1, "Crème")], fsync=True)
    told = Chronicle(library).told(STORED, "originals/a.jpg")
    assert told is not None
    assert (told.drops, told.edits) == ([odd], [edit(1, "Crème")])
    lines = Path(path_of(library)).read_bytes().split(b"\n")
    assert [json.loads(line).get("what") for line in lines[:-1]] == [None, "drop", "edit"]
    assert json.loads(lines[0]) == {"chronicle": 1}


def test_one_that_is_there_is_not_begun_again(library: str) -> None:
    begin(library, [drop()])
    begin(library, [])
    assert Chronicle(library).told(STORED, "originals/a.jpg") is not None


def test_where_there_is_none_nothing_is_added(library: str) -> None:
    append(library, [edit(1, "x")])
    assert not Path(path_of(library)).exists()
    assert Chronicle(library).told(STORED, "originals/a.jpg") is None


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_line_is_passed_over_and_the_next_one_is_whole(library: str, cut: int) -> None:
    begin(library, [drop("d1"), drop("d2", job=2)])
    path = Path(path_of(library))
    path.write_bytes(path.read_bytes()[:-cut])
    append(library, [drop("d3", job=3, stored="6" * 64)])
    read = Chronicle(library)
    assert read.damaged == (cut > 1)  # of the first only the end of the line is gone
    for digest, stored in (("d2" if cut == 1 else "d1", STORED), ("d3", "6" * 64)):
        told = read.told(stored, "originals/a.jpg")
        assert told is not None and told.asset["digest"] == digest


@pytest.mark.parametrize("line", [b"[1]\n", b'"x"\n', b"\xff\xfe\n", b"{}\n", b'{"what": "drop", "digest": "d1"}\n'])
def test_lines_that_say_nothing_are_counted(library: str, line: bytes) -> None:
    begin(library, [drop()])
    with open(path_of(library), "ab") as file:
        file.write(line + b"\n")
    read = Chronicle(library)
    assert read.damaged == 1
    assert read.told(STORED, "originals/a.jpg") is not None


def test_what_was_told_twice_counts_once(library: str) -> None:
    """The first transaction came to nothing, and the daemon told of it again."""
    begin(library, [drop(imported_at="1"), drop(imported_at="2"), drop(job=2)])
    told = Chronicle(library).told(STORED, "originals/a.jpg")
    assert told is not None
    assert [(line["job"], line.get("imported_at")) for line in told.drops] == [(1, "2"), (2, None)]


def test_an_edit_whose_number_another_one_has_was_never_made(library: str) -> None:
    begin(library, [drop(), edit(1, "a"), edit(2, "lost", "2025"), edit(2, "b", "2026", "description")])
    told = Chronicle(library).told(STORED, "originals/a.jpg")
    assert told is not None
    assert [line["new"] for line in told.edits] == ["a", "b"]


def test_what_was_said_before_a_removal_is_not_of_what_is_dropped_later(library: str) -> None:
    removal = {"what": "removal", "digest": "d1", "at": "2025"}
    begin(library, [drop(), edit(1, "old"), removal])
    told = Chronicle(library).told(STORED, "originals/a.jpg")
    assert told is not None and told.edits, "its removal came to nothing, or somebody put it back"
    append(library, [drop(job=7)])
    again = Chronicle(library).told(STORED, "originals/a.jpg")
    assert again is not None
    assert ([line["job"] for line in again.drops], again.edits) == ([7], [])


def test_of_equal_files_the_one_that_had_the_key_is_meant(library: str) -> None:
    begin(library, [drop("d1"), drop("d2", key="originals/b.jpg")])
    read = Chronicle(library)
    for key, digest in (("originals/a.jpg", "d1"), ("originals/b.jpg", "d2")):
        told = read.told(STORED, key)
        assert told is not None and told.asset["digest"] == digest


def test_a_newer_version_is_refused(library: str) -> None:
    Path(path_of(library)).write_text('{"chronicle": 2}\n')
    with pytest.raises(DatabaseError, match="update the program"):
        Chronicle(library)


def test_one_that_cannot_be_written_is_said(library: str) -> None:
    Path(path_of(library)).mkdir()
    with pytest.raises(UnavailableError, match=r"chronicle\.jsonl cannot be written"):
        append(library, [drop()])
