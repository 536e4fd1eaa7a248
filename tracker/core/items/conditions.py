"""Conditions on values that are not in the database yet: which fields a form asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    Select,
    and_,
    bindparam,
    case,
    false,
    literal,
    literal_column,
    select,
    union_all,
)

from tracker.core.access.clauses import as_system
from tracker.core.access.system import condition, system_scope
from tracker.core.ask.kept import kept
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Tracker

SIZES = (1, 10, 50)  # rows that one statement asks about
Values = Mapping[str, Any]


def hidden_fields(
    reading: Reading, tracker: Tracker, values: Values, *, item_id: int | None = None
) -> frozenset[str]:
    """Return the keys of the fields whose `show_if` is false or empty for these values; one query.

    The database judges, so a form and a saved item never differ.
    """
    keys = [each.key for each in tracker.fields.values() if each.definition.show_if]
    return _hidden(reading, tracker, [values], keys, item_id=item_id)[0] if keys else frozenset()


def hidden_in(
    reading: Reading, tracker: Tracker, items: Sequence[Values], keys: Sequence[str]
) -> list[frozenset[str]]:
    """Return for each item those of the fields `keys` whose `show_if` is false or empty; a query for 50 items."""
    found: list[frozenset[str]] = []
    for start in range(0, len(items), SIZES[-1]):
        found += _hidden(reading, tracker, items[start : start + SIZES[-1]], keys)
    return found


def _hidden(
    reading: Reading,
    tracker: Tracker,
    items: Sequence[Values],
    keys: Sequence[str],
    *,
    item_id: int | None = None,
) -> list[frozenset[str]]:
    size = next(each for each in SIZES if each >= len(items))
    lists = _lists_asked_for(tracker, keys)
    # The elements of lists belong to a row by its id, so every row has one where a condition asks for a list.
    ids = [item_id if item_id is not None else -1 - place if lists else None for place in range(size)]
    parameters: dict[str, Any] = {}
    for place in range(size):
        values = items[min(place, len(items) - 1)]
        parameters[f"id_{place}"] = ids[place]
        for each in _stored(tracker):
            dumped = each.dump(values.get(each.key))
            for physical, value in zip(each.columns, dumped, strict=True):
                parameters[f"{physical.name}_{place}"] = value
    statement = kept(
        reading,
        ("hidden", tracker, tuple(keys), size),
        lambda: _asking(reading, tracker, keys, size),
        statement=lambda made: made,
    )
    for each in lists:
        statement = statement.add_cte(_as_side(each, zip(ids, items, strict=False)))
    answers: list[Any] = sorted(reading.execute(statement, parameters).all())[: len(items)]
    return [frozenset(key for key, asked in zip(keys, row[1:], strict=True) if not asked) for row in answers]


def _stored(tracker: Tracker) -> list[BoundField]:
    return [each for each in tracker.stored if not each.sealed]


def _asking(reading: Reading, tracker: Tracker, keys: Sequence[str], size: int) -> Select[Any]:
    """Return how to ask of some rows, whose values come when it runs, which fields their conditions ask for."""
    row = union_all(*(_row(tracker, place) for place in range(size))).subquery(tracker.table_name)
    scope = system_scope(reading)
    tests = [condition(tracker.fields[key].definition.show_if, tracker, row, scope=scope) for key in keys]
    shown: list[Any] = [case((test, 1), else_=0).label(f"n_{number}") for number, test in enumerate(tests)]
    return select(row.c.place, *shown).where(and_(as_system(tracker)))


def _row(tracker: Tracker, place: int) -> Select[Any]:
    columns: list[Any] = [literal_column(str(place), Id).label("place")]
    columns += [
        (bindparam(f"id_{place}", type_=Id) if name == "id" else literal(None, Id)).label(name)
        for name in SYSTEM_COLUMNS
    ]
    for each in tracker.stored:
        for physical in each.columns:
            kind = physical.storage.sql_type
            value = literal(None, kind) if each.sealed else bindparam(f"{physical.name}_{place}", type_=kind)
            columns.append(value.label(physical.name))
    return select(*columns)


def _lists_asked_for(tracker: Tracker, keys: Sequence[str]) -> list[BoundField]:
    """Return the many-valued fields that these fields' conditions name."""
    words = {
        word for key in keys for word in re.findall(r"\w+", tracker.fields[key].definition.show_if.lower())
    }
    return [each for each in tracker.sides if each.key in words]


def _as_side(field: BoundField, items: Iterable[tuple[int | None, Values]]) -> CTE:
    """Return what stands in for the side table of a field, under its name: the elements of these items."""
    names = [
        ("item_id", Id),
        ("position", Id),
        *((each.name, each.storage.sql_type) for each in field.columns),
    ]
    rows = [
        (item_id, position, *field.type.dump(element))
        for item_id, values in items
        for position, element in enumerate(values.get(field.key) or ())
    ]
    made = [
        select(*(literal(value, kind).label(name) for value, (name, kind) in zip(row, names, strict=True)))
        for row in rows
    ]
    none = select(*(literal(None, kind).label(name) for name, kind in names)).where(false())
    return union_all(none, *made).cte(field.definition.column)
