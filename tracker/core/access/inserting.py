"""Inserting rows by the driver itself, with the mark: building a parameter set a row would cost more than the write."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Date, TableClause
from sqlalchemy.exc import IntegrityError

from tracker.core.base.database import is_too_long, without_values
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.marks import MARK
from tracker.fields.storage import Moment, moment_text

COPY_FROM = 200  # rows; PostgreSQL takes more by COPY, which costs a round trip more than an INSERT


def insert_rows(
    change: ChangeSet, table: TableClause, rows: Sequence[dict[str, Any]], *, marked: str = ""
) -> None:
    """Insert rows of stored values that all name the same columns.

    :param marked: the tracker's table whose items they belong to, for the mark.
    :raises IntegrityError: an index refuses one, whose value it has or has no room for; the transaction is lost on
        PostgreSQL.
    """
    names = list(rows[0])
    mark = f"/*{MARK}:{marked}*/" if marked else f"/*{MARK}*/"
    quoted = '", "'.join(names)
    into = f'{table.name} ("{quoted}")'
    taken = itemgetter(*names)
    values = [taken(row) for row in rows]
    if change.dialect == "postgresql" and len(values) >= COPY_FROM:
        _copy(change, f"COPY {mark} {into} FROM STDIN", values)
        return
    sign = "?" if change.dialect == "sqlite" else "%s"
    signs = ", ".join([sign] * len(names))
    if change.dialect == "sqlite":
        values = _as_text(table, names, values)
    change.connection.exec_driver_sql(f"INSERT {mark} INTO {into} VALUES ({signs})", values)


def _copy(change: ChangeSet, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    driver: Any = change.connection.connection.driver_connection
    dbapi: Any = change.connection.dialect.dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dbapi.Error as error:  # the driver's own: nobody made it one of ours
        without_values(error)
        if isinstance(error, dbapi.IntegrityError) or is_too_long(error):
            raise IntegrityError(statement, None, error) from error
        raise


def _as_text(table: TableClause, names: Sequence[str], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Write days and moments as the texts that stand for them on SQLite."""
    days = [place for place, name in enumerate(names) if isinstance(table.c[name].type, Date)]
    moments = [place for place, name in enumerate(names) if isinstance(table.c[name].type, Moment)]
    if not days and not moments:
        return rows
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place in days:
        columns[place] = [value and value.isoformat() for value in columns[place]]
    for place in moments:
        columns[place] = [value and moment_text(value) for value in columns[place]]
    return list(zip(*columns, strict=True))
