"""`watcher demo`: the whole program at work on sample photographs, each step with the command behind it.

A person at a keyboard, played: it starts the real daemon, copies files and runs commands as processes, and
knows no more of the program than its command line says.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from watcher.errors import ConfigError, FatalError
from watcher.model import shown

PARTS = (
    ".watcher-demo",
    "photos",
    "Inbox",
    "Library",
    "watcher.toml",
    "daemon.log",
)  # the first marks a demo
PICTURES = 24
READY_SECONDS = 30.0
DONE_SECONDS = 60.0  # without a single file more
STOP_SECONDS = 30.0
FOLDER = "From the memory card"  # some of the pictures arrive in it
FINISHED = ("done", "duplicate", "failed", "ignored")
CONFIG = """\
# What `watcher demo` uses. Relative paths start at this file's folder.
[library]
path = "Library"

[[inbox]]
path = "Inbox"

[intake]
settle_seconds = 0.5
incomplete_seconds = 2
"""
NEXT = (
    ("config init", "writes a configuration: name your folders in it"),
    ("run", "watches them until Ctrl-C; README.md says how to run it as a service of systemd"),
    ("search sunset", "finds"),
)


@click.command(name="demo")
@click.argument("directory", metavar="[DIR]", default="demo")
def command(directory: str) -> None:
    """Show the daemon at work on sample photographs in DIR (default: ./demo).

    Starts the real daemon, drops photographs while it runs, stops it, and shows what became of them. A former
    demo in DIR is made anew; a folder that holds anything else is refused.

    \b
    Example:
      watcher demo /tmp/demo
    """
    from watcher import sample
    from watcher.cli.tree import tree

    demo = Demo(directory)
    demo.make_room()
    title(f"1. {PICTURES} sample photographs, a zip, a duplicate and a broken file")
    sample.write(demo.photos, PICTURES)
    say(f"in {demo.photos}")
    title("2. The daemon")
    with demo.daemon() as daemon:
        demo.wait_until_ready(daemon)
        title("3. Dropping them into the inbox while it runs")
        demo.watch(daemon, demo.drop(daemon))
        title("4. Stopping it with SIGTERM")
        demo.stop(daemon)
    title("5. The library")
    for line in tree(demo.library):
        say(line)
    title("6. Finding pictures by their words")
    demo.show("search", "--library", demo.library, "reykjavik")
    demo.show("search", "--library", demo.library, "--fields", "taken_at,camera,title", "sunset", "desert")
    title("7. What failed, and why")
    demo.show("failures", "--library", demo.library)
    title("Your own folders")
    for words, meaning in NEXT:
        typed(*words.split())
        say(f"  {meaning}")


class Demo:
    """The folder of a demo, and what a person does in it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        parts = [os.path.join(directory, name) for name in PARTS]
        self.marker, self.photos, self.inbox, self.library, self.config, self.log = parts

    def make_room(self) -> None:
        """An empty inbox and a configuration. Raises ConfigError rather than remove what no demo made."""
        try:
            os.makedirs(self.directory, exist_ok=True)
            held = set(os.listdir(self.directory))
            strange = held - set(PARTS) if PARTS[0] in held else held
            if strange:
                raise ConfigError(f"{self.directory} holds {min(strange)}, which no demo made: name another folder")
            write(self.marker, "")
            for name in held - {PARTS[0]}:
                remove(os.path.join(self.directory, name))
            os.mkdir(self.inbox)
            write(self.config, CONFIG)
        except OSError as error:
            raise ConfigError(f"cannot use {self.directory} for the demo: {error.strerror}") from None

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """`watcher run` as a process of its own; never left behind."""
        arguments = ["run", "--config", self.config]
        typed(*arguments)
        with open(self.log, "wb") as log:
            process = subprocess.Popen(command_line(*arguments), stdout=log, stderr=log, env=environment())
        try:
            yield process
        finally:
            process.terminate()
            if not ended(process, STOP_SECONDS):
                process.kill()
                process.wait()

    def status(self) -> dict[str, Any]:
        """What `watcher status --json` says; empty while there is no library yet."""
        asked = command_line("status", "--config", self.config, "--json")
        answer = subprocess.run(asked, capture_output=True, env=environment())
        found: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
        return found

    def wait_until_ready(self, daemon: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.status().get("daemon", {}).get("running"):
            if ended(daemon, 0.1) or time.monotonic() > deadline:
                raise self.gave_up("the daemon did not start", daemon)
        say(f"ready, watching {self.inbox} (its log: {self.log})")

    def drop(self, daemon: subprocess.Popen[bytes]) -> int:
        """Copy it all in: files one by one, a folder, the zip. Returns how many jobs that makes."""
        names = sorted(os.listdir(self.photos))
        archives = [name for name in names if name.endswith(".zip")]
        pictures = [name for name in names if name not in archives]
        alone, together = pictures[::2], pictures[1::2]
        for name in alone + archives:
            shutil.copy(os.path.join(self.photos, name), self.inbox)
            ended(daemon, 0.05)  # as a person would, not all in one moment
        os.mkdir(os.path.join(self.inbox, FOLDER))
        for name in together:
            shutil.copy(os.path.join(self.photos, name), os.path.join(self.inbox, FOLDER))
        say(f"{len(alone)} one by one, {len(together)} in the folder “{FOLDER}”, and {', '.join(archives)}")
        return len(names) + sum(members(os.path.join(self.photos, name)) for name in archives)

    def watch(self, daemon: subprocess.Popen[bytes], expected: int) -> None:
        """Show how many are finished until all are. Raises FatalError when nothing goes on any more."""
        shown, deadline = "", time.monotonic() + DONE_SECONDS
        while True:
            jobs = self.status().get("jobs", {})
            finished = sum(jobs.get(state, 0) for state in FINISHED)
            line = f"{finished} of {expected} finished" + counts(jobs)
            if line != shown:
                progress(line, last=finished >= expected)
                shown, deadline = line, time.monotonic() + DONE_SECONDS
            if finished >= expected:
                return
            if ended(daemon, 0.2) or time.monotonic() > deadline:
                raise self.gave_up(f"only {finished} of {expected} files were finished", daemon)

    def stop(self, daemon: subprocess.Popen[bytes]) -> None:
        daemon.send_signal(signal.SIGTERM)
        if not ended(daemon, STOP_SECONDS) or daemon.returncode:
            raise self.gave_up("the daemon did not stop well", daemon)
        say(f"it ended with exit code {daemon.returncode}")

    def gave_up(self, what: str, daemon: subprocess.Popen[bytes]) -> FatalError:
        code = daemon.poll()
        state = "it is still running" if code is None else f"it ended with exit code {code}"
        with open(self.log, encoding="utf-8", errors="backslashreplace") as log:
            tail = log.read().splitlines()[-15:]
        return FatalError("\n".join([f"{what}: {state}. The end of {self.log}:", *(f"  {line}" for line in tail)]))

    def show(self, *arguments: str) -> None:
        """Type a command and let its answer stand."""
        typed(*arguments)
        subprocess.run(command_line(*arguments), env=environment(), check=False)
        say()


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def members(path: str) -> int:
    with zipfile.ZipFile(path) as archive:
        return len(archive.infolist())


def ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it has ended, after waiting that long for it."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def environment() -> dict[str, str]:
    """Ours without the reader's own settings: a demo shows what its configuration says."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHER_")}


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "watcher", *arguments]


def program() -> str:
    """What to type for `watcher` here."""
    if shutil.which("watcher"):
        return "watcher"
    return os.path.relpath(os.path.join(os.path.dirname(sys.executable), "watcher"))


def counts(jobs: dict[str, int]) -> str:
    parts = [f"{jobs[state]} {state}" for state in FINISHED if jobs.get(state)]
    return f" ({', '.join(parts)})" if parts else ""


def title(text: str) -> None:
    say()
    say(click.style(text, bold=True, fg="cyan"))


def typed(*arguments: str) -> None:
    say(click.style("$ " + shlex.join([program(), *arguments]), fg="green"))


def progress(line: str, last: bool) -> None:
    """One line that is written over on a terminal, a line each in a pipe."""
    if sys.stdout.isatty():
        click.echo(f"\r\033[K{line}", nl=last)
    else:
        say(line)


def say(text: str = "") -> None:
    click.echo(shown(text), color=False if "NO_COLOR" in os.environ else None)
    sys.stdout.flush()  # the commands that follow write to the same terminal
