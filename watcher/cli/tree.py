"""A folder as a drawing for a person: the first few entries of each folder, and how many more there are."""

from __future__ import annotations

import os
from collections.abc import Iterator


def tree(root: str, first: int = 2) -> Iterator[str]:
    """Lines. All that lies right below the root, of each folder deeper the `first`; no hidden names."""
    yield f"{root}/"
    yield from _branches(root, "", None, first)


def _branches(folder: str, indent: str, first: int | None, then: int) -> Iterator[str]:
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    shown = names[:first]
    for name in shown:
        path, last = os.path.join(folder, name), name == names[-1]
        yield f"{indent}{'└── ' if last else '├── '}{_label(path)}"
        if os.path.isdir(path):
            yield from _branches(path, indent + ("    " if last else "│   "), then, then)
    if len(shown) < len(names):
        yield f"{indent}└── ... and {len(names) - len(shown)} more"


def _label(path: str) -> str:
    name = os.path.basename(path)
    if not os.path.isdir(path):
        return name
    count = sum(len(files) for _, _, files in os.walk(path))
    return f"{name}/  ({count} file{'' if count == 1 else 's'})"
