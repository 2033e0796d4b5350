"""The end of a spool copy: deleted when its picture is safe, or moved to `failed/` with its reason beside it.

Every step may be repeated after a crash. Nothing is ever put over another file. Error files carry a first line of
ours; `sweep` deletes those whose file is gone, and leaves everybody else's alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watcher import beneath
from watcher.filesystem import rename_noreplace
from watcher.intake.spool import FOLDER
from watcher.model import shown

FAILED = "failed"
ERROR_SUFFIX = ".error.txt"
_FIRST_LINE = "photo-watcher could not take this file."
_JOB_LINE = re.compile(r"job: (\d{1,19})", re.ASCII)
_LONGEST = 255 - len(ERROR_SUFFIX)  # bytes of a name in failed/, so that its error file's name fits too
_LONGEST_PATH = 4095 - len(ERROR_SUFFIX)  # PATH_MAX: one that is longer exists, and nobody can open it


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
            f"job: {self.job_id}",  # before what may be long: `_job_of` reads only so far
            f"reason: {shown_line(self.reason)}",
            f"attempts: {self.attempts}",
            f"when: {self.finished_at}",
            *(["members that were not taken (the others are safe):", *members] if members else []),
            f"To try again, move the file back into the inbox, or run: watcher retry {self.job_id}",
            "To forget it, delete it. This note goes by itself.",
        ]
        return "\n".join(lines) + "\n"


def delete(home: str, source: str) -> None:
    """Delete a spool copy below `home`; that it is gone already is fine."""
    with contextlib.suppress(FileNotFoundError), beneath.pinned(home, source) as name:
        os.unlink(name)


def delete_tree(home: str, folder: str) -> None:
    """Delete a folder of ours below `home` with all that is in it; that it is gone already is fine."""
    with contextlib.suppress(OSError), beneath.pinned(home, folder) as name:
        shutil.rmtree(name, ignore_errors=True)


def to_failed(root: str, source: str, path: str, report: Report, *, flush: bool = False) -> str | None:
    """Move a spool copy to `failed/<path>` below the inbox `root`: error file first, then the file.

    `flush`: its archive is deleted on the strength of this, so the disk must have it.

    Returns where it lies below the inbox; None when there is no spool copy and no trace of a former move. Raises
    FileExistsError when every name that it may have is taken, OSError as the file system gives it.
    """
    there = _is_there(root, source)
    place = _moved(root, source, path, report) if there else _moved_before(root, path, report.job_id)
    if place and flush:
        _flush(root, os.path.dirname(place))
    return place


def _moved(root: str, source: str, path: str, report: Report) -> str:
    with beneath.pinned(root, source) as name:
        for place in _places(path, report.job_id):
            if _move(root, name, place, report):
                return place
    where = shown(os.path.join(root, FAILED))
    raise FileExistsError(f"every name for it in {where} is taken; move away what is in the way")


def _is_there(root: str, source: str) -> bool:
    try:
        with beneath.pinned(root, source) as name:
            return os.path.lexists(name)
    except (FileNotFoundError, NotADirectoryError):
        return False


def sweep(root: str) -> None:
    """Delete our error files whose file is gone from `failed/`, and the empty folders there."""
    with contextlib.suppress(OSError), beneath.root(root) as above, beneath.folder(above, FAILED) as top:
        for _, files, at in beneath.walk(top, strict=False):
            present = set(files)
            for name in files:
                if name.endswith(ERROR_SUFFIX) and name.removesuffix(ERROR_SUFFIX) not in present:
                    _delete_ours(f"/proc/self/fd/{at}/{name}")
        beneath.prune(top)


def forget_error(root: str, path: str) -> None:
    """The file that lay in `failed/` under `path` is back: its error file goes, when it is ours."""
    place = os.path.join(FAILED, path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), beneath.pinned(root, place) as target:
        if not os.path.lexists(target):
            _delete_ours(target + ERROR_SUFFIX)


def is_ours(path: str) -> bool:
    """Whether `path` is an error file that this program wrote."""
    return path.endswith(ERROR_SUFFIX) and next(_lines(path), "") == _FIRST_LINE


def _delete_ours(path: str) -> None:
    """Delete an error file, when it is ours."""
    if is_ours(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def is_left(root: bytes, place: bytes) -> bool:
    """Whether a failed file lies at `place` below the inbox `root`, or may: one that is not mounted could have it."""
    try:
        os.lstat(os.path.join(root, place))
    except (FileNotFoundError, NotADirectoryError):
        return not os.path.isdir(os.path.join(root, os.fsencode(FOLDER)))
    except OSError:
        return True
    return True


def shown_line(text: str) -> str:
    """`text` on one line: control characters become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _places(path: str, job_id: int) -> Iterator[str]:
    """Where in `failed/` the file may go, in order: its own path, one with the job's number, one without folders."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    rest = _cut(f"-{job_id}{suffix}", _LONGEST)
    tagged = _cut(stem, _LONGEST - len(os.fsencode(rest))) + rest
    if len(os.fsencode(name)) <= _LONGEST:
        yield os.path.join(FAILED, path)
    yield os.path.join(FAILED, folder, tagged)
    yield os.path.join(FAILED, tagged)


def _cut(name: str, most: int) -> str:
    """The beginning of `name`, `most` bytes at the most; of a character that does not fit whole nothing stays."""
    beginning = os.fsdecode(os.fsencode(name)[:most])
    while not name.startswith(beginning):
        beginning = beginning[:-1]
    return beginning


def _flush(root: str, folder: str) -> None:
    """Bring the names in `folder` below `root` to the disk, and those of the folders on the way to it."""
    with beneath.root(root) as above:
        while folder:
            with beneath.folder(above, folder) as at:
                os.fsync(at)
            folder = os.path.dirname(folder)
        os.fsync(above)


def _move(root: str, source: str, place: str, report: Report) -> bool:
    """Explain, then move. False when the name, or a folder on the way to it, is taken or too long."""
    if len(os.fsencode(os.path.join(root, place))) > _LONGEST_PATH:
        return False
    try:
        with beneath.pinned(root, place, make=0o777) as target:
            return _explained_and_moved(root, source, target, report)
    except NotADirectoryError:
        return False
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def _explained_and_moved(root: str, source: str, target: str, report: Report) -> bool:
    if not _explain(root, target, report):
        return False
    try:
        rename_noreplace(source, target)
    except FileExistsError:
        if _job_of(target) == report.job_id:  # ours, but what lies there is not our file
            _delete_ours(target + ERROR_SUFFIX)
        return False
    return True


def _explain(root: str, target: str, report: Report) -> bool:
    """Write the error file of `target`, whole or not at all. False when the name is another file's."""
    with beneath.pinned(root, os.path.join(FOLDER, f"error-{report.job_id}")) as staged:
        with open(staged, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report.text())
            file.flush()
            os.fsync(file.fileno())  # after a power cut half a note would be nobody's, and never go
        try:
            rename_noreplace(staged, target + ERROR_SUFFIX)
        except FileExistsError:
            return _job_of(target) == report.job_id
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staged)
    return True


def _moved_before(root: str, path: str, job_id: int) -> str | None:
    for place in _places(path, job_id):
        with contextlib.suppress(OSError), beneath.pinned(root, place) as target:
            if os.path.lexists(target) and _job_of(target) == job_id:
                return place
    return None


def _job_of(target: str) -> int | None:
    """The job that the error file of `target` tells of; None when there is none of ours."""
    lines = _lines(target + ERROR_SUFFIX)
    if next(lines, "") != _FIRST_LINE:
        return None
    found = next(filter(None, map(_JOB_LINE.fullmatch, lines)), None)
    return int(found[1]) if found else None


def _lines(path: str) -> Iterator[str]:
    """The first lines of a small file; none where there is no regular file that can be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_look) as file:
            yield from file.read(20_000).split("\n")
    except OSError:
        return


def _look(path: str, flags: int) -> int:
    # somebody else's name may be a link, or a pipe that would keep us waiting
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
