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
    """Write the whole workspace to FILE, a zip of open files, while people go on working.

    Items, history, people and groups as JSON lines, the design as YAML, and all files (docs/backups.md). It is read
    back before it is put in its place. Left out: the master key (sealed values stay sealed; keep the key elsewhere),
    the secret of the installation, who is signed in, and queued jobs. `tracker restore` reads it back, into SQLite
    or PostgreSQL.
    """
    from tracker.core.backup.write import back_up
    from tracker.core.vault.status import status

    if file.exists() and not force:
        raise click.ClickException(f"{file} is there already; name another file, or say --force.")
    done = back_up(cli.workspace, cli.actor, file, report=_report)
    _report("")
    click.echo(
        f"Wrote {file}: {done.rows:,} rows, {file.stat().st_size:,} bytes; it was read back and is whole."
    )
    for what, paths in (
        ("missing", done.missing),
        ("not what they were", [each["path"] for each in done.damaged]),
    ):
        if paths:
            click.echo(
                f"{len(paths)} file(s) are {what} on the disk, such as {paths[0]}; see `tracker check`.",
                err=True,
            )
    with cli.workspace.read(cli.actor) as reading:
        vault = status(reading)
    click.echo("Left out: the secret of the installation, who is signed in, queued jobs, and the master key.")
    if vault.master != "unused":
        click.echo(
            f"Sealed values cannot be read without the master key; keep a copy of {vault.place} elsewhere."
        )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_cli
def restore(cli: Cli, file: Path) -> None:
    """Fill an empty workspace from FILE, which `tracker backup` wrote: on this database or the other kind.

    The file is checked whole before anything is written; then all goes in, or nothing. A backup of an older version
    is brought up to this one. The words that lists are searched by are written last; when the command is killed
    meanwhile, a worker does it.
    """
    from tracker.core.backup.read import restore as read_back
    from tracker.core.base.worker import Worker
    from tracker.core.items.jobs import HANDLERS
    from tracker.core.vault.status import status

    rows = read_back(cli.workspace, cli.actor, file, report=_report)
    _report("words")
    worker = Worker(cli.workspace, HANDLERS, stop=Event())
    while worker.run_next():
        pass
    _report("")
    click.echo(f"Restored {rows:,} rows.")
    with cli.workspace.read(cli.actor) as reading:
        vault = status(reading)
    if vault.problem is not None:
        click.echo(f"Sealed values cannot be read yet. {vault.problem}", err=True)


def _report(name: str) -> None:
    """Show on a terminal which part is at hand."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{name}", nl=False, err=True)
