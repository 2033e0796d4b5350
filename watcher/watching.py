"""The watch over each open inbox: how new files are noticed, and whether that can be relied on.

Events where they tell everything, scans every few seconds where they do not: on file systems that other machines write
to, with the watches of the system used up, after a watch died. What cannot be watched is tried again now and then, and
said once each time that it changes. Inboxes are known by their row ids. What is done about a hint is the inbox's
business, events the observer's, whether the inbox is there at all the daemon's.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from watcher import logs
from watcher.filesystem import type_of
from watcher.intake.inbox import Inbox
from watcher.showing import shown, utc

if TYPE_CHECKING:
    from watcher.intake.observer import Observer

_log = logging.getLogger("watcher.service")

Mode = Literal["auto", "events", "scan"]

SCAN_SECONDS = 5.0  # from one scan to the next where events do not tell everything
RETRY_SECONDS = 60.0  # how often that is tried again which could not be watched

# What another machine, or the host of this one, does there makes no event here (inotify(7), "Limitations").
_SHARED = re.compile(
    r"9p|acfs|afs|autofs|beegfs|ceph|cifs|coda|davfs|drvfs|fuse(\..+)?|gfs2|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2"
    r"|orangefs|prl_fs|pvfs2|smb3|smbfs|vboxsf|virtiofs|vmhgfs"
)
_LOST = (
    "more happened at once than the system remembers (fs.inotify.max_queued_events): all inboxes are scanned, nothing"
    " is lost. When it comes often, raise it: sysctl fs.inotify.max_queued_events=<more>"
)


def is_shared(fstype: str | None) -> bool:
    """Whether a file system of this type has changes that no event tells of."""
    return _SHARED.fullmatch(fstype or "") is not None


@dataclass(frozen=True, slots=True)
class Facts:
    """How one inbox is watched now. Times are UTC, to the second; None: none yet.

    `deaf`: why events are not relied on although they are wanted. `unannounced`: files that a scan found and that no
    event had told of, since the daemon started; None where none are expected.
    """

    mode: Literal["events", "scan"]
    deaf: str | None
    fstype: str | None
    last_event: str | None
    last_scan: str | None
    unannounced: int | None


@dataclass(slots=True)
class _Watch:
    fstype: str | None = None
    begun: bool = False  # the inbox is there, and told how it will be scanned
    wanted: bool = False  # its events are asked for
    deaf: str | None = None  # said in the log
    retry: float = 0.0  # when to ask again what could not be watched
    revived: float = float("-inf")  # when a watch that had died was made anew
    heard: float | None = None  # unix seconds of the last event


class Watching:
    """Does nothing before `start`: a run with --once goes by scans alone.

    `modes` are the settings of the `inboxes`. `rescan_seconds`: how often a watched one is scanned all the same.
    """

    def __init__(
        self,
        inboxes: Mapping[int, Inbox],
        modes: Mapping[int, Mode],
        rescan_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inboxes, self._modes, self._rescan_seconds = inboxes, modes, rescan_seconds
        self._clock = clock
        self._observer: Observer | None = None
        self._watches: dict[int, _Watch] = {}
        self._overflowed = False

    def start(self) -> None:
        from watcher.intake.observer import Observer  # here: a run with --once does without watchdog

        self._observer = Observer(self._notice, self._overflow)
        self._observer.start()

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()

    def follow(self, away: Container[int]) -> None:
        """Give up the watches of the inboxes that are `away`, watch those that are back, mend what is broken."""
        if self._observer is None:
            return
        for inbox_id, inbox in self._inboxes.items():
            watch = self._watches.setdefault(inbox_id, _Watch())
            if inbox_id in away:
                self._leave(self._observer, inbox, watch)
            elif not watch.begun:
                self._begin(self._observer, inbox, watch, self._modes[inbox_id])
            elif watch.wanted:
                self._mend(self._observer, inbox, watch)

    def facts(self, inbox_id: int) -> Facts:
        inbox, watch = self._inboxes[inbox_id], self._watches.get(inbox_id, _Watch())
        relied = watch.wanted and watch.deaf is None
        return Facts(
            mode="events" if relied else "scan",
            deaf=watch.deaf,
            fstype=watch.fstype,
            last_event=_utc(watch.heard),
            last_scan=_utc(inbox.noticing.last_scan),
            unannounced=inbox.noticing.unannounced if relied else None,
        )

    def _leave(self, observer: Observer, inbox: Inbox, watch: _Watch) -> None:
        if watch.begun:
            observer.unwatch(inbox.root)
            watch.begun = watch.wanted = False
            watch.deaf = None

    def _begin(self, observer: Observer, inbox: Inbox, watch: _Watch, mode: Mode) -> None:
        watch.begun, watch.fstype = True, type_of(inbox.root)
        watch.wanted = mode == "events" or (mode == "auto" and not is_shared(watch.fstype))
        if watch.wanted:
            self._arm(observer, inbox, watch)
            return
        reason = "as its mode says" if mode == "scan" else f"{watch.fstype} does not tell what other machines do there"
        logs.event(_log, "scanning", f"{shown(inbox.root)} is scanned every {SCAN_SECONDS:.0f} s: {reason}")
        inbox.noticing.listen(SCAN_SECONDS, events=False)
        inbox.rescan()

    def _arm(self, observer: Observer, inbox: Inbox, watch: _Watch) -> None:
        """Watch it anew, and scan it once for what came before."""
        self._heed(inbox, watch, observer.watch(inbox.root))
        watch.retry = self._clock() + RETRY_SECONDS
        inbox.rescan()

    def _mend(self, observer: Observer, inbox: Inbox, watch: _Watch) -> None:
        deaf = observer.problem(inbox.root)
        if deaf is None and watch.deaf is None:
            return
        if watch.deaf is None and not observer.alive(inbox.root) and not inbox.problem() and self._may_revive(watch):
            watch.revived = self._clock()
            words = f"the watch over {shown(inbox.root)} died: it is made anew, and the inbox is scanned"
            logs.event(_log, "rearmed", words, level=logging.WARNING)
            self._arm(observer, inbox, watch)
        elif deaf and watch.deaf and self._clock() >= watch.retry:
            self._arm(observer, inbox, watch)
        elif deaf != watch.deaf:
            self._heed(inbox, watch, deaf)

    def _may_revive(self, watch: _Watch) -> bool:
        return self._clock() >= watch.revived + RETRY_SECONDS  # what dies again at once must not fill the log

    def _heed(self, inbox: Inbox, watch: _Watch, deaf: str | None) -> None:
        """From now on rely on its events, or scan it because it is `deaf`."""
        if deaf and deaf != watch.deaf:
            logs.event(_log, "deaf", deaf, level=logging.WARNING)
        elif watch.deaf and not deaf:
            logs.event(_log, "hears", f"{shown(inbox.root)} is watched again", level=logging.WARNING)
        watch.deaf = deaf
        inbox.noticing.listen(SCAN_SECONDS if deaf else self._rescan_seconds, events=not deaf)

    def _notice(self, root: str, path: str) -> None:
        for inbox_id, inbox in tuple(self._inboxes.items()):  # called from the observer's thread
            if inbox.root == root:
                self._watches[inbox_id].heard = time.time()
                inbox.notice(path)

    def _overflow(self) -> None:
        if not self._overflowed:
            self._overflowed = True
            logs.event(_log, "overflow", _LOST, level=logging.WARNING)
        for inbox in tuple(self._inboxes.values()):
            inbox.rescan()


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else utc(seconds)
