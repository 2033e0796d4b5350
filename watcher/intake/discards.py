"""The end of a spool copy: deleted when its picture is safe, or moved to `failed/` with its reason beside it.

Every step may be repeated after a crash. Nothing is ever put over another file. Error files carry a first line of
ours; `sweep` deletes those whose file is gone, and leaves everybody else's alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watcher.filesystem import rename_noreplace
from watcher.intake.spool import FOLDER
from watcher.model import shown

FAILED = "failed"
ERROR_SUFFIX = ".error.txt"
_FIRST_LINE = "photo-watcher could not take this file."
_LONGEST = 255 - len(ERROR_SUFFIX)  # bytes of a name in failed/, so that its error file's name fits too


@dataclass(frozen=True, slots=True)
class Report:
    """What an error file says. `members`: (name, reason) of an archive's failed members."""

    job_id: int
    name: str
    reason: str
    attempts: int
    finished_at: str
    members: Sequence[tuple[str, str]] = ()

    def text(self) -> str:
        members = [f"  {shown_line(name)}: {shown_line(reason)}" for name, reason in self.members]
        lines = [
            _FIRST_LINE,
            f"file: {shown_line(self.name)}",
            f"reason: {shown_line(self.reason)}",
            f"job: {self.job_id}",
            f"attempts: {self.attempts}",
            f"when: {self.finished_at}",
            *(["members that failed (the others are in the library):", *members] if members else []),
            f"To try again, move the file back into the inbox, or run: watcher retry {self.job_id}",
            "To forget it, delete it. This note goes by itself.",
        ]
        return "\n".join(lines) + "\n"


def delete(source: str) -> None:
    """Delete a spool copy; that it is gone already is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(source)


def to_failed(root: str, source: str, path: str, report: Report) -> str | None:
    """Move a spool copy to `failed/<path>` below the inbox `root`: error file first, then the file.

    Returns where it lies below the inbox; None when there is no spool copy and no trace of a former move.
    """
    if not os.path.lexists(source):
        return _moved_before(root, path, report.job_id)
    for place in _places(path, report.job_id):
        target = os.path.join(root, place)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.lexists(target) or not _explain(root, target, report):
                continue
            rename_noreplace(source, target)
        except FileExistsError:
            _forget(target, report.job_id)
            continue
        except (NotADirectoryError, OSError) as error:
            if not isinstance(error, NotADirectoryError) and error.errno != 36:  # ENAMETOOLONG
                raise
            continue
        return place
    raise FileExistsError(f"no free name in {FAILED}/ for {shown(path)}")


def sweep(root: str) -> None:
    """Delete our error files whose file is gone from `failed/`, and the folders that this leaves empty."""
    top = os.path.join(root, FAILED)
    for folder, _, files in os.walk(top, topdown=False):
        present = set(files)
        for name in files:
            if name.endswith(ERROR_SUFFIX) and name[: -len(ERROR_SUFFIX)] not in present:
                path = os.path.join(folder, name)
                if is_ours(path):
                    delete(path)
        if folder != top:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def forget_error(root: str, path: str) -> None:
    """The file that lay in `failed/` under `path` is back: its error file goes, when it is ours."""
    error = os.path.join(root, FAILED, path) + ERROR_SUFFIX
    if not os.path.lexists(error[: -len(ERROR_SUFFIX)]) and is_ours(error):
        delete(error)


def is_ours(path: str) -> bool:
    """Whether `path` is an error file that this program wrote."""
    return path.endswith(ERROR_SUFFIX) and next(_lines(path), "") == _FIRST_LINE


def shown_line(text: str) -> str:
    """`text` on one line: control characters become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _places(path: str, job_id: int) -> Iterator[str]:
    """Where in `failed/` the file may go, in order: its own path, one with the job's number, one without folders."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    tagged = _short(stem, f"-{job_id}{suffix}")
    yield os.path.join(FAILED, folder, name if len(os.fsencode(name)) <= _LONGEST else tagged)
    yield os.path.join(FAILED, folder, tagged)
    yield os.path.join(FAILED, tagged)


def _short(stem: str, rest: str) -> str:
    rest = os.fsdecode(os.fsencode(rest)[:_LONGEST])
    raw = os.fsencode(stem)[: max(0, _LONGEST - len(os.fsencode(rest)))]
    with contextlib.suppress(UnicodeDecodeError):  # half a character at the cut goes; bytes that never were UTF-8 stay
        os.fsencode(stem).decode()
        return raw.decode(errors="ignore") + rest
    return os.fsdecode(raw) + rest


def _moved_before(root: str, path: str, job_id: int) -> str | None:
    for place in _places(path, job_id):
        target = os.path.join(root, place)
        if os.path.lexists(target) and _job_of(target + ERROR_SUFFIX) == job_id:
            return place
    return None


def _explain(root: str, target: str, report: Report) -> bool:
    """Write the error file of `target`, whole or not at all. False when the name is another file's."""
    error = target + ERROR_SUFFIX
    staged = os.path.join(root, FOLDER, f"error-{report.job_id}")
    with open(staged, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(report.text())
    try:
        rename_noreplace(staged, error)
    except FileExistsError:
        os.unlink(staged)
        return _job_of(error) == report.job_id
    return True


def _forget(target: str, job_id: int) -> None:
    if _job_of(target + ERROR_SUFFIX) == job_id:
        delete(target + ERROR_SUFFIX)


def _job_of(error: str) -> int | None:
    lines = _lines(error)
    if next(lines, "") != _FIRST_LINE:
        return None
    number = next((line[5:] for line in lines if line.startswith("job: ")), "")
    return int(number) if number.isdecimal() else None


def _lines(path: str) -> Iterator[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            yield from file.read(20_000).split("\n")
    except OSError:
        return
