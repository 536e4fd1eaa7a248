"""Expressions that run as the system: grants' own conditions, rules, and what a form asks for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause

from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.language.expression import compile_expression, expected_condition
from tracker.core.language.scope import Scope, SystemScope, settled
from tracker.core.language.values import Form
from tracker.core.vault.index import blind


class EngineScope(SystemScope):
    """Sees everything, and says so with the mark."""

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return the clause that leaves every item."""
        return as_system(tracker)


def system_scope(reading: Reading) -> EngineScope:
    """Return the scope of the engine itself; `current_user` is the actor of the transaction."""
    return EngineScope(
        trackers(reading),
        reading.today,
        reading.now,
        reading.house.zone,
        reading.actor.user_id,
        lambda field, text: blind(reading, field, text),
    )


def condition(
    text: str, tracker: Tracker, table: FromClause, *, scope: Scope, form: Form = "page"
) -> ColumnElement[bool]:
    """Compile a condition to a clause that can run at once.

    :raises ExpressionError: also when it gives something else.
    """
    typed = expected_condition(compile_expression(text, tracker=tracker, table=table, scope=scope, form=form))
    return settled(typed.sql, scope)
