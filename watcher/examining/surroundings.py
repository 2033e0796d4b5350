"""What everything stands on: room on the disks, what the system allows, what the program is made with, the clock."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import sys
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata

from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Site
from watcher.model import shown

LEAST_BYTES = 1_000_000_000
LEAST_SHARE = 0.02
LEAST_FILES = 256  # open at once: some for each worker, and the coordinator's own
LEAST_QUEUE = 4096  # events: fewer, and a dropped folder makes the kernel lose some
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # a machine without a battery for its clock starts long before
_SLACK_SECONDS = 60.0
_PACKAGES = (("pillow", "images"), ("pillow-heif", "HEIC"), ("rawpy", "camera raw"))


# -- room --------------------------------------------------------------------------------------------------------------


def space(site: Site) -> Iterator[Finding]:
    """Each file system once, by the first of our folders on it."""
    folders = [site.library, os.path.dirname(site.database), *(box.path for box in site.inboxes if not box.copies)]
    devices: set[int] = set()
    for folder in filter(os.path.isdir, folders):
        if (device := os.stat(folder).st_dev) not in devices:
            devices.add(device)
            yield from _room(folder)


def _room(folder: str) -> Iterator[Finding]:
    found = os.statvfs(folder)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free < LEAST_BYTES or free < LEAST_SHARE * size:
        words = f"only {free / 1e9:.2f} GB of {size / 1e9:.1f} GB are free"
        yield Finding("space", words, folder, "make room: nothing is lost without it, but nothing is taken either")
    if found.f_files and found.f_favail < LEAST_SHARE * found.f_files:
        words = f"only {found.f_favail:,} of {found.f_files:,} possible files are free (inodes)"
        yield Finding("space", words, folder, "delete files there: each photograph needs three or more")


# -- limits ------------------------------------------------------------------------------------------------------------


def limits(site: Site, folders: int) -> Iterator[Remark]:
    """`folders`: how many there are in the inboxes; each needs a watch."""
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if open_files != resource.RLIM_INFINITY and open_files < LEAST_FILES:
        words = f"a process may open only {open_files} files at once"
        yield Finding("limit", words, None, "raise it: ulimit -n 1024, or LimitNOFILE= in the service's unit")
    yield from _too_low("watches", folders + len(site.inboxes), f"the inboxes have {folders:,} folders")
    yield from _too_low("instances", len(site.inboxes) + 1, f"there are {len(site.inboxes)} inboxes")
    queue = _number("/proc/sys/fs/inotify/max_queued_events")
    if queue is not None and queue < LEAST_QUEUE:
        words = f"the kernel keeps only {queue:,} events that were not read yet"
        yield Finding("limit", words, None, "sysctl fs.inotify.max_queued_events=16384 (and in /etc/sysctl.d)")


def _too_low(what: str, needed: int, because: str) -> Iterator[Finding]:
    """inotify(7): a limit for each user, and one for each user namespace around him; the lowest holds."""
    places = (f"/proc/sys/fs/inotify/max_user_{what}", f"/proc/sys/user/max_inotify_{what}")
    allowed = min((number for number in map(_number, places) if number is not None), default=needed)
    if allowed < needed:
        words = f"a user may have {allowed:,} inotify {what}, and {because}: some are only scanned"
        enough = max(needed * 2, 8192 if what == "watches" else 128)
        yield Finding("limit", words, None, f"sysctl fs.inotify.max_user_{what}={enough} (and in /etc/sysctl.d)")


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


# -- versions ----------------------------------------------------------------------------------------------------------


def versions() -> Iterator[Remark]:
    with sqlite3.connect(":memory:") as probe:
        options = {row[0] for row in probe.execute("pragma compile_options")}
    for option, what in (("ENABLE_FTS5", "words"), ("ENABLE_RTREE", "places")):
        if option not in options:
            words = f"this SQLite ({sqlite3.sqlite_version}) is built without {option}: no {what} can be searched for"
            yield Finding("version", words, None, "use a Python whose SQLite has it, such as your distribution's")
    yield Note("version", f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    for package, what in _PACKAGES:
        yield Note("version", f"{package} ({what}): {_version(package) or 'not installed'}")
    yield Note("version", f"jpegtran (lossless turns): {shutil.which('jpegtran') or 'not found'}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


# -- the clock ---------------------------------------------------------------------------------------------------------


def clock(now: float, newest: str | None) -> Iterator[Finding]:
    """`now` in unix seconds; `newest`: the latest time that the ledger has (UTC), None when it has none."""
    if now < _EPOCH.timestamp():
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
        yield Finding("clock", f"the clock says {moment}, which is long past", None, "set it, best by NTP")
    elif newest is not None and now < datetime.fromisoformat(newest).timestamp() - _SLACK_SECONDS:
        words = f"the clock is behind the ledger, whose latest row is of {newest}"
        yield Finding("clock", words, None, "set it, best by NTP; if it ran ahead before, wait until it is past that")


def timezone(name: str) -> Iterator[Remark]:
    """`name` is the setting; "" is the machine's."""
    chosen = name or os.environ.get("TZ", "").lstrip(":")
    try:
        if chosen and not os.path.isabs(chosen):
            zoneinfo.ZoneInfo(chosen)
        yield Note("clock", f"the time zone is {shown(chosen) or ' or '.join(dict.fromkeys(time.tzname))}")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        words = f"the time zone {shown(chosen)} is unknown here: times without a place count as UTC"
        yield Finding("clock", words, None, "correct library.timezone, or TZ, or install the package tzdata")


def examine(site: Site) -> Iterator[Remark]:
    """All but the clock, which is held against the ledger."""
    yield from space(site)
    yield from limits(site, sum(_folders(inbox.path) for inbox in site.inboxes))
    yield from versions()
    yield from timezone(site.timezone)


def _folders(root: str) -> int:
    return sum(1 for _ in os.walk(root))
