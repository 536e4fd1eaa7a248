"""The five ways a value stands in a column, and how each travels through JSON on both databases.

History keeps stored values as JSON. A row may be written by Python or by one set-based statement, so
every storage says both: how Python writes its JSON, and which SQL writes the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Text, TypeDecorator
from sqlalchemy.dialects.sqlite.base import ischema_names
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

_MOMENT_TEXT = "MOMENT_TEXT"  # by the last part of which SQLite keeps it as any text
Stored = str | int | bool | date | datetime | None


class PlainText(TypeDecorator[str]):
    """Text that both databases compare by code point."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment: `timestamptz` on PostgreSQL, ISO text of fixed width on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class _MomentText(Text):
    cache_ok = True


@compiles(_MomentText)
def _declared(_type: _MomentText, _compiler: Any, **_options: Any) -> str:
    return _MOMENT_TEXT


class FieldMoment(Moment):
    """A moment in the column of a field; SQLite too can tell it from a text when nobody knows the field's type."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return super().load_dialect_impl(dialect)
        return dialect.type_descriptor(_MomentText())


ischema_names[_MOMENT_TEXT] = FieldMoment  # for whoever asks SQLite what a column is


def moment_text(value: datetime) -> str:
    """Return the canonical text of a moment: UTC, microseconds, `+00:00`; it sorts like the moment."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


class Storage(Enum):
    """What one physical column holds."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"

    @property
    def sql_type(self) -> TypeEngine[Any]:
        """The column type, on either database."""
        return _SQL_TYPES[self]

    def to_json(self, stored: Stored) -> str | int | bool | None:
        """Return the JSON form of a stored value."""
        if isinstance(stored, datetime):
            return moment_text(stored)
        if isinstance(stored, date):
            return stored.isoformat()
        return stored

    def from_json(self, value: Any) -> Stored:
        """Return the stored value that `to_json` wrote."""
        if value is None:
            return None
        if self is Storage.MOMENT:
            return datetime.fromisoformat(value)
        if self is Storage.DATE:
            return date.fromisoformat(value)
        return bool(value) if self is Storage.BOOLEAN else value

    def json_sql(self, column: str, dialect: str) -> str:
        """Return SQL for the JSON value of `column`, a physical name, equal to what `to_json` gives."""
        if dialect == "sqlite":
            if self is Storage.BOOLEAN:
                return f"json(CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"
            return column
        if self is Storage.MOMENT:
            return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
        return column

    def cast_sql(self, json_text: str, dialect: str) -> str:
        """Return SQL that turns the text of a JSON value back into what the column holds."""
        if dialect == "sqlite":
            return json_text
        return f"({json_text})::{_POSTGRES_CASTS[self]}"


_SQL_TYPES: dict[Storage, TypeEngine[Any]] = {
    Storage.TEXT: PlainText(),
    Storage.INTEGER: BigInteger(),
    Storage.BOOLEAN: Boolean(create_constraint=False),
    Storage.DATE: Date(),
    Storage.MOMENT: FieldMoment(),
}
_POSTGRES_CASTS = {
    Storage.TEXT: "text",
    Storage.INTEGER: "bigint",
    Storage.BOOLEAN: "boolean",
    Storage.DATE: "date",
    Storage.MOMENT: "timestamptz",
}
