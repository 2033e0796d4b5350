"""Who is told, for now by a log line each: of a finished job, after its commit, in commit order, at least once; of an
inbox that pauses or goes on, when it does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from watcher import logs
from watcher.model import Job

_LEVELS = {"failed": logging.WARNING}


class Notifier:
    """`key_of` gives an asset's key in the library, for the line that says where a picture went."""

    def __init__(self, logger: logging.Logger, key_of: Callable[[int], str | None]) -> None:
        self._logger = logger
        self._key_of = key_of

    def send(self, jobs: Iterable[Job]) -> list[int]:
        """Announce finished jobs. Returns the ids of those that were announced."""
        return [job.id for job in jobs if self._announce(job)]

    def inbox(self, name: str, problem: str | None) -> None:
        """An inbox is paused, for this reason (a sentence with what to do), or goes on."""
        if problem:
            logs.event(self._logger, "paused", f"{name} is paused: {problem}", level=logging.ERROR)
        else:
            logs.event(self._logger, "resumed", f"{name} goes on", level=logging.WARNING)

    def _announce(self, job: Job) -> bool:
        key = self._key_of(job.asset_id) if job.asset_id is not None else None
        if job.kind == "join":
            self._announce_join(job, key)
            return True
        words = {
            "done": f"{job.name} -> {key}" if key else _without_asset(job),
            "duplicate": f"{job.name} equals {key}",
            "failed": f"{job.name}: {job.reason}",
        }.get(job.state, job.name)
        level = _LEVELS.get(job.state, logging.DEBUG if job.state == "ignored" else logging.INFO)
        logs.event(self._logger, job.state, words, level=level, job_id=job.id)
        return True

    def _announce_join(self, job: Job, key: str | None) -> None:
        if job.state == "failed":
            words = f"{key or job.name} could not be read again with its sidecars: {job.reason}"
            logs.event(self._logger, "failed", words, level=logging.WARNING, job_id=job.id)
        else:
            logs.event(self._logger, "joined", f"{key} was read again with its sidecars", job_id=job.id)


def _without_asset(job: Job) -> str:
    if job.listed:
        return f"{job.name}: {job.reason or 'all its members are taken care of'}"
    return f"{job.name} is kept for the picture that it tells about"
