"""Deleting items for good: their values vanish from rows, lists, history, words and files, and never come back.

What stays is that there was an item: its number and uid, who made, changed and deleted it, and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, column, delete, inspect, select, table, text, update

from tracker.core.access import clauses
from tracker.core.access.rights import require
from tracker.core.ask.among import among, given
from tracker.core.ask.page import get_item
from tracker.core.ask.query import Query
from tracker.core.ask.search import remove_documents
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Gone, Tracker
from tracker.core.design.store import trackers
from tracker.core.items import judge
from tracker.core.items.bulk import CHUNK, Selection, chosen, id_ranges
from tracker.core.items.files import forget_files, held_by
from tracker.core.items.gates import confirm
from tracker.core.items.trash import BATCH, to_ask, trash_where
from tracker.errors import NotFound, Refused, Shifted
from tracker.i18n import _

KEPT = ("deleted_cs", "locked_cs", "owner_id", "group_id")  # what a revision still tells of such an item
_REVISION = tables.revision
_IS_KEPT = f"key IN ({', '.join(repr(name) for name in KEPT)})"
_EMPTIED = {
    "sqlite": "(SELECT json_group_object(key, json(value)) FROM json_each(sys_revision.diff) WHERE {})",
    "postgresql": "(SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each(sys_revision.diff) WHERE {})",
}


def erase_items(
    change: ChangeSet, tracker: Tracker, selection: Selection, *, expected: int | None = None
) -> int:
    """Delete the items of a selection, which are in the trash, for good; return how many.

    What is attached to them, such as notes, goes with them. There is no undo.

    :param expected: how many were asked about, where somebody was.
    :raises Forbidden: the actor may delete no item of the tracker for good.
    :raises Refused: a single named item is not in the trash; another needs what is attached to one.
    :raises Shifted: it would be another number than was expected; nothing is deleted.
    :raises Rejected: a plugin wants one of them to stay; nothing is deleted.
    :raises NotFound: a single named item is not there for the actor, or not theirs to delete.
    """
    tracker = judge.current(change, tracker)
    require(change, "delete", tracker)
    clause = chosen(change, tracker, selection, "delete")
    erased = 0
    size = BATCH if change.workspace.hooks.asked("items_saving") else CHUNK
    for low, high in id_ranges(change, tracker, clause, size=size):
        part = and_(tracker.table.c.id.between(low, high), clause)
        asked = to_ask(change, tracker, part)
        erased += _erase(change, tracker, part)
        confirm(change, tracker, "delete", asked)
    if not erased and not isinstance(selection, Query) and len(selection) == 1:
        item = get_item(change, tracker, selection[0], fields=(), action="delete", trash=True)
        if item.deleted_cs is not None:  # gone for good already, or not theirs to delete
            raise NotFound(tracker.title_one, selection[0])
        raise Refused(
            _(
                "%(title)s #%(id)s is not in the trash: move it there first.",
                title=tracker.title_one,
                id=selection[0],
            )
        )
    if expected not in (None, erased):
        raise Shifted(_("Meanwhile the trash changed, and nothing was deleted: look again."))
    return erased


def _erase(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> int:
    """Delete the items of a clause, which are in the trash and which the caller holds."""
    items = tracker.table
    ids = change.execute(select(items.c.id).where(clause).order_by(items.c.id)).scalars().all()
    if not ids:
        return 0
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        _erase_attached(change, tracker, part)
        files = held_by(change, tracker, part)
        _empty_rows(change, tracker, part)
        _empty_sides(change, tracker, part)
        _empty_history(change, tracker, part)
        remove_documents(change, tracker, part)
        forget_files(change, files)
    change.counts[tracker.id].erased += len(ids)
    return len(ids)


def _empty_rows(change: ChangeSet, tracker: Tracker, ids: Sequence[int]) -> None:
    """Empty every column of the items' rows that is not the engine's own, those too that no field has any more."""
    looked = inspect(change.connection).get_columns(tracker.table_name)
    names = [each["name"] for each in looked if each["name"] not in SYSTEM_COLUMNS]
    items = table(tracker.table_name, *(column(name) for name in (*SYSTEM_COLUMNS, *names)))
    emptied = update(items).where(among(items.c.id, change.dialect), clauses.as_system(tracker))
    known = {"version": items.c.version + 1, "erased_cs": change.id}
    change.execute(emptied.values({**dict.fromkeys(names), **known}), given(change, ids))


def _empty_sides(change: ChangeSet, tracker: Tracker, ids: Sequence[int]) -> None:
    """Empty the lists of the items, those too of fields that are gone, and the fields that they alone have."""
    known = tables.field_column.c
    ever = select(known.column).where(
        known.tracker_id == tracker.id, known.column.startswith("s_", autoescape=True)
    )
    names = list(change.execute(ever).scalars())
    if inspect(change.connection).has_table(tracker.own_table.name):
        names.append(tracker.own_table.name)
    for name in names:
        side = table(name, column("item_id"))
        gone = delete(side).where(among(side.c.item_id, change.dialect), clauses.as_system(tracker))
        change.execute(gone, given(change, ids))


def _empty_history(change: ChangeSet, tracker: Tracker, ids: Sequence[int]) -> None:
    """Leave of each revision that somebody changed something then, and who the item was given to."""
    left = text(_EMPTIED[change.dialect].format(_IS_KEPT))
    here = (
        _REVISION.c.tracker_id == tracker.id,
        among(_REVISION.c.item_id, change.dialect),
        clauses.as_system(tracker),
    )
    change.execute(update(_REVISION).where(*here).values(diff=left), given(change, ids))


# -- what is attached -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Attachment:
    """A field by which items of a tracker belong to single items of any."""

    tracker: Tracker
    field: BoundField

    def to(self, target: Tracker, dialect: str) -> ColumnElement[bool]:
        """Return the clause for the items that belong to items of `target`, whose ids come when it runs."""
        items = self.tracker.table
        parts = {each.part.name: items.c[each.name] for each in self.field.columns}
        which, item = (parts[name] for name in self.field.type.to_any or ())
        return and_(which == target.id, among(item, dialect), items.c.erased_cs.is_(None))


def _attachments(change: ChangeSet) -> Iterator[_Attachment]:
    """Yield the fields by which items are attached to others.

    :raises Refused: the plugin of a field is not here, so nobody can say whether it attaches anything.
    """
    for other in trackers(change).by_id.values():
        for field in other.all_fields.values():
            if isinstance(field.type, Gone):
                raise Refused(
                    _(
                        "The plugin of “%(label)s” in %(tracker)s is not here, so it cannot be known whether it holds something that goes with an item. Install it first.",
                        label=field.label,
                        tracker=other.title,
                    )
                )
            if field.type.to_any and not field.sealed:
                yield _Attachment(other, field)


def _erase_attached(change: ChangeSet, tracker: Tracker, ids: Sequence[int]) -> None:
    for each in _attachments(change):
        items = each.tracker.table
        here = and_(each.to(tracker, change.dialect), clauses.as_system(each.tracker))
        found = change.execute(select(items.c.id).where(here), given(change, ids)).scalars().all()
        for start in range(0, len(found), CHUNK):
            part = and_(items.c.id.in_(found[start : start + CHUNK]), clauses.as_system(each.tracker))
            asked = to_ask(change, each.tracker, part)
            trashed = trash_where(change, each.tracker, part)
            change.counts[each.tracker.id].trashed -= trashed  # nobody ever saw them in the trash
            _erase(change, each.tracker, part)
            confirm(change, each.tracker, "delete", asked)
