"""An inbox with other = "leave": what is no picture stays there, is listed, and is asked again once it has changed."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from watcher.intake import leaving
from watcher.intake.discards import Report, to_failed
from watcher.intake.inbox import Inbox
from watcher.intake.leases import ignore_lease_breaks


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("notes.txt", b"text")
    return out.getvalue()


TAKEN = {
    "a.png": _picture(),
    "a.zip": _zip(),
    "a.xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    "a.png.json": json.dumps({"title": "a.png", "photoTakenTime": {"timestamp": "1715956981"}}).encode(),
    "a.mov": b"\0\0\0\x0cftypqt  " + bytes(4),
}
LEFT = {
    "notes.txt": b"text",
    "other.json": b'{"name": "a"}',
    "empty": b"",
    "caf\udce9\n.pdf": b"%PDF-1.7",
    "zeros": bytes(9),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def inbox(root: Path) -> Iterator[Inbox]:
    before = signal.getsignal(signal.SIGIO)
    ignore_lease_breaks()
    inbox = Inbox(
        str(root),
        "in",
        settle_seconds=0,
        incomplete_seconds=0,
        batch_seconds=0,
        rescan_seconds=3000,
        leaves_other=True,
        wall=lambda: time.time() + 10,  # the files lie there for a while
        wake=lambda: None,
    )
    inbox.open("/library")
    yield inbox
    inbox.close()
    signal.signal(signal.SIGIO, before)


def drop(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def taken(inbox: Inbox) -> set[str]:
    inbox.rescan()
    return {claim.path for claim in inbox.claim_settled(100)}


def test_what_is_no_picture_stays_and_is_no_failure(inbox: Inbox, root: Path) -> None:
    drop(root, TAKEN | LEFT)
    assert taken(inbox) == set(TAKEN)
    assert {name for name in LEFT if (root / name).exists()} == set(LEFT)
    assert inbox.settled()
    assert inbox.left_behind() == []
    reasons = dict(inbox.waiting())
    assert set(reasons) == set(LEFT)
    assert reasons["notes.txt"].startswith('left here, as other = "leave" asks for: it is not a picture')
    assert reasons["empty"].endswith("the file is empty")
    assert "not what Google Takeout tells" in reasons["other.json"]
    assert taken(inbox) == set()


def test_what_was_left_is_taken_once_it_has_become_a_picture(inbox: Inbox, root: Path) -> None:
    drop(root, {"a.png": b"not yet"})
    assert taken(inbox) == set()
    drop(root, {"a.png": _picture()})
    assert taken(inbox) == {"a.png"}
    assert inbox.waiting() == []


def test_what_was_left_is_read_again_only_when_it_has_changed(
    inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = leaving._refused
    monkeypatch.setattr(leaving, "_refused", lambda path: read.append(os.path.basename(path)) or real(path))
    drop(root, {"a.txt": b"one", "b.txt": b"two"})
    for _ in range(3):
        assert taken(inbox) == set()
    assert sorted(read) == ["a.txt", "b.txt"]
    drop(root, {"b.txt": b"three"})
    taken(inbox)
    assert sorted(read) == ["a.txt", "b.txt", "b.txt"]


def test_what_was_left_and_then_deleted_is_no_longer_listed(inbox: Inbox, root: Path) -> None:
    drop(root, {"a.txt": b"one", "b.txt": b"two"})
    taken(inbox)
    (root / "a.txt").unlink()
    taken(inbox)
    assert [path for path, _ in inbox.waiting()] == ["b.txt"]


def test_what_is_to_be_done_with_a_folder_is_taken_and_no_other_file_of_that_name(inbox: Inbox, root: Path) -> None:
    drop(root, {"batch.toml": b"", "trip/batch.toml": b'prefix = "trip"', "trip/a.png": _picture()})
    (root / "trip" / "more").mkdir()
    drop(root, {"trip/more/batch.toml": b""})
    assert taken(inbox) == {"trip/batch.toml"}, "its folder's pictures are taken after it"
    left = {path for path, why in inbox.waiting() if why.startswith("left here")}
    assert left == {"batch.toml", "trip/more/batch.toml"}


def test_a_note_of_ours_that_came_back_with_its_picture_is_taken(inbox: Inbox, root: Path) -> None:
    drop(root, {"a.png": b"broken", "theirs.error.txt": b"text"})
    to_failed(str(root), str(root / "a.png"), "a.png", Report(1, "a.png", "it is broken", 1, "", []))
    for path in (root / "failed").iterdir():
        path.rename(root / path.name)
    assert taken(inbox) == {"a.png.error.txt"}


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, {"a.txt": b"one"})
    real = leaving._is_for_us

    def swapped(place: leaving.Place, path: str) -> bool:
        answer = real(place, path)
        os.unlink(path)
        os.mkfifo(path)
        return answer

    monkeypatch.setattr(leaving, "_is_for_us", swapped)
    assert taken(inbox) == set()
