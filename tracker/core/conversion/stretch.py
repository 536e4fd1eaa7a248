"""Filling a stretch of items by what they hold: those that share a value get the new one in one statement.

Each value is converted where all are, so this is another way to write and no second meaning. It is for fields whose
items repeat themselves: choices, amounts, days, places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    and_,
    column,
    func,
    select,
    table,
    text,
    update,
)

from tracker.core.access import clauses
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.retyping import Retyped
from tracker.core.conversion.rows import arriving, note
from tracker.core.design.bound import BoundField, Physical, Tracker
from tracker.core.design.marks import MARK
from tracker.fields.storage import Stored

STRETCH = 20_000  # items
MOST_VALUES = 4_000  # of a stretch; with more, writing item by item is as fast


@dataclass(frozen=True)
class Stretch:
    """How far a stretch goes, and how many items are in it."""

    last: int
    count: int


@dataclass(frozen=True)
class _Within:
    """Between which numbers items lie."""

    after: int
    last: int

    def clause(self, tracker: Tracker, items: FromClause) -> ColumnElement[bool]:
        return and_(items.c.id > self.after, items.c.id <= self.last, clauses.as_system(tracker))


def is_shared(field: Retyped) -> bool:
    """Say whether items that hold the same get the same, and hold it in one column of their row."""
    old, new = field.old, field.new
    refers = old.refers or new.refers
    return not (refers or old.many or new.many) and len(_told(old)) == 1


def fill(change: ChangeSet, field: Retyped, converter: Converter, after: int) -> Stretch | None:
    """Fill the items that follow a number, and note from which versions they are.

    Return None, with nothing written, when they hold too many different values.
    """
    found = _hold(change, field.tracker, after)
    if not found.count:
        return found
    within = _Within(after, found.last)
    values = _values(change, field, within)
    if values is None:
        return None
    pairs = {}
    for stored in values:
        value = converter.convert_one(field.old.load(stored))
        if value is not None:
            pairs[stored[0]] = field.new.dump(value)
    if pairs:
        _write(change, field, pairs, within)
    note(change, field.tracker, field.new, within.clause(field.tracker, field.tracker.table))
    return found


def _told(field: BoundField) -> list[Physical]:
    """Return the columns that tell a value; the others follow from them."""
    return [each for each in field.columns if not each.part.folded]


def _hold(change: ChangeSet, tracker: Tracker, after: int) -> Stretch:
    """Find the next items, and hold them until the transaction ends."""
    number = tracker.table.c.id
    wanted = select(number).where(number > after, clauses.as_system(tracker)).order_by(number).limit(STRETCH)
    if change.dialect == "postgresql":
        wanted = wanted.with_for_update(key_share=True)
    each = wanted.subquery()
    found = change.execute(select(func.max(each.c.id).label("last"), func.count().label("many"))).one()
    return Stretch(found.last or after, found.many)


def _values(change: ChangeSet, field: Retyped, within: _Within) -> Sequence[Row[Any]] | None:
    """Return what the items of a stretch hold, each once; None when that is too much."""
    main = field.old.main
    columns = [each.sql if each is main else func.min(each.sql) for each in field.old.columns]
    wanted = (
        select(*columns)
        .select_from(field.tracker.table)
        .where(within.clause(field.tracker, field.tracker.table), main.sql.is_not(None))
        .group_by(main.sql)
        .limit(MOST_VALUES + 1)
    )
    values = change.execute(wanted).all()
    return None if len(values) > MOST_VALUES else values


def _write(
    change: ChangeSet, field: Retyped, pairs: Mapping[Stored, tuple[Stored, ...]], within: _Within
) -> None:
    if change.dialect == "sqlite":
        _write_sqlite(change, field, pairs, within)
        return
    old, columns = field.old.main, field.new.columns
    items = table(field.tracker.table_name, column("id", Id), *(each.sql for each in (old, *columns)))
    types = [each.sql.type for each in (old, *columns)]
    arrived, given = arriving(types, [(held, *new) for held, new in pairs.items()])
    statement = (
        update(items)
        .where(within.clause(field.tracker, items), items.c[old.name] == arrived.c.c_0)
        .values({each.name: arrived.c[f"c_{place}"] for place, each in enumerate(columns, 1)})
    )
    change.execute(statement, given)


def _write_sqlite(
    change: ChangeSet, field: Retyped, pairs: Mapping[Stored, tuple[Stored, ...]], within: _Within
) -> None:
    """The same; the items come first and look their value up, as neither SQLite's planner nor its indexes would."""
    old, columns, items = field.old.main, field.new.columns, field.tracker.table_name
    parts = ", ".join(f"json_extract(value, '$[{place}]') AS c_{place}" for place in range(1 + len(columns)))
    puts = ", ".join(f"{each.name} = found.c_{place}" for place, each in enumerate(columns, 1))
    rows = [
        [each.storage.to_json(value) for each, value in zip((old, *columns), (held, *new), strict=True)]
        for held, new in pairs.items()
    ]
    statement = (
        f"WITH arrived AS MATERIALIZED (SELECT {parts} FROM json_each(:rows)) UPDATE {items} SET {puts} FROM ("
        f"SELECT held.id, arrived.* FROM {items} AS held CROSS JOIN arrived ON +held.{old.name} = arrived.c_0"
        f" WHERE held.id > :after AND held.id <= :last) AS found WHERE {items}.id = found.id /*{MARK}:{items}*/"
    )
    change.execute(text(statement), {"rows": json.dumps(rows), "after": within.after, "last": within.last})
