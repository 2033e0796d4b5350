"""What `watcher add` has put together: taken at once, whole, and nothing else that lies there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher import beneath
from watcher.errors import UnavailableError
from watcher.intake.inbox import Inbox
from watcher.intake.ready import Ready
from watcher.intake.spool import Spool
from watcher.model import MOST_OPTIONS

TOKEN = "a-abcdefgh23"
NASTY = ("日本 ö.jpg", "line\nbreak.jpg", os.fsdecode(b"\xff\xfe.jpg"), "n" * 251 + ".jpg", "\x1b[31m", ".hidden")


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    (tmp_path / "in").mkdir()
    inbox = Inbox(
        str(tmp_path / "in"), "in", settle_seconds=20, incomplete_seconds=300, batch_seconds=60, rescan_seconds=3000,
        wake=lambda: None,
    )  # fmt: skip
    inbox.open("/library")
    inbox.claim_settled(0)  # the first scan
    yield inbox
    inbox.close()


def add(inbox: Inbox, tree: dict[str, bytes], token: str = TOKEN) -> Path:
    folder = Path(inbox.root, ".watcher/ready", token)
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_what_was_added_is_taken_at_once_and_its_folder_goes(inbox: Inbox) -> None:
    folder = add(inbox, {"b.jpg": b"cut", "trip/deep/a.jpg": b"", "batch.toml": b"title = 'T'"})
    assert not inbox.settled()
    assert inbox.ready.options(TOKEN) == b"title = 'T'"
    claims = inbox.claim_added(TOKEN, 9)
    assert [(claim.path, claim.size, claim.batch) for claim in claims] == [
        ("b.jpg", 3, TOKEN),
        ("trip/deep/a.jpg", 0, TOKEN),
    ]
    assert Path(claims[0].source).read_bytes() == b"cut"
    assert claims[0].source == str(Path(inbox.root, ".watcher/spool", claims[0].token, "b.jpg"))
    assert not folder.exists()
    assert inbox.ready.tokens() == []
    assert inbox.settled()


@pytest.mark.parametrize("name", NASTY)
def test_every_name_that_was_added_goes_through(inbox: Inbox, name: str) -> None:
    add(inbox, {f"{name}/{name}": b"x"})
    assert inbox.ready.name(TOKEN) == name
    [claim] = inbox.claim_added(TOKEN, 9)
    assert claim.path == f"{name}/{name}"
    assert inbox.spool.spooled() == [(claim.token, claim.path)]


def test_what_finds_no_room_waits_in_its_folder(inbox: Inbox) -> None:
    folder = add(inbox, {f"{n}.jpg": b"x" for n in range(5)} | {"batch.toml": b"title = 'T'"})
    assert [claim.path for claim in inbox.claim_added(TOKEN, 2)] == ["0.jpg", "1.jpg"]
    assert inbox.claim_added(TOKEN, 0) == []
    assert sorted(os.listdir(folder)) == ["2.jpg", "3.jpg", "4.jpg", "batch.toml"]
    assert inbox.ready.options(TOKEN) == b"title = 'T'"
    assert len(inbox.claim_added(TOKEN, 9)) == 3
    assert not folder.exists()


def test_a_batch_is_called_after_the_one_thing_that_was_added(inbox: Inbox) -> None:
    add(inbox, {"trip/a.jpg": b"x", "trip/b.jpg": b"x", "batch.toml": b""})
    add(inbox, {"a.jpg": b"x", "b.jpg": b"x"}, "a-bbbbbbbbbb")
    assert (inbox.ready.name(TOKEN), inbox.ready.name("a-bbbbbbbbbb")) == ("trip", "a-bbbbbbbbbb")
    assert inbox.ready.name("a-cccccccccc") == "a-cccccccccc"


@pytest.mark.parametrize("name", ["a-short", "A-ABCDEFGH23", "b-abcdefgh23", "a-abcdefgh23.new", "a-abcdefgh2 ", "x"])
def test_folders_of_other_names_are_not_looked_at(inbox: Inbox, name: str) -> None:
    add(inbox, {"a.jpg": b"x"}, name)
    assert inbox.ready.tokens() == []
    assert inbox.settled()


def test_a_link_to_a_folder_elsewhere_is_not_what_was_added(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/a.jpg").write_bytes(b"x")
    Path(inbox.root, ".watcher/ready", TOKEN).symlink_to(tmp_path / "private")
    assert inbox.ready.tokens() == []
    assert (tmp_path / "private/a.jpg").exists()


def test_links_and_devices_are_left_alone_and_named_and_nobody_waits_for_them(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.jpg").write_bytes(b"x")
    folder = add(inbox, {"a.jpg": b"x"})
    (folder / "link.jpg").symlink_to(tmp_path / "out/secret.jpg")
    (folder / "tree").symlink_to(tmp_path / "out")
    os.mkfifo(folder / "pipe.jpg")
    assert [claim.path for claim in inbox.claim_added(TOKEN, 9)] == ["a.jpg"]
    assert sorted(os.listdir(folder)) == ["link.jpg", "pipe.jpg", "tree"]
    assert (tmp_path / "out/secret.jpg").exists()
    assert inbox.ready.tokens() == []
    assert inbox.settled()
    assert inbox.left_behind() == [(TOKEN, "what is left in it is no file")]


def test_nothing_is_taken_while_its_options_cannot_be_read(inbox: Inbox) -> None:
    folder = add(inbox, {"a.jpg": b"x"})
    (folder / "batch.toml").symlink_to("/etc/hostname")
    assert inbox.ready.options(TOKEN) is None
    assert inbox.ready.tokens() == []
    assert [path for path, _ in inbox.left_behind()] == [TOKEN]
    (folder / "batch.toml").unlink()
    inbox.rescan()
    inbox.claim_settled(0)
    assert inbox.ready.tokens() == [TOKEN]
    assert inbox.ready.options(TOKEN) == b""


def test_options_are_read_only_as_far_as_they_may_go_and_a_pipe_keeps_nobody_waiting(inbox: Inbox) -> None:
    folder = add(inbox, {"batch.toml": b"#" * 1_000_000})
    assert len(inbox.ready.options(TOKEN) or b"") == MOST_OPTIONS + 1
    (folder / "batch.toml").unlink()
    os.mkfifo(folder / "batch.toml")
    assert inbox.ready.options(TOKEN) == b""


def test_what_cannot_be_moved_is_named_and_the_others_go_on(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    add(inbox, {"a.jpg": b"x", "b.jpg": b"x"})
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        if source.endswith("b.jpg"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    assert [claim.path for claim in inbox.claim_added(TOKEN, 9)] == ["a.jpg"]
    [(token, why)] = inbox.left_behind()
    assert token == TOKEN
    assert "Permission denied" in why
    assert inbox.settled()
    monkeypatch.undo()
    inbox.rescan()
    inbox.claim_settled(0)
    assert [claim.path for claim in inbox.claim_added(TOKEN, 9)] == ["b.jpg"]
    assert inbox.left_behind() == []


def test_without_space_nothing_that_was_added_is_blamed(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = add(inbox, {"a.jpg": b"x"})

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(UnavailableError, match=f"what was added as {TOKEN} cannot be taken: No space left"):
        inbox.claim_added(TOKEN, 9)
    monkeypatch.undo()
    assert (folder / "a.jpg").exists()
    assert inbox.ready.tokens() == [TOKEN]


def test_an_inbox_that_is_not_there_has_nothing_ready(tmp_path: Path) -> None:
    ready = Ready(str(tmp_path / "unplugged"))
    assert ready.tokens() == []
    assert ready.options(TOKEN) == b""


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o775])
def test_whoever_may_drop_files_may_add_some_and_nobody_sees_the_spool(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    Spool(str(tmp_path), lambda: 0.0).open("/library")
    modes = {name: stat.S_IMODE((tmp_path / ".watcher" / name).stat().st_mode) for name in ("add", "ready", "spool")}
    assert modes == {"add": mode, "ready": mode, "spool": 0o700}


def test_a_path_that_is_too_long_stays_and_is_named(inbox: Inbox) -> None:
    folder = str(add(inbox, {"a.jpg": b"x"}))
    while len(folder) < 4090:
        folder = f"{folder}/{'d' * min(200, 4093 - len(folder))}"
    os.makedirs(folder)
    with beneath.root(folder) as at:
        os.close(os.open("deep.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    assert [claim.path for claim in inbox.claim_added(TOKEN, 9)] == ["a.jpg"]
    [(token, why)] = inbox.left_behind()
    assert (token, "too long" in why) == (TOKEN, True)
