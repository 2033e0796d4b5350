"""A household with pictures in its library, made by one run of the real daemon and given anew to each test."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.household import Home


class Stock:
    """What is left of a household below `root` once `contents` were dropped there and taken."""

    def __init__(self, root: Path, contents: Mapping[str, bytes]) -> None:
        (root / "home").mkdir()
        self._home, self._kept = Home(root / "home"), root / "kept"
        for name, content in contents.items():
            self._home.drop(name, content)
        self._home.once()
        self._home.root.rename(self._kept)

    def fresh(self) -> Home:
        """As it was, whatever became of the one before; in the same place, by which the catalog knows the inbox."""
        shutil.rmtree(self._home.root, ignore_errors=True)
        shutil.copytree(self._kept, self._home.root, symlinks=True)
        return self._home
