"""A person's inbox and library, the real daemon that watches them, and the commands as that person types them.

What a test drops and what it expects are the tests' own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm
from watcher.db import search, views
from watcher.ignoring import Ignoring
from watcher.model import shown

ROOT = Path(__file__).parents[2]
HURRIED = """
settle_seconds = 0.3
incomplete_seconds = 0.6
batch_seconds = 0.5
max_claims = 64
"""
PATIENT = HURRIED.replace("incomplete_seconds = 0.6", "incomplete_seconds = 60")  # for a test that is slower than that


def wait_for(condition: Callable[[], object], seconds: float = 60.0, *, what: str = "") -> None:
    """Return once `condition` holds; AssertionError when it does not within `seconds`, enough for a busy machine."""
    until = time.monotonic() + seconds
    while not _holds_after_a_look(condition):
        assert time.monotonic() < until, f"waited {seconds} s in vain: {what or condition}"


def _holds_after_a_look(condition: Callable[[], object]) -> bool:
    """Look, and when it does not hold rest twice as long: a look that starts a process takes from what it waits for."""
    began = time.monotonic()
    if condition():
        return True
    time.sleep(max(0.03, 2 * (time.monotonic() - began)))
    return False


def let_pass(seconds: float) -> None:
    """For what must not happen however long one waits."""
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, seconds + 5)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Daemon:
    """A running `watcher run`."""

    process: subprocess.Popen[bytes] | warm.Process

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """End it as systemd does; its exit code."""
        self.process.terminate()
        return self.process.wait(30)


class Home:
    """An inbox, a library, and a configuration with short settle times. `tables` is more TOML for it."""

    def __init__(self, root: Path, tables: str = "", library: str = "", intake: str = HURRIED) -> None:
        self.root = root
        self.inbox, self.library = root / "inbox", root / "library"
        self.failed = self.inbox / "failed"
        self.config, self._log = root / "watcher.toml", root / "daemon.log"
        self.catalog = root / "library" / ".watcher" / "watcher.db"
        self.inbox.mkdir()
        self.config.write_text(
            f'[library]\npath = "library"\n{library}\n[[inbox]]\nname = "phone"\npath = "inbox"\n'
            f"[intake]\n{intake}\n[workers]\ncount = 2\n[retry]\nfirst_seconds = 0.1\nmax_seconds = 0.2\n{tables}\n"
        )

    # -- the daemon ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self, *, within: Sequence[str] = (), **environment: str) -> Iterator[Daemon]:
        """The daemon, ready; stopped at the end, and found to have ended well. `within`: a command to run it in."""
        before = self._readies()
        daemon = Daemon(self._start(within, environment))
        try:
            self.wait_until_ready(daemon, before)
            yield daemon
            if daemon.process.poll() is None:
                assert daemon.stop() == 0, self.log()
        finally:
            _end(daemon.process)
        assert "Traceback" not in self.log()

    def _start(self, within: Sequence[str], more: dict[str, str]) -> subprocess.Popen[bytes] | warm.Process:
        environment = {**self.environment(), **more}
        with self._log.open("ab") as log, open(os.devnull) as nothing:
            if not (within or more):
                streams = [nothing.fileno(), log.fileno(), log.fileno()]
                return warm.start(self.words("run"), environment, self.root, streams, session=True)
            return subprocess.Popen(
                [*within, *self.line("run")],
                stdin=nothing,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.root,
                start_new_session=True,
            )

    def wait_until_ready(self, daemon: Daemon, before: int = 0) -> None:
        """Wait for what the log says when a daemon is ready; it says so of `before` others already."""

        def ready() -> bool:
            assert daemon.process.poll() is None, f"the daemon ended at once: {self.log()}"
            return self._readies() > before

        wait_for(ready, what="the daemon to be ready")

    def _readies(self) -> int:
        return self.log().count(" ready watching ")

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    # -- the commands ----------------------------------------------------------------------------------------------

    def watcher(self, *arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run `watcher COMMAND --config ... ARGUMENTS`; what came of it, in bytes."""
        if not options:
            return warm.run(self.words(*arguments), self.environment(), self.root, 100)
        line = self.line(*arguments)
        return subprocess.run(
            line, capture_output=True, env=self.environment(), cwd=self.root, timeout=100, check=False, **options
        )

    def json(self, *arguments: str | bytes) -> Any:
        """What the command prints with --json."""
        command, *others = arguments
        result = self.watcher(command, "--json", *others)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def on_terminal(self, *arguments: str) -> bytes:
        """What the command shows on a terminal."""
        outside, inside = pty.openpty()
        environment = {**self.environment(), "COLUMNS": "400"}
        process = warm.start(self.words(*arguments), environment, None, [0, inside, inside])
        os.close(inside)
        shown_there = b"".join(iter(lambda: _read(outside), b""))
        process.wait()
        os.close(outside)
        return shown_there.replace(b"\r\n", b"\n")

    def line(self, *arguments: str | bytes) -> list[str | bytes]:
        """The command as a process that starts by itself."""
        return [sys.executable, "-m", "watcher", *self.words(*arguments)]

    def words(self, command: str | bytes, *arguments: str | bytes) -> list[str | bytes]:
        """The command as a person types it, with this household's configuration."""
        return [command, "--config", str(self.config), *arguments]

    def environment(self) -> dict[str, str]:
        """A person's, without settings of the program."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("WATCHER_", "XDG_"))}
        return {**own, "PYTHONPATH": str(ROOT), "HOME": str(self.root)}

    # -- what became of it -----------------------------------------------------------------------------------------

    def drop(self, name: str | bytes, content: bytes) -> Path:
        """Put a file into the inbox, by one write under its own name."""
        path = self.inbox / os.fsdecode(name)
        path.write_bytes(content)
        return path

    def drop_folder(self, name: str, files: dict[str, bytes]) -> Path:
        """Put files (by their paths in it) into a folder of the inbox: a new one gets there by one rename."""
        target = self.inbox / name
        made = target if target.exists() else self.root / "made"
        for path, content in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(content)
        return made.rename(target) if made != target else target

    def once(self, code: int = 0) -> None:
        """`watcher run --once`, which must end with this exit code."""
        result = self.watcher("run", "--once")
        assert result.returncode == code, result.stderr.decode()

    def jobs(self, name: str | bytes | None = None) -> list[dict[str, Any]]:
        """The journal, the first job first; only those of one `name`, when it is given."""
        with search.reading(str(self.catalog)) as connection:
            rows = views.jobs(connection)[::-1]
        return [row for row in rows if name is None or row["name"] == shown(name)]

    def states(self, name: str | bytes) -> list[str]:
        return [job["state"] for job in self.jobs(name)]

    def wait_until(self, name: str | bytes, *states: str) -> None:
        """Wait until the jobs of `name` have come to `states`, one after the other, and no file of it waits."""
        wait_for(lambda: self.states(name) == list(states), what=f"{name!r} to be {states}: {self.log()[-2000:]}")
        wait_for(lambda: not any((self.inbox / ".watcher" / "spool").iterdir()), what="the spool to be empty")

    def wait_for_rest(self) -> None:
        """Wait until all that was dropped has come to its end, whichever that is."""
        wait_for(self._rests, what=f"all of it to be worked off: {self.log()[-2000:]}")

    def _rests(self) -> bool:
        if self.waiting() or any((self.inbox / ".watcher" / "spool").iterdir()):
            return False
        return not self.rows("select 1 from jobs where discarded = 0")

    def waiting(self) -> set[str]:
        """Paths of the files in the inbox that are to be taken."""
        return {path for path in _files(self.inbox) if Ignoring().rule(path) is None}

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What the catalog's tables say."""
        with search.reading(str(self.catalog)) as connection:
            return [dict(row) for row in connection.execute(query)]

    def asset(self, name: str) -> dict[str, Any]:
        """The one asset that was dropped under `name`."""
        (found,) = [row for row in self.assets() if row["name"] == name]
        return found

    def key(self, path: str) -> str:
        """Where a path of the library is below it."""
        return str(Path(path).relative_to(self.library))

    def library_files(self) -> set[str]:
        """The paths below the library of all files that it shows."""
        return {path for path in _files(self.library) if not path.startswith(".watcher/")}

    def assert_taken_once(self, contents: dict[str, bytes]) -> None:
        """Each was taken exactly once, lies in the library byte for byte, and is gone from the inbox."""
        for name in contents:
            self.wait_until(name, "done")
        digests = {row["digest"]: Path(row["path"]) for row in self.assets()}
        for name, content in contents.items():
            assert digests[digest(content)].read_bytes() == content, name
            assert not os.path.lexists(self.inbox / name)

    def assets(self) -> list[dict[str, Any]]:
        with search.reading(str(self.catalog)) as connection:
            return list(search.search(connection, library=str(self.library)))

    def finds(self, *words: str) -> list[str]:
        """The names that `watcher search` finds."""
        result = self.watcher("search", "--json", *words)
        assert result.returncode in (0, 1), result.stderr
        return [row["name"] for row in json.loads(result.stdout)]

    def inbox_status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.json("status")["inboxes"][0]
        return status

    def waits(self, name: str, why: str) -> bool:
        """Whether `watcher status` says that the file waits in the inbox, and why."""
        return f"{name}: {why}" in self.watcher("status").stdout.decode()


def _end(process: subprocess.Popen[bytes] | warm.Process) -> None:
    if process.poll() is None:
        # its whole session: a daemon that hangs may have workers that hang
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _files(root: Path) -> Iterator[str]:
    """Paths below `root` of all files; folders may go meanwhile."""
    for folder, _, names in os.walk(root):
        yield from (os.path.relpath(os.path.join(folder, name), root) for name in names)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the kernel's way to say that nobody is on the other side any more
        return b""
