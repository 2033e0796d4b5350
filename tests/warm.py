"""Commands in processes that need not import the program first: each is forked from one that has done so.

It is a process like any other, with streams, environment, folder and signals of its own, and it runs `watcher` from its
first line to its last. Left out are the start of Python, the imports, and that all modules are taken apart at the end:
together most of the work of a short command. TEST_COLD=1 starts all by themselves, as `make torture` does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COLD = bool(os.environ.get("TEST_COLD"))
# what an interpreter reads only when it starts: commands that differ in it are forked from different processes
AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_")
# they change the process that imports them: one is the entry point, the other says what happens to exceptions
NOT_BEFORE = {"watcher.__main__", "watcher.executors.orphaned"}
_INT = struct.Struct("q")


# -- who asks ----------------------------------------------------------------------------------------------------------


class Process:
    """A running command, as subprocess.Popen would show it."""

    def __init__(self, source: socket.socket, request: dict[str, Any], streams: Sequence[int]) -> None:
        self._end, theirs = os.pipe()
        try:
            socket.send_fds(source, [pickle.dumps(request)], [*streams, theirs])
        finally:
            os.close(theirs)
        self.returncode: int | None = None
        self.pid = self._told()

    def _told(self) -> int:
        """The next number that the process tells which it was forked from."""
        told = os.read(self._end, _INT.size)
        assert told, "the process that commands are forked from has ended"
        number: int = _INT.unpack(told)[0]
        return number

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = self._told()
            os.close(self._end)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str | bytes],
    environment: Mapping[str, str],
    folder: Path | None,
    streams: Sequence[int],
    session: bool = False,
) -> Process | subprocess.Popen[bytes]:
    """Start `watcher ARGUMENTS` with these three streams; `session`: in a session of its own."""
    if COLD:
        stdin, stdout, stderr = streams
        line = [sys.executable, "-m", "watcher", *arguments]
        return subprocess.Popen(
            line, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, cwd=folder, start_new_session=session
        )
    request = {
        "arguments": [os.fsencode(argument) for argument in arguments],
        "environment": {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
        "folder": os.fsencode(folder or os.getcwd()),
        "session": session,
    }
    return Process(_source(environment), request, streams)


def run(
    arguments: Sequence[str | bytes],
    environment: Mapping[str, str],
    folder: Path | None,
    timeout: float,
    content: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """`watcher ARGUMENTS` from its start to its end, with `content` to be read from stdin, and what it printed."""
    streams = given, *said = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
    try:
        os.pwrite(given, content, 0)
        process = start(arguments, environment, folder, streams)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        out, errors = (os.pread(stream, os.fstat(stream).st_size, 0) for stream in said)
    finally:
        for stream in streams:
            os.close(stream)
    return subprocess.CompletedProcess(["watcher", *arguments], code, out, errors)


_sources: dict[frozenset[tuple[str, str]], tuple[socket.socket, subprocess.Popen[bytes]]] = {}
_making = threading.Lock()


def _source(environment: Mapping[str, str]) -> socket.socket:
    """The connection to a process that commands of this environment are forked from."""
    key = frozenset(item for item in environment.items() if item[0].startswith(AT_START))
    with _making:
        if key not in _sources:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                line = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
                own = {**environment, "PYTHONPATH": str(ROOT)}
                process = subprocess.Popen(line, env=own, cwd=ROOT, pass_fds=[theirs.fileno()])
            _sources[key] = ours, process
        return _sources[key][0]


def end() -> None:
    """End the processes that commands were forked from."""
    while _sources:
        source, process = _sources.popitem()[1]
        source.close()
        process.wait()


# -- what they are forked from -----------------------------------------------------------------------------------------


def main() -> None:
    import watcher
    from watcher.db import connect

    for module in pkgutil.walk_packages(watcher.__path__, "watcher."):
        if module.name not in NOT_BEFORE:
            importlib.import_module(module.name)
    connect.open_writer(":memory:").close()  # with what it imports only when there is something to migrate
    gc.freeze()
    request = _forking(socket.socket(fileno=int(sys.argv[1])))
    if request:
        _become(request)
        try:
            runpy.run_module("watcher", run_name="__main__", alter_sys=True)
        except SystemExit as wish:
            _end(wish.code)


def _forking(asked: socket.socket) -> dict[str, Any] | None:
    """Fork at each request until nobody can ask any more: None. In the fork: what was asked for."""
    ends: dict[int, tuple[int, int]] = {}  # by its pidfd: the process, and where its end is told
    while True:
        for ready in select.select([asked, *ends], [], [])[0]:
            if ready is not asked:
                pid, tell = ends.pop(ready)
                status = os.waitpid(pid, 0)[1]
                with contextlib.suppress(BrokenPipeError):
                    os.write(tell, _INT.pack(os.waitstatus_to_exitcode(status)))
                os.close(tell)
                os.close(ready)
                continue
            message, descriptors, _, _ = socket.recv_fds(asked, 1 << 20, 4)
            if not message:
                return None
            pid = os.fork()
            if not pid:
                asked.detach()
                return {**pickle.loads(message), "streams": descriptors[:3]}
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            ends[os.pidfd_open(pid)] = pid, descriptors[3]
            os.write(descriptors[3], _INT.pack(pid))


def _become(request: dict[str, Any]) -> None:
    """Be what the request asks for, as if begun anew."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(request["streams"]):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 4096 else 4096)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    os.chdir(request["folder"])
    os.environb.clear()
    os.environb.update(request["environment"])
    time.tzset()
    sys.path[0] = os.getcwd()
    sys.argv = ["watcher", *(os.fsdecode(argument) for argument in request["arguments"])]


def _end(code: object) -> None:
    """What an interpreter does at its end, but for taking its modules apart."""
    assert isinstance(code, int)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
