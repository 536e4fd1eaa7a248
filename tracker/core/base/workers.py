"""Signs of life of workers: one row each, so that anybody can see whether jobs are being done."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from tracker.core.base.tables import worker as table

EVERY = timedelta(seconds=20)  # between two signs
GONE_AFTER = timedelta(minutes=2)  # a worker that was not seen for so long is taken for dead
FORGOTTEN_AFTER = timedelta(days=7)


def show(connection: Connection, name: str, *, now: datetime) -> None:
    """Note that the worker of that name is alive."""
    seen = connection.execute(update(table).where(table.c.name == name).values(seen_at=now))
    if not seen.rowcount:
        connection.execute(insert(table), {"name": name, "started_at": now, "seen_at": now})


def leave(connection: Connection, name: str) -> None:
    """Note that the worker ended as it should."""
    connection.execute(delete(table).where(table.c.name == name))


def forget(connection: Connection, *, now: datetime) -> None:
    """Remove workers that died long ago."""
    connection.execute(delete(table).where(table.c.seen_at < now - FORGOTTEN_AFTER))


def last_seen(connection: Connection) -> datetime | None:
    """Return when a worker was last seen; None when none runs, nor has died lately."""
    seen: datetime | None = connection.execute(select(func.max(table.c.seen_at))).scalar()
    return seen
