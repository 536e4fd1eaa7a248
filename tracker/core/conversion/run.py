"""A change of type, a split or a join from beginning to end: prepare, fill while people go on working, swap.

Values are written into columns of their own, a batch in each transaction, with a note of which version of each
item they are from. At the end, with writers kept out for a moment, what was saved since is filled again and the
field points to its new columns, or the new fields come to light. The old ones stay: they are the undo. A killed
one goes on where it stopped, or is stopped: then the field is what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select, true

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.rows import Item
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.conversion import rows, stretch
from tracker.core.conversion.batch import Converter, ItemConverter
from tracker.core.conversion.parts import converter_of
from tracker.core.conversion.place import (
    Asked,
    Part,
    Place,
    new_part,
    open_place,
    open_retypings,
    part_of,
    refuse_busy,
)
from tracker.core.conversion.reshaping import (
    Reshaped,
    Reshaping,
    definition_then,
    inherited,
    reshaped,
    steps_to,
)
from tracker.core.conversion.retyping import Retyped, Retyping, design_then, retyped
from tracker.core.design import ddl
from tracker.core.design.apply import apply_plan, reserve
from tracker.core.design.bound import BoundField, Tracker
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
    asked: Asked,
    *,
    door: Door,
    report: Report = lambda _progress: None,
) -> int:
    """Change the type of a field, split one or join some, and return the number of the change set, which can be undone.

    :raises TrackerError: as `retyped` and `reshaped` do; nothing is changed then.
    :raises Refused: a field is being changed already, was changed by somebody meanwhile, or would hold a value
        twice that has to be unique; nothing is changed then.
    """
    number = begin(workspace, actor, asked, door=door)
    return resume(workspace, actor, number, door=door, report=report)


def begin(workspace: Workspace, actor: Actor, asked: Asked, *, door: Door, as_job: bool = False) -> int:
    """Make the columns that fields will have, and the change set that is open until `resume` ends it.

    :param as_job: have a worker do the rest.
    """
    with workspace.change(actor, door=door, kind="design", designing=True, reason=asked.reason) as change:
        place = _prepared(change, asked)
        place.save(change)
        if as_job:
            change.queue("retype", {"change_set": change.id})
        return change.id


def _prepared(change: ChangeSet, asked: Asked) -> Place:
    if isinstance(asked, Reshaping):
        return _new_fields(change, asked)
    field = retyped(change, asked)
    refuse_busy(change, field.sources, looks=(open_retypings,))
    _make_columns(change, field.then, field.new)
    return Place(asked, (Part(field.old.id, field.old.definition.body(), field.new.definition.body()),))


def _new_fields(change: ChangeSet, asked: Reshaping) -> Place:
    """Make the columns of fields that will be there at the end."""
    field = reshaped(change, asked)
    refuse_busy(change, field.sources)
    made = [reserve(change, field.tracker.id, each.definition) for each in field.targets]
    field = replace(field, targets=tuple(BoundField(each, field.types) for each in made))
    _make_columns(change, design_then(change, definition_then(field, retire=asked.retire)), *field.targets)
    return Place(asked, (*map(part_of, field.sources), *map(new_part, made)))


def _make_columns(change: ChangeSet, then: Tracker, *fields: BoundField) -> None:
    for each in fields:
        ddl.prepare(change, then, each)
    ddl.create_fill_note(change, ddl.filled_name(fields[0]))


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
        ddl.drop_filled(change, BoundField(place.targets[0].made(), workspace.types))
        place.stop(change, why)


# -- filling ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """An open change of type as one transaction sees it."""

    place: Place
    field: Retyped | Reshaped


def _open(reading: Reading, number: int) -> _Run:
    """Return an open change of type.

    :raises Refused: a field was changed since it began.
    """
    require_admin(reading)
    place = open_place(reading, number)
    known, types = trackers(reading), reading.workspace.types
    found = [known.owner_of(each.id) for each in place.sources]
    standing = [
        pair
        for pair, part in zip(found, place.sources, strict=True)
        if pair and part.stands(pair[1].definition)
    ]
    if len(standing) < len(found):
        raise Refused(_("The field was changed since; change its type anew."))
    tracker, old = standing[0]
    if isinstance(place.asked, Retyping):
        new = BoundField(place.fields[0].definition(old.definition), types)
        return _Run(place, Retyped(tracker, old, new))
    sources = tuple(field for _tracker, field in standing)
    targets = tuple(BoundField(each.made(), types) for each in place.targets)
    return _Run(place, Reshaped(tracker, sources, targets, types))


def _go_on(workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report) -> int:
    with workspace.read(actor) as reading:
        run = _open(reading, number)
        tracker = run.field.tracker
        counted = select(func.count()).select_from(tracker.table).where(clauses.as_system(tracker))
        total = int(reading.execute(counted).scalar_one())
    converter, place = converter_of(run.field, run.place.asked), run.place
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


def _fill(change: ChangeSet, run: _Run, converter: ItemConverter) -> Place:
    """Fill the next batch and return the place then."""
    field, place = run.field, run.place
    assert place.reached is not None
    shared = _fill_shared(change, field, converter, place.reached)
    if shared is not None:
        now = replace(place, reached=shared.last if shared.count else None, done=place.done + shared.count)
        now.save(change)
        return now
    items = batch(change, field.tracker, field.sources, true(), after=place.reached)
    _put(change, run, converter, items)
    now = replace(place, reached=items[-1].id if items else None, done=place.done + len(items))
    now.save(change)
    return now


def _fill_shared(
    change: ChangeSet, field: Retyped | Reshaped, converter: ItemConverter, after: int
) -> stretch.Stretch | None:
    """Fill a stretch of items by what they share; None where they do not share enough, and from then on."""
    if not (converter.shares and isinstance(field, Retyped) and isinstance(converter, Converter)):
        return None
    shared = stretch.fill(change, field, converter, after) if stretch.is_shared(field) else None
    converter.shares = shared is not None
    return shared


def _fill_again(change: ChangeSet, run: _Run, converter: ItemConverter) -> int:
    """Fill one batch of what was saved since it was filled; return how many items that were."""
    field = run.field
    items = batch(change, field.tracker, field.sources, rows.unfilled(field.tracker, field.targets[0]))
    _put(change, run, converter, items)
    run.place.save(change)
    return len(items)


def _put(change: ChangeSet, run: _Run, converter: ItemConverter, items: list[Item]) -> None:
    if items:
        done = converter.convert(change, items)
        values: dict[BoundField, dict[int, Any]] = {
            field: {item.id: each.values[place] for item, each in zip(items, done, strict=True)}
            for place, field in enumerate(run.field.targets)
        }
        rows.put(change, run.field.tracker, values)


# -- swapping ---------------------------------------------------------------------------------


def _swap(workspace: Workspace, actor: Actor, number: int, converter: ItemConverter, *, door: Door) -> None:
    """Keep writers out, fill what is left, and point the field to its new columns, or bring the new fields to light."""
    with workspace.change(
        actor, door=door, kind="design", quiet=True, resumed=number, designing=True
    ) as change:
        run = _as_open_as_now(_open(change, number))
        steps = _steps(change, run)
        while _fill_again(change, run, converter) == AT_ONCE:
            pass  # nobody writes now, so a batch that is not full is the last
        apply_plan(change, Plan(change.versions[:2], steps))
        ddl.drop_filled(change, run.field.targets[0])
        run.place.save(change, ended=True)


def _as_open_as_now(run: _Run) -> _Run:
    """Return a change whose new fields have the rights and the place that those they are made of have by now.

    :raises Refused: those are not open to the same people any more.
    """
    field = run.field
    if isinstance(field, Retyped):
        return run
    given = inherited(field.sources)
    made = [replace(each.definition, **given) for each in field.targets]
    place = replace(run.place, fields=(*run.place.sources, *map(new_part, made)))
    return _Run(place, replace(field, targets=tuple(BoundField(each, field.types) for each in made)))


def _steps(change: ChangeSet, run: _Run) -> tuple[Step, ...]:
    field, asked = run.field, run.place.asked
    if isinstance(field, Retyped):
        old, new = field.old.definition, field.new.definition
        path = f"{field.tracker.key}.{old.key}"
        return (Step("field", path, old.body(), new.body(), old.id, old.uid),)
    assert isinstance(asked, Reshaping)
    taken = [each.key for each in field.targets if each.key in field.tracker.all_fields]
    if taken:
        raise Refused(_("The key “%(key)s” is taken.", key=f"{field.tracker.key}.{taken[0]}"))
    design_then(change, definition_then(field, retire=asked.retire))
    steps = steps_to(change, field, retire=asked.retire)
    left = asked.retire and any(each.searchable for each in field.sources)
    if not left and any(each.searchable for each in field.targets):
        change.queue("search_rebuild", {"tracker": field.tracker.id})  # new words, and none that went
    return steps
