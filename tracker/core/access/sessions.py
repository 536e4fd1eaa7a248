"""Who is signed in: sessions, one-time links and the brake on guessing. All in the database, tokens as hashes.

Functions are handed a `ChangeSet` of the system for its transaction; none of them leaves a change set behind.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.errors import Refused, TrackerError
from tracker.i18n import Message, _

IDLE = timedelta(days=7)
LONGEST = timedelta(days=30)
FRESH = timedelta(minutes=15)
TOUCHED_EVERY = timedelta(minutes=5)
LINK_LASTS = timedelta(days=3)
TOKEN_BYTES = 32
MOST_MINUTES = 15
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Session:
    """One browser in which a person is signed in."""

    hash: str
    user_id: int
    created_at: datetime
    verified_at: datetime  # when the password was given last
    seen_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Say whether the password was given so lately that it need not be asked for again."""
        return now - self.verified_at <= FRESH

    def is_due(self, now: datetime) -> bool:
        """Say whether it is time to note that the session is still in use."""
        return now - self.seen_at >= TOUCHED_EVERY


@dataclass(frozen=True)
class Once:
    """A one-time link: what it is for, and for whom; `user_id` is None while the person does not exist."""

    hash: str
    purpose: str
    user_id: int | None


class LinkGone(TrackerError):
    """A one-time link that was used, is too old, or never was: one sentence for all."""

    code, status = "link_gone", 410

    def __init__(self) -> None:
        super().__init__(_("This link was used already or is too old. Ask an administrator for a new one."))


def hash_of(token: str) -> str:
    """Return what is kept of a token. It has 256 random bits, so one fast round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


# -- sessions -----------------------------------------------------------------------------------


def start(change: ChangeSet, user_id: int) -> str:
    """Sign a person in and return the token for the cookie; sessions that have ended are swept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    table, now = tables.session, change.now
    change.execute(delete(table).where(or_(table.c.expires_at <= now, table.c.seen_at <= now - IDLE)))
    row = {
        "hash": hash_of(token),
        "user_id": user_id,
        "created_at": now,
        "verified_at": now,
        "seen_at": now,
        "expires_at": now + LONGEST,
    }
    change.execute(insert(table), row)
    return token


def find(reading: Reading, token: str) -> Session | None:
    """Return the session of a token, or None: unknown, ended, idle too long, or its person is shut out."""
    table, user = tables.session, tables.user
    row = reading.execute(
        select(table.c.hash, table.c.user_id, table.c.created_at, table.c.verified_at, table.c.seen_at)
        .join(user, user.c.id == table.c.user_id)
        .where(
            table.c.hash == hash_of(token),
            table.c.expires_at > reading.now,
            table.c.seen_at > reading.now - IDLE,
            user.c.disabled.is_(False),
        )
    ).one_or_none()
    return None if row is None else Session(**row._mapping)


def touch(change: ChangeSet, session: Session) -> None:
    """Note that a session is still in use."""
    _set(change, session, seen_at=change.now)


def verify(change: ChangeSet, session: Session) -> None:
    """Note that the password was given again just now."""
    _set(change, session, seen_at=change.now, verified_at=change.now)


def _set(change: ChangeSet, session: Session, **values: datetime) -> None:
    table = tables.session
    change.execute(update(table).where(table.c.hash == session.hash).values(**values))


def end(change: ChangeSet, session: Session) -> None:
    """Sign out of one browser."""
    table = tables.session
    change.execute(delete(table).where(table.c.hash == session.hash))


def end_all(change: ChangeSet, user_id: int, *, but: Session | None = None) -> int:
    """Sign a person out everywhere, or everywhere but here; return how many sessions ended."""
    table = tables.session
    statement = delete(table).where(table.c.user_id == user_id)
    if but is not None:
        statement = statement.where(table.c.hash != but.hash)
    return int(change.execute(statement).rowcount)


def sessions_of(reading: Reading, user_id: int) -> list[Session]:
    """Return the sessions of a person that stand, latest use first."""
    table = tables.session
    rows = reading.execute(
        select(table.c.hash, table.c.user_id, table.c.created_at, table.c.verified_at, table.c.seen_at)
        .where(
            table.c.user_id == user_id, table.c.expires_at > reading.now, table.c.seen_at > reading.now - IDLE
        )
        .order_by(table.c.seen_at.desc())
    )
    return [Session(**row._mapping) for row in rows]


# -- one-time links -----------------------------------------------------------------------------


def make(
    change: ChangeSet, purpose: str, user_id: int | None = None, *, lasts: timedelta = LINK_LASTS
) -> str:
    """Return the token of a new one-time link; an older one for the same purpose and person stops to work.

    :param purpose: such as `welcome`; a link of one purpose opens nothing else.
    :param user_id: whom it is for; None for someone who does not exist yet, as the first administrator.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    table = tables.once
    whose = table.c.user_id.is_(None) if user_id is None else table.c.user_id == user_id
    change.execute(
        delete(table).where(or_(table.c.expires_at <= change.now, (table.c.purpose == purpose) & whose))
    )
    row = {
        "hash": hash_of(token),
        "purpose": purpose,
        "user_id": user_id,
        "expires_at": change.now + lasts,
        "used_at": None,
    }
    change.execute(insert(table), row)
    return token


def look(reading: Reading, token: str, purpose: str) -> Once:
    """Return what a link is for, without using it: mail programs open links to look at them.

    :raises LinkGone: it was used, is too old, has another purpose, or never was.
    """
    table = tables.once
    row = reading.execute(
        select(table.c.hash, table.c.purpose, table.c.user_id).where(
            table.c.hash == hash_of(token),
            table.c.purpose == purpose,
            table.c.used_at.is_(None),
            table.c.expires_at > reading.now,
        )
    ).one_or_none()
    if row is None:
        raise LinkGone
    return Once(**row._mapping)


def use(change: ChangeSet, token: str, purpose: str) -> Once:
    """Use a link up and return what it was for; of two at once, one succeeds.

    :raises LinkGone: it was used, is too old, has another purpose, or never was.
    """
    once = look(change, token, purpose)
    table = tables.once
    used = change.execute(
        update(table).where(table.c.hash == once.hash, table.c.used_at.is_(None)).values(used_at=change.now)
    )
    if not used.rowcount:
        raise LinkGone
    return once


# -- the brake on guessing ----------------------------------------------------------------------


class Throttled(Refused):
    """Too many tries; says when the next one counts."""

    code, status = "throttled", 429

    def __init__(self, minutes: int) -> None:
        super().__init__(_wait(minutes))
        self.minutes = minutes


def _wait(minutes: int) -> Message:
    if minutes == 1:
        return _("That were too many tries. Wait a minute, then try again.")
    return _("That were too many tries. Wait %(minutes)d minutes, then try again.", minutes=minutes)


def charge(change: ChangeSet, name: str, *, free: int) -> None:
    """Count one try under a name before it is judged, so that many at once cannot slip through.

    The first `free` tries cost nothing; each further one shuts the name for 1, 2, 4 ... 15 minutes.
    An hour after that, all is forgotten.

    :raises Throttled: the name is shut; this try does not count.
    """
    table, key = tables.throttle, hash_of(name)
    row = change.execute(
        select(table.c.failures, table.c.until).where(table.c.name == key).with_for_update()
    ).one_or_none()
    if row is None:
        change.execute(insert(table), {"name": key, "failures": 1, "until": change.now})
        return
    if row.until > change.now:
        raise Throttled(math.ceil((row.until - change.now).total_seconds() / 60))
    failures = 1 if change.now - row.until > FORGOTTEN_AFTER else row.failures + 1
    minutes = min(2 ** min(failures - free - 1, 10), MOST_MINUTES) if failures > free else 0
    change.execute(
        update(table)
        .where(table.c.name == key)
        .values(failures=failures, until=change.now + timedelta(minutes=minutes))
    )


def give_back(change: ChangeSet, name: str, *, all_of_it: bool = False) -> None:
    """Take back the try that `charge` counted, as it was right; or forget the name."""
    table, key = tables.throttle, hash_of(name)
    if all_of_it:
        change.execute(delete(table).where(table.c.name == key))
        return
    change.execute(
        update(table)
        .where(table.c.name == key, table.c.failures > 0)
        .values(failures=table.c.failures - 1, until=change.now)
    )
