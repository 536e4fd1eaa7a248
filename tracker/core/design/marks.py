"""Two marks on what touches items, SQL comments with the table's name: who asked for the rows.

`ACCESS` stands in the clauses that access makes for an actor, and only there. `MARK` is the engine's own: for
what it does in its own name, or with rows that access already left. The tests listen to every statement: one on
items, their side tables, revisions or the search index needs a mark, and the engine's own counts only in the
places that `tests/guarding.py` lists with their reasons; so no path can leak what another hides.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Insert, and_, insert, literal_column
from sqlalchemy.sql.elements import False_

from tracker.core.design.bound import Tracker

ACCESS = "access"
MARK = "engine"


def marked(tracker: Tracker, clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """Put access's mark on the clause of an actor's right."""
    if isinstance(clause, False_):
        return literal_column(f"/*{ACCESS}:{tracker.table_name}*/ 1 = 0")
    return and_(literal_column(f"/*{ACCESS}:{tracker.table_name}*/ 1 = 1"), clause)


def own_work(table_name: str = "") -> ColumnElement[bool]:
    """Return the engine's mark alone, for floors below access: its own look at a table by its name."""
    return literal_column(f"/*{MARK}:{table_name}*/ 1 = 1")


def as_system(tracker: Tracker) -> ColumnElement[bool]:
    """Return the clause that leaves every item: for the engine's own work, once rights were asked for."""
    return own_work(tracker.table_name)


def inserting(tracker: Tracker, table: Any) -> Insert:
    """Return an INSERT into the tracker's table or a side table; rights on new items are asked for after it."""
    return insert(table).prefix_with(f"/*{MARK}:{tracker.table_name}*/")
