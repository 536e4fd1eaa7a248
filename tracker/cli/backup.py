"""`tracker backup` and `tracker restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

import click

from tracker.cli.context import Cli, pass_cli


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@pass_cli
def backup(cli: Cli, file: Path, *, force: bool) -> None:
    """Write the whole workspace to FILE, a zip: items, history, people, files; while people go on working.

    Left out: the master key (sealed values stay sealed; keep the key elsewhere), the secret of the installation,
    who is signed in, and queued jobs. `tracker restore` reads it back, into SQLite or PostgreSQL.
    """
    from tracker.core.backup.write import back_up

    if file.exists() and not force:
        raise click.ClickException(f"{file} is there already; name another file, or say --force.")
    rows = back_up(cli.workspace, cli.actor, file, report=_report)
    _report("")
    click.echo(f"Wrote {file}: {rows:,} rows, {file.stat().st_size:,} bytes.")
    if cli.settings.master_key_file.exists():
        click.echo(f"The master key is not in it; keep a copy of {cli.settings.master_key_file} elsewhere.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_cli
def restore(cli: Cli, file: Path) -> None:
    """Fill an empty workspace from FILE, which `tracker backup` wrote: on this database or the other kind.

    The file is checked whole before anything is written; then all goes in, or nothing. The words that lists are
    searched by are written last; when the command is killed meanwhile, a worker does it.
    """
    from tracker.core.backup.read import restore as read_back
    from tracker.core.base.worker import Worker
    from tracker.core.items.jobs import HANDLERS

    rows = read_back(cli.workspace, cli.actor, file, report=_report)
    _report("words")
    worker = Worker(cli.workspace, HANDLERS, stop=Event())
    while worker.run_next():
        pass
    _report("")
    click.echo(
        f"Restored {rows:,} rows. Sealed values need the master key of the workspace that was backed up."
    )


def _report(name: str) -> None:
    """Show on a terminal which table is at hand."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{name}", nl=False, err=True)
