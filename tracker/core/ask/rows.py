"""From rows to items: which columns are selected, and how values are read from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Executable, FromClause, Select, literal_column, select, union_all

from tracker.core.access.clauses import as_system
from tracker.core.access.rights import READ, rights
from tracker.core.access.scope import scope_of
from tracker.core.ask.among import among, given
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Masked, Tracker
from tracker.core.language.computed import Typed, compute
from tracker.fields.base import FieldType
from tracker.fields.storage import Storage
from tracker.fields.text import Line


@dataclass(slots=True)
class Item:
    """One item as the actor sees it: system columns, and the values of the fields that were asked for."""

    id: int
    uid: str
    version: int
    created_cs: int
    changed_cs: int
    deleted_cs: int | None
    owner_id: int | None
    group_id: int | None
    values: dict[str, Any]


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
        self._stored: list[tuple[BoundField, int, int]] = []
        self._computed: list[tuple[BoundField, int, Typed]] = []
        self._sides = [each for each in fields if each.many and not each.computed]
        for each in fields:
            start = len(self.columns)
            if each.computed:
                if (typed := compute(each, tracker, table, scope_of(reading))) is not None:
                    self.columns.append(typed.sql.label(f"c_{each.id}"))
                    self._computed.append((each, start, typed))
            elif not each.many:
                needed = each.columns[:1] if _is_as_stored(each) else each.columns
                self.columns += [table.c[physical.name] for physical in needed]
                self._stored.append((each, start, len(self.columns)))

    def items(self, reading: Reading, rows: Sequence[Any]) -> list[Item]:
        """Return the items of the rows; many-valued fields are fetched with one query each."""
        items = [Item(*(*row[:8], {})) for row in rows]
        values = [item.values for item in items]
        columns = list(zip(*rows, strict=True))
        for each, start, stop in self._stored if rows else ():
            key, column = each.key, columns[start]
            if not _is_as_stored(each):
                load = each.load
                column = tuple(load(stored) for stored in zip(*columns[start:stop], strict=True))
            for held, value in zip(values, column, strict=True):
                held[key] = value
        for each, place, typed in self._computed:
            for item, row in zip(items, rows, strict=True):
                item.values[each.key] = typed.value(row[place])
        self._add_sides(reading, items)
        for each in self._masked:
            for item in items:
                item.values[each.key] = Masked()
        return items

    def _add_sides(self, reading: Reading, items: Sequence[Item]) -> None:
        if not items or not self._sides:
            return
        held = lists(reading, self.tracker, self._sides, [item.id for item in items])
        for each, found in zip(self._sides, held, strict=True):
            key = each.key
            for item in items:
                item.values[key] = found.get(item.id)


def _is_as_stored(field: BoundField) -> bool:
    """Say whether a value is what its main column holds: nothing is to be loaded."""
    return type(field.type).load in (FieldType.load, Line.load) and not field.sealed


def elements(
    reading: Reading, tracker: Tracker, field: BoundField, ids: Iterable[int]
) -> dict[int, tuple[Any, ...]]:
    """Return the elements of a many-valued field for items that were already selected by right."""
    return lists(reading, tracker, [field], ids)[0]


def lists(
    reading: Reading, tracker: Tracker, fields: Sequence[BoundField], ids: Iterable[int]
) -> list[dict[int, tuple[Any, ...]]]:
    """Return the elements of several many-valued fields, by item; texts of all fields come in one query."""
    wanted = given(reading, ids)
    found: dict[BoundField, dict[int, list[Any]]] = {each: {} for each in fields}
    texts = [each for each in fields if _is_text(each)]
    if texts:
        statement = _lists_of(tracker, tuple(texts), reading.dialect)
        found_texts: list[Any] = sorted(reading.execute(statement, wanted), key=_POSITION)
        for place, item_id, _position, value in found_texts:
            found[texts[place]].setdefault(item_id, []).append(value)
    for each in fields:
        if not _is_text(each):
            held, load = found[each], each.type.load
            statement = _lists_of(tracker, (each,), reading.dialect)
            found_rows: list[Any] = sorted(reading.execute(statement, wanted), key=_POSITION)
            for row in found_rows:
                held.setdefault(row[1], []).append(load(row[3:]))
    return [{item_id: tuple(values) for item_id, values in found[each].items()} for each in fields]


_POSITION = itemgetter(2)  # sorting here costs less than in the database: nearly all lists have one element


def _is_text(field: BoundField) -> bool:
    return _is_as_stored(field) and field.main.storage is Storage.TEXT


def _lists_of(tracker: Tracker, fields: tuple[BoundField, ...], dialect: str) -> Executable:
    """Return the statement for the elements of some fields; made once."""
    kept: dict[Any, Executable] = vars(tracker).setdefault("_lists_of", {})
    found = kept.get((fields, dialect))
    if found is None:
        parts = [_list_of(tracker, each, place, dialect) for place, each in enumerate(fields)]
        found = kept[fields, dialect] = parts[0] if len(parts) == 1 else union_all(*parts)
    return found


def _list_of(tracker: Tracker, field: BoundField, place: int, dialect: str) -> Select[Any]:
    side = field.side
    needed = field.columns[:1] if _is_as_stored(field) else field.columns
    values = [side.c[each.name] for each in needed]
    return select(literal_column(str(place)).label("place"), side.c.item_id, side.c.position, *values).where(
        among(side.c.item_id, dialect), as_system(tracker)
    )
