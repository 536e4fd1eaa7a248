"""Conditions on values that are not in the database yet: which fields a form asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, literal, select

from tracker.core.access.clauses import as_system
from tracker.core.access.system import condition, system_scope
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS, Tracker


def hidden_fields(
    reading: Reading, tracker: Tracker, values: Mapping[str, Any], *, item_id: int | None = None
) -> frozenset[str]:
    """Return the keys of the fields whose `show_if` is false or empty for these values; one query.

    The database judges, so a form and a saved item never differ.
    """
    asked = [each for each in tracker.fields.values() if each.definition.show_if]
    if not asked:
        return frozenset()
    columns: list[Any] = [
        literal(item_id if name == "id" else None, Id).label(name) for name in SYSTEM_COLUMNS
    ]
    for each in tracker.stored:
        stored = (None,) * len(each.columns) if each.sealed else each.dump(values.get(each.key))
        columns += [
            literal(value, physical.storage.sql_type).label(physical.name)
            for physical, value in zip(each.columns, stored, strict=True)
        ]
    row = select(*columns).subquery(tracker.table_name)
    scope = system_scope(reading)
    tests = [condition(each.definition.show_if, tracker, row, scope=scope) for each in asked]
    statement = select(*(case((test, 1), else_=0).label(f"n_{number}") for number, test in enumerate(tests)))
    answer = reading.execute(statement.where(and_(as_system(tracker)))).one()
    return frozenset(each.key for each, shown in zip(asked, answer, strict=True) if not shown)


def holds(reading: Reading, tracker: Tracker, key: str, values: Mapping[str, Any]) -> bool:
    """Say whether one field is asked for, given the values of its item."""
    return key not in hidden_fields(reading, tracker, values)
