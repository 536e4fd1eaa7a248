"""One database, SQLite or PostgreSQL, and the two ways into it: to read, and to write."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

from tracker.core.base import sqlite_functions
from tracker.errors import Misconfigured
from tracker.i18n import _

PATIENCE_MS = 30_000  # for the write lock of SQLite
_ASKING_S = 0.001  # between two looks whether it is free
STEP_ASIDE_S = 0.003  # between two transactions of long work: longer than others take to look
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {PATIENCE_MS}",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)
WRITE = "tracker_write"
_SQLITE_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
# Away, no connection left, shutting down, a lock not had in time, a transaction that met another.
_POSTGRES_BUSY = ("08", "53", "57P", "55P03", "40")

_POSTGRES_FULL = "53100"
_POSTGRES_LIMIT = "54000"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_busy(error: Exception) -> bool:
    """Say whether the database is busy or away, so that the same may go well a moment later."""
    if isinstance(error, NoneFree):
        return True
    if not isinstance(error, DBAPIError) or is_full(error):
        return False
    said = error.orig
    if said is None or not hasattr(said, "sqlstate"):
        return str(getattr(said, "sqlite_errorname", "")).startswith(_SQLITE_BUSY)
    state: str | None = said.sqlstate
    return isinstance(error, OperationalError) if state is None else state.startswith(_POSTGRES_BUSY)


def is_full(error: Exception) -> bool:
    """Say whether there is no room on the disk, of the database or of the file that was written."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    said = getattr(error, "orig", None)
    return (
        getattr(said, "sqlite_errorname", "") == "SQLITE_FULL"
        or getattr(said, "sqlstate", "") == _POSTGRES_FULL
    )


def is_too_long(error: BaseException | None) -> bool:
    """Say whether the database refuses a row because a text in it does not fit into an index.

    PostgreSQL ends an index row at 2,704 bytes after packing, and calls that no fault of the data.
    """
    said = getattr(error, "orig", None) or error
    return getattr(said, "sqlstate", None) == _POSTGRES_LIMIT and "index row" in str(said)


def without_values(said: BaseException) -> str | None:
    """Take people's values out of what the driver of PostgreSQL says; return what is left, None where all is.

    The server quotes what it refused: the row in DETAIL, and in its first line the text that is no number.
    """
    diag = getattr(said, "diag", None)
    if diag is None or diag.sqlstate is None:
        return None
    text = "the value is refused" if diag.sqlstate.startswith("22") else str(diag.message_primary)
    said.args = (text,)
    return text


# What fails is told without its parameters: they are people's values, and errors end up in logs.
# The connection used last comes first: it has its pages and its prepared statements at hand.
_SAME: dict[str, Any] = {
    "pool_size": 8,
    "max_overflow": 8,
    "pool_use_lifo": True,
    "hide_parameters": True,
}


class Database:
    """An engine, and `reading()` and `writing()`: each one transaction on one connection.

    Reading sees one snapshot and cannot write. Writing takes the write lock at its start on SQLite, so
    that two writers queue instead of failing half-way.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.dialect = self.engine.dialect.name
        self._reader: Engine
        self._writer: Engine
        if self.dialect == "postgresql":
            self._reader = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = self.engine
        else:
            self._reader = self.engine
            self._writer = self.engine.execution_options(**{WRITE: True})

    @property
    def path(self) -> Path | None:
        """The database file; None where a server keeps it."""
        name = make_url(self.url).database
        return Path(name) if self.dialect == "sqlite" and name else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a snapshot that cannot write."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that commits at the end, or leaves nothing when the block raises."""
        with self._writer.connect() as connection, connection.begin():
            yield connection

    def step_aside(self) -> None:
        """Let others write before long work goes on: on SQLite they would hardly ever find the lock free."""
        if self.dialect == "sqlite":
            time.sleep(STEP_ASIDE_S)

    def close(self) -> None:
        """Give all connections back to the system."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured(
            _(
                "“%(url)s” is no database address; write sqlite:///FILE or postgresql://USER@HOST/NAME.",
                url=url,
            )
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return _postgresql(parsed)
    except NoSuchModuleError as error:
        raise Misconfigured(_("No driver for “%(url)s”.", url=parsed.drivername)) from error
    except ModuleNotFoundError as error:
        raise Misconfigured(
            _("The driver for PostgreSQL is not installed; run: pip install 'tracker-engine[postgres]'.")
        ) from error
    raise Misconfigured(
        _("Tracker keeps its data in SQLite or PostgreSQL, not in “%(name)s”.", name=parsed.drivername)
    )


def _postgresql(url: Any) -> Engine:
    engine = create_engine(url, connect_args={"options": "-c timezone=UTC"}, **_SAME)

    @event.listens_for(engine, "handle_error")
    def keep_values_out(context: ExceptionContext) -> BaseException | None:
        said, told = context.original_exception, context.sqlalchemy_exception
        text = without_values(said)
        if text is None:
            return None
        if told is not None:
            told.args = (f"({type(said).__module__}.{type(said).__name__}) {text}",)
        # A value that an index does not take is refused like one that it has already.
        return IntegrityError(None, None, said) if is_too_long(said) else None

    return engine


def _sqlite(url: Any) -> Engine:
    if not url.database or url.database == ":memory:":
        raise Misconfigured(_("Tracker needs a database file; write sqlite:///FILE."))
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **_SAME)

    @event.listens_for(engine, "connect")
    def prepare(driver: Any, _record: Any) -> None:
        # The driver's own BEGIN would leave DDL outside the transaction; ours is explicit (below).
        driver.isolation_level = None
        for pragma in _PRAGMAS:
            driver.execute(pragma)
        sqlite_functions.install(driver)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(WRITE, False)
        driver = connection.connection.driver_connection
        assert driver is not None
        if connection.info.get("writes") is not write:
            # Only when it differs: SQLite prepares every statement anew after this pragma.
            driver.execute(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
            connection.info["writes"] = write
        try:
            if write:
                _take_write_lock(driver)
            else:
                driver.execute("BEGIN")
        except driver.OperationalError as error:  # not through SQLAlchemy, so not wrapped by it
            raise OperationalError("BEGIN", None, error, hide_parameters=True) from error

    return engine


def _take_write_lock(driver: Any) -> None:
    """Begin a transaction that writes. SQLite's own waiting looks ever more rarely; ours finds each gap."""
    until = time.monotonic() + PATIENCE_MS / 1000
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except driver.OperationalError as error:
                busy = str(error.sqlite_errorname).startswith(_SQLITE_BUSY)
                if not busy or time.monotonic() > until:
                    raise
            time.sleep(_ASKING_S)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
