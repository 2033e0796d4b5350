"""`watcher --help`: all commands in one page, and none of them is imported for it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from watcher.cli import COMMANDS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_begins_its_help_with_its_line_in_the_list(name: str) -> None:
    command = importlib.import_module(f"watcher.cli.{name}").command
    said = " ".join((command.help or "").split())
    assert said.startswith(COMMANDS[name])
    assert command.name == name or command.name == "command"


def test_the_list_of_commands_is_printed_without_loading_them() -> None:
    script = (
        "import sys\n"
        "from watcher.__main__ import main\n"
        "try: main()\n"
        "finally: print(*(name for name in sys.modules if name.startswith('watcher.cli.')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == []
    listed = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed if line[2] != " "] == list(COMMANDS)
    assert max(map(len, listed)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_a_terminal_of_80_columns(name: str) -> None:
    command = importlib.import_module(f"watcher.cli.{name}").command
    said = command.get_help(click.Context(command, info_name=name, terminal_width=80))
    assert [line for line in said.splitlines() if len(line) > 80] == []
