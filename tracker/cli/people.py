"""`tracker user` and `tracker group`: who may sign in, and in which groups they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.core.design.definitions import GroupDef


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="The name that others see.")
@click.option("--admin", is_flag=True, help="May configure everything.")
@click.option(
    "--group", "groups", multiple=True, metavar="GROUP", help="Put into this group; may be repeated."
)
@click.option("--password", help="Others can see it in the list of processes: better --password-stdin.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@pass_cli
def add_user(cli: Cli, /, email: str, **options: Any) -> None:
    """Add a person who signs in with EMAIL, or with no password by a link only."""
    from tracker.core.access.people import add_person

    password = options["password"]
    if options["password_stdin"]:
        password = sys.stdin.readline().rstrip("\r\n")
    with cli.workspace.change(
        cli.actor, door="cli", kind="grants", reason=f"add {email}", designing=True
    ) as change:
        made = add_person(
            change,
            email,
            name=options["name"],
            password=password,
            admin=options["admin"],
            groups=options["groups"],
        )
    click.echo(f"Added {email} (user {made}).")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def list_users(cli: Cli, *, as_json: bool) -> None:
    """List who may sign in."""
    from tracker.core.access.people import people
    from tracker.core.access.rights import require_admin

    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
        found = people(reading)
    if as_json:
        echo_json(
            [
                {
                    "id": each.id,
                    "email": each.email,
                    "name": each.name,
                    "admin": each.admin,
                    "disabled": each.disabled,
                    "groups": list(each.groups),
                }
                for each in found
            ]
        )
        return
    rows = [
        (each.id, each.email, each.name, ", ".join(each.groups), " ".join(_marks(each.admin, each.disabled)))
        for each in found
    ]
    click.echo(
        table(rows, ("id", "e-mail", "name", "groups", "")) if rows else "Nobody yet: tracker user add."
    )


def _marks(admin: bool, disabled: bool) -> list[str]:  # noqa: FBT001 - two columns of one row
    return ["admin"] * admin + ["shut out"] * disabled


@click.group()
def group() -> None:
    """Groups of people, which rights are granted to."""


@group.command("add")
@click.argument("key")
@click.option("--title", help="The name that people see; the key if left out.")
@click.option(
    "--includes", multiple=True, metavar="GROUP", help='Has the rights of this group, too; "" for none.'
)
@click.option("--code", help="Its code elsewhere.")
@pass_cli
def add_group(cli: Cli, /, key: str, **options: Any) -> None:
    """Add a group, or change the one of that KEY; what is left out stays as it is."""
    from dataclasses import replace

    from tracker.core.design.definitions import GroupDef
    from tracker.core.design.store import trackers

    with cli.workspace.read(cli.actor) as reading:
        groups = {each.key: each for each in trackers(reading).design.groups}
    made = groups.get(key) or GroupDef(key=key, title=key)
    if options["title"] is not None:
        made = replace(made, title=options["title"] or key)
    if options["includes"]:
        made = replace(made, includes=tuple(filter(None, options["includes"])))
    if options["code"] is not None:
        made = replace(made, external=options["code"])
    click.echo(_done(*_save(cli, [made], reason=f"group {key}")))


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--title", required=True, metavar="COLUMN", help="The column with the group's name.")
@click.option("--code", metavar="COLUMN", help="The column with its code elsewhere; the title if left out.")
@click.option("--countries", metavar="COLUMN", help="The column with the countries that it stands for.")
@click.option("--includes", multiple=True, metavar="GROUP", help="Each has the rights of this group, too.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@pass_cli
def import_groups(cli: Cli, /, file: Path, **options: Any) -> None:
    """Make a group of each row of FILE, a CSV file; a second time changes nothing.

    Rows meet the groups that are there by their code. Mappings of imports find a group by its code or by
    one of its countries.
    """
    from tracker.core.transfer.groups import groups_from, read_groups

    rows, notes = read_groups(
        file, title=options["title"], code=options["code"], countries=options["countries"]
    )
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    with cli.workspace.read(cli.actor) as reading:
        made = groups_from(reading, rows, includes=options["includes"])
    if options["dry_run"]:
        click.echo(f"{len(made)} group(s) would be added or changed, of {len(rows)} rows.")
        return
    click.echo(_done(*_save(cli, made, reason=f"groups of {file.name}")))


def _save(cli: Cli, groups: Iterable[GroupDef], *, reason: str) -> tuple[int, int]:
    """Put groups into the design; return how many were added and how many changed."""
    from dataclasses import replace

    from tracker.core.access.configure import configure
    from tracker.core.access.rights import require_admin
    from tracker.core.design.difference import difference
    from tracker.core.design.store import trackers

    with cli.workspace.change(cli.actor, door="cli", kind="grants", reason=reason, designing=True) as change:
        require_admin(change)
        design = trackers(change).design
        known = {each.key: each for each in design.groups}
        for each in groups:
            for other in each.includes:
                design.group(other)
        new = [
            replace(each, id=known[each.key].id, uid=known[each.key].uid, grants=known[each.key].grants)
            if each.key in known
            else each
            for each in groups
        ]
        plan = difference(design, design.with_(*new))
        configure(change, plan)
    added = sum(1 for step in plan.steps if step.before is None)
    return added, len(plan.steps) - added


def _done(added: int, changed: int) -> str:
    if not added and not changed:
        return "Nothing to do: all groups are there."
    return f"{added} group(s) added, {changed} changed."
