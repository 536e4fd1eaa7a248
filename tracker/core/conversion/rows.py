"""What a change of type writes: the columns that a field will have, and from which version of each item they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    TableClause,
    TableValuedAlias,
    and_,
    bindparam,
    column,
    delete,
    func,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from tracker.core.access import clauses
from tracker.core.access.inserting import insert_rows
from tracker.core.ask.among import among, given
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.ddl import filled_name
from tracker.core.items.rows import side_json, side_rows
from tracker.core.items.write import record_many
from tracker.fields.storage import Stored


def filled(field: BoundField) -> TableClause:
    """Return the table that says which version of an item a field was filled from."""
    return table(filled_name(field), column("item_id", Id), column("version", Id))


def unfilled(tracker: Tracker, field: BoundField) -> ColumnElement[bool]:
    """Return the clause for items that were never filled, or were saved since."""
    items, done = tracker.table, filled(field)
    there = select(done.c.item_id).where(done.c.item_id == items.c.id, done.c.version == items.c.version)
    return ~there.correlate(items).exists()


def put(change: ChangeSet, tracker: Tracker, values: Mapping[BoundField, Mapping[int, Any]]) -> None:
    """Write values into the columns that fields will have, and note from which versions they are.

    :param values: of each field, by item; the same items for all. What is filled is noted for the first.
    """
    for field, held in values.items():
        write(change, tracker, field, held)
    first = next(iter(values))
    _note_items(change, tracker, first, values[first])


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
    arrived, given = arriving([Id, *(each.sql.type for each in field.columns)], stored)
    statement = (
        update(items)
        .where(items.c.id == arrived.c.c_0, clauses.as_system(tracker))
        .values({name: arrived.c[f"c_{place}"] for place, name in enumerate(names, 1)})
    )
    change.execute(statement, given)


def arriving(
    types: Sequence[TypeEngine[Any]], rows: Sequence[Sequence[Stored]]
) -> tuple[TableValuedAlias, dict[str, Any]]:
    """Return given rows as a table of PostgreSQL, with columns `c_0`, `c_1` and so on, and its parameters."""
    arrays = [bindparam(f"a_{place}", type_=ARRAY(kind)) for place, kind in enumerate(types)]
    named = (column(f"c_{place}", kind) for place, kind in enumerate(types))
    arrived = func.unnest(*arrays).table_valued(*named, name="arrived").render_derived()
    return arrived, {f"a_{place}": list(each) for place, each in enumerate(zip(*rows, strict=True))}


def _put_elements(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    side, ids = field.side, list(values)
    gone = delete(side).where(among(side.c.item_id, change.dialect), clauses.as_system(tracker))
    change.execute(gone, given(change, ids))
    elements = [row for item_id, value in values.items() for row in side_rows(field, item_id, value)]
    if elements:
        insert_rows(change, side, elements, marked=tracker.table_name)


def _note_items(change: ChangeSet, tracker: Tracker, field: BoundField, values: Mapping[int, Any]) -> None:
    here = and_(among(tracker.table.c.id, change.dialect), clauses.as_system(tracker))
    note(change, tracker, field, here, parameters=given(change, values))


def note(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    here: ColumnElement[bool],
    *,
    parameters: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Note from which versions a field was filled, for the items of a clause."""
    items, done = tracker.table, filled(field)
    versions = select(items.c.id, items.c.version).where(here)
    made = (sqlite.insert if change.dialect == "sqlite" else postgresql.insert)(done)
    again = made.on_conflict_do_update(index_elements=["item_id"], set_={"version": made.excluded.version})
    noted = again.from_select(["item_id", "version"], versions, include_defaults=False)
    change.execute(noted, dict(parameters))


def carry(
    change: ChangeSet,
    tracker: Tracker,
    fields: Sequence[BoundField],
    written: Mapping[int, Sequence[tuple[Any, Any]]],
    *,
    versions: Mapping[int, int],
) -> None:
    """Give items other values of some fields, each with a revision: what it had, and what it has.

    The engine's own: the fields are turned back for all items, whoever may see them.

    :param written: by item, of each field the value before and after.
    """
    for place, field in enumerate(fields):
        # First none: two may change places in a unique field.
        write(change, tracker, field, dict.fromkeys(written))
        write(change, tracker, field, {item_id: pairs[place][1] for item_id, pairs in written.items()})
    table = tracker.table
    here = and_(table.c.id == bindparam("at"), clauses.as_system(tracker))
    raised = update(table).where(here).values(version=table.c.version + 1, changed_cs=change.id)
    change.execute(raised, [{"at": item_id} for item_id in written])
    record_many(
        change,
        tracker,
        [(item_id, versions[item_id] + 1, _diff(fields, pairs)) for item_id, pairs in written.items()],
    )
    change.counts[tracker.id].changed += len(written)


def _diff(fields: Sequence[BoundField], values: Sequence[tuple[Any, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for field, (old, new) in zip(fields, values, strict=True):
        if old == new:
            continue
        if field.many:
            found[field.definition.column] = [side_json(field, old), side_json(field, new)]
            continue
        pairs = zip(field.columns, field.dump(old), field.dump(new), strict=True)
        found |= {
            each.name: [each.storage.to_json(then), each.storage.to_json(now)] for each, then, now in pairs
        }
    return found
