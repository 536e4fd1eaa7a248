"""The command `tracker`: a table of subcommands, each imported when it is called.

`tracker --help` and every `--help` below it import neither the database library nor any plugin, so they
answer at once and also where the database does not.
"""

from __future__ import annotations

from tracker.cli.context import Cli, pass_cli
from tracker.cli.group import CommandGroup

__all__ = ["cli", "main", "pass_cli"]

import click

from tracker import __version__, logs

COMMANDS = {
    "serve": "tracker.cli.serve:serve",
    "worker": "tracker.cli.jobs:worker",
    "profile": "tracker.cli.profile:profile",
    "list": "tracker.cli.items:list_trackers",
    "show": "tracker.cli.items:show",
    "item": "tracker.cli.many:item",
    "changes": "tracker.cli.changes:changes",
    "undo": "tracker.cli.changes:undo",
    "import": "tracker.cli.transfer:import_",
    "export": "tracker.cli.transfer:export",
    "backup": "tracker.cli.backup:backup",
    "restore": "tracker.cli.backup:restore",
    "field": "tracker.cli.fields:field",
    "types": "tracker.cli.field_types:types",
    "user": "tracker.cli.people:user",
    "group": "tracker.cli.people:group",
    "key": "tracker.cli.upkeep:key",
    "jobs": "tracker.cli.jobs:jobs",
    "search": "tracker.cli.upkeep:search",
    "plugin": "tracker.cli.upkeep:plugin",
    "check": "tracker.cli.check:check",
    "scrub": "tracker.cli.upkeep:scrub",
    "upgrade": "tracker.cli.upkeep:upgrade",
}


@click.group(cls=CommandGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--as", "email", metavar="USER", help="Act as this person (e-mail) instead of as the system.")
@click.option("--settings", "settings_file", type=click.Path(dir_okay=False), help="A settings file (TOML).")
@click.option("--log", type=click.Choice(("text", "json")), help="Form of the log on standard error.")
@click.version_option(__version__, prog_name="tracker")
@click.pass_context
def cli(context: click.Context, *, email: str | None, settings_file: str | None, log: str | None) -> None:
    """Records that people define themselves.

    `tracker serve --profile nonprofit_membership --demo` makes a workspace with data to look at, and prints
    the address to open.
    """
    run = Cli(email=email, settings_file=settings_file)
    run.log = log
    context.obj = run
    logs.note(command=context.invoked_subcommand or "")
    context.call_on_close(run.close)


def main() -> None:
    """Run the command of this process."""
    cli.main(prog_name="tracker")
