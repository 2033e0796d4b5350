"""Why a file that lies in an inbox was not taken: as its daemon says, or else by the rules that the daemon goes by.

The rules are the daemon's own functions; nothing is changed, and nobody is waited for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from watcher.ignoring import BUILT_IN, FAILED, Ignoring
from watcher.intake.agenda import Place
from watcher.intake.leases import ignore_lease_breaks, trusted
from watcher.intake.leaving import Leaving
from watcher.intake.looking import Not, look
from watcher.intake.settling import Observation, Patience, Wait, decide, remember
from watcher.intake.spool import ADD, FOLDER, READY
from watcher.showing import shown

Report = dict[str, Any] | None  # what cli/report.py has of the library's daemon
State = Literal["waiting", "ignored", "left", "refused"]


class Verdict(NamedTuple):
    """`state`, and why as a sentence. `waiting`: time will change it. Else nobody takes it as it is."""

    state: State
    why: str


def verdict(root: str, path: str, configured: Any, patience: Patience, report: Report) -> Verdict:
    """About what lies at `path` below the inbox at `root`, which is there. `configured` is its `[[inbox]]` table."""
    said = _of_daemon(root, path, report)
    return next(filter(None, _verdicts(root, path, configured, patience, said)), _Due)


_Due = Verdict("waiting", "nothing keeps it from being taken")


def daemon_of(root: str, report: Report) -> str:
    """Who is there to take it, as a sentence."""
    if report is None:
        return "no daemon is running: start watcher run, and it is taken"
    inbox = next((one for one in report.get("inboxes", []) if one.get("path") == shown(root)), None)
    if inbox is None:
        return "the daemon that runs does not watch this inbox" if report.get("ready") else "the daemon is starting"
    if inbox.get("state") == "paused":
        return f"its inbox is paused: {inbox.get('reason')}"
    return f"the daemon is running (pid {report.get('pid')})"


def _of_daemon(root: str, path: str, report: Report) -> str | None:
    """What the daemon says of the file; it names the first few that wait."""
    for inbox in (report or {}).get("inboxes", []):
        if inbox.get("path") == shown(root):
            files = (one.get("reason") for one in inbox.get("files", []) if one.get("name") == shown(path))
            return next(files, None)
    return None


def _verdicts(root: str, path: str, configured: Any, patience: Patience, said: str | None) -> Iterator[Verdict | None]:
    """In the order in which the daemon asks."""
    yield _of_ours(path)
    yield _ignored(path, configured)
    yield _unreached(root, path)
    yield Verdict("waiting", f"the daemon says: {said}") if said else None
    yield _looked_at(root, path, configured, patience)


def _of_ours(path: str) -> Verdict | None:
    parts = path.split(os.sep)
    if parts[0] == FOLDER:
        if parts[1:2] == [READY] and len(parts) > 3:
            return Verdict("waiting", f"it was added as {shown(parts[2])}, and is taken as soon as its turn comes")
        if parts[1:2] == [ADD]:
            return Verdict("waiting", "a watcher add is still putting it together, or was ended while it did")
        return Verdict("ignored", "it lies in the program's own folder")
    if parts[0] == FAILED and len(parts) > 1:
        return Verdict(
            "ignored", "what lies in failed/ is not taken; move it back into the inbox, or use watcher retry"
        )
    return None


def _ignored(path: str, configured: Any) -> Verdict | None:
    rule = Ignoring(configured.ignore).rule(path)
    if rule is None:
        return None
    origin = "which is built in" if rule in BUILT_IN else f"which is in the configuration ({configured.name}: ignore)"
    return Verdict("ignored", f'it is ignored by the rule "{rule}", {origin}')


def _unreached(root: str, path: str) -> Verdict | None:
    """Folders on the way that no scan enters."""
    device, at = os.stat(root).st_dev, root
    for part in path.split(os.sep)[:-1]:
        at = os.path.join(at, part)
        if os.path.islink(at):
            return Verdict("refused", f"the folder {shown(at)} is a symbolic link, which is never followed")
        if os.stat(at).st_dev != device:
            return Verdict("refused", f"another file system is mounted at {shown(at)}, which is not entered")
    return None


def _looked_at(root: str, path: str, configured: Any, patience: Patience) -> Verdict | None:
    whole = os.path.join(root, path)
    ask = trusted(root)
    try:
        ignore_lease_breaks()
        seen = look(whole, ask=ask)
        if isinstance(seen, Not):
            return _no_file(whole, seen)
        return _unsettled(seen, ask, patience) or _left(path, whole, configured, seen)
    except OSError as error:
        return Verdict("refused", f"it cannot be read: {error.strerror}")


def _no_file(whole: str, seen: Not) -> Verdict:
    if seen is Not.FOLDER:
        return Verdict("waiting", "it is a folder: each file in it is taken by itself")
    if os.path.islink(whole):
        return Verdict("refused", "it is a symbolic link, which is never followed")
    return Verdict("refused", f"it is no file but {seen.value}")


def _unsettled(seen: Observation, ask: bool, patience: Patience) -> Verdict | None:
    """What it would wait for, if the daemon looked now for the first time."""
    now = time.monotonic()
    age = max(0.0, time.time() - seen.signature[4] / 1e9) if ask else 0.0
    decision = decide(remember(None, seen, now, age), seen, now, patience)
    return Verdict("waiting", f"it has not settled: {decision.why}") if isinstance(decision, Wait) else None


def _left(path: str, whole: str, configured: Any, seen: Observation) -> Verdict | None:
    why = Leaving().why(Place("", path), whole, seen) if configured.other == "leave" else None
    return Verdict("left", why) if why else None
