"""`watcher status`: how the daemon, the journal and the inboxes are, from what the daemon wrote down."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.db import search, views
from watcher.locate import Library

Status = dict[str, Any]

_INBOX = ("name", "path", "mode", "state", "reason", "waiting")
_SECONDS = 1.0  # between two looks of --follow


@click.command()
@places
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the daemon runs and no inbox is paused.")
@as_json
def command(config: str | None, library: str | None, follow: bool, check: bool, as_json: bool) -> None:
    """Show how the daemon is, what it has done, and what waits in its inboxes.

    \b
    Examples:
      watcher status
      watcher status --follow
      watcher status --check || systemctl restart watcher
    """
    if follow and (check or as_json):
        raise click.UsageError("--follow goes without --check and --json")
    place = locate.library(config, library)
    if follow:
        _follow(lambda: _look(place))
        return
    status = _look(place)
    if as_json:
        output.write(output.as_json(_contract(status), indent=2) + "\n")
    else:
        output.write(_described(status))
    output.flush()
    if check and not _healthy(status):
        raise click.exceptions.Exit(1)


def _look(place: Library) -> Status:
    """How things are now: what `--json` prints, and for each inbox `files`, those that wait and why."""
    report = _report(place.path)
    with search.reading(place.database) as connection:
        jobs, assets = views.job_counts(connection), search.count(connection)
        known = views.inboxes(connection)
    running = report is not None and report.get("ready") is True
    if report is None or not running:
        reason = "no daemon is running" if report is None else "the daemon is starting"
        daemon = {"running": False, "pid": None, "since": None}
        inboxes = [_unwatched(row["name"], os.fsdecode(row["path"]), reason) for row in known]
    else:
        daemon = {"running": True, "pid": report.get("pid"), "since": report.get("since")}
        inboxes = report.get("inboxes", [])
    return {"daemon": daemon, "jobs": jobs, "assets": assets, "inboxes": inboxes}


def _contract(status: Status) -> Status:
    return {**status, "inboxes": [{key: inbox.get(key) for key in _INBOX} for inbox in status["inboxes"]]}


def _healthy(status: Status) -> bool:
    return status["daemon"]["running"] and all(inbox.get("state") != "paused" for inbox in status["inboxes"])


def _report(library: str) -> Status | None:
    """What the daemon that holds the library's lock wrote last, {} before that; None when none holds it."""
    folder = os.path.join(library, ".watcher")
    if not _locked(os.path.join(folder, "lock")):
        return None
    try:
        with open(os.path.join(folder, "status.json"), encoding="utf-8") as file:
            report = json.load(file)
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # shared: two who ask at once must not take each other for a daemon
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _unwatched(name: str, path: str, reason: str) -> Status:
    waiting = sum(1 for _ in _dropped(path)) if os.path.isdir(path) else None
    return {"name": name, "path": path, "mode": None, "state": "paused", "reason": reason, "waiting": waiting}


def _dropped(inbox: str) -> Iterator[str]:
    """The files in an inbox that a daemon would look at: nothing hidden, nothing in failed/."""
    for folder, folders, files in os.walk(inbox):
        folders[:] = [f for f in folders if not f.startswith(".") and (folder, f) != (inbox, "failed")]
        yield from (name for name in files if not name.startswith("."))


def _described(status: Status) -> str:
    lines = [
        f"daemon  {_daemon(status['daemon'])}",
        f"photos  {status['assets']:,}",
        f"jobs    {_jobs(status)}",
    ]
    for inbox in status["inboxes"]:
        reason = f" ({inbox['reason']})" if inbox.get("reason") else ""
        lines.append(f"inbox   {inbox['name']}  {inbox['path']}: {inbox['state']}{reason}, {_waiting(inbox)}")
        lines += [f"        {file['name']}: {file['reason']}" for file in inbox.get("files", [])]
    return "".join(output.escaped(line) + "\n" for line in lines)


def _daemon(daemon: Status) -> str:
    return f"running since {daemon['since']}, pid {daemon['pid']}" if daemon["running"] else "not running"


def _jobs(status: Status) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in status["jobs"].items() if number) or "none yet"


def _waiting(inbox: Status) -> str:
    return "not there" if inbox.get("waiting") is None else f"{inbox['waiting']:,} waiting"


def _follow(look: Callable[[], Status]) -> None:
    try:
        if output.on_terminal():
            _redraw(look)
        else:
            _log_changes(look)
    except KeyboardInterrupt:  # the way to end it
        output.flush()


def _redraw(look: Callable[[], Status]) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(Text(_described(look())), auto_refresh=False) as live:
        while True:
            time.sleep(_SECONDS)
            live.update(Text(_described(look())), refresh=True)


def _log_changes(look: Callable[[], Status]) -> None:
    before = ""
    while True:
        status = look()
        waiting = sum(inbox.get("waiting") or 0 for inbox in status["inboxes"])
        parts = (
            _daemon(status["daemon"]),
            _jobs(status),
            f"{waiting:,} waiting",
            f"{status['assets']:,} photos",
        )
        line = output.escaped("; ".join(parts)) + "\n"
        if line != before:
            output.write(line)
            output.flush()
        before = line
        time.sleep(_SECONDS)
