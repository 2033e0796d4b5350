"""Names in any script, with whatever a file system allows in them, go in and come back by every command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture
from watcher.model import shown

SCRIPTS = [
    "日本語.jpg",
    "العربية.jpg",
    "Ελλάδα.jpg",
    "Привет мир.jpg",
    "தமிழ்.jpg",
    "İstanbul ß ﬁ.jpg",
    "café.jpg",  # é in one piece ...
    "cafe\u0301 au lait.jpg",  # ... and in two
    "📷.jpg",
    "👨\u200d👩\u200d👧.jpg",
    "\u200b.jpg",
    "\ufeffbom.jpg",
    "\u202egpj.exe.jpg",
]
SHELLS = [
    " leading.jpg",
    "trailing .jpg",
    "trailing.jpg ",
    "IMG_0001 (1).jpg",
    "quote'.jpg",
    'dquote".jpg',
    "back\\slash.jpg",
    "semi;colon & pipe|.jpg",
    "star*?[x].jpg",
    "-dash.jpg",
    "--help.jpg",
    "$HOME `id`.jpg",
    "%s%n {0} {taken}.jpg",
    "#hash a%20b <b>.jpg",
    "UPPER.JPG",
    "Mixed.JpEg",
    "no_ext",
    "nul",
    "two.dots.jpg",
    "file.jpg~",
    "job:1",
]
CONTROLS = ["new\nline.jpg", "tab\t.jpg", "cr\r.jpg", "esc\x1b[31m.jpg", "bell\x07\x7f.jpg", "c1\x9b.jpg"]
LONG = ["a" * 251 + ".jpg", "日" * 83 + "12.jpg", "b" * 255]
BYTES = [
    b"\xff\xfe.jpg",
    b"caf\xe9.jpg",
    b"\x80\x81.jpg",
    b"a\xc0\xafb.jpg",
    b"\xed\xa0\x80.jpg",
    b"\xfe" * 251 + b".jpg",
]

NAMES = [os.fsencode(name) for name in (*SCRIPTS, *SHELLS, *CONTROLS, *LONG)] + BYTES


def content_of(name: bytes) -> bytes:
    return picture("Named " + name.hex())


@pytest.fixture(scope="module")
def named(watched: Home) -> Iterator[Home]:
    """All of NAMES were dropped and are done."""
    for name in NAMES:
        watched.drop(name, content_of(name))
    wait_for(lambda: len(watched.assets()) == len(NAMES), 40, what="all names to be in the catalog")
    yield watched


def test_every_name_is_taken_once_and_its_bytes_come_back_from_the_path_that_search_gives(named: Home) -> None:
    paths = named.watcher("search", "-0").stdout.split(b"\0")[:-1]
    assert sorted(digest(Path(os.fsdecode(path)).read_bytes()) for path in paths) == sorted(
        digest(content_of(name)) for name in NAMES
    )
    assert sorted(job["name"] for job in named.jobs()) == sorted(map(shown, NAMES))


def test_names_in_the_library_are_plain_text_of_a_length_that_a_file_system_takes(named: Home) -> None:
    for path in named.library.glob("originals/**/*"):
        name = os.fsencode(path.name)
        assert len(name) <= 255
        assert not re.search(r"[\x00-\x1f\x7f]|^[.-]", name.decode())


def test_search_by_line_gives_a_line_to_each_and_each_is_a_file(named: Home) -> None:
    lines = named.watcher("search").stdout.decode().splitlines()
    assert len(lines) == len(NAMES)
    assert all(map(os.path.isfile, lines))


def test_show_finds_every_name_as_it_was_dropped(named: Home) -> None:
    for name in NAMES:
        if name == b"job:1":  # `show` reads that as the number of a job
            continue
        result = named.watcher("show", "--json", "--", name) if name in BYTES else None
        if result is not None:
            assert digest(content_of(name)) in {one["digest"] for one in json.loads(result.stdout)}, name
    others = [name for name in NAMES if name not in BYTES and name != b"job:1"]
    found = {one["name"]: one["digest"] for one in named.json("show", "--", *others)}
    assert found == {shown(name): digest(content_of(name)) for name in others}


def test_the_journal_gives_every_name_in_json(named: Home) -> None:
    assert sorted(job["name"] for job in named.json("jobs")) == sorted(map(shown, NAMES))


@pytest.mark.parametrize("command", ["search", "jobs", "status"])
def test_no_name_makes_a_terminal_obey_it(named: Home, command: str) -> None:
    seen = named.on_terminal(command).decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\ufeff]", seen)


def test_words_of_a_name_find_it_whatever_the_accents(named: Home) -> None:
    assert "café.jpg" in named.finds("CAFE")
    assert "İstanbul ß ﬁ.jpg" in named.finds("istanbul")
    assert named.finds("日本語.jpg") == ["日本語.jpg"]
    assert named.finds("📷") == ["📷.jpg"]


def test_a_name_that_fails_says_why_in_failed_under_the_same_name(named: Home) -> None:
    names = [b"new\nline.txt", b"\xff.txt", b"esc\x1b[31m.txt", b"c" * 255]
    for number, name in enumerate(names):
        named.drop(name, b"no picture %d" % number)
    for name in names:
        named.wait_until(name, "failed")
    listed = {row["name"]: Path(row["path"]) for row in named.json("failures")}
    assert sorted(listed) == sorted(map(shown, names))
    for number, name in enumerate(names):
        lies = listed[shown(name)]
        assert lies.read_bytes() == b"no picture %d" % number
        assert "not a picture" in Path(f"{lies}.error.txt").read_text()
