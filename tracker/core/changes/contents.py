"""Which items a change set touched, as far as the actor may view them, with what it did to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from tracker.core.access import clauses
from tracker.core.access.rights import rights
from tracker.core.ask.names import names
from tracker.core.ask.own import by_name, own_of
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.changes.history import FieldChange, field_changes, locking
from tracker.core.design.bound import Tracker
from tracker.core.design.store import trackers


@dataclass(frozen=True)
class Touched:
    """One item that a change set touched."""

    tracker: Tracker
    item_id: int
    name: str
    action: str  # created, changed, trashed, locked, unlocked, erased
    fields: tuple[FieldChange, ...] = ()


def contents(reading: Reading, change_set_id: int, *, limit: int = 20) -> list[Touched]:
    """Return items that a change set created, changed or trashed, at most `limit` of each kind and tracker.

    An item that left the actor's sight since, or is in the trash by another change set, is not among them.
    """
    known = trackers(reading).by_id
    table = tables.touched
    ids = (
        reading.execute(select(table.c.tracker_id).where(table.c.change_set_id == change_set_id))
        .scalars()
        .all()
    )
    found: list[Touched] = []
    for tracker in (known[each] for each in ids if each in known):
        if rights(reading).may("view", tracker):
            found += contents_in(reading, tracker, change_set_id, limit)
    return found


def contents_in(reading: Reading, tracker: Tracker, cs: int, limit: int) -> list[Touched]:
    """Return items of one tracker that a change set touched, also while it is still being written."""
    table, revision = tracker.table, tables.revision
    seen = clauses.where(reading, "view", tracker)
    live = table.c.deleted_cs.is_(None)
    created = _ids(reading, tracker, (table.c.created_cs == cs, live, seen), limit)
    once_seen = clauses.where(reading, "restore", tracker)
    trashed = _ids(reading, tracker, (table.c.deleted_cs == cs, once_seen), limit)
    erased = _ids(reading, tracker, (table.c.erased_cs == cs, once_seen), limit)
    rows = reading.execute(
        select(revision.c.item_id, revision.c.diff)
        .join(table, table.c.id == revision.c.item_id)
        .where(revision.c.tracker_id == tracker.id, revision.c.change_set_id == cs, live, seen)
        .order_by(revision.c.item_id)
        .limit(limit)
    ).all()
    own = {
        item_id: by_name(held)
        for item_id, held in own_of(reading, tracker, [row.item_id for row in rows]).items()
    }
    known = names(reading, tracker, [*created, *(row.item_id for row in rows)])
    made = [Touched(tracker, each, known.get(each, f"#{each}"), "created") for each in created]
    changed = [
        Touched(tracker, row.item_id, known.get(row.item_id, f"#{row.item_id}"), what or "changed", fields)
        for row in rows
        for what in (locking(row.diff),)
        for fields in (field_changes(reading, tracker, row.diff, own.get(row.item_id, {})),)
        if fields or what or "deleted_cs" in row.diff
    ]
    gone = {**dict.fromkeys(trashed, "trashed"), **dict.fromkeys(erased, "erased")}
    return made + changed + [Touched(tracker, each, f"#{each}", action) for each, action in gone.items()]


def _ids(reading: Reading, tracker: Tracker, clause: Sequence[object], limit: int) -> list[int]:
    table = tracker.table
    statement = select(table.c.id).where(*clause).order_by(table.c.id).limit(limit)  # type: ignore[arg-type]
    return list(reading.execute(statement).scalars())
