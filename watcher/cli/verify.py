"""`watcher verify`: whether all that the catalog names lies in the library as it was put there."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from watcher import pacing, settings
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.cli.progress import size_text
from watcher.db import holdings
from watcher.db.connect import editing
from watcher.db.jobs import now
from watcher.querying.periods import period
from watcher.settings.amounts import parse_bytes
from watcher.showing import utc
from watcher.storage.local import LocalStorage
from watcher.verifying import Finding, Verifying

VERSION = 1  # of what --json prints
KEYS = ("kind", "what", "path", "asset", "detail", "remedy")


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    try:
        size = None if value is None else int(str(parse_bytes(value)))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    if size == 0:
        raise click.BadParameter("must be more than 0", ctx, param)
    return size


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A date as people write it, in UTC as the catalog has it."""
    try:
        start = None if value is None else period(value, datetime.now().astimezone())[0]
        return None if start is None else utc(start.timestamp())
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command(name="verify")
@click.option("--budget", metavar="BYTES", callback=_bytes, help="Stop after reading so much, such as 10GB.")
@click.option("--since", metavar="DATE", callback=_moment, help="Only what was not checked since: 2024-05-17, -30d.")
@click.option("--rate", metavar="BYTES", callback=_bytes, help="Read so much a second at most, such as 50MB.")
@as_json
@places
def command(
    budget: int | None, since: str | None, rate: int | None, as_json: bool, config: str | None, library: str | None
) -> int:
    """Read what lies in the library and compare it with the catalog: originals and sidecars by their bytes, renditions
    by decoding them; and list the files that the catalog does not name. Nothing is changed; watcher repair does that.

    What was not checked for longest comes first, so a run that was stopped, or had a --budget, is gone on with by the
    next. It may run beside the daemon. Exits with 1 when something is not as it should be.

    \b
    With --json: {version, checked: {assets, bytes}, left: {assets, bytes},
    earlier: how many assets with a problem found before were not looked at now,
    findings: [{kind, what, path, asset, detail, remedy}]}; kind is missing,
    changed, unreadable or extra; what is original, rendition, sidecar or file.

    \b
    Examples:
      watcher verify
      watcher verify --budget 10GB --rate 50MB
      watcher verify --since -30d --json
    """
    chosen = settings.load(config, library=library).settings
    pacing.step_back()
    tell, pace, began = _Telling(chosen.library.path, as_json), pacing.Pace(rate), now()
    with editing(chosen.library.database) as connection:
        storage = LocalStorage(chosen.library.path)
        due = holdings.due(connection, since)
        checked = _work_off(Verifying(connection, storage, settings.limits(chosen), pace), due, budget, pace, tell)
        report = {
            "version": VERSION,
            "checked": {"assets": checked, "bytes": pace.done},
            "left": {"assets": len(due) - checked, "bytes": holdings.due_bytes(connection, since or began)},
            "earlier": len(holdings.problems(connection, began)),
        }
    tell.conclude(report)
    return 1 if tell.findings or report["earlier"] else 0


def _work_off(verifying: Verifying, due: list[int], budget: int | None, pace: pacing.Pace, tell: _Telling) -> int:
    """Look at what is due until the budget (bytes) is used up, then at the rest; how many assets were looked at."""
    checked = 0
    try:
        with click.progressbar(due, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True) as bar:
            for asset in bar:
                if budget is not None and pace.done >= budget:
                    break
                tell(verifying.check(asset))
                checked += 1
        tell(verifying.check_lone_sidecars())
        tell(verifying.strays())
    except KeyboardInterrupt:
        click.echo(f"\nstopped after {checked:,} of {len(due):,}; the next run goes on here", err=True)
        raise
    return checked


class _Telling:
    """Prints findings as they come, unless they go into JSON at the end."""

    def __init__(self, root: str, as_json: bool) -> None:
        self._root, self._as_json = root, as_json
        self.findings: list[Finding] = []

    def __call__(self, findings: Iterable[Finding]) -> None:
        safe = output.escaped if output.on_terminal() else output.one_line
        for each in findings:
            self.findings.append(each)
            if not self._as_json:
                whose = f" (asset {each.asset})" if each.asset is not None else ""
                path = safe(f"{self._root}/{each.key}")
                output.write(f"{each.kind}\t{each.what}\t{path}\t{safe(each.detail)}{whose}\n")
                output.flush()

    def conclude(self, report: dict[str, Any]) -> None:
        """The report as JSON, with the findings; else what to do about them, and a line that sums it up."""
        if self._as_json:
            rows = [{**asdict(one), "path": f"{self._root}/{one.key}", "remedy": one.remedy} for one in self.findings]
            found = [{key: row[key] for key in KEYS} for row in rows]
            output.write(output.as_json({**report, "findings": found}, indent=2) + "\n")
            output.flush()
            return
        for kind, what, remedy in dict.fromkeys((each.kind, each.what, each.remedy) for each in self.findings):
            click.echo(f"{kind} {what}: {remedy}", err=True)
        click.echo(_summary(report, len(self.findings)), err=True)


def _summary(report: dict[str, Any], found: int) -> str:
    checked, left = report["checked"], report["left"]
    problems = {0: "all is as it should be", 1: "1 problem"}.get(found, f"{found:,} problems")
    words = f"checked {_photographs(checked['assets'])}, read {size_text(checked['bytes'])}; {problems}"
    if left["assets"]:
        words += f"; {_photographs(left['assets'])} with {size_text(left['bytes'])} left"
    if report["earlier"]:
        words += f"; {_photographs(report['earlier'])} with problems found before not looked at now"
    return words


def _photographs(number: int) -> str:
    return "1 photograph" if number == 1 else f"{number:,} photographs"
