"""`watcher doctor`: whether each file is accounted for, and what stands in the way of that; each with its remedy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import click

from watcher import locate
from watcher.cli import output
from watcher.cli.options import as_json, places
from watcher.cli.report import report
from watcher.errors import ConfigError
from watcher.examining.examination import examine
from watcher.examining.finding import Finding, Note
from watcher.examining.site import Inbox, Site
from watcher.ignoring import Ignoring

_MOST = 20  # findings of a kind that a person is shown; --json has them all


@click.command()
@places
@as_json
def command(config: str | None, library: str | None, as_json: bool) -> int:
    """Compare inboxes, library and catalog, and look at what they stand on. Changes nothing; also beside a daemon.

    Each file below an inbox must be waiting, in work, ignored by a rule or in failed/; each row of the ledger must have
    its file; each photograph must stand in the library. Then come the indexes, rights, free space, limits, versions,
    the clock, and synchronised folders. Bytes are not read: that is watcher verify.

    \b
    Exit code: 0 nothing is wrong, 1 something is. Failed files alone are nothing
    wrong.
    --json prints an array of findings, each an object:
      kind    account configuration clock database inbox index leftover limit
              original permission rendition sidecar space stray synced version
      what    what is wrong, a sentence
      path    where, absolute; null when it is in no one place
      remedy  what to do, a sentence
    \b
    Examples:
      watcher doctor
      watcher doctor --json
      watcher doctor --library ~/Pictures/Library
    """
    site, wrong = _site(config, library)
    remarks = list(examine(site)) if site else []
    findings = [*wrong, *(remark for remark in remarks if isinstance(remark, Finding))]
    if as_json:
        output.write_json(_contract(finding) for finding in findings)
    else:
        output.write("".join(map(_noted, (remark for remark in remarks if isinstance(remark, Note)))))
        output.write(_described(findings))
    output.flush()
    return 1 if findings else 0


def _site(config: str | None, library: str | None) -> tuple[Site | None, list[Finding]]:
    """What is to be examined, as far as the configuration says, and what is wrong with that."""
    from watcher import settings

    try:
        loaded = settings.load(config, library=library)
    except ConfigError as error:
        remedy = "correct it: watcher config check says when it is right"
        wrong = [Finding("configuration", line, None, remedy) for line in str(error).splitlines()]
        return _without_settings(config, library), wrong
    chosen = loaded.settings
    inboxes = tuple(
        Inbox(
            path=one.path,
            name=one.name,
            ignoring=Ignoring(tuple(one.ignore)),
            copies=one.take == "copy",
            marker=one.marker,
            configured=("inbox" in {place[0] for place in loaded.origins}),
        )
        for one in chosen.inbox
    )
    return Site(
        chosen.library.path,
        chosen.library.database,
        inboxes,
        only_known=bool(library),
        daemon=report(chosen.library.path),
        umask=chosen.library.umask,
        timezone=chosen.library.timezone,
    ), []


def _without_settings(config: str | None, library: str | None) -> Site | None:
    """The library, where it can be found though not all settings are right."""
    try:
        place = locate.library(config, library)
    except ConfigError:
        return None
    return Site(place.path, place.database, only_known=True, daemon=report(place.path))


def _contract(finding: Finding) -> dict[str, str | None]:
    return {"kind": finding.kind, "what": finding.what, "path": finding.path, "remedy": finding.remedy}


def _noted(note: Note) -> str:
    line = output.escaped(f"{note.about:<13} {note.what}")
    return f"\x1b[2m{line}\x1b[0m\n" if _in_colour() else line + "\n"


def _in_colour() -> bool:
    return output.on_terminal() and not os.environ.get("NO_COLOR")


def _described(findings: Sequence[Finding]) -> str:
    shown: Counter[str] = Counter()
    lines: list[str] = []
    for finding in findings:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _MOST:
            lines += _lines(finding)
    lines += [f"{kind:<13} and {n - _MOST:,} more: --json has them all" for kind, n in shown.items() if n > _MOST]
    lines.append(f"{len(findings):,} finding{'s' * (len(findings) != 1)}" if findings else "nothing is wrong")
    return "".join(output.escaped(line) + "\n" for line in lines)


def _lines(finding: Finding) -> list[str]:
    where = [f"{'':<13} {finding.path}"] if finding.path else []
    return [f"{finding.kind:<13} {finding.what}", *where, f"{'':<13} remedy: {finding.remedy}"]
