"""`tracker list` and `tracker show`: trackers, items, and an item at any moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from tracker.core.ask.rows import Held, Item
    from tracker.core.base.transaction import Reading
    from tracker.core.design.bound import BoundField, Tracker


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def list_trackers(cli: Cli, *, as_json: bool) -> None:
    """List the trackers, with how many items you may see of each."""
    from tracker.core.access.rights import visible_trackers
    from tracker.core.ask.page import count
    from tracker.core.ask.query import Query

    with cli.workspace.read(cli.actor) as reading:
        found = [
            (each.key, each.title, count(reading, Query(each.key, sort=("id",)), cap=None).n)
            for each in visible_trackers(reading)
        ]
    if as_json:
        echo_json([{"tracker": key, "title": title, "items": number} for key, title, number in found])
    elif found:
        click.echo(table(found, ("tracker", "title", "items"), fit=True))
    else:
        click.echo(
            "There are no trackers yet: apply a profile (tracker profile list), or make one in the browser."
        )


@click.command()
@click.argument("tracker")
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--as-of", "moment", metavar="MOMENT", help="As it was then: 2026-11-24, or 2026-11-24T09:12.")
@click.option("--where", default="", metavar="EXPR", help="Only items for which this expression holds.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 2000), help="At most so many items."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def show(cli: Cli, /, tracker: str, item_id: str | None, **options: Any) -> None:
    """Show the items of TRACKER, or one item with all its values; ID is its number or its uid."""
    if item_id is None:
        if options["moment"]:
            raise click.UsageError("--as-of needs the ID of an item.")
        _show_list(cli, tracker, options)
    else:
        _show_item(cli, tracker, item_id, options)


def _show_list(cli: Cli, key: str, options: dict[str, Any]) -> None:
    from tracker.core.ask.page import page
    from tracker.core.ask.query import Query

    with cli.workspace.read(cli.actor) as reading:
        found = page(reading, Query(key, where=options["where"]), limit=options["limit"])
        if options["as_json"]:
            echo_json([_as_json(found.fields, item, item.values) for item in found.items])
            return
        fields = [each for each in found.fields if not each.secret][:6]
        texts = [
            (item.id, *(shown_text(reading, each, item.values.get(each.key))[:40] for each in fields))
            for item in found.items
        ]
    click.echo(table(texts, ("id", *(each.label for each in fields))) if texts else "No items.")
    if found.next:
        click.echo(f"… and more; --limit shows up to 2000, `tracker export {key}` all.")


def _show_item(cli: Cli, key: str, item_id: str, options: dict[str, Any]) -> None:
    from tracker.core.access.rights import shown, visible_tracker
    from tracker.core.ask.page import get_item
    from tracker.core.changes.history import as_of
    from tracker.core.items.own import item_fields

    with cli.workspace.read(cli.actor) as reading:
        tracker = visible_tracker(reading, key)
        number = number_of(reading, tracker, item_id)
        item = get_item(reading, tracker, number)
        fields: list[BoundField] = shown(reading, tracker)
        values: Any = item.values
        own: list[Held] = list(item.own)
        if options["moment"]:
            own = item_fields(reading, tracker, number)
            values = as_of(reading, tracker, number, moment_of(options["moment"], reading))
            if values is None:
                raise click.ClickException(f"{tracker.title_one} #{number} was not there then.")
            fields = [each for each in fields if not each.computed]
            own = [each._replace(value=values[each.field.key]) for each in own if each.field.key in values]
        if options["as_json"]:
            more = {"own": [own_json(each) for each in own]} if own else {}
            echo_json({**_as_json(fields, item, values), **more})
            return
        click.echo(f"{tracker.title_one} #{item.id}, version {item.version}, {item.uid}")
        filled = [(each.label, shown_text(reading, each, values.get(each.key))) for each in fields]
        filled += [(each.field.label, shown_text(reading, each.field, each.value)) for each in own]
        click.echo(table([row for row in filled if row[1]], ("field", "value")))


def number_of(reading: Reading, tracker: Tracker, text: str, *, trash: bool = False) -> int:
    """Return the id of an item given by id or uid; `trash`: of one in the trash."""
    if text.lstrip("#").isdecimal() and len(text) < 19:
        return int(text.lstrip("#"))
    from tracker.core.ask.lookup import UID, find_items
    from tracker.errors import NotFound

    found = find_items(reading, tracker, UID, [text], trash=trash).get(text)
    if found is None:
        raise NotFound(tracker.title_one, text)
    return found


def moment_of(text: str, reading: Reading) -> datetime:
    """Return a moment in the workspace's zone; a day alone means its end."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("Write --as-of as 2026-11-24 or 2026-11-24T09:12.") from error
    if len(text) <= 10:
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    return moment if moment.tzinfo else moment.replace(tzinfo=reading.house.tzinfo)


def shown_text(reading: Reading, field: BoundField, value: Any) -> str:
    """Return a value on one line; a mask for what the actor may not read."""
    from tracker.core.access.rights import READ, rights
    from tracker.core.design.bound import MASK

    if value is None:
        return ""
    if field.secret or rights(reading).level(field) < READ:
        return MASK
    return field.type.format(value, reading.actor.reader).replace("\n", ", ")


def own_json(held: Held) -> dict[str, Any]:
    """Return a field that one item has, with its value, as plain JSON."""
    field, value = held
    told = None if value is None else field.type.to_json(value)
    return {"field": field.id, "label": field.label, "type": field.definition.type, "value": told}


def _as_json(fields: Any, item: Item, values: Any) -> dict[str, Any]:
    plain = {
        each.key: None if values.get(each.key) is None else each.type.to_json(values[each.key])
        for each in fields
        if not each.secret
    }
    return {"id": item.id, "uid": item.uid, "version": item.version, "values": plain}
