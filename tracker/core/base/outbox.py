"""The outbox: jobs written in the transaction of their cause, taken by lease, and never lost.

States: `due` → `taken` → `done`, or back to `due` after a failure, or `dead` after the last one. A job
that does what cannot be undone says `sending` first; if its worker dies then, it is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from tracker.core.base.tables import job as table

MOST_TRIES = 12
LONGEST_WAIT = timedelta(minutes=60)
KEPT = timedelta(days=30)  # how long a job that is done is shown
LEASE_S = 120
STATES = ("due", "taken", "sending", "unknown", "done", "dead")
HELD = ("taken", "sending")


@dataclass(frozen=True)
class Job:
    """A row of the outbox. `lease` is the proof of a claim: whoever lost it can no longer end the job."""

    id: int
    topic: str
    payload: Mapping[str, Any]
    change_set_id: int | None
    state: str
    due_at: datetime
    lease: str | None
    lease_until: datetime | None
    attempts: int
    progress: Mapping[str, Any] | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def key(self) -> str:
        """The same at every repetition, and no other job's: what receivers are given to know a repetition."""
        return f"{self.id:x}-{int(self.created_at.timestamp() * 1_000_000):x}"


_COLUMNS = [table.c[field.name] for field in fields(Job)]


# -- taking -------------------------------------------------------------------------------------


def is_anything_due(connection: Connection, *, now: datetime, topics: Iterable[str] | None = None) -> bool:
    """Return whether a claim would find, or tidy up, anything: a look that takes no lock."""
    given_up = or_(table.c.state == "sending", table.c.attempts >= MOST_TRIES)
    open_ = or_(_due(now, topics), table.c.state.in_(HELD) & (table.c.lease_until <= now) & given_up)
    return connection.execute(select(table.c.id).where(open_).limit(1)).first() is not None


def claim(
    connection: Connection,
    worker: str,
    *,
    now: datetime,
    topics: Iterable[str] | None = None,
    lease_s: float = LEASE_S,
    limit: int = 50,
) -> list[Job]:
    """Take due jobs for this worker and return them, oldest first.

    A claim is a lease: a worker that dies gives its jobs back after `lease_s`, and they are claimed
    again, except those already marked `sending`, which become `unknown`, and those that took their worker
    down at the last try, which are `dead`. Two workers never hold the same one.

    :param connection: in a transaction that may write; the claim holds once it commits.
    :param now: aware UTC time; tests pass their own clock.
    :param topics: take only these; others wait for a worker that knows them. None takes all.
    :param lease_s: seconds to keep the claim; renew it before they are over.
    :param limit: at most this many, 1 to 500.
    :returns: jobs in `due_at` order; an empty list when nothing is due.
    :raises ValueError: `now` has no time zone, or `limit` is out of range.
    """
    if now.tzinfo is None:
        raise ValueError("`now` needs a time zone")
    if not 1 <= limit <= 500:
        raise ValueError("`limit` is 1 to 500")
    _give_up(connection, now)
    # SQLite has one writer, whose lock this transaction holds; PostgreSQL steps over others' rows.
    found = connection.execute(
        select(table.c.id)
        .where(_due(now, topics))
        .order_by(table.c.due_at, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(table)
        .where(table.c.id.in_(list(found.scalars())))
        .values(
            state="taken",
            lease=f"{worker}:{uuid4().hex}",
            lease_until=now + timedelta(seconds=lease_s),
            attempts=table.c.attempts + 1,
        )
        .returning(*_COLUMNS)
    )
    return sorted((_job(row) for row in taken), key=lambda job: (job.due_at, job.id))


def renew(connection: Connection, job: Job, *, now: datetime, lease_s: float = LEASE_S) -> bool:
    """Keep the claim for another `lease_s`; False means that it was lost to another worker."""
    return _move(connection, job, lease_until=now + timedelta(seconds=lease_s))


def note(
    connection: Connection, job: Job, place: Mapping[str, Any], *, now: datetime, lease_s: float = LEASE_S
) -> bool:
    """Note how far the job came, and renew the claim; False means that it was lost."""
    return _move(connection, job, progress=dict(place), lease_until=now + timedelta(seconds=lease_s))


def mark_sending(connection: Connection, job: Job) -> bool:
    """Note that from the commit on, the effect may have happened; False means that the claim was lost."""
    return _move(connection, job, state="sending")


# -- ending -------------------------------------------------------------------------------------


def ack(connection: Connection, job: Job, *, now: datetime) -> bool:
    """End a job that is done; False means that the claim was lost, and another worker will end it."""
    return _move(connection, job, state="done", ended_at=now, lease=None, lease_until=None, error=None)


def fail(connection: Connection, job: Job, error: str, *, now: datetime, final: bool = False) -> str | None:
    """Put a failed job back for 1, 2, 4 ... up to 60 minutes; after the last try, or if `final`, it is dead.

    :param error: what is shown of the failure; it holds no values of items.
    :returns: the new state, or None when the claim was lost.
    """
    if final or job.attempts >= MOST_TRIES:
        ended = _move(connection, job, state="dead", ended_at=now, lease=None, lease_until=None, error=error)
        return "dead" if ended else None
    wait = min(timedelta(minutes=2 ** (job.attempts - 1)), LONGEST_WAIT)
    put = _move(connection, job, state="due", due_at=now + wait, lease=None, lease_until=None, error=error)
    return "due" if put else None


def doubt(connection: Connection, job: Job, error: str, *, now: datetime) -> bool:
    """Leave a job whose effect may have happened to a person: it is not repeated by itself."""
    return _move(connection, job, state="unknown", ended_at=now, lease=None, lease_until=None, error=error)


def release(connection: Connection, job: Job) -> bool:
    """Give a job back at once, as if it had not been taken; False means that the claim was lost."""
    return _move(connection, job, state="due", lease=None, lease_until=None, attempts=job.attempts - 1)


# -- looking after ------------------------------------------------------------------------------


def list_jobs(
    connection: Connection, *, states: Iterable[str] = STATES, before: int | None = None, limit: int = 100
) -> list[Job]:
    """Return jobs, newest first; `before` is the id of the last one of the page before."""
    query = select(*_COLUMNS).where(table.c.state.in_(list(states))).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.id < before)
    return [_job(row) for row in connection.execute(query)]


def count_jobs(connection: Connection) -> dict[str, int]:
    """Return the number of jobs in each state."""
    rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in rows}


def retry(connection: Connection, ids: Iterable[int] | None = None, *, now: datetime) -> int:
    """Make jobs due that are dead, unknown or waiting after a failure; return how many.

    :param ids: None means all that are dead.
    """
    ended = table.c.state == "dead"
    if ids is not None:
        ended = table.c.state.in_(("dead", "unknown", "due")) & table.c.id.in_(list(ids))
    made = connection.execute(
        update(table).where(ended).values(state="due", due_at=now, attempts=0, ended_at=None)
    )
    return made.rowcount


def sweep(connection: Connection, *, now: datetime) -> int:
    """Remove jobs that have been done for 30 days; return how many. What failed stays until someone looks."""
    old = (table.c.state == "done") & (table.c.ended_at < now - KEPT)
    return connection.execute(delete(table).where(old)).rowcount


def _due(now: datetime, topics: Iterable[str] | None) -> ColumnElement[bool]:
    ready = or_(
        (table.c.state == "due") & (table.c.due_at <= now),
        (table.c.state == "taken") & (table.c.lease_until <= now),
    )
    return ready if topics is None else ready & table.c.topic.in_(list(topics))


def _give_up(connection: Connection, now: datetime) -> None:
    late = table.c.lease_until <= now
    connection.execute(
        update(table)
        .where(table.c.state == "sending", late)
        .values(
            state="unknown",
            ended_at=now,
            lease=None,
            lease_until=None,
            error="The worker died while sending: it may have happened.",
        )
    )
    connection.execute(
        update(table)
        .where(table.c.state == "taken", late, table.c.attempts >= MOST_TRIES)
        .values(state="dead", ended_at=now, lease=None, lease_until=None, error="Each worker died over it.")
    )


def _move(connection: Connection, job: Job, **values: Any) -> bool:
    held = (table.c.id == job.id) & (table.c.lease == job.lease) & table.c.state.in_(HELD)
    return connection.execute(update(table).where(held).values(values)).rowcount == 1


def _job(row: Any) -> Job:
    return Job(**row._mapping)
