"""Locking items: nobody changes or trashes one until it is unlocked."""

from __future__ import annotations

from sqlalchemy import and_

from tracker.core.access.rights import require
from tracker.core.ask.page import get_item
from tracker.core.ask.query import Query
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import Physical, Tracker
from tracker.core.items import judge
from tracker.core.items.bulk import Selection, chosen, id_ranges, write_columns
from tracker.fields.base import Part
from tracker.fields.storage import Storage

LOCK = Physical("locked_cs", Part("", Storage.INTEGER))


def lock_items(change: ChangeSet, tracker: Tracker, selection: Selection) -> int:
    """Lock the items of a selection; return how many. Those that are locked already stay as they are.

    :raises Forbidden: the actor may lock no item of the tracker.
    :raises NotFound: a single named item is not there for the actor.
    """
    return _set_lock(change, tracker, selection, locking=True)


def unlock_items(change: ChangeSet, tracker: Tracker, selection: Selection) -> int:
    """Unlock the items of a selection, whoever locked them; return how many. The right to it is that of locking.

    :raises Forbidden: the actor may lock no item of the tracker.
    :raises NotFound: a single named item is not there for the actor.
    """
    return _set_lock(change, tracker, selection, locking=False)


def _set_lock(change: ChangeSet, tracker: Tracker, selection: Selection, *, locking: bool) -> int:
    tracker = judge.current(change, tracker)
    require(change, "lock", tracker)
    table = tracker.table
    stands = table.c.locked_cs.is_(None) if locking else table.c.locked_cs.is_not(None)
    clause = and_(stands, chosen(change, tracker, selection, "lock"))
    done = 0
    for low, high in id_ranges(change, tracker, clause):
        part = and_(table.c.id.between(low, high), clause)
        done += write_columns(
            change, tracker, part, {LOCK: change.id if locking else None}, between=(low, high)
        )
    if not done and not isinstance(selection, Query) and len(selection) == 1:
        get_item(change, tracker, selection[0], fields=(), action="lock")
    return done
