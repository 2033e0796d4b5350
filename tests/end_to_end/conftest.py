"""The household of a test: one that a whole module shares, with its daemon running, or one of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.household import Home


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A household whose daemon runs for all tests of a module."""
    home = Home(tmp_path_factory.mktemp("watched"))
    with home.running():
        yield home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A household of the test's own; nobody watches it yet."""
    return Home(tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the daemon said, beside the test that failed."""
    report = yield
    homes = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Home)]
    if report.failed and homes:
        report.sections.append(("the daemon's log", homes[0].log()[-3000:]))
    return report
