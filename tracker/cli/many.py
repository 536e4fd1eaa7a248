"""`tracker item`: changing, trashing, restoring, deleting, locking many after a preview; and duplicating one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.items import moment_of, number_of, shown_text
from tracker.cli.own import own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracker.core.base.transaction import Reading
    from tracker.core.changes.contents import Touched
    from tracker.core.changes.trial import Deed, Trial
    from tracker.core.design.bound import Tracker
    from tracker.core.items.bulk import Selection

DONE = {
    "change": "changed",
    "trash": "moved to the trash",
    "restore": "put back",
    "delete": "deleted for good",
    "lock": "locked",
    "unlock": "unlocked",
}


@click.group()
def item() -> None:
    """Many items: change a field, trash, put back, delete for good, lock; of one: duplicate it, or own fields."""


item.add_command(own)


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all of these take."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--reason", default="", metavar="TEXT", help="Why: kept in the history."),
        click.option("--yes", is_flag=True, help="Do it without asking."),
        click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing."),
    ):
        command = option(command)
    return command


def _where(*, required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    told = "Items for which this expression holds; 'true': all."
    return click.option("--where", default="", required=required, metavar="EXPR", help=told)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all take that choose their items by an expression."""
    return _where(required=True)(_asking(command))


@item.command("change")
@click.argument("tracker")
@click.option(
    "--set",
    "given",
    multiple=True,
    required=True,
    metavar="FIELD=VALUE",
    help="The value; empty takes it away.",
)
@click.option("--others", is_flag=True, help="When some items refuse, change the others.")
@_options
@pass_cli
def change(cli: Cli, /, tracker: str, given: Sequence[str], **options: Any) -> None:
    """Give the items of TRACKER for which EXPR holds the same values, after a preview and a question.

    All of it is one change set, which `tracker undo` takes back. When one item refuses, nothing is changed,
    unless --others is said.
    """
    _do(cli, tracker, "change", _judged(cli, tracker, given), options=options)


@item.command("trash")
@click.argument("tracker")
@_options
@pass_cli
def trash(cli: Cli, /, tracker: str, **options: Any) -> None:
    """Move the items of TRACKER for which EXPR holds to the trash, after a preview and a question."""
    _do(cli, tracker, "trash", {}, options=options)


@item.command("restore")
@click.argument("tracker")
@_options
@pass_cli
def restore(cli: Cli, /, tracker: str, **options: Any) -> None:
    """Put those items of TRACKER back from the trash for which EXPR holds, after a preview and a question."""
    _do(cli, tracker, "restore", {}, options=options)


@item.command("delete")
@click.argument("tracker")
@click.argument("items", nargs=-1, metavar="[ID]...")
@_asking
@_where(required=False)
@pass_cli
def delete(cli: Cli, /, tracker: str, items: tuple[str, ...], **options: Any) -> None:
    """Delete items of TRACKER that are in the trash for good, by their numbers or uids or by EXPR.

    Their values vanish from history, search and files, and notes on them go with them. Nothing takes that back.
    """
    _do(cli, tracker, "delete", {}, options=options, items=items)


@item.command("lock")
@click.argument("tracker")
@click.argument("items", nargs=-1, metavar="[ID]...")
@_asking
@_where(required=False)
@pass_cli
def lock(cli: Cli, /, tracker: str, items: tuple[str, ...], **options: Any) -> None:
    """Lock items of TRACKER, by their numbers or uids or by EXPR: nobody changes or trashes a locked one."""
    _do(cli, tracker, "lock", {}, options=options, items=items)


@item.command("unlock")
@click.argument("tracker")
@click.argument("items", nargs=-1, metavar="[ID]...")
@_asking
@_where(required=False)
@pass_cli
def unlock(cli: Cli, /, tracker: str, items: tuple[str, ...], **options: Any) -> None:
    """Unlock items of TRACKER, by their numbers or uids or by EXPR, whoever locked them."""
    _do(cli, tracker, "unlock", {}, options=options, items=items)


@item.command("rewind")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.option(
    "--to", "moment", required=True, metavar="MOMENT", help="2026-11-24, its end, or 2026-11-24T09:12."
)
@click.option("--field", "keys", multiple=True, metavar="FIELD", help="Only this field; again for another.")
@_asking
@pass_cli
def rewind(cli: Cli, /, tracker: str, item_id: str, **options: Any) -> None:
    """Give an item of TRACKER the values that it had at a moment; ID is its number or its uid.

    What was changed since is undone for this item alone, in one change set, which `tracker undo` takes back.
    """
    from tracker.core.access.rights import visible_tracker
    from tracker.core.changes.rewind import preview_rewind, rewind_item

    with cli.workspace.read(cli.actor) as reading:
        found = visible_tracker(reading, tracker)
        number, then = number_of(reading, found, item_id), moment_of(options["moment"], reading)
    touched, left = preview_rewind(cli.workspace, cli.actor, found, number, moment=then, keys=options["keys"])
    if not options["as_json"]:
        with cli.workspace.read(cli.actor) as reading:
            lines = [line for each in touched for line in _example(reading, each)] or [
                "Nothing would change."
            ]
        lines += [f"  left as it is: {each.field} {each.reason}" for each in left]
        click.echo("\n".join(lines))
    if options["dry_run"] or not touched:
        return
    if not options["yes"]:
        click.confirm("Go on?", abort=True, err=True)
    reason = options["reason"] or f"As it was at {options['moment']}"
    with cli.workspace.change(cli.actor, door="cli", reason=reason) as change:
        left = rewind_item(change, found, number, then, keys=options["keys"])
        done = change.id if change.written else None
    if options["as_json"]:
        echo_json({"change_set": done, "left": [vars(each) for each in left]})
    else:
        click.echo(f"Done. This is change set {done}; `tracker undo {done}` takes it back.")


@item.command("duplicate")
@click.argument("tracker")
@click.argument("item_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def duplicate(cli: Cli, tracker: str, item_id: str, *, as_json: bool) -> None:
    """Create an item of TRACKER with the values of another; ID is its number or its uid.

    Unique values, numbers, sealed values and files are left out, and a process begins at its start.
    """
    from tracker.core.access.rights import visible_tracker
    from tracker.core.items.duplicate import duplicate_item

    with cli.workspace.read(cli.actor) as reading:
        found = visible_tracker(reading, tracker)
        number = number_of(reading, found, item_id)
    reason = f"Duplicate of #{number}"
    with cli.workspace.change(cli.actor, door="cli", reason=reason) as change:
        made = duplicate_item(change, found, number)
    if as_json:
        echo_json({"id": made, "of": number})
    else:
        click.echo(f"{found.title_one} #{made} is a duplicate of #{number}.")


def _judged(cli: Cli, key: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the values of `--set`, judged by their fields; texts are read as in a canonical file."""
    from tracker.core.access.rights import require_fields, visible_tracker

    pairs = dict(each.partition("=")[::2] for each in given if "=" in each)
    if len(pairs) < len(given):
        raise click.UsageError("Write each --set as FIELD=VALUE, and each field once.")
    with cli.workspace.read(cli.actor) as reading:
        tracker = visible_tracker(reading, key)
        require_fields(reading, tracker, set(pairs))
        raw = {name: tracker.fields[name].type.parse(text) if text else None for name, text in pairs.items()}
        return tracker.judge(raw)


def _selection(
    cli: Cli, tracker: Tracker, deed: Deed, where: str, *, items: Sequence[str] | None
) -> Selection:
    """Return what a command is to act on: items by number or uid, or those for which an expression holds."""
    from tracker.core.ask.page import get_item
    from tracker.core.ask.query import Query
    from tracker.core.items.bulk import FROM_TRASH

    if items is not None and bool(items) == bool(where):
        raise click.UsageError("Name the items by their IDs, or say --where EXPR.")
    if not items:
        return Query(tracker.key, where=where, trash=deed in FROM_TRASH)
    trash = deed in FROM_TRASH
    with cli.workspace.read(cli.actor) as reading:
        numbers = [number_of(reading, tracker, each, trash=trash) for each in dict.fromkeys(items)]
        return [get_item(reading, tracker, each, fields=(), trash=trash).id for each in numbers]


def _do(
    cli: Cli,
    key: str,
    deed: Deed,
    values: Mapping[str, Any],
    *,
    options: dict[str, Any],
    items: Sequence[str] | None = None,
) -> None:
    from tracker.core.access.rights import visible_tracker
    from tracker.core.changes.trial import act, preview

    with cli.workspace.read(cli.actor) as reading:
        tracker = visible_tracker(reading, key)
    query = _selection(cli, tracker, deed, options["where"], items=items)
    trial = preview(cli.workspace, cli.actor, tracker, query, deed=deed, values=values)
    if options["as_json"] and options["dry_run"]:
        echo_json(_as_json(trial))
        return
    if not options["as_json"]:
        with cli.workspace.read(cli.actor) as reading:
            click.echo("\n".join(_told(reading, trial, deed)))
    others = bool(options.get("others") and trial.others)
    if trial.refusal and not others:
        raise click.ClickException(f"Nothing can be done: {trial.refusal}")
    if options["dry_run"] or not (trial.n or others):
        return
    if not options["yes"]:
        asked = "This cannot be taken back. Go on?" if deed == "delete" else "Go on?"
        click.confirm(asked, abort=True, err=True)
    with cli.workspace.change(cli.actor, door="cli", kind="bulk", reason=options["reason"]) as done:
        refused: dict[int, str] | None = {} if others else None
        n = act(done, tracker, query, deed=deed, values=values, refused=refused, expected=trial.n)
        number = done.id if n else None
    if options["as_json"]:
        echo_json({"change_set": number, "n": n})
    else:
        back = "nothing takes it back" if deed == "delete" else f"`tracker undo {number}` takes it back"
        click.echo(f"{n:,} {DONE[deed]}. This is change set {number}; {back}.")


def _told(reading: Reading, trial: Trial, deed: Deed) -> list[str]:
    """Return the preview in lines: how many, how many not and why, and examples."""
    lines = [f"{trial.n:,} of {trial.of:,} would be {DONE[deed]}."]
    if trial.same:
        so = f"are {DONE[deed]}" if deed in ("lock", "unlock") else "have these values"
        lines.append(f"{trial.same:,} {so} already.")
    if trial.locked:
        lines.append(f"{trial.locked:,} are left as they are: they are locked.")
    if trial.attached:
        lines.append(
            f"{trial.attached:,} notes and other items that are attached to them would be deleted, too."
        )
    if trial.closed:
        lines.append(f"{trial.closed:,} are left as they are: you may view them, but not do this to them.")
    if trial.refused:
        lines.append(f"{trial.refusing:,} refuse:")
        lines += [f"  #{each.item_id} {each.name}: {each.sentence}" for each in trial.refused]
        if trial.refusing > len(trial.refused):
            lines.append(f"  … and {trial.refusing - len(trial.refused):,} more")
    if trial.others:
        lines.append(f"{trial.others:,} others would be changed with --others.")
    return lines + [line for each in trial.examples for line in _example(reading, each)]


def _example(reading: Reading, each: Touched) -> list[str]:
    head = f"  {each.tracker.key} #{each.item_id}" + (f" {each.name}" if each.name[:1] != "#" else "")
    pairs = [
        f"    {part.field.label}: {_value(reading, part.field, part.old)} → {_value(reading, part.field, part.new)}"
        for part in each.fields
        if part.field is not None and not part.masked
    ]
    return [head, *pairs]


def _value(reading: Reading, field: Any, value: Any) -> str:
    return shown_text(reading, field, value) or "(empty)"


def _as_json(trial: Trial) -> dict[str, Any]:
    examples = [
        {
            "id": each.item_id,
            "name": each.name,
            "values": {
                part.key: [
                    None if value is None else part.field.type.to_json(value)
                    for value in (part.old, part.new)
                ]
                for part in each.fields
                if part.field is not None and not part.masked
            },
        }
        for each in trial.examples
    ]
    refused = [vars(each) for each in trial.refused]
    return {**vars(trial), "refused": refused, "examples": examples}
