"""Into the trash and back: one column, on-delete rules of links, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, and_, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from tracker.core.access import clauses
from tracker.core.access.rights import READ, require, rights
from tracker.core.ask.page import get_item
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
from tracker.i18n import Message, _

BATCH = 2000  # items that plugins are asked about at once


def trash_items(change: ChangeSet, tracker: Tracker, selection: Selection) -> int:
    """Move the items of a selection to the trash; return how many.

    Links to them are cleared where they may be empty, in the same change set, so that undo is exact.

    :raises Refused: an item outside the selection needs one of them, or is locked and links to one.
    :raises Rejected: a plugin wants one of them to stay; nothing is trashed.
    :raises Locked: a single named item is locked; of several, locked ones stay.
    :raises NotFound: a single named item is not there for the actor.
    """
    tracker = judge.current(change, tracker)
    require(change, "trash", tracker)
    clause = chosen(change, tracker, selection, "trash")
    trashed = 0
    size = BATCH if change.workspace.hooks.asked("items_saving") else CHUNK
    for low, high in id_ranges(change, tracker, clause, size=size):
        part = and_(tracker.table.c.id.between(low, high), clause)
        asked = to_ask(change, tracker, part)
        trashed += trash_where(change, tracker, part, leaving=clause)
        confirm(change, tracker, "trash", asked)
    if not trashed and not isinstance(selection, Query) and len(selection) == 1:
        get_item(change, tracker, selection[0], fields=(), action="trash")  # says why not
        raise NotFound(tracker.title_one, selection[0])
    return trashed


def hold(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> None:
    """Wait for those who link to the items of a clause at this moment, and keep others from it until we commit."""
    if change.dialect == "postgresql":  # on SQLite we are the only one who writes
        table = tracker.table
        rows = select(table.c.id).where(clause, clauses.as_system(tracker)).order_by(table.c.id)
        change.execute(select(func.count()).select_from(rows.with_for_update().subquery()))


def trash_where(
    change: ChangeSet,
    tracker: Tracker,
    clause: ColumnElement[bool],
    *,
    leaving: ColumnElement[bool] | None = None,
) -> int:
    """Trash the items of a clause, which the caller holds; the engine's half of `trash_items`.

    :param leaving: the items that the caller trashes after these; that they need one of these is no obstacle.
    """
    table = tracker.table
    ids = (
        change.execute(
            update(table)
            .where(clause, table.c.deleted_cs.is_(None))
            .values(deleted_cs=change.id, version=table.c.version + 1)
            .returning(table.c.id)
        )
        .scalars()
        .all()
    )
    if ids:
        _let_go(change, tracker, between=(min(ids), max(ids)), leaving=leaving)
    change.counts[tracker.id].trashed += len(ids)
    return len(ids)


def _let_go(
    change: ChangeSet, tracker: Tracker, *, between: tuple[int, int], leaving: ColumnElement[bool] | None
) -> None:
    """Follow the on-delete rules of every link to the items that this change set trashed in a range of ids."""
    table = tracker.table
    gone = select(table.c.id).where(
        table.c.deleted_cs == change.id, table.c.id.between(*between), clauses.as_system(tracker)
    )
    for other, field in links_to(change, tracker):
        linking = linking_items(other, field, gone)
        if needs_target(field):
            if other.id == tracker.id and leaving is not None:
                linking = and_(linking, table.c.id.not_in(select(table.c.id).where(leaving).correlate(None)))
            _refuse_if_needed(change, tracker, other, field, linking=linking)
            continue
        # Who saves one of them now, or locks it, is waited for, and seen as it is then.
        hold(change, other, linking)
        _refuse_if_locked(change, tracker, other, field, linking=linking)
        if field.many:
            remove_elements(change, other, field, gone)
        else:
            write_columns(change, other, linking, {field.main: None})


def _refuse_if_needed(
    change: ChangeSet, tracker: Tracker, other: Tracker, field: BoundField, *, linking: ColumnElement[bool]
) -> None:
    """Refuse when there are items that need those in the trash; the sentence names what the actor may view."""
    counting = select(func.count()).select_from(other.table).where(linking)
    if not change.execute(counting).scalar_one():
        return
    seen = 0
    if rights(change).level(field) >= READ and not field.definition.retired:
        seen = change.execute(counting.where(clauses.where(change, "view", other, form="set"))).scalar_one()
    if not seen:
        raise Refused(
            _(
                "Other items need this %(title)s. Link them to another, or move them to the trash, first.",
                title=tracker.title_one,
            )
        )
    raise Refused(
        _(
            "%(other)s need this %(title)s: %(n)d by “%(label)s”."
            " Link them to another, or move them to the trash, first.",
            n=seen,
            other=other.title,
            title=tracker.title_one,
            label=field.label,
        )
    )


def _refuse_if_locked(
    change: ChangeSet, tracker: Tracker, other: Tracker, field: BoundField, *, linking: ColumnElement[bool]
) -> None:
    """Refuse when a locked item would lose its link; the sentence names what the actor may view."""
    table = other.table
    holding = select(table.c.id).where(linking, table.c.locked_cs.is_not(None)).order_by(table.c.id).limit(1)
    if change.execute(holding).first() is None:
        return
    item_id = None
    if rights(change).level(field) >= READ and not field.definition.retired:
        item_id = change.execute(holding.where(clauses.where(change, "view", other, form="set"))).scalar()
    if item_id is None:
        raise Refused(
            _("A locked item links to this %(title)s, so it cannot go to the trash.", title=tracker.title_one)
        )
    raise Refused(
        _(
            "%(other)s #%(id)s is locked and links to this %(title)s by “%(label)s”: unlock it first.",
            other=other.title_one,
            id=item_id,
            title=tracker.title_one,
            label=field.label,
        )
    )


def needs_target(field: BoundField) -> bool:
    """Say whether an item cannot be without the target of this link; a retired field asks for nothing."""
    if field.definition.retired:
        return False
    return field.definition.required or getattr(field.type.options, "on_delete", "clear") == "refuse"


def links_to(reading: Reading, tracker: Tracker) -> Iterator[tuple[Tracker, BoundField]]:
    """Yield every stored link field that points to items of a tracker, with its own tracker."""
    for other in trackers(reading).by_id.values():
        for field in other.all_fields.values():
            if field.refers == "item" and not field.computed and field.type.options.to == tracker.key:
                yield other, field


def users_first(reading: Reading, among: Iterable[Tracker]) -> list[Tracker]:
    """Order trackers so that one whose items link to another's comes before it; circles as they come."""
    waiting = {each.id: each for each in among}
    order: list[Tracker] = []
    while waiting:
        free = [
            each
            for each in waiting.values()
            if not any(
                other.id in waiting and other.id != each.id for other, _field in links_to(reading, each)
            )
        ]
        order += [waiting.pop(each.id) for each in free or [next(iter(waiting.values()))]]
    return order


def linking_items(other: Tracker, field: BoundField, gone: object) -> ColumnElement[bool]:
    """Return the clause for live items of `other` that link to one of `gone`, a SELECT of ids."""
    table = other.table
    live = and_(table.c.deleted_cs.is_(None), clauses.as_system(other))
    if field.many:
        side = field.side
        return and_(live, table.c.id.in_(select(side.c.item_id).where(side.c[field.main.name].in_(gone))))  # type: ignore[arg-type]
    return and_(live, table.c[field.main.name].in_(gone))  # type: ignore[arg-type]


def restore_items(change: ChangeSet, tracker: Tracker, selection: Selection) -> int:
    """Bring the items of a selection back from the trash; return how many. A query asks for what is in the trash.

    Links of theirs to items that are in the trash are cleared where they may be empty.

    :raises Invalid: a unique value was taken meanwhile; nothing is restored.
    :raises Refused: one of them needs an item that stays in the trash; nothing is restored.
    :raises Rejected: a plugin wants one of them to stay where it is; nothing is restored.
    """
    tracker = judge.current(change, tracker)
    require(change, "restore", tracker)
    table = tracker.table
    allowed = and_(clauses.in_trash(table), open_to(change, "restore", tracker, form="set"))
    restored = 0
    asked: list[Passing] = []
    ids = _ids_of(change, tracker, selection)
    for start in range(0, len(ids), BATCH):
        part = and_(table.c.id.in_(ids[start : start + BATCH]), allowed)
        hold(change, tracker, part)
        asked += to_ask(change, tracker, part)
        restored += restore_where(change, tracker, part)
    # Only now: those that need one another come back together.
    for start in range(0, len(ids) if restored else 0, BATCH):
        _drop_dead_links(change, tracker, ids[start : start + BATCH])
    for start in range(0, len(asked), BATCH):
        confirm(change, tracker, "restore", asked[start : start + BATCH])
    return restored


def _ids_of(change: ChangeSet, tracker: Tracker, selection: Selection) -> Sequence[int]:
    if not isinstance(selection, Query):
        return selection
    table = tracker.table
    clause = chosen(change, tracker, selection, "restore")
    return change.execute(select(table.c.id).where(clause).order_by(table.c.id)).scalars().all()


def _drop_dead_links(change: ChangeSet, tracker: Tracker, ids: Sequence[int]) -> None:
    """Clear the links of restored items to what is in the trash; refuse where an item needs its target."""
    table = tracker.table
    for field in tracker.all_fields.values():
        if field.refers != "item" or field.computed:
            continue
        target = trackers(change).by_key.get(field.type.options.to)
        if target is None:
            continue
        other = target.table.alias(f"dead_{field.definition.column}")
        dead = select(other.c.id).where(other.c.deleted_cs.is_not(None), clauses.as_system(target))
        linking = and_(
            table.c.id.in_(ids), table.c.changed_cs == change.id, linking_items(tracker, field, dead)
        )
        if needs_target(field):
            if change.execute(select(table.c.id).where(linking).limit(1)).first():
                raise Refused(_needing(change, tracker, field))
        elif field.many:
            remove_elements(change, tracker, field, dead, only=linking)
        else:
            write_columns(change, tracker, linking, {field.main: None})


def _needing(change: ChangeSet, tracker: Tracker, field: BoundField) -> Message:
    if rights(change).level(field) < READ:
        return _(
            "This %(title)s needs an item that is in the trash; restore that one first.",
            title=tracker.title_one,
        )
    return _(
        "This %(title)s needs its “%(label)s”, which is in the trash; restore that one first.",
        title=tracker.title_one,
        label=field.label,
    )


def to_ask(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> list[Passing]:
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
    trashed = and_(clause, clauses.in_trash(table))
    hold(change, tracker, trashed)  # of two who restore the same at once, the second finds nothing to do
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
