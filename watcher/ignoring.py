"""Which names are never ours: the litter of systems, synchronisers and half-done downloads. Pure.

Floor 0, because an inbox (intake) and an archive (processing) have the same litter. What is not a regular
file is the scanner's business, what has not settled yet is settling's.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

# the first match is the rule that a person is shown, so the particular ones stand before `.*`
BUILT_IN = (
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "__MACOSX",
    "#recycle",
    ".stfolder",
    ".stversions",
    ".syncthing.*.tmp",
    "~syncthing~*",
    ".nfs*",
    ".fuse_hidden*",
    ".~*",
    "*.part",
    "*.partial",
    "*.crdownload",
    "*.tmp",
    "*.swp",
    ".*",
)
# What systems leave in each folder that they show; nobody would miss it. Half-done downloads are not among it.
_LEAVINGS = (".DS_Store", "._*", "Thumbs.db", "ehthumbs.db", "desktop.ini")
FAILED = "failed"  # the folder of dead letters at an inbox's top


def _matcher(globs: Iterable[str]) -> re.Pattern[str]:
    # one alternation for all globs: a scan of 100,000 names asks it once a name. No glob: a pattern never met
    return re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)", re.IGNORECASE)


_LITTER = _matcher(BUILT_IN)
_LEFT = _matcher(_LEAVINGS)


def is_junk(path: str) -> bool:
    """Whether any component of `path` (with slashes, as in an archive) is litter by the built-in globs."""
    return any(_LITTER.match(part) for part in path.split("/"))


def is_leaving(name: str) -> bool:
    """Whether a file of this name goes with its folder, when nothing else is left in there."""
    return _LEFT.match(name) is not None


class Ignoring:
    """The rules of one inbox: the built-in globs and its own, upper and lower case alike.

    A glob is asked of each component of the path below the inbox, so a folder that matches takes its whole
    tree with it. A glob with a slash inside is asked of the path so far ("2024/drafts"); one at its end is
    only for the reader.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        globs = [*BUILT_IN, *(glob.strip("/") for glob in extra)]
        self._globs = tuple(glob for glob in globs if glob)
        self._names = _matcher(glob for glob in self._globs if "/" not in glob)
        self._paths = _matcher(glob for glob in self._globs if "/" in glob)

    def rule(self, path: str) -> str | None:
        """The rule that ignores `path` (relative to the inbox), or None when it may be taken."""
        folder = ""
        for name in path.split("/"):
            found = self.rule_for(folder, name)
            if found:
                return found
            folder = f"{folder}/{name}" if folder else name
        return None

    def rule_for(self, folder: str, name: str) -> str | None:
        """The same for one entry of a `folder` that itself is not ignored ("" is the inbox)."""
        if not folder and name == FAILED:
            return FAILED
        path = f"{folder}/{name}" if folder else name
        if self._names.match(name) or self._paths.match(path):
            return next(glob for glob in self._globs if _matcher([glob]).match(path if "/" in glob else name))
        return None
