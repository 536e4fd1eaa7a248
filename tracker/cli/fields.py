"""`tracker field`: changing the type, or the encryption, of a field that holds data."""

from __future__ import annotations

import csv
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import NUMBER, Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.core.conversion.preview import Case, Preview
    from tracker.core.conversion.retyping import Retyping
    from tracker.core.conversion.run import Progress
    from tracker.core.sealing.asked import Asked
    from tracker.core.sealing.switch import Progress as Switching


@click.group()
def field() -> None:
    """Fields that hold data: another type, or encryption, while people go on working."""


@field.command("convert")
@click.argument("path", metavar="TRACKER.FIELD")
@click.argument("type_", metavar="TYPE")
@click.option("--options", metavar="JSON", default="", help='Options of the new type: \'{"to": "project"}\'.')
@click.option("--choices", is_flag=True, help="For a choice: offer the texts that the field holds today.")
@click.option(
    "--make", is_flag=True, help="For a link: make the items that it shall lead to where none has the name."
)
@click.option("--read", multiple=True, metavar="TEXT=OTHER", help="Read this text as another one.")
@click.option("--factor", metavar="NUMBER", help="Multiply numbers by this: another unit or currency.")
@click.option("--round", "rounding", is_flag=True, help="Round numbers with too many decimals.")
@click.option("--cut", "cutting", is_flag=True, help="Cut texts that are too long.")
@click.option(
    "--dates", type=click.Choice(("iso", "dmy", "mdy", "ymd")), default="iso", help="How texts write days."
)
@click.option("--decimal", type=click.Choice((".", ",")), default=".", help="The decimal mark of texts.")
@click.option("--country", default="", metavar="CODE", help="Of telephone numbers without one, such as AT.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def convert(cli: Cli, /, path: str, type_: str, **options: Any) -> None:
    """Give TRACKER.FIELD another TYPE, with the values that it holds.

    Counts and examples say first what fits, what loses something and what does not fit. People go on working;
    what they save meanwhile is not lost. `tracker undo` takes it back, and carries what was saved since.
    """
    from tracker.core.conversion.preview import preview
    from tracker.core.conversion.run import retype

    asked = _asked(cli, path, type_, options)
    with cli.workspace.read(cli.actor) as reading:
        seen = preview(reading, asked)
    if options["dry_run"]:
        _tell(seen, None, as_json=options["as_json"])
        return
    number = retype(cli.workspace, cli.actor, asked, door="cli", report=_reporter(quiet=options["as_json"]))
    _tell(seen, number, as_json=options["as_json"])


@field.command("texts")
@click.argument("path", metavar="TRACKER.FIELD")
@pass_cli
def texts(cli: Cli, path: str) -> None:
    """List the different texts of TRACKER.FIELD, the most frequent first: what a choice could offer."""
    for text, number in _texts(cli, path):
        click.echo(f"{number:>8}  {text}")


@field.command("report")
@click.argument("change_set", type=NUMBER)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The CSV file to write."
)
@pass_cli
def report(cli: Cli, change_set: int, output: Path | None) -> None:
    """List what a change of type emptied or lost: the item, its old value, its new one, and why."""
    from tracker.core.conversion.back import report as reported

    with cli.workspace.read(cli.actor) as reading:
        found = reported(reading, change_set)
        if output is None:
            _write(sys.stdout, found)
            return
        with output.open("w", encoding="utf-8", newline="") as stream:
            number = _write(stream, found)
    click.echo(f"Wrote {output} ({number} value(s)).", err=True)


@field.command("seal")
@click.argument("path", metavar="TRACKER.FIELD")
@click.option(
    "--search", type=click.Choice(("exact",)), help="Keep a blind index: equal values can be found, and seen."
)
@pass_cli
def seal(cli: Cli, path: str, search: str | None) -> None:
    """Encrypt TRACKER.FIELD with the values that it holds, in history too, while people go on working.

    When the command has ended, the database holds no plain value any more; backups and exports made before it do.
    At its end the database's files are written anew, and others wait for that.
    """
    from tracker.core.sealing.asked import Asked

    _switch(cli, Asked(*_apart(path), seal=True, search=search or ""))


@field.command("unseal")
@click.argument("path", metavar="TRACKER.FIELD")
@pass_cli
def unseal(cli: Cli, path: str) -> None:
    """Switch the encryption of TRACKER.FIELD off; it takes the right to show its values.

    History keeps what it holds sealed.
    """
    from tracker.core.sealing.asked import Asked

    _switch(cli, Asked(*_apart(path), seal=False))


def _switch(cli: Cli, asked: Asked) -> None:
    from tracker.core.sealing.switch import switch

    number = switch(cli.workspace, cli.actor, asked, door="cli", report=_reporter(quiet=False))
    back = "unseal" if asked.seal else "seal"
    path = f"{asked.tracker}.{asked.field}"
    click.echo(f"Done, as change set {number}; `tracker field {back} {path}` is the way back.")
    if asked.seal:
        click.echo(_revealing(cli, asked))
        click.echo(
            "Backups, exports and copies of the database that were made before still hold the plain values."
        )


def _revealing(cli: Cli, asked: Asked) -> str:
    from tracker.core.design.store import tracker as tracker_of

    with cli.workspace.read(cli.actor) as reading:
        field = tracker_of(reading, asked.tracker).field(asked.field)
    groups = ", ".join(sorted(field.definition.grants.get("reveal", ())))
    return f"Groups that may show its values: {groups or 'none yet'}."


@field.command("resume")
@click.argument("change_set", type=NUMBER)
@pass_cli
def resume(cli: Cli, change_set: int) -> None:
    """Go on with a change of type, or of encryption, that was killed."""
    from tracker.core.conversion.run import resume as go_on
    from tracker.core.sealing.switch import resume as go_on_switching

    act = go_on_switching if _is_switch(cli, change_set) else go_on
    number = act(cli.workspace, cli.actor, change_set, door="cli", report=_reporter(quiet=False))
    click.echo(f"Done, as change set {number}.")


@field.command("stop")
@click.argument("change_set", type=NUMBER)
@pass_cli
def stop(cli: Cli, change_set: int) -> None:
    """End a change of type, or of encryption, that was killed: the field stays what it is."""
    from tracker.core.conversion.run import stop as end
    from tracker.core.sealing.switch import stop as end_switching

    act = end_switching if _is_switch(cli, change_set) else end
    act(cli.workspace, cli.actor, change_set, door="cli")
    click.echo("Stopped; the field is what it was.")


def _is_switch(cli: Cli, change_set: int) -> bool:
    from tracker.core.sealing.asked import is_switch

    with cli.workspace.read(cli.system) as reading:
        return is_switch(reading, change_set)


# -- what was said ----------------------------------------------------------------------------


def _asked(cli: Cli, path: str, type_: str, options: dict[str, Any]) -> Retyping:
    from tracker.core.conversion.retyping import Retyping
    from tracker.fields.base import TextDialect
    from tracker.fields.conversion import Ways

    tracker, key = _apart(path)
    given = _json(options["options"])
    if options["choices"]:
        from tracker.core.conversion.preview import choices_of

        given["choices"] = choices_of([text for text, _number in _texts(cli, path)])
    pairs = [each.partition("=") for each in options["read"]]
    if not all(sign and text for text, sign, _other in pairs):
        raise click.BadParameter("Write --read as TEXT=OTHER.")
    ways = Ways(
        dialect=TextDialect(options["dates"], options["decimal"], options["country"], _zone(cli)),
        instead={text: other for text, _sign, other in pairs},
        factor=_factor(options["factor"]),
        rounding=options["rounding"],
        cutting=options["cutting"],
    )
    return Retyping(tracker, key, type_, given, ways, options["make"])


def _zone(cli: Cli) -> str:
    with cli.workspace.read(cli.actor) as reading:
        return reading.house.zone


def _apart(path: str) -> tuple[str, str]:
    tracker, dot, key = path.partition(".")
    if not dot or not key:
        raise click.BadParameter("Name the field as TRACKER.FIELD.")
    return tracker, key


def _json(text: str) -> dict[str, Any]:
    try:
        held = json.loads(text) if text else {}
    except ValueError as error:
        raise click.BadParameter(f"The options are no JSON: {error}") from error
    if not isinstance(held, dict):
        raise click.BadParameter("Give the options as a JSON object.")
    return held


def _factor(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        factor = Decimal(text)
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or not factor:
        raise click.BadParameter("Give --factor as a number that is not zero, such as 0.9.")
    return factor


def _texts(cli: Cli, path: str) -> list[tuple[str, int]]:
    from tracker.core.conversion.preview import DISTINCT, distinct_texts

    tracker, key = _apart(path)
    with cli.workspace.read(cli.actor) as reading:
        found = distinct_texts(reading, tracker, key)
    if found is None:
        raise click.ClickException(f"The field holds more than {DISTINCT} different texts.")
    return found


# -- what is told -----------------------------------------------------------------------------


def _reporter(*, quiet: bool) -> Any:
    shown = not quiet and sys.stderr.isatty()

    def tell(progress: Progress | Switching) -> None:
        if shown:
            click.echo(
                f"\r{progress.done:,} of {progress.of:,} items", nl=progress.done >= progress.of, err=True
            )

    return tell


def _tell(seen: Preview, change_set: int | None, *, as_json: bool) -> None:
    counts = {fit.value: number for fit, number in seen.counts.items()}
    if as_json:
        examples = [
            {
                "item": case.item_id,
                "old": case.old,
                "new": case.new,
                "fit": case.fit.value,
                "reason": _reason(case),
            }
            for case in seen.examples
        ]
        more = {"made": seen.made, "doubles": seen.doubles}
        echo_json({"change_set": change_set, "counts": counts, **more, "examples": examples})
        return
    if seen.made:
        click.echo(
            f"{seen.made:,} item(s) would be made for links to lead to."
            if change_set is None
            else f"{seen.made:,} item(s) made."
        )
    if seen.doubles:
        click.echo(f"{seen.doubles:,} value(s) would stand twice in a field that has to be unique.")
    told = ", ".join(f"{counts.get(name, 0):,} {said}" for name, said in _SAID.items())
    click.echo(f"{seen.total:,} value(s): {told}.")
    rows = [(case.item_id, case.old, case.new, case.fit.value, _reason(case)) for case in seen.examples]
    if rows:
        click.echo(table(rows, ("item", "old", "new", "fit", "why"), fit=True))
    if change_set is not None:
        click.echo(f"Done, as change set {change_set}; `tracker undo {change_set}` takes it back.")


_SAID = {"fine": "fit", "lossy": "lose something", "emptied": "do not fit"}


def _reason(case: Case) -> str:
    return "" if case.reason is None else str(case.reason)


def _write(stream: Any, found: Iterable[Case]) -> int:
    from tracker.core.transfer.formulas import neutralised

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("item", "old", "new", "fit", "why"))
    written = 0
    for case in found:
        told = (neutralised(case.old), neutralised(case.new), case.fit.value, _reason(case))
        writer.writerow((case.item_id, *told))
        written += 1
    return written
