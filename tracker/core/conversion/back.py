"""The way back from a change of type, a split or a join: what was saved since is carried.

The former columns hold every value as it was when the fields left them. Only items whose value is another one by
now are converted back, each with a revision, so that history says what they had at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from tracker.core.access import clauses
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion import rows
from tracker.core.conversion.batch import Converter, ItemConverter, Outcome
from tracker.core.conversion.origin import Origin, origin, retyping_step
from tracker.core.conversion.parts import converter_of
from tracker.core.conversion.place import Part
from tracker.core.conversion.preview import values_of
from tracker.core.conversion.reshaping import Reshaped, Reshaping
from tracker.core.conversion.retyping import Retyped
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.batches import batches
from tracker.core.items.rows import names_column
from tracker.core.items.unique import held_by_others, used
from tracker.errors import Refused
from tracker.fields.conversion import Fit
from tracker.i18n import Message, _


@dataclass(frozen=True)
class SavedSince:
    """Fields that are left by an undo, and since when something may be saved in them."""

    origin: Origin  # what was asked first, there or back
    fields: tuple[BoundField, ...]  # as they are until now

    @property
    def since(self) -> int:
        """The first change set that may have saved something."""
        return self.origin.since


@dataclass(frozen=True)
class Left:
    """An item whose value has no way back: it keeps the one that it had before."""

    tracker: str
    item_id: int
    field: str
    reason: Message


def saved_since(reading: Reading, change_set: int) -> SavedSince | None:
    """Return which fields an undo of a change set leaves; None if it is about no change of type, split or join.

    None too where a field was changed again since: then it is undone as any change of the design.

    :raises Refused: new fields would come back without what they held, or go and leave in the clear what was
        encrypted since.
    """
    found = origin(reading, change_set)
    if found is None:
        return None
    if isinstance(found.asked, Reshaping):
        if found.undone:
            _require_columns(reading, found.made)
        else:
            _require_plain(reading, found)
        leaving = _standing(reading, found.sources if found.undone else found.made)
        return SavedSince(found, leaving) if leaving else None
    step = retyping_step(reading, change_set)
    owner = None if step is None else trackers(reading).owner_of(step.definition_id)
    if step is None or owner is None or owner[1].definition.column != step.after["column"]:
        return None  # taken back already, or changed again
    return SavedSince(found, (owner[1],))


def _require_columns(reading: Reading, made: Sequence[Part]) -> None:
    known = tables.field_column
    for each in made:
        owner = select(known.c.field_id).where(known.c.column == each.after["column"])
        if reading.execute(owner).scalar() != each.id:
            raise Refused(_("What it was made of was encrypted since; the new fields cannot come back."))


def _require_plain(reading: Reading, found: Origin) -> None:
    """Refuse to take new fields away that hold values in the clear of what is encrypted by now."""
    known = trackers(reading)
    sources, made = (
        [pair[1] for pair in map(known.owner_of, ids) if pair is not None]
        for ids in ([each.id for each in found.sources], [each.id for each in found.made])
    )
    sealed = [each.label for each in sources if each.sealed]
    plain = [each.label for each in made if not each.sealed]
    if sealed and plain:
        raise Refused(
            _(
                "%(label)s was encrypted since, and copies of its values would be left in the clear where nobody"
                " sees them; encrypt %(others)s too, or retire what is not needed.",
                label=sealed[0],
                others=", ".join(plain),
            )
        )


def _standing(reading: Reading, parts: Sequence[Part]) -> tuple[BoundField, ...]:
    """Return fields as they are; none if one is not there, or has other columns by now."""
    found = [trackers(reading).owner_of(each.id) for each in parts]
    fields = [
        pair[1]
        for pair, part in zip(found, parts, strict=True)
        if pair is not None and pair[1].definition.column == part.after["column"]
    ]
    return tuple(fields) if len(fields) == len(parts) else ()


def filled_only(reading: Reading, saved: SavedSince) -> set[int]:
    """Return the numbers of new fields that may go although they hold values: nothing would be lost.

    Where the fields that they were made of were retired, and all new ones go, what was saved since is carried back;
    else a field in which something was saved since has to stay.
    """
    asked = saved.origin.asked
    if not isinstance(asked, Reshaping) or saved.origin.undone:
        return set()
    found = trackers(reading).owner_of(saved.fields[0].id)
    assert found is not None
    stand = all(
        each.definition.body() == part.after
        for each, part in zip(saved.fields, saved.origin.made, strict=True)
    )
    carried = asked.retire and stand
    return {each.id for each in saved.fields if carried or not _is_used(reading, found[0], each, saved)}


def _is_used(reading: Reading, tracker: Tracker, field: BoundField, saved: SavedSince) -> bool:
    clause = _since(reading, tracker, [field], saved.since)
    return any(
        item.values.get(field.key) is not None
        for items in batches(reading, tracker, [field], clause)
        for item in items
    )


def carry(change: ChangeSet, saved: SavedSince) -> Iterator[Left]:
    """Give items that were saved in the fields that are left their values in those that are there again.

    Yields what has no way back.
    """
    carrying = _reshaping_back(change, saved) or _retyping_back(change, saved)
    if carrying is not None:
        for items in carrying.batches():
            yield from items


def _retyping_back(change: ChangeSet, saved: SavedSince) -> _Carrying | None:
    asked = saved.origin.asked
    if isinstance(asked, Reshaping):
        return None
    left = saved.fields[0]
    found = trackers(change).owner_of(left.id)
    assert found is not None
    tracker, now = found
    if now.definition.column == left.definition.column:
        return None  # the step was left as it is
    return _Carrying(
        change,
        Retyped(tracker, left, now),
        saved.since,
        back=Converter(Retyped(tracker, left, now), asked.towards(now.definition)),
        forward=Converter(Retyped(tracker, now, left), asked.towards(left.definition)),
    )


def _reshaping_back(change: ChangeSet, saved: SavedSince) -> _Carrying | None:
    found, asked = saved.origin, saved.origin.asked
    if not isinstance(asked, Reshaping) or not (found.undone or asked.retire):
        return None  # who kept a field has it as people left it
    there = _standing(change, found.made if found.undone else found.sources)
    if not there or any(each.definition.retired for each in there):
        return None
    if not found.undone and any(trackers(change).owner_of(each.id) for each in found.made):
        return None  # a new field was left as it is
    owner = trackers(change).owner_of(there[0].id)
    assert owner is not None
    field = Reshaped(owner[0].with_former(saved.fields), saved.fields, there, change.workspace.types)
    return _Carrying(
        change, field, saved.since, back=converter_of(field, asked), forward=converter_of(field.back, asked)
    )


class _Carrying:
    """Carries values back, a batch at a time."""

    def __init__(
        self,
        change: ChangeSet,
        field: Retyped | Reshaped,
        since: int,
        *,
        back: ItemConverter,
        forward: ItemConverter,
    ) -> None:
        self._change, self._tracker = change, field.tracker
        self._leaving, self._now = field.sources, field.targets
        self._since, self._back, self._forward = since, back, forward

    def batches(self) -> Iterator[list[Left]]:
        """Carry batch after batch; yield what each leaves."""
        clause = _since(self._change, self._tracker, self._leaving, self._since)
        for others in batches(self._change, self._tracker, self._leaving, clause):
            here = self._tracker.table.c.id.in_([item.id for item in others])
            formers = next(batches(self._change, self._tracker, self._now, here))
            yield self._carry(others, formers)

    def _carry(self, others: list[Item], formers: list[Item]) -> list[Left]:
        left = list[Left]()
        would = self._forward.convert(self._change, formers)
        back = self._back.convert(self._change, others)
        written: dict[int, list[tuple[Any, Any]]] = {}
        for other, former, then, done in zip(others, formers, would, back, strict=True):
            held = values_of(former, self._now)
            if then.values == values_of(other, self._leaving) or done.values == held:
                continue  # nothing was saved in effect: the former value stands, to the letter
            if (reason := _no_way(done)) is not None:
                left.append(self._left(other.id, reason))
            else:
                written[other.id] = list(zip(held, done.values, strict=True))
        for place, field in enumerate(self._now):
            for item_id in self._taken(field, {each: pairs[place] for each, pairs in written.items()}):
                left.append(self._left(item_id, used(field)))
                del written[item_id]
        if written:
            versions = {item.id: item.version for item in formers}
            rows.carry(self._change, self._tracker, self._now, written, versions=versions)
        return left

    def _left(self, item_id: int, reason: Message) -> Left:
        return Left(self._tracker.key, item_id, self._now[0].key, reason)

    def _taken(self, field: BoundField, written: Mapping[int, tuple[Any, Any]]) -> list[int]:
        """Return the items whose value another one has; those that stay as they are take theirs with them."""
        if not field.unique:
            return []
        going = {item_id: new for item_id, (_old, new) in written.items() if new is not None}
        taken: list[int] = []
        while True:
            moving = [each for each in written if each not in taken]
            wanted = {item_id: going[item_id] for item_id in moving if item_id in going}
            found = held_by_others(self._change, self._tracker, field, wanted, moving=moving)
            if not found:
                return taken
            taken += found


def _no_way(done: Outcome) -> Message | None:
    """Return why there is no way back: with too few parts, nobody can say which of the fields they are of."""
    return done.reason if done.fit in (Fit.EMPTIED, Fit.FEW) else None


def _since(
    reading: Reading, tracker: Tracker, fields: Sequence[BoundField], since: int
) -> ColumnElement[bool]:
    """Return the clause for items of which something may have been saved in fields since a change set."""
    names: list[str] = []
    for field in fields:
        names += [field.definition.column] if field.many else [each.name for each in field.columns]
    revision, items = tables.revision, tracker.table
    revised = select(revision.c.item_id).where(
        revision.c.tracker_id == tracker.id,
        revision.c.change_set_id >= since,
        or_(*(names_column(reading.dialect, name) for name in names)),
        clauses.as_system(tracker),
    )
    return or_(items.c.created_cs >= since, items.c.id.in_(revised))
