"""The three parts of an undo, each for one tracker and one range of ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from tracker.core.access import clauses
from tracker.core.access.rights import MASKED, rights
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.changes import obstacles
from tracker.core.changes.locking import locks, name_locks, undo_locks
from tracker.core.changes.obstacles import CHANGED_SINCE, Between, Conflict, revisions_of
from tracker.core.changes.own import touches_own, undo_own
from tracker.core.changes.swap import revert_columns, revert_lists, swap_diffs
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.own import names_own
from tracker.core.items.bulk import reindex
from tracker.core.items.lock import LOCK
from tracker.core.items.rows import names_column, side_from_json, side_json, stored_json
from tracker.core.items.trash import hold, restore_where, trash_where
from tracker.core.items.unique import already_used
from tracker.core.items.write import Placing, save_difference

revision = tables.revision
TAKEN = "its old value is used by another now"
DEAD = "what it linked to is in the trash now"
RETYPED = "its field has another type since"
ERASED = "it was deleted for good"
NOT_OPEN = "you may not change all that was changed"


def undo_trashing(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Restore what the change set trashed; somebody else's trashing only with the right to restore."""
    table = tracker.table
    trashed = and_(table.c.deleted_cs == cs, table.c.id.between(*between))
    hold(change, tracker, trashed)
    erased = _listed(change, tracker, and_(trashed, table.c.erased_cs.is_not(None)), ERASED)
    gone = and_(trashed, table.c.erased_cs.is_(None))
    allowed = clauses.where(change, "restore", tracker, form="set")
    if obstacles.is_own(change, cs):
        allowed = or_(allowed, clauses.where(change, "trash", tracker, form="set"))
    conflicts = erased + _listed(change, tracker, and_(gone, not_(allowed)), "you may not restore it")
    taken = obstacles.taken_ids(change, tracker, and_(gone, allowed))
    conflicts += [Conflict(tracker.key, item_id, key, TAKEN) for item_id, key in taken]
    lacking = obstacles.lacking_ids(change, tracker, and_(gone, allowed))
    conflicts += [Conflict(tracker.key, item_id, "", DEAD) for item_id in sorted(lacking)]
    left = lacking | {item_id for item_id, _key in taken}
    restore_where(change, tracker, and_(gone, allowed, table.c.id.not_in(left) if left else not_(false())))
    return conflicts


def undo_creations(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Trash what the change set created or restored, unless it was edited with effect since, or others need it."""
    table = tracker.table
    restored = select(revision.c.item_id).where(revisions_of(tracker, cs, between), _restores(change))
    made = and_(
        or_(table.c.created_cs == cs, table.c.id.in_(restored)),
        table.c.deleted_cs.is_(None),
        table.c.id.between(*between),
    )
    hold(change, tracker, made)
    allowed = clauses.where(change, "trash", tracker, form="set")
    conflicts = _listed(change, tracker, and_(made, not_(allowed)), "you may not move it to the trash")
    conflicts = name_locks(change, tracker, conflicts)
    later = exists(
        select(revision.c.version).where(
            revision.c.tracker_id == tracker.id,
            revision.c.item_id == table.c.id,
            revision.c.change_set_id.not_in([cs, change.id]),
        )
    )
    edited = [
        item_id
        for item_id in change.execute(
            select(table.c.id).where(made, later, clauses.as_system(tracker))
        ).scalars()
        if _has_net_effect(change, tracker, item_id, cs)
    ]
    conflicts += [Conflict(tracker.key, item_id, "", CHANGED_SINCE) for item_id in edited]
    needed = obstacles.needed_ids(change, tracker, made, cs=cs, left=set(edited))
    conflicts += [Conflict(tracker.key, item_id, "", "other items need it") for item_id in sorted(needed)]
    left = [*edited, *needed]
    trash_where(change, tracker, and_(made, allowed, table.c.id.not_in(left) if left else not_(false())))
    return conflicts


def _restores(change: ChangeSet) -> ColumnElement[bool]:
    """Return the clause for revisions that brought an item back from the trash."""
    return names_column(change.dialect, "deleted_cs")


def undo_revisions(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Give the items that the change set changed their old values back.

    :raises Invalid: an index that was made since has no room for one of them.
    """
    table = tracker.table
    here = and_(revisions_of(tracker, cs, between), not_(_restores(change)))
    erased = and_(here, table.c.erased_cs.is_not(None))
    holding = select(revision.c.item_id).join(table, table.c.id == revision.c.item_id)
    turned = _listed(change, tracker, table.c.id.in_(holding.where(erased)), ERASED)
    if turned:
        here = and_(here, revision.c.item_id.not_in(holding.where(erased)))
    names = _columns_in(change, here)
    columns = [name for name in names if not names_own(name)]
    if LOCK.name in columns:
        turned += undo_locks(change, tracker, cs, between=between)
        columns.remove(LOCK.name)
        names.remove(LOCK.name)
        here = and_(here, not_(locks(change)))
    if not names:
        return turned
    hold(change, tracker, table.c.id.in_(select(revision.c.item_id).where(here)))
    own = obstacles.is_own(change, cs)
    blocked = obstacles.blocked_columns(change, tracker, columns, own=own)
    plain = _untouched(change, tracker, here, columns, blocked=blocked)
    if len(names) > len(columns):
        plain = and_(plain, not_(touches_own(change.dialect)))
    # Read before the fast path: what that turns back would look edited afterwards.
    rest = change.execute(
        select(revision.c.item_id, revision.c.version, revision.c.diff)
        .join(table, table.c.id == revision.c.item_id)
        .where(here, not_(func.coalesce(plain, false())))
        .order_by(revision.c.version.desc())
    ).all()
    swapped = swap_diffs(change, tracker, cs, and_(here, plain))
    if swapped:
        free = [name for name in columns if name not in blocked]
        try:
            revert_columns(
                change, tracker, [name for name in free if not name.startswith("s_")], between=between
            )
            revert_lists(change, tracker, [name for name in free if name.startswith("s_")], between=between)
        except IntegrityError as error:  # an index that is younger has no room for a text
            raise already_used(tracker, error) from error
        change.counts[tracker.id].changed += swapped
        reindex(change, tracker, set(columns))
    fields = [
        conflict for row in rest for conflict in undo_fields(change, tracker, row.item_id, row.diff, own=own)
    ]
    return [*turned, *name_locks(change, tracker, fields)]


def _untouched(
    change: ChangeSet,
    tracker: Tracker,
    here: ColumnElement[bool],
    columns: list[str],
    *,
    blocked: list[str],
) -> ColumnElement[bool]:
    """Return the clause for revisions that one statement may turn back: nothing stands in their way."""
    table = tracker.table
    allowed = clauses.where(change, "change", tracker, form="set")
    clear = [revision.c.version == table.c.version, table.c.deleted_cs.is_(None), allowed]
    clear += [not_(names_column(change.dialect, name)) for name in blocked]
    left = obstacles.taken_by_old(change, tracker, here, columns)
    left |= obstacles.dead_by_old(change, tracker, here, columns)
    return and_(*clear, table.c.id.not_in(left)) if left else and_(*clear)


# -- field by field ---------------------------------------------------------------------------


def undo_fields(
    change: ChangeSet, tracker: Tracker, item_id: int, diff: Mapping[str, Any], *, own: bool
) -> list[Conflict]:
    """Turn a diff of an item back, as far as its values still stand and the actor may write them.

    :param own: the actor made the change.
    """
    item = _live_item(change, tracker, item_id)
    if item is None:
        return [Conflict(tracker.key, item_id, "", "it is in the trash, or you may not change it")]
    steps, conflicts = undo_own(change, tracker, item.id, diff)
    given = {name: pair for name, pair in diff.items() if not names_own(name)}
    blocked = obstacles.blocked_columns(change, tracker, given, own=own)
    diff = {name: pair for name, pair in given.items() if name not in blocked}
    former = dict.fromkeys(each for name in blocked if (each := tracker.former_by_column.get(name)))
    conflicts += [Conflict(tracker.key, item.id, _named(change, each), RETYPED) for each in former]
    if any(name not in tracker.former_by_column for name in blocked):
        conflicts.append(Conflict(tracker.key, item.id, "", NOT_OPEN))
    placing = _placing_before(tracker, item, diff, conflicts)
    values: dict[str, Any] = {}
    sealed: dict[str, Any] = {}
    for each in dict.fromkeys(tracker.by_column[name] for name in diff if name in tracker.by_column):
        now, old, new = _states(change, tracker, each, item, diff=diff)
        if reason := _obstacle(change, tracker, each, item, states=(now, old, new)):
            conflicts.append(Conflict(tracker.key, item.id, _named(change, each), reason))
        elif now == new and each.sealed:
            sealed |= {name: [new[name], old[name]] for name in old}
        elif now == new:
            values[each.key] = _value(each, old)
    save_difference(change, tracker, item, values, placing=placing, sealed=sealed, own=steps, judging=False)
    return conflicts


def _obstacle(
    change: ChangeSet, tracker: Tracker, each: BoundField, item: Item, *, states: tuple[Any, Any, Any]
) -> str:
    """Return why a field cannot go back; empty when it can, or is back already."""
    now, old, new = states
    if now == old:
        return ""
    if now != new:
        return CHANGED_SINCE
    if obstacles.is_taken(change, tracker, each, item, state=old):
        return TAKEN
    return DEAD if not each.sealed and obstacles.is_dead(change, each, _value(each, old)) else ""


def _named(change: ChangeSet, each: BoundField) -> str:
    return each.key if rights(change).level(each) >= MASKED else ""


def _placing_before(
    tracker: Tracker, item: Item, diff: Mapping[str, Any], conflicts: list[Conflict]
) -> Placing:
    """Return owner and group as they were before a revision, as far as nobody moved the item since."""
    placing = {"owner_id": item.owner_id, "group_id": item.group_id}
    for name, now in list(placing.items()):
        old, new = diff.get(name, (now, now))
        if now == new:
            placing[name] = old
        elif now != old:
            conflicts.append(Conflict(tracker.key, item.id, name, CHANGED_SINCE))
    return Placing(**placing)


def _states(
    change: ChangeSet, tracker: Tracker, each: BoundField, item: Item, *, diff: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """Return the JSON forms of a field's columns now, before and after a revision."""
    if each.many:
        old, new = diff[each.definition.column]
        return side_json(each, item.values.get(each.key)), old, new
    names = [physical.name for physical in each.columns if physical.name in diff]
    table = tracker.table
    row = change.execute(
        select(*(table.c[name] for name in names)).where(table.c.id == item.id, clauses.as_system(tracker))
    ).one()
    now = stored_json(tracker, dict(zip(names, row, strict=True)))
    return now, {name: diff[name][0] for name in names}, {name: diff[name][1] for name in names}


def _value(each: BoundField, state: Any) -> Any:
    """Return the value of a field from the JSON forms of its columns."""
    if each.many:
        return side_from_json(each, state) or None
    return each.load([physical.storage.from_json(state.get(physical.name)) for physical in each.columns])


def _live_item(change: ChangeSet, tracker: Tracker, item_id: int) -> Item | None:
    table = tracker.table
    reader = RowReader(
        change,
        tracker,
        [each for each in tracker.all_fields.values() if not each.computed],
        table,
        masking=False,
    )
    found = change.execute(
        select(*reader.columns).where(
            table.c.id == item_id, table.c.deleted_cs.is_(None), clauses.where(change, "change", tracker)
        )
    ).all()
    return reader.items(change, found)[0] if found else None


def _has_net_effect(change: ChangeSet, tracker: Tracker, item_id: int, cs: int) -> bool:
    """Say whether what came after `cs` left the item different; an edit that was undone did not."""
    rows = change.execute(
        select(revision.c.change_set_id, revision.c.diff)
        .where(revision.c.tracker_id == tracker.id, revision.c.item_id == item_id, clauses.as_system(tracker))
        .order_by(revision.c.version)
    ).all()
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for row in rows:
        if row.change_set_id == cs:
            first, last = {}, {}  # what came before is not "since"
            continue
        for name, (old, new) in row.diff.items():
            first.setdefault(name, old)
            last[name] = new
    return any(first[name] != last[name] for name in first if name not in ("deleted_cs", LOCK.name))


# -- what stands in the way -------------------------------------------------------------------


def _listed(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], reason: str) -> list[Conflict]:
    table = tracker.table
    ids = change.execute(select(table.c.id).where(clause, clauses.as_system(tracker)).limit(1000)).scalars()
    return [Conflict(tracker.key, item_id, "", reason) for item_id in ids]


def _columns_in(change: ChangeSet, here: ColumnElement[bool]) -> list[str]:
    """Return the distinct columns in the diffs of some revisions."""
    keys = (
        "json_each(sys_revision.diff)"
        if change.dialect == "sqlite"
        else "jsonb_object_keys(sys_revision.diff) AS keys(key)"
    )
    statement = select(text("keys.key")).select_from(
        revision, text(f"{keys}{' AS keys' if 'AS' not in keys else ''}")
    )
    return sorted(change.execute(statement.where(here).distinct()).scalars())
