"""The command line: one file per command, loaded when it is called. Errors end here, as one sentence and a code."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import click

from watcher import __version__
from watcher.errors import OlderCatalogError, WatcherError

# The module of this name holds it as `command`; its help begins with these words. In the order of --help, which would
# otherwise have to import them all.
COMMANDS = {
    "run": "Watch the inboxes and take what is dropped there",
    "add": "Copy files into an inbox as one batch",
    "search": "Find photographs by QUERY",
    "query": "Keep queries by a name",
    "fields": "List the fields of a photograph",
    "show": "Show what the catalog knows of ASSET",
    "explain": "Tell the whole story of a file",
    "status": "Show how the daemon is, what it has done, and what waits",
    "jobs": "List what became of each file that was taken",
    "failures": "List the failed files that still lie in failed/",
    "batches": "List what came together",
    "retry": "Move failed files back into their inbox, to be tried again",
    "cancel": "Stop what has not begun of a batch",
    "render": "Make a rendition of ASSET",
    "edit": "Change what the catalog says of the photographs",
    "remove": "Move the original and the renditions of ASSET to the library's trash",
    "doctor": "Compare inboxes, library and catalog, and look at what they stand on",
    "verify": "Read what lies in the library and compare it with the catalog",
    "repair": "Make anew what can be made anew",
    "backup": "Copy the catalog into FILE",
    "restore": "Put FILE in the place of the catalog",
    "config": "Check, show or begin the configuration",
    "sample": "Make sample photographs in DIR",
    "demo": "Show the daemon at work on sample photographs",
    "help": "Explain TOPIC",
}


class _Commands(click.Group):
    """Imports a command's module only when that command is asked for: `search` must not pay for `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"watcher.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="watcher", message="%(prog)s %(version)s")
def cli() -> None:
    """Watches folders for photographs, files them in a library, and finds them by their words.

    \b
    First steps:
      watcher config init         write a configuration to edit
      watcher run                 watch the inbox (Ctrl-C stops)
      watcher search sunset       find
    """


def main() -> None:
    """Run one command and end the process with its exit code (design: 0 yes, 1 no, 2 usage, 3 some failed)."""
    _fill_closed_streams()
    try:
        code = _run()
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except WatcherError as error:
        _complain(str(error))
        code = error.exit_code
    except BrokenPipeError:  # `watcher search | head`: the reader has seen enough
        from watcher.cli import output

        output.let_go()
        code = 0
    except Exception as error:  # a fault of ours: a sentence for the person, and a place for who mends it
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        _complain(f"unexpected {type(error).__name__}: {error} (in {os.path.basename(place.filename)}:{place.lineno})")
        _complain("this is a fault of the program; nothing dropped is lost, and the next run goes on")
        code = 1
    gc.freeze()  # or the interpreter, before it ends, looks through all that was imported: a tenth of a search's time
    sys.exit(code if isinstance(code, int) else 0)


def _run() -> object:
    """Run the command. It finds out at once when its catalog is of an older version: then again, after a migration."""
    try:
        return cli.main(prog_name="watcher", standalone_mode=False)
    except OlderCatalogError as error:
        from watcher.cli import output
        from watcher.opening import bring_up_to_date

        output.note(
            "the catalog is of an older version and is brought up to date: a minute for half a million photographs"
        )
        if not bring_up_to_date(error.database):
            raise
        return cli.main(prog_name="watcher", standalone_mode=False)


def _fill_closed_streams() -> None:
    """Started with `>&-` or `2>&-`, what is opened next would be written to as if it were that stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the life of the process


def _complain(message: str) -> None:
    for line in message.splitlines():
        print(f"watcher: {line}", file=sys.stderr)  # noqa: T201
