"""`tracker worker` and `tracker jobs`: what is done after the commit."""

from __future__ import annotations

import signal
from datetime import UTC
from threading import Event
from typing import Any

import click

from tracker.cli.context import NUMBER, Cli, echo_json, log_option, pass_cli
from tracker.cli.group import table

STATES = ("due", "taken", "sending", "unknown", "done", "dead")


@click.command()
@click.option(
    "--poll", default=0.5, show_default=True, metavar="SECONDS", help="Between two looks at an empty outbox."
)
@click.option("--quiet", is_flag=True, help="Say nothing at the start.")
@log_option
@pass_cli
def worker(cli: Cli, *, poll: float, quiet: bool) -> None:
    """Do the jobs that were queued, until stopped; `tracker serve` starts one by itself.

    SIGTERM or Ctrl-C finishes the job at hand. Any number of workers may run, on any number of machines.
    """
    from tracker.core.base.worker import run_worker
    from tracker.core.conversion.jobs import HANDLERS as OF_CONVERSION
    from tracker.core.items.jobs import CHORES
    from tracker.core.items.jobs import HANDLERS as OF_ITEMS

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    cli.start_log(service=True)
    workspace = cli.workspace
    if not quiet:
        click.echo("Working. Ctrl-C stops.", err=True)
    run_worker(workspace, {**OF_ITEMS, **OF_CONVERSION}, stop=stop, poll_s=poll, chores=CHORES)


@click.group()
def jobs() -> None:
    """What waits to be done, and what went wrong."""


@jobs.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only such; may be repeated."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def list_jobs(cli: Cli, /, **options: Any) -> None:
    """List jobs, newest first."""
    from tracker.core.access.rights import require_admin
    from tracker.core.base import outbox

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
        found = outbox.list_jobs(
            reading.connection, states=options["states"] or STATES, limit=options["limit"]
        )
        counts = outbox.count_jobs(reading.connection)
    if options["as_json"]:
        echo_json(
            [
                {
                    "id": each.id,
                    "topic": each.topic,
                    "state": each.state,
                    "attempts": each.attempts,
                    "due_at": each.due_at.isoformat(),
                    "change_set": each.change_set_id,
                    "error": each.error,
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.id,
            each.topic,
            each.state,
            each.attempts,
            each.due_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
            (each.error or "")[:80],
        )
        for each in found
    ]
    if rows:
        click.echo(table(rows, ("id", "topic", "state", "tries", "due (UTC)", "error")))
    click.echo(", ".join(f"{number} {state}" for state, number in counts.items()))


@jobs.command("retry")
@click.argument("ids", nargs=-1, type=NUMBER)
@pass_cli
def retry_jobs(cli: Cli, ids: tuple[int, ...]) -> None:
    """Do jobs again that failed: those of IDS, or all that were given up."""
    from tracker.core.access.rights import require_admin
    from tracker.core.base import outbox

    with cli.workspace.change(cli.actor, door="cli", reason="retry jobs") as change:
        require_admin(change)
        number = outbox.retry(change.connection, ids or None, now=change.now)
    click.echo(f"{number} job(s) are due again.")
