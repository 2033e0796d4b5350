"""What watching costs: a scan of an inbox in which very many files wait, and a daemon that has nothing to do.

    python bench/watch.py [--files 100000] [--seconds 60]

The scan is that of a real inbox with no room for more: all is looked at and nothing taken. Its longest slice is how
long results, signals and systemd wait meanwhile. The idle daemon is a real one with two inboxes, one watched and one
scanned; what all of its processes use is read from proc(5).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from watcher.intake.inbox import Inbox

ROOT = Path(__file__).parents[1]
FOLDERS = 20
CONFIG = """
[library]
path = "library"
[[inbox]]
path = "watched"
[[inbox]]
path = "scanned"
mode = "scan"
[workers]
count = 2
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=60.0)
    chosen = options.parse_args()
    for name, folders in (("one folder", 1), (f"{FOLDERS} folders", FOLDERS)):
        with tempfile.TemporaryDirectory() as root:
            fill(Path(root), chosen.files, folders)
            for number, slices in enumerate(scans(root), 1):
                clock, processor = zip(*slices, strict=True)
                line = (
                    f"{sum(clock):.2f} s, {sum(processor):.2f} s of the processor; in {len(slices)} slices, the longest"
                )
                print(f"scan {number}, {chosen.files:,} files in {name}: {line} {max(processor) * 1000:.0f} ms of it")
    with tempfile.TemporaryDirectory() as root:
        share, starts = idle(Path(root), chosen.seconds)
        print(f"idle for {chosen.seconds:.0f} s: {share:.3%} of a core, {starts:.1f} wakings a second")


def fill(root: Path, files: int, folders: int) -> None:
    for number in range(folders):
        folder = root / f"roll {number:02}" if folders > 1 else root
        folder.mkdir(exist_ok=True)
        for each in range(number, files, folders):
            (folder / f"IMG_{each:06}.jpg").touch()


def scans(root: str) -> Iterator[list[tuple[float, float]]]:
    """The seconds of each slice, by the clock and of the processor: a first scan, and one of what is known by then."""
    inbox = Inbox(
        root,
        "in",
        settle_seconds=2,
        incomplete_seconds=30,
        batch_seconds=60,
        rescan_seconds=1e9,
        wake=lambda: None,
    )
    inbox.open("/library")
    for _ in range(2):
        slices: list[tuple[float, float]] = []
        inbox.rescan()
        while not slices or inbox.noticing.is_scanning():
            began, used_before = time.perf_counter(), time.process_time()
            inbox.claim_settled(0)
            slices.append((time.perf_counter() - began, time.process_time() - used_before))
        yield slices
    inbox.close()


def idle(root: Path, seconds: float) -> tuple[float, float]:
    """Share of a core that a daemon with nothing to do uses, and how often a second its processes wake."""
    for folder in ("watched", "scanned"):
        (root / folder).mkdir()
    (root / "watcher.toml").write_text(CONFIG)
    line = [sys.executable, "-m", "watcher", "run", "--config", str(root / "watcher.toml")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, env=environment, start_new_session=True, stderr=subprocess.DEVNULL) as daemon:
        time.sleep(10)  # its start, and the workers'
        before = used(daemon.pid)
        time.sleep(seconds)
        after = used(daemon.pid)
        daemon.terminate()
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds


def used(session: int) -> tuple[float, int]:
    """Processor seconds of all processes of a session so far, and how often their threads woke."""
    seconds, wakings = 0.0, 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            for thread in (process / "task").iterdir():
                run, _, _ = (thread / "schedstat").read_text().split()  # nanoseconds; stat counts whole ticks
                seconds += int(run) / 1e9
                status = (thread / "status").read_text()
                wakings += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        except OSError:
            continue
    return seconds, wakings


if __name__ == "__main__":
    main()
