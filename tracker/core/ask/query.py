"""A query is plain data: a URL, a saved view, a REST call and an export all make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_

from tracker.core.access import clauses
from tracker.core.access.rights import readable_field, require, shown
from tracker.core.access.scope import scope_of
from tracker.core.access.system import condition as compiled
from tracker.core.ask.search import matching
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import ViewDef
from tracker.core.design.order import sort_columns
from tracker.core.design.store import tracker as tracker_of
from tracker.core.language.operators import operator_for
from tracker.core.language.values import Form
from tracker.errors import Invalid
from tracker.i18n import _

SYSTEM_KEYS = ("id", "owner", "group", "created_at", "updated_at")  # columns that every item has
SYSTEM_SORTS = {"id": "id", "updated_at": "changed_cs", "created_at": "created_cs"}


class Condition(NamedTuple):
    """One comparison of a field: its key, an operator's name, and what to compare with."""

    field: str
    operator: str
    operand: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """Which items of a tracker, in which order, with which columns.

    :param where: an expression; empty means all.
    :param sort: keys, `-` in front for descending; ties always go by id.
    :param columns: field keys, or `id owner group created_at updated_at`; None means all that the actor may see.
    :param trash: items in the trash instead of those outside; asks for the right to restore.
    """

    tracker: str
    where: str = ""
    conditions: tuple[Condition, ...] = ()
    text: str = ""
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    trash: bool = False

    @classmethod
    def of_view(cls, tracker: str, view: ViewDef) -> Query:
        """Return the query of a saved view."""
        return cls(
            tracker,
            where=view.filter,
            conditions=tuple(
                Condition(field, name, tuple(operand)) for field, name, operand in view.conditions
            ),
            text=view.text,
            sort=view.sort,
            columns=view.columns or None,
        )


@dataclass(frozen=True)
class SortTerm:
    """One physical column of the order."""

    column: str
    descending: bool
    nullable: bool


@dataclass(frozen=True)
class Asked:
    """A query checked against the actor's rights: what it may select, and the clause it starts from."""

    query: Query
    tracker: Tracker
    table: FromClause
    fields: tuple[BoundField, ...]
    clause: ColumnElement[bool]
    order: tuple[SortTerm, ...]


def ask(reading: Reading, query: Query, *, form: Form = "page", action: str = "view") -> Asked:
    """Check a query and compile its clause.

    :param action: the items must be open to it; `export` for exports, `change` for bulk changes.
        In the trash only `delete` counts, beside the right to restore.
    :raises Unknown: the tracker or a field is not there, or hidden from the actor.
    :raises Invalid: an expression, an operator or an operand is refused.
    """
    tracker = tracker_of(reading, query.tracker)
    for each in needed(action, trash=query.trash):
        require(reading, each, tracker)
    table = tracker.table
    return Asked(
        query,
        tracker,
        table,
        _fields(reading, tracker, query),
        _clause(reading, query, tracker, table, form=form, action=action),
        _order(reading, tracker, query),
    )


def needed(action: str, *, trash: bool) -> tuple[str, ...]:
    """Return what items must be open to for an action: of those in the trash, who may restore them sees them."""
    if not trash:
        return (action,)
    return ("restore", "delete") if action == "delete" else ("restore",)


def open_to(
    reading: Reading, action: str, tracker: Tracker, table: FromClause | None = None, *, form: Form = "page"
) -> ColumnElement[bool]:
    """Return the clause for the items that the actor may view, and on which they may do `action`.

    A wider grant of another action shows nothing of items that `view` leaves out.
    """
    seen = clauses.where(reading, "view", tracker, table, form=form)
    if action == "view":
        return seen
    return and_(seen, clauses.where(reading, action, tracker, table, form=form))


def _fields(reading: Reading, tracker: Tracker, query: Query) -> tuple[BoundField, ...]:
    seen = shown(reading, tracker)
    if query.columns is None:
        return tuple(seen)
    by_key = {each.key: each for each in seen}
    return tuple(
        by_key[key] if key in by_key else readable_field(reading, tracker, key)
        for key in query.columns
        if key not in SYSTEM_KEYS
    )


def _clause(
    reading: Reading, query: Query, tracker: Tracker, table: FromClause, *, form: Form, action: str
) -> ColumnElement[bool]:
    clauses_ = [
        open_to(reading, each, tracker, table, form=form) for each in needed(action, trash=query.trash)
    ]
    clauses_.append(clauses.in_trash(table) if query.trash else table.c.deleted_cs.is_(None))
    scope = scope_of(reading)
    if query.where.strip():
        clauses_.append(compiled(query.where, tracker, table, scope=scope, form=form))
    for condition in query.conditions:
        field = readable_field(reading, tracker, condition.field)
        operator = operator_for(field, condition.operator)
        clauses_.append(
            operator.condition(field, condition.operand, tracker=tracker, table=table, scope=scope, form=form)
        )
    if query.text.strip():
        clauses_.append(matching(reading, tracker, query.text, table))
    return and_(*clauses_)


def _order(reading: Reading, tracker: Tracker, query: Query) -> tuple[SortTerm, ...]:
    terms: list[SortTerm] = []
    descending = False
    for asked in query.sort or default_sort(reading, tracker):
        descending, key = asked.startswith("-"), asked.lstrip("-")
        if key in SYSTEM_SORTS:
            terms.append(SortTerm(SYSTEM_SORTS[key], descending, nullable=False))
            continue
        field = readable_field(reading, tracker, key)
        if not field.sortable or field.computed:
            raise Invalid("sort", _("Lists cannot be sorted by %(label)s.", label=field.label))
        terms += [SortTerm(name, descending, nullable=True) for name in sort_columns(field)]
    if not any(term.column == "id" for term in terms):
        terms.append(SortTerm("id", descending, nullable=False))
    return tuple(terms)


def default_sort(reading: Reading, tracker: Tracker) -> tuple[str, ...]:
    """Return the order of a list that names none: by the shown name, else newest first."""
    named = [each for each in tracker.name_fields[:1] if each in shown(reading, tracker) and each.sortable]
    return (named[0].key,) if named else ("-id",)
