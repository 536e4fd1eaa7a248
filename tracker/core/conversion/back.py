"""The way back from a change of type: the field points to its former columns, and what was saved since is carried.

The former columns hold every value as it was when the field left them. Only items whose value is another one by
now are converted back, each with a revision, so that history says what they had at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion import rows
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.place import KEY
from tracker.core.conversion.preview import Case, cases
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import trackers
from tracker.core.items.batches import batches
from tracker.core.items.rows import names_column
from tracker.core.items.unique import held_by_others, used
from tracker.errors import Refused, Unknown
from tracker.fields.conversion import Fit
from tracker.i18n import Message, _


@dataclass(frozen=True)
class SavedSince:
    """A field that leaves the type that a change set gave it, and since when something may be saved under that."""

    asked: Retyping  # what was asked first, there or back
    field: BoundField  # as it is until now
    since: int  # the first change set that may have saved something


@dataclass(frozen=True)
class Left:
    """An item whose value has no way back: it keeps the one that it had under the former type."""

    tracker: str
    item_id: int
    field: str
    reason: Message


def saved_since(reading: Reading, change_set: int) -> SavedSince | None:
    """Return since when a field has the type that a change set gave it; None if that did no such thing."""
    step = _step(reading, change_set)
    root, since = _origin(reading, change_set)
    if step is None or root is None:
        return None
    found = trackers(reading).owner_of(step.definition_id)
    if found is None or found[1].definition.column != step.after["column"]:
        return None  # taken back already, or changed again
    return SavedSince(root, found[1], since)


def carry(change: ChangeSet, saved: SavedSince) -> Iterator[Left]:
    """Give items that were saved under the other type their values in the type that the field has again.

    Yields what has no way back.
    """
    found = trackers(change).owner_of(saved.field.id)
    assert found is not None
    tracker, now = found
    if now.definition.column == saved.field.definition.column:
        return  # the step was left as it is
    for items in _Carrying(change, tracker, saved, now).batches():
        yield from items


class _Carrying:
    """Carries values back, a batch at a time."""

    def __init__(self, change: ChangeSet, tracker: Tracker, saved: SavedSince, now: BoundField) -> None:
        self._change, self._tracker, self._saved, self._now = change, tracker, saved, now
        self._back = Converter(Retyped(tracker, saved.field, now), _way(saved.asked, now.definition))
        other = saved.field.definition
        self._forward = Converter(Retyped(tracker, now, saved.field), _way(saved.asked, other))

    def batches(self) -> Iterator[list[Left]]:
        """Carry batch after batch; yield what each leaves."""
        clause = _since(self._change, self._tracker, self._saved)
        for others in batches(self._change, self._tracker, [self._saved.field], clause):
            here = self._tracker.table.c.id.in_([item.id for item in others])
            formers = next(batches(self._change, self._tracker, [self._now], here))
            yield self._carry(others, formers)

    def _carry(self, others: list[Any], formers: list[Any]) -> list[Left]:
        key, left = self._now.key, list[Left]()
        would = self._forward.convert(self._change, formers)
        back = self._back.convert(self._change, others)
        written: dict[int, tuple[Any, Any]] = {}
        for other, former, then, done in zip(others, formers, would, back, strict=True):
            if then.value == other.values.get(key) or done.value == former.values.get(key):
                continue  # nothing was saved in effect: the former value stands, to the letter
            if done.fit is Fit.EMPTIED and done.reason is not None:
                left.append(self._left(other.id, done.reason))
            else:
                written[other.id] = (former.values.get(key), done.value)
        for item_id in self._taken(written):
            left.append(self._left(item_id, used(self._now)))
            del written[item_id]
        if written:
            versions = {item.id: item.version for item in formers}
            rows.carry(self._change, self._tracker, self._now, written, versions=versions)
        return left

    def _left(self, item_id: int, reason: Message) -> Left:
        return Left(self._tracker.key, item_id, self._now.key, reason)

    def _taken(self, written: Mapping[int, tuple[Any, Any]]) -> list[int]:
        """Return the items whose value another one has; those that stay as they are take theirs with them."""
        if not self._now.unique:
            return []
        going = {item_id: new for item_id, (_old, new) in written.items() if new is not None}
        taken: list[int] = []
        while True:
            moving = [each for each in written if each not in taken]
            wanted = {item_id: going[item_id] for item_id in moving if item_id in going}
            found = held_by_others(self._change, self._tracker, self._now, wanted, moving=moving)
            if not found:
                return taken
            taken += found


def report(reading: Reading, change_set: int) -> Iterator[Case]:
    """Yield the items whose values lost something, or did not fit, when a change set changed a field's type.

    They are found anew in the columns that the field left, which nobody writes any more; only items that are open
    to the actor are told.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: the change set did no such thing.
    """
    require_admin(reading)
    step = _step(reading, change_set)
    root, _number = _origin(reading, change_set)
    found = None if step is None else trackers(reading).owner_of(step.definition_id)
    if step is None or root is None or found is None:
        raise Unknown("change of a type", str(change_set))
    before, after = (
        BoundField(FieldDef.from_body(body, id=step.definition_id, key=root.field), reading.workspace.types)
        for body in (step.before, step.after)
    )
    if not {before.definition.column, after.definition.column} <= _columns(found[0]):
        raise Refused(_("The field was encrypted since; its former values are not there any more."))
    for case in cases(reading, _way(root, after.definition), Retyped(found[0], before, after)):
        if case.fit is not Fit.FINE:
            yield case


def _columns(tracker: Tracker) -> set[str]:
    return {each.definition.column for each in (*tracker.all_fields.values(), *tracker.former)}


def _way(root: Retyping, to: FieldDef) -> Retyping:
    """Return the way that was asked for, or its way back, whichever leads to this definition."""
    forwards = (to.type, dict(to.options)) == (root.type, dict(root.options))
    return root if forwards else root.back(to)


def _step(reading: Reading, change_set: int) -> Any:
    """Return the step by which a change set moved a field to other columns."""
    table = tables.step
    steps = reading.execute(select(table).where(table.c.change_set_id == change_set, table.c.kind == "field"))
    for step in steps.all():
        if step.before and step.after and step.before.get("column") != step.after.get("column"):
            return step
    return None


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


def _since(reading: Reading, tracker: Tracker, saved: SavedSince) -> ColumnElement[bool]:
    """Return the clause for items of which something may have been saved under the type that is taken back."""
    field = saved.field
    names = [field.definition.column] if field.many else [each.name for each in field.columns]
    revision, items = tables.revision, tracker.table
    revised = select(revision.c.item_id).where(
        revision.c.tracker_id == tracker.id,
        revision.c.change_set_id >= saved.since,
        or_(*(names_column(reading.dialect, name) for name in names)),
        clauses.as_system(tracker),
    )
    return or_(items.c.created_cs >= saved.since, items.c.id.in_(revised))
