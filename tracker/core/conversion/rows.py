"""The rows of a conversion: read in batches by number, written into the columns that a field will have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    TableClause,
    and_,
    bindparam,
    column,
    delete,
    func,
    select,
    table,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.core.access import clauses
from tracker.core.access.inserting import insert_rows
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.ddl import filled_name
from tracker.core.items.rows import side_rows

AT_ONCE = 2_000  # items


def batches(
    reading: Reading,
    tracker: Tracker,
    fields: Sequence[BoundField],
    clause: ColumnElement[bool] | None = None,
) -> Iterator[list[Item]]:
    """Yield all items of a tracker, those in the trash too, with some fields; in the order of their numbers."""
    last = 0
    while items := batch(reading, tracker, fields, after=last, clause=clause):
        yield items
        last = items[-1].id


def batch(
    reading: Reading,
    tracker: Tracker,
    fields: Sequence[BoundField],
    *,
    after: int = 0,
    clause: ColumnElement[bool] | None = None,
) -> list[Item]:
    """Return the next items after a number; in a `ChangeSet` they are held until it ends."""
    rows = RowReader(reading, tracker, fields, tracker.table, masking=False)
    items = tracker.table
    found = (
        select(*rows.columns)
        .where(items.c.id > after, true() if clause is None else clause, clauses.as_system(tracker))
        .order_by(items.c.id)
        .limit(AT_ONCE)
    )
    if reading.dialect == "postgresql" and isinstance(reading, ChangeSet):
        found = found.with_for_update(key_share=True)
    return rows.items(reading, reading.execute(found).all())


def filled(field: BoundField) -> TableClause:
    """Return the table that says which version of an item a field was filled from."""
    return table(filled_name(field), column("item_id", Id), column("version", Id))


def unfilled(tracker: Tracker, field: BoundField) -> ColumnElement[bool]:
    """Return the clause for items that were never filled, or were saved since."""
    items, done = tracker.table, filled(field)
    there = select(done.c.item_id).where(done.c.item_id == items.c.id, done.c.version == items.c.version)
    return ~there.correlate(items).exists()


def put(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    """Write values into the columns that a field will have, and note from which versions they are."""
    write(change, tracker, field, values)
    _note(change, tracker, field, values)


def write(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    """Write values into a field's columns as they are: no version, no revision."""
    if field.many:
        _put_elements(change, tracker, field, values)
    else:
        _put_columns(change, tracker, field, values)


def _put_columns(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    names = [each.name for each in field.columns]
    items = table(tracker.table_name, column("id", Id), *(each.sql for each in field.columns))
    stored = [(item_id, *field.dump(value)) for item_id, value in values.items()]
    if change.dialect == "sqlite":
        here = and_(items.c.id == bindparam("at"), clauses.as_system(tracker))
        wanted = {name: bindparam(f"new_{name}", type_=items.c[name].type) for name in names}
        keys = ["at", *(f"new_{name}" for name in names)]
        change.execute(
            update(items).where(here).values(wanted), [dict(zip(keys, row, strict=True)) for row in stored]
        )
        return
    columns = list(zip(*stored, strict=True))
    types = [Id, *(each.sql.type for each in field.columns)]
    arrays = [bindparam(f"a_{place}", type_=ARRAY(kind)) for place, kind in enumerate(types)]
    arrived = (
        func.unnest(*arrays)
        .table_valued(*(column(f"c_{place}", kind) for place, kind in enumerate(types)), name="arrived")
        .render_derived()
    )
    statement = (
        update(items)
        .where(items.c.id == arrived.c.c_0, clauses.as_system(tracker))
        .values({name: arrived.c[f"c_{place}"] for place, name in enumerate(names, 1)})
    )
    change.execute(statement, {f"a_{place}": list(each) for place, each in enumerate(columns)})


def _put_elements(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    side, ids = field.side, list(values)
    gone = delete(side).where(among(side.c.item_id, change.dialect), clauses.as_system(tracker))
    change.execute(gone, given(change, ids))
    elements = [row for item_id, value in values.items() for row in side_rows(field, item_id, value)]
    if elements:
        insert_rows(change, side, elements, marked=tracker.table_name)


def _note(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    items, done = tracker.table, filled(field)
    versions = select(items.c.id, items.c.version).where(
        among(items.c.id, change.dialect), clauses.as_system(tracker)
    )
    made = (sqlite.insert if change.dialect == "sqlite" else postgresql.insert)(done)
    again = made.on_conflict_do_update(index_elements=["item_id"], set_={"version": made.excluded.version})
    noted = again.from_select(["item_id", "version"], versions, include_defaults=False)
    change.execute(noted, given(change, values))
