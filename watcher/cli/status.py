"""`watcher status`: how the daemon, the journal and the inboxes are, from what the daemon wrote down; or one batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from watcher import locate
from watcher.cli import output, progress
from watcher.cli.finding import Batches
from watcher.cli.following import View, follow
from watcher.cli.options import as_json, places
from watcher.cli.report import report
from watcher.db import batch_views, search, taken, views
from watcher.ignoring import Ignoring
from watcher.intake.copying import Copying
from watcher.intake.scanner import Skipped, scan
from watcher.locate import Library

Status = dict[str, Any]

_INBOX = ("name", "path", "mode", "state", "reason", "waiting")  # what design and users rely on, then the watch
_WATCH = ("fstype", "last_event", "last_scan", "unannounced")


@click.command()
@click.argument("batch", required=False, metavar="[TOKEN|BATCH]")
@places
@click.option("--follow", "following", is_flag=True, help="Go on until Ctrl-C; with a batch, until it is finished.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the daemon runs and no inbox is paused.")
@as_json
def command(
    batch: str | None, config: str | None, library: str | None, following: bool, check: bool, as_json: bool
) -> int:
    """Show how the daemon is, what it has done, and what waits in its inboxes; or how far one batch is.

    TOKEN is what watcher add printed. BATCH is a name (the latest batch of that name counts), or a number that watcher
    batches shows.

    \b
    Examples:
      watcher status
      watcher status --follow
      watcher status a-7k2m5qx3ab --json
      watcher status --check || systemctl restart watcher
    """
    if following and (check or as_json):
        raise click.UsageError("--follow goes without --check and --json")
    if batch and check:
        raise click.UsageError("--check is about the daemon: it goes without a batch")
    place = locate.library(config, library)
    if batch:
        return _show_batch(Batches(place, config, library), batch, following, as_json)
    if following:
        follow(_views(place))
        return 0
    status = _look(place)
    if as_json:
        output.write(output.as_json(_contract(status), indent=2) + "\n")
    else:
        output.write(_described(status))
    output.flush()
    return 1 if check and not _healthy(status) else 0


def _show_batch(batches: Batches, word: str, following: bool, as_json: bool) -> int:
    found = batches.find(word)
    if found is None:
        click.echo(f"watcher: there is no batch {output.escaped(word)}: watcher batches lists them", err=True)
        return 1
    if following:
        # by what is its own for ever: another batch of the same name may come
        follow(_batch_views(batches, found["token"] or str(found["id"])))
        return 0
    whole = _with_files(found, batches.place)
    output.write(output.as_json(whole, indent=2) + "\n" if as_json else _batch_text(whole))
    output.flush()
    return 0


def _with_files(batch: progress.Batch, place: Library) -> progress.Batch:
    """With what was published, and what failed."""
    if batch["id"] is None:
        return {**batch, "published": [], "failures": []}
    with search.reading(place.database) as connection:
        published = batch_views.published(connection, batch["id"], place.path)
        return {**batch, "published": published, "failures": batch_views.failures(connection, batch["id"])}


def _batch_text(batch: progress.Batch) -> str:
    lines = progress.lines(batch)
    lines += [f"failed  {one['name']}: {one['reason']}" for one in batch["failures"]]
    paths = batch["published"]
    most = output.ROWS if output.on_terminal() else len(paths)
    lines += [f"file    {path}" for path in paths[:most]]
    lines += [f"and {len(paths) - most:,} more"] if len(paths) > most else []
    return "".join(output.escaped(line) + "\n" for line in lines)


def _batch_views(batches: Batches, word: str) -> Iterator[View]:
    while batch := batches.find(word):
        failures = _with_files(batch, batches.place)["failures"]
        yield _batch_text({**batch, "published": [], "failures": failures}), output.escaped(progress.line(batch)) + "\n"
        if batch["state"] in progress.ENDS:
            return


def _look(place: Library) -> Status:
    """How things are now: what `--json` prints, and for each inbox `files`, those that wait and why."""
    said = report(place.path)
    with search.reading(place.database) as connection:
        jobs, assets = views.job_counts(connection), search.count(connection)
        unfinished, waiting = batch_views.unfinished_count(connection), batch_views.waiting_sidecars(connection)
    if said is None or said.get("ready") is not True:
        reason = "no daemon is running" if said is None else "the daemon is starting"
        daemon = {"running": False, "pid": None, "since": None}
        inboxes = _unwatched(place, reason)
    else:
        daemon = {"running": True, "pid": said.get("pid"), "since": said.get("since")}
        inboxes = said.get("inboxes", [])
    counts = {"jobs": jobs, "assets": assets, "batches": unfinished, "sidecars": {"waiting": waiting}}
    return {"daemon": daemon, **counts, "inboxes": inboxes}


def _contract(status: Status) -> Status:
    return {**status, "inboxes": [{key: inbox.get(key) for key in _INBOX + _WATCH} for inbox in status["inboxes"]]}


def _healthy(status: Status) -> bool:
    return status["daemon"]["running"] and all(inbox.get("state") != "paused" for inbox in status["inboxes"])


def _unwatched(place: Library, reason: str) -> list[Status]:
    with search.reading(place.database) as connection:
        known = [(row["name"], os.fsdecode(row["path"])) for row in views.inboxes(connection)]
        return [
            {"name": name, "path": path, "mode": None, "state": "paused", "reason": reason}
            | {"waiting": _waiting_count(path, Copying(path, "", taken.read(connection, path)))}
            for name, path in known
        ]


def _waiting_count(inbox: str, copying: Copying) -> int | None:
    """How many files a scan would take up: by the built-in rules alone, since the whole configuration loads slowly.
    None where there is no folder."""
    try:
        found = scan(inbox, Ignoring())
        # what stays in its place and was taken does not wait
        return sum(not isinstance(path, Skipped) and not copying.knows(path) for path in found)
    except OSError:
        return None


def _described(status: Status) -> str:
    lines = [
        f"daemon  {_daemon(status['daemon'])}",
        f"photos  {status['assets']:,}",
        f"jobs    {_jobs(status)}",
        *([f"batches {status['batches']:,} not finished"] if status["batches"] else []),
        *(
            [f"sidecar {status['sidecars']['waiting']:,} without their picture"]
            if status["sidecars"]["waiting"]
            else []
        ),
    ]
    for inbox in status["inboxes"]:
        lines.append(f"inbox   {inbox['name']}  {inbox['path']}: {inbox['state']}, {_waiting(inbox)}")
        lines += [f"        {inbox['reason']}"] if inbox.get("reason") else []
        lines += [f"        {file['name']}: {file['reason']}" for file in inbox.get("files", [])]
    return "".join(output.escaped(line) + "\n" for line in lines)


def _daemon(daemon: Status) -> str:
    return f"running since {daemon['since']}, pid {daemon['pid']}" if daemon["running"] else "not running"


def _jobs(status: Status) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in status["jobs"].items() if number) or "none yet"


def _waiting(inbox: Status) -> str:
    if inbox["state"] == "paused" and not os.path.isdir(inbox["path"]):
        return "not there"
    # a folder that lacks its marker is there
    return "not looked into" if inbox.get("waiting") is None else f"{inbox['waiting']:,} waiting"


def _views(place: Library) -> Iterator[View]:
    while True:
        status = _look(place)
        yield _described(status), _line(status)


def _line(status: Status) -> str:
    waiting = sum(inbox.get("waiting") or 0 for inbox in status["inboxes"])
    parts = (_daemon(status["daemon"]), _jobs(status), f"{waiting:,} waiting", f"{status['assets']:,} photos")
    return output.escaped("; ".join(parts)) + "\n"
