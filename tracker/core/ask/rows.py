"""From rows to items: which columns are selected, and how values are read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, FromClause, Select, and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from tracker.core.access.clauses import as_system
from tracker.core.access.rights import READ, rights
from tracker.core.access.scope import scope_of
from tracker.core.ask.among import among, given
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Masked, Tracker
from tracker.core.design.own import OwnField
from tracker.core.language.computed import compute
from tracker.fields.base import FieldType
from tracker.fields.storage import Storage
from tracker.fields.text import Line


class Held(NamedTuple):
    """A field that one item has, with its value."""

    field: OwnField
    value: Any


@dataclass(slots=True)
class Item:
    """One item as the actor sees it: system columns, and the values of the fields that were asked for."""

    id: int
    uid: str
    version: int
    created_cs: int
    changed_cs: int
    deleted_cs: int | None
    locked_cs: int | None  # the change set that locked it
    erased_cs: int | None  # the change set that deleted it for good
    owner_id: int | None
    group_id: int | None
    values: dict[str, Any]
    own: tuple[Held, ...] = ()  # fields that it alone has, where they were asked for

    @property
    def all_values(self) -> dict[str, Any]:
        """The values by key, those of its own fields too."""
        return {**self.values, **{each.field.key: each.value for each in self.own}}


Load = Callable[[Sequence[Any]], Any]


class _Read(NamedTuple):
    """Where a row holds a field, and how its value is read from there; None: as it stands."""

    key: str
    start: int
    stop: int
    load: Load | None


class RowReader:
    """Selects and reads some fields of a tracker's items."""

    def __init__(
        self,
        reading: Reading,
        tracker: Tracker,
        fields: Sequence[BoundField],
        table: FromClause,
        *,
        masking: bool = True,
    ) -> None:
        """Prepare to read `fields`; the engine's own work passes `masking=False`, once rights were asked for."""
        self.tracker = tracker
        mine = rights(reading)
        self._masked = [each for each in fields if masking and mine.level(each) < READ]
        fields = [each for each in fields if each not in self._masked]
        self.columns: list[ColumnElement[Any]] = [table.c[name] for name in SYSTEM_COLUMNS]
        self._reads: list[_Read] = []
        self._sides = [each for each in fields if each.many and not each.computed and not _is_text(each)]
        for each in fields:
            if each.computed:
                if (typed := compute(each, tracker, table, scope_of(reading))) is not None:
                    self._read(each, [typed.sql.label(f"c_{each.id}")], _first(typed.value))
            elif each.many and _is_text(each):
                texts = _texts(tracker, each, table, reading.dialect).label(f"l_{each.id}")
                self._read(each, [texts], _first(_text_list))
            elif not each.many and _is_as_stored(each):
                self._read(each, [table.c[each.main.name]], None)
            elif not each.many:
                self._read(each, [table.c[physical.name] for physical in each.columns], each.load)

    def _read(self, field: BoundField, columns: list[ColumnElement[Any]], load: Load | None) -> None:
        start = len(self.columns)
        self.columns += columns
        self._reads.append(_Read(field.key, start, start + len(columns), load))

    def items(self, reading: Reading, rows: Sequence[Any]) -> list[Item]:
        """Return the items of the rows; lists of anything but texts are fetched with one query each."""
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        values: list[dict[str, Any]] = [{} for _ in rows]
        items = list(map(Item, *columns[: len(SYSTEM_COLUMNS)], values))
        for key, start, stop, load in self._reads:
            column: Iterable[Any] = columns[start]
            if load is not None:
                column = map(load, zip(*columns[start:stop], strict=True))
            for held, value in zip(values, column, strict=True):
                held[key] = value
        for each in self._sides:
            found = elements(reading, self.tracker, each, [item.id for item in items])
            for item in items:
                item.values[each.key] = found.get(item.id)
        for each in self._masked:
            for item in items:
                item.values[each.key] = Masked()
        return items


def _first(load: Callable[[Any], Any]) -> Load:
    """Return how a value is read that stands in one column."""
    return lambda stored: load(stored[0])


def _is_as_stored(field: BoundField) -> bool:
    """Say whether a value is what its main column holds: nothing is to be loaded."""
    return type(field.type).load in (FieldType.load, Line.load) and not field.sealed


def elements(
    reading: Reading, tracker: Tracker, field: BoundField, ids: Iterable[int]
) -> dict[int, tuple[Any, ...]]:
    """Return the elements of a many-valued field for items that were already selected by right."""
    rows = list(reading.execute(_elements_of(tracker, field, reading.dialect), given(reading, ids)).all())
    rows.sort(key=itemgetter(1))  # costs less here than in the database: most lists are short
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(field.type.load(row[2:]))
    return {item_id: tuple(held) for item_id, held in found.items()}


def _elements_of(tracker: Tracker, field: BoundField, dialect: str) -> Select[Any]:
    """Return the statement for the elements of a field; made once."""
    kept: dict[Any, Select[Any]] = vars(tracker).setdefault("_elements_of", {})
    found = kept.get((field, dialect))
    if found is None:
        side = field.side
        values = [side.c[each.name] for each in field.columns]
        found = kept[field, dialect] = select(side.c.item_id, side.c.position, *values).where(
            among(side.c.item_id, dialect), as_system(tracker)
        )
    return found


def _is_text(field: BoundField) -> bool:
    return _is_as_stored(field) and field.main.storage is Storage.TEXT


def _texts(tracker: Tracker, field: BoundField, table: FromClause, dialect: str) -> ColumnElement[Any]:
    """Return a list of texts as one column of its item: a statement less, and a row an item."""
    side = field.side
    here = and_(side.c.item_id == table.c.id, as_system(tracker))
    value = side.c[field.main.name]
    if dialect == "postgresql":
        ordered = func.array_agg(aggregate_order_by(value, side.c.position))
        return select(ordered).where(here).correlate(table).scalar_subquery()
    inner = select(value.label("value")).where(here).order_by(side.c.position).correlate(table).subquery()
    return select(func.json_group_array(inner.c.value)).scalar_subquery()


def _text_list(stored: Any) -> tuple[str, ...] | None:
    """Return the list of such a column: an array from PostgreSQL, JSON from SQLite; None when empty."""
    if stored is None or stored == "[]":
        return None
    return tuple(orjson.loads(stored) if isinstance(stored, str) else stored)
