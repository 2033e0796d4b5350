"""The watch over an inbox: events where they tell everything, scans where they do not, and what is said of it."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD, Mask, Watch

from watcher import watching as module
from watcher.intake.inbox import Inbox
from watcher.watching import RETRY_SECONDS, SCAN_SECONDS, Mode, Watching, is_shared

RESCAN = 3000.0
DEADLINE_SECONDS = 10.0


class Site:
    """An open inbox, its watch, a clock moved by hand; `woken` is set when the inbox has something to do."""

    def __init__(self, root: Path, mode: Mode) -> None:
        root.mkdir()
        self.root, self.now, self.woken = root, 0.0, threading.Event()
        self.inbox = Inbox(
            str(root),
            "in",
            settle_seconds=0,
            incomplete_seconds=0,
            batch_seconds=0,
            rescan_seconds=RESCAN,
            wake=self.woken.set,
            clock=lambda: self.now,
            wall=lambda: 2e9,
        )
        self.inbox.open("/library")
        self.watching = Watching({1: self.inbox}, {1: mode}, RESCAN, lambda: self.now)

    def start(self) -> None:
        self.watching.start()
        self.watching.follow(())
        self.scan()

    def scan(self) -> list[str]:
        """What is taken now, by a scan when one is due or by what events told."""
        return [claim.path for claim in self.inbox.claim_settled(10)]

    def drop(self, name: str) -> None:
        (self.root / name).write_bytes(b"x")

    def hears(self) -> bool:
        """Whether an event tells of a file that is dropped now."""
        self.woken.clear()
        self.drop(f"heard {self.now}.jpg")
        return self.woken.wait(DEADLINE_SECONDS)

    def seconds_to_next_scan(self) -> float:
        while (due := self.inbox.next_deadline() or 0.0) <= self.now:
            self.scan()
        return due - self.now


Make = Callable[..., Site]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Site] = []

    def make(mode: Mode = "auto") -> Site:
        made.append(Site(tmp_path / f"in{len(made)}", mode))
        return made[-1]

    yield make
    for site in made:
        site.watching.close()
        site.inbox.close()


@pytest.fixture
def site(make: Make) -> Site:
    made = make()
    made.start()
    return made


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(getattr(record, "event", "")) for record in caplog.records]


def test_a_watched_inbox_is_told_by_events_and_scanned_now_and_then(site: Site) -> None:
    facts = site.watching.facts(1)
    assert (facts.mode, facts.deaf, facts.last_event, facts.unannounced) == ("events", None, None, 0)
    assert facts.fstype and facts.last_scan == "2033-05-18T03:33:20Z"
    assert site.seconds_to_next_scan() == RESCAN
    assert site.hears()
    assert site.watching.facts(1).last_event


def test_a_file_that_only_a_scan_finds_is_counted_and_one_that_lay_there_before_is_not(make: Make) -> None:
    site = make()
    site.drop("before.jpg")
    site.watching.start()
    site.watching.follow(())
    assert site.scan() == ["before.jpg"]
    assert site.hears()
    site.scan()
    assert site.watching.facts(1).unannounced == 0
    observer = site.watching._observer
    assert observer
    observer.unwatch(str(site.root))  # nobody listens, and nobody knows
    site.drop("unheard.jpg")
    site.now += RESCAN
    assert site.scan() == ["unheard.jpg"]
    assert site.watching.facts(1).unannounced == 1


@pytest.mark.parametrize(
    ("mode", "fstype", "seconds"),
    [
        ("auto", "ext4", RESCAN),
        ("auto", None, RESCAN),
        ("auto", "nfs4", SCAN_SECONDS),
        ("auto", "fuse.sshfs", SCAN_SECONDS),
        ("events", "nfs4", RESCAN),
        ("scan", "ext4", SCAN_SECONDS),
    ],
)
def test_the_mode_and_the_file_system_decide_how_it_is_watched(
    make: Make, monkeypatch: pytest.MonkeyPatch, mode: Mode, fstype: str | None, seconds: float
) -> None:
    monkeypatch.setattr(module, "type_of", lambda path: fstype)
    site = make(mode)
    site.start()
    facts = site.watching.facts(1)
    assert facts.mode == ("events" if seconds == RESCAN else "scan")
    assert (facts.fstype, facts.deaf) == (fstype, None)
    assert (facts.unannounced is None) == (facts.mode == "scan")
    assert site.seconds_to_next_scan() == seconds


@pytest.mark.parametrize(
    ("fstype", "shared"),
    [
        *((name, True) for name in ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse", "fuse.rclone", "virtiofs")),
        *((name, False) for name in ("ext4", "xfs", "btrfs", "tmpfs", "vfat", "exfat", "fuseblk", "ntfs3", "overlay")),
        (None, False),
    ],
)
def test_where_other_machines_write_no_event_is_waited_for(fstype: str | None, shared: bool) -> None:
    assert is_shared(fstype) == shared


def test_a_watch_that_dies_is_made_anew_at_once_and_the_inbox_scanned(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    kill_emitters(site)
    site.drop("meanwhile.jpg")
    site.watching.follow(())
    assert site.scan() == ["meanwhile.jpg"]
    assert site.watching.facts(1).mode == "events"
    assert site.hears()
    assert events(caplog) == ["rearmed"]


def test_a_watch_that_dies_again_soon_is_scanned_instead_until_it_is_tried_again(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    kill_emitters(site)
    site.watching.follow(())
    kill_emitters(site)
    for _ in range(3):
        site.watching.follow(())
    assert site.watching.facts(1).mode == "scan"
    assert site.seconds_to_next_scan() == SCAN_SECONDS
    site.now += RETRY_SECONDS
    site.watching.follow(())
    assert site.watching.facts(1).mode == "events"
    assert site.seconds_to_next_scan() == RESCAN
    assert events(caplog) == ["rearmed", "deaf", "hears"]


@pytest.mark.parametrize("thread", ["_threads", "_queue"])
def test_when_a_thread_of_all_watches_dies_all_are_made_anew(site: Site, thread: str) -> None:
    dead = getattr(site.watching._observer, thread)
    dead.stop()
    dead.join(DEADLINE_SECONDS)
    site.watching.follow(())
    assert site.watching.facts(1).mode == "events"
    assert site.hears()


def kill_emitters(site: Site) -> None:
    observer = site.watching._observer
    assert observer and observer._threads
    for emitter in list(observer._threads.emitters):
        emitter.stop()
        emitter.join(DEADLINE_SECONDS)


def test_an_inbox_that_is_away_is_left_and_watched_again_when_it_is_back(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    away = site.root.rename(site.root.parent / "away")
    site.watching.follow([1])
    site.watching.follow([1])
    (away / "meanwhile.jpg").write_bytes(b"x")
    away.rename(site.root)
    site.watching.follow(())
    assert site.scan() == ["meanwhile.jpg"]
    assert site.watching.facts(1).mode == "events"
    assert site.hears()
    assert events(caplog) == [], "that it was away is the daemon's to say"


def test_a_folder_that_is_deleted_is_not_taken_for_a_watch_that_died(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    observer = site.watching._observer
    assert observer and observer._threads
    [emitter] = [one for one in observer._threads.emitters if one.watch.path == str(site.root)]
    site.inbox.close()  # the kernel tells of a deletion when nothing below is open any more
    shutil.rmtree(site.root)
    emitter.join(DEADLINE_SECONDS)
    assert not observer.alive(str(site.root))
    site.watching.follow(())
    assert "rearmed" not in events(caplog)


def test_with_the_watches_used_up_it_is_scanned_said_once_and_tried_again_now_and_then(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = InotifyFD._get_or_create_watch

    def limited(self: InotifyFD, path: bytes, mask: Mask) -> Watch:
        if b"deep" in path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, path, mask)

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", limited)
    (site.root / "trip/deep").mkdir(parents=True)
    site.watching.follow([1])
    for _ in range(3):
        site.watching.follow(())
        site.now += RETRY_SECONDS
    facts = site.watching.facts(1)
    assert facts.mode == "scan"
    assert "fs.inotify.max_user_watches" in (facts.deaf or "")
    assert site.seconds_to_next_scan() == SCAN_SECONDS
    monkeypatch.undo()
    site.watching.follow(())
    assert site.watching.facts(1).deaf is None
    assert events(caplog) == ["deaf", "hears"]


def test_without_an_instance_it_is_scanned_and_watched_when_there_is_one(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(cls: type[InotifyFD]) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", classmethod(none_left))
    site = make()
    site.start()
    assert "fs.inotify.max_user_instances" in (site.watching.facts(1).deaf or "")
    assert site.seconds_to_next_scan() == SCAN_SECONDS
    monkeypatch.undo()
    site.now += RETRY_SECONDS
    site.watching.follow(())
    assert site.watching.facts(1).deaf is None
    assert site.hears()


def test_events_that_were_lost_are_said_once_and_answered_by_a_scan(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    site.watching.follow([1])  # no event tells of it
    site.drop("lost.jpg")
    for _ in range(3):
        site.watching._overflow()
    assert site.scan() == ["lost.jpg"]
    assert events(caplog) == ["overflow"]
    assert "fs.inotify.max_queued_events" in caplog.text


def test_without_a_start_nothing_is_watched(make: Make) -> None:
    site = make()
    site.watching.follow(())
    assert site.watching.facts(1).mode == "scan"
    assert not (site.watching.facts(1).fstype or site.watching.facts(1).deaf)
