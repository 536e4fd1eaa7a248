"""What a change of type, a split or a join emptied or lost, found anew at any time afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, true

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.among import among, given
from tracker.core.ask.page import open_ids
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.conversion.origin import origin, retyping_step
from tracker.core.conversion.parts import converter_of
from tracker.core.conversion.place import KEY, SWAPPED_AT, Asked
from tracker.core.conversion.preview import Case, case_of, values_of
from tracker.core.conversion.reshaping import Reshaped, Reshaping
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import trackers
from tracker.core.items.batches import batches
from tracker.core.items.rows import values_before
from tracker.errors import Refused, Unknown
from tracker.fields.conversion import Fit
from tracker.i18n import _


@dataclass(frozen=True)
class _Done:
    """What a change set did, with its fields as they were; since when the source may be another, None if never."""

    field: Retyped | Reshaped
    asked: Asked
    since: datetime | None = None


def report(reading: Reading, change_set: int) -> Iterator[Case]:
    """Return the items whose values lost something, or did not fit, when a change set changed, split or joined fields.

    They are found anew in the columns that the fields were filled from, as these were then; only items that are
    open to the actor are told.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: the change set did no such thing.
    :raises Refused: a field was encrypted since, or is not there any more.
    """
    require_admin(reading)
    done = _reshaped(reading, change_set) or _retyped(reading, change_set)
    if done is None:
        raise Unknown("change of a type", str(change_set))
    return _cases(reading, done)


def _cases(reading: Reading, done: _Done) -> Iterator[Case]:
    field, converter = done.field, converter_of(done.field, done.asked)
    for items in batches(reading, field.tracker, field.sources, true()):
        seen = open_ids(reading, field.tracker, [item.id for item in items])
        then = _as_then(reading, done, [item for item in items if item.id in seen])
        for item, outcome in zip(then, converter.convert(reading, then), strict=True):
            values = values_of(item, field.sources)
            if outcome.fit is not Fit.FINE and any(each is not None for each in values):
                yield case_of(field, item.id, values, outcome)


def _retyped(reading: Reading, change_set: int) -> _Done | None:
    step, found = retyping_step(reading, change_set), origin(reading, change_set)
    owner = None if step is None else trackers(reading).owner_of(step.definition_id)
    if step is None or owner is None or found is None or not isinstance(found.asked, Retyping):
        return None
    tracker, now = owner
    before, after = (
        BoundField(FieldDef.from_body(body, id=now.id, key=now.key), reading.workspace.types)
        for body in (step.before, step.after)
    )
    _require_columns(tracker, (before, after))
    return _Done(Retyped(tracker, before, after), found.asked.towards(after.definition))


def _reshaped(reading: Reading, change_set: int) -> _Done | None:
    table = tables.change_set
    place: Mapping[str, Any] = (
        reading.execute(select(table.c.place).where(table.c.id == change_set)).scalar() or {}
    )
    found = origin(reading, change_set) if KEY in place and SWAPPED_AT in place else None
    if found is None or not isinstance(found.asked, Reshaping):
        return None
    owners = [trackers(reading).owner_of(each.id) for each in found.sources]
    there = [each for each in owners if each is not None]
    if len(there) < len(owners):
        raise Refused(_("A field that it was made of is not there any more."))
    types, tracker = reading.workspace.types, there[0][0]
    sources = tuple(
        BoundField(FieldDef.from_body(part.before or {}, id=part.id, key=now.key), types)
        for part, (_tracker, now) in zip(found.sources, there, strict=True)
    )
    _require_columns(tracker, sources)
    targets = tuple(BoundField(each.made(), types) for each in found.made)
    moment = datetime.fromisoformat(place[SWAPPED_AT])
    return _Done(Reshaped(tracker, sources, targets, types), found.asked, moment)


def _require_columns(tracker: Tracker, fields: Sequence[BoundField]) -> None:
    known = (*tracker.all_fields.values(), *tracker.former)
    if not {each.definition.column for each in fields} <= {each.definition.column for each in known}:
        raise Refused(_("The field was encrypted since; its former values are not there any more."))


def _as_then(reading: Reading, done: _Done, items: Sequence[Item]) -> list[Item]:
    """Return items with the values that they had when the change was made; without those that came later."""
    if done.since is None or not items:
        return list(items)
    tracker, revision, change = done.field.tracker, tables.revision, tables.change_set
    made = {item.created_cs for item in items}
    later = set(
        reading.execute(
            select(change.c.id).where(among(change.c.id, reading.dialect), change.c.at > done.since),
            given(reading, made),
        ).scalars()
    )
    found = reading.execute(
        select(revision.c.item_id, revision.c.diff)
        .join(change, change.c.id == revision.c.change_set_id)
        .where(
            revision.c.tracker_id == tracker.id,
            among(revision.c.item_id, reading.dialect),
            change.c.at > done.since,
            clauses.as_system(tracker),
        )
        .order_by(revision.c.version.desc()),
        given(reading, [item.id for item in items]),
    ).all()
    back: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for row in found:
        back[row.item_id] |= {name: pair[0] for name, pair in row.diff.items()}
    return [
        replace(item, values=values_before(done.field.sources, item.values, back[item.id]))
        for item in items
        if item.created_cs not in later
    ]
