"""Copies of files that stay where they are: whole or not at all, in slices, and never of what is a link."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher import filesystem
from watcher.errors import ConfigError, UnavailableError
from watcher.intake import copying as module
from watcher.intake.copying import Copying, Instead
from watcher.intake.inbox import Inbox
from watcher.intake.looking import look
from watcher.intake.settling import Observation
from watcher.model import Claim, Stamp

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
LARGE = os.urandom(1000) * 5000  # some pieces


class Remembered:
    """A memory that is written down nowhere."""

    def __init__(self) -> None:
        self.stamps: dict[str, Stamp] = {}
        self.digests: dict[str, str] = {}
        self.forgotten: list[str] = []

    def open(self) -> int:
        return 7

    def refresh(self) -> list[str]:
        gone, self.forgotten = self.forgotten, []
        return gone

    def stamp(self, path: str) -> Stamp | None:
        return self.stamps.get(path)

    def digest(self, path: str) -> str | None:
        return self.digests.get(path)

    def note(self, path: str, stamp: Stamp) -> None:
        self.stamps[path] = stamp

    renew = note

    def forget(self, path: str) -> None:
        del self.stamps[path]
        self.forgotten.append(path)


class Card:
    """A folder, its copies in a library, and the clock, of which each look at it is a second: one piece a slice."""

    def __init__(self, folder: Path) -> None:
        self.root, self.private = folder / "card", folder / "library" / ".watcher"
        self.root.mkdir()
        self.private.mkdir(parents=True)
        self.memory = Remembered()
        self.now = 0.0
        self.copying = self.copies()
        self.copying.open("/library")

    def copies(self) -> Copying:
        return Copying(str(self.root), str(self.private), self.memory, self.tick)

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def drop(self, path: str, content: bytes = PNG) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def take(self, path: str) -> str | Instead:
        """One slice."""
        seen = look(str(self.root / path), ask=True)
        assert isinstance(seen, Observation)
        self.copying.begin()
        return self.copying.take(path, seen)

    def take_whole(self, path: str) -> str:
        for _ in range(100):
            if isinstance(token := self.take(path), str):
                return token
            assert token is Instead.LATER
        raise AssertionError("still copied after 100 slices")

    def left(self) -> list[Path]:
        return [path for path in self.private.rglob("*") if path.is_file()]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_a_copy_has_the_bytes_the_time_and_the_notes_of_its_file_and_lies_in_the_library(card: Card) -> None:
    place = card.drop("DCIM/a.png", LARGE)
    os.utime(place, ns=(5, 1_600_000_000_123_456_789))
    os.setxattr(place, "user.note", b"hello")
    token = card.take_whole("DCIM/a.png")
    copy = card.private / "spool" / "7" / token / "DCIM/a.png"
    assert copy.read_bytes() == LARGE
    assert copy.stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert os.getxattr(copy, "user.note") == b"hello"
    assert copy.stat().st_ino != place.stat().st_ino
    assert (card.private / "spool" / "7").stat().st_mode & 0o777 == 0o700
    assert os.listdir(card.root) == ["DCIM"]


def test_a_large_file_is_copied_a_slice_at_a_time(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "clone", lambda source, target: False)
    card.drop("a.mov", LARGE)
    slices = 1
    while card.take("a.mov") is Instead.LATER:
        slices += 1
    assert slices >= len(LARGE) / 2**20
    assert [path.read_bytes() for path in card.left()] == [LARGE]


def test_a_file_that_changes_while_it_is_copied_leaves_no_half_and_is_copied_anew(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "clone", lambda source, target: False)
    place = card.drop("a.mov", LARGE)
    assert card.take("a.mov") is Instead.LATER
    place.write_bytes(LARGE[::-1])
    card.take_whole("a.mov")
    assert [path.read_bytes() for path in card.left()] == [LARGE[::-1]]


def test_a_change_behind_the_look_is_seen_before_the_copy_counts(card: Card) -> None:
    place = card.drop("a.png")
    seen = look(str(place), ask=True)
    assert isinstance(seen, Observation)
    os.utime(place, ns=(1, 1))
    assert card.copying.take("a.png", seen) is Instead.LATER
    assert card.left() == []
    assert card.memory.stamps == {}


def test_one_whom_somebody_opens_to_write_meanwhile_waits(card: Card) -> None:
    place = card.drop("a.png")
    seen = look(str(place), ask=True)
    assert isinstance(seen, Observation)
    with place.open("r+b"):
        assert card.copying.take("a.png", seen) is Instead.LATER
    assert card.left() == []


def test_another_file_may_be_taken_while_one_is_copied_in_part_and_nothing_is_left_of_that(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "clone", lambda source, target: False)
    card.drop("a.mov", LARGE)
    card.drop("b.png")
    assert card.take("a.mov") is Instead.LATER
    token = card.take_whole("b.png")
    assert [str(path.relative_to(card.private)) for path in card.left()] == [f"spool/7/{token}/b.png"]


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_is_never_followed(card: Card, link: str, tmp_path: Path) -> None:
    """Not even one that takes a file's or a folder's place after the look."""
    secret = tmp_path / "secret" / "a.png"
    secret.parent.mkdir()
    secret.write_bytes(PNG)
    place = card.drop("in/a.png")
    seen = look(str(place), ask=True)
    assert isinstance(seen, Observation)
    place.unlink()
    if link == "file":
        place.symlink_to(secret)
    else:
        place.parent.rmdir()
        place.parent.symlink_to(secret.parent)
    with pytest.raises(FileNotFoundError):
        card.copying.take("in/a.png", seen)
    assert card.left() == []


def test_a_file_that_is_known_is_not_opened(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.drop("a.png")
    card.take_whole("a.png")
    monkeypatch.setattr(module, "_opened", None)
    assert card.copying.knows("a.png")
    assert card.take("a.png") is Instead.KNOWN


def test_one_with_another_inode_or_time_is_known_by_its_bytes(card: Card) -> None:
    place = card.drop("a.mov", LARGE)
    card.take_whole("a.mov")
    card.memory.digests["a.mov"] = hashlib.sha256(LARGE).hexdigest()
    place.unlink()
    card.drop("b", b"takes the inode")
    card.drop("a.mov", LARGE)
    assert not card.copying.knows("a.mov")
    while (came := card.take("a.mov")) is Instead.LATER:
        assert len(card.left()) == 1, "to be read it need not be copied"
    assert came is Instead.KNOWN
    assert card.copying.knows("a.mov")


@pytest.mark.parametrize("digest", [None, "another"])
def test_one_whose_bytes_are_others_or_unknown_is_a_new_arrival(card: Card, digest: str | None) -> None:
    place = card.drop("a.png")
    first = card.take_whole("a.png")
    if digest:
        card.memory.digests["a.png"] = digest
    os.utime(place, ns=(1, 1))
    assert card.take_whole("a.png") != first


def test_inodes_that_a_file_system_makes_up_count_for_nothing(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "type_of", lambda path: "vfat")
    card.copying = card.copies()
    card.copying.open("/library")
    place = card.drop("a.png")
    card.take_whole("a.png")
    found = place.stat()
    place.unlink()
    card.drop("b", b"takes the inode")
    os.utime(card.drop("a.png"), ns=(found.st_atime_ns, found.st_mtime_ns))
    assert card.copying.knows("a.png")


@pytest.mark.parametrize("name", ["new\nline\r.png", "caf\udce9.png", "d/" * 30 + "n" * 250, "-rf"])
def test_any_name_is_copied(card: Card, name: str) -> None:
    card.drop(name)
    token = card.take_whole(name)
    assert card.copying.spooled() == [(token, name)]
    card.copying.drop(token, name)
    assert card.copying.spooled() == []


def test_a_disk_without_room_leaves_no_half(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: int, target: int) -> bool:
        os.write(target, b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "clone", full)
    card.drop("a.png")
    with pytest.raises(OSError, match="No space"):
        card.take("a.png")
    assert card.left() == []
    assert card.memory.stamps == {}


def test_a_library_that_is_gone_is_no_fault_of_a_file(card: Card) -> None:
    card.drop("a.png")
    card.private.rename(card.private.with_name("away"))
    with pytest.raises(UnavailableError, match="is gone"):
        card.take("a.png")
    assert not card.private.exists(), "no folder is made where its disk was mounted"


def test_a_library_that_cannot_be_written_is_said_so(card: Card, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be made"):
        Copying(str(card.root), str(tmp_path / "file"), card.memory).open("/library")


# -- the inbox over it -------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(card: Card) -> Iterator[Inbox]:
    inbox = Inbox(
        str(card.root), "card", settle_seconds=0, incomplete_seconds=0, batch_seconds=0, rescan_seconds=3000,
        copying=card.copying, wake=lambda: None, wall=lambda: 4e9, clock=card.tick,
    )  # fmt: skip
    inbox.open("/library")
    yield inbox
    inbox.close()


def claimed(inbox: Inbox) -> list[Claim]:
    """All that there is to claim."""
    inbox.rescan()
    return _rest(inbox)


def _rest(inbox: Inbox) -> list[Claim]:
    claims: list[Claim] = []
    for _ in range(1000):
        claims += inbox.claim_settled(1000)
        if inbox.settled():
            return claims
    raise AssertionError("never settled")


def test_each_file_is_claimed_once_with_its_stamp(card: Card, inbox: Inbox) -> None:
    for path in ("b.png", "DCIM/a.png"):
        card.drop(path)
    claims = claimed(inbox)
    assert sorted(claim.path for claim in claims) == ["DCIM/a.png", "b.png"]
    for claim in claims:
        found = (card.root / claim.path).stat()
        assert claim.stamp == Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
        assert Path(claim.source).read_bytes() == PNG
    assert claimed(inbox) == []
    inbox.notice(str(card.root / "b.png"))
    assert inbox.claim_settled(9) == []
    assert inbox.waiting_count() == 0
    inbox.remove_emptied(now=True)
    assert sorted(os.listdir(card.root)) == ["DCIM", "b.png"]


def test_what_is_forgotten_is_claimed_again_without_a_scan(card: Card, inbox: Inbox) -> None:
    card.drop("a.png")
    [first] = claimed(inbox)
    card.memory.forget("a.png")
    inbox.recall()
    [again] = _rest(inbox)
    assert (again.path, again.stamp) == (first.path, first.stamp)


def test_files_beside_a_batch_toml_that_was_taken_do_not_wait_for_it(card: Card, inbox: Inbox) -> None:
    card.drop("trip/batch.toml", b'title = "x"')
    card.drop("trip/a.png")
    assert [claim.path for claim in claimed(inbox)] == ["trip/batch.toml", "trip/a.png"]
    card.drop("trip/b.png")
    assert [claim.path for claim in claimed(inbox)] == ["trip/b.png"]


def test_what_was_added_by_others_is_let_lie(card: Card, inbox: Inbox) -> None:
    card.drop(".watcher/ready/a-abcdefgh23/x.png")
    assert inbox.ready.tokens() == []
    assert claimed(inbox) == []


def test_a_file_that_cannot_be_read_is_told_of_and_blocks_no_other(
    card: Card, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.drop("a.png")
    card.drop("b.png")
    real = filesystem.clone

    def damaged(source: int, target: int) -> bool:
        if os.readlink(f"/proc/self/fd/{source}").endswith("a.png"):
            raise OSError(5, "Input/output error")
        return real(source, target)

    monkeypatch.setattr(module, "clone", damaged)
    assert [claim.path for claim in claimed(inbox)] == ["b.png"]
    assert inbox.left_behind() == [("a.png", "cannot be copied: Input/output error")]


def test_a_file_for_which_the_library_was_gone_is_copied_when_it_is_back(card: Card, inbox: Inbox) -> None:
    card.drop("a.png")
    inbox.rescan()
    spool = Path(inbox.spool.path)
    spool.rename(spool.with_name("away"))
    with pytest.raises(UnavailableError):
        _rest(inbox)
    spool.with_name("away").rename(spool)
    assert [claim.path for claim in _rest(inbox)] == ["a.png"]
