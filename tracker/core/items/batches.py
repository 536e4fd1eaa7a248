"""All items of a clause, a batch at a time: for the engine's own walks, once rights were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, select

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker

AT_ONCE = 2_000  # items


def batches(
    reading: Reading,
    tracker: Tracker,
    fields: Sequence[BoundField],
    clause: ColumnElement[bool],
    *,
    size: int = AT_ONCE,
) -> Iterator[list[Item]]:
    """Yield the items of a clause, those in the trash too, with some fields; in the order of their numbers."""
    last = 0
    while items := batch(reading, tracker, fields, clause, after=last, size=size):
        yield items
        last = items[-1].id


def batch(
    reading: Reading,
    tracker: Tracker,
    fields: Sequence[BoundField],
    clause: ColumnElement[bool],
    *,
    after: int = 0,
    size: int = AT_ONCE,
) -> list[Item]:
    """Return the next items of a clause after a number; in a `ChangeSet` they are held until it ends."""
    table = tracker.table
    rows = RowReader(reading, tracker, fields, table, masking=False)
    here = (table.c.id > after, clause, clauses.as_system(tracker))
    if reading.dialect == "postgresql" and isinstance(reading, ChangeSet):
        # Held by a statement of its own: one that waits for a writer sees the row anew, but lists as they were.
        held = (
            select(table.c.id).where(*here).order_by(table.c.id).limit(size).with_for_update(key_share=True)
        )
        ids = reading.execute(held).scalars().all()
        found = select(*rows.columns).where(among(table.c.id, reading.dialect), clauses.as_system(tracker))
        return rows.items(reading, reading.execute(found.order_by(table.c.id), given(reading, ids)).all())
    found = select(*rows.columns).where(*here).order_by(table.c.id).limit(size)
    return rows.items(reading, reading.execute(found).all())
