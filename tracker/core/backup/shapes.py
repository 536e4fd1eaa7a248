"""Which tables a backup holds, and how each column travels through JSON: equal from both databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import JSON, TableClause, column, inspect, select, table
from sqlalchemy.types import Boolean, Date, DateTime, Integer

from tracker.core.base import tables
from tracker.core.base.secret import CHECK
from tracker.core.base.tables import Id, Json
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField
from tracker.core.design.definitions import FieldDef
from tracker.fields.storage import Moment, Storage

# Of one installation, or of one moment: who is signed in, what waits to be sent; words are written anew.
LEFT_OUT = (tables.session, tables.once, tables.throttle, tables.job, tables.worker, tables.search)
SETTINGS_LEFT_OUT = (CHECK,)  # the secret of an installation stays with it
ITEMS, SIDE, FILL_NOTE = re.compile(r"t_\d+"), re.compile(r"s_\d+(v\d+)?"), re.compile(r"filled_\w+")
JSON_VALUE = "json"
_KINDS: tuple[tuple[type[Any], Storage], ...] = (
    (Boolean, Storage.BOOLEAN),
    (Integer, Storage.INTEGER),
    (DateTime, Storage.MOMENT),
    (Date, Storage.DATE),
)


@dataclass(frozen=True)
class Shape:
    """One table: its columns in order, each with how it travels; for a side table, the table of its items."""

    name: str
    columns: Mapping[str, str]  # name -> a storage, or `json`
    key: tuple[str, ...]
    items: str = ""

    @property
    def clause(self) -> TableClause:
        """The table for statements."""
        return table(self.name, *(column(name, _sql_type(kind)) for name, kind in self.columns.items()))

    def pack(self, row: Any) -> list[Any]:
        """Return a row as plain JSON."""
        return [
            value if kind == JSON_VALUE or value is None else Storage(kind).to_json(value)
            for value, kind in zip(row, self.columns.values(), strict=True)
        ]

    def unpack(self, packed: list[Any]) -> dict[str, Any]:
        """Return the row that `pack` made, ready to be inserted.

        :raises ValueError: it is no such row.
        """
        return {
            name: value if kind == JSON_VALUE else Storage(kind).from_json(value)
            for (name, kind), value in zip(self.columns.items(), packed, strict=True)
        }


def _sql_type(kind: str) -> Any:
    if kind == JSON_VALUE:
        return Json
    return Id if kind == Storage.INTEGER.value else Storage(kind).sql_type


def system_shapes() -> list[Shape]:
    """Return the system tables that a backup holds, in the order in which they can be filled."""
    return [
        Shape(
            str(each.name),
            {str(part.name): _kind_of(part.type) for part in each.columns},
            tuple(str(part.name) for part in each.primary_key),
        )
        for each in tables.metadata.sorted_tables
        if each not in LEFT_OUT
    ]


def _kind_of(sql_type: Any) -> str:
    if isinstance(sql_type, JSON):
        return JSON_VALUE
    if isinstance(sql_type, Moment):
        return Storage.MOMENT.value
    return next((kind.value for cls, kind in _KINDS if isinstance(sql_type, cls)), Storage.TEXT.value)


def item_shapes(reading: Reading) -> list[Shape]:
    """Return the tables of items and elements that are there, those too that no definition points to any more."""
    inspector = inspect(reading.connection)
    known = _storages(reading)
    owners = _owners(reading)
    found: list[Shape] = []
    for name in sorted(
        inspector.get_table_names(), key=lambda each: (SIDE.fullmatch(each) is not None, each)
    ):
        if not any(form.fullmatch(name) for form in (ITEMS, SIDE, FILL_NOTE)):
            continue
        columns = {
            part["name"]: known.get((name, part["name"]))
            or known.get(("", part["name"]))
            or _kind_of(part["type"])
            for part in inspector.get_columns(name)
        }
        key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
        found.append(Shape(name, columns, key, owners.get(name, "")))
    return found


def _storages(reading: Reading) -> dict[tuple[str, str], str]:
    """Return how columns of fields travel: by name, with the side table in front for those of elements."""
    known = tables.field_column
    found: dict[tuple[str, str], str] = {}
    for row in reading.execute(select(known)):
        definition = FieldDef(
            key="kept",
            type=row.type,
            label="",
            options=row.options,
            encrypted=row.encrypted,
            search="exact",
            column=row.column,
        )
        try:
            field = BoundField(definition, reading.workspace.types)
        except ValidationError:  # options that its plugin took then, and takes no more
            field = BoundField(replace(definition, type="line", options={}), reading.workspace.types)
        place = row.column if SIDE.fullmatch(row.column) else ""
        found |= {(place, each.name): each.storage.value for each in field.columns}
    return found


def _owners(reading: Reading) -> dict[str, str]:
    """Return the table of items to which each side table belongs."""
    known = tables.field_column
    rows = reading.execute(
        select(known.c.column, known.c.tracker_id).where(known.c.column.like("s\\_%", escape="\\"))
    )
    return {row.column: f"t_{row.tracker_id}" for row in rows}
