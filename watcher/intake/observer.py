"""Watches folder trees with inotify and passes on where something happened. The only home of watchdog.

Every event is a hint to look at a path, no more: what is to be taken is the inbox's business, which scans as
well. Own pieces stand in for three of watchdog's, because its own hold events back for half a second behind a
file that is moved out of the tree (each of our claims), watch the spool too, and lose queue overflows and
exhausted limits in the log.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from watcher.model import shown

_log = logging.getLogger(__name__)

_KINDS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
_LIMITS = {errno.ENOSPC: "fs.inotify.max_user_watches", errno.EMFILE: "fs.inotify.max_user_instances"}
_OURS = b".watcher"


class Observer:
    """Calls `notice(root, path)` for what happens below a watched root, `overflow()` when events were lost.

    Both are called from watchdog's threads. `problem(root)` says why a root's events cannot be relied on:
    then the inbox must be scanned instead.
    """

    def __init__(self, notice: Callable[[str, str], None], overflow: Callable[[], None]) -> None:
        self._notice = notice
        self._overflow = overflow
        self._watches: dict[str, ObservedWatch] = {}  # by root; their paths are the real ones
        self._ready: dict[str, ObservedWatch] = {}  # a second one, in our own folder
        self._troubles: dict[str, str] = {}
        self._queue: _Queue | None = None
        self._threads: BaseObserver | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """Start the threads. After the worker pool, before `watch`, which tries again when that fails."""
        self._trouble = None
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)  # what it warns of, problem() and overflow() tell
        try:
            self._queue = _Queue(self._overflow)
        except OSError as error:
            self._trouble = _sentence("Folders cannot be watched", error)
            return
        self._queue.start()
        self._threads = BaseObserver(_Emitter, inotify_fd=self._queue)
        self._threads.start()

    def stop(self) -> None:
        """End the threads; harmless when not started."""
        if self._threads:
            self._threads.stop()
            self._threads.join()
        if self._queue:
            self._queue.stop()
            self._queue.join()
        self._threads = self._queue = None
        self._watches.clear()
        self._ready.clear()

    def watch(self, root: str) -> str | None:
        """Watch the tree at `root` and answer `problem(root)`. Never raises."""
        self.unwatch(root)
        self._revive()
        if self._threads is None:
            return self.problem(root)
        real = os.path.realpath(root)  # of a link inotify would watch the link
        try:
            if not os.access(real, os.R_OK | os.X_OK):  # watchdog would go on, without any event ever
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            hints = _Hints(root, real, self._notice, self._overflow)
            self._watches[root] = self._threads.schedule(hints, real, recursive=True, event_filter=_KINDS)
            self._watch_ready(root, real, hints)
        except OSError as error:
            self._troubles[root] = _sentence(f"{shown(root)} cannot be watched", error)
        return self.problem(root)

    def _revive(self) -> None:
        """Start all threads anew unless they run: dead ones take no watch. Whoever had one finds it dead then."""
        if not (self._threads and self._queue and self._threads.is_alive() and self._queue.is_alive()):
            self.stop()
            self.start()

    def _watch_ready(self, root: str, real: str, hints: _Hints) -> None:
        """What `watcher add` makes ready lies in our own folder, of which nothing else is watched."""
        ready = os.path.join(real, os.fsdecode(_OURS), "ready")
        if self._threads and os.path.isdir(ready):
            self._ready[root] = self._threads.schedule(hints, ready, recursive=False, event_filter=_KINDS)

    def unwatch(self, root: str) -> None:
        """Stop watching `root`; harmless when it is not watched."""
        self._troubles.pop(root, None)
        for watch in (self._watches.pop(root, None), self._ready.pop(root, None)):
            if watch and self._threads and self._queue:
                with contextlib.suppress(KeyError):  # a thread that ended has forgotten it
                    self._threads.unschedule(watch)
                self._queue.forget(watch.path)

    def alive(self, root: str) -> bool:
        """Whether the threads that report on `root` run. Not so after `root` was deleted: watch it again."""
        watch = self._watches.get(root)
        if watch is None or self._threads is None or self._queue is None:
            return False
        running = any(emitter.watch == watch and emitter.is_alive() for emitter in self._threads.emitters)
        return running and self._threads.is_alive() and self._queue.is_alive()

    def problem(self, root: str) -> str | None:
        """Why the events of `root` cannot be relied on, and what to do, as a sentence; None when they can."""
        if self._trouble or root in self._troubles:
            return self._trouble or self._troubles[root]
        if not self.alive(root):
            return f"{shown(root)} is not watched: it is scanned instead."
        if self._queue and self._queue.misses(self._watches[root].path):
            return _sentence(
                f"Not all folders in {shown(root)} can be watched",
                OSError(errno.ENOSPC, "inotify watch limit reached"),
            )
        return None


def _sentence(what: str, error: OSError) -> str:
    setting = _LIMITS.get(error.errno or 0)
    cure = f" Raise it: sysctl {setting}=<more>." if setting else ""
    return f"{what} ({error.strerror}); scanned instead.{cure}"


class _Hints(FileSystemEventHandler):
    """Passes on where something happened, under the name of the root that the inbox knows."""

    def __init__(self, root: str, real: str, notice: Callable[[str, str], None], overflow: Callable[[], None]) -> None:
        self._root, self._real = root, real
        self._notice, self._overflow = notice, overflow

    def dispatch(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        try:
            self._notice(self._root, self._root + path.removeprefix(self._real))
        except Exception as error:  # it would end watchdog's thread, and with it every later event
            _log.error("the event for %s is lost: %s", shown(path), error)
            self._overflow()


class _Queue(InotifyFD):
    """The inotify descriptor; announces overflows, and remembers the folders that no watch was left for."""

    def __init__(self, overflow: Callable[[], None]) -> None:
        super().__init__()
        os.set_inheritable(self._inotify_fd, False)  # watchdog leaves it open in children
        self._overflow = overflow
        self._unwatched: set[bytes] = set()

    def misses(self, real: str) -> bool:
        """Whether no watch was left for some folder below `real`."""
        return bool(self._below(real))

    def forget(self, real: str) -> None:
        self._unwatched.difference_update(self._below(real))

    def _below(self, real: str) -> list[bytes]:
        prefix = os.fsencode(real) + b"/"
        return [path for path in tuple(self._unwatched) if path.startswith(prefix)]  # a copy: threads add to it

    def handle_event(self, event: InotifyEvent) -> None:
        try:
            super().handle_event(event)
            lost = event.is_queue_overflow
        except Exception as error:  # it would end the thread that reads all events
            _log.error("an event of the file system is lost: %s", error)
            lost = True
        if lost:
            self._overflow()

    def _add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        # watchdog warns when a folder is watched already, which a moved or quickly filled one is; under
        # `-W error` that warning would end its thread
        try:
            watch = self._get_or_create_watch(path, mask)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._unwatched.add(path)
            raise
        self._unwatched.discard(path)
        watch.callbacks[id_] = callback
        return watch.wd


class _AtOnce(InotifyMoveEventGrouper):
    """Waits for no second half of a move: a claimed file has none, and all events behind it would wait."""

    delay = 0.0


@dataclass
class _Tree(InotifyWatchGroup):
    """The watches of one root, without its `.watcher`."""

    _move_event_grouper: InotifyMoveEventGrouper = field(default_factory=_AtOnce, init=False)

    def on_event(self, event: InotifyEvent) -> None:
        if event.name != _OURS:
            super().on_event(event)

    def _add_callback(self, path: bytes) -> None:
        ours = os.path.join(self.path, _OURS)
        if path != ours and not path.startswith(ours + b"/"):
            super()._add_callback(path)

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        # folders that swapped their names faster than their events were read are not under the names it knows
        with contextlib.suppress(KeyError):
            super()._remove_watch_internally(wd)


class _Emitter(InotifyEmitter):
    """watchdog's emitter, on a _Tree."""

    def on_thread_start(self) -> None:
        self._inotify = _Tree(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            event_mask=self.get_event_mask_from_filter(),
            is_recursive=True,
        )
