"""`tracker item own`: fields that one single item has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table
from tracker.cli.items import number_of, own_json, shown_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracker.core.ask.rows import Held
    from tracker.core.design.bound import Tracker


@click.group()
def own() -> None:
    """Fields that one item of a tracker has and no other; the tracker must allow them."""


def _reason(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--reason", default="", metavar="TEXT", help="Why: kept in the history.")(command)


@own.command("list")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def list_(cli: Cli, tracker: str, item_id: str, *, as_json: bool) -> None:
    """List the fields that item ID of TRACKER alone has, those too that were taken away."""
    found, number = _item(cli, tracker, item_id)
    with cli.workspace.read(cli.actor) as reading:
        held = _held(reading, found, number)
        if as_json:
            retired = [{"retired": each.field.definition.retired} for each in held]
            echo_json([{**own_json(each), **more} for each, more in zip(held, retired, strict=True)])
            return
        rows = [
            (
                field.id,
                field.label,
                field.definition.type,
                shown_text(reading, field, value),
                "taken away" if field.definition.retired else "",
            )
            for field, value in held
        ]
    click.echo(
        table(rows, ("field", "label", "type", "value", ""), fit=True) if rows else "No fields of its own."
    )


@own.command("add")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.argument("label")
@click.option("--type", "type_", default="line", show_default=True, help="The field's type: tracker types.")
@click.option("--options", metavar="JSON", default="", help="Options of the type: '{\"places\": 3}'.")
@click.option(
    "--choice", "choices", multiple=True, metavar="TEXT", help="One of the choices to offer, of a choice."
)
@click.option("--section", default="", metavar="TEXT", help="The heading under which it stands.")
@click.option("--about", default="", metavar="TEXT", help="What is said beside it in the form.")
@click.option("--value", default="", metavar="TEXT", help="Its value, as in a canonical file.")
@_reason
@pass_cli
def add(cli: Cli, /, tracker: str, item_id: str, label: str, **options: Any) -> None:
    """Add a field LABEL to item ID of TRACKER, and to no other item."""
    from tracker.core.design.definitions import FieldDef
    from tracker.core.items.own import add_field

    definition = FieldDef(
        key="",
        type=options["type_"],
        label=label,
        options=_options(options["options"], options["choices"]),
        section=options["section"],
        help=options["about"],
    )
    found, number = _item(cli, tracker, item_id)
    with cli.workspace.change(cli.actor, door="cli", reason=options["reason"]) as change:
        field = add_field(change, found, number, definition, text=options["value"])
        done = change.id
    click.echo(f"{found.title_one} #{number} has the field “{field.label}” ({field.id}) now.")
    click.echo(f"This is change set {done}; `tracker undo {done}` takes it back.")


@own.command("set")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.argument("given", nargs=-1, required=True, metavar="FIELD=VALUE...")
@_reason
@pass_cli
def set_(cli: Cli, /, tracker: str, item_id: str, given: tuple[str, ...], **options: str) -> None:
    """Give fields of item ID of TRACKER values; FIELD is a label or a number, an empty VALUE takes it away."""
    from tracker.core.items.write import change_item

    found, number = _item(cli, tracker, item_id)
    values = _judged(cli, found, number, given)
    with cli.workspace.change(cli.actor, door="cli", reason=options["reason"]) as change:
        change_item(change, found, number, values=values, version=None)
        done = change.id if change.written else None
    click.echo("Nothing was changed." if done is None else f"Saved, as change set {done}.")


@own.command("rename")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.argument("field")
@click.argument("label")
@_reason
@pass_cli
def rename(cli: Cli, /, tracker: str, item_id: str, field: str, **options: Any) -> None:
    """Call FIELD of item ID of TRACKER by another LABEL; its value and its history stay."""
    _change(cli, tracker, item_id, field, label=options["label"], reason=options["reason"])


@own.command("retire")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.argument("field")
@_reason
@pass_cli
def retire(cli: Cli, /, tracker: str, item_id: str, field: str, **options: Any) -> None:
    """Take FIELD of item ID of TRACKER away; its value is kept, and comes back with it."""
    _change(cli, tracker, item_id, field, retired=True, **options)


@own.command("back")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.argument("field")
@_reason
@pass_cli
def back(cli: Cli, /, tracker: str, item_id: str, field: str, **options: Any) -> None:
    """Put FIELD, by its number, of item ID of TRACKER back with its value."""
    _change(cli, tracker, item_id, field, retired=False, **options)


# -- pieces -----------------------------------------------------------------------------------


def _item(cli: Cli, key: str, item_id: str) -> tuple[Tracker, int]:
    from tracker.core.access.rights import visible_tracker

    with cli.workspace.read(cli.actor) as reading:
        tracker = visible_tracker(reading, key)
        return tracker, number_of(reading, tracker, item_id)


def _held(reading: Any, tracker: Tracker, number: int) -> list[Held]:
    from tracker.core.items.own import item_fields

    return item_fields(reading, tracker, number)


def _change(cli: Cli, key: str, item_id: str, called: str, *, reason: str, **parts: Any) -> None:
    from tracker.core.items.own import change_field, own_field

    tracker, number = _item(cli, key, item_id)
    with cli.workspace.change(cli.actor, door="cli", reason=reason) as change:
        field = own_field(_held(change, tracker, number), called)
        change_field(change, tracker, number, field.key, **parts)
        done = change.id if change.written else None
    click.echo("Nothing was changed." if done is None else f"Saved, as change set {done}.")


def _judged(cli: Cli, tracker: Tracker, number: int, given: Sequence[str]) -> dict[str, Any]:
    """Return the values of FIELD=VALUE by key, judged by their fields."""
    from tracker.core.items.own import own_field

    pairs = [each.partition("=") for each in given]
    if not all(sign and called.strip() for called, sign, _text in pairs):
        raise click.UsageError("Write each value as FIELD=VALUE.")
    with cli.workspace.read(cli.actor) as reading:
        held = _held(reading, tracker, number)
        texts = [(own_field(held, called.strip()), text) for called, _sign, text in pairs]
        if len({field.key for field, _text in texts}) < len(texts):
            raise click.UsageError("Name each field once.")
        return tracker.collect(
            {field.key: text for field, text in texts}, own={f.key: f for f, _text in texts}
        )


def _options(text: str, choices: Sequence[str]) -> dict[str, Any]:
    try:
        held = json.loads(text) if text else {}
    except ValueError as error:
        raise click.BadParameter(f"The options are no JSON: {error}") from error
    if not isinstance(held, dict):
        raise click.BadParameter("Give the options as a JSON object.")
    return {**held, **({"choices": list(choices)} if choices else {})}
