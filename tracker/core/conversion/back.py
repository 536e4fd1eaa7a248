"""The way back from a change of type: the field points to its former columns, and what was saved since is carried.

The former columns hold every value as it was when the field left them. Only items that were saved since are
converted back, each as a change of its own, so that history says what they had at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion import rows
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.preview import Case, cases
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.conversion.run import KEY
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import trackers
from tracker.core.items.rows import names_column
from tracker.core.items.write import save_difference
from tracker.errors import Unknown
from tracker.fields.conversion import Fit
from tracker.i18n import Message


@dataclass(frozen=True)
class SavedSince:
    """Which items were saved since a field has the type that is being taken back."""

    asked: Retyping  # the way back
    field: BoundField  # as it is until now
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Left:
    """An item whose value has no way back: it keeps the one that it had under the former type."""

    item_id: int
    reason: Message


def saved_since(reading: Reading, change_set: int) -> SavedSince | None:
    """Return what was saved since a change set changed the type of a field; None if it did no such thing."""
    step = _step(reading, change_set)
    if step is None:
        return None
    root, since = _origin(reading, change_set)
    if root is None:
        return None
    tracker = _tracker_of(reading, step.definition_id)
    field = (
        None
        if tracker is None
        else next(each for each in tracker.all_fields.values() if each.id == step.definition_id)
    )
    if tracker is None or field is None or field.definition.column != step.after["column"]:
        return None  # taken back already, or changed again
    before = FieldDef.from_body(step.before, id=field.id, key=field.key)
    asked = _way(root, before)
    return SavedSince(asked, field, _ids(reading, tracker, field, since))


def carry(change: ChangeSet, saved: SavedSince) -> Iterator[Left]:
    """Give items that were saved under the other type their values in the type that the field has again.

    Yields what has no way back.
    """
    tracker = _tracker_of(change, saved.field.id)
    assert tracker is not None
    now = next(each for each in tracker.all_fields.values() if each.id == saved.field.id)
    if now.definition.column == saved.field.definition.column:
        return  # the step was left as it is
    converter = Converter(Retyped(tracker, saved.field, now), saved.asked)
    stored = [each for each in tracker.all_fields.values() if not each.computed]
    for start in range(0, len(saved.ids), rows.AT_ONCE):
        here = tracker.table.c.id.in_(saved.ids[start : start + rows.AT_ONCE])
        others = rows.batch(change, tracker, [saved.field], clause=here)
        items = rows.batch(change, tracker, stored, clause=here)
        for item, done in zip(items, converter.convert(change, others), strict=True):
            if done.fit is Fit.EMPTIED:
                assert done.reason is not None
                yield Left(item.id, done.reason)
            else:
                _write(change, tracker, item, {now.key: done.value})


def _write(change: ChangeSet, tracker: Tracker, item: Item, values: dict[str, Any]) -> None:
    if item.deleted_cs is None:
        save_difference(change, tracker, item, values, judging=False)
        return
    for key, value in values.items():
        rows.write(change, tracker, tracker.all_fields[key], {item.id: value})


def report(reading: Reading, change_set: int) -> Iterator[Case]:
    """Yield the items whose values lost something, or did not fit, when a change set changed a field's type.

    They are found anew in the columns that the field left, which nobody writes any more.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: the change set did no such thing.
    """
    require_admin(reading)
    step = _step(reading, change_set)
    root, _since = _origin(reading, change_set)
    tracker = None if step is None else _tracker_of(reading, step.definition_id)
    if step is None or root is None or tracker is None:
        raise Unknown("change of a type", str(change_set))
    types = reading.workspace.types
    before, after = (
        BoundField(FieldDef.from_body(body, id=step.definition_id, key=root.field), types)
        for body in (step.before, step.after)
    )
    asked = _way(root, after.definition)
    for case in cases(reading, asked, Retyped(tracker, before, after)):
        if case.fit is not Fit.FINE:
            yield case


def _way(root: Retyping, to: FieldDef) -> Retyping:
    """Return the way that was asked for, or its way back, whichever leads to this definition."""
    forwards = (to.type, dict(to.options)) == (root.type, dict(root.options))
    return root if forwards else root.back(to)


def _step(reading: Reading, change_set: int) -> Any:
    """Return the step by which a change set moved a field to other columns."""
    table = tables.step
    steps = reading.execute(
        select(table).where(table.c.change_set_id == change_set, table.c.kind == "field")
    ).all()
    return next(
        (
            step
            for step in steps
            if step.before and step.after and step.before.get("column") != step.after.get("column")
        ),
        None,
    )


def _origin(reading: Reading, change_set: int) -> tuple[Retyping | None, int]:
    """Return what was asked when the type was changed first, and since when the field has the type of now.

    An undo, and the undo of that, find it in the change set that they are about.
    """
    table = tables.change_set
    since: int | None = None
    number: int | None = change_set
    while number is not None:
        row = reading.execute(select(table.c.place, table.c.undoes_id).where(table.c.id == number)).one()
        place: Mapping[str, Any] = row.place or {}
        since = int(place.get("since", number)) if since is None else since
        if KEY in place:
            return Retyping.from_json(place[KEY]["asked"]), since
        number = row.undoes_id
    return None, 0


def _tracker_of(reading: Reading, field_id: int) -> Tracker | None:
    for tracker in trackers(reading).by_id.values():
        if any(each.id == field_id for each in tracker.all_fields.values()):
            return tracker
    return None


def _ids(reading: Reading, tracker: Tracker, field: BoundField, since: int) -> tuple[int, ...]:
    names = [field.definition.column] if field.many else [each.name for each in field.columns]
    revision, items = tables.revision, tracker.table
    written: list[ColumnElement[bool]] = [names_column(reading.dialect, name) for name in names]
    revised = select(revision.c.item_id).where(
        revision.c.tracker_id == tracker.id, revision.c.change_set_id >= since, or_(*written)
    )
    here = or_(items.c.created_cs >= since, items.c.id.in_(revised))
    found = reading.execute(select(items.c.id).where(here, clauses.as_system(tracker)).order_by(items.c.id))
    return tuple(found.scalars())
