"""`tracker field`: changing the type or the encryption of a field that holds data, splitting it, joining several."""

from __future__ import annotations

import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracker.cli.context import NUMBER, Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracker.core.conversion.preview import Case, Preview
    from tracker.core.conversion.reshaping import Reshaping
    from tracker.core.conversion.retyping import Retyping
    from tracker.core.conversion.run import Progress
    from tracker.core.sealing.asked import Asked
    from tracker.core.sealing.switch import Progress as Switching
    from tracker.fields.base import TextDialect

Command = TypeVar("Command", bound="Callable[..., Any]")


@click.group()
def field() -> None:
    """Fields that hold data: another type, parts, or encryption, while people go on working."""


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that gives a command several options."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_reading_options = _options(
    click.option(
        "--dates",
        type=click.Choice(("iso", "dmy", "mdy", "ymd")),
        default="iso",
        help="How texts write days.",
    ),
    click.option("--decimal", type=click.Choice((".", ",")), default=".", help="The decimal mark of texts."),
    click.option(
        "--country", default="", metavar="CODE", help="Of telephone numbers without one, such as AT."
    ),
)
_seeing_options = _options(
    click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


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
@_reading_options
@_seeing_options
@pass_cli
def convert(cli: Cli, /, path: str, type_: str, **options: Any) -> None:
    """Give TRACKER.FIELD another TYPE, with the values that it holds.

    Counts and examples say first what fits, what loses something and what does not fit. People go on working;
    what they save meanwhile is not lost. `tracker undo` takes it back, and carries what was saved since.
    """
    _do(cli, _asked(cli, path, type_, options), options)


_new_field_options = _options(
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="KEY=TEXT",
        help="The name of a new field, as people read it.",
    ),
    click.option(
        "--options", "given", multiple=True, metavar="KEY=JSON", help="Options of the type of a new field."
    ),
    click.option("--retire", is_flag=True, help="Retire what it was made of; else it stays as it is."),
    click.option(
        "--make",
        is_flag=True,
        help="For a link: make the items that it shall lead to where none has the name.",
    ),
    click.option("--cut", "cutting", is_flag=True, help="Cut texts that are too long."),
)


@field.command("split")
@click.argument("path", metavar="TRACKER.FIELD")
@click.option(
    "--into",
    required=True,
    metavar="KEY[:TYPE],...",
    help="The new fields, one for each part; texts of one line, unless a type is named.",
)
@click.option(
    "--at",
    "separator",
    required=True,
    metavar="TEXT",
    help="What stands between the parts; spaces stand for any number, \\n is a new line.",
)
@_new_field_options
@_reading_options
@_seeing_options
@pass_cli
def split(cli: Cli, /, path: str, **options: Any) -> None:
    """Split TRACKER.FIELD into new fields: one for each part, and the last takes the rest.

    Counts and examples say first which values have too few parts, too many, or some that do not fit. The field keeps
    what it holds. People go on working; what they save meanwhile is not lost. `tracker undo` takes it back.
    """
    tracker, key = _apart(path)
    _do(cli, _reshaping(cli, tracker, (key,), options), options)


@field.command("join")
@click.argument("tracker")
@click.argument("keys", metavar="FIELD FIELD...", nargs=-1, required=True)
@click.option("--into", required=True, metavar="KEY[:TYPE]", help="The new field.")
@click.option(
    "--with",
    "separator",
    required=True,
    metavar="TEXT",
    help="What stands between the values; \\n is a new line.",
)
@_new_field_options
@_reading_options
@_seeing_options
@pass_cli
def join(cli: Cli, /, tracker: str, keys: tuple[str, ...], **options: Any) -> None:
    """Join fields of TRACKER into a new one, in this order; empty values are left out.

    Counts and examples say first what fits and what does not. The fields keep what they hold. People go on working;
    what they save meanwhile is not lost. `tracker undo` takes it back.
    """
    if "," in options["into"]:
        raise click.BadParameter("Fields are joined into one; name one with --into.")
    _do(cli, _reshaping(cli, tracker, keys, options), options)


def _do(cli: Cli, asked: Retyping | Reshaping, options: dict[str, Any]) -> None:
    """Tell what a change would do, or do it and tell what it did."""
    from tracker.core.conversion.preview import preview
    from tracker.core.conversion.run import retype

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
    """List what a change of type, a split or a join emptied or lost: the item, its old value, its new one, and why."""
    from tracker.core.conversion.report import report as reported
    from tracker.core.transfer.reported import reported_csv

    with cli.workspace.read(cli.actor) as reading:
        lines = reported_csv(reported(reading, change_set))
        if output is None:
            sys.stdout.writelines(lines)
            return
        with output.open("w", encoding="utf-8", newline="") as stream:
            number = sum(stream.write(line) > 0 for line in lines) - 1
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
    """Go on with a change of type, a split, a join, or a change of encryption that was killed."""
    from tracker.core.conversion.run import resume as go_on
    from tracker.core.sealing.switch import resume as go_on_switching

    act = go_on_switching if _is_switch(cli, change_set) else go_on
    number = act(cli.workspace, cli.actor, change_set, door="cli", report=_reporter(quiet=False))
    click.echo(f"Done, as change set {number}.")


@field.command("stop")
@click.argument("change_set", type=NUMBER)
@pass_cli
def stop(cli: Cli, change_set: int) -> None:
    """End a change of type, a split, a join, or a change of encryption that was killed: the field stays what it is."""
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
    from tracker.fields.conversion import Ways

    tracker, key = _apart(path)
    given = _json(options["options"])
    if options["choices"]:
        from tracker.core.conversion.preview import choices_of

        given["choices"] = choices_of([text for text, _number in _texts(cli, path)])
    ways = Ways(
        dialect=_dialect(cli, options),
        instead=_pairs(options["read"], "--read", "TEXT=OTHER"),
        factor=_factor(options["factor"]),
        rounding=options["rounding"],
        cutting=options["cutting"],
    )
    return Retyping(tracker, key, type_, given, ways, options["make"])


def _reshaping(cli: Cli, tracker: str, sources: tuple[str, ...], options: dict[str, Any]) -> Reshaping:
    from tracker.core.conversion.reshaping import NewField, Reshaping
    from tracker.fields.conversion import Ways

    keys = [each.strip().partition(":") for each in options["into"].split(",")]
    labels = _pairs(options["labels"], "--label", "KEY=TEXT")
    given = _pairs(options["given"], "--options", "KEY=JSON")
    unknown = sorted((labels.keys() | given.keys()) - {key for key, _colon, _type in keys})
    if unknown:
        raise click.BadParameter(f"“{unknown[0]}” is none of the new fields that --into names.")
    targets = tuple(
        NewField(
            key,
            labels.get(key, key.replace("_", " ").capitalize()),
            type_ or "line",
            _json(given.get(key, "")),
        )
        for key, _colon, type_ in keys
    )
    between = options["separator"].replace("\\n", "\n").replace("\\t", "\t")
    ways = Ways(dialect=_dialect(cli, options), cutting=options["cutting"])
    return Reshaping(tracker, sources, targets, between, ways, options["make"], options["retire"])


def _dialect(cli: Cli, options: dict[str, Any]) -> TextDialect:
    from tracker.fields.base import TextDialect

    return TextDialect(options["dates"], options["decimal"], options["country"], _zone(cli))


def _pairs(texts: Iterable[str], option: str, form: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in texts]
    if not all(sign and text for text, sign, _other in pairs):
        raise click.BadParameter(f"Write {option} as {form}.")
    return {text: other for text, _sign, other in pairs}


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
    told = ", ".join(
        f"{counts.get(name, 0):,} {said}" for name, said in _SAID.items() if name in counts or name in _ALWAYS
    )
    click.echo(f"{seen.total:,} value(s): {told}.")
    rows = [(case.item_id, case.old, case.new, case.fit.value, _reason(case)) for case in seen.examples]
    if rows:
        click.echo(table(rows, ("item", "old", "new", "fit", "why"), fit=True))
    if change_set is not None:
        click.echo(f"Done, as change set {change_set}; `tracker undo {change_set}` takes it back.")


_SAID = {
    "fine": "fit",
    "many": "have more parts than fields",
    "few": "have too few parts",
    "lossy": "lose something",
    "emptied": "do not fit",
}
_ALWAYS = ("fine", "lossy", "emptied")


def _reason(case: Case) -> str:
    return "" if case.reason is None else str(case.reason)
