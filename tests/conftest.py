"""What all tests share: the collection of real files beside the project, and one line when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import warm

# each takes a quarter of a minute or more in one process; alphabetically some of them would come last
LONGEST = {
    "test_crash.py",
    "test_kill.py",
    "test_kill_archive.py",
    "test_power.py",
    "test_faults.py",
    "test_zip_law.py",
}
CORPUS = Path(os.environ.get("PHOTO_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, lest one process ends with them while the others have nothing left to do.

    Without the corpus its tests are deselected, visibly; `.ci/run` demands it.
    """
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if not CORPUS.is_dir():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("corpus")])
        items[:] = [item for item in items if not item.get_closest_marker("corpus")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CORPUS.is_dir():
        terminalreporter.write_line(f"The tests on real camera files were left out: no corpus at {CORPUS}")


def pytest_sessionfinish() -> None:
    warm.end()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real and hostile files; its MANIFEST.tsv says what each is for."""
    return CORPUS
