"""What differs between an item and values that are to be written: columns, and their old and new in JSON forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from tracker.core.access import clauses
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items import rows
from tracker.core.vault.seal import vault

Values = Mapping[str, Any]


def row_difference(
    change: ChangeSet, tracker: Tracker, old: Item, values: Values
) -> tuple[rows.Row, dict[str, list[Any]]]:
    """Return the columns to write, and their [old, new] in JSON forms."""
    row: rows.Row = {}
    diff: dict[str, list[Any]] = {}
    for key, value in values.items():
        each = tracker.all_fields[key]
        if each.many or each.computed or _is_same(change, tracker, each, old, value=value):
            continue
        new: rows.Row = {"uid": old.uid}
        before: rows.Row = {}
        if each.sealed:
            rows.fill_rows(change, tracker, [new], [{key: value}])
            before = _stored_before(change, tracker, each, old.id)
        else:
            rows.fill_row(new, each, value)
            rows.fill_row(before, each, old.values.get(key))
        # All columns of the field, so that a diff can be read by itself.
        now, then = rows.stored_json(tracker, new), rows.stored_json(tracker, before)
        row |= {name: new[name] for name in before}
        diff |= {name: [then[name], now[name]] for name in before}
    return row, diff


def _is_same(change: ChangeSet, tracker: Tracker, each: BoundField, old: Item, *, value: Any) -> bool:
    held = old.values.get(each.key)
    if not each.sealed or held is None or value is None:
        return bool(held == value)
    return vault(change).open(change, tracker, each, old.uid, held.stored) == each.type.text(value)


def _stored_before(change: ChangeSet, tracker: Tracker, each: BoundField, item_id: int) -> rows.Row:
    table = tracker.table
    names = [physical.name for physical in each.columns]
    # Held from here on: a rotation of keys seals it anew without raising its version.
    here = (table.c.id == item_id, clauses.as_system(tracker))
    held = select(*(table.c[name] for name in names)).where(*here).with_for_update(key_share=True)
    return dict(zip(names, change.execute(held).one(), strict=True))
