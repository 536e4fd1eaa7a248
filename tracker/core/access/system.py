"""Expressions that run as the system: grants' own conditions, rules, and what a form asks for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, true

from tracker.core.access.rights import rights
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.marks import as_system, marked
from tracker.core.design.store import trackers
from tracker.core.language.expression import compile_expression, expected_condition
from tracker.core.language.scope import Scope, SystemScope, settled
from tracker.core.language.values import Form
from tracker.core.vault.index import blind


class EngineScope(SystemScope):
    """Sees everything, and says so with the engine's mark."""

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return the clause that leaves every item."""
        return as_system(tracker)


class GrantScope(EngineScope):
    """Sees everything in an actor's name: what a grant's condition looks at is part of the right."""

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return the clause that leaves every item."""
        return marked(tracker, true())


def system_scope(reading: Reading, kind: type[EngineScope] = EngineScope) -> EngineScope:
    """Return the scope of the engine itself; `current_user` is the actor of the transaction."""
    return kind(
        trackers(reading),
        reading.today,
        reading.now,
        reading.house.zone,
        reading.actor.user_id,
        lambda field, text: blind(reading, field, text),
        tuple(rights(reading).groups.values()),
    )


def condition(
    text: str, tracker: Tracker, table: FromClause, *, scope: Scope, form: Form = "page"
) -> ColumnElement[bool]:
    """Compile a condition to a clause that can run at once.

    :raises ExpressionError: also when it gives something else.
    """
    typed = expected_condition(compile_expression(text, tracker=tracker, table=table, scope=scope, form=form))
    return settled(typed.sql, scope)
