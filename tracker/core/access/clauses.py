"""Grants as SQL: the clause that every statement on items starts from."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, false, or_, select, true

from tracker.core.access.rights import Rights, rights
from tracker.core.access.system import GrantScope, condition, system_scope
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.marks import as_system, inserting, marked
from tracker.core.design.store import trackers
from tracker.core.language.values import Form
from tracker.errors import Unknown

__all__ = ["as_system", "inserting", "where"]


def where(
    reading: Reading, action: str, tracker: Tracker, table: FromClause | None = None, *, form: Form = "page"
) -> ColumnElement[bool]:
    """Return the clause that leaves the items on which the actor may do `action`.

    :param table: the tracker's table, or an alias of it.
    :param form: `page` for few rows in order, `set` for counts, exports and bulk statements.
    """
    table = tracker.table if table is None else table
    mine = rights(reading)
    if mine.unbounded:
        return marked(tracker, true())
    clauses = [
        _clause(reading, mine, scope, tracker, table=table, form=form)
        for scope in mine.scopes_for(action, tracker)
    ]
    return marked(tracker, or_(false(), *clauses))


def _clause(
    reading: Reading, mine: Rights, scope: str, tracker: Tracker, *, table: FromClause, form: Form
) -> ColumnElement[bool]:
    """Return the SQL of one scope: all, own, group, linked:FIELD or where:EXPRESSION."""
    kind, _, rest = scope.partition(":")
    if kind == "all":
        return true()
    if kind == "own":
        return table.c.owner_id == mine.user_id
    if kind == "group":
        return _in_groups(table, mine)
    if kind == "linked":
        return _linked(reading, rest, tracker, table=table, form=form)
    if kind == "where":
        return condition(rest, tracker, table, scope=system_scope(reading, GrantScope), form=form)
    raise Unknown("scope", scope, ("all", "own", "group", "linked:", "where:"))


def _in_groups(table: FromClause, mine: Rights) -> ColumnElement[bool]:
    # A parameter each: a list as one parameter is spelled out anew whenever the statement runs.
    groups = [bindparam(None, group, type_=Id, unique=True) for group in sorted(mine.groups.values())]
    return table.c.group_id.in_(groups) if groups else false()


def _linked(
    reading: Reading, key: str, tracker: Tracker, *, table: FromClause, form: Form
) -> ColumnElement[bool]:
    """Items whose link points to an item that the actor may view."""
    field = tracker.fields.get(key)
    if field is None or field.definition.type not in ("link", "links"):
        return false()
    target = trackers(reading).by_key.get(field.type.options.to)
    if target is None or any(
        scope.startswith("linked") for scope in rights(reading).scopes_for("view", target)
    ):
        return false()  # a grant that leans on another of its kind could go in a circle
    other = target.table.alias(f"to_{field.definition.column}")
    seen = and_(where(reading, "view", target, other, form=form), other.c.deleted_cs.is_(None))
    if field.many:
        side = field.side.alias(f"by_{field.definition.column}")
        linked = select(side.c.item_id).join(other, other.c.id == side.c[field.main.name]).where(seen)
        if form == "set":
            return table.c.id.in_(linked)
        return exists(linked.where(side.c.item_id == table.c.id))
    column = table.c[field.main.name]
    if form == "set":
        return column.in_(select(other.c.id).where(seen))
    return exists(select(other.c.id).where(other.c.id == column, seen))
