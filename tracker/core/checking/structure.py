"""Tables, columns and indexes: those that the design needs are there, and no others."""

from __future__ import annotations

import re
from collections import defaultdict

from sqlalchemy import Inspector, inspect, select, text

from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.core.conversion.place import open_retypings, open_switches
from tracker.core.design import ddl
from tracker.core.design.bound import SYSTEM_COLUMNS, Tracker
from tracker.core.design.store import trackers

OURS = re.compile(r"t_\d+(_own)?|s_\d+(v\d+)?")
NOTE = re.compile(r"filled_[fs]_(\d+)(v\d+)?")  # a table of what a change of type or encryption has filled
OWNER = re.compile(r"(f_\d+(?:v\d+)?)(?:_\w+)?")
RESTORE = (
    "Stop Tracker and restore the last good backup (docs/backups.md): the values in it are gone from here."
)


def check_structure(look: Look) -> None:
    """Compare the tables that are there with the design, with what it ever was, and with our own."""
    with look.reading() as reading:
        inspector, indexes = inspect(reading.connection), _indexes_there(reading)
        there = set(inspector.get_table_names())
        _check_system(look, inspector, there, indexes)
        _check_strays(look, reading, there)
        ever = _columns_ever(reading)
        for tracker in trackers(reading).by_id.values():
            if tracker.table_name in there:
                _check_columns(look, inspector, tracker, ever[tracker.id])
                _check_indexes(look, reading, tracker, indexes)
            else:
                _missing(
                    look, tracker.table_name, f"The table {tracker.table_name} of {tracker.key} is missing."
                )
            for field in tracker.sides:
                name = field.definition.column
                if name not in there:
                    _missing(look, name, f"The table {name} of {tracker.key}.{field.key} is missing.")
            _check_own(look, tracker, there, indexes)


def _check_system(look: Look, inspector: Inspector, there: set[str], indexes: set[str]) -> None:
    for table in tables.metadata.sorted_tables:
        if table.name not in there:
            _missing(look, table.name, f"The system table {table.name} is missing.")
            continue
        names = {each["name"] for each in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in names:
                place = f"{table.name}.{column.name}"
                _missing(
                    look, place, f"The column {column.name} of the system table {table.name} is missing."
                )
        for index in table.indexes:
            if index.name not in indexes:
                _missing_index(look, str(index.name), table.name)


def _check_strays(look: Look, reading: Reading, there: set[str]) -> None:
    """Look for tables of ours that no definition, of now or of ever, and no work in progress points to."""
    table = tables.definition
    known = {
        f"t_{each}" for each in reading.execute(select(table.c.id).where(table.c.kind == "tracker")).scalars()
    }
    known |= {f"{each}_own" for each in known}
    known |= set(reading.execute(select(tables.field_column.c.column)).scalars())
    working = {field_id for _number, field_id in (*open_retypings(reading), *open_switches(reading))}
    for name in sorted(there - known):
        note = NOTE.fullmatch(name)
        if note is not None:
            if int(note[1]) not in working:
                what = f"The table {name} belongs to a change of a field that is over."
                todo = f"Run: tracker check --repair, or DROP TABLE {name};"
                look.found.add(Finding("stray_note", name, what, todo, repairable=True))
        elif OURS.fullmatch(name):
            what = f"The table {name} belongs to no tracker or field, of now or of earlier."
            todo = f"Look at what is in it; if nobody needs it: DROP TABLE {name};"
            look.found.add(Finding("stray_table", name, what, todo))


def _columns_ever(reading: Reading) -> defaultdict[int, set[str]]:
    table = tables.field_column
    found: defaultdict[int, set[str]] = defaultdict(set)
    for row in reading.execute(select(table.c.tracker_id, table.c.column)):
        found[row.tracker_id].add(row.column)
    return found


def _check_columns(look: Look, inspector: Inspector, tracker: Tracker, ever: set[str]) -> None:
    name = tracker.table_name
    there = {each["name"] for each in inspector.get_columns(name)}
    for field in tracker.stored:
        for each in field.columns:
            if each.name not in there:
                _missing(look, each.name, f"The column {each.name} of {tracker.key}.{field.key} is missing.")
    for column in sorted(there - set(SYSTEM_COLUMNS) - tracker.by_column.keys()):
        owner = OWNER.fullmatch(column)
        if owner is None or owner[1] not in ever:
            what = f"The column {column} of {name} ({tracker.key}) belongs to no field, of now or of earlier."
            todo = f"Look at what is in it; if nobody needs it: ALTER TABLE {name} DROP COLUMN {column};"
            look.found.add(Finding("stray_column", f"{name}.{column}", what, todo))


def _check_indexes(look: Look, reading: Reading, tracker: Tracker, indexes: set[str]) -> None:
    for wanted, statement in ddl.wanted_indexes(reading, tracker).items():
        if wanted not in indexes:
            unique = statement.startswith("CREATE UNIQUE")
            _missing_index(look, wanted, tracker.key, unique=unique)
    for field in tracker.sides:
        name = f"ix_{field.definition.column}"
        if name not in indexes:
            _missing_index(look, name, f"{tracker.key}.{field.key}")


def _check_own(look: Look, tracker: Tracker, there: set[str], indexes: set[str]) -> None:
    """Look for the table of the fields that single items have; it stays once there was one."""
    name = tracker.own_table.name
    if name not in there:
        if tracker.own_fields:
            what = f"The table {name} of the fields that single items of {tracker.key} have is missing."
            _missing(look, name, what)
    elif f"ix_{name}" not in indexes:
        _missing_index(look, f"ix_{name}", tracker.key)


def _indexes_there(reading: Reading) -> set[str]:
    statement = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if reading.dialect == "postgresql":
        statement = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    return set(reading.execute(text(statement)).scalars())


def _missing(look: Look, place: str, what: str) -> None:
    look.found.add(Finding("missing", place, what, RESTORE))


def _missing_index(look: Look, name: str, of: str, *, unique: bool = False) -> None:
    so = "equal values are not refused" if unique else "what it is for is slow"
    what = f"The index {name} of {of} is missing, so {so}."
    look.found.add(Finding("index_missing", name, what, "Run: tracker check --repair", repairable=True))
