"""One real run fills a library; each test gets a copy of its own, at another place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture, xmp, zipped
from tests.examining.examined import Place


@pytest.fixture(scope="session")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Pictures, a folder, a zip with a bad member, a zip that failed, a failure, a duplicate, sidecars, litter."""
    home = Home(tmp_path_factory.mktemp("worked"))
    for name in ("one.jpg", "two.jpg", "three.jpg"):
        home.drop(name, picture(name))
    home.drop("again.jpg", picture("one.jpg"))
    home.drop(b"caf\xe9 \n.jpg", picture("latin"))
    home.drop("three.xmp", xmp("Harbour"))
    home.drop("alone.xmp", xmp("Nobody"))
    home.drop("letter.jpg", b"Dear Anna")
    home.drop_folder("trip", {"a/b.jpg": picture("b"), "c.txt": b"words"})
    home.drop("pack.zip", zipped({"in.jpg": picture("in"), "bad.jpg": b"no picture", ".DS_Store": b"x"}))
    home.drop("empty.zip", zipped({".DS_Store": b"x"}))
    home.once(3)
    for litter in (".DS_Store", "#recycle/one/thumb.jpg", "half.part"):
        (home.inbox / litter).parent.mkdir(parents=True, exist_ok=True)
        (home.inbox / litter).write_bytes(b"x")
    return home


@pytest.fixture
def place(worked: Home, tmp_path: Path) -> Place:
    for folder in ("inbox", "library"):
        shutil.copytree(worked.root / folder, tmp_path / folder, symlinks=True)
    place = Place(tmp_path)
    (place.inbox / ".watcher" / "owner").write_bytes(os.fsencode(place.library))
    with closing(sqlite3.connect(place.catalog, isolation_level=None)) as db:
        db.execute("update inboxes set path = ?", (os.fsencode(place.inbox),))
    return place
