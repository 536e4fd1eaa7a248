"""What one column of a backup is: its name there and in the database, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.types import Boolean, Date, DateTime, Integer

from tracker.core.base.tables import Json
from tracker.fields.storage import Moment, Storage

# What a column holds, beside the storages: whole numbers written with their decimals, data, and in history the name
# of a tracker, and old and new values by the names of its columns.
DECIMAL, JSON_VALUE, TRACKER, DIFF = "decimal", "json", "tracker", "diff"
_SQL_TYPES: Mapping[str, Any] = {
    **{each.value: each.sql_type for each in Storage},
    DECIMAL: Storage.INTEGER.sql_type,
    TRACKER: Storage.INTEGER.sql_type,
    JSON_VALUE: Json,
    DIFF: Json,
}
_KINDS: tuple[tuple[type[Any], str], ...] = (
    (JSON, JSON_VALUE),
    (Boolean, Storage.BOOLEAN.value),
    (Integer, Storage.INTEGER.value),
    (Moment, Storage.MOMENT.value),
    (DateTime, Storage.MOMENT.value),
    (Date, Storage.DATE.value),
)


@dataclass(frozen=True)
class Column:
    """A column: its name in a backup and in the database, what it holds, and how many decimals."""

    name: str
    column: str
    kind: str  # a storage, or one of those above
    scale: int = 0

    def __post_init__(self) -> None:
        if self.kind not in _SQL_TYPES:
            raise ValueError(f"{self.kind} is nothing that a column holds.")

    @property
    def sql_type(self) -> Any:
        """Its type in the database."""
        return _SQL_TYPES[self.kind]


def kind_of(sql_type: Any) -> str:
    """Return what a column of a type holds."""
    return next((kind for cls, kind in _KINDS if isinstance(sql_type, cls)), Storage.TEXT.value)
