"""The mark on every clause that comes from access: an SQL comment with the table's name.

The tests listen to every statement and fail on one that touches items, their side tables, revisions or the
search index without a mark, so no path can leak what another hides.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Insert, and_, insert, literal_column, true
from sqlalchemy.sql.elements import False_

from tracker.core.design.bound import Tracker

MARK = "access"


def marked(tracker: Tracker, clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """Put the mark on a clause."""
    if isinstance(clause, False_):
        return literal_column(f"/*{MARK}:{tracker.table_name}*/ 1 = 0")
    return and_(own_work(tracker.table_name), clause)


def own_work(table_name: str = "") -> ColumnElement[bool]:
    """Return the mark alone, for floors below access: the engine's own look at a table by its name."""
    return literal_column(f"/*{MARK}:{table_name}*/ 1 = 1")


def as_system(tracker: Tracker) -> ColumnElement[bool]:
    """Return the clause that leaves every item: for the engine's own work, once rights were asked for."""
    return marked(tracker, true())


def inserting(tracker: Tracker, table: Any) -> Insert:
    """Return an INSERT into the tracker's table or a side table; rights on new items are asked for after it."""
    return insert(table).prefix_with(f"/*{MARK}:{tracker.table_name}*/")
