"""The structure holds: imports point down, packages have one home, a worker carries no more than it needs."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "watcher"

# A module's floor is that of its package, or its own when it stands alone. Neighbours do not know each other.
FLOORS: dict[str, int] = {
    "cli": 4,
    "__main__": 4,
    "sample": 3,  # beside the daemon: it makes pictures with what workers read them with
    "service": 3,
    "inboxes": 3,
    "reporting": 3,
    "daemon": 3,
    "recovery": 3,
    "committing": 3,
    "batching": 3,
    "tasking": 3,
    "joining": 3,
    "claiming": 3,
    "opening": 3,
    "adding": 3,
    "removing": 3,
    "verifying": 3,
    "adopting": 3,
    "repairing": 3,
    "rebuilding": 3,
    "rendering": 3,
    "discarding": 3,
    "watching": 3,
    "examining": 3,
    "chronicle": 2,
    "intake": 2,
    "executors": 2,
    "db": 2,
    "notify": 2,
    "pausing": 2,
    "systemd": 2,
    "status": 2,
    "processing": 1,
    "storage": 1,
    "__init__": 0,
    "model": 0,
    "messages": 0,
    "errors": 0,
    "settings": 0,
    "locate": 0,
    "filesystem": 0,
    "ignoring": 0,
    "pairing": 0,
    "fields": 0,
    "logs": 0,
    "wake": 0,
    "painting": 0,
    "places": 0,
    "pacing": 0,
    "beneath": 0,
    "showing": 0,
    "querying": 0,
}
# Neighbours that may know each other, in this direction: the story of floor 3, the plain nouns of floor 0 ...
ALLOWED: set[tuple[str, str]] = {
    ("__main__", "cli"),
    ("service", "daemon"),
    ("service", "opening"),
    ("service", "watching"),
    ("service", "inboxes"),
    ("service", "reporting"),
    ("inboxes", "daemon"),
    ("inboxes", "watching"),
    ("reporting", "daemon"),
    ("reporting", "watching"),
    ("daemon", "committing"),
    ("daemon", "discarding"),
    ("daemon", "batching"),
    ("daemon", "claiming"),
    ("claiming", "batching"),
    ("claiming", "discarding"),
    ("daemon", "tasking"),
    ("daemon", "joining"),
    ("committing", "batching"),
    ("committing", "joining"),
    ("tasking", "joining"),
    ("daemon", "recovery"),
    ("adopting", "joining"),
    ("rebuilding", "adopting"),
    ("repairing", "adopting"),
    ("repairing", "rendering"),
    ("repairing", "verifying"),
    ("processing", "storage"),  # run publishes what it made
    ("places", "painting"),
    ("settings", "locate"),
    ("settings", "errors"),
    ("settings", "filesystem"),  # two ways to one folder
    ("locate", "errors"),
    ("fields", "errors"),
    ("querying", "errors"),
    ("querying", "fields"),
    *((name, noun) for noun in ("model", "showing") for name, floor in FLOORS.items() if floor == 0),
}
HOMES = {
    "PIL": tuple(f"watcher/processing/{name}.py" for name in ("image", "colour", "comparing", "cutoff", "encoding")),
    "rawpy": ("watcher/processing/raw.py",),
    "pillow_heif": ("watcher/processing/image.py",),
    "piexif": ("watcher/processing/metadata.py",),
    "defusedxml": ("watcher/processing/xmp.py",),
    "watchdog": ("watcher/intake/observer.py",),
    "sqlite_utils": ("watcher/db/",),
    "pydantic": ("watcher/settings/",),
    "pydantic_settings": ("watcher/settings/",),
    "click": ("watcher/cli/",),
    "rich": ("watcher/cli/",),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


@functools.cache  # each module is asked for by many tests
def _imports(path: Path) -> frozenset[str]:
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part(module: str) -> str:
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def _part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    mine = _part_of(path)
    assert mine in FLOORS, f"give {mine} a floor"
    parts = {_part(name) for name in _imports(path) if name.startswith("watcher.")} & set(FLOORS)
    upward = {
        part
        for part in parts - {mine, "__init__"}
        if FLOORS[part] > FLOORS[mine] or (FLOORS[part] == FLOORS[mine] and (mine, part) not in ALLOWED)
    }
    assert not upward, f"{path.relative_to(ROOT)} (floor {FLOORS[mine]}) imports {sorted(upward)}"


@pytest.mark.parametrize("package", sorted(HOMES))
def test_each_package_has_one_home(package: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == package or name.startswith(f"{package}.") for name in _imports(path))
    }
    strangers = {user for user in users if not user.startswith(HOMES[package])}
    assert users, f"nobody imports {package}: take it off the list"
    assert not strangers, f"{package} is also imported by {sorted(strangers)}"


def test_every_third_party_package_is_on_the_list() -> None:
    known = set(sys.stdlib_module_names) | {"watcher"} | set(HOMES)
    imported = {name.split(".")[0] for path in MODULES for name in _imports(path)}
    assert imported - known == set()


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_a_worker_loads_nothing_that_it_does_not_need() -> None:
    loaded = _loaded_by("import watcher.processing.run, watcher.executors.worker")
    assert "PIL" in loaded
    assert not loaded & {"click", "pydantic", "pydantic_settings", "sqlite_utils", "sqlite3", "watchdog", "rich"}


def test_the_entry_point_is_run_again_by_each_worker_and_imports_nothing() -> None:
    assert not _loaded_by("import watcher.__main__") & {"click", "PIL", "pydantic", "sqlite3"}


def test_searching_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import watcher.cli.search, watcher.db.search")
    assert not loaded & {"PIL", "piexif", "pydantic", "pydantic_settings", "sqlite_utils", "watchdog", "rich"}


def test_no_module_is_called_after_nothing() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
