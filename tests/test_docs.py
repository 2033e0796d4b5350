"""What the documents say is true: commands exist and explain themselves, files that are named are there."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from watcher.cli import COMMANDS, cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")]


def _commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        command = importlib.import_module(f"watcher.cli.{name}").command
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {below}", sub) for below, sub in command.commands.items()]
    return found


def _command_lines() -> list[tuple[str, list[str]]]:
    """Each `watcher ...` line of the documents' code blocks, with its document."""
    lines = []
    for document in DOCUMENTS:
        for block in re.findall(r"```(?:sh|console|bash)?\n(.*?)```", document.read_text(), re.DOTALL):
            for line in block.splitlines():
                line = line.strip().removeprefix("$ ")
                if line.startswith("watcher "):
                    lines.append((document.name, shlex.split(line, comments=True)[1:]))
    return lines


@pytest.mark.parametrize(("name", "command"), _commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_explains_itself_with_an_example(name: str, command: click.Command) -> None:
    assert command.help
    if not isinstance(command, click.Group):
        assert f"watcher {name}" in command.help, "its help has no example"


def test_the_documents_name_only_commands_and_options_that_exist() -> None:
    lines = _command_lines()
    assert len(lines) > 5
    for document, words in lines:
        words = list(
            words[: next((i for i, word in enumerate(words) if word in ("|", ">", "&&", ";", "&")), len(words))]
        )
        if words[0].startswith("-"):
            continue
        context = click.Context(cli)
        command = cli.get_command(context, words[0])
        assert command is not None, f"{document}: watcher {words[0]} is no command"
        if isinstance(command, click.Group) and len(words) > 1:
            command = command.get_command(context, words[1])
            assert command is not None, f"{document}: watcher {' '.join(words[:2])} is no command"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.split("=")[0] for word in words if word.startswith("--") and word != "--"}
        assert used <= known | {"--help"}, f"{document}: watcher {' '.join(words)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_of_the_project(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", document.read_text()) if "://" not in link]
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []


def test_the_architecture_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    parts = {path.stem for path in (ROOT / "watcher").glob("*.py")} | {
        path.name for path in (ROOT / "watcher").iterdir() if path.is_dir() and (path / "__init__.py").exists()
    }
    absent = {part for part in parts - {"__init__", "__main__"} if part not in text}
    assert absent == set()
