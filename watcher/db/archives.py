"""Archives in the journal: their members become jobs of their own; with the last of them an archive is at its end.

The methods that change rows run inside a transaction of the caller's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from watcher import pairing
from watcher.db.jobs import change, fate, insert, now, scope
from watcher.model import JUNK_REASON, Batch, Job, Member, shown

# While more of its members are to be listed an archive is queued, not expanded.
_COMPLETE_ARCHIVES = """select id, reason,
    (select coalesce(max(copied), 0) from jobs r where r.id in (a.id, a.root_id)) as stays,
    (select count(*) from jobs c where c.parent_id = a.id and c.state <> 'ignored') as members,
    (select count(*) from jobs c where c.parent_id = a.id and c.state = 'failed' and c.lodged = 0) as unsafe,
    (select count(*) from jobs c where c.parent_id = a.id and c.state = 'failed' and c.lodged = 1) as kept,
    (select count(*) from jobs c where c.parent_id = a.id and c.state = 'cancelled') as cancelled
  from jobs a where a.state = 'expanded'
    and not exists (select 1 from jobs c where c.parent_id = a.id and c.state in ('queued', 'running', 'expanded'))"""


class Archives:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def expand(
        self, job: Job, batch: Batch, members: Sequence[Member], *, more: bool = False, lodged: bool = False
    ) -> bool:
        """An archive's members become jobs of their own; the pair (parent, member) makes it repeatable.

        `more`: it is asked for the next ones in another try, which nobody is blamed for. Those that tell about
        others go first: then a picture finds its sidecar at once.
        """
        listed = max((member.index + 1 for member in members), default=job.listed)
        state, excused = ("queued", 1) if more else ("expanded", 0)
        if not change(
            self._db,
            job.id,
            job.attempt,
            "state = ?, excused = excused + ?, reason = null, listed = ?, lodged = max(lodged, ?)",
            (state, excused, listed, lodged),
        ):
            return False
        if batch.numbered:  # what waits for its number is not to wait for ever: the end of its batch comes again
            self._db.execute("update batches set closed_at = null where id = ?", (batch.id,))
        for member in sorted(members, key=lambda member: not pairing.tells_of_others(member.name)):
            insert(self._db, **_member_row(job, batch, member))
        return True

    def unpacked(self, root: int) -> tuple[int, int]:
        """How many members an archive has with those of the archives in it, and their bytes."""
        row = self._db.execute(
            "select count(*) as n, coalesce(sum(size), 0) as bytes from jobs where root_id = ?", (root,)
        ).fetchone()
        return int(row["n"]), int(row["bytes"])

    def close(self) -> list[int]:
        """Archives whose last member is finished are done, or failed when not each of them is safe. Their ids.

        A failed member is safe when its bytes lie in a file of their own. An archive that held nothing to take is
        failed too: what is done is deleted, and nothing of it is in the library.
        """
        closed: list[int] = []
        while rows := self._db.execute(_COMPLETE_ARCHIVES).fetchall():  # again: one may have been the last of another
            for row in rows:
                problem = row["reason"] or _shortfall(row["members"], row["unsafe"], row["cancelled"])
                self._db.execute(
                    "update jobs set state = ?, reason = ?, finished_at = ? where id = ? and state = 'expanded'",
                    ("failed" if problem else "done", problem or _rest(row), now(), row["id"]),
                )
            closed += [int(row["id"]) for row in rows]
        return closed

    def any_complete(self) -> bool:
        """Whether a transaction of `close` would be worth its cost."""
        return self._db.execute(f"{_COMPLETE_ARCHIVES} limit 1").fetchone() is not None

    def not_taken(self, job: int) -> list[tuple[str, str]]:
        """(name, reason) of an archive's members that are neither in the library nor in a file of their own."""
        rows = self._db.execute(
            """select name, reason, state from jobs where parent_id = ? and state in ('failed', 'cancelled')
               and lodged = 0 order by member""",
            (job,),
        )
        return [(row["name"], row["reason"] or row["state"]) for row in rows]


def _member_row(archive: Job, batch: Batch, member: Member) -> dict[str, object]:
    folder = member.path.rpartition("/")[0]
    inside = f"{archive.path}/" if archive.depth else ""  # of archives in archives, each is a folder of its own
    state, reason = ("ignored", JUNK_REASON) if member.junk else fate(batch)
    return {
        "parent_id": archive.id,
        "root_id": archive.root_id or archive.id,
        "depth": archive.depth + 1,
        "member": member.index,
        "inbox_id": archive.inbox_id,
        "path": member.path.encode("utf-8", "surrogateescape"),
        "name": shown(member.name),
        "batch": batch.name,
        "batch_id": batch.id,
        "lane": -batch.id,
        "size": min(member.size, 2**63 - 1),
        "state": state,
        "reason": reason,
        "finished_at": None if state == "queued" else now(),
        "numbering": "date" if batch.numbered and state == "queued" else None,
        "scope": scope(archive.inbox_id, batch.name, inside + folder),
        "shot": pairing.shot(shown(member.name)),
    }


def _shortfall(members: int, unsafe: int, cancelled: int) -> str | None:
    """What an archive owes, of so many `members` that are no litter; None when it was taken whole."""
    if not members:
        return "there is nothing in it to take"
    if cancelled:
        return f"cancelled: {cancelled} of {members} members were not taken"
    return f"{unsafe} of {members} members could not be read" if unsafe else None


def _rest(row: sqlite3.Row) -> str | None:
    """What a person should know of an archive that is done."""
    where = "are in it still" if row["stays"] else "are in failed/"
    return f"{row['kept']} of {row['members']} members could not be taken and {where}" if row["kept"] else None
