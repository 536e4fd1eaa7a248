"""Diffs turned round by the database: one statement for all items that nobody touched since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, literal_column, select, text, update

from tracker.core.access import clauses
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import Tracker
from tracker.core.design.marks import MARK
from tracker.fields.storage import Storage

revision = tables.revision


def swap_diffs(change: ChangeSet, tracker: Tracker, cs: int, clause: ColumnElement[bool]) -> int:
    """Write a revision that turns back each revision of `cs` in the clause; return how many."""
    if change.dialect == "sqlite":
        turned = (
            "(SELECT json_group_object(pair.key, json_array(pair.value -> '$[1]', pair.value -> '$[0]'))"
            " FROM json_each(sys_revision.diff) AS pair)"
        )
    else:
        turned = (
            "(SELECT jsonb_object_agg(pair.key, jsonb_build_array(pair.value -> 1, pair.value -> 0))"
            " FROM jsonb_each(sys_revision.diff) AS pair)"
        )
    table = tracker.table
    rows = (
        select(
            literal_column(str(tracker.id)),
            revision.c.item_id,
            revision.c.version + 1,
            literal_column(str(change.id)),
            literal_column(turned),
        )
        .join(table, table.c.id == revision.c.item_id)
        .where(revision.c.change_set_id == cs, clause)
    )
    names = ["tracker_id", "item_id", "version", "change_set_id", "diff"]
    made = revision.insert().from_select(names, rows, include_defaults=False)
    # Without the option, the count of an INSERT is gone with its cursor on PostgreSQL.
    return change.execute(made.execution_options(preserve_rowcount=True)).rowcount


def revert_columns(
    change: ChangeSet, tracker: Tracker, columns: Sequence[str], *, between: tuple[int, int]
) -> None:
    """Give the items that `swap_diffs` wrote revisions for the values of those, and the next version."""
    table = tracker.table
    mine = revision.alias("mine")
    values: dict[str, ColumnElement[Any]] = {}
    for name in columns:
        if change.dialect == "sqlite":
            there, held = (
                f"json_type(mine.diff, '$.{name}') IS NOT NULL",
                f"json_extract(mine.diff, '$.{name}[1]')",
            )
        else:
            there, held = f"jsonb_exists(mine.diff, '{name}')", f"mine.diff->'{name}'->>1"
        cast = _storage(tracker, name).cast_sql(held, change.dialect)
        values[name] = literal_column(f"CASE WHEN {there} THEN {cast} ELSE {tracker.table_name}.{name} END")
    change.execute(
        update(table)
        .where(
            mine.c.tracker_id == tracker.id,
            mine.c.item_id == table.c.id,
            mine.c.change_set_id == change.id,
            mine.c.version == table.c.version + 1,
            table.c.id.between(*between),
            clauses.as_system(tracker),
        )
        .values({table.c[name]: held for name, held in values.items()})
        .values(version=table.c.version + 1, changed_cs=change.id)
    )


def revert_lists(
    change: ChangeSet, tracker: Tracker, names: Sequence[str], *, between: tuple[int, int]
) -> None:
    """Fill side tables from the lists in the revisions that `swap_diffs` wrote, where they are the newest."""
    for name in names:
        field = tracker.by_column[name]
        side, table = field.side, tracker.table
        there = f"json_type(sys_revision.diff, '$.{name}') IS NOT NULL"
        if change.dialect == "postgresql":
            there = f"jsonb_exists(sys_revision.diff, '{name}')"
        newest = (
            select(revision.c.item_id)
            .join(table, and_(table.c.id == revision.c.item_id, table.c.version == revision.c.version))
            .where(
                revision.c.tracker_id == tracker.id,
                revision.c.change_set_id == change.id,
                revision.c.item_id.between(*between),
                literal_column(there),
                clauses.as_system(tracker),
            )
        )
        change.execute(delete(side).where(side.c.item_id.in_(newest), clauses.as_system(tracker)))
        change.execute(text(_filling(change, tracker, name, there=there, between=between)))


def _filling(change: ChangeSet, tracker: Tracker, name: str, *, there: str, between: tuple[int, int]) -> str:
    """Return the INSERT that makes a side table's rows from the new lists of this change set's revisions."""
    field, table = tracker.by_column[name], tracker.table_name
    columns = ", ".join(["item_id", "position", *(each.name for each in field.columns)])
    if change.dialect == "sqlite":
        parts = [f"json_extract(e.value, '$[{number}]')" for number in range(len(field.columns))]
        source = f"json_each(sys_revision.diff, '$.{name}[1]') AS e"
        position = "CAST(e.key AS INTEGER)"
    else:
        parts = [
            each.storage.cast_sql(f"e.value->>{number}", change.dialect)
            for number, each in enumerate(field.columns)
        ]
        source = f"jsonb_array_elements(sys_revision.diff->'{name}'->1) WITH ORDINALITY AS e(value, n)"
        position = "e.n - 1"
    return (
        f"INSERT INTO {name} ({columns}) SELECT sys_revision.item_id, {position}, {', '.join(parts)}"
        f" FROM sys_revision JOIN {table} ON {table}.id = sys_revision.item_id"
        f" AND {table}.version = sys_revision.version CROSS JOIN {'' if change.dialect == 'sqlite' else 'LATERAL '}{source}"
        f" WHERE sys_revision.tracker_id = {tracker.id} AND sys_revision.change_set_id = {change.id}"
        f" AND sys_revision.item_id BETWEEN {between[0]} AND {between[1]} AND {there} /*{MARK}:{table}*/"
    )


def _storage(tracker: Tracker, name: str) -> Storage:
    field = tracker.by_column.get(name)
    if field is None:
        return Storage.INTEGER  # deleted_cs, owner_id, group_id
    return next(each.storage for each in field.columns if each.name == name)
