"""A change of type from beginning to end: prepare, fill while people go on working, swap.

The field's values are written into columns of their own, a batch in each transaction, with a note of which
version of each item they are from. At the end, with writers kept out for a moment, what was saved since is
filled again and the field points to its new columns. The old ones stay: they are the undo. A killed one goes on
where it stopped, or is stopped and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.conversion import rows
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.retyping import Retyped, Retyping, retyped
from tracker.core.design import ddl
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import BoundField
from tracker.core.design.definitions import FieldDef
from tracker.core.design.difference import Plan, Step
from tracker.core.design.store import trackers
from tracker.errors import Refused, Unknown
from tracker.fields.storage import moment_text
from tracker.i18n import _

FEW = 1_000  # items that may be left for the moment in which writers are kept out
MOST_ROUNDS = 100  # over what is saved meanwhile
SWAPPED_AT = "swapped_at"
KEY = "retyping"  # in the place that a change set notes


@dataclass(frozen=True)
class Progress:
    """How far a change of type is: items filled, of about how many."""

    done: int
    of: int


Report = Callable[[Progress], None]


def retype(
    workspace: Workspace,
    actor: Actor,
    asked: Retyping,
    *,
    door: Door,
    report: Report = lambda _progress: None,
) -> int:
    """Change the type of a field and return the number of the change set, which can be undone.

    :raises TrackerError: as `retyped` does; nothing is changed then.
    :raises Refused: the field is being changed already, or was changed by somebody meanwhile.
    """
    return _go_on(workspace, actor, begin(workspace, actor, asked, door=door), door=door, report=report)


def resume(
    workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report = lambda _progress: None
) -> int:
    """Go on with a change of type that was killed.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    return _go_on(workspace, actor, number, door=door, report=report)


def begin(workspace: Workspace, actor: Actor, asked: Retyping, *, door: Door) -> int:
    """Make the columns that the field will have, and the change set that is open until `retype` ends."""
    with workspace.change(actor, door=door, kind="design", designing=True, reason=_named(asked)) as change:
        field = retyped(change, asked)
        _refuse_second(change, field)
        ddl.prepare(change, field.tracker, field.new)
        held = {
            "asked": asked.to_json(),
            "before": field.old.definition.body(),
            "after": field.new.definition.body(),
            "field": field.old.id,
        }
        number = change.id
        change.save_place({KEY: held, "after": 0, "done": 0})
    return number


def _named(asked: Retyping) -> str:
    return f"{asked.tracker}.{asked.field}: {asked.type}"


def _refuse_second(change: ChangeSet, field: Retyped) -> None:
    table = tables.change_set
    for row in change.execute(select(table.c.id, table.c.place).where(table.c.state == "open")):
        if ((row.place or {}).get(KEY) or {}).get("field") == field.old.id:
            raise Refused(
                _(
                    "The type of %(label)s is being changed already, in change set %(number)d; let that go on, or stop it.",
                    label=field.old.label,
                    number=row.id,
                )
            )


# -- filling ----------------------------------------------------------------------------------


@dataclass
class _Run:
    """An open change of type as one transaction sees it."""

    number: int
    asked: Retyping
    field: Retyped
    place: dict[str, Any]


def _open(reading: Reading, number: int) -> _Run:
    """Return an open change of type.

    :raises Unknown: there is none of this number.
    :raises Refused: the field was changed since it began.
    """
    require_admin(reading)
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    held = (row.place or {}).get(KEY) if row is not None and row.state == "open" else None
    if row is None or held is None:
        raise Unknown("open change of a type", str(number))
    known = trackers(reading)
    tracker = next(
        (
            each
            for each in known.by_id.values()
            for part in each.definition.fields
            if part.id == held["field"]
        ),
        None,
    )
    old = (
        None
        if tracker is None
        else next(each for each in tracker.all_fields.values() if each.id == held["field"])
    )
    if tracker is None or old is None or old.definition.body() != held["before"]:
        raise Refused(_("The field was changed since; stop this, and change its type anew."))
    definition = FieldDef.from_body(held["after"], id=old.id, uid=old.definition.uid, key=old.key)
    new = BoundField(definition, reading.workspace.types)
    return _Run(number, Retyping.from_json(held["asked"]), Retyped(tracker, old, new), dict(row.place))


def _go_on(workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report) -> int:
    with workspace.read(actor) as reading:
        run = _open(reading, number)
        table = run.field.tracker.table
        of = reading.execute(
            select(func.count()).select_from(table).where(clauses.as_system(run.field.tracker))
        )
        total = int(of.scalar_one())
    converter = Converter(run.field, run.asked)
    place: Mapping[str, Any] = run.place
    while True:
        with workspace.change(actor, door=door, kind="design", quiet=True, resumed=number) as change:
            place = _fill(change, _open(change, number), converter)
        if place["after"] is None:
            break
        report(Progress(min(place["done"], total), total))
    for _round in range(MOST_ROUNDS):
        with workspace.change(actor, door=door, kind="design", quiet=True, resumed=number) as change:
            if _fill_again(change, _open(change, number), converter) < FEW:
                break
    _swap(workspace, actor, number, converter, door=door)
    report(Progress(total, total))
    return number


def _fill(change: ChangeSet, run: _Run, converter: Converter) -> Mapping[str, Any]:
    """Fill the next batch and return the place then; its `after` is None when there is no next."""
    if run.place["after"] is None:
        return run.place
    field = run.field
    items = rows.batch(change, field.tracker, [field.old], after=run.place["after"])
    if items:
        _put(change, run, converter, items)
    place = {**run.place, "after": items[-1].id if items else None, "done": run.place["done"] + len(items)}
    change.save_place(place)
    return place


def _fill_again(change: ChangeSet, run: _Run, converter: Converter) -> int:
    """Fill one batch of what was saved since it was filled; return how many items that were."""
    field = run.field
    items = rows.batch(change, field.tracker, [field.old], clause=rows.unfilled(field.tracker, field.new))
    if items:
        _put(change, run, converter, items)
    change.save_place(run.place)
    return len(items)


def _put(change: ChangeSet, run: _Run, converter: Converter, items: list[Any]) -> None:
    done = converter.convert(change, items)
    values = {item.id: each.value for item, each in zip(items, done, strict=True)}
    rows.put(change, run.field.tracker, run.field.new, values)


# -- swapping ---------------------------------------------------------------------------------


def _swap(workspace: Workspace, actor: Actor, number: int, converter: Converter, *, door: Door) -> None:
    """Keep writers out, fill what is left, and point the field to its new columns."""
    with workspace.change(
        actor, door=door, kind="design", quiet=True, resumed=number, designing=True
    ) as change:
        run = _open(change, number)
        while _fill_again(change, run, converter) == rows.AT_ONCE:
            pass  # nobody writes now, so a batch that is not full is the last
        field = run.field
        step = Step(
            "field",
            f"{field.tracker.key}.{field.old.key}",
            field.old.definition.body(),
            field.new.definition.body(),
            field.old.id,
            field.old.definition.uid,
        )
        apply_plan(change, Plan(change.versions[:2], (step,)))
        ddl.drop_filled(change, field.new)
        change.save_place({**run.place, **swapped(change)}, state="done")


def swapped(change: ChangeSet) -> dict[str, Any]:
    """Return what a change set notes when a field points to other columns: the moment, and what may come after.

    `since` is the first change set of which something may be saved under the type that the field has from now on:
    one that is still open goes on afterwards.
    """
    table = tables.change_set
    first = change.execute(select(func.min(table.c.id)).where(table.c.state == "open")).scalar()
    since = change.id if first is None else min(change.id, int(first))
    return {"since": since, SWAPPED_AT: moment_text(change.now)}


def stop(workspace: Workspace, actor: Actor, number: int, *, door: Door) -> None:
    """End an open change of type: the field stays what it is, and what was filled is left behind empty-handed.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    with workspace.change(
        actor, door=door, kind="design", quiet=True, resumed=number, designing=True
    ) as change:
        require_admin(change)
        table = tables.change_set
        row = change.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
        held = (row.place or {}).get(KEY) if row is not None and row.state == "open" else None
        if row is None or held is None:
            raise Unknown("open change of a type", str(number))
        definition = FieldDef.from_body(held["after"], id=held["field"], key="stopped")
        ddl.drop_filled(change, BoundField(definition, workspace.types))
        change.execute(update(table).where(table.c.id == number).values(state="done"))
        change.save_place({**row.place, "stopped": True}, state="done")
