"""The database as such: its files, its indexes, its schema, and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tracker.core.base import tables
from tracker.core.base.database import without_values
from tracker.core.base.house import read_setting
from tracker.core.base.migrations import current, newest
from tracker.core.base.secret import CHECK
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.errors import Misconfigured
from tracker.settings import SECRET_FILE, derive

APART = timedelta(minutes=1)  # by which two clocks may differ
MOST = 20  # lines of what SQLite finds wrong
RESTORE = (
    "Stop Tracker, keep a copy of the database as it is, and restore the last good backup (docs/backups.md)."
)


def check_schema(look: Look) -> bool:
    """Say whether the system tables are those of this version; without them nothing else can be looked at."""
    with look.workspace.database.reading() as connection:
        there, wanted = current(connection), newest()
    if there == wanted:
        return True
    told = f"at revision {there}" if there else "empty"
    what = f"The database is {told}, and this version of Tracker needs revision {wanted}."
    todo = "Install the version of Tracker that wrote it, or a later one."
    if there is None or there < wanted:
        todo = "Run: tracker upgrade"
    look.found.add(Finding("schema", "database", what, todo))
    return False


def check_integrity(look: Look) -> None:
    """Have the database look at its own pages, indexes and references."""
    (_check_sqlite if look.workspace.database.dialect == "sqlite" else _check_postgresql)(look)


def _check_sqlite(look: Look) -> None:
    with look.reading() as reading:
        said = reading.execute(text(f"PRAGMA integrity_check({MOST})")).scalars().all()
        lost: Sequence[Any] = reading.execute(text("PRAGMA foreign_key_check")).all()
    for line in said if said != ["ok"] else ():
        look.found.add(Finding("integrity", line, f"SQLite finds a fault in the file: {line}.", RESTORE))
    for row in lost:
        what = f"Rows of {row[0]} belong to rows of {row[2]} that are not there."
        look.found.add(Finding("references", f"{row[0]}.{row[2]}", what, RESTORE), row[1] or 0)


_INDEXES = """
SELECT c.oid, c.relname, i.indisvalid AND i.indisready AS valid, t.relname AS of, a.amname = 'btree' AS is_btree
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am a ON a.oid = c.relam WHERE c.relnamespace = current_schema()::regnamespace ORDER BY c.relname"""
_CONSTRAINTS = """
SELECT conname, conrelid::regclass::text AS of FROM pg_constraint
WHERE NOT convalidated AND connamespace = current_schema()::regnamespace"""


def _check_postgresql(look: Look) -> None:
    with look.reading() as reading:
        indexes = reading.execute(text(_INDEXES)).all()
        constraints = reading.execute(text(_CONSTRAINTS)).all()
        failures = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        broken = reading.execute(text(failures)).scalar()
        has_amcheck = reading.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).scalar()
    for row in indexes:
        if not row.valid:
            what = f"The index {row.relname} of {row.of} is not valid, so nothing uses or keeps it."
            look.found.add(Finding("index_invalid", row.relname, what, f"Run: REINDEX INDEX {row.relname};"))
    for row in constraints:
        what = f"The constraint {row.conname} of {row.of} was never validated."
        todo = f"Run: ALTER TABLE {row.of} VALIDATE CONSTRAINT {row.conname};"
        look.found.add(Finding("references", row.conname, what, todo))
    if broken:
        what = f"PostgreSQL read {broken:,} page(s) whose checksum is wrong: the disk loses data."
        look.found.add(Finding("integrity", "checksums", what, RESTORE))
    if not has_amcheck:
        told = "Indexes were not compared with their tables: that needs the extension amcheck of PostgreSQL."
        look.found.skipped.append(told)
        return
    for row in indexes:
        if row.valid and row.is_btree:
            _compare_index(look, row.oid, row.relname)


def _compare_index(look: Look, oid: int, name: str) -> None:
    """Have amcheck compare an index with its order, and with --full with its table."""
    statement = "SELECT bt_index_check(CAST(:oid AS oid)::regclass, :all) FROM pg_class WHERE oid = :oid"
    try:
        with look.reading() as reading:
            reading.execute(text(statement), {"oid": oid, "all": look.full})
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", "") or ""
        if state == "42501":
            look.found.skipped.append(f"The index {name} was not compared: amcheck is for superusers here.")
            return
        told = (error.orig and without_values(error.orig)) or type(error.orig).__name__
        todo = f"Run: REINDEX INDEX {name};"
        look.found.add(Finding("integrity", name, f"The index {name} is damaged: {told}.", todo))


def check_secret(look: Look) -> None:
    """See that the secret of this installation is there, and the one with which the workspace began."""
    file = look.workspace.home / SECRET_FILE
    with look.reading() as reading:
        check = read_setting(reading, CHECK)
    try:
        right = check is None or derive(file, "check").hex() == check
        what = f"{file} holds the secret of another workspace."
    except Misconfigured as error:
        right, what = False, str(error)
    if not right:
        todo = "Copy secret.key from another server of this workspace, or from where it is kept beside the backups."
        look.found.add(Finding("secret", str(file), what, todo))


def check_clock(look: Look) -> None:
    """Compare the clocks of this machine and of the database, and look for what was written in the future."""
    with look.reading() as reading:
        here = reading.workspace.clock()
        there = _database_clock(reading)
        last = reading.execute(select(func.max(tables.change_set.c.at))).scalar()
    todo = "Have both machines take the time from a time server (timedatectl set-ntp true)."
    if there is not None and abs(there - here) > APART:
        seconds = round((there - here).total_seconds())
        told = "ahead of" if seconds > 0 else "behind"
        what = f"The clock of the database is {abs(seconds):,} s {told} that of this machine."
        look.found.add(Finding("clock", "database", what, todo))
    if last is not None and last > here + APART:
        what = f"The last change set is of {last:%Y-%m-%d %H:%M:%S} UTC, which is in the future."
        more = f"{todo} If the clock was wrong only then, wait until that moment has passed."
        look.found.add(Finding("clock", "history", what, more))


def _database_clock(reading: Reading) -> datetime | None:
    if reading.dialect == "sqlite":
        return None  # it runs on this machine
    return reading.execute(text("SELECT clock_timestamp()")).scalar()
