"""`watcher run`: the daemon in the foreground. systemd, a terminal and --once are the same run."""

from __future__ import annotations

import sys

import click

from watcher.cli.options import places


@click.command(name="run")
@places
@click.option("--inbox", "inboxes", multiple=True, metavar="DIR", help="Watch DIR instead of the file's inboxes.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Worker processes (default: as many as cores).")
@click.option("--once", is_flag=True, help="Work off what lies in the inboxes, then end (3: some files failed).")
@click.option("--dry-run", is_flag=True, help="Say what would become of each file, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON.")
def command(
    config: str | None,
    library: str | None,
    inboxes: tuple[str, ...],
    jobs: int | None,
    once: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Watch the inboxes and take what is dropped there, until SIGTERM or Ctrl-C (twice: at once).

    \b
    Examples:
      watcher run
      watcher run --once --inbox ~/card --library ~/Pictures/Library
      watcher run --dry-run
    """
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run only")
    if not dry_run:
        # first of all: the workers' process imports Pillow while this one imports the settings
        from watcher.executors.pool import start_forkserver

        start_forkserver(("watcher.processing.run",))
    from watcher import logs, settings

    loaded = settings.load(config, library=library, inboxes=inboxes, jobs=jobs)
    if dry_run:
        from watcher.cli.rehearsal import rehearse

        return rehearse(loaded.settings, as_json)
    chosen = loaded.settings
    logs.set_up(chosen.log.level, chosen.log.format)
    if loaded.file is None and not inboxes and not library:
        _make_default_inbox(chosen.inbox[0].path)
    from watcher import service

    outcome = service.serve(chosen, once=once)
    return _report(outcome) if once else 0


def _make_default_inbox(path: str) -> None:
    """Without any configuration the program's own default folder is made; one that a person named is not."""
    import os

    from watcher.errors import ConfigError

    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the inbox {path} cannot be made: {error.strerror}; name another with --inbox DIR") from None


def _report(outcome: object) -> int:
    from watcher.logs import printable
    from watcher.service import Outcome

    assert isinstance(outcome, Outcome)
    for path, why in outcome.left_behind:
        print(f"watcher: not taken: {printable(path)}: {why}", file=sys.stderr)  # noqa: T201
    words = [f"{count} {state}" for state, count in sorted(outcome.states.items())]
    print("watcher: " + (", ".join(words) or "nothing to do"), file=sys.stderr)  # noqa: T201
    return outcome.exit_code
