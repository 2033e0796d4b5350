"""Rows as lines of the chronicle, and such lines as rows again. What the lines hold, watcher/chronicle.py says.

The functions that write rows run inside a transaction of the caller's, in a catalog that is made anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watcher import pairing
from watcher.db.editing import COLUMNS
from watcher.db.jobs import listed, now
from watcher.model import shown

Line = dict[str, Any]

_HOW = """p.name, p.path, p.created_at, p.state, p.scope, p.sequence, i.name as inbox, i.path as inbox_path,
    b.id as batch_id, b.kind as batch_kind, b.name as batch_name, b.token as batch_token, b.options as batch_options"""
_WHENCE = "left join inboxes i on i.id = p.inbox_id left join batches b on b.id = p.batch_id"
_DROPS = f"""select a.digest, a.size, a.stored_digest, a.key, a.orientation, a.flags, a.metadata, a.imported_at,
    p.job_id as job, p.album, {_HOW} from provenance p join assets a on a.id = p.asset_id {_WHENCE}"""
_SIDECARS = f"select s.digest, p.id as job, {_HOW} from sidecars s join jobs p on p.id = s.job_id {_WHENCE}"
_EDITS = "select a.digest, e.* from edits e join assets a on a.id = e.asset_id"


def of_jobs(connection: sqlite3.Connection, jobs: Sequence[int]) -> list[Line]:
    """What is to be told of these jobs: the assets that they led to, or the sidecars that they brought."""
    drops = connection.execute(f"{_DROPS} where p.job_id in {listed(jobs)} order by p.job_id")
    sidecars = connection.execute(f"{_SIDECARS} where p.id in {listed(jobs)} order by p.id")
    return [*map(_drop, drops), *map(_sidecar, sidecars)]


def of_edit(connection: sqlite3.Connection) -> Iterator[Line]:
    """What is to be told of the last edit."""
    yield from map(_edit, connection.execute(f"{_EDITS} where e.edit = (select max(edit) from edits) order by e.id"))


def digest(connection: sqlite3.Connection, asset: int) -> str:
    row = connection.execute("select digest from assets where id = ?", (asset,)).fetchone()
    return str(row["digest"])


def of_removal(digest: str) -> Line:
    return {"what": "removal", "digest": digest, "at": now()}


def everything(connection: sqlite3.Connection) -> Iterator[Line]:
    """All that a catalog has to tell, one after the other."""
    yield from map(_drop, connection.execute(f"{_DROPS} order by p.job_id, p.asset_id"))
    yield from map(_sidecar, connection.execute(f"{_SIDECARS} order by s.id"))
    yield from map(_edit, connection.execute(f"{_EDITS} order by e.id"))


def _drop(row: sqlite3.Row) -> Line:
    metadata = json.loads(row["metadata"])
    return {
        "what": "drop",
        "digest": row["digest"],
        "size": row["size"],
        "stored": row["stored_digest"],
        "key": row["key"],
        "orientation": row["orientation"],
        "flags": json.loads(row["flags"]),
        "cleaning": metadata.get("cleaning", {}),
        "words": _words(metadata.get("sources", {})),
        "imported_at": row["imported_at"],
        **_how(row),
        "album": row["album"],
    }


def _sidecar(row: sqlite3.Row) -> Line:
    return {"what": "sidecar", "digest": row["digest"], **_how(row)}


def _how(row: sqlite3.Row) -> Line:
    batch = {name: row[f"batch_{name}"] for name in ("id", "kind", "name", "token", "options")}
    return {
        "job": row["job"],
        "state": row["state"],
        "at": row["created_at"],
        "name": row["name"],
        "path": os.fsdecode(row["path"]),
        "inbox": row["inbox"],
        "inbox_path": os.fsdecode(row["inbox_path"]),
        "batch": {**batch, "options": json.loads(batch["options"])} if row["batch_id"] is not None else None,
        "sequence": row["sequence"],
        "scope": (row["scope"] or "").partition("/")[2] or None,  # the inbox's number before it is this catalog's
    }


def _edit(row: sqlite3.Row) -> Line:
    names = ("digest", "edit", "field", "old", "new")
    return {"what": "edit", **{name: row[name] for name in names}, "at": row["edited_at"]}


def _words(sources: Mapping[str, Any]) -> Line:
    """What a person said of a whole batch, as `cleaning.worded` wrote it down."""
    said = {name: _batch(sources.get(name, ())) for name in ("title", "description")}
    keywords = _batch(sources.get("batch_keywords", ()))
    said["keywords"] = [keywords] if isinstance(keywords, str) else keywords
    return {name: value for name, value in said.items() if value}


def _batch(stated: Sequence[Mapping[str, Any]]) -> Any:
    return next((one["value"] for one in stated if one["source"] == "batch"), None)


# -- rows again ------------------------------------------------------------------------------------------------------


def put_job(connection: sqlite3.Connection, line: Line, inbox: int, size: int) -> int:
    """A job that is at its end, as the line tells of it; its id, the same as it had where that is free."""
    batch = line["batch"] and _put_batch(connection, line, inbox)
    scope = f"{inbox}/{line['scope']}" if line.get("scope") is not None else None
    taken = connection.execute("select 1 from jobs where id = ?", (line["job"],)).fetchone()
    cursor = connection.execute(
        """insert into jobs (id, inbox_id, path, name, batch, batch_id, lane, size, state, attempt, created_at,
             finished_at, announced, discarded, sequence, scope, shot)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 1, 1, ?, ?, ?)""",
        (
            None if taken else line["job"],
            inbox,
            os.fsencode(line["path"]),
            line["name"],
            line["batch"]["name"] if line["batch"] else _top(line["path"]),
            batch,
            -batch if batch else 0,
            size,
            line["state"],
            line["at"],
            line["at"],
            line["sequence"],
            scope,
            pairing.shot(line["name"]),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _put_batch(connection: sqlite3.Connection, line: Line, inbox: int) -> int:
    """The batch of a line, with the id that it had: what is dropped later has another then."""
    batch = line["batch"]
    names = (batch["id"], inbox, batch["kind"], batch["name"])
    known = connection.execute("select inbox_id, kind, name from batches where id = ?", names[:1]).fetchone()
    if known and tuple(known) == names[1:]:
        return int(batch["id"])
    cursor = connection.execute(
        """insert into batches (id, inbox_id, kind, name, token, options, created_at, news_at, closed_at)
           values (?, ?, ?, ?, ?, ?, ?, 0, ?)""",
        (
            *(None if known else batch["id"], *names[1:], None if known else batch["token"]),
            *(json.dumps(batch["options"], ensure_ascii=False), line["at"], line["at"]),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _top(path: str) -> str | None:
    """The top folder, where that is what it came with."""
    return shown(path.partition("/")[0]) if "/" in path else None


def put_arrival(connection: sqlite3.Connection, asset: int, moment: str) -> None:
    """When the asset came into the catalog first, UTC."""
    connection.execute("update assets set imported_at = ? where id = ?", (moment, asset))


def asset_under(connection: sqlite3.Connection, keys: Sequence[str]) -> int | None:
    """The asset whose original stands under one of these keys."""
    marks = ", ".join("?" * len(keys))
    row = connection.execute(f"select id from assets where key in ({marks}) limit 1", keys).fetchone()
    return None if row is None else int(row[0])


def put_edit(connection: sqlite3.Connection, asset: int, line: Line) -> None:
    """What a person changed is so again, with the old value kept. What no edit can change is passed over."""
    if line["field"] not in COLUMNS:
        return
    connection.execute(f"update assets set {line['field']} = ? where id = ?", (line["new"], asset))
    connection.execute(
        "insert into edits (edit, asset_id, field, old, new, edited_at) values (?, ?, ?, ?, ?, ?)",
        (line["edit"], asset, line["field"], line["old"], line["new"], line["at"]),
    )


def shots_of_several(connection: sqlite3.Connection) -> list[int]:
    """The jobs of pictures beside which others of the same shot came."""
    rows = connection.execute(
        """select job_id from provenance where (scope, shot) in
             (select scope, shot from provenance group by scope, shot having count(distinct asset_id) > 1)
           order by job_id"""
    )
    return [row[0] for row in rows]


def forget_joins(connection: sqlite3.Connection) -> None:
    """What was to be read again has been."""
    connection.execute("delete from jobs where kind = 'join'")


def with_sidecars(connection: sqlite3.Connection) -> list[int]:
    """The assets that sidecars belong to."""
    return [row[0] for row in connection.execute("select distinct asset_id from sidecars_of_assets order by asset_id")]


def sidecars(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """The sidecars: id, kind, name, digest, key, and the key of the original that they belong to (None: to none)."""
    return connection.execute(
        """select s.id, s.kind, s.name, s.digest, s.key, min(a.key) as original from sidecars s
             left join sidecars_of_assets o on o.sidecar_id = s.id
             left join assets a on a.id = o.asset_id and coalesce(a.stack, a.id) = a.id
           group by s.id order by s.id"""
    ).fetchall()


def place_sidecar(connection: sqlite3.Connection, sidecar: int, key: str) -> None:
    """Where the sidecar stands."""
    connection.execute("update sidecars set key = ? where id = ?", (key, sidecar))
