"""Many ids as one parameter: the statement is the same for every page, so it stays prepared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.fields.storage import PlainText


def among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Return the clause for rows whose column is one of the ids that the statement is given when it runs."""
    if dialect == "postgresql":
        return column == any_(bindparam("ids", type_=ARRAY(Id)))
    return column.in_(select(func.json_each(bindparam("ids", type_=PlainText)).table_valued("value").c.value))


def given(reading: Reading, ids: Iterable[int]) -> dict[str, Any]:
    """Return the parameter for such a statement."""
    held = list(ids)
    return {"ids": held if reading.dialect == "postgresql" else str(held)}
