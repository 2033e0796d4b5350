"""A library, a spool, and the tasks that a worker is given; small pictures to carry them out on."""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from watcher.messages import Processed, Task, TaskResult
from watcher.model import Limits, Picture, Recipe, Rules, Wishes
from watcher.processing.run import run_task

TEMPLATE = "{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}"
RECIPES = (Recipe("preview"), Recipe("thumb", "300x300", "fill"))


def photo(colour: str = "teal", taken: str | None = "2024:05:17 14:23:01", orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    if orientation:
        exif[0x0112] = orientation
    out = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "JPEG", exif=exif)
    return out.getvalue()


def zipped(members: dict[str, bytes], date: tuple[int, int, int, int, int, int] | None = None) -> bytes:
    """A zip of these members, all of the same date (local time); without one of none."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in members.items():
            target.writestr(zipfile.ZipInfo(name, date or (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


class World:
    """A library, a spool, and tasks numbered in order."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "library"
        (self.library / ".watcher").mkdir(parents=True)
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.number = 0
        self.rules = Rules(str(self.library), TEMPLATE, RECIPES, Limits())

    def follow(self, **changes: Any) -> None:
        """Other rules, from now on."""
        self.rules = dataclasses.replace(self.rules, **changes)

    def wish(self, **wishes: Any) -> None:
        self.follow(wishes=Wishes(**wishes))

    def drop(self, content: bytes, name: str = "IMG_1.jpg") -> Path:
        self.number += 1
        path = self.spool / str(self.number) / name
        path.parent.mkdir()
        path.write_bytes(content)
        return path

    def task(self, path: Path, **changes: Any) -> Task:
        return dataclasses.replace(Task(self.number, 1, str(path), path.name, self.rules), **changes)

    def run(self, content: bytes, name: str = "IMG_1.jpg", **changes: Any) -> TaskResult:
        return run_task(self.task(self.drop(content, name), **changes))

    def published(self) -> list[str]:
        """Everything in the library, temporary files included."""
        files = (path for path in self.library.rglob("*") if not path.is_dir())
        return sorted(os.path.relpath(path, self.library) for path in files)


def picture_of(result: TaskResult) -> Picture:
    assert isinstance(result, Processed), result
    return result.picture
