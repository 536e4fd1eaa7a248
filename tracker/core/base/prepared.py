"""Statements that run again and again, handed to the driver as they were compiled.

SQLAlchemy takes 30 to 80 microseconds of Python for each statement it runs, more than SQLite takes to answer most of
them. What is the same at every run (the text, the order of parameters, how types are read and written) is worked
out once here. Whoever listens to an engine's statements hears all of them: then they run in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.sql.dml import UpdateBase

from tracker.core.base.database import is_too_long, without_values

Statement = Select[Any] | UpdateBase


class Prepared:
    """A statement compiled for one dialect, and for one set of names of the columns that it writes."""

    def __init__(self, statement: Statement, dialect: Any, names: tuple[str, ...] | None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled.string)
        self._dialect = dialect
        binds: Mapping[str, Any] = compiled.binds
        # What is made anew at every run (a list in one parameter, the moment) cannot be kept.
        spelled_out = compiled.post_compile_params or compiled.literal_execute_params
        self.lasts = not spelled_out and all(bind.callable is None for bind in binds.values())
        positional = compiled.positiontup
        self._by_name = positional is None
        self._names: list[str] = list(compiled.bind_names.values() if positional is None else positional)
        self._fixed: Mapping[str, Any] = dict(compiled.params)
        self._writers = {
            name: writer
            for name in set(self._names)
            if (writer := binds[name].type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        types = _types(statement)
        self._reads = bool(types)
        self._readers = [
            (place, reader)
            for place, each in enumerate(types)
            if (reader := each.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def run(self, connection: Connection, given: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        """Run it in the transaction of a connection; return its rows, and how many rows it touched.

        :raises DBAPIError: as SQLAlchemy raises it.
        """
        held = {**self._fixed, **given}
        for name, writer in self._writers.items():
            held[name] = writer(held[name])
        values: Any = (
            {name: held[name] for name in self._names}
            if self._by_name
            else tuple(map(held.__getitem__, self._names))
        )
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.text, values)
            rows: Sequence[Any] = cursor.fetchall() if self._reads else []
            touched = int(cursor.rowcount)
        except self._dialect.dbapi.Error as error:
            raise self._told(connection, cursor, error) from error
        finally:
            cursor.close()
        return (self._read(rows) if self._readers and rows else list(rows)), touched

    def _read(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        columns: list[Any] = list(zip(*rows, strict=True))
        for place, reader in self._readers:
            columns[place] = list(map(reader, columns[place]))
        return list(zip(*columns, strict=True))

    def _told(self, connection: Connection, cursor: Any, error: Exception) -> BaseException:
        """Return the driver's error as SQLAlchemy tells it, without people's values."""
        lost = self._dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
        without_values(error)
        if lost:
            connection.invalidate(error)
        if is_too_long(error):  # as the engine tells it: refused like a value that an index has already
            return IntegrityError(None, None, error)
        return DBAPIError.instance(
            self.text,
            None,
            error,
            self._dialect.dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=self._dialect,
        )


def _types(statement: Statement) -> list[Any]:
    """Return the types of the columns that a statement gives."""
    if isinstance(statement, Select):
        return [each.type for each in statement.selected_columns]
    return [each["type"] for each in statement.returning_column_descriptions]


_prepared: WeakKeyDictionary[Statement, dict[Any, Prepared | None]] = WeakKeyDictionary()


def run(
    connection: Connection, statement: Statement, given: Mapping[str, Any]
) -> tuple[list[tuple[Any, ...]], int]:
    """Run a statement that is kept, with the parameters that differ; return its rows, and how many it touched.

    It is prepared when it comes for the second time: one that was made for once is not worth it.

    :raises DBAPIError: as SQLAlchemy raises it.
    """
    engine = connection.engine
    if not engine.dispatch.before_cursor_execute:
        found = _known(statement, engine.dialect, tuple(given) if isinstance(statement, UpdateBase) else None)
        if found is not None and found.lasts:
            return found.run(connection, given)
    result = connection.execute(statement, given)
    rows = [tuple(row) for row in result.all()] if result.returns_rows else []
    return rows, result.rowcount


def _known(statement: Statement, dialect: Any, names: tuple[str, ...] | None) -> Prepared | None:
    """Return a statement as it was prepared for a dialect; None when it comes for the first time."""
    kept = _prepared.setdefault(statement, {})
    place = (dialect.name, names)
    if place not in kept:
        kept[place] = None
        return None
    found = kept[place]
    if found is None:
        found = kept[place] = Prepared(statement, dialect, names)
    return found
