"""Writing the database's files anew, so that what was emptied is in none of their pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Text, bindparam, inspect, text
from sqlalchemy.exc import OperationalError

from tracker.core.base.actor import system
from tracker.core.base.database import is_busy
from tracker.core.base.workspace import Workspace
from tracker.errors import Refused
from tracker.i18n import Message, _

PATIENCE_S = 60.0
BUSY = _(
    "Others hold the database, so its files could not be written anew: what was deleted may still be in them. Try again later."
)
_ACTOR = system("scrub")


def scrub(workspace: Workspace, names: Sequence[str] = (), *, busy: Message = BUSY) -> None:
    """Write the database's files anew, so that nothing of what was emptied or deleted is left in them.

    On SQLite the whole file, and its log; on PostgreSQL tables, with their indexes and statistics. Others wait
    meanwhile, and room for a second copy of the largest is needed. Backups, and copies that the disk keeps by
    itself, are not reached.

    :param names: the tables to write anew on PostgreSQL; none means all.
    :param busy: the sentence for others being in the way.
    :raises Refused: others hold what has to be written anew; it can be tried again.
    """
    try:
        if workspace.database.dialect == "sqlite":
            _scrub_file(workspace)
        else:
            _scrub_tables(workspace, names)
    except _InTheWay as error:
        raise Refused(busy) from error


def _scrub_file(workspace: Workspace) -> None:
    with workspace.change(_ACTOR, door="engine", quiet=True) as change:
        # Its own pages keep words that were deleted until they are merged away.
        change.execute(text("INSERT INTO sys_search_words(sys_search_words) VALUES ('rebuild') /*engine:*/"))
    with workspace.database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA query_only = OFF")  # an earlier reader may have left it on
        connection.info.pop("writes", None)
        driver.execute("PRAGMA temp_store = FILE")  # the new file, before it takes the place of the old one
        try:
            _patiently(lambda: driver.execute("VACUUM"))
            _patiently(lambda: _checkpoint(driver))
        finally:
            driver.execute("PRAGMA temp_store = MEMORY")


def _checkpoint(driver: Any) -> None:
    """Bring the log into the file and empty it; readers of an older state are in its way."""
    if driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise driver.OperationalError("database is locked")


def _scrub_tables(workspace: Workspace, names: Sequence[str]) -> None:
    autocommit = workspace.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        names = names or inspect(connection).get_table_names()
        _wait_for_older(connection)
        connection.execute(text("SET lock_timeout = '5s'"))
        try:
            for name in names:
                _patiently(lambda name=name: connection.execute(text(f"VACUUM (FULL, ANALYZE) {name}")))  # type: ignore[misc]
                if _is_empty(connection, name):
                    _patiently(lambda name=name: _forget_statistics(connection, name))  # type: ignore[misc]
            # Of what the statistics told before, such as frequent values, dead rows are left in their own table.
            _wait_for_older(connection)
            _patiently(lambda: connection.execute(text("VACUUM FULL pg_statistic")))
        finally:
            connection.execute(text("RESET lock_timeout"))


def _is_empty(connection: Connection, name: str) -> bool:
    counted = text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)")
    return bool(connection.execute(counted, {"name": name}).scalar_one() <= 0)


def _forget_statistics(connection: Connection, name: str) -> None:
    """Have PostgreSQL forget frequent values of a table's columns: of an empty one it would keep the last it knew.

    Giving a column the type that it has does so, and writes no row anew.
    """
    columns = text(
        "SELECT attname, format_type(atttypid, atttypmod) AS type, collname FROM pg_attribute"
        " LEFT JOIN pg_collation ON pg_collation.oid = attcollation AND collname <> 'default'"
        " WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = attrelid AND contype IN ('p', 'f')"
        " AND attnum = ANY (conkey))"
    )
    found = connection.execute(columns, {"name": name}).all()
    same = [
        f"ALTER COLUMN {row.attname} TYPE {row.type}" + (f' COLLATE "{row.collname}"' if row.collname else "")
        for row in found
    ]
    if same:
        connection.execute(text(f"ALTER TABLE {name} {', '.join(same)}"))


def _wait_for_older(connection: Connection) -> None:
    """Wait until nobody on the server, in other databases neither, can see what stood there before this moment.

    As long as somebody can, rows that were emptied or deleted would be written anew, too.
    """
    number = connection.execute(text("SELECT CAST(pg_current_xact_id() AS text)")).scalar_one()
    older = text(
        "SELECT pg_snapshot_xmin(pg_current_snapshot()) <= CAST(:number AS xid8) OR EXISTS ("
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND age(backend_xmin) > age(CAST(CAST(:number AS xid8) AS xid)))"
    ).bindparams(bindparam("number", number, type_=Text))

    def look() -> None:
        if connection.execute(older).scalar():
            raise OperationalError("VACUUM", None, _Locked())

    _patiently(look)


class _InTheWay(Exception):
    """Others were in the way for longer than anybody waits."""


class _Locked(Exception):
    """Others are in the way."""

    sqlstate = "55P03"


def _patiently(act: Callable[[], Any]) -> None:
    """Do something that others may be in the way of, again and again for a while."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            act()
            return
        except Exception as error:
            if not (is_busy(error) or "locked" in str(error)):
                raise
            if time.monotonic() > until:
                raise _InTheWay from error
        time.sleep(0.2)
