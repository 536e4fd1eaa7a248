"""Many-valued fields changed set-based: lists in side tables, with whole lists in history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, select, true

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import elements
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import MARK
from tracker.core.items import rows
from tracker.errors import Stale


def remove_elements(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    gone: Any,
    *,
    only: ColumnElement[bool] | None = None,
) -> None:
    """Take the links to `gone`, a SELECT of ids, out of a field's lists, with a revision for each item.

    :param only: of these items, which the caller holds; None means all.
    """
    side, table = field.side, tracker.table
    touched = (
        change.execute(
            select(table.c.id, table.c.version).where(
                table.c.id.in_(select(side.c.item_id).where(side.c[field.main.name].in_(gone))),
                table.c.deleted_cs.is_(None),
                clauses.as_system(tracker),
                true() if only is None else only,
            )
        )
    ).all()
    if not touched:
        return
    target = side.c[field.main.name]
    linked = select(target).where(
        among(side.c.item_id, change.dialect), target.in_(gone), clauses.as_system(tracker)
    )
    ids = set(change.execute(linked, given(change, [row.id for row in touched])).scalars())
    held = elements(change, tracker, field, [row.id for row in touched])
    for row in touched:
        kept = tuple(each for each in held[row.id] if getattr(each, "target", each) not in ids)
        write_list(change, tracker, field, row.id, old=held[row.id], new=kept, version=row.version + 1)


def write_list(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    item_id: int,
    *,
    old: tuple[Any, ...],
    new: tuple[Any, ...],
    version: int,
) -> None:
    """Put one list in the place of another, with its revision.

    :param version: the item's next version: it has the one before.
    :raises Stale: it has another; someone saved it meanwhile.
    """
    side, table = field.side, tracker.table
    saved = change.execute(
        table.update()
        .where(table.c.id == item_id, table.c.version == version - 1, clauses.as_system(tracker))
        .values(version=version, changed_cs=change.id)
    )
    if not saved.rowcount:
        raise Stale(tracker.title_one, item_id, sent=version - 1)
    change.execute(delete(side).where(side.c.item_id == item_id, clauses.as_system(tracker)))
    made = rows.side_rows(field, item_id, new)
    if made:
        change.execute(clauses.inserting(tracker, side), made)
    diff = {field.definition.column: [rows.side_json(field, old), rows.side_json(field, new)]}
    change.execute(
        tables.revision.insert().prefix_with(f"/*{MARK}*/"),
        {
            "tracker_id": tracker.id,
            "item_id": item_id,
            "version": version,
            "change_set_id": change.id,
            "diff": diff,
        },
    )
    change.counts[tracker.id].changed += 1
