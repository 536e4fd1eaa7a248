"""What trackers, fields and their columns are called in a backup: by key where one key means one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select

from tracker.core.backup.columns import DECIMAL, Column
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Gone
from tracker.core.design.definitions import FieldDef
from tracker.fields.storage import Storage

_PHYSICAL = re.compile(r"[fs]_\d+(v\d+)?(_\w+)?")


class Names:
    """The names in one snapshot. No two columns of a table have the same one, and no two trackers.

    A key stands alone where it means what it means today. The columns that a field left for others, and those of
    fields that were taken away, are called `key@column`; the further columns of a field `key.part`.
    """

    def __init__(self, reading: Reading) -> None:
        table = tables.definition
        chosen = select(table).where(table.c.kind.in_(("tracker", "field")))
        self._definitions = {row.id: row for row in reading.execute(chosen)}
        self._fields: dict[str, str] = {}
        self.columns: dict[tuple[str, str], Column] = {}  # by side table (empty: the items' own) and column
        self.unsure: set[tuple[str, str]] = set()  # those of which the database alone knows what they hold
        for row in reading.execute(select(tables.field_column)):
            name = self._name(row)
            self._fields[row.column] = name
            field, known = self._bound(reading, row)
            columns = dict(self._columns(field, row, name))
            self.columns |= columns
            if not known:
                self.unsure |= columns.keys()

    def tracker(self, items: str) -> str:
        """Return the name of the tracker that has this table of items."""
        held = self._definitions.get(int(items.removeprefix("t_")))
        if held is not None and held.dropped_cs is None:
            return str(held.key)
        return f"{held.key if held is not None else ''}@{items}"

    def field(self, column: str) -> str:
        """Return the name of the field that has this main column or side table."""
        return self._fields.get(column, f"@{column}")

    def _holds_now(self, row: Any) -> bool:
        """Say whether a column is the one in which its field keeps values today."""
        held = self._definitions.get(row.field_id)
        return held is not None and held.dropped_cs is None and held.body.get("column") == row.column

    def _name(self, row: Any) -> str:
        held = self._definitions.get(row.field_id)
        key = "" if held is None else str(held.key)
        alone = self._holds_now(row) and not _PHYSICAL.fullmatch(key) and key not in SYSTEM_COLUMNS
        return key if alone else f"{key}@{row.column}"

    def _columns(self, field: BoundField, row: Any, name: str) -> Iterator[tuple[tuple[str, str], Column]]:
        scale = 0 if field.sealed else int(getattr(field.type, "scale", None) or 0)
        for number, each in enumerate(field.columns):
            shown = each.name if field.many else f"{name}.{each.part.name}" if each.part.name else name
            decimals = scale if number == 0 and each.storage is Storage.INTEGER else 0
            yield (
                (row.column if field.many else "", each.name),
                Column(shown, each.name, DECIMAL if decimals else each.storage.value, decimals),
            )

    def _bound(self, reading: Reading, row: Any) -> tuple[BoundField, bool]:
        """Return the field as it was while it kept its values in this column, and as it is in its present one.

        The second is false where another stands in for its type: the plugin is not here, or takes the options no more.
        """
        held = self._definitions[row.field_id].body if self._holds_now(row) else row._mapping
        definition = FieldDef(
            key="kept",
            type=held["type"],
            label="",
            options=held.get("options", {}),
            encrypted=held.get("encrypted", False),
            search="exact",
            column=row.column,
        )
        try:
            field = BoundField(definition, reading.workspace.types)
        except ValidationError:  # options that its plugin took then, and takes no more
            return BoundField(replace(definition, type="line", options={}), reading.workspace.types), False
        return field, not isinstance(field.type, Gone)
