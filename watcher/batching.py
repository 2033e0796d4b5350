"""What belongs together: which batch a claim is of, what that batch asks for, and when it is complete.

Decides, by rows of `db.batches`; how options are read is settings', whose reader comes in. Runs inside the caller's
transaction.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from watcher.db.archives import Archives
from watcher.db.batches import Batches, set_name
from watcher.errors import ConfigError
from watcher.intake.ready import read_options
from watcher.model import OPTIONS_NAME, Batch, Claim, Job, Member, Rules, shown

Options = Mapping[str, Any]
ReadOptions = Callable[[bytes], Options]


class Batching:
    """`read` makes options of a batch.toml's content, or raises ConfigError. `rules` go by the inbox's id."""

    def __init__(self, batches: Batches, archives: Archives, read: ReadOptions, rules: Mapping[int, Rules]) -> None:
        self._batches, self._archives, self._read, self._rules = batches, archives, read, rules

    def added(self, inbox: int, token: str, name: str, content: bytes) -> None:
        """What `watcher add` put together under `token` is a batch, before the first file of it is taken."""
        if self._batches.by_token(token) is None:
            self._ask(self._batches.start(inbox, "add", shown(name), token=token), content, OPTIONS_NAME)

    def belonging(self, claims: Sequence[tuple[int, Claim]]) -> dict[str, Batch]:
        """The batch of each claim that has one, by the claim's token."""
        found = {claim.token: batch.id for inbox, claim in claims if (batch := self._of(inbox, claim))}
        self._batches.news([*found.values()])
        return {token: self._batches.get(batch) for token, batch in found.items()}  # as it is after the last of them

    def of_archive(self, job: Job, options: str | None) -> Batch:
        """The batch of an archive's members; `options` is the content of the batch.toml in it."""
        batch = self._batches.of_archive(job)
        if job.listed or job.depth or batch.name not in (job.name, set_name(job.name)):
            return batch  # it came among others, for which its options are not meant
        return self._ask(batch, (options or "").encode(), f"{job.name}: {OPTIONS_NAME}")

    def excess(self, job: Job, members: Sequence[Member]) -> str | None:
        """Why these members are too many for the archive that was dropped, with all the archives in it; else None."""
        limits = self._rules[job.inbox_id].limits
        if not job.depth:
            return None  # who listed it has looked at that
        count, size = self._archives.unpacked(job.root_id or job.id)
        if count + len(members) > limits.zip_members:
            return f"with the zips in it, it has more than limits.zip_members = {limits.zip_members:,} members"
        if size + sum(member.size for member in members) > limits.zip_bytes:
            return f"with the zips in it, it unpacks to more than limits.zip_bytes = {limits.zip_bytes:,} bytes"
        return None

    def close(self, still_comes: Callable[[Batch], bool], quiet_seconds: float) -> list[Batch]:
        """The batches that are complete by now and are to be ended. Only looks."""
        waiting = [*self._batches.open("folder", quiet_seconds), *self._batches.open("add")]
        ended = [batch for batch in waiting if not still_comes(batch)] + self._batches.listed_archives()
        return [batch for batch in ended if not (batch.numbered and self._batches.is_dating(batch.id))]

    def next_quiet(self, quiet_seconds: float) -> float | None:
        """Seconds until `close` may have something to say, because a folder has been quiet for so long."""
        return self._batches.next_quiet(quiet_seconds)

    def end(self, batches: Sequence[Batch]) -> None:
        """Nothing more belongs to these: what waited for that gets its number."""
        for batch in batches:
            self._batches.close(batch.id)
            self._batches.number(batch.id)

    def _of(self, inbox: int, claim: Claim) -> Batch | None:
        if claim.batch:
            return self._batches.by_token(claim.batch)
        top, slash, below = claim.path.partition("/")
        if not slash:
            return None
        batch = self._batches.open_folder(inbox, shown(top)) or self._folder(inbox, claim)
        if below == OPTIONS_NAME:
            return self._ask(batch, _content(claim.source), claim.path)
        return batch

    def _folder(self, inbox: int, claim: Claim) -> Batch:
        """A new batch. A batch.toml that stays in its folder is for what comes later too."""
        top = claim.path.partition("/")[0]
        options = os.path.join(top, OPTIONS_NAME)
        content = _content(os.path.join(claim.inbox, options)) if claim.stamp else b""
        return self._ask(self._batches.start(inbox, "folder", shown(top)), content, options)

    def _ask(self, batch: Batch, content: bytes, where: str) -> Batch:
        options, problem = {}, None if content else batch.problem
        try:
            options = dict(self._read(content)) if content else {}
        except ConfigError as error:
            problem = f"{shown(where)}: {error}. Correct it, and drop all of it again"
        first, second = (options, batch.options) if batch.kind == "add" else (batch.options, options)
        options = {**first, **second}  # what a person typed goes before what a zip brings along
        numbered = bool(options.get("prefix", self._rules[batch.inbox_id].wishes.prefix))
        return self._batches.ask(batch.id, options, numbered=numbered, problem=problem)


def _content(path: str) -> bytes:
    """Of a batch.toml; empty where none can be read."""
    try:
        return read_options(path)
    except OSError:
        return b""
