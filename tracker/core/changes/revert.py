"""The three parts of an undo, each for one tracker and one range of ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
)

from tracker.core.access import clauses
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.changes.swap import revert_columns, revert_lists, swap_diffs
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.bulk import reindex
from tracker.core.items.rows import side_from_json, side_json, stored_json
from tracker.core.items.trash import hold, linking_items, links_to, needs_target, restore_where, trash_where
from tracker.core.items.write import Placing, save_difference

Between = tuple[int, int]
revision = tables.revision


@dataclass(frozen=True)
class Conflict:
    """Something that an undo left as it is, and why."""

    tracker: str
    item_id: int
    field: str
    reason: str


def undo_trashing(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Restore what the change set trashed."""
    table = tracker.table
    gone = and_(table.c.deleted_cs == cs, table.c.id.between(*between))
    allowed = clauses.where(change, "trash", tracker, form="set")
    conflicts = _listed(change, tracker, and_(gone, not_(allowed)), "you may not restore it")
    taken = _taken_ids(change, tracker, and_(gone, allowed))
    conflicts += [
        Conflict(tracker.key, item_id, key, "its value is used by another now") for item_id, key in taken
    ]
    free = table.c.id.not_in([item_id for item_id, _key in taken]) if taken else not_(false())
    restore_where(change, tracker, and_(gone, allowed, free))
    return conflicts


def undo_creations(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Trash what the change set created or restored, unless it was edited with effect since, or others need it."""
    table = tracker.table
    restored = select(revision.c.item_id).where(_of(tracker, cs, between), _restores(change))
    made = and_(
        or_(table.c.created_cs == cs, table.c.id.in_(restored)),
        table.c.deleted_cs.is_(None),
        table.c.id.between(*between),
    )
    hold(change, tracker, made)
    allowed = clauses.where(change, "trash", tracker, form="set")
    conflicts = _listed(change, tracker, and_(made, not_(allowed)), "you may not move it to the trash")
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
    conflicts += [Conflict(tracker.key, item_id, "", "it was changed since") for item_id in edited]
    needed = _needed_ids(change, tracker, made) - set(edited)
    conflicts += [Conflict(tracker.key, item_id, "", "other items need it") for item_id in sorted(needed)]
    left = [*edited, *needed]
    trash_where(change, tracker, and_(made, allowed, table.c.id.not_in(left) if left else not_(false())))
    return conflicts


def _of(tracker: Tracker, cs: int, between: Between) -> ColumnElement[bool]:
    """Return the clause for the revisions of a change set in a range of items."""
    return and_(
        revision.c.tracker_id == tracker.id,
        revision.c.change_set_id == cs,
        revision.c.item_id.between(*between),
        clauses.as_system(tracker),
    )


def _restores(change: ChangeSet) -> ColumnElement[bool]:
    """Return the clause for revisions that brought an item back from the trash."""
    if change.dialect == "sqlite":
        return literal_column("json_type(sys_revision.diff, '$.deleted_cs')").is_not(None)
    return literal_column("jsonb_exists(sys_revision.diff, 'deleted_cs')", Boolean())


def undo_revisions(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Give the items that the change set changed their old values back."""
    table = tracker.table
    here = and_(_of(tracker, cs, between), not_(_restores(change)))
    joined = select(revision.c.item_id, revision.c.version, revision.c.diff).join(
        table, table.c.id == revision.c.item_id
    )
    allowed = clauses.where(change, "change", tracker, form="set")
    untouched = and_(revision.c.version == table.c.version, table.c.deleted_cs.is_(None), allowed)
    columns = _columns_in(change, here)
    taken = {item_id for item_id, _key in _taken_by_old(change, tracker, cs, columns, between=between)}
    plain = and_(untouched, table.c.id.not_in(taken) if taken else not_(false()))
    # Read before the fast path: what that turns back would look edited afterwards.
    rest = change.execute(
        joined.where(here, not_(func.coalesce(plain, false()))).order_by(revision.c.version.desc())
    ).all()
    if columns:
        swapped = swap_diffs(change, tracker, cs, and_(here, plain))
        if swapped:
            revert_columns(change, tracker, [name for name in columns if not name.startswith("s_")])
            revert_lists(change, tracker, [name for name in columns if name.startswith("s_")])
            change.counts[tracker.id].changed += swapped
            reindex(change, tracker, set(columns))
    return [conflict for row in rest for conflict in _undo_fields(change, tracker, row)]


# -- field by field ---------------------------------------------------------------------------


def _undo_fields(change: ChangeSet, tracker: Tracker, row: Any) -> list[Conflict]:
    """Turn one revision back, as far as its values still stand."""
    item = _live_item(change, tracker, row.item_id)
    if item is None:
        return [Conflict(tracker.key, row.item_id, "", "it is in the trash, or you may not change it")]
    values: dict[str, Any] = {}
    conflicts: list[Conflict] = []
    placing = _placing_before(tracker, item, row.diff, conflicts)
    sealed: dict[str, Any] = {}
    for each in dict.fromkeys(tracker.by_column[name] for name in row.diff if name in tracker.by_column):
        now, old, new = _states(change, tracker, each, item, diff=row.diff)
        if now == new and each.sealed:
            sealed |= {name: [new[name], old[name]] for name in old}
        elif now == new:
            values[each.key] = _value(each, old)
        elif now != old:
            conflicts.append(Conflict(tracker.key, item.id, each.key, "it was changed since"))
    for key in [
        key for key in values if _is_taken(change, tracker, tracker.all_fields[key], item, value=values[key])
    ]:
        del values[key]
        conflicts.append(Conflict(tracker.key, item.id, key, "its old value is used by another now"))
    save_difference(change, tracker, item, values, placing=placing, sealed=sealed)
    return conflicts


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
            conflicts.append(Conflict(tracker.key, item.id, name, "it was changed since"))
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
    return any(first[name] != last[name] for name in first if name != "deleted_cs")


# -- what stands in the way -------------------------------------------------------------------


def _listed(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], reason: str) -> list[Conflict]:
    table = tracker.table
    ids = change.execute(select(table.c.id).where(clause, clauses.as_system(tracker)).limit(1000)).scalars()
    return [Conflict(tracker.key, item_id, "", reason) for item_id in ids]


def _needed_ids(change: ChangeSet, tracker: Tracker, made: ColumnElement[bool]) -> set[int]:
    """Return the ids of new items that live items of others cannot be without."""
    table = tracker.table
    candidates = select(table.c.id).where(made, clauses.as_system(tracker))
    needed: set[int] = set()
    for other, each in links_to(change, tracker):
        if not needs_target(each):
            continue
        linking = linking_items(other, each, candidates)
        if each.many:
            side = each.side
            targets = select(side.c[each.main.name]).where(
                side.c.item_id.in_(select(other.table.c.id).where(linking)), clauses.as_system(other)
            )
        else:
            targets = select(other.table.c[each.main.name]).where(linking)
        needed |= set(change.execute(targets.distinct()).scalars())
    return needed


def _taken_ids(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> list[tuple[int, str]]:
    """Return (item, field) for items of a clause whose unique value a live item has meanwhile."""
    table, found = tracker.table, []
    other = table.alias("other")
    for each in _unique_fields(tracker):
        name = _unique_column(each)
        same = exists(
            select(other.c.id).where(
                other.c[name] == table.c[name], other.c.id != table.c.id, other.c.deleted_cs.is_(None)
            )
        )
        ids = change.execute(select(table.c.id).where(clause, same, clauses.as_system(tracker))).scalars()
        found += [(item_id, each.key) for item_id in ids]
    return found


def _taken_by_old(
    change: ChangeSet, tracker: Tracker, cs: int, columns: Iterable[str], *, between: Between
) -> list[tuple[int, str]]:
    """Return (item, field) where the old value of a unique field is another live item's by now."""
    table, found = tracker.table, []
    for each in _unique_fields(tracker):
        name = _unique_column(each)
        if name not in columns:
            continue
        held = f"json_extract(diff, '$.{name}[0]')"
        if change.dialect == "postgresql":
            held = each.compared.storage.cast_sql(f"diff->'{name}'->>0", change.dialect)
        ids = change.execute(
            select(revision.c.item_id)
            .join(table, and_(table.c[name] == literal_column(held), table.c.deleted_cs.is_(None)))
            .where(
                revision.c.tracker_id == tracker.id,
                revision.c.change_set_id == cs,
                revision.c.item_id.between(*between),
                table.c.id != revision.c.item_id,
                clauses.as_system(tracker),
            )
        ).scalars()
        found += [(item_id, each.key) for item_id in ids]
    return found


def _is_taken(change: ChangeSet, tracker: Tracker, each: BoundField, item: Item, *, value: Any) -> bool:
    if not each.unique or value is None or each.sealed:
        return False
    table, name = tracker.table, each.compared.name
    compared = each.dump(value)[each.columns.index(each.compared)]
    same = select(table.c.id).where(
        table.c[name] == compared,
        table.c.id != item.id,
        table.c.deleted_cs.is_(None),
        clauses.as_system(tracker),
    )
    return change.execute(same.limit(1)).first() is not None


def _unique_fields(tracker: Tracker) -> list[BoundField]:
    return [each for each in tracker.stored if each.unique]


def _unique_column(each: BoundField) -> str:
    return each.columns[-1].name if each.blind else each.compared.name


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
