"""Who may do what: the daemon's user must read and write its folders, and nobody else may write in the private ones.

The kernel tells the rights of the user who asks, so they are judged only when the library is his.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Inbox, Site
from watcher.intake.spool import FOLDER
from watcher.model import shown

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_READ, _WRITE = os.R_OK | os.X_OK, os.R_OK | os.W_OK | os.X_OK


def examine(site: Site) -> Iterator[Remark]:
    """Folders that are not there are others' to tell of."""
    yield from _open_to_others(site)
    if site.umask & stat.S_IWOTH == 0:
        words = f'library.umask = "{site.umask:03o}" lets everybody on this machine change the photographs'
        yield Finding("permission", words, site.library, 'set it to "022", "027" or "077"')
    if os.path.isdir(site.private) and os.stat(site.private).st_uid != os.geteuid() != 0:
        yield Note("permission", "the library is another user's: run this as that user to have its rights examined")
        return
    yield from _must(site.library, _WRITE, "the library")
    yield from _must(os.path.dirname(site.database), _WRITE, "the catalog's folder")
    for inbox in site.inboxes:
        yield from _must(inbox.path, _READ if inbox.copies else _WRITE, f"the inbox {inbox.name}")
        yield from _owned(site, inbox)


def _must(path: str, mode: int, what: str) -> Iterator[Finding]:
    if os.path.isdir(path) and not os.access(path, mode):
        verb = "written" if os.access(path, _READ) else "read"
        words = f"{what} cannot be {verb} by this user"
        yield Finding("permission", words, path, "give the daemon's user the rights, or mount it writable")


def _open_to_others(site: Site) -> Iterator[Finding]:
    own = [os.path.join(inbox.path, FOLDER) for inbox in site.inboxes if not inbox.copies]
    folders = [site.private, *own, *(os.path.join(folder, "spool") for folder in own)]
    for path in (*folders, site.database):
        if (mode := _mode(path)) & _OTHERS:
            words = f"others may write here (mode {mode:03o}): they could put files in the place of yours"
            yield Finding("permission", words, path, f"chmod go-w {shown(path)}")


def _mode(path: str) -> int:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except OSError:
        return 0


def _owned(site: Site, inbox: Inbox) -> Iterator[Finding]:
    """Whose the inbox is, as its private folder says."""
    if inbox.copies or not inbox.configured:
        return
    try:
        with open(os.path.join(inbox.path, FOLDER, "owner"), "rb") as file:
            owner = os.fsdecode(file.read())
    except OSError:
        return
    if owner not in (site.library, ""):
        words = f"the inbox {inbox.name} was last watched for another library, {shown(owner)}"
        yield Finding("inbox", words, inbox.path, "give each library an inbox of its own")
