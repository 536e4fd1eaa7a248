"""The shown names of items: of the items of a page, and of those that they link to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from tracker.core.access import clauses
from tracker.core.access.rights import READ, rights
from tracker.core.ask.among import among, given
from tracker.core.ask.kept import kept
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.fields.text import Line
from tracker.i18n import PLAIN, Reader


def name_fields(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields that make an item's name for this actor; hidden ones are left out."""
    mine = rights(reading)
    return [
        each
        for each in tracker.name_fields
        if mine.level(each) >= READ and not each.many and not each.computed
    ]


def name_of(
    fields: Iterable[BoundField], item_id: int, values: Mapping[str, Any], reader: Reader = PLAIN
) -> str:
    """Return an item's shown name, or `#7` when nothing of it is filled or readable; moments in the reader's zone."""
    parts = [
        each.type.format(values[each.key], reader) for each in fields if values.get(each.key) is not None
    ]
    return " ".join(parts) or f"#{item_id}"


def names(reading: Reading, tracker: Tracker, ids: Iterable[int], *, trash: bool = False) -> dict[int, str]:
    """Return the names of those of `ids` that the actor may view; one query.

    :param trash: of those in the trash that the actor may restore instead.
    """
    wanted = sorted(set(ids))
    if not wanted or not rights(reading).may("view", tracker):
        return {}
    naming = kept(
        reading,
        ("names", tracker.id, trash),
        lambda: _naming(reading, tracker, trash=trash),
        statement=lambda made: made.statement,
    )
    rows = reading.fetch(naming.statement, given(reading, wanted))
    return {row[0]: naming.name(row, reading.actor.reader) for row in rows}


@dataclass(frozen=True)
class _Naming:
    """How the names of a tracker's items are read by one actor."""

    statement: Select[Any]
    fields: Sequence[BoundField]

    def name(self, row: Any, reader: Reader) -> str:
        """Return the name of the item in a row; most trackers have one name of one line."""
        if len(row) == 2:
            return row[1] or f"#{row[0]}"
        values: dict[str, Any] = {}
        start = 1
        for each in self.fields:
            stop = start + len(each.columns)
            values[each.key] = each.load(row[start:stop])
            start = stop
        return name_of(self.fields, row[0], values, reader)


def _naming(reading: Reading, tracker: Tracker, *, trash: bool) -> _Naming:
    fields = name_fields(reading, tracker)
    table = tracker.table
    physicals = [physical for each in fields for physical in each.columns]
    if len(fields) == 1 and type(fields[0].type) is Line:
        physicals = physicals[:1]
    columns = [table.c[physical.name] for physical in physicals]
    here = [clauses.where(reading, "view", tracker), table.c.deleted_cs.is_(None)]
    if trash:
        here = [*here[:1], clauses.where(reading, "restore", tracker), clauses.in_trash(table)]
    statement = select(table.c.id, *columns).where(among(table.c.id, reading.dialect), *here)
    return _Naming(statement, fields)
