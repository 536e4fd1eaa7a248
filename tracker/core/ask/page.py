"""Pages of a query by keyset, counts that are capped, and streams for exports."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from tracker.core.access.clauses import LOCKED_OUT
from tracker.core.access.rights import require, rights, shown
from tracker.core.ask.among import among, given
from tracker.core.ask.kept import kept
from tracker.core.ask.locks import locked
from tracker.core.ask.own import add_own
from tracker.core.ask.query import Asked, Query, SortTerm, ask, open_to
from tracker.core.ask.rows import Item, RowReader
from tracker.core.ask.search import words_of, words_parameter
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.order import ordered
from tracker.core.design.store import tracker as tracker_of
from tracker.errors import Invalid, NotFound
from tracker.fields.storage import Storage
from tracker.i18n import _

CAP = 10_000
BATCH = 2000


@dataclass(frozen=True)
class Page:
    """Some items in order; `next` and `previous` are cursors, None where there is nothing more."""

    fields: tuple[BoundField, ...]
    items: list[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True)
class Count:
    """How many items; `more` when counting ended at the cap."""

    n: int
    more: bool = False


def page(reading: Reading, query: Query, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return one page of a query, after or before a cursor that an earlier page gave.

    :param limit: 1 to 2,000 items.
    """
    prepared = _prepare(reading, query)
    asked, rows = prepared.asked, prepared.rows
    place = _Place.read(cursor, asked)
    found = prepared.fetch(reading, query, place, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    if place.backwards:
        found.reverse()
    items = rows.items(reading, found)
    before = more if place.backwards else place.values is not None
    after = True if place.backwards else more
    return Page(
        asked.fields,
        items,
        _cursor(asked, found[-1], backwards=False) if found and after else None,
        _cursor(asked, found[0], backwards=True) if found and before else None,
    )


def count(reading: Reading, query: Query, *, cap: int | None = CAP) -> Count:
    """Return how many items a query has, counting no further than `cap`; None counts all."""
    statement = kept(
        reading,
        ("count", _shape(query), cap),
        lambda: _counting(reading, query, cap),
        statement=lambda made: made,
    )
    words = words_parameter(reading, tracker_of(reading, query.tracker), query.text)
    n = int(reading.execute(statement, words).scalar_one())
    return Count(n) if cap is None or n <= cap else Count(cap, more=True)


def _counting(reading: Reading, query: Query, cap: int | None) -> Select[Any]:
    asked = ask(reading, query, form="set")
    one: Select[Any] = select(literal_column("1")).select_from(asked.table).where(asked.clause)
    if cap is not None:
        one = one.limit(literal_column(str(cap + 1)))
    return select(func.count()).select_from(one.subquery())


def stream(
    reading: Reading, query: Query, *, action: str = "export", batch: int = BATCH
) -> Iterator[list[Item]]:
    """Yield all items of a query in order, in batches, without holding more than one batch."""
    prepared = _prepare(reading, query, action=action)
    place = _Place(None, backwards=False)
    while True:
        found = prepared.fetch(reading, query, place, limit=batch)
        if found:
            yield prepared.rows.items(reading, found)
            place = _Place(_values(prepared.asked, found[-1]), backwards=False)
        if len(found) < batch:
            return


def get_item(
    reading: Reading,
    tracker: Tracker,
    item_id: int,
    *,
    fields: Sequence[BoundField] | None = None,
    action: str = "view",
    trash: bool = False,
    masking: bool = True,
) -> Item:
    """Return one item with the fields that the actor may see, and those that it alone has.

    :param fields: only these; what it alone has is left out then.
    :param trash: look among the trashed ones too, if the actor may restore.
    :param masking: False reads masked fields too, for the engine's own work.
    :raises Locked: the actor may view it, and nobody may do this to it now.
    :raises NotFound: it is not there, or not open to the actor: one answer for both.
    """
    require(reading, action, tracker)
    chosen = shown(reading, tracker) if fields is None else fields
    rows, statement = kept(
        reading,
        ("item", tracker, tuple(chosen), action, trash, masking),
        lambda: _item_statement(reading, tracker, chosen, action=action, trash=trash, masking=masking),
        statement=lambda made: made[1],
    )
    found = reading.fetch(statement, {"item_id": item_id})
    if not found:
        if action in LOCKED_OUT and (lock := locked(reading, get_item(reading, tracker, item_id, fields=()))):
            raise lock
        raise NotFound(tracker.title_one, item_id)
    items = rows.items(reading, found)
    if fields is None:
        add_own(reading, tracker, items)
    return items[0]


def open_ids(reading: Reading, tracker: Tracker, ids: Sequence[int]) -> set[int]:
    """Return those of `ids` that the actor may view, or restore from the trash."""
    table = tracker.table
    if rights(reading).unbounded and not tracker.definition.within:
        return set(ids)
    live = and_(table.c.deleted_cs.is_(None), open_to(reading, "view", tracker))
    gone = and_(table.c.deleted_cs.is_not(None), open_to(reading, "restore", tracker))
    statement = select(table.c.id).where(among(table.c.id, reading.dialect), or_(live, gone))
    return set(reading.execute(statement, given(reading, ids)).scalars())


def _item_statement(
    reading: Reading,
    tracker: Tracker,
    fields: Sequence[BoundField],
    *,
    action: str,
    trash: bool,
    masking: bool,
) -> tuple[RowReader, Select[Any]]:
    table = tracker.table
    rows = RowReader(reading, tracker, fields, table, masking=masking)
    here = and_(open_to(reading, action, tracker), table.c.deleted_cs.is_(None))
    if trash:
        here = or_(here, and_(open_to(reading, "restore", tracker), table.c.deleted_cs.is_not(None)))
    return rows, select(*rows.columns).where(table.c.id == bindparam("item_id", type_=Id), here)


# -- what is kept of a query ------------------------------------------------------------------


@dataclass(frozen=True)
class _Prepared:
    """A query that was checked for an actor, with its statement up to the place where a page begins."""

    asked: Asked
    rows: RowReader
    forwards: Select[Any]
    backwards: Select[Any]

    def fetch(self, reading: Reading, query: Query, place: _Place, *, limit: int) -> list[Any]:
        """Fetch rows after a place, as one query for each side of the border between empties and values."""
        statement = self.backwards if place.backwards else self.forwards
        parameters = {"most": limit, **words_parameter(reading, self.asked.tracker, query.text)}
        if place.values is None:
            return reading.fetch(statement, parameters)
        order = _reversed(self.asked.order) if place.backwards else self.asked.order
        found: list[Any] = []
        for part in _after(self.asked, order, place.values):
            parameters["most"] = limit - len(found)
            found += reading.execute(statement.where(part), parameters).all()
            if len(found) >= limit:
                break
        return found


def _prepare(reading: Reading, query: Query, *, action: str = "view") -> _Prepared:
    return kept(
        reading,
        ("page", _shape(query), action),
        lambda: _prepared(reading, query, action),
        statement=lambda made: made.forwards,
    )


def _prepared(reading: Reading, query: Query, action: str) -> _Prepared:
    asked = ask(reading, query, action=action)
    rows = RowReader(reading, asked.tracker, asked.fields, asked.table)
    return _Prepared(
        asked, rows, _ordered(asked, rows, asked.order), _ordered(asked, rows, _reversed(asked.order))
    )


def _ordered(asked: Asked, rows: RowReader, order: Sequence[SortTerm]) -> Select[Any]:
    keys = [asked.table.c[term.column].label(f"k_{number}") for number, term in enumerate(order)]
    return (
        select(*rows.columns, *keys)
        .where(asked.clause)
        .order_by(*(ordered(asked.table, term.column, descending=term.descending) for term in order))
        .limit(bindparam("most", type_=Id))
    )


def _shape(query: Query) -> Query:
    """Return the query under whose name its statement is kept: the words of a search come when it runs."""
    return replace(query, text="words") if words_of(query.text) else query


# -- keyset -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    values: tuple[Any, ...] | None
    backwards: bool

    @classmethod
    def read(cls, cursor: str | None, asked: Asked) -> _Place:
        """Read a cursor; anything but one of ours, for a list in this order, is refused."""
        if not cursor:
            return cls(None, backwards=False)
        try:
            backwards, held = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
            values = tuple(
                _held(asked, term, kind, value) for term, (kind, value) in zip(asked.order, held, strict=True)
            )
        except (ValueError, TypeError, KeyError, OverflowError, binascii.Error) as error:
            raise _bad_cursor() from error
        return cls(values, backwards=bool(backwards))


_KINDS = {Storage.INTEGER: int, Storage.BOOLEAN: bool}  # all others travel as text
_WHOLE = range(-(2**63), 2**63)


def _held(asked: Asked, term: SortTerm, kind: str, value: Any) -> Any:
    """Return the stored value that a cursor holds for one term of the order.

    :raises ValueError: no page could have given it.
    """
    storage = _storage(asked.tracker, term.column)
    if kind != storage.value:
        raise ValueError(kind)
    if value is None:
        if not term.nullable:
            raise ValueError(value)
        return None
    if type(value) is not _KINDS.get(storage, str) or (type(value) is int and value not in _WHOLE):
        raise ValueError(value)
    if isinstance(value, str) and "\0" in value:
        raise ValueError(value)
    stored = storage.from_json(value)
    if storage.to_json(stored) != value:  # a moment without a zone, say
        raise ValueError(value)
    return stored


def _bad_cursor() -> Invalid:
    return Invalid(
        "cursor", _("This page mark does not belong to this list; start again from its first page.")
    )


def _cursor(asked: Asked, row: Any, *, backwards: bool) -> str:
    values = []
    for term, value in zip(asked.order, _values(asked, row), strict=True):
        storage = _storage(asked.tracker, term.column)
        values.append((storage.value, storage.to_json(value)))
    return base64.urlsafe_b64encode(orjson.dumps([backwards, values])).decode().rstrip("=")


def _storage(tracker: Tracker, column: str) -> Storage:
    field = tracker.by_column.get(column)
    if field is None:
        return Storage.INTEGER
    return next(each.storage for each in field.columns if each.name == column)


def _values(asked: Asked, row: Any) -> tuple[Any, ...]:
    return tuple(row[-len(asked.order) :])


def _reversed(order: Sequence[SortTerm]) -> tuple[SortTerm, ...]:
    return tuple(replace(term, descending=not term.descending) for term in order)


def _after(asked: Asked, order: Sequence[SortTerm], values: tuple[Any, ...]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions, in order, that together leave the rows after `values`."""
    columns = [asked.table.c[term.column] for term in order]
    if len({term.descending for term in order}) == 1 and _one_border(order):
        yield from _after_in_one_direction(columns, order, values)
    else:
        yield _after_by_terms(columns, order, values)


def _one_border(order: Sequence[SortTerm]) -> bool:
    """Say whether all nullable terms belong to one field: empty together, or not at all."""
    stems = {term.column.partition("_s")[0] for term in order if term.nullable}
    return len(stems) <= 1


def _after_in_one_direction(
    columns: list[Any], order: Sequence[SortTerm], values: tuple[Any, ...]
) -> Iterator[ColumnElement[bool]]:
    descending, first = order[0].descending, columns[0]
    filled = [(column, value) for column, value in zip(columns, values, strict=True) if value is not None]
    here = tuple_(*(column for column, _ in filled))
    there = tuple_(*(literal for literal in (_bound(column, value) for column, value in filled)))
    beyond = here < there if descending else here > there
    if len(filled) == len(columns):
        yield beyond
        if order[0].nullable and descending:
            yield first.is_(None)
    else:
        yield and_(first.is_(None), beyond)
        if not descending:
            yield first.is_not(None)


def _after_by_terms(
    columns: list[Any], order: Sequence[SortTerm], values: tuple[Any, ...]
) -> ColumnElement[bool]:
    """The general form: equal up to one term, and beyond in it."""
    ways: list[ColumnElement[bool]] = []
    for number, (column, term, value) in enumerate(zip(columns, order, values, strict=True)):
        equal = [
            each.is_(None) if held is None else each == held
            for each, held in zip(columns[:number], values[:number], strict=True)
        ]
        if value is None:
            beyond = false() if term.descending else column.is_not(None)
        elif term.descending:
            beyond = or_(column < value, column.is_(None)) if term.nullable else column < value
        else:
            beyond = column > value
        ways.append(and_(*equal, beyond))
    return or_(*ways)


def _bound(column: Any, value: Any) -> ColumnElement[Any]:
    return literal(value, column.type)
