"""What the tests of a worker's tasks share."""

from __future__ import annotations

from pathlib import Path

import pytest
from turned_pictures import STAND_IN
from worker_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def jpegtran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in, the only program there is."""
    program = tmp_path / "bin" / "jpegtran"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
