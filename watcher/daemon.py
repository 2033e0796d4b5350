"""The daemon: the straight line from a dropped file to a findable picture.

    inbox --claim--> spool --add--> journal --start--> worker: hash, decode, render, publish --> library
                                      ^                                                             |
                                      +-------- commit: job + asset + words, one transaction <------+
                                      +--> announce --> discard (the spool copy goes last)

Every step may be repeated; their order is the crash safety (ARCHITECTURE.md). Workers never open the database, the
observer's thread only appends paths, signal handlers only set a flag. One thread owns this loop and the database's
only writer; it sleeps in one place, `executor.poll`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

from watcher import chronicle, discarding, logs, recovery
from watcher.batching import Batching, ReadOptions
from watcher.claiming import Claiming
from watcher.committing import Committing
from watcher.db import annals
from watcher.db.connect import transaction
from watcher.db.ledger import Ledger
from watcher.errors import SURROUNDINGS, UnavailableError
from watcher.executors.base import Executor
from watcher.intake import discards
from watcher.intake.inbox import Inbox
from watcher.joining import Joining
from watcher.messages import Failed, Joined, Processed, Sidecar, TaskResult, Unavailable
from watcher.model import Batch, Job, Rules
from watcher.notify import Notifier
from watcher.pausing import Pause
from watcher.storage.local import LocalStorage
from watcher.tasking import Follow, Tasking
from watcher.wake import Wake

_log = logging.getLogger("watcher.daemon")

GROUP = 64  # results committed together at most ...
GROUP_SECONDS = 0.05  # ... or those of this long
SWEEP_SECONDS = 60.0  # how often error files without their file are looked for, and what is stuck is tried again
BUSY_TOLERATED = 3  # an edit of thousands of photographs takes some seconds; the log hears of what lasts longer
_PUBLISHED = (Processed, Sidecar, Joined)  # results that say what stands in the library


class Daemon:
    """`inboxes` (open ones) and `rules` (what workers must know) go by the inbox's row id.

    `executor` is set once it runs: recovery comes before it.
    `max_claims`: how many claimed files may be unfinished; what is beyond waits in the inbox. `batch_seconds`: the
    quiet after which a dropped folder is complete. `read_options` and `follow` know what a batch.toml may ask for.
    `flush` brings all that workers published to the disk, or raises OSError. `catalog_problem`: why nothing may be
    written into the catalog now, or None.
    """

    executor: Executor

    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        storage: LocalStorage,
        notifier: Notifier,
        wake: Wake,
        *,
        max_claims: int,
        batch_seconds: float,
        flush: Callable[[], None],
        catalog_problem: Callable[[], str | None],
        read_options: ReadOptions,
        follow: Follow,
    ) -> None:
        self.connection, self.ledger, self.storage = connection, ledger, storage
        self.notifier, self.wake, self.flush, self.catalog_problem = notifier, wake, flush, catalog_problem
        self.batch_seconds = batch_seconds
        self.journal, self.archives, self.catalog = ledger.journal, ledger.archives, ledger.catalog
        self.inboxes: dict[int, Inbox] = {}
        self.rules: dict[int, Rules] = {}
        self.joining = Joining(ledger)
        self.batching = Batching(ledger.batches, ledger.archives, read_options, self.rules)
        self.claiming = Claiming(connection, self.inboxes, ledger.journal, self.batching, max_claims)
        self.committing = Committing(ledger, storage, self.joining, self.batching)
        self.tasking = Tasking(self.inboxes, self.rules, ledger, self.joining, follow)
        self.problems: dict[int, str] = {}  # paused inboxes
        self.pause = Pause()
        self.stopping = False
        self.stuck: dict[int, str] = {}  # finished jobs whose file cannot leave the spool, and why
        self._results: list[TaskResult] = []  # had, not yet committed
        self._results_since = 0.0
        self._sweep_due = 0.0
        self._goes_on = False  # what was done now makes more to do: members of an archive go before it

    # -- the line --------------------------------------------------------------------------------------------------

    def step(self, deadline: float | None = None) -> None:
        """One turn of the line. Sleeps until there is something to do, at most until `deadline` (monotonic)."""
        self.wake.drain()
        try:
            if self._is_well() and not self.stopping:
                self.claim()
                self.close()
                self.start()
            self._take(self.executor.poll(self._timeout(deadline)))
            self._goes_on = False
            if self.pause.reason is None:
                self._demand_catalog()  # polling may take long
                self.commit()
                self.announce()
                self.discard()
        except sqlite3.OperationalError as error:  # busy, full, unreadable: nothing is lost, the step comes again
            is_busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            self.pause.begin(f"the catalog cannot be written: {error}", BUSY_TOLERATED if is_busy else 0)
        except UnavailableError as error:
            self.pause.begin(str(error))

    def claim(self) -> None:
        """Take settled files by rename, at most as many as there is room for, and write down that they are ours."""
        self.claiming.claim([each for each, inbox in self.inboxes.items() if not self._is_paused(each, inbox)])

    def close(self) -> None:
        """End the batches to which nothing more comes, and the archives whose members are all at their end."""
        ended = self.batching.close(self._still_comes, self.batch_seconds)
        if ended or self.archives.any_complete():
            self._goes_on = True
            with transaction(self.connection):
                self.batching.end(ended)
                self.archives.close()

    def start(self) -> None:
        """Hand jobs to workers. The attempt is counted, durably, before the work."""
        slots = self.executor.free_slots()
        if slots <= 0 or not self.journal.anything_due():
            return
        with transaction(self.connection):
            jobs = self.journal.start(slots, self._workable())
            tasks = [self.tasking.task(job) for job in jobs]
        for task in tasks:
            self.executor.submit(task)

    def commit(self) -> None:
        """Make a group of results true in one transaction, after what they name is flushed to the disk."""
        if not self._group_is_complete():
            return
        self._results = self._flushed_or_failed(self._results)
        with transaction(self.connection):
            results = [self._excused(result) for result in self._results]
            self.committing.apply(results)
            lines = annals.of_jobs(self.connection, [each.job_id for each in results])
            chronicle.append(self.storage.root, lines, fsync=True)  # or a power cut could leave the rows without them
        self._results = []
        for result in results:
            if isinstance(result, Failed) and result.died:  # nobody else cleans up behind a killed worker
                self.storage.clear(f"{result.job_id}-{result.attempt}-")
        if unavailable := next((result.reason for result in results if isinstance(result, Unavailable)), None):
            self.pause.begin(unavailable)
        else:
            self.pause.forget()

    def announce(self) -> None:
        """Tell of what is durable, in commit order, at least once."""
        if jobs := self.journal.unannounced():
            self._goes_on = True
            told = self.notifier.send(jobs)
            with transaction(self.connection, durable=False):
                self.journal.mark_announced(told)

    def discard(self) -> None:
        """Let go of the spool copies: deleted, or moved to failed/. Last of all, on the strength of the commit."""
        gone: list[tuple[int, str | None]] = []
        self.look_at_inboxes()  # polling may take long, and an unmounted spool is no empty one
        try:
            again = time.monotonic() >= self._sweep_due  # whoever reads why one is stuck may mend it meanwhile
            for job in self.journal.undiscarded(self._workable(), 500 + len(self.stuck)):
                if again or job.id not in self.stuck:
                    gone += self._discard(job)
        finally:
            if gone:
                self._goes_on = True
                with transaction(self.connection, durable=False):
                    self.journal.mark_discarded(gone)
        self._tidy()

    def look_at_inboxes(self) -> None:
        """Which of them are there; what changed is told."""
        for inbox_id, inbox in self.inboxes.items():
            self._is_paused(inbox_id, inbox)

    # -- start and stop --------------------------------------------------------------------------------------------

    def recover(self, only: int | None = None) -> None:
        """Make spool and journal agree after whatever end the last run had; `only` that inbox, which came later.

        Raises UnavailableError when a spool cannot be read: what is not seen must not count as lost.
        """
        inboxes = {each: inbox for each, inbox in self.inboxes.items() if only in (None, each)}
        waiting = {claim.token for _, claim in self.claiming.waiting}
        try:
            recovery.recover(self.connection, self.ledger, inboxes, waiting, self.storage.root, late=only is not None)
        except OSError as error:
            words = f"the unfinished files cannot be looked through: {error}"
            raise UnavailableError(f"{words}. Nothing is lost; check that disk, and start again") from None

    def is_quiet(self) -> bool:
        """Nothing more comes from what lies in the inboxes now: their folders are complete (for --once)."""
        return not self.claiming.waiting and all(self.inboxes[inbox_id].settled() for inbox_id in self._usable())

    def is_idle(self) -> bool:
        """Nothing in flight, and nothing more to come from what lies in the inboxes now (for --once)."""
        workable = self._workable()
        return (
            not (self._results or self.executor.busy())
            and self.is_quiet()
            and not self.journal.unfinished_count(workable)
            and all(job.id in self.stuck for job in self.journal.undiscarded(workable))
        )

    def stop(self, grace_seconds: float) -> None:
        """No more claims; finish what runs within the grace time, put the rest back unblamed, close."""
        self.stopping = True
        until = time.monotonic() + grace_seconds
        while self.executor.busy() and time.monotonic() < until:
            self.step(until)
        self.executor.close(1.0)
        self.pause.end()
        self._results_since = float("-inf")
        self.step(time.monotonic())
        with contextlib.suppress(sqlite3.OperationalError), transaction(self.connection):
            for job in self.journal.running():
                self.journal.excuse(job.id, job.attempt)

    # -- parts of steps --------------------------------------------------------------------------------------------

    def _still_comes(self, batch: Batch) -> bool:
        """Whether more of a batch may come from what lies in its inbox."""
        inbox = self.inboxes.get(batch.inbox_id)
        if inbox is None or batch.inbox_id in self.problems:
            return True
        return batch.token in inbox.ready.tokens() if batch.kind == "add" else inbox.comes_from(batch.name)

    def _discard(self, job: Job) -> list[tuple[int, str | None]]:
        """Finish one job's leftovers: its id, with where its file lies in failed/ (below the inbox), for the mark."""
        try:
            discarding.delete_surplus(job, self.catalog, self.storage)
            left = discarding.let_go(job, self.inboxes[job.inbox_id], self.archives)
        except OSError as error:
            if error.errno in SURROUNDINGS or error.errno == errno.EIO:
                raise UnavailableError(f"{job.name} cannot be moved out of the spool: {error.strerror}") from None
            words = f"{job.name} is finished ({job.state}) but cannot leave the spool: {error}"
            if words != self.stuck.get(job.id):
                logs.event(_log, "stuck", words, level=logging.ERROR, job_id=job.id)
            self.stuck[job.id] = words
            return []
        self.stuck.pop(job.id, None)
        return [(job.id, left)]

    def _tidy(self) -> None:
        """Folders that claims emptied, and error files whose file is gone."""
        for inbox in self.inboxes.values():
            inbox.remove_emptied()
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + SWEEP_SECONDS
            for inbox in self.inboxes.values():
                if not inbox.copies:
                    discards.sweep(inbox.root)

    def _is_paused(self, inbox_id: int, inbox: Inbox) -> bool:
        problem = inbox.problem()
        before = self.problems.pop(inbox_id, None)
        if problem is not None:
            self.problems[inbox_id] = problem
        if problem != before:
            self.notifier.inbox(inbox.name, problem)
        return problem is not None

    def _take(self, results: Sequence[TaskResult]) -> None:
        self._results_since = self._results_since if self._results else time.monotonic()
        self._results += results

    def _group_is_complete(self) -> bool:
        waited = time.monotonic() >= self._results_since + GROUP_SECONDS
        return bool(self._results) and (waited or len(self._results) >= GROUP or not self.executor.busy())

    def _flushed_or_failed(self, results: list[TaskResult]) -> list[TaskResult]:
        """What was published must be on the disk before a source is deleted on its strength."""
        workers_flush = all(rules.fsync for rules in self.rules.values())
        if workers_flush or not any(isinstance(result, _PUBLISHED) for result in results):
            return results
        try:
            self.flush()
        except OSError as error:
            reason = f"the library could not be flushed to its disk: {error.strerror}"
            return [Unavailable(r.job_id, r.attempt, reason) if isinstance(r, _PUBLISHED) else r for r in results]
        return results

    def _excused(self, result: TaskResult) -> TaskResult:
        """A try that failed because its inbox went away proves nothing about the file."""
        if isinstance(result, Failed) and not result.died:
            inbox = self.inboxes.get(self.journal.job(result.job_id).inbox_id)
            problem = inbox.problem() if inbox and not inbox.has_copies else None
            if problem:
                return Unavailable(result.job_id, result.attempt, problem)
        return result

    def _usable(self) -> list[int]:
        return [inbox_id for inbox_id in self.inboxes if inbox_id not in self.problems]

    def _workable(self) -> list[int]:
        """Those whose spool is there: of an inbox that is only copied from it lies in the library."""
        return [i for i, inbox in self.inboxes.items() if i not in self.problems or inbox.has_copies]

    def _timeout(self, deadline: float | None) -> float | None:
        """Seconds until something is due; None: until something happens."""
        now = time.monotonic()
        times = [deadline]
        if self.pause.reason is not None:
            times += [self.pause.until]
        else:
            times += [now] if self._goes_on else []
            times += [self._results_since + GROUP_SECONDS] if self._results else []
            times += [] if self.stopping else map(Inbox.next_deadline, self.inboxes.values())
            waits = [] if self.stopping else [self.journal.next_due(), self.batching.next_quiet(self.batch_seconds)]
            times += [now + seconds for seconds in waits if seconds is not None]
        due = [at for at in times if at is not None]
        return max(0.0, min(due) - now) if due else None

    def _is_well(self) -> bool:
        """Whether the line may move; asks the library again when a pause is over."""
        if not self.pause.is_over():
            return False
        problem = self.storage.problem(by_writing=self.pause.reason is not None)
        if problem:
            raise UnavailableError(problem)
        self._demand_catalog()
        self.pause.end()
        return True

    def _demand_catalog(self) -> None:
        if problem := self.catalog_problem():
            raise UnavailableError(problem)
