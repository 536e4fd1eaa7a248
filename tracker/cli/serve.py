"""`tracker serve`: a workspace ready to use, its pages, and a worker beside them."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, log_option, pass_cli

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.core.base.workspace import Workspace

log = logging.getLogger(__name__)
WELCOME = "welcome"  # purpose of the one-time link with which the first administrator comes in


@click.command()
@click.option("--profile", metavar="NAME|FILE", help="Apply this profile if it is not applied yet.")
@click.option(
    "--set", "answers", multiple=True, metavar="QUESTION=ANSWER", help="Answer a question of the profile."
)
@click.option("--demo", is_flag=True, help="Load the profile's demo data if it is not there yet.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes; PostgreSQL only.")
@click.option("--no-worker", is_flag=True, help="Start no worker; run `tracker worker` elsewhere.")
@log_option
@pass_cli
def serve(cli: Cli, /, **options: Any) -> None:
    """Serve the pages, and do queued jobs; makes whatever is missing.

    At the first start it prints a link with which the administrator comes in. SIGTERM or Ctrl-C ends all.
    """
    from tracker.cli.supervise import Child, supervise

    settings = cli.settings
    cli.start_log(service=True)
    host, port = options["host"] or settings.host, options["port"]
    port = free_port(host, settings.port if port is None else port)
    address = settings.url or f"http://{_in_address(host)}:{port}"
    workspace = cli.workspace
    on_sqlite = workspace.database.dialect == "sqlite"
    if options["workers"] and on_sqlite:
        raise click.UsageError("--workers needs PostgreSQL: SQLite is served by one process.")
    prepare(cli, options)
    link = welcome_link(workspace, cli, address)
    cli.close()  # children open the database themselves

    environment = os.environ | {"TRACKER_HOST": host, "TRACKER_PORT": str(port), "TRACKER_LOG": cli.log_form}
    if cli.settings_file:
        environment["TRACKER_SETTINGS"] = os.path.abspath(cli.settings_file)  # noqa: PTH100 - a string for the environment
    processes = 1 if on_sqlite else options["workers"] or min(4, os.cpu_count() or 1)
    children = [Child("server", ["-m", "tracker.cli.server", host, str(port), str(processes)])]
    if not options["no_worker"]:
        children.append(Child("worker", ["-m", "tracker", "worker", "--quiet"]))

    def ready() -> None:
        if cli.log_form == "json":
            log.info("ready")
        else:
            click.echo(f"Ready: {address}")
        if link:
            click.echo(f"First, make yourself the administrator (this link works once): {link}")

    supervise(children, environment, probe=(_reachable(host), port), ready=ready)


def prepare(cli: Cli, options: dict[str, Any]) -> None:
    """Apply the profile and load its demo data, where that was not done yet."""
    name = options["profile"]
    if name is None:
        if options["demo"] or options["answers"]:
            raise click.UsageError("--demo and --set need --profile.")
        return
    from tracker.cli.profile import apply_if_new, load_demo_if_new

    say_kept_answers(cli, name, options["answers"])
    apply_if_new(cli, name, options["answers"])
    if options["demo"]:
        load_demo_if_new(cli, name)


def say_kept_answers(cli: Cli, name: str, answers: Sequence[str]) -> None:
    """Say which answers change nothing, since the profile is applied with others.

    :raises Unknown: the profile asks no such question.
    :raises Invalid: that is no answer.
    """
    from tracker.cli.profile import read
    from tracker.core.profile.answers import judge_answers
    from tracker.core.profile.applied import applied_profiles

    given = {
        each.partition("=")[0].strip(): each.partition("=")[2].strip() for each in answers if "=" in each
    }
    profile = read(cli, name)
    with cli.workspace.read(cli.actor) as reading:
        held = applied_profiles(reading).get(profile.name)
    if held is None or held.undone or not given:
        return
    judged = judge_answers(profile.questions, given, held.answers).values
    for question, answer in given.items():
        if judged[question] == held.answers.get(question):
            continue
        kept = f"{question}={held.answers[question]}" if question in held.answers else f"no {question}"
        click.echo(
            f"{profile.title} is applied with {kept}: --set changes nothing here."
            f" To change it: tracker profile apply {name} --set {question}={answer}",
            err=True,
        )


def welcome_link(workspace: Workspace, cli: Cli, address: str) -> str | None:
    """Return a one-time link for the first administrator; None once there is one."""
    from tracker.core.access import sessions
    from tracker.core.access.people import people

    with workspace.read(cli.system) as reading:
        if any(each.admin and not each.disabled for each in people(reading)):
            return None
    with workspace.change(cli.system, door="cli") as change:
        token = sessions.make(change, WELCOME)
    return f"{address}/welcome/{token}"


def free_port(host: str, port: int) -> int:
    """Return the port if it can be listened on; for 0 one that is free.

    :raises ClickException: something else listens there, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise click.ClickException(f"“{host}” is no address of this machine.") from error
    with closing(socket.socket(found[0], found[1])) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(found[4])
        except PermissionError as error:
            raise click.ClickException(
                f"Port {port} is for the system; take one above 1023 with --port."
            ) from error
        except OSError as error:
            raise click.ClickException(
                f"Port {port} on {host} is taken, perhaps by another Tracker; choose one with --port."
            ) from error
        return int(probe.getsockname()[1])


def _reachable(host: str) -> str:
    """Return the address under which a server that listens on `host` answers on this machine."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _in_address(host: str) -> str:
    host = _reachable(host)
    return f"[{host}]" if ":" in host else host
