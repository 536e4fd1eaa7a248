"""In which columns a field is sorted, and how empties are spelled: for ORDER BY, index and keyset alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, asc, desc

from tracker.core.design.bound import BoundField


def sort_columns(field: BoundField) -> tuple[str, ...]:
    """Return the physical columns that decide the order of a field: folded text, then the text itself."""
    if field.type.sorted_by:
        return (f"{field.main.name}_{field.type.sorted_by}",)
    if field.compared is field.main:
        return (field.main.name,)
    return (field.compared.name, field.main.name)


def ordered(table: FromClause, name: str, *, descending: bool) -> ColumnElement[Any]:
    """Return one term of an ORDER BY; empty is the smallest value on both databases."""
    column = table.c[name]
    if name == "id":
        return desc(column) if descending else asc(column)
    return desc(column).nulls_last() if descending else asc(column).nulls_first()


def index_terms(field: BoundField, dialect: str) -> str:
    """Return the terms of the index that serves this order, in both directions."""
    ending = " NULLS FIRST" if dialect == "postgresql" else ""
    return ", ".join([f"{name}{ending}" for name in sort_columns(field)] + ["id"])
