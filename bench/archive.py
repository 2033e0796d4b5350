"""One large zip: against the same files loose, what it costs in memory, and what a loose photo waits beside it.

`python bench/archive.py [MEMBERS]` (20,000). The pictures are small, so what is measured is everything but decoding.
Prints three figures; the issue's limits are beside them.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from PIL import Image

SIZE = (320, 240)
PROBES = 15  # loose photos dropped beside the zip
SAMPLE_SECONDS = 0.2


def picture(number: int, base: bytes) -> bytes:
    """Other bytes for each number: a comment behind the start of the image."""
    comment = f"photograph {number:08}".encode()
    return base[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + base[2:]


def base() -> bytes:
    content = io.BytesIO()
    Image.radial_gradient("L").resize(SIZE).convert("RGB").save(content, "JPEG", quality=85)
    return content.getvalue()


def command(home: Path, *more: str) -> list[str]:
    inbox, library = str(home / "inbox"), str(home / "library")
    return [sys.executable, "-m", "watcher", "run", "--inbox", inbox, "--library", library, "--jobs", "2", *more]


class Memory(threading.Thread):
    """The largest resident memory (MB) of a process and of its heaviest descendant, until `stop`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.coordinator, self.worker = pid, 0.0, 0.0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.coordinator = max(self.coordinator, resident(self.pid))
            self.worker = max([self.worker, *(resident(pid) for pid in descendants(self.pid))])

    def stop(self) -> None:
        self._over.set()
        self.join()


def resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


def descendants(pid: int) -> Iterator[int]:
    try:
        children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from descendants(child)


@contextmanager
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        (Path(folder) / "inbox").mkdir()
        yield Path(folder)


def timed(place: Path) -> tuple[float, Memory]:
    """Seconds of a run over all that lies in the inbox, and its memory."""
    start = time.monotonic()
    process = subprocess.Popen(command(place, "--once"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = Memory(process.pid)
    memory.start()
    assert process.wait() == 0
    seconds = time.monotonic() - start
    memory.stop()
    return seconds, memory


def until_found(database: Path, name: str, give_up: float = 60.0) -> float:
    """Seconds from now until the catalog has the picture."""
    start = time.monotonic()
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
    try:
        while connection.execute("select 1 from assets where name = ?", (name,)).fetchone() is None:
            assert time.monotonic() < start + give_up, name
            time.sleep(0.002)
    finally:
        connection.close()
    return time.monotonic() - start


def latencies(place: Path, content: bytes, archive: Path | None) -> list[float]:
    """Seconds that loose photos need, one after the other, alone or beside the archive."""
    process = subprocess.Popen(command(place), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "watching" in line:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        if archive:
            shutil.copy(archive, place / "inbox" / ".copy")
            os.rename(place / "inbox" / ".copy", place / "inbox" / "many.zip")
            time.sleep(1.0)
        found = []
        for number in range(PROBES):
            (place / "staged").write_bytes(picture(10**7 + number, content))
            os.rename(place / "staged", place / "inbox" / f"loose-{number}.jpg")
            found.append(until_found(place / "library" / ".watcher" / "watcher.db", f"loose-{number}.jpg"))
        return found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main(members: int) -> None:
    content = base()
    with home() as place:
        for number in range(members):
            (place / "inbox" / f"{number:08}.jpg").write_bytes(picture(number, content))
        loose, _ = timed(place)
    with home() as place:
        archive = place / "many.zip"
        with zipfile.ZipFile(archive, "w") as target:
            for number in range(members):
                target.writestr(f"{number:08}.jpg", picture(number, content))
        shutil.copy(archive, place / "inbox" / "many.zip")
        zipped, memory = timed(place)
        print(f"loose {members / loose:.0f}/s, zip {members / zipped:.0f}/s: {loose / zipped:.2f} (at least 0.8)")
        print(f"most memory with the zip: coordinator {memory.coordinator:.0f} MB, worker {memory.worker:.0f} MB")
        with home() as quiet, home() as busy:
            alone, beside = latencies(quiet, content, None), latencies(busy, content, archive)
        print(
            f"a loose photo: alone {median(alone):.2f} s, beside the zip median {median(beside):.2f} s, "
            f"worst {max(beside):.2f} s (at most 1 s more)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
