"""Bringing the system tables of an older database up to this version."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tracker.core.base.database import Database
from tracker.errors import Misconfigured
from tracker.i18n import _

HERE = Path(__file__).parent
LOCK = 7306071  # one number for the advisory lock on PostgreSQL


def upgrade(database: Database) -> None:
    """Run the missing migrations, one process at a time; on SQLite a copy of an older file is kept first.

    :raises Misconfigured: a later version of Tracker wrote the database.
    """
    with database.reading() as connection:
        found = current(connection)
    head = newest()
    if found == head:
        return
    if found is not None and found > head:
        raise Misconfigured(
            _(
                "The database was brought up to revision %(found)s by a later version of Tracker, and this one knows "
                "%(head)s at most: install that version.",
                found=found,
                head=head,
            )
        )
    if found is not None:
        keep_copy(database, found)
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if current(connection) != head:
            migrate(connection, head)


def current(connection: Connection) -> str | None:
    """Return the revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("sys_alembic"):
        return None
    return connection.execute(text("SELECT version_num FROM sys_alembic")).scalar()


def newest() -> str:
    """Return the revision that this version of Tracker needs: the last file of `versions/`."""
    return revisions()[-1]


def revisions() -> list[str]:
    """Return all revisions that there ever were, in order."""
    return sorted(path.stem.split("_")[0] for path in (HERE / "versions").glob("[0-9]*.py"))


def migrate(connection: Connection, revision: str) -> None:
    """Run Alembic's migrations up to `revision` in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def keep_copy(database: Database, revision: str) -> Path | None:
    """Copy a SQLite file aside before it is changed, and return the copy's path.

    Of several processes that start at once the first gives the copy its name; nobody migrates before it has one.
    """
    if database.path is None:
        return None
    copy = database.path.with_name(f"{database.path.name}.before-{revision}")
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.half{os.getpid()}")
        half.unlink(missing_ok=True)
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA query_only = OFF")  # an earlier reader may have left it on
            connection.info.pop("writes", None)
            driver.execute("VACUUM INTO ?", (str(half),))
        with suppress(FileExistsError):
            copy.hardlink_to(half)  # unlike a rename it replaces no copy that another process made
        half.unlink()
    return copy
