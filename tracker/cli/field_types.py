"""`tracker types`: the field types there are."""

from __future__ import annotations

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def types(cli: Cli, *, as_json: bool) -> None:
    """List the field types, built-in ones and those of plugins."""
    from tracker.app import load_hooks
    from tracker.core.base.registered import collect_types
    from tracker.hookspecs import StartContext

    settings = cli.settings
    found = collect_types(load_hooks(settings), StartContext(home=settings.home, url=settings.url))
    if as_json:
        echo_json(
            [
                {
                    "name": each.name,
                    "label": str(each.label),
                    "about": str(each.about),
                    "kind": each.kind.value,
                    "group": each.group,
                    "many": each.many,
                    "computed": each.computed,
                    "aliases": list(each.aliases),
                }
                for each in found
            ]
        )
        return
    click.echo(table([(each.name, each.group, str(each.about)) for each in found], ("type", "group", "for")))
