"""Fields that single items have, read with the items that access left; nothing is asked where a tracker has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, select

from tracker.core.access.clauses import as_system
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Held, Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Gone, Tracker
from tracker.core.design.own import OwnField, unpacked


def own_of(reading: Reading, tracker: Tracker, ids: Iterable[int]) -> dict[int, list[Held]]:
    """Return the fields that some items have, retired ones too, with their values, in the order they were added.

    The items were selected by right. One statement, and none where the tracker allows no such fields.
    """
    wanted = list(ids) if tracker.own_fields else []
    found: dict[int, list[Held]] = {}
    if not wanted:
        return found
    rows = reading.execute(_own_of(tracker, reading.dialect), given(reading, wanted)).all()
    for row in rows:
        field = unpacked(row.id, row.definition, reading.workspace.types)
        found.setdefault(row.item_id, []).append(Held(field, _value(field, row)))
    return found


def _value(field: OwnField, row: Any) -> Any:
    """Return what a row holds; where the type is not here, whatever is stored, as a text."""
    if not isinstance(field.type, Gone):
        return field.from_slot(getattr(row, field.slot))
    stored = next((each for each in (row.text, row.number, row.moment, row.ref) if each is not None), None)
    return None if stored is None else str(stored)


def _own_of(tracker: Tracker, dialect: str) -> Select[Any]:
    """Return the statement for the fields of some items; made once."""
    kept: dict[str, Select[Any]] = vars(tracker).setdefault("_own_of", {})
    found = kept.get(dialect)
    if found is None:
        own = tracker.own_table
        here = (among(own.c.item_id, dialect), as_system(tracker))
        found = kept[dialect] = select(*own.c).where(*here).order_by(own.c.item_id, own.c.id)
    return found


def add_own(reading: Reading, tracker: Tracker, items: Sequence[Item]) -> None:
    """Give items that were selected by right the fields that they alone have, without retired ones."""
    found = own_of(reading, tracker, [each.id for each in items])
    for item in items if found else ():
        item.own = tuple(each for each in found.get(item.id, ()) if not each.field.definition.retired)


def own_words(reading: Reading, tracker: Tracker, ids: Iterable[int]) -> dict[int, str]:
    """Return the texts of items' own fields by which the items are found."""
    return {
        item_id: "\n".join(
            each.field.type.search_text(each.value)
            for each in held
            if each.value is not None and each.field.searchable and not each.field.definition.retired
        )
        for item_id, held in own_of(reading, tracker, ids).items()
    }


def by_name(held: Iterable[Held]) -> dict[str, OwnField]:
    """Return fields of one item by the names that diffs have for their definitions and for their values."""
    found: dict[str, OwnField] = {}
    for each in held:
        found |= dict.fromkeys((each.field.is_name, each.field.definition.column), each.field)
    return found
