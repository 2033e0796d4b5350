import errno
import io
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from watcher.errors import ConfigError, LockedError, UnavailableError
from watcher.intake.inbox import Inbox
from watcher.intake.leases import ignore_lease_breaks
from watcher.intake.settling import COPIER_SECONDS, CUT_OFF, OPEN, QUIET
from watcher.model import Claim, shown


def _picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((60, 40), 80).save(out, "JPEG")
    return out.getvalue()


WHOLE = _picture()
CUT = WHOLE[:-300]
ENDLESS = b"II*\0" + bytes(200)
NASTY = ("日本 ö.jpg", "line\nbreak.jpg", "'\"\\ .jpg", os.fsdecode(b"\xff\xfe.jpg"), "n" * 251 + ".jpg", "\x1b[31m")


class Clock:
    """Monotonic and wall clock, moved by hand; they run on with the real one, as the files' times do.

    The wall clock is ahead of the files' times, so that whoever copied one has just had the time for its mode.
    """

    def __init__(self) -> None:
        self.moved = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.moved

    def wall(self) -> float:
        return time.time() + COPIER_SECONDS + self.moved


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


Make = Callable[..., Inbox]


@pytest.fixture
def make(root: Path, clock: Clock) -> Iterator[Make]:
    before = signal.getsignal(signal.SIGIO)
    ignore_lease_breaks()
    opened: list[Inbox] = []

    def make(where: Path = root, **options: object) -> Inbox:
        seconds = {"settle_seconds": 20, "incomplete_seconds": 300, "batch_seconds": 600, "rescan_seconds": 3000}
        settings = {**seconds, "clock": clock.monotonic, "wall": clock.wall, "wake": lambda: None, **options}
        opened.append(Inbox(str(where), "in", **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for inbox in opened:
        inbox.close()
    signal.signal(signal.SIGIO, before)


@pytest.fixture
def inbox(make: Make) -> Inbox:
    inbox = make()
    inbox.open("/library")
    return inbox


def drop(root: Path, tree: dict[str, object]) -> None:
    for name, content in tree.items():
        path = root / name
        if isinstance(content, dict):
            path.mkdir()
            drop(path, content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else WHOLE)


def taken(claims: list[Claim]) -> list[str]:
    return [claim.path for claim in claims]


class Writer:
    """Another process that holds a file open for writing until told to end."""

    CODE = "import sys; f = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()"

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", self.CODE, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout and self.process.stdout.readline()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate()


def test_a_whole_file_that_nobody_writes_is_taken_at_once(inbox: Inbox, root: Path) -> None:
    drop(root, {"a.jpg": WHOLE})
    [claim] = inbox.claim_settled(10)
    assert (claim.inbox, claim.path, claim.size) == (str(root), "a.jpg", len(WHOLE))
    assert claim.source == str(root / ".watcher/spool" / claim.token / "a.jpg")
    assert Path(claim.source).read_bytes() == WHOLE
    assert not (root / "a.jpg").exists()
    assert inbox.claim_settled(10) == []
    assert inbox.settled()


def test_a_noticed_file_is_taken_without_a_scan(inbox: Inbox, root: Path) -> None:
    inbox.claim_settled(10)
    drop(root, {"a.jpg": WHOLE, "b.jpg": WHOLE, "Thumbs.db": WHOLE})
    for name in ("a.jpg", "Thumbs.db", "never there.jpg", "a.jpg"):
        inbox.notice(str(root / name))
    inbox.notice("/elsewhere/c.jpg")
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]
    inbox.rescan()
    assert taken(inbox.claim_settled(10)) == ["b.jpg"]
    assert (root / "Thumbs.db").exists()


def test_notice_and_rescan_wake_the_loop(make: Make, root: Path) -> None:
    woken: list[bool] = []
    inbox = make(wake=lambda: woken.append(True))
    inbox.notice(str(root / "a.jpg"))
    inbox.rescan()
    assert woken == [True, True]


def test_a_noticed_folder_is_scanned_by_itself_and_its_tree_kept(inbox: Inbox, root: Path, clock: Clock) -> None:
    inbox.claim_settled(10)
    drop(root, {"trip": {"b.jpg": 0, "a.jpg": 0, "deep": {"c.jpg": 0}}})
    inbox.notice(str(root / "trip"))
    assert inbox.claim_settled(10) == [], "it is found to be a folder"
    assert (inbox.next_deadline() or 0) < clock.monotonic(), "and scanned by the next call, which comes at once"
    claims = inbox.claim_settled(10)
    assert taken(claims) == ["trip/a.jpg", "trip/b.jpg", "trip/deep/c.jpg"]
    assert claims[2].source.endswith(f"/spool/{claims[2].token}/trip/deep/c.jpg")


@pytest.mark.parametrize("name", NASTY)
def test_every_name_goes_through(inbox: Inbox, root: Path, name: str) -> None:
    drop(root, {name: {name: WHOLE}})
    [claim] = inbox.claim_settled(10)
    assert claim.path == f"{name}/{name}"
    assert inbox.spool.spooled() == [(claim.token, claim.path)]
    assert Path(claim.source).read_bytes() == WHOLE


def test_claims_are_bounded_and_in_order_of_names(inbox: Inbox, root: Path) -> None:
    drop(root, {f"{number:02}.jpg": WHOLE for number in range(20)})
    assert inbox.claim_settled(0) == []
    assert taken(inbox.claim_settled(3)) == ["00.jpg", "01.jpg", "02.jpg"]
    assert inbox.waiting_count() == 17
    claims = inbox.claim_settled(100)
    assert taken(claims) == [f"{number:02}.jpg" for number in range(3, 20)]
    assert [claim.token for claim in claims] == sorted(claim.token for claim in claims)


def test_files_that_wait_only_for_room_set_no_deadline(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.jpg": WHOLE, "b.jpg": WHOLE})
    inbox.claim_settled(1)
    assert (inbox.next_deadline() or 0) > clock.monotonic() + 1000
    assert taken(inbox.claim_settled(1)) == ["b.jpg"]


def test_a_file_open_for_writing_is_never_taken_however_quiet(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.jpg": WHOLE})
    with Writer(root / "a.jpg"):
        assert inbox.claim_settled(10) == []
        assert inbox.waiting() == [("a.jpg", OPEN)]
        assert not inbox.settled()
        assert inbox.left_behind() == []
        clock.moved += 301
        assert inbox.claim_settled(10) == []
        assert inbox.settled()
        assert inbox.left_behind() == [("a.jpg", OPEN)]
    inbox.notice(str(root / "a.jpg"))
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]


def test_an_open_file_that_still_grows_is_not_left_behind(make: Make, root: Path, clock: Clock) -> None:
    inbox = make(wall=lambda: 0.0)  # a ctime that says nothing: only what we saw counts
    inbox.open("/library")
    drop(root, {"a.jpg": CUT})
    with (root / "a.jpg").open("ab") as writer:
        assert inbox.claim_settled(10) == []
        clock.moved += 200
        writer.write(b"more")
        writer.flush()
        clock.moved += 200
        assert inbox.claim_settled(10) == []
        assert not inbox.settled()


def test_a_format_without_an_end_waits_for_quiet(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.tif": ENDLESS})
    assert inbox.claim_settled(10) == []
    assert inbox.waiting() == [("a.tif", QUIET)]
    deadline = inbox.next_deadline()
    assert deadline and deadline - clock.monotonic() <= 20
    clock.moved += 21
    assert taken(inbox.claim_settled(10)) == ["a.tif"]


def test_quiet_starts_anew_with_every_change(make: Make, root: Path, clock: Clock) -> None:
    inbox = make(wall=lambda: 0.0)  # a ctime that says nothing: only what we saw counts
    inbox.open("/library")
    drop(root, {"a.tif": ENDLESS})
    inbox.claim_settled(10)
    clock.moved += 15
    (root / "a.tif").write_bytes(ENDLESS + b"more")
    inbox.notice(str(root / "a.tif"))
    assert inbox.claim_settled(10) == []
    clock.moved += 15
    inbox.notice(str(root / "a.tif"))
    assert inbox.claim_settled(10) == []
    clock.moved += 6
    assert taken(inbox.claim_settled(10)) == ["a.tif"]


def test_a_file_that_lay_there_quietly_for_long_is_not_waited_for(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.jpg": CUT, "b.tif": ENDLESS})
    clock.moved += 500  # their ctime is that old when they are first seen
    assert taken(inbox.claim_settled(10)) == ["a.jpg", "b.tif"]


def test_where_leases_cannot_be_asked_even_a_whole_file_waits(inbox: Inbox, root: Path, clock: Clock) -> None:
    inbox._candidates.trusted = False
    drop(root, {"a.jpg": WHOLE, "cut.jpg": CUT})
    assert inbox.claim_settled(10) == []
    clock.moved += 21
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]
    assert inbox.waiting() == [("cut.jpg", CUT_OFF)]
    clock.moved += 280
    assert taken(inbox.claim_settled(10)) == ["cut.jpg"]


def test_one_that_stays_cut_off_or_empty_is_taken_in_the_end(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.jpg": CUT, "empty.jpg": b""})
    clock.moved += 100
    assert inbox.claim_settled(10) == []
    clock.moved += 201
    assert sorted(taken(inbox.claim_settled(10))) == ["a.jpg", "empty.jpg"]


def test_links_and_pipes_are_left_alone_and_hard_links_are_taken(inbox: Inbox, root: Path) -> None:
    drop(root.parent, {"out.jpg": WHOLE, "out": {"x.jpg": WHOLE}})
    (root / "link.jpg").symlink_to(root.parent / "out.jpg")
    (root / "tree").symlink_to(root.parent / "out")
    os.mkfifo(root / "pipe.jpg")
    os.link(root.parent / "out.jpg", root / "hard.jpg")
    for name in ("link.jpg", "pipe.jpg", "tree", "tree/x.jpg"):
        inbox.notice(str(root / name))
    assert taken(inbox.claim_settled(10)) == ["hard.jpg"]
    assert (root.parent / "out/x.jpg").exists()
    assert {path for path, _ in inbox.waiting()} == {"link.jpg", "tree", "pipe.jpg"}
    assert inbox.settled()
    assert inbox.left_behind() == []


def test_a_writer_that_opens_between_look_and_rename_holds_the_file_in_the_spool(
    inbox: Inbox, root: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, {"trip": {"a.jpg": WHOLE}})
    rename, writers = os.rename, []

    def open_and_rename(source: str, target: str) -> None:
        writers.append(Writer(Path(os.path.realpath(source))))
        rename(source, target)

    monkeypatch.setattr(os, "rename", open_and_rename)
    assert inbox.claim_settled(10) == []
    monkeypatch.undo()
    [(token, path)] = inbox.spool.spooled()
    assert path == "trip/a.jpg"
    assert inbox.waiting() == [("trip/a.jpg", OPEN)]
    assert not inbox.settled()
    with writers[0]:
        pass
    clock.moved += 2
    assert [(claim.token, claim.path) for claim in inbox.claim_settled(10)] == [(token, "trip/a.jpg")]


def test_another_file_that_took_the_name_between_look_and_rename_settles_in_the_spool(
    inbox: Inbox, root: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, {"a.jpg": WHOLE})
    drop(root.parent, {"other.jpg": CUT})
    rename = os.rename

    def swap_and_rename(source: str, target: str) -> None:
        os.replace(root.parent / "other.jpg", source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", swap_and_rename)
    assert inbox.claim_settled(10) == []
    monkeypatch.undo()
    assert inbox.waiting() == [("a.jpg", CUT_OFF)]
    clock.moved += 301
    [claim] = inbox.claim_settled(10)
    assert claim.size == len(CUT)


def test_a_file_in_the_spool_that_no_journal_knows_settles_again_in_place(make: Make, root: Path) -> None:
    drop(root, {"trip": {"a.jpg": WHOLE}})
    first = make()
    first.open("/library")
    [claim] = first.claim_settled(10)
    first.close()
    (root / ".watcher/spool/0-empty/trip").mkdir(parents=True)
    second = make()
    second.open("/library")
    assert second.spool.spooled() == [("0-empty", None), (claim.token, "trip/a.jpg")]
    second.hold(claim.token, "trip/a.jpg")
    assert second.claim_settled(10) == [claim]
    second.spool.forget("0-empty")
    second.spool.forget(claim.token)
    assert second.spool.spooled() == [(claim.token, "trip/a.jpg")]
    os.unlink(claim.source)
    second.spool.forget(claim.token)
    assert second.spool.spooled() == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EXDEV, errno.ENAMETOOLONG])
def test_a_file_that_cannot_be_moved_stays_and_is_named_until_it_can(
    inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    drop(root, {"a.jpg": WHOLE})

    def refuse(source: str, target: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "rename", refuse)
    assert inbox.claim_settled(10) == []
    [(path, why)] = inbox.left_behind()
    assert path == "a.jpg"
    assert why.startswith("cannot be moved out of its folder: ")
    assert inbox.settled()
    assert inbox.spool.spooled() == []
    monkeypatch.undo()
    assert inbox.claim_settled(10) == []
    inbox.rescan()
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]
    assert inbox.left_behind() == []


def test_what_cannot_be_read_stays_and_is_named(inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(root, {"a.jpg": WHOLE, "b.jpg": WHOLE, "shut": {"c.jpg": WHOLE}})
    real_open, real_scandir = os.open, os.scandir

    def guarded(path: str, *rest: int, **where: int) -> int:  # root may read everything, so the refusal is made here
        if os.path.realpath(path) == str(root / "a.jpg"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(path, *rest, **where)

    def shut(path: str) -> object:
        if path == str(root / "shut"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_scandir(path)

    monkeypatch.setattr(os, "open", guarded)
    monkeypatch.setattr(os, "scandir", shut)
    assert taken(inbox.claim_settled(10)) == ["b.jpg"]
    assert [path for path, _ in inbox.left_behind()] == ["a.jpg", "shut"]
    assert all("Permission denied" in why for _, why in inbox.left_behind())
    assert inbox.settled()
    monkeypatch.undo()
    inbox.rescan()
    assert taken(inbox.claim_settled(10)) == ["a.jpg", "shut/c.jpg"]
    assert inbox.left_behind() == []


def test_without_space_nothing_is_taken_and_nothing_lost(
    inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, {"a.jpg": WHOLE, "b.jpg": WHOLE, "c.jpg": WHOLE})
    mkdir, made = os.mkdir, []

    def full(path: str, mode: int = 0o777, **where: int) -> None:
        if len(made) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        made.append(path)
        mkdir(path, mode, **where)

    monkeypatch.setattr(os, "mkdir", full)
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]
    with pytest.raises(UnavailableError, match=r"b\.jpg cannot be moved .* No space left"):
        inbox.claim_settled(10)
    monkeypatch.undo()
    assert taken(inbox.claim_settled(10)) == ["b.jpg", "c.jpg"]


def test_a_vanished_file_is_forgotten(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a.jpg": CUT})
    inbox.claim_settled(10)
    (root / "a.jpg").unlink()
    clock.moved += 301
    assert inbox.claim_settled(10) == []
    assert inbox.waiting_count() == 0


def test_what_failed_is_not_ours_and_moving_it_back_is(inbox: Inbox, root: Path) -> None:
    drop(root, {"failed": {"a.jpg": WHOLE}})
    assert inbox.claim_settled(10) == []
    (root / "failed/a.jpg").rename(root / "a.jpg")
    inbox.notice(str(root / "a.jpg"))
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]


def test_the_rescan_on_the_timer_finds_what_no_event_told(inbox: Inbox, root: Path, clock: Clock) -> None:
    inbox.claim_settled(10)
    drop(root, {"a.jpg": WHOLE})
    assert inbox.claim_settled(10) == []
    assert (inbox.next_deadline() or 0) <= clock.monotonic() + 3000
    clock.moved += 3001
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]


def test_an_inbox_that_goes_away_pauses_and_goes_on_by_itself(inbox: Inbox, root: Path, clock: Clock) -> None:
    inbox.claim_settled(10)
    away = root.rename(root.parent / "away")
    drop(away, {"a.jpg": WHOLE})
    assert inbox.claim_settled(10) == []
    assert "is not there" in (inbox.problem() or "")
    assert (inbox.next_deadline() or 0) <= clock.monotonic() + 5
    root.mkdir()
    drop(root, {"b.jpg": WHOLE})
    assert inbox.claim_settled(10) == []
    assert "another folder" in (inbox.problem() or "")
    assert (root / "b.jpg").exists()
    (root / "b.jpg").unlink()
    root.rmdir()
    away.rename(root)
    assert inbox.problem() is None
    assert taken(inbox.claim_settled(10)) == ["a.jpg"]


def test_a_lost_spool_is_a_problem(inbox: Inbox, root: Path) -> None:
    (root / ".watcher/spool").rename(root / ".watcher/elsewhere")
    assert ".watcher/spool" in (inbox.problem() or "")
    assert inbox.claim_settled(10) == []


def test_two_inboxes_with_one_root_are_refused(inbox: Inbox, make: Make) -> None:
    with pytest.raises(LockedError, match="already watched by another daemon"):
        make().open("/library")
    inbox.close()
    make().open("/library")


def test_another_librarys_unfinished_files_are_not_adopted_and_an_empty_spool_is(make: Make, root: Path) -> None:
    first = make()
    first.open("/first")
    drop(root, {"a.jpg": WHOLE})
    [claim] = first.claim_settled(10)
    first.close()
    with pytest.raises(LockedError, match="belongs to the library /first"):
        make().open("/second")
    os.unlink(claim.source)
    make().open("/second")
    assert (root / ".watcher/owner").read_bytes() == b"/second"


def test_the_spool_is_private_whatever_the_umask(make: Make, root: Path) -> None:
    before = os.umask(0o077)
    try:
        make().open(os.fsdecode(b"/library \xff"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / ".watcher").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / ".watcher/spool").stat().st_mode) == 0o700
    assert (root / ".watcher/owner").read_bytes() == b"/library \xff"


def test_a_missing_inbox_or_one_that_is_no_folder_is_one_sentence(make: Make, root: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        make(root / "nowhere").open("/library")
    drop(root, {"file": b"x"})
    with pytest.raises(ConfigError, match="is not a folder"):
        make(root / "file").open("/library")
    (root / "sub").mkdir()
    (root / "sub/.watcher").symlink_to(root)
    with pytest.raises(ConfigError, match="symbolic link"):
        make(root / "sub").open("/library")


def test_folders_that_claims_emptied_go_once_they_are_quiet(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a": {"b": {"1.jpg": WHOLE}}, "kept": {"2.jpg": WHOLE, "notes.tmp": b"x"}, "empty": {}})
    inbox.claim_settled(10)
    inbox.remove_emptied()
    assert (root / "a/b").is_dir()
    deadline = inbox.next_deadline()
    assert deadline and deadline <= clock.monotonic() + 600
    clock.moved += 601
    inbox.remove_emptied()
    assert sorted(path.name for path in root.iterdir()) == [".watcher", "empty", "kept"]


def test_a_folder_that_something_happens_in_is_not_quiet(inbox: Inbox, root: Path, clock: Clock) -> None:
    drop(root, {"a": {"1.jpg": WHOLE}})
    inbox.claim_settled(10)
    clock.moved += 601
    later = clock.wall()
    os.utime(root / "a", (later, later))
    inbox.remove_emptied()
    assert (root / "a").is_dir()
    clock.moved += 601
    inbox.remove_emptied()
    assert not (root / "a").exists()


def test_at_the_end_of_a_run_emptied_folders_go_at_once_but_never_the_inbox(inbox: Inbox, root: Path) -> None:
    drop(root, {"1.jpg": WHOLE, "a": {"b": {"2.jpg": WHOLE}}})
    inbox.claim_settled(10)
    inbox.remove_emptied(now=True)
    assert [path.name for path in root.iterdir()] == [".watcher"]


# -- a folder's batch.toml ---------------------------------------------------------------------------------------------


OPTIONS = b'title = "T"'


def test_a_batch_toml_is_taken_before_the_files_of_its_folder_and_holds_up_no_others(
    inbox: Inbox, root: Path, clock: Clock
) -> None:
    drop(root, {"trip": {"a.jpg": WHOLE, "deep": {"b.jpg": WHOLE}, "batch.toml": OPTIONS}, "home": {"c.jpg": WHOLE}})
    assert taken(inbox.claim_settled(10)) == ["home/c.jpg"]
    reasons = dict(inbox.waiting())
    assert reasons["trip/a.jpg"].startswith("waiting until trip/batch.toml is taken: ")
    assert not inbox.settled()
    assert inbox.comes_from("trip")
    clock.moved += 21
    assert taken(inbox.claim_settled(10)) == ["trip/batch.toml"]
    clock.moved += 1
    assert taken(inbox.claim_settled(10)) == ["trip/a.jpg", "trip/deep/b.jpg"]
    assert not inbox.comes_from("trip")


def test_a_file_whose_batch_toml_still_settles_in_the_spool_waits_for_it_too(
    make: Make, root: Path, clock: Clock
) -> None:
    first = make()
    first.open("/library")
    drop(root, {"trip": {"batch.toml": OPTIONS, "a.jpg": WHOLE, "b.jpg": WHOLE}})
    clock.moved += 21
    claims = first.claim_settled(1)
    assert taken(claims) == ["trip/batch.toml"]
    clock.moved += 1
    claims += first.claim_settled(1)
    assert taken(claims) == ["trip/batch.toml", "trip/a.jpg"]
    first.close()
    clock.moved = 0.0
    second = make()
    second.open("/library")
    for claim in claims:
        second.hold(claim.token, claim.path)
    assert second.claim_settled(10) == [], "their names changed just now: nobody knows yet who writes"
    clock.moved += 21
    assert taken(second.claim_settled(10)) == ["trip/batch.toml"]
    clock.moved += 1
    assert sorted(taken(second.claim_settled(10))) == ["trip/a.jpg", "trip/b.jpg"]


def test_a_batch_toml_that_is_a_link_holds_up_its_folder_and_says_so(inbox: Inbox, root: Path) -> None:
    drop(root, {"trip": {"a.jpg": WHOLE}})
    (root / "trip/batch.toml").symlink_to("/etc/hostname")
    assert inbox.claim_settled(10) == []
    assert ("trip/a.jpg", "trip/batch.toml is no file: make it one, or remove it") in inbox.left_behind()
    assert inbox.settled(), "nobody waits for it"
    (root / "trip/batch.toml").unlink()
    inbox.rescan()
    assert taken(inbox.claim_settled(10)) == ["trip/a.jpg"]


@pytest.mark.parametrize("name", NASTY)
def test_what_a_folder_of_any_name_still_holds_is_known(inbox: Inbox, root: Path, name: str) -> None:
    drop(root, {name: {"a.tif": ENDLESS}})
    inbox.claim_settled(10)
    assert inbox.comes_from(shown(name))
    assert not inbox.comes_from(shown(name)[:-1])


@pytest.mark.parametrize("what", ["folder", "link"])
def test_what_is_no_file_and_took_the_name_between_look_and_rename_is_given_back(
    inbox: Inbox, root: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    drop(root, {"trip": {"a.jpg": WHOLE}})
    rename, place = os.rename, root / "trip/a.jpg"

    def swap_and_rename(source: str, target: str) -> None:
        place.unlink()
        if what == "folder":
            drop(root / "trip", {"a.jpg": {"one.jpg": WHOLE}})
        else:
            place.symlink_to(root.parent)
        rename(source, target)

    monkeypatch.setattr(os, "rename", swap_and_rename)
    assert inbox.claim_settled(10) == []
    monkeypatch.undo()
    clock.moved += 2
    claims = [claim for _ in range(3) for claim in inbox.claim_settled(10)]
    assert taken(claims) == (["trip/a.jpg/one.jpg"] if what == "folder" else [])
    assert place.is_symlink() == (what == "link")
    assert len(inbox.spool.spooled()) == len(claims)


def test_one_that_could_not_be_moved_and_was_removed_since_is_forgotten_by_the_next_scan(
    inbox: Inbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, {"a.jpg": WHOLE})

    def refuse(source: str, target: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    assert inbox.claim_settled(10) == []
    (root / "a.jpg").unlink()
    inbox.rescan()
    assert inbox.claim_settled(10) == []
    assert inbox.left_behind() == []
    assert inbox.waiting_count() == 0
