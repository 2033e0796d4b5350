"""`watcher help`: a topic in one page, or what a command says of itself."""

from __future__ import annotations

import click

from watcher.cli import output
from watcher.querying.reference import reference

_TOPICS = {"query": reference}


@click.command(name="help")
@click.argument("topic", required=False)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Explain TOPIC: query (what watcher search understands), or any command.

    \b
    Examples:
      watcher help query
      watcher help edit
    """
    program = ctx.find_root()
    assert isinstance(program.command, click.Group)
    if topic is None:
        text = program.get_help() + "\n"
    elif topic in _TOPICS:
        text = _TOPICS[topic]()
    else:
        found = program.command.get_command(program, topic)
        if found is None:
            raise click.UsageError(
                f"there is no help on {topic!r}: watcher help query explains queries, watcher help lists commands"
            )
        text = found.get_help(click.Context(found, info_name=topic, parent=program)) + "\n"
    output.write(text)
    output.flush()
