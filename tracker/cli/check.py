"""`tracker check`: does everything in the workspace hold together, and what to do where it does not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli

if TYPE_CHECKING:
    from tracker.core.checking.findings import Finding, Findings


@click.command()
@click.option("--full", is_flag=True, help="Look at all words and all files, not at a sample.")
@click.option("--repair", "repairs", is_flag=True, help="Mend what can be mended safely, and look again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def check(cli: Cli, *, full: bool, repairs: bool, as_json: bool) -> None:
    """Look the workspace over while people work: the database, history, files, keys, jobs; exit code 1 with findings.

    It reads only, and changes nothing but by --repair: missing indexes are made, words of the search written anew,
    and leftovers of work that ended removed. No finding shows a value.
    """
    from tracker.core.checking.run import check as look_over
    from tracker.core.checking.run import repair

    cli.look_at_it_as_it_is()
    shown = sys.stderr.isatty() and not as_json

    def report(part: str) -> None:
        if shown:
            click.echo(f"\r\033[KLooking at {part}", nl=False, err=True)

    found = look_over(cli.workspace, cli.actor, full=full, report=report)
    mended: list[Finding] = []
    if repairs and any(each.repairable for each in found):
        mended = repair(cli.workspace, cli.actor, found, door="cli")
        found = look_over(cli.workspace, cli.actor, full=full, report=report)
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        echo_json(_as_json(found, mended))
    else:
        _tell(found, mended)
    if any(True for _each in found):
        sys.exit(1)


def _tell(found: Findings, mended: list[Finding]) -> None:
    for each in mended:
        click.echo(f"Mended: {each.sentence}")
    for each in found:
        click.echo(f"{each.sentence}\n    {each.todo}")
    for told in found.skipped:
        click.echo(f"Not looked at: {told}")
    number = sum(1 for _each in found)
    click.echo(f"{number} finding(s)." if number else "Everything holds together.")


def _as_json(found: Findings, mended: list[Finding]) -> dict[str, Any]:
    return {
        "findings": [_finding_json(each) for each in found],
        "mended": [_finding_json(each) for each in mended],
        "skipped": found.skipped,
    }


def _finding_json(each: Finding) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "place": each.place,
        "what": each.sentence,
        "todo": each.todo,
        "number": each.number,
        "items": each.items,
        "repairable": each.repairable,
    }
