"""A batch as a person sees it: how far it is, as JSON's keys and in lines; for all commands that show one.

Plain functions of rows as `db.batch_views` gives them; finding a batch is left to `finding`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from watcher.db.batch_views import RECENTLY

Batch = dict[str, Any]

KEYS = (
    "id", "token", "name", "kind", "inbox", "state", "percent", "jobs", "bytes", "bytes_done", "rate", "seconds_left",
    "created_at", "closed_at", "finished_at",
)  # fmt: skip
ENDS = ("done", "cancelled")
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def described(row: Batch) -> Batch:
    """The batch with KEYS: a row of `batch_views`, and what follows from it.

    `state` is queued, open (more may come), running, done or cancelled; `percent` goes by bytes and is 100 only at the
    end; `rate` is bytes a second, of late while it runs; `seconds_left` is None when nobody can say.
    """
    state = _state(row)
    rate = _rate(row)
    left = row["bytes"] - row["bytes_done"]
    return {
        **{key: row.get(key) for key in KEYS},
        "state": state,
        "percent": _percent(row, state),
        "rate": rate,
        "seconds_left": 0 if state in ENDS else round(left / rate) if rate else None,
    }


def files(batch: Batch) -> int:
    return sum(batch["jobs"].values())


def lines(batch: Batch) -> list[str]:
    """Some lines for a person, without what was published and what failed."""
    title = f"{batch['name']}  {batch['kind']} in {batch['inbox']}, {_state_text(batch)}"
    number = f"{batch['id']}" if batch["id"] is not None else ""
    return [
        title,
        "batch   " + "  ".join(filter(None, (number, batch["token"]))),
        f"files   {_files_text(batch)}",
        f"bytes   {_bytes_text(batch)}",
    ]


def line(batch: Batch) -> str:
    return f"{batch['name']}: {_state_text(batch)}; {_files_text(batch)}; {_bytes_text(batch)}"


def size_text(size: float) -> str:
    """Bytes for a person: 999 B, 1.2 MB (of 1000 kB)."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} B"


def _state(row: Batch) -> str:
    if row["id"] is None:
        return "queued"
    if not row["unfinished"]:
        return "cancelled" if row["cancelled_at"] else "done"
    return "running" if row["closed_at"] or row["cancelled_at"] else "open"


def _percent(row: Batch, state: str) -> int:
    if state == "done":
        return 100
    if row["bytes"]:
        return int(min(99, 100 * row["bytes_done"] // row["bytes"]))
    return 0


def _rate(row: Batch) -> int:
    if row["finished_at"]:
        return _per_second(row["bytes_done"], _seconds(row["created_at"], row["finished_at"]))
    now = datetime.now(UTC).isoformat()
    return _per_second(row["recent"], min(RECENTLY, _seconds(row["created_at"], now)))


def _per_second(size: int, seconds: float) -> int:
    return round(size / max(1.0, seconds))


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _state_text(batch: Batch) -> str:
    more = " (more may come)" if batch["state"] == "open" else ""
    return f"{batch['state']}{more}, {batch['percent']} %"


def _files_text(batch: Batch) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in batch["jobs"].items() if number) or "none yet"


def _bytes_text(batch: Batch) -> str:
    words = [f"{size_text(batch['bytes_done'])} of {size_text(batch['bytes'])}"]
    words += [f"{size_text(batch['rate'])}/s"] if batch["rate"] else []
    words += [f"{_time_text(batch['seconds_left'])} left"] if batch["seconds_left"] else []
    return ", ".join(words)


def _time_text(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{seconds} s" if seconds < 100 else f"{hours} h {minutes} min" if hours else f"{minutes} min"
