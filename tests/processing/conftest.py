"""What the tests of a worker's tasks share."""

from __future__ import annotations

from pathlib import Path

import pytest
from worker_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
