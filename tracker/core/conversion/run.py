"""A change of type from beginning to end: prepare, fill while people go on working, swap.

The field's values are written into columns of their own, a batch in each transaction, with a note of which
version of each item they are from. At the end, with writers kept out for a moment, what was saved since is
filled again and the field points to its new columns. The old ones stay: they are the undo. A killed one goes on
where it stopped, or is stopped: then the field is what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import func, select, true

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.rows import Item
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.conversion import rows, stretch
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.place import STOPPED, Place, open_place, open_retypings
from tracker.core.conversion.retyping import Retyped, Retyping, retyped
from tracker.core.design import ddl
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import BoundField
from tracker.core.design.definitions import FieldDef
from tracker.core.design.difference import Plan, Step
from tracker.core.design.store import trackers
from tracker.core.items.batches import AT_ONCE, batch
from tracker.errors import Refused
from tracker.i18n import _

FEW = 1_000  # items that may be left for the moment in which writers are kept out
MOST_ROUNDS = 100  # over what is saved meanwhile


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
    :raises Refused: the field is being changed already, was changed by somebody meanwhile, or would hold a value
        twice that has to be unique; nothing is changed then.
    """
    number = begin(workspace, actor, asked, door=door)
    return resume(workspace, actor, number, door=door, report=report)


def begin(workspace: Workspace, actor: Actor, asked: Retyping, *, door: Door, as_job: bool = False) -> int:
    """Make the columns that the field will have, and the change set that is open until `resume` ends it.

    :param as_job: have a worker do the rest.
    """
    reason = f"{asked.tracker}.{asked.field}: {asked.type}"
    with workspace.change(actor, door=door, kind="design", designing=True, reason=reason) as change:
        field = retyped(change, asked)
        for number, field_id in open_retypings(change):
            if field_id == field.old.id:
                raise Refused(
                    _(
                        "The type of %(label)s is being changed already, in change set %(number)d; let that go on, or stop it.",
                        label=field.old.label,
                        number=number,
                    )
                )
        ddl.prepare(change, field.then, field.new)
        Place(asked, field.old.id, field.old.definition.body(), field.new.definition.body()).save(change)
        if as_job:
            change.queue("retype", {"change_set": change.id})
        return change.id


def resume(
    workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report = lambda _progress: None
) -> int:
    """Go on with a change of type that was begun, or killed; return its number.

    :raises Unknown: no change set of this number is one that was not ended.
    :raises Refused: as `retype`; it is stopped then.
    """
    try:
        return _go_on(workspace, actor, number, door=door, report=report)
    except Refused as error:
        stop(workspace, actor, number, door=door, why=str(error))  # going on would only be refused again
        raise


def stop(workspace: Workspace, actor: Actor, number: int, *, door: Door, why: str = "") -> None:
    """End an open change of type: the field stays what it is. Items that were made for links stay; undo takes them.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    with workspace.change(
        actor, door=door, kind="design", quiet=True, resumed=number, designing=True
    ) as change:
        require_admin(change)
        place = open_place(change, number)
        definition = FieldDef.from_body(place.after, id=place.field_id, key="stopped")
        ddl.drop_filled(change, BoundField(definition, workspace.types))
        change.save_place({STOPPED: place.field_id, "why": why}, state="done")


# -- filling ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """An open change of type as one transaction sees it."""

    place: Place
    field: Retyped


def _open(reading: Reading, number: int) -> _Run:
    """Return an open change of type.

    :raises Refused: the field was changed since it began.
    """
    require_admin(reading)
    place = open_place(reading, number)
    found = trackers(reading).owner_of(place.field_id)
    if found is None or not place.stands(found[1].definition):
        raise Refused(_("The field was changed since; change its type anew."))
    tracker, old = found
    return _Run(
        place, Retyped(tracker, old, BoundField(place.definition(old.definition), reading.workspace.types))
    )


def _go_on(workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report) -> int:
    with workspace.read(actor) as reading:
        run = _open(reading, number)
        tracker = run.field.tracker
        counted = select(func.count()).select_from(tracker.table).where(clauses.as_system(tracker))
        total = int(reading.execute(counted).scalar_one())
    converter, place = Converter(run.field, run.place.asked), run.place
    while place.reached is not None:
        with workspace.change(actor, door=door, kind="design", quiet=True, resumed=number) as change:
            place = _fill(change, _open(change, number), converter)
        report(Progress(min(place.done, total), total))
    for _round in range(MOST_ROUNDS):
        with workspace.change(actor, door=door, kind="design", quiet=True, resumed=number) as change:
            if _fill_again(change, _open(change, number), converter) < FEW:
                break
    _swap(workspace, actor, number, converter, door=door)
    return number


def _fill(change: ChangeSet, run: _Run, converter: Converter) -> Place:
    """Fill the next batch and return the place then."""
    field, place = run.field, run.place
    assert place.reached is not None
    converter.shares = converter.shares and stretch.is_shared(field)
    shared = stretch.fill(change, field, converter, place.reached) if converter.shares else None
    converter.shares = shared is not None
    if shared is not None:
        now = replace(place, reached=shared.last if shared.count else None, done=place.done + shared.count)
        now.save(change)
        return now
    items = batch(change, field.tracker, [field.old], true(), after=place.reached)
    _put(change, run, converter, items)
    now = replace(place, reached=items[-1].id if items else None, done=place.done + len(items))
    now.save(change)
    return now


def _fill_again(change: ChangeSet, run: _Run, converter: Converter) -> int:
    """Fill one batch of what was saved since it was filled; return how many items that were."""
    field = run.field
    items = batch(change, field.tracker, [field.old], rows.unfilled(field.tracker, field.new))
    _put(change, run, converter, items)
    run.place.save(change)
    return len(items)


def _put(change: ChangeSet, run: _Run, converter: Converter, items: list[Item]) -> None:
    if items:
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
        while _fill_again(change, run, converter) == AT_ONCE:
            pass  # nobody writes now, so a batch that is not full is the last
        tracker, old, new = run.field.tracker, run.field.old.definition, run.field.new.definition
        step = Step("field", f"{tracker.key}.{old.key}", old.body(), new.body(), old.id, old.uid)
        apply_plan(change, Plan(change.versions[:2], (step,)))
        ddl.drop_filled(change, run.field.new)
        run.place.save(change, ended=True)
