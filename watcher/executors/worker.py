"""Inside a worker process: wait for a task, run it, answer; leave when the daemon is gone.

Owns the messages between pool and worker, and what a worker does to itself: signals, limits, the lock that
shows it alive. Which worker gets which task, deadlines and deaths are the pool's; what a task means, `run`'s.
Every worker loads this module: it imports little.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pickle
import resource
import select
import signal
import socket
import struct
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker

from watcher.executors import fence, heap
from watcher.messages import Failed, Task, TaskResult

Run = Callable[[Task], TaskResult]

# What a worker says beside its answers, which are pairs (result, whether it leaves now).
READY = "ready"  # it holds the lock and waits for a task
BEGAN = "began"  # it has taken the next task: from here on that task may be blamed for its end

# Ctrl-C in a terminal goes to the whole process group: only the daemon acts on it, no worker dies of it.
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

_LENGTH = struct.Struct("!Q")
_IDLE_SECONDS = 1.0  # without a task for so long, a worker lets go of the memory that the last one needed


def frame(message: object) -> bytes:
    """A message as bytes: its length, then its pickle. Raises whatever pickle makes of `message`."""
    body = pickle.dumps(message)
    return _LENGTH.pack(len(body)) + body


def unframe(buffer: bytearray) -> Iterator[bytes]:
    """Take the pickles that have arrived whole off the front of `buffer`."""
    while len(buffer) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
        if len(buffer) < end:
            return
        yield bytes(buffer[_LENGTH.size : end])
        del buffer[:end]


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """What is started meanwhile is born with the stop signals blocked, before it could ignore them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        resource_tracker.ensure_running()  # starts with our mask, but unblocks afterwards: block again
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def answer(run: Run, task: Task) -> tuple[TaskResult, bool]:
    """The result of `task`, whatever `run` raises, and whether this process should take no other task.

    SystemExit is let through: a task that ends its process has ended it.
    """
    try:
        return run(task), False
    except SystemExit:
        raise
    except MemoryError:
        # what is left of the address space may be in pieces too small for the next file: start afresh
        reason = "it needs more memory than a worker may use; raise workers.max_memory if the file is worth it"
        return _failed(task, reason), True
    except BaseException as error:
        return _failed(task, said(error)), False


def said(error: BaseException) -> str:
    """An unexpected exception as one line: its type and what it says, even where that cannot be printed."""
    return traceback.format_exception_only(error)[-1].strip()


def serve(
    channel: socket.socket,
    run: Run,
    lock_path: str,
    max_memory_bytes: int,
    recycle_after: int,
    folders: Sequence[str] | None,
) -> None:
    """A worker's life: until `recycle_after` tasks are done, the pool hangs up, or the daemon dies.

    `folders`: where it works; all others are out of its reach. None: it is not fenced off.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    lock = _hold(lock_path)
    if folders is not None:  # before a thread is started, which would stay outside
        fence.step_behind(folders)
    _leave_with_daemon()
    _limit(max_memory_bytes)
    # ConnectionError: the pool hung up while a task ran, nobody waits for its answer
    with channel, suppress(ConnectionError):
        _converse(channel, run, recycle_after)
    os.close(lock)


def _converse(channel: socket.socket, run: Run, recycle_after: int) -> None:
    channel.sendall(frame(READY))
    heap.keep_freed()
    count = 0
    while body := _receive(channel):
        count += 1
        channel.sendall(frame(BEGAN))
        task: Task = pickle.loads(body)  # noqa: S301 - from our own daemon
        result, leaving = answer(run, task)
        leaving = leaving or count == recycle_after
        channel.sendall(_framed(task, result, leaving))
        if leaving:
            return


def _receive(channel: socket.socket) -> bytes:
    """The next message's pickle; empty when the pool has hung up."""
    if not select.select([channel], [], [], _IDLE_SECONDS)[0]:
        heap.give_back()
    header = _exactly(channel, _LENGTH.size)
    return _exactly(channel, _LENGTH.unpack(header)[0]) if header else b""


def _exactly(channel: socket.socket, count: int) -> bytes:
    """`count` bytes; none at all when the other end hangs up before."""
    content = b""
    while len(content) < count:
        more = channel.recv(count - len(content))
        if not more:
            return b""
        content += more
    return content


def _framed(task: Task, result: TaskResult, leaving: bool) -> bytes:
    try:
        return frame((result, leaving))
    except Exception as error:
        return frame((_failed(task, f"its result cannot be sent to the daemon: {said(error)}"), leaving))


def _failed(task: Task, reason: str) -> Failed:
    return Failed(task.job_id, task.attempt, reason)


def _hold(lock_path: str) -> int:
    """Hold the lock that tells the next daemon that a worker of this one still lives."""
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def _leave_with_daemon() -> None:
    """End this process as soon as the daemon has ended, even in the middle of a task.

    Called with the lock held: a daemon that died before may have a successor that saw the lock free.
    """
    daemon = multiprocessing.parent_process()
    assert daemon is not None
    if not daemon.is_alive():
        os._exit(0)

    def watch() -> None:
        connection.wait([daemon.sentinel])
        os._exit(0)

    threading.Thread(target=watch, name="watch-daemon", daemon=True).start()


def _limit(max_memory_bytes: int) -> None:
    """Bound the address space (0: no bound), so that one file cannot take the machine's memory."""
    # a core file of a crash on somebody's photograph helps nobody, and would fill the disk try by try
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not max_memory_bytes:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = max_memory_bytes if hard == resource.RLIM_INFINITY else min(max_memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
