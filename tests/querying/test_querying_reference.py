"""The page of help: every example is a query, and every field that it names is one."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from watcher.querying.arguments import from_arguments
from watcher.querying.parsing import parse
from watcher.querying.reference import EXAMPLES, reference, typed

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 5, 17, 14, 23)


@pytest.mark.parametrize("query", [query for _, query, _ in EXAMPLES])
def test_every_example_is_a_query(query: str) -> None:
    assert parse(from_arguments([query]), NOW, {"summer": "month:6..8"}.get)


def test_the_page_shows_each_example_once_and_fits_a_terminal() -> None:
    page = reference()
    assert all(page.count(f"\n  {typed(query)}  ") == 1 for _, query, _ in EXAMPLES)
    assert max(map(len, page.splitlines())) <= 120


def test_the_page_shows_what_a_shell_leaves_as_it_is(tmp_path: Path) -> None:
    for name in ("sunset", "-su", "=4", "cat"):  # what patterns of the shell would find
        (tmp_path / name).touch()
    for _, query, _ in EXAMPLES:
        line = f"printf '%s\\0' {typed(query)}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, cwd=tmp_path, timeout=60)
        arguments = done.stdout.decode().split("\0")[:-1]
        saved = {"summer": "month:6..8"}.get
        assert parse(from_arguments(arguments), NOW, saved) == parse(query, NOW, saved), query
    assert len(list(tmp_path.iterdir())) == 4


def test_reading_a_query_loads_nothing_but_the_standard_library() -> None:
    code = "import sys, watcher.querying.parsing, watcher.querying.arguments; print(*sys.modules)"
    # -S: what other packages hook into every start of this interpreter is none of ours
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = done.stdout.split()
    assert {name.split(".")[0] for name in loaded} <= set(sys.stdlib_module_names) | {"watcher", "__main__"}
    assert "sqlite3" not in loaded
