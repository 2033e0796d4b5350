"""Tasks run in worker processes of our own: a bad file ends its worker, never the daemon or another file.

Owns the workers: their start, deadlines and deaths, and which task each of them has. What happens inside one is
`worker.serve`; whether a failed task is tried again is the journal's business.

Each worker has a socket of its own: a killed one leaves no lock behind that others wait for. It is watched and killed
through a pidfd: that hits no stranger with the same pid, and tells the truth when the forkserver is dead itself.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import connection, forkserver

from watcher.errors import FatalError
from watcher.executors.worker import BEGAN, READY, Run, frame, said, serve, stop_signals_blocked, unframe
from watcher.messages import Failed, Task, TaskResult

_DEPTH = 2  # one task runs, one waits in the socket: a worker never idles while the daemon commits
_LONG_SECONDS = 1.0  # behind a task that runs for so long nothing is queued: another worker may be free sooner
_MAX_TASK_BYTES = 80_000  # _DEPTH of them fit into a socket's buffer (208 KiB): sending never blocks
_EXIT_SECONDS = 0.5  # the most we wait to learn how a worker died
_MAX_STUMBLES = 10  # workers in a row that died before they did anything
_START_SECONDS = 60.0  # what a worker may take to come up
_PAUSE_SECONDS = 0.1  # before a start, times the stumbles beyond the first
_SIGNALS = {number.value: number.name for number in signal.Signals}

_ORPHANED = "watcher.executors.orphaned"
_context = multiprocessing.get_context("forkserver")


def start_forkserver(preload: Sequence[str]) -> None:
    """Start the process that workers are forked from; it imports the modules `preload` meanwhile.

    Optional, to be called early: the daemon does other things while it gets ready. Later calls do nothing.
    """
    _context.set_forkserver_preload([_ORPHANED, *preload, serve.__module__])
    with stop_signals_blocked(), suppress(OSError):  # the start of the first worker fails too, and tells
        forkserver.ensure_running()


class Pool:
    """An Executor of `count` worker processes that call `run`, a function that can be imported by its name.

    A task gets `task_seconds`, a worker `max_memory_bytes` of address space (0: no bound) and `recycle_after` tasks
    (0: no end). Each holds a shared flock on `lock_path`, created if missing, and reaches no files but the program's
    and those in `folders` (None: all). `poll` returns when `wake_fd` is readable, and leaves reading it to its owner.
    It raises FatalError when no worker comes up.
    """

    def __init__(
        self,
        run: Run,
        count: int,
        *,
        task_seconds: float,
        max_memory_bytes: int,
        recycle_after: int,
        lock_path: str,
        wake_fd: int | None = None,
        preload: Sequence[str] = (),
        folders: Sequence[str] | None = None,
    ) -> None:
        self._count = count
        self._task_seconds = task_seconds
        self._wake_fd = wake_fd
        self._arguments = (run, lock_path, max_memory_bytes, recycle_after, folders)
        self._workers: list[_Worker] = []
        self._waiting: deque[Task] = deque()  # with no worker yet, or no more
        self._answers: list[TaskResult] = []
        self._stumbles = 0
        self._start_after = 0.0
        start_forkserver(preload)
        self._refill()

    def free_slots(self) -> int:
        return max(0, _DEPTH * self._count - self.busy())

    def busy(self) -> int:
        return len(self._waiting) + len(self._answers) + sum(len(worker.tasks) for worker in self._workers)

    def pids(self) -> list[int]:
        """The process ids of the workers as they are now."""
        return [worker.pid for worker in self._workers]

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._dispatch()

    def poll(self, timeout: float | None) -> list[TaskResult]:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            ready = self._wait(until)
            for worker in tuple(self._workers):
                self._look_at(worker, ended=worker.pidfd in ready)
            self._refill()
            self._dispatch()
            if self._answers or self._wake_fd in ready or time.monotonic() >= until:
                break
        answers, self._answers = self._answers, []
        return answers

    def renew(self) -> None:
        """Other workers take over: what was mounted since these began is out of their reach."""
        for worker in tuple(self._workers):
            worker.retiring = True
            if not worker.tasks:
                self._part(worker)

    def close(self, grace_seconds: float) -> None:
        """Kill the workers that have a task; ask the others to leave, and kill them after `grace_seconds`."""
        self._count = 0  # no replacements any more
        for worker in self._workers:
            worker.kill() if worker.tasks else worker.dismiss()
        leaving = {worker.pidfd for worker in self._workers if not worker.tasks}
        until = time.monotonic() + grace_seconds
        while leaving and (seconds := until - time.monotonic()) > 0:
            leaving -= set(connection.wait(leaving, seconds))
        for worker in self._workers:
            worker.kill()
            worker.release()
        for forgotten in (self._workers, self._waiting, self._answers):
            forgotten.clear()

    def _wait(self, until: float) -> set[object]:
        """Sleep until something is readable or due; what is readable. The one place where the pool waits."""
        times = [until, *(worker.deadline for worker in self._workers)]
        if len(self._workers) < self._count:
            times.append(self._start_after)
        nearest = 0.0 if self._answers else min(times)
        sources = [number for worker in self._workers for number in (worker.channel.fileno(), worker.pidfd)]
        if self._wake_fd is not None:
            sources.append(self._wake_fd)
        timeout = None if nearest == math.inf else max(0.0, nearest - time.monotonic())
        return set(connection.wait(sources, timeout))

    def _look_at(self, worker: _Worker, ended: bool) -> None:
        # listen first: a worker that answered and then died, or answered in the last moment, has answered
        answers = worker.listen()
        self._answers += answers
        if answers or worker.began:
            self._stumbles = 0
        if worker.leaving:
            self._part(worker)
        elif ended or worker.hung_up:
            self._bury(worker, worker.last_words())
        elif time.monotonic() >= worker.deadline:
            self._bury(worker, f"it did not finish within {self._task_seconds:g} s (workers.task_seconds)")

    def _bury(self, worker: _Worker, reason: str) -> None:
        """Only the task that it had begun is to blame; the one behind goes to another worker."""
        idle = worker.ready and not worker.tasks
        worker.kill()
        if worker.began:
            task = worker.tasks.popleft()
            self._answers.append(Failed(task.job_id, task.attempt, reason, died=True))
        self._part(worker)
        if not (worker.began or idle):
            self._stumble(reason)

    def _part(self, worker: _Worker) -> None:
        # Nothing here waits for the process: SIGKILL does not end one that hangs in a dead mount
        self._workers.remove(worker)
        self._waiting.extendleft(reversed(worker.tasks))
        worker.release()

    def _refill(self) -> None:
        while len(self._workers) < self._count and time.monotonic() >= self._start_after:
            try:
                self._workers.append(_Worker(self._arguments, self._task_seconds))
            except (OSError, EOFError) as error:  # EOFError: the forkserver died while we asked it
                self._stumble(f"its worker process could not be started ({said(error)})")

    def _stumble(self, reason: str) -> None:
        """Pause before the next start: a worker that cannot even begin would be started without end."""
        self._stumbles += 1
        self._start_after = time.monotonic() + _PAUSE_SECONDS * (self._stumbles - 1)
        if self._stumbles >= _MAX_STUMBLES:
            raise FatalError(
                f"no worker process comes up: {_MAX_STUMBLES} in a row ended before their first task; "
                f"the last: {reason}. See above for what they said, and look at workers.max_memory."
            )

    def _dispatch(self) -> None:
        while self._waiting and (open_ones := [worker for worker in self._workers if worker.has_room()]):
            worker = min(open_ones, key=lambda one: (len(one.tasks), not one.ready))
            self._hand(self._waiting.popleft(), worker)

    def _hand(self, task: Task, worker: _Worker) -> None:
        try:
            message = frame(task)
            if len(message) > _MAX_TASK_BYTES:
                raise ValueError(f"its message has {len(message)} bytes, more than {_MAX_TASK_BYTES}")
        except Exception as error:
            reason = f"the task cannot be sent to a worker: {said(error)}"
            self._answers.append(Failed(task.job_id, task.attempt, reason))
        else:
            worker.give(task, message)


class _Worker:
    """A worker process as the daemon sees it. Raises OSError or EOFError when it cannot be started.

    `tasks` are those it was given and has not answered, `began` says that it has taken the first of them; `deadline`
    is when it must have come up or answered that task (monotonic; infinite when it owes nothing).
    """

    def __init__(self, arguments: tuple[Run, str, int, int, Sequence[str] | None], task_seconds: float) -> None:
        self.tasks: deque[Task] = deque()
        self.ready = self.began = self.leaving = self.retiring = self.hung_up = False
        self._task_seconds = task_seconds
        self._buffer = bytearray()
        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        self._process = _context.Process(target=serve, args=(theirs, *arguments), daemon=True)
        try:
            with theirs, stop_signals_blocked():
                self._process.start()
            assert self._process.pid is not None
            self.pid = self._process.pid
            self.pidfd = os.pidfd_open(self.pid)
        except BaseException:
            self.channel.close()
            raise
        # At exit multiprocessing joins every child it knows: one that cannot be killed would hold the daemon
        multiprocessing.process._children.discard(self._process)  # type: ignore[attr-defined]
        self._set_deadline()

    def give(self, task: Task, message: bytes) -> None:
        self.tasks.append(task)
        if len(self.tasks) == 1:
            self._set_deadline()
        try:
            self.channel.sendall(message)
        except BlockingIOError:
            self.kill()  # half a message has made it useless
        except OSError:
            pass  # it is about to die: the next look finds out of what

    def has_room(self) -> bool:
        """Whether a task may be put behind what it has."""
        long_since = time.monotonic() - self._given >= _LONG_SECONDS
        return len(self.tasks) < _DEPTH and not self.retiring and not (self.tasks and long_since)

    def listen(self) -> list[TaskResult]:
        """Read what has arrived; the results among it."""
        self._read()
        return [result for body in unframe(self._buffer) for result in self._understand(body)]

    def _read(self) -> None:
        # never blocking: a worker can be stopped in the middle of a long answer
        try:
            while chunk := self.channel.recv(1 << 18):
                self._buffer += chunk
            self.hung_up = True
        except BlockingIOError:
            pass
        except OSError:
            self.hung_up = True

    def _understand(self, body: bytes) -> Iterator[TaskResult]:
        try:
            message = pickle.loads(body)  # noqa: S301 - from our own worker
        except Exception as error:
            task = self.tasks[0]
            reason = f"its result cannot be read: {said(error)}"
            message = (Failed(task.job_id, task.attempt, reason), False)
        if message == READY:
            self.ready = True
        elif message == BEGAN:
            self.began = True
        else:
            result, leaving = message
            self.began = False
            self.tasks.popleft()
            self.leaving = leaving or (self.retiring and not self.tasks)
            yield result
        self._set_deadline()

    def _set_deadline(self) -> None:
        # one that is still starting has more time: on a busy machine that takes longer than a strict task
        seconds = self._task_seconds if self.ready else max(self._task_seconds, _START_SECONDS)
        self._given = time.monotonic()  # when it turned to the first of its tasks
        self.deadline = time.monotonic() + seconds if self.tasks or not self.ready else math.inf

    def last_words(self) -> str:
        """How it died, for a person."""
        self._process.join(_EXIT_SECONDS)
        code = self._process.exitcode
        if code is None or code == 255:  # 255 is also what multiprocessing says when the forkserver is gone
            return "its worker process died"
        if code == -signal.SIGKILL:
            return "its worker process was killed by signal 9 (out of memory?)"
        if code < 0:
            return f"its worker process crashed ({_SIGNALS.get(-code, -code)})"
        return f"its worker process ended with exit code {code}"

    def dismiss(self) -> None:
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def release(self) -> None:
        """Forget it. A process that still lives sees the connection close, and leaves."""
        self.channel.close()
        os.close(self.pidfd)
        del self._process
