"""Locks and unlocks turned back, with what an undo says of items that are locked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, not_, select

from tracker.core.access import clauses
from tracker.core.ask.locks import locks_of
from tracker.core.base import tables
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet
from tracker.core.changes.obstacles import Between, Conflict, revisions_of
from tracker.core.design.bound import Tracker
from tracker.core.items.bulk import write_columns
from tracker.core.items.lock import LOCK
from tracker.core.items.rows import names_column
from tracker.core.items.trash import hold

revision = tables.revision


def locks(change: ChangeSet) -> ColumnElement[bool]:
    """Return the clause for revisions that locked or unlocked an item; they hold nothing else."""
    return names_column(change.dialect, LOCK.name)


def undo_locks(change: ChangeSet, tracker: Tracker, cs: int, *, between: Between) -> list[Conflict]:
    """Unlock what the change set locked, and lock what it unlocked as it was, by the right to lock."""
    table = tracker.table
    here = and_(revisions_of(tracker, cs, between), locks(change))
    old, new = _state(change, 0), _state(change, 1)
    allowed = clauses.where(change, "lock", tracker, form="set")
    conflicts: list[Conflict] = []
    hold(change, tracker, table.c.id.in_(select(revision.c.item_id).where(here)))
    for row in change.execute(select(old, new).where(here).distinct()).all():
        was, became = tuple(row)
        mine = select(revision.c.item_id).where(here, old.is_not_distinct_from(was))
        those = and_(table.c.id.in_(mine), table.c.id.between(*between))
        stands = and_(those, table.c.deleted_cs.is_(None), table.c.locked_cs.is_not_distinct_from(became))
        what = "unlock" if was is None else "lock"
        conflicts += _left(change, tracker, and_(stands, not_(allowed)), f"you may not {what} it")
        other = and_(
            those,
            not_(stands),
            table.c.locked_cs.is_not(None) if was is None else table.c.locked_cs.is_(None),
        )
        conflicts += _left(change, tracker, other, "it was locked, unlocked or trashed since")
        write_columns(change, tracker, and_(stands, allowed), {LOCK: was}, between=between)
    return conflicts


def _left(change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], reason: str) -> list[Conflict]:
    found = select(tracker.table.c.id).where(clause, clauses.as_system(tracker)).limit(1000)
    return [Conflict(tracker.key, each, "", reason) for each in change.execute(found).scalars()]


def _state(change: ChangeSet, place: int) -> ColumnElement[Any]:
    """Return the change set that held the lock before (0) or after (1) a revision."""
    if change.dialect == "sqlite":
        return literal_column(f"json_extract(sys_revision.diff, '$.{LOCK.name}[{place}]')", Id)
    return literal_column(f"CAST(sys_revision.diff->'{LOCK.name}'->>{place} AS bigint)", Id)


def name_locks(change: ChangeSet, tracker: Tracker, conflicts: list[Conflict]) -> list[Conflict]:
    """Return the conflicts of a tracker; of items left as they are for a lock, with the sentence of it."""
    whole = [each.item_id for each in conflicts if not each.field]
    held = locks_of(change, tracker, whole) if whole else {}
    return [
        Conflict(each.tracker, each.item_id, "", str(held[each.item_id]))
        if not each.field and each.item_id in held
        else each
        for each in conflicts
    ]
