"""`tracker key`, `search`, `plugin` and `upgrade`: looking after an installation."""

from __future__ import annotations

import sys

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table


@click.group()
def key() -> None:
    """The keys of encrypted fields."""


@key.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def key_status(cli: Cli, *, as_json: bool) -> None:
    """Say where the master key is and which keys open; exit code 1 when one does not."""
    from tracker.core.access.rights import require_admin
    from tracker.core.vault.status import status

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
        found = status(reading)
    if as_json:
        echo_json(
            {
                "place": found.place,
                "master": found.master,
                "problem": found.problem and str(found.problem),
                "keys": [
                    {
                        "id": each.id,
                        "purpose": each.purpose,
                        "field": each.field_uid,
                        "version": each.version,
                        "created_at": each.created_at.isoformat(),
                        "opens": each.opens,
                    }
                    for each in found.keys
                ],
            }
        )
    else:
        told = {"right": "opens", "shut": "does not open", "unused": "nothing is encrypted yet"}[found.master]
        click.echo(f"Master key: {found.place}: {told}.")
        if found.problem:
            click.echo(str(found.problem))
        rows = [
            (each.id, each.purpose, each.field_uid, each.version, "opens" if each.opens else "SHUT")
            for each in found.keys
        ]
        if rows:
            click.echo(table(rows, ("id", "for", "field", "version", "")))
    if found.master == "shut" or not all(each.opens for each in found.keys):
        sys.exit(1)


@click.group()
def search() -> None:
    """The word index that lists are searched by."""


@search.command("rebuild")
@click.argument("trackers_", nargs=-1, metavar="[TRACKER]...")
@pass_cli
def rebuild_search(cli: Cli, trackers_: tuple[str, ...]) -> None:
    """Write the words of all items anew, or of those of some TRACKERs."""
    from tracker.core.access.rights import require_admin
    from tracker.core.design.store import trackers
    from tracker.core.items.jobs import rebuild_search

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
        known = trackers(reading)
        chosen = [known.get(each) for each in trackers_] or known.live
    for tracker in chosen:
        number = rebuild_search(cli.workspace, tracker.id)
        click.echo(f"{tracker.title}: {number} item(s).")


@click.group()
def plugin() -> None:
    """Installed plugins."""


@plugin.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def list_plugins(cli: Cli, *, as_json: bool) -> None:
    """List the plugins that are asked, and those that are not, with the reason."""
    _print_plugins(cli, as_json=as_json)


@plugin.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def check_plugins(cli: Cli, *, as_json: bool) -> None:
    """List the plugins, with exit code 1 when one is quarantined."""
    if _print_plugins(cli, as_json=as_json):
        sys.exit(1)


def _print_plugins(cli: Cli, *, as_json: bool) -> int:
    """Print the plugins; return how many are quarantined."""
    from tracker.core.base.notices import read_cut_off

    hooks = cli.workspace.hooks
    with cli.workspace.read(cli.system) as reading:
        untold = read_cut_off(reading)
    rows = [
        (
            name,
            each.info.version,
            "NOT TOLD" if name in untold else "asked",
            untold.get(name) or each.info.about or each.info.title or each.origin,
        )
        for name, each in hooks.plugins.items()
    ]
    rows += [(each.name, "", "QUARANTINED", each.reason) for each in hooks.quarantined]
    if as_json:
        echo_json([dict(zip(("name", "version", "state", "about"), row, strict=True)) for row in rows])
    else:
        click.echo(table(rows, ("plugin", "version", "state", "")))
    return len(hooks.quarantined)


@click.command()
@pass_cli
def upgrade(cli: Cli) -> None:
    """Bring the database up to this version of Tracker; on SQLite a copy of the older file is kept.

    Every command does it at its start; this one does nothing else.
    """
    from tracker import __version__

    where = cli.workspace.database.path or "The database"
    click.echo(f"{where} is up to date with Tracker {__version__}.")
