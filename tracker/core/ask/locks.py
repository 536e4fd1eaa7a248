"""Who locked an item, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from tracker.core.access.clauses import as_system
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.errors import Locked


@dataclass(frozen=True)
class Lock:
    """Who locked an item, and when."""

    by: str
    at: datetime


def lock_of(reading: Reading, item: Item) -> Lock | None:
    """Return the lock of an item that the actor was given; None where it is not locked."""
    if item.locked_cs is None:
        return None
    table = tables.change_set
    row = reading.execute(select(table.c.actor_name, table.c.at).where(table.c.id == item.locked_cs)).one()
    return Lock(row.actor_name, row.at)


def locked(reading: Reading, item: Item) -> Locked | None:
    """Return the refusal to change an item that the actor was given; None where it is not locked."""
    lock = lock_of(reading, item)
    return None if lock is None else _refusal(reading, lock)


def locks_of(reading: Reading, tracker: Tracker, ids: Sequence[int]) -> dict[int, Locked]:
    """Return the refusals to change those of some items that are locked; the engine's own look.

    Only who may know of an item is to be told its lock.
    """
    table, made = tracker.table, tables.change_set
    statement = (
        select(table.c.id, made.c.actor_name, made.c.at)
        .join(made, made.c.id == table.c.locked_cs)
        .where(among(table.c.id, reading.dialect), as_system(tracker))
    )
    rows = reading.execute(statement, given(reading, ids)).all()
    return {row.id: _refusal(reading, Lock(row.actor_name, row.at)) for row in rows}


def _refusal(reading: Reading, lock: Lock) -> Locked:
    reader = reading.actor.reader
    return Locked(lock.by, reader.date(lock.at.astimezone(reader.zone).date()))
