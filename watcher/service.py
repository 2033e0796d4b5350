"""The process around the line: signals, the pool, the duties beside it; when a run is over and with which code.

`serve` owns the order of a start and of a stop (ARCHITECTURE.md says why it is this one).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from watcher import logs, systemd
from watcher.daemon import Daemon
from watcher.db import history, ledger
from watcher.db.journal import Patience
from watcher.errors import ConfigError, FatalError
from watcher.executors import fence
from watcher.executors.pool import Pool
from watcher.inboxes import Inboxes
from watcher.intake import discards, leases, spool
from watcher.model import shown
from watcher.notify import Notifier
from watcher.opening import Library
from watcher.processing.entrance import run_task
from watcher.processing.naming import check_template
from watcher.reporting import Reporting
from watcher.settings import batchfile
from watcher.settings.whole import Settings
from watcher.status import StatusFile
from watcher.storage import trash
from watcher.storage.local import LocalStorage
from watcher.wake import Wake
from watcher.watching import Mode, Watching

_log = logging.getLogger("watcher.service")

PRELOAD = ("watcher.processing.run",)  # what a worker needs, imported once in the process they are forked from
BUSY_SECONDS = 1.0  # how long the loop waits for another writer of the catalog before it goes on with something else
SEEK_SECONDS = 5.0  # how often an inbox that is not there is looked for
STATUS_SECONDS = 0.5  # the least time between two writings of the status file
TRASH_SECONDS = 3600.0  # how often the trash is looked through for what is too old
HISTORY_SECONDS = 3600.0  # how often jobs are looked through that ended long ago
HISTORY_PAUSE_SECONDS = 0.1  # between two steps of that: the line goes on meanwhile
LOOK_SECONDS = 5.0  # how often an idle daemon looks whether its folders are still there: an unmount makes no event
ONCE_SECONDS = 0.05  # the same with --once, where nothing happens that would wake it when all is worked off
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: how many jobs reached each state, and what could not be taken (path, why)."""

    states: dict[str, int]
    left_behind: list[tuple[str, str]]

    @property
    def exit_code(self) -> int:
        return 3 if self.states.get("failed") or self.left_behind else 0


def serve(chosen: Settings, *, once: bool) -> Outcome:
    """Run the daemon until a signal, or (`once`) until all that lies in the inboxes is worked off.

    Raises ConfigError, LockedError, DatabaseError or FatalError, each a sentence.
    """
    check_settings(chosen)
    leases.ignore_lease_breaks()
    os.umask(chosen.library.umask)
    library = Library(chosen.library.path, chosen.library.database)
    with contextlib.ExitStack() as stack:
        moved = [one.path for one in chosen.inbox if one.take == "move"]
        library.open([path for path in moved if spool.owner(path) == chosen.library.path])
        stack.callback(library.close)
        try:
            return _Service(chosen, library, once, stack).run()
        except sqlite3.DatabaseError as error:  # what the line cannot outwait: a damaged page, a disk that is gone
            raise FatalError(
                f"the catalog {shown(chosen.library.database)} cannot be used: {error}. Nothing dropped is lost; "
                "check the disk, restore a backup of the catalog, and start again"
            ) from None


class _Service:
    def __init__(self, chosen: Settings, library: Library, once: bool, stack: contextlib.ExitStack) -> None:
        self.chosen, self.once = chosen, once
        self.systemd = systemd.Notifier()
        self.status = StatusFile(library.private)
        self.signals = 0
        self.wake = Wake()
        stack.callback(self.wake.close)
        stack.enter_context(self._signals_caught())
        connection = library.connect(BUSY_SECONDS)
        stack.callback(connection.close)
        self.daemon = self._daemon(connection, library)
        self.inboxes = Inboxes(self.daemon, chosen)
        self.watching = Watching(self.daemon.inboxes, self._open_inboxes(stack), chosen.intake.rescan_seconds)
        stack.callback(self.watching.close)
        self.reporting = Reporting(self.daemon, self.watching, self.status, self.systemd)
        self.last_job = self.daemon.journal.last_id()
        self.history = history.History(connection, discards.is_left)
        self._status_due = self._seek_due = self._trash_due = self._history_due = 0.0
        self._unsaid = False  # something may have changed since the status file was written

    def run(self) -> Outcome:
        """Recover, start, loop, stop."""
        retried = {job.id for job in self.daemon.journal.unfinished()}  # before: what is found lost counts as failed
        self.daemon.recover()
        self.daemon.executor = self._pool()
        if not self.once:  # a run that ends by itself goes by scans alone
            self.watching.start()
            self.watching.follow(self.daemon.problems)
        self.reporting.say()
        self.systemd.ready()
        logs.event(_log, "ready", f"watching {self._names()}; the library is {shown(self.chosen.library.path)}")
        while not self.signals and not (self.once and self._is_over()):
            self.daemon.step(self._next_duty())
            self._do_duties()
        self._stop()
        return self._outcome(retried)

    def _stop(self) -> None:
        self.systemd.stopping()
        if self.signals:
            logs.event(_log, "stopping", "no more files are taken; what runs is finished")
        elif self.once:
            for inbox in self.daemon.inboxes.values():
                inbox.remove_emptied(now=True)
        self.daemon.stop(self.chosen.workers.stop_seconds)
        self.status.remove()

    # -- opening ---------------------------------------------------------------------------------------------------

    def _daemon(self, connection: sqlite3.Connection, library: Library) -> Daemon:
        retry, intake, chosen = self.chosen.retry, self.chosen.intake, self.chosen
        books = ledger.over(connection, Patience(retry.attempts, retry.first_seconds, retry.max_seconds))
        self._lock_path = library.workers_lock
        return Daemon(
            connection,
            books,
            LocalStorage(library.root, umask=chosen.library.umask),
            Notifier(logging.getLogger("watcher.jobs"), books.catalog.key),
            self.wake,
            max_claims=intake.max_claims,
            batch_seconds=intake.batch_seconds,
            flush=library.flush,
            catalog_problem=library.catalog_problem,
            read_options=lambda content: batchfile.read(content, chosen.recipes),
            follow=lambda rules, options: batchfile.follow(rules, options, chosen),
        )

    def _open_inboxes(self, stack: contextlib.ExitStack) -> dict[int, Mode]:
        modes = self.inboxes.open(stack)
        self.daemon.look_at_inboxes()
        if self.once and len(self.daemon.problems) == len(self.daemon.inboxes):
            raise FatalError(next(iter(self.daemon.problems.values())))
        return modes

    def _pool(self) -> Pool:
        workers = self.chosen.workers
        if not fence.version():
            words = "this kernel has no Landlock for us: a decoder that a file takes over could read what you can read"
            logs.event(_log, "unfenced", words)
        return Pool(
            run_task,
            workers.count,
            task_seconds=workers.task_seconds,
            max_memory_bytes=workers.max_memory,
            recycle_after=workers.recycle_after,
            lock_path=self._lock_path,
            wake_fd=self.wake.fileno(),
            preload=PRELOAD,
            folders=[self.chosen.library.path, *(os.path.join(one.path, spool.FOLDER) for one in self.chosen.inbox)],
        )

    @contextlib.contextmanager
    def _signals_caught(self) -> Iterator[None]:
        lasting = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # under nohup a terminal may close
        numbers = [number for number in _STOP_SIGNALS if not (lasting and number == signal.SIGHUP)]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        waking = signal.set_wakeup_fd(self.wake.writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waking)
            for number, former in before.items():
                signal.signal(number, former)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # whoever asks twice does not want to wait; recovery copes. A terminal that closes says so twice by itself
        if self.signals and number != signal.SIGHUP:
            os._exit(130)
        self.signals += 1

    # -- duties beside the line ------------------------------------------------------------------------------------

    def _do_duties(self) -> None:
        now = time.monotonic()
        self.systemd.watchdog()
        if self.daemon.problems and now >= self._seek_due:
            self._seek_due = now + SEEK_SECONDS
            self.inboxes.seek()
        self.watching.follow(self.daemon.problems)
        if now >= self._trash_due:
            self._trash_due = now + TRASH_SECONDS
            trash.empty(self.chosen.library.path, self.chosen.library.trash_days, time.time())
        if self.chosen.library.history_days and now >= self._history_due:
            self._history_due = now + self._fold_history()
        self._unsaid = now < self._status_due
        if not self._unsaid:
            self._status_due = now + STATUS_SECONDS
            self.reporting.say()

    def _fold_history(self) -> float:
        """Fold a little more of what ended long ago; in how many seconds to go on."""
        try:
            more = self.history.step(history.since(self.chosen.library.history_days, time.time()))
        except sqlite3.OperationalError:  # somebody else writes the catalog
            return SEEK_SECONDS
        return HISTORY_PAUSE_SECONDS if more else HISTORY_SECONDS

    def _next_duty(self) -> float:
        now = time.monotonic()
        times = [now + (ONCE_SECONDS if self.once else LOOK_SECONDS)]
        times += [now + self.systemd.watchdog_seconds] if self.systemd.watchdog_seconds else []
        times += [self._seek_due] if self.daemon.problems else []
        times += [self._status_due] if self._unsaid else []
        times += [self._history_due] if self._history_due > now else []
        return min(times)

    def _names(self) -> str:
        return ", ".join(shown(inbox.root) for inbox in self.daemon.inboxes.values()) or "nothing yet"

    # -- the end of a run with --once ------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        """All worked off; raises FatalError when the surroundings have failed as often as a file may."""
        pause = self.daemon.pause
        if pause.reason and pause.failures > self.chosen.retry.attempts:
            reason = pause.reason
            self._stop()
            raise FatalError(f"{reason}; what is not finished is kept, and the next run goes on with it")
        self.daemon.batch_seconds = 0.0 if self.daemon.is_quiet() else self.chosen.intake.batch_seconds
        return self.daemon.is_idle()

    def _outcome(self, retried: set[int]) -> Outcome:
        states = self.daemon.journal.states(after=self.last_job, beside=retried)
        left = [entry for inbox in self.daemon.inboxes.values() for entry in inbox.left_behind()]
        left += [(reason, "") for reason in self.daemon.stuck.values()]
        left += [(self.daemon.inboxes[i].root, problem) for i, problem in self.daemon.problems.items()]
        return Outcome(states, left)


def check_settings(chosen: Settings) -> None:
    """Raises ConfigError for what only the program can judge: the name template."""
    problem = check_template(chosen.library.name)
    if problem:
        raise ConfigError(f"library.name = {chosen.library.name!r}: {problem}")
