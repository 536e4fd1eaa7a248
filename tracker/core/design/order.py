"""In which columns a field is sorted, and how empties are spelled: for ORDER BY, index and keyset alike."""

from __future__ import annotations

from typing import Any, cast

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
    column: ColumnElement[Any] = table.c[name]
    term: Any = desc(column) if descending else asc(column)
    if name != "id":
        term = term.nulls_last() if descending else term.nulls_first()
    return cast("ColumnElement[Any]", term)


def index_terms(field: BoundField, dialect: str) -> str:
    """Return the terms of the index that serves this order, in both directions."""
    ending = " NULLS FIRST" if dialect == "postgresql" else ""
    return ", ".join([f"{name}{ending}" for name in sort_columns(field)] + ["id"])
