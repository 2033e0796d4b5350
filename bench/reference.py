"""How much the daemon adds to the bare Pillow loop: `python bench/reference.py [--photos 100] [--rounds 3]`.

Times whole processes, the bare loop and `watcher run --once` in turns on fresh folders of one file system, and checks
that every picture came out. `--profile` shows instead where the coordinator's time goes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pstats
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from photos import photographs

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
JOBS = 2
KINDS = ("originals", "preview", "thumb")

Commands = Callable[[Path, Path], list[str]]  # of the folder with the photographs and the folder for the outcome


def bare_loop(photos: Path, out: Path) -> list[str]:
    return [sys.executable, str(HERE / "bare_loop.py"), str(photos), str(out)]


def watcher(photos: Path, out: Path, *interpreter: str) -> list[str]:
    # an empty file of our own: settings of the person who measures would change what is measured
    config = OUT / "empty.toml"
    config.touch()
    command = [sys.executable, *interpreter, "-m", "watcher", "run", "--once", "--jobs", str(JOBS)]
    return [*command, "--config", str(config), "--inbox", str(photos), "--library", str(out)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--profile", action="store_true", help="profile the coordinator instead of comparing")
    chosen = parser.parse_args()
    paths = photographs(OUT / "photos", chosen.photos)
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"{len(paths)} photographs of 4000x3000 px, {megabytes:.0f} MB; {os.cpu_count()} cores; {JOBS} processes each"
    )
    if chosen.profile:
        profile(paths)
    else:
        compare(paths, chosen.rounds)


def compare(paths: list[Path], rounds: int) -> None:
    bare: list[float] = []
    ours: list[float] = []
    for number in range(1, rounds + 1):
        bare.append(timed(bare_loop, paths))
        ours.append(timed(watcher, paths))
        print(f"round {number}:  bare loop {bare[-1]:6.2f} s   watcher {ours[-1]:6.2f} s   {ours[-1] / bare[-1]:.2f}")
    for name, seconds in (("bare loop", bare), ("watcher", ours)):
        print(f"{name:9}  min {min(seconds):6.2f} s   median {median(seconds):6.2f} s   {rate(paths, seconds)}")
    of_minima, of_medians = min(ours) / min(bare), median(ours) / median(bare)
    print(f"watcher / bare loop:  {of_minima:.3f} of the minima, {of_medians:.3f} of the medians")


def rate(paths: list[Path], seconds: list[float]) -> str:
    return f"{len(paths) / min(seconds):5.1f} files/s at best"


def timed(command_of: Commands, paths: list[Path]) -> float:
    """Seconds from start to end of the process, on fresh copies of `paths`. Exits when a picture is missing."""
    scratch = OUT / "round"
    shutil.rmtree(scratch, ignore_errors=True)
    photos, out = scratch / "photos", scratch / "out"
    photos.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, photos / path.name)
    os.sync()  # the daemon flushes its file system: it must not pay for what we have just written
    with (OUT / "last.log").open("wb") as log:
        before = time.perf_counter()
        done = subprocess.run(command_of(photos, out), cwd=HERE.parent, stdout=log, stderr=log, check=False)
        seconds = time.perf_counter() - before
    check(done.returncode, paths, out)
    shutil.rmtree(scratch)
    return seconds


def check(code: int, paths: list[Path], out: Path) -> None:
    made = {kind: [path for path in (out / kind).rglob("*") if path.is_file()] for kind in KINDS}
    counts = {kind: len(found) for kind, found in made.items()}
    if code != 0 or any(count != len(paths) for count in counts.values()):
        sys.exit(f"not all pictures arrived (exit code {code}, {counts}); see {OUT / 'last.log'}")
    if digests(made["originals"]) != digests(paths):
        sys.exit("the originals that arrived are not the photographs that were dropped")


def digests(paths: list[Path]) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def profile(paths: list[Path]) -> None:
    """One run under cProfile. It slows the coordinator down: read shares, not seconds. Workers are not in it."""
    recorded = OUT / "coordinator.pstats"
    timed(lambda photos, out: watcher(photos, out, "-m", "cProfile", "-o", str(recorded)), paths)
    stats = pstats.Stats(str(recorded))
    stats.sort_stats("tottime").print_stats(15)
    stats.sort_stats("cumulative").print_stats("watcher/", 40)


if __name__ == "__main__":
    main()
