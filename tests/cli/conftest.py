"""A library with a catalog to read, and the command as a person runs it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import warm
from tests.cli.catalog_rows import Catalog, Run, Terminal
from tests.fresh import open_writer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    root = tmp_path / "library"
    (root / ".watcher").mkdir(parents=True)
    connection = open_writer(str(root / ".watcher" / "watcher.db"))
    yield Catalog(root, connection)
    connection.close()


@pytest.fixture
def watcher(catalog: Catalog) -> Run:
    """Run `watcher COMMAND --library ... ARGUMENTS` in the C locale; its result, in bytes."""

    def run(command: str, *arguments: str | bytes, **options: object) -> subprocess.CompletedProcess[bytes]:
        words = [command, "--library", str(catalog.root), *arguments]
        locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        environment = {**os.environ, **locale, "PYTHONPATH": str(ROOT)}
        if not options:
            return warm.run(words, environment, None, 60)
        line = [sys.executable, "-m", "watcher", *words]
        return subprocess.run(line, capture_output=True, env=environment, timeout=60, **options)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture
def terminal(catalog: Catalog) -> Terminal:
    """Run the command on a terminal of 60 columns; what it showed there."""

    def run(command: str, *arguments: str) -> bytes:
        words = [command, "--library", str(catalog.root), *arguments]
        outside, inside = pty.openpty()
        process = warm.start(words, {**os.environ, "COLUMNS": "60"}, None, [0, inside, inside])
        os.close(inside)
        shown_there = b"".join(iter(lambda: _read(outside), b""))
        process.wait()
        os.close(outside)
        return shown_there.replace(b"\r\n", b"\n")

    return run


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the kernel's way to say that nobody is on the other side any more
        return b""
