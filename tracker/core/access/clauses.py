"""Grants as SQL: the clause that every statement on items starts from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, false, or_, select, true

from tracker.core.access.rights import Rights, rights, visible_trackers
from tracker.core.access.system import GrantScope, condition, system_scope
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import as_system, inserting, marked
from tracker.core.design.store import trackers
from tracker.core.language.values import Form
from tracker.errors import Unknown

__all__ = ["as_system", "in_trash", "inserting", "where"]

LOCKED_OUT = ("change", "trash", "delete")  # actions that no one may do to a locked item


def where(
    reading: Reading, action: str, tracker: Tracker, table: FromClause | None = None, *, form: Form = "page"
) -> ColumnElement[bool]:
    """Return the clause that leaves the items on which the actor may do `action`.

    What the tracker is `within` holds for every actor but the engine itself. A locked item is open to none of
    `LOCKED_OUT`, for nobody; rights that lean on it stay.

    :param table: the tracker's table, or an alias of it.
    :param form: `page` for few rows in order, `set` for counts, exports and bulk statements.
    """
    table = tracker.table if table is None else table
    granted = _where(reading, action, tracker, table=table, form=form, behind=())
    return and_(table.c.locked_cs.is_(None), granted) if action in LOCKED_OUT else granted


def in_trash(table: FromClause) -> ColumnElement[bool]:
    """Return the clause that leaves the items in the trash; what was deleted for good is not there any more."""
    return and_(table.c.deleted_cs.is_not(None), table.c.erased_cs.is_(None))


Behind = tuple[
    tuple[str, str, str], ...
]  # (tracker, field, action) of the links that a right leans on already
MOST_LINKS = 3  # one behind the other


def _where(
    reading: Reading, action: str, tracker: Tracker, *, table: FromClause, form: Form, behind: Behind
) -> ColumnElement[bool]:
    mine = rights(reading)
    if mine.unbounded:
        granted: ColumnElement[bool] = true()
    else:
        clauses = [
            _clause(reading, mine, scope, tracker, table=table, form=form, behind=behind)
            for scope in mine.scopes_for(action, tracker)
        ]
        granted = or_(false(), *clauses)
    within = tracker.definition.within
    if within and not mine.system:
        # As values: what it says of a linked item is looked up for each item, never gathered for all beforehand.
        scope = system_scope(reading, GrantScope)
        granted = and_(condition(within, tracker, table, scope=scope, form="value"), granted)
    return marked(tracker, granted)


def _clause(
    reading: Reading,
    mine: Rights,
    scope: str,
    tracker: Tracker,
    *,
    table: FromClause,
    form: Form,
    behind: Behind,
) -> ColumnElement[bool]:
    """Return the SQL of one scope: all, own, group, linked:FIELD, linked:FIELD:ACTION or where:EXPRESSION."""
    kind, _, rest = scope.partition(":")
    if kind == "all":
        return true()
    if kind == "own":
        return table.c.owner_id == mine.user_id
    if kind == "group":
        return _in_groups(table, mine)
    if kind == "linked":
        key, _, action = rest.partition(":")
        step = (tracker.key, key, action or "view")
        field = tracker.fields.get(key)
        if field is None or step in behind or len(behind) == MOST_LINKS:
            return false()  # rights that lean on each other could go in a circle
        behind = (*behind, step)
        if field.type.to_any:
            return _linked_to_any(reading, field, table=table, behind=behind)
        return _linked(reading, field, table=table, form=form, behind=behind)
    if kind == "where":
        return condition(rest, tracker, table, scope=system_scope(reading, GrantScope), form=form)
    raise Unknown("scope", scope, ("all", "own", "group", "linked:", "where:"))


def _in_groups(table: FromClause, mine: Rights) -> ColumnElement[bool]:
    # A parameter each: a list as one parameter is spelled out anew whenever the statement runs.
    groups = [bindparam(None, group, type_=Id, unique=True) for group in sorted(mine.groups.values())]
    return table.c.group_id.in_(groups) if groups else false()


def _linked(
    reading: Reading, field: BoundField, *, table: FromClause, form: Form, behind: Behind
) -> ColumnElement[bool]:
    """Items whose link points to an item on which the actor may do the last action of `behind`."""
    if field.definition.type not in ("link", "links"):
        return false()
    target = trackers(reading).by_key.get(field.type.options.to)
    if target is None:
        return false()
    column = field.definition.column
    other = target.table.alias(f"to_{len(behind)}_{column}")
    open_ = and_(_open(reading, target, other, form=form, behind=behind), other.c.deleted_cs.is_(None))
    if field.many:
        side = field.side.alias(f"by_{len(behind)}_{column}")
        linked = select(side.c.item_id).join(other, other.c.id == side.c[field.main.name]).where(open_)
        if form == "set":
            return table.c.id.in_(linked)
        return exists(linked.where(side.c.item_id == table.c.id))
    return _among(table.c[field.main.name], other, open_, form=form)


def _linked_to_any(
    reading: Reading, field: BoundField, *, table: FromClause, behind: Behind
) -> ColumnElement[bool]:
    """Items that point to an item of any tracker, in the trash too for those who may view it there.

    Always of the form `page`: one of several sets, each too large to be kept, would be walked for each item.
    """
    form: Form = "page"
    parts = {each.part.name: table.c[each.name] for each in field.columns}
    which, item = (parts[name] for name in field.type.to_any or ())
    behavior = field.type.to_behavior
    clauses = []
    for target in visible_trackers(reading):
        if behavior and behavior not in target.definition.behaviors:
            continue
        other = target.table.alias(f"to_{len(behind)}_{field.definition.column}_{target.id}")
        open_ = _open(reading, target, other, form=form, behind=behind)
        here = and_(open_, other.c.deleted_cs.is_(None))
        if behind[-1][2] == "view" and rights(reading).may("restore", target):
            restore = _where(reading, "restore", target, table=other, form=form, behind=behind)
            here = and_(open_, or_(other.c.deleted_cs.is_(None), restore))
        clauses.append(and_(which == target.id, _among(item, other, here, form=form)))
    return or_(false(), *clauses)


def _open(
    reading: Reading, target: Tracker, other: FromClause, *, form: Form, behind: Behind
) -> ColumnElement[bool]:
    """Return the clause for linked items that the actor may view, and on which they may do what the right asks."""
    actions = dict.fromkeys(("view", behind[-1][2]))
    return and_(*(_where(reading, each, target, table=other, form=form, behind=behind) for each in actions))


def _among(
    column: ColumnElement[Any], other: FromClause, open_: ColumnElement[bool], *, form: Form
) -> ColumnElement[bool]:
    if form == "set":
        return column.in_(select(other.c.id).where(open_))
    return exists(select(other.c.id).where(other.c.id == column, open_))
