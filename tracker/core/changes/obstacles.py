"""What stands in the way of an undo: values that are taken, targets that are gone, rights that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal_column, select

from tracker.core.access import clauses
from tracker.core.access.rights import EDIT, rights
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import MARK
from tracker.core.design.store import trackers
from tracker.core.items.trash import linking_items, links_to, needs_target

Between = tuple[int, int]
CHANGED_SINCE = "it was changed since"
PLACING = ("owner_id", "group_id")
revision = tables.revision


@dataclass(frozen=True)
class Conflict:
    """Something that an undo left as it is, and why. The item is 0 where it is not to be named."""

    tracker: str
    item_id: int
    field: str
    reason: str


def revisions_of(tracker: Tracker, cs: int, between: Between) -> ColumnElement[bool]:
    """Return the clause for the revisions of a change set in a range of items."""
    return and_(
        revision.c.tracker_id == tracker.id,
        revision.c.change_set_id == cs,
        revision.c.item_id.between(*between),
        clauses.as_system(tracker),
    )


def is_own(change: ChangeSet, cs: int) -> bool:
    """Say whether the actor made the change set; what one did, one may take back."""
    table = tables.change_set
    made_by = change.execute(select(table.c.actor_id).where(table.c.id == cs)).scalar()
    return made_by is not None and made_by == change.actor.user_id


def blocked_columns(change: ChangeSet, tracker: Tracker, columns: Iterable[str], *, own: bool) -> list[str]:
    """Return the columns that an undo must leave: of fields that are gone, or that the actor may not write.

    Owner and group go back only for administrators, or for who moved the item.
    """
    mine = rights(change)
    left = []
    for name in columns:
        field = tracker.by_column.get(name)
        moves = name in PLACING and (own or mine.unbounded)
        allowed = moves if field is None else mine.level(field) >= EDIT
        if not allowed:
            left.append(name)
    return left


# -- unique values --------------------------------------------------------------------------------


def unique_fields(tracker: Tracker) -> list[BoundField]:
    """Return the fields whose values the database keeps apart, retired ones too."""
    return [each for each in tracker.stored if each.unique]


def unique_column(each: BoundField) -> str:
    """Return the column that is unique: the blind index of a sealed field, else the folded text."""
    return each.columns[-1].name if each.blind else each.compared.name


def taken_ids(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> list[tuple[int, str]]:
    """Return (item, field) for items of a clause whose unique value a live item has meanwhile."""
    table, found = tracker.table, []
    other = table.alias("other")
    for each in unique_fields(tracker):
        name = unique_column(each)
        same = exists(
            select(other.c.id).where(
                other.c[name] == table.c[name], other.c.id != table.c.id, other.c.deleted_cs.is_(None)
            )
        )
        ids = change.execute(select(table.c.id).where(clause, same, clauses.as_system(tracker))).scalars()
        found += [(item_id, each.key) for item_id in ids]
    return found


def taken_by_old(
    change: ChangeSet, tracker: Tracker, here: ColumnElement[bool], columns: Sequence[str]
) -> set[int]:
    """Return the items whose old unique value, in some revisions, is another live item's by now."""
    table, found = tracker.table, set[int]()
    for each in unique_fields(tracker):
        name = unique_column(each)
        if name in columns:
            old: ColumnElement[Any] = literal_column(_old(change, each, name))
            other = and_(table.c[name] == old, table.c.deleted_cs.is_(None), table.c.id != revision.c.item_id)
            statement = select(revision.c.item_id).select_from(revision.join(table, other)).where(here)
            found |= set(change.execute(statement).scalars())
    return found


def is_taken(change: ChangeSet, tracker: Tracker, each: BoundField, item: Item, *, state: Any) -> bool:
    """Say whether another live item has the value that a field's columns would get back."""
    if not each.unique or each.many:
        return False
    name = unique_column(each)
    if state.get(name) is None:
        return False
    storage = next(physical.storage for physical in each.columns if physical.name == name)
    table = tracker.table
    same = select(table.c.id).where(
        table.c[name] == storage.from_json(state[name]),
        table.c.id != item.id,
        table.c.deleted_cs.is_(None),
        clauses.as_system(tracker),
    )
    return change.execute(same.limit(1)).first() is not None


# -- links ----------------------------------------------------------------------------------------


def dead_by_old(
    change: ChangeSet, tracker: Tracker, here: ColumnElement[bool], columns: Sequence[str]
) -> set[int]:
    """Return the items whose old links, in some revisions, point into the trash by now."""
    found: set[int] = set()
    for each, target in _links_in(change, tracker, columns):
        table = target.table
        if not each.many:
            old: ColumnElement[Any] = literal_column(_old(change, each, each.main.name))
            statement = (
                select(revision.c.item_id)
                .select_from(revision.join(table, table.c.id == old))
                .where(here, table.c.deleted_cs.is_not(None), clauses.as_system(target))
            )
        else:
            statement = select(revision.c.item_id).where(
                here, literal_column(_dead_element(change, each, target))
            )
        found |= set(change.execute(statement).scalars())
    return found


def is_dead(change: ChangeSet, each: BoundField, value: Any) -> bool:
    """Say whether a link's value points into the trash."""
    if each.refers != "item" or value is None:
        return False
    target = trackers(change).by_key.get(each.type.options.to)
    if target is None:
        return True
    ids = [getattr(element, "target", element) for element in value] if each.many else [value]
    table = target.table
    dead = select(table.c.id).where(
        table.c.id.in_(ids), table.c.deleted_cs.is_not(None), clauses.as_system(target)
    )
    return change.execute(dead.limit(1)).first() is not None


def lacking_ids(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool]) -> set[int]:
    """Return the items of a clause whose required link points into the trash."""
    table, found = tracker.table, set[int]()
    for each in tracker.fields.values():
        if each.refers != "item" or each.many or each.computed or not each.definition.required:
            continue
        target = trackers(change).by_key.get(each.type.options.to)
        if target is None:
            continue
        other = target.table.alias("target")
        dead = select(other.c.id).where(other.c.deleted_cs.is_not(None), clauses.as_system(target))
        statement = select(table.c.id).where(
            clause, table.c[each.main.name].in_(dead), clauses.as_system(tracker)
        )
        found |= set(change.execute(statement).scalars())
    return found


def needed_ids(
    change: ChangeSet, tracker: Tracker, made: ColumnElement[bool], *, cs: int, left: set[int]
) -> set[int]:
    """Return the ids of new items that items cannot be without which stay: live ones that `cs` did not make.

    A locked item keeps its links, so it is not without what it links to.

    :param left: new items that stay for other reasons; what they need stays, too.
    """
    needed: set[int] = set()
    while True:
        more = _targets_of_staying(change, tracker, made, cs=cs, staying=left | needed) - needed - left
        if not more:
            return needed
        needed |= more


def _targets_of_staying(
    change: ChangeSet, tracker: Tracker, made: ColumnElement[bool], *, cs: int, staying: set[int]
) -> set[int]:
    table = tracker.table
    candidates = select(table.c.id).where(made, clauses.as_system(tracker))
    found: set[int] = set()
    for other, each in links_to(change, tracker):
        stays = linking_items(other, each, candidates)
        if not needs_target(each):
            stays = and_(stays, other.table.c.locked_cs.is_not(None))
        if other.id == tracker.id:
            going = and_(other.table.c.created_cs == cs, other.table.c.id.not_in(staying))
            stays = and_(stays, ~going)
        if each.many:
            side = each.side
            targets = select(side.c[each.main.name]).where(
                side.c.item_id.in_(select(other.table.c.id).where(stays)), clauses.as_system(other)
            )
        else:
            targets = select(other.table.c[each.main.name]).where(stays)
        found |= set(change.execute(targets.distinct()).scalars())
    own = set(change.execute(candidates).scalars())
    return found & own


def _links_in(
    change: ChangeSet, tracker: Tracker, columns: Sequence[str]
) -> list[tuple[BoundField, Tracker]]:
    known = trackers(change).by_key
    fields = dict.fromkeys(tracker.by_column[name] for name in columns if name in tracker.by_column)
    links = [each for each in fields if each.refers == "item" and not each.computed]
    return [(each, known[each.type.options.to]) for each in links if each.type.options.to in known]


def _old(change: ChangeSet, each: BoundField, name: str) -> str:
    """Return SQL for the old value of a column in a revision's diff."""
    if change.dialect == "sqlite":
        return f"json_extract(sys_revision.diff, '$.{name}[0]')"
    storage = next(physical.storage for physical in each.columns if physical.name == name)
    return storage.cast_sql(f"sys_revision.diff->'{name}'->>0", change.dialect)


def _dead_element(change: ChangeSet, each: BoundField, target: Tracker) -> str:
    """Return SQL that is true when a revision's old list of links has one into the trash."""
    name, table = each.definition.column, target.table_name
    if change.dialect == "sqlite":
        elements = f"json_each(sys_revision.diff, '$.{name}[0]') AS e"
        item = "json_extract(e.value, '$[0]')"
    else:
        old = f"sys_revision.diff->'{name}'->0"
        elements = f"jsonb_array_elements(CASE jsonb_typeof({old}) WHEN 'array' THEN {old} ELSE '[]' END) AS e(value)"
        item = "(e.value->>0)::bigint"
    return (
        f"EXISTS (SELECT 1 FROM {elements} JOIN {table} AS target ON target.id = {item}"
        f" WHERE target.deleted_cs IS NOT NULL /*{MARK}:{table}*/)"
    )
