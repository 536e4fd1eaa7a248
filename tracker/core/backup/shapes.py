"""Which tables a backup holds, and what each of their columns is called and holds in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import TableClause, column, inspect, table

from tracker.core.backup.columns import DIFF, TRACKER, Column, kind_of
from tracker.core.backup.names import Names
from tracker.core.base import tables
from tracker.core.base.secret import CHECK
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import SYSTEM_COLUMNS
from tracker.fields.storage import Storage

# Of one installation, or of one moment: who is signed in, what waits to be sent; words are written anew.
LEFT_OUT = (tables.session, tables.once, tables.throttle, tables.job, tables.worker, tables.search)
SETTINGS_LEFT_OUT = (CHECK,)  # the secret of an installation stays with it
ITEMS, SIDE, FILL_NOTE = re.compile(r"t_\d+"), re.compile(r"s_\d+(v\d+)?"), re.compile(r"filled_\w+")
OWN = re.compile(r"t_\d+_own")  # fields that single items have
OWN_COLUMNS = {
    **dict.fromkeys(("id", "item_id", "number", "ref"), Storage.INTEGER.value),
    **dict.fromkeys(("definition", "text"), Storage.TEXT.value),
    "moment": Storage.MOMENT.value,
}


@dataclass(frozen=True)
class Shape:
    """A table: its part of the archive, its columns in order, and whose values it holds."""

    part: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    tracker: str = ""  # the name of the tracker, of items and elements
    field: str = ""  # the name of the field, of elements
    items: str = ""  # the table of the items, of elements and of fields that single items have

    @property
    def clause(self) -> TableClause:
        """The table for statements."""
        return table(self.table, *(column(each.column, each.sql_type) for each in self.columns))

    def told(self) -> dict[str, Any]:
        """Return it as the manifest tells it."""
        told = {**asdict(self), "columns": [_less(asdict(each)) for each in self.columns]}
        return _less(told)


def _less(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value not in ("", 0)}


def system_shapes() -> list[Shape]:
    """Return the system tables that a backup holds, in the order in which they can be filled."""
    return [
        Shape(
            f"system/{each.name.removeprefix('sys_')}.jsonl",
            str(each.name),
            _REVISION if each is tables.revision else tuple(_plain(part) for part in each.columns),
            tuple(str(part.name) for part in each.primary_key),
        )
        for each in tables.metadata.sorted_tables
        if each not in LEFT_OUT
    ]


def _plain(part: Any) -> Column:
    return Column(str(part.name), str(part.name), kind_of(part.type))


_NAMED = {"tracker_id": ("tracker", TRACKER), "diff": ("diff", DIFF)}
_REVISION = tuple(
    Column(name, str(part.name), kind)
    for part in tables.revision.columns
    for name, kind in [_NAMED.get(str(part.name), (str(part.name), Storage.INTEGER.value))]
)


def item_shapes(reading: Reading) -> list[Shape]:
    """Return the tables of items and elements that are there, those too that no definition points to any more."""
    inspector = inspect(reading.connection)
    there = sorted(inspector.get_table_names(), key=lambda each: (SIDE.fullmatch(each) is not None, each))
    names = Names(reading)
    shapes = []
    for name in there:
        if not any(form.fullmatch(name) for form in (ITEMS, SIDE, OWN, FILL_NOTE)):
            continue
        columns = tuple(_column(names, name, each) for each in inspector.get_columns(name))
        key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
        owner = next((each["referred_table"] for each in inspector.get_foreign_keys(name)), "")
        shapes.append(_item_shape(names, name, columns, key, owner))
    return shapes


def _item_shape(  # noqa: PLR0917 - what a table is made of
    names: Names, name: str, columns: tuple[Column, ...], key: tuple[str, ...], items: str
) -> Shape:
    if ITEMS.fullmatch(name):
        tracker = names.tracker(name)
        return Shape(f"items/{tracker}.jsonl", name, columns, key, tracker)
    if SIDE.fullmatch(name):
        tracker, field = names.tracker(items), names.field(name)
        return Shape(f"items/{tracker}.{field}.jsonl", name, columns, key, tracker, field, items)
    if OWN.fullmatch(name):
        tracker = names.tracker(items)
        return Shape(f"items/{tracker}@own.jsonl", name, columns, key, tracker, items=items)
    return Shape(f"system/{name}.jsonl", name, columns, key)


def _column(names: Names, table_name: str, found: Mapping[str, Any]) -> Column:
    """Return a column by the field that it holds; one of a field that nobody knows any more keeps its own name.

    What it holds is said by the field's type, and by the database where another stands in for that type: it tells
    numbers, truths, days, moments and texts apart. In an SQLite file from before moments were declared as such
    (`FieldMoment`), those of a type that is gone are texts, and come back as texts, on PostgreSQL too.
    """
    name = str(found["name"])
    if OWN.fullmatch(table_name):
        return Column(name, name, OWN_COLUMNS[name])
    place = (table_name if SIDE.fullmatch(table_name) else "", name)
    known = names.columns.get(place)
    if known is not None:
        return replace(known, kind=kind_of(found["type"])) if place in names.unsure else known
    is_field = ITEMS.fullmatch(table_name) and name not in SYSTEM_COLUMNS
    return Column(f"@{name}" if is_field else name, name, kind_of(found["type"]))
