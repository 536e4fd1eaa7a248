"""`tracker key`, `search`, `plugin`, `upgrade` and `scrub`: looking after an installation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.core.sealing.counts import Held
    from tracker.core.sealing.rotate import Progress
    from tracker.core.vault.status import VaultStatus


@click.group()
def key() -> None:
    """The keys of encrypted fields."""


@key.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def key_status(cli: Cli, *, as_json: bool) -> None:
    """Say where the master key is, which keys open, and how much is sealed under each; exit code 1 when one is shut.

    Under an older version of a field's key is what a rotation has left to do, in items and in their history.
    """
    from tracker.core.access.rights import require_admin
    from tracker.core.sealing.counts import field_names, held
    from tracker.core.vault.status import status

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
        found, under, names = status(reading), held(reading), field_names(reading)
    if as_json:
        echo_json(_status_json(found, under, names))
    else:
        told = {"right": "opens", "shut": "does not open", "unused": "nothing is encrypted yet"}[found.master]
        click.echo(f"Master key: {found.place}: {told}.")
        if found.problem:
            click.echo(str(found.problem))
        rows = [
            (
                each.id,
                each.purpose,
                names.get(each.field_uid, each.field_uid),
                each.version,
                f"{under[each.id].rows:,}" if each.id in under else "",
                f"{under[each.id].history:,}" if each.id in under else "",
                "opens" if each.opens else "SHUT",
            )
            for each in found.keys
        ]
        if rows:
            click.echo(table(rows, ("id", "for", "field", "version", "values", "in history", "")))
        for path, left in _left(found, under, names).items():
            click.echo(
                f"{path}: {left:,} value(s) are left under an older key; `tracker key rotate {path}` goes on."
            )
    if found.master == "shut" or not all(each.opens for each in found.keys):
        sys.exit(1)


def _status_json(found: VaultStatus, under: Mapping[int, Held], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "place": found.place,
        "master": found.master,
        "problem": found.problem and str(found.problem),
        "left": _left(found, under, names),
        "keys": [
            {
                "id": each.id,
                "purpose": each.purpose,
                "field": each.field_uid,
                "name": names.get(each.field_uid),
                "version": each.version,
                "created_at": each.created_at.isoformat(),
                "opens": each.opens,
                "values": under[each.id].rows if each.id in under else 0,
                "in_history": under[each.id].history if each.id in under else 0,
            }
            for each in found.keys
        ],
    }


def _left(found: VaultStatus, under: Mapping[int, Held], names: Mapping[str, str]) -> dict[str, int]:
    """Return, by field, how many values are under another key than its newest; fields with none are left out."""
    sealing = [each for each in found.keys if each.purpose == "seal" and each.field_uid in names]
    newest = {each.field_uid: each.id for each in sorted(sealing, key=lambda each: each.version)}
    left: dict[str, int] = {}
    for each in sealing:
        if each.id != newest[each.field_uid]:
            counted = under.get(each.id)
            path = names[each.field_uid]
            left[path] = left.get(path, 0) + (counted.rows + counted.history if counted else 0)
    return left


@key.command("rotate")
@click.argument("paths", nargs=-1, metavar="[TRACKER.FIELD]...")
@click.option("--master", is_flag=True, help="Change the master key instead, which wraps all others.")
@click.option(
    "--new-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --master: the file that holds the new master key.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def rotate_keys(
    cli: Cli, paths: tuple[str, ...], *, master: bool, new_key_file: Path | None, as_json: bool
) -> None:
    """Give encrypted fields new keys and seal their values anew, in history too, while people go on working.

    Without TRACKER.FIELD, all encrypted fields. A killed rotation goes on when the command is run again.
    """
    if new_key_file is not None and not master:
        raise click.UsageError("--new-key-file goes with --master.")
    if master:
        if paths:
            raise click.UsageError("--master names no fields: all keys are wrapped by the master key.")
        _renew_master(cli, new_key_file, as_json=as_json)
        return
    from tracker.core.sealing.rotate import rotate

    done = rotate(
        cli.workspace,
        cli.actor,
        [_apart(each) for each in paths],
        door="cli",
        report=_reporter(quiet=as_json),
    )
    if as_json:
        echo_json([{**vars(each), "path": each.path} for each in done])
    else:
        for each in done:
            click.echo(
                f"{each.path}: {each.rows:,} value(s) and {each.history:,} in history are sealed anew, under key version {each.version}."
            )
            if each.left:
                few = ", ".join(f"#{number}" for number in each.left[:20])
                what = "file(s) do not open" if each.of_files else "item(s) have a value that does not open"
                click.echo(f"{each.path}: {len(each.left):,} {what}; its key stays: {few}")
        if not done:
            click.echo("No field has a key yet.")
    if any(each.left for each in done):
        sys.exit(1)


def _renew_master(cli: Cli, new_file: Path | None, *, as_json: bool) -> None:
    from tracker.core.sealing.master import renew

    done = renew(cli.workspace, cli.actor, door="cli", new_file=new_file)
    if as_json:
        echo_json({**vars(done), "former": done.former and str(done.former)})
        return
    if done.ended:
        click.echo("The master key was changed by a run that did not come to its end; this one ended it.")
    else:
        click.echo(f"{done.keys:,} key(s) are wrapped by the new master key.")
    if done.expected:
        click.echo(f"Nothing opens until {done.expected} is set to the key that is in {done.place} now.")
        return
    click.echo(f"It is in {done.place}. Copy it to your other servers, and keep it apart from backups.")
    if done.former:
        click.echo(f"The former one, which older backups need, is kept in {done.former}.")


def _apart(path: str) -> tuple[str, str]:
    tracker, dot, field = path.partition(".")
    if not dot or not field:
        raise click.BadParameter("Name the field as TRACKER.FIELD.")
    return tracker, field


def _reporter(*, quiet: bool) -> Any:
    shown = not quiet and sys.stderr.isatty()

    def tell(progress: Progress) -> None:
        if shown:
            end = progress.at >= progress.of
            click.echo(f"\r{progress.path}: item {progress.at:,} of {progress.of:,}", nl=end, err=True)

    return tell


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


@click.command()
@pass_cli
def scrub(cli: Cli) -> None:
    """Write the database's files anew, so that nothing of what was deleted for good is left in their pages.

    Others wait meanwhile: about a second for each 100 MB. Backups, and copies that upgrades kept, are not reached.
    """
    from tracker.core.access.rights import require_admin
    from tracker.core.base.scrub import scrub as write_anew

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
    write_anew(cli.workspace)
    click.echo("The files of the database are written anew; nothing of what was deleted is left in them.")
