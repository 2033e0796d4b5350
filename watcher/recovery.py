"""Start-up: make spool and journal agree. `plan` is a pure table from what is found to what is done.

The spool is the truth about what is ours, the journal about how far it came.

| spool        | journal                   | it died between         | action                                     |
|--------------|---------------------------|-------------------------|--------------------------------------------|
| file         | -                         | claim and journal       | Hold: settle in place, then add the row    |
| empty folder | -                         | mkdir and rename        | Remove                                     |
| file         | queued, expanded          | -                       | nothing                                    |
| file         | running                   | start and commit        | Interrupt: queued again                    |
| any          | running member            | start and commit        | Interrupt                                  |
| not mounted  | any                       | -                       | nothing but Interrupt; the inbox is paused |
| -            | queued, running           | power undid the rename  | Forget if the file is back, else Lose      |
| -            | with members              | power undid the rename  | Retake if the file is back, else Lose      |
| any          | finished                  | commit and discard      | nothing: announce and discard go on        |
| file         | finished and discarded    | power undid the discard | Hold finds the row: discarded again        |
| copy         | - , or discarded          | copy and journal        | Drop: its file is still in the inbox       |
| -            | queued, running, copied   | power undid the copy    | Forget, with what is remembered of it, if  |
|              |                           |                         | its file is there: copied anew; else Lose  |

A copy is the working copy of a file that stays in its inbox (`take = "copy"`); all other rows hold for it as well. What
is remembered as taken goes with Forget, Retake and Lose, so that the file is taken when it is there (again).
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass

from watcher import chronicle, logs
from watcher.db import annals
from watcher.db.connect import transaction
from watcher.db.journal import Journal
from watcher.db.ledger import Ledger
from watcher.intake.inbox import Inbox
from watcher.model import Job

_log = logging.getLogger("watcher.daemon")


@dataclass(frozen=True, slots=True)
class Hold:
    inbox_id: int
    token: str
    path: str


@dataclass(frozen=True, slots=True)
class Drop:
    inbox_id: int
    token: str
    path: str


@dataclass(frozen=True, slots=True)
class Remove:
    inbox_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    job: Job
    blame: bool


@dataclass(frozen=True, slots=True)
class Forget:
    job: Job


@dataclass(frozen=True, slots=True)
class Retake:
    """An archive whose members have begun: its row stays, for theirs; what is left comes again with the file."""

    job: Job


@dataclass(frozen=True, slots=True)
class Lose:
    job: Job


Action = Hold | Drop | Remove | Interrupt | Forget | Retake | Lose

Spooled = Mapping[int, Sequence[tuple[str, str | None]]]  # inbox id -> (token, path; None: an empty folder)


def recover(
    connection: sqlite3.Connection,
    ledger: Ledger,
    inboxes: Mapping[int, Inbox],
    waiting: Collection[str],
    library: str,
    *,
    late: bool,
) -> list[Job]:
    """Look, plan, and carry it out in one transaction; the jobs whose files are lost. Raises OSError.

    `waiting`: claims that are on their way into the journal. `late`: the inboxes came back to a daemon at work, and
    what runs meanwhile ends by its own result.
    """
    journal = ledger.journal
    spooled = {inbox_id: inbox.spool.spooled() for inbox_id, inbox in inboxes.items() if not inbox.problem()}
    unfinished = journal.unfinished()
    if late:
        unfinished = [job for job in unfinished if job.inbox_id in inboxes and job.state != "running"]
    copying = {inbox_id for inbox_id, inbox in inboxes.items() if inbox.copies}
    known = journal.claims() | set(waiting)
    actions = plan(spooled, known, unfinished, lambda job: _is_back(job, inboxes[job.inbox_id]), copying)
    with transaction(connection):
        chronicle.begin(library, annals.everything(connection))
        lost = apply(actions, journal, inboxes)
        ledger.archives.close()
    for inbox_id in spooled:
        inboxes[inbox_id].spool.forget_members(journal.claims())
    for job in lost:
        words = f"{job.name}: its spool copy is gone, and it is not back in the inbox"
        logs.event(_log, "lost", words, level=logging.ERROR, job_id=job.id)
    return lost


def _is_back(job: Job, inbox: Inbox) -> bool:
    added = (job.claim or "").partition(".")[2]
    try:
        found = os.lstat(inbox.ready.path(added, job.path) if added else os.path.join(inbox.root, job.path))
    except OSError:
        return False
    return found.st_size == job.size


def plan(
    spooled: Spooled,
    known_claims: set[str],
    unfinished: Sequence[Job],
    is_back: Callable[[Job], bool],
    copying: Container[int] = (),
) -> list[Action]:
    """What to do. `spooled` has the mounted inboxes only; `known_claims` are those that the journal answers for.

    `is_back(job)`: whether the file of a job without a spool copy lies in its inbox, where it was dropped. `copying`:
    the inboxes whose files stay where they are.
    """
    actions: list[Action] = []
    for inbox_id, entries in spooled.items():
        for token, path in entries:
            if path is None:
                actions.append(Remove(inbox_id, token))
            elif token not in known_claims:
                unknown = Drop if inbox_id in copying else Hold
                actions.append(unknown(inbox_id, token, path))
    there = {token for entries in spooled.values() for token, path in entries if path is not None}
    running = [job for job in unfinished if job.state == "running"]
    for job in unfinished:
        if job.claim is not None and job.inbox_id in spooled and job.claim not in there:
            actions.append(_sourceless(job, is_back(job)))
        elif job.state == "running":
            # a suspect runs alone: when the daemon died beside it and nothing else, that is its doing
            actions.append(Interrupt(job, blame=job.suspect and len(running) == 1))
    return actions


def _sourceless(job: Job, back: bool) -> Action:
    if not back:
        return Lose(job)
    return Retake(job) if job.listed else Forget(job)


def apply(actions: Sequence[Action], journal: Journal, inboxes: Mapping[int, Inbox]) -> list[Job]:
    """Carry out a plan, inside the caller's transaction. Returns the jobs whose files are lost."""
    lost = []
    for action in actions:
        match action:
            case Hold(inbox_id, token, path):
                if not journal.undo_discard(token):
                    inboxes[inbox_id].hold(token, path)
            case Drop(inbox_id, token, path):
                inboxes[inbox_id].spool.drop(token, path)
            case Remove(inbox_id, token):
                inboxes[inbox_id].spool.forget(token)
            case Interrupt(job, blame):
                journal.interrupt(job.id, blame=blame)
            case Forget(job):
                journal.forget(job.id)
            case Retake(job):
                journal.lose(job.id, "its file came back into the inbox by itself; it is taken anew from there")
            case Lose(job):
                journal.lose(job.id, "its spool copy is gone, and it is not back in the inbox")
                lost.append(job)
    return lost
