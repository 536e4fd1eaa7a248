"""Into the trash and back: one column, on-delete rules of links, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from tracker.core.access import clauses
from tracker.core.access.rights import require
from tracker.core.ask.query import Query, open_to
from tracker.core.ask.rows import RowReader
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items import judge
from tracker.core.items.bulk import CHUNK, Selection, chosen, id_ranges, write_columns
from tracker.core.items.gates import Passing, confirm
from tracker.core.items.sides import remove_elements
from tracker.core.items.unique import already_used
from tracker.errors import NotFound, Refused
from tracker.i18n import _

BATCH = 2000  # items that plugins are asked about at once


def trash_items(change: ChangeSet, tracker: Tracker, selection: Selection) -> int:
    """Move the items of a selection to the trash; return how many.

    Links to them are cleared where they may be empty, in the same change set, so that undo is exact.

    :raises Refused: an item outside the selection needs one of them.
    :raises Rejected: a plugin wants one of them to stay; nothing is trashed.
    :raises NotFound: a single named item is not there for the actor.
    """
    tracker = judge.current(change, tracker)
    require(change, "trash", tracker)
    clause = chosen(change, tracker, selection, "trash")
    trashed = 0
    size = BATCH if change.workspace.hooks.asked("items_saving") else CHUNK
    for low, high in id_ranges(change, tracker, clause, size=size):
        part = and_(tracker.table.c.id.between(low, high), clause)
        asked = _to_ask(change, tracker, part)
        trashed += trash_where(change, tracker, part)
        confirm(change, tracker, "trash", asked)
    if not trashed and not isinstance(selection, Query) and len(selection) == 1:
        raise NotFound(tracker.title_one, selection[0])
    return trashed


def hold(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> None:
    """Wait for those who link to the items of a clause at this moment, and keep others from it until we commit."""
    if change.dialect == "postgresql":  # on SQLite we are the only one who writes
        table = tracker.table
        rows = select(table.c.id).where(clause, clauses.as_system(tracker)).order_by(table.c.id)
        change.execute(select(func.count()).select_from(rows.with_for_update().subquery()))


def trash_where(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> int:
    """Trash the items of a clause, which the caller holds; the engine's half of `trash_items`."""
    table = tracker.table
    saved = change.execute(
        update(table)
        .where(clause, table.c.deleted_cs.is_(None))
        .values(deleted_cs=change.id, version=table.c.version + 1)
    )
    if saved.rowcount:
        _let_go(change, tracker)
    change.counts[tracker.id].trashed += saved.rowcount
    return saved.rowcount


def _let_go(change: ChangeSet, tracker: Tracker) -> None:
    """Follow the on-delete rules of every link to the items that this change set trashed."""
    gone = select(tracker.table.c.id).where(
        tracker.table.c.deleted_cs == change.id, clauses.as_system(tracker)
    )
    for other, field in links_to(change, tracker):
        linking = linking_items(other, field, gone)
        if needs_target(field):
            table = other.table
            held = change.execute(select(func.count()).select_from(table).where(linking)).scalar_one()
            if held:
                raise Refused(
                    _(
                        "%(other)s need this %(title)s: %(n)d by “%(label)s”."
                        " Link them to another, or move them to the trash, first.",
                        n=held,
                        other=other.title,
                        title=tracker.title_one,
                        label=field.label,
                    )
                )
        elif field.many:
            remove_elements(change, other, field, gone)
        else:
            write_columns(change, other, linking, {field.main: None})


def needs_target(field: BoundField) -> bool:
    """Say whether an item cannot be without the target of this link."""
    return field.definition.required or getattr(field.type.options, "on_delete", "clear") == "refuse"


def links_to(reading: Reading, tracker: Tracker) -> Iterator[tuple[Tracker, BoundField]]:
    """Yield every stored link field that points to items of a tracker, with its own tracker."""
    for other in trackers(reading).by_id.values():
        for field in other.all_fields.values():
            if field.refers == "item" and not field.computed and field.type.options.to == tracker.key:
                yield other, field


def linking_items(other: Tracker, field: BoundField, gone: object) -> ColumnElement[bool]:
    """Return the clause for live items of `other` that link to one of `gone`, a SELECT of ids."""
    table = other.table
    live = and_(table.c.deleted_cs.is_(None), clauses.as_system(other))
    if field.many:
        side = field.side
        return and_(live, table.c.id.in_(select(side.c.item_id).where(side.c[field.main.name].in_(gone))))  # type: ignore[arg-type]
    return and_(live, table.c[field.main.name].in_(gone))  # type: ignore[arg-type]


def restore_items(change: ChangeSet, tracker: Tracker, ids: list[int]) -> int:
    """Bring items back from the trash; return how many.

    :raises Invalid: a unique value was taken meanwhile; nothing is restored.
    :raises Rejected: a plugin wants one of them to stay where it is; nothing is restored.
    """
    tracker = judge.current(change, tracker)
    require(change, "restore", tracker)
    table = tracker.table
    allowed = and_(table.c.deleted_cs.is_not(None), open_to(change, "restore", tracker, form="set"))
    restored = 0
    for start in range(0, len(ids), BATCH):
        part = and_(table.c.id.in_(ids[start : start + BATCH]), allowed)
        asked = _to_ask(change, tracker, part)
        restored += restore_where(change, tracker, part)
        confirm(change, tracker, "restore", asked)
    return restored


def _to_ask(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> list[Passing]:
    """Return what plugins are asked of the items of a clause, with their values; nothing where none asks."""
    if not change.workspace.hooks.asked("items_saving"):
        return []
    stored = [each for each in tracker.fields.values() if not each.computed]
    reader = RowReader(change, tracker, stored, tracker.table, masking=False)
    found = change.execute(select(*reader.columns).where(clause).order_by(tracker.table.c.id)).all()
    return [(item.id, item.values, {}) for item in reader.items(change, found)]


def restore_where(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> int:
    """Restore the items of a clause, with a revision each that says from which trashing."""
    table = tracker.table
    trashed = and_(clause, table.c.deleted_cs.is_not(None))
    build = "json_object('deleted_cs', json_array(deleted_cs, NULL))"
    if change.dialect == "postgresql":
        build = "jsonb_build_object('deleted_cs', jsonb_build_array(deleted_cs, NULL))"
    held = select(
        literal_column(str(tracker.id)),
        table.c.id,
        table.c.version + 1,
        literal_column(str(change.id)),
        literal_column(build),
    ).where(trashed)
    names = ["tracker_id", "item_id", "version", "change_set_id", "diff"]
    change.execute(tables.revision.insert().from_select(names, held, include_defaults=False))
    try:
        saved = change.execute(
            update(table)
            .where(trashed)
            .values(deleted_cs=None, version=table.c.version + 1, changed_cs=change.id)
        )
    except IntegrityError as error:
        raise already_used(tracker, error) from error
    change.counts[tracker.id].restored += saved.rowcount
    return saved.rowcount
