import errno
import os
import queue
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import (
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    Watch,
    WatchDescriptor,
)

from watcher.intake.observer import Observer, _AtOnce

DEADLINE_SECONDS = 10.0


class Seen:
    """What the observer told, waited for with a deadline."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, str]] = queue.Queue()
        self.overflows = threading.Event()
        self.breaks = False

    def notice(self, root: str, path: str) -> None:
        if self.breaks:
            self.breaks = False
            raise RuntimeError("broken on purpose")
        self.told.put((root, path))

    def until(self, path: Path) -> list[str]:
        """All paths told, up to and with `path`."""
        paths = []
        while not paths or paths[-1] != str(path):
            paths.append(self.told.get(timeout=DEADLINE_SECONDS)[1])
        return paths


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in/.watcher/spool/x").mkdir(parents=True)
    return tmp_path / "in"


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def observer(seen: Seen, inbox: Path) -> Iterator[Observer]:
    observer = Observer(seen.notice, seen.overflows.set)
    observer.start()
    assert observer.watch(str(inbox)) is None
    yield observer
    observer.stop()


def test_a_file_copied_moved_or_linked_in_is_told(observer: Observer, seen: Seen, inbox: Path) -> None:
    outside = inbox.parent / "outside.jpg"
    outside.write_bytes(b"x")
    shutil.copy(outside, inbox / "copied.jpg")
    seen.until(inbox / "copied.jpg")
    os.link(outside, inbox / "linked.jpg")
    seen.until(inbox / "linked.jpg")
    outside.rename(inbox / "moved.jpg")
    seen.until(inbox / "moved.jpg")
    (inbox / "moved.jpg").rename(inbox / "renamed.jpg")
    seen.until(inbox / "renamed.jpg")


def test_a_name_that_is_not_utf8_is_told(observer: Observer, seen: Seen, inbox: Path) -> None:
    path = inbox / os.fsdecode(b"\xff\n.jpg")
    path.write_bytes(b"x")
    seen.until(path)


def test_a_folder_moved_in_and_what_comes_into_it_later_is_told(observer: Observer, seen: Seen, inbox: Path) -> None:
    tree = inbox.parent / "trip"
    (tree / "deep").mkdir(parents=True)
    tree.rename(inbox / "trip")
    seen.until(inbox / "trip")
    (inbox / "trip").rename(inbox / "renamed")
    seen.until(inbox / "renamed")
    (inbox / "renamed/deep/a.jpg").write_bytes(b"x")
    seen.until(inbox / "renamed/deep/a.jpg")
    assert observer.alive(str(inbox))


def test_nothing_is_told_of_our_own_folder(observer: Observer, seen: Seen, inbox: Path) -> None:
    (inbox / "a.jpg").write_bytes(b"x")
    seen.until(inbox / "a.jpg")
    (inbox / "a.jpg").rename(inbox / ".watcher/spool/x/a.jpg")
    (inbox / ".watcher/spool/y").mkdir()
    (inbox / ".watcher/spool/y/b.jpg").write_bytes(b"x")
    (inbox / "last.jpg").write_bytes(b"x")
    assert not [path for path in seen.until(inbox / "last.jpg") if ".watcher" in path]


def test_a_file_dropped_right_behind_a_claim_is_not_held_back(observer: Observer, seen: Seen, inbox: Path) -> None:
    # this bound is the point: watchdog by itself holds the second file back for 0.5 s
    assert _AtOnce.delay == 0
    for number in range(5):
        first, second = inbox / f"{number}.jpg", inbox / f"{number} behind.jpg"
        first.write_bytes(b"x")
        seen.until(first)
        first.rename(inbox / f".watcher/spool/x/{number}.jpg")
        second.write_bytes(b"x")
        try:
            while seen.told.get(timeout=0.4)[1] != str(second):
                pass
        except queue.Empty:
            continue  # a busy machine; all five slow means held back
        return
    pytest.fail("every file behind a claim was held back")


def test_a_root_that_is_a_link_is_watched_under_its_own_name(observer: Observer, seen: Seen, inbox: Path) -> None:
    real, link = inbox.parent / "real", inbox.parent / "link"
    real.mkdir()
    link.symlink_to(real)
    assert observer.watch(str(link)) is None
    (real / "a.jpg").write_bytes(b"x")
    assert seen.told.get(timeout=DEADLINE_SECONDS) == (str(link), str(link / "a.jpg"))


def test_an_error_in_notice_costs_a_rescan_and_not_the_thread(observer: Observer, seen: Seen, inbox: Path) -> None:
    seen.breaks = True
    (inbox / "a.jpg").write_bytes(b"x")
    assert seen.overflows.wait(DEADLINE_SECONDS)
    (inbox / "b.jpg").write_bytes(b"x")
    seen.until(inbox / "b.jpg")


def test_a_queue_overflow_is_told_and_watching_goes_on(observer: Observer, seen: Seen, inbox: Path) -> None:
    assert observer._queue
    lost = InotifyEvent(WatchDescriptor(-1), Mask(InotifyConstants.IN_Q_OVERFLOW), 0, b"")
    observer._queue.handle_event(lost)
    assert seen.overflows.is_set()
    (inbox / "a.jpg").write_bytes(b"x")
    seen.until(inbox / "a.jpg")


def test_a_deleted_root_is_no_longer_alive_and_can_be_watched_again(
    observer: Observer, seen: Seen, inbox: Path
) -> None:
    emitter = next(iter(observer._threads.emitters)) if observer._threads else None
    shutil.rmtree(inbox)
    assert emitter
    emitter.join(DEADLINE_SECONDS)
    assert not observer.alive(str(inbox))
    assert "scanned instead" in (observer.problem(str(inbox)) or "")
    inbox.mkdir()
    assert observer.watch(str(inbox)) is None
    (inbox / "a.jpg").write_bytes(b"x")
    seen.until(inbox / "a.jpg")


def test_a_root_that_is_not_there_is_a_sentence(observer: Observer, inbox: Path) -> None:
    nowhere = str(inbox.parent / "nowhere")
    assert nowhere in (observer.watch(nowhere) or "")
    assert not observer.alive(nowhere)
    observer.unwatch(nowhere)


def _out_of(number: int) -> OSError:
    return OSError(number, "inotify limit reached")


def test_folders_that_no_watch_is_left_for_are_told_until_watched_anew(
    observer: Observer, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = InotifyFD._get_or_create_watch

    def limited(self: InotifyFD, path: bytes, mask: Mask) -> Watch:
        if path.endswith(b"sub7"):
            raise _out_of(errno.ENOSPC)
        return real(self, path, mask)

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", limited)
    for number in range(9):
        (inbox / f"sub{number}").mkdir()
    assert "Not all folders" in (observer.watch(str(inbox)) or "")
    assert observer.alive(str(inbox))
    monkeypatch.undo()
    assert observer.watch(str(inbox)) is None


def test_a_root_that_no_watch_is_left_for_is_a_sentence(
    observer: Observer, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(self: InotifyFD, path: bytes, mask: Mask) -> Watch:
        raise _out_of(errno.ENOSPC)

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", limited)
    assert "fs.inotify.max_user_watches" in (observer.watch(str(inbox)) or "")


def test_without_an_inotify_instance_every_root_is_scanned_instead(
    inbox: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(cls: type[InotifyFD]) -> int:
        raise _out_of(errno.EMFILE)

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", classmethod(none_left))
    observer = Observer(seen.notice, seen.overflows.set)
    observer.start()
    assert "fs.inotify.max_user_instances" in (observer.watch(str(inbox)) or "")
    observer.stop()


def test_folders_that_are_not_where_they_were_last_heard_of_do_not_keep_it_from_ending(
    observer: Observer, inbox: Path
) -> None:
    (inbox / "a").mkdir()
    assert observer.watch(str(inbox)) is None
    assert observer._threads is not None
    tree = max(
        (each._inotify for each in observer._threads.emitters), key=lambda one: len(one._active_callbacks_by_path)
    )
    assert tree._active_callbacks_by_path.pop(os.fsencode(inbox / "a")), "as after names were swapped in a storm"
    observer.stop()
