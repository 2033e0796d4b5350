"""Whether something else works in an inbox too: a synchroniser, a share. It would carry our folders to other machines.

What is taken out of such a folder is deleted on the other machines as well, and the files in `.watcher` and `failed/`
come and go there. An inbox whose files are copied and stay has neither.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from watcher import filesystem
from watcher.examining.finding import Finding
from watcher.examining.site import Inbox
from watcher.intake.discards import FAILED
from watcher.intake.spool import FOLDER

_MARKS = {
    ".stfolder": "Syncthing",
    ".stversions": "Syncthing",
    ".sync": "Resilio Sync",
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    "@eaDir": "a Synology disk station",
}
_SHARES = {"cifs", "smb3", "smbfs"}
_SAMBA = "/etc/samba/smb.conf"
_EXCLUDE = f'exclude {FOLDER} and {FAILED} from it, or set take = "copy" for this inbox'


def examine(inbox: Inbox, samba: str = _SAMBA) -> Iterator[Finding]:
    """`samba`: the configuration of a Samba server on this machine."""
    if inbox.copies or not os.path.isdir(inbox.path):
        return
    if found := _marked(inbox.path):
        folder, mark = found
        if not _excludes(folder, inbox.path):
            words = f"the inbox {inbox.name} is kept in step by {_MARKS[mark]} ({mark})"
            yield Finding("synced", words, inbox.path, _EXCLUDE)
    kind = filesystem.type_of(inbox.path)
    if kind in _SHARES:
        words = f"the inbox {inbox.name} is a share of another machine ({kind})"
        yield Finding("synced", words, inbox.path, f"hide {FOLDER} and {FAILED} from its other users (veto files)")
    elif share := next((path for path in _shared(samba) if _is_within(inbox.path, path)), None):
        words = f"the inbox {inbox.name} is shared with other machines by Samba ({share})"
        yield Finding("synced", words, inbox.path, f"in {samba}: veto files = /{FOLDER}/{FAILED}/")


def _marked(path: str) -> tuple[str, str] | None:
    """The nearest folder, this one or one around it, that has a synchroniser's mark, and the mark."""
    inbox, home = os.path.realpath(path), os.path.realpath(os.path.expanduser("~"))
    for folder in [inbox, *_around(inbox)]:
        # in a person's home these programs keep their own settings under the same names
        marks = () if folder == home != inbox else _MARKS
        if mark := next((mark for mark in marks if os.path.lexists(os.path.join(folder, mark))), None):
            return folder, mark
    return None


def _around(folder: str) -> Iterator[str]:
    while (above := os.path.dirname(folder)) != folder:
        yield above
        folder = above


def _excludes(folder: str, inbox: str) -> bool:
    """Whether Syncthing is told to leave our folders alone (docs.syncthing.net, "Ignoring Files")."""
    try:
        with open(os.path.join(folder, ".stignore"), encoding="utf-8", errors="surrogateescape") as file:
            patterns = {line.strip().removeprefix("(?d)") for line in file}
    except OSError:
        return False
    below = os.path.relpath(os.path.realpath(inbox), folder)
    paths = {name: os.path.normpath(os.path.join(below, name)) for name in (FOLDER, FAILED)}
    return all(patterns & {name, f"**/{name}", path, f"/{path}"} for name, path in paths.items())


def _shared(samba: str) -> Iterator[str]:
    """The folders that Samba shares, as far as its file names them plainly (smb.conf(5), `path`)."""
    try:
        with open(samba, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if match := re.fullmatch(r"\s*(?:path|directory)\s*=\s*(/\S.*?)\s*", line, re.IGNORECASE):
                    yield match[1]
    except OSError:
        return


def _is_within(path: str, folder: str) -> bool:
    real, around = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([real, around]) == around
