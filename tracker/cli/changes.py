"""`tracker changes` and `tracker undo`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import NUMBER, Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.core.base.transaction import Counts
    from tracker.core.changes.undo import Undone


@click.command()
@click.argument("tracker", required=False, default="")
@click.option("--since", metavar="DAY", help="Only changes from this day on: 2026-11-24.")
@click.option("--actor", default="", metavar="NAME", help="Only changes of this person.")
@click.option(
    "--by", "by_tracker", default="", metavar="TRACKER", help="Only changes that touched this tracker."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def changes(cli: Cli, /, tracker: str, **options: Any) -> None:
    """List what was done, newest first: who, when, why, and how many items."""
    from tracker.core.changes.history import change_sets

    with cli.workspace.read(cli.actor) as reading:
        found = change_sets(
            reading,
            since=_day(options["since"], reading.house.tzinfo),
            actor=options["actor"],
            tracker=options["by_tracker"] or tracker,
            limit=options["limit"],
        )
        zone = reading.house.tzinfo
    if options["as_json"]:
        echo_json(
            [
                {
                    "id": each.info.id,
                    "at": each.info.at.isoformat(),
                    "actor": each.info.actor_name,
                    "door": each.info.door,
                    "kind": each.info.kind,
                    "reason": each.info.reason,
                    "state": _state(each.info),
                    "undoes": each.info.undoes_id,
                    "counts": _counts_json(each.counts),
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.info.id,
            each.info.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            each.info.actor_name,
            each.info.kind,
            _state(each.info),
            _short(each.counts),
            each.info.reason,
        )
        for each in found
    ]
    click.echo(
        table(rows, ("id", "when", "who", "what", "state", "items", "why"), fit=True)
        if rows
        else "Nothing was done yet."
    )


@click.command()
@click.argument("change_set", type=NUMBER)
@click.option("--dry-run", is_flag=True, help="Say what would be undone, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def undo(cli: Cli, change_set: int, *, dry_run: bool, as_json: bool) -> None:
    """Undo CHANGE_SET, as far as nobody changed the same things since; the undo can be undone, too."""
    from tracker.core.changes import undo as undoing

    asked = change_set if dry_run else None
    if dry_run:
        done = undoing.preview(cli.workspace, cli.actor, change_set)
    else:
        done = undoing.undo(cli.workspace, cli.actor, change_set, door="cli")
    if asked is None:
        asked = done.change_set
    design = _design(cli, asked, backwards=dry_run) if asked is not None else []
    if as_json:
        echo_json(
            {
                "change_set": done.change_set,
                "design": design,
                "counts": _counts_json(done.counts),
                "conflicts": [
                    vars(each) if hasattr(each, "__dict__") else str(each) for each in done.conflicts
                ],
            }
        )
        return
    click.echo(_undone(done, design, dry_run=dry_run))


def _design(cli: Cli, change_set: int, *, backwards: bool) -> list[str]:
    """Return what a change set did to definitions, in words; `backwards`: what undoing it does."""
    from sqlalchemy import select

    from tracker.core.base import tables

    step, definition = tables.step.c, tables.definition.c
    asked = (
        select(step.kind, step.before, step.after, definition.key)
        .where(step.change_set_id == change_set, definition.id == step.definition_id)
        .order_by(step.id)
    )
    with cli.workspace.read(cli.actor) as reading:
        rows = reading.execute(asked).all()
    told = []
    for row in rows:
        was, is_ = (row.after, row.before) if backwards else (row.before, row.after)
        verb = "taken away" if is_ is None else "brought back" if was is None else "changed back"
        told.append(f"{row.kind} {row.key} {verb}")
    return told


def _undone(done: Undone, design: list[str], *, dry_run: bool) -> str:
    told = "; ".join(part for part in (", ".join(design), _told(done.counts)) if part)
    if dry_run:
        lines = [f"Would undo: {told}." if told else "Nothing would be undone."]
    elif done.change_set is None:
        lines = ["Nothing was undone: nothing of it can be taken back now."]
    else:
        lines = [f"Undone: {told or 'nothing that is open to you'}. This is change set {done.change_set}."]
    if done.conflicts:
        lines.append(f"{len(done.conflicts)} left as they are:")
        lines += [
            f"  {each.tracker} #{each.item_id} {each.field}: {each.reason}" for each in done.conflicts[:50]
        ]
    if len(done.conflicts) > 50:
        lines.append(f"  … and {len(done.conflicts) - 50} more.")
    return "\n".join(lines)


def _short(counts: Mapping[str, Counts]) -> str:
    """Return the counts of one tracker, or how many items of how many trackers."""
    touched = {key: sum(vars(each).values()) for key, each in counts.items() if any(vars(each).values())}
    if len(touched) < 2:
        return _told(counts)
    return f"{len(touched)} trackers, {sum(touched.values()):,} items"


def _told(counts: Mapping[str, Counts]) -> str:
    return "; ".join(
        f"{key}: " + ", ".join(f"{number} {name}" for name, number in vars(each).items() if number)
        for key, each in sorted(counts.items())
        if any(vars(each).values())
    )


def _counts_json(counts: Mapping[str, Counts]) -> dict[str, dict[str, int]]:
    return {key: dict(vars(each)) for key, each in counts.items()}


def _state(info: Any) -> str:
    return f"undone by {info.undone_by}" if info.undone_by else str(info.state)


def _day(text: str | None, zone: Any) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("Write --since as 2026-11-24.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
