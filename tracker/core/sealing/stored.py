"""Sealed values where they lie, in rows and in history: which are under an older key, and writing them anew.

What is written here changes nothing that people see, so it raises no version and leaves no revision. Each value
replaces the very text that was read, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, exists, func, literal_column, or_, select, update

from tracker.core.access import clauses
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import MARK
from tracker.fields.storage import PlainText

revision = tables.revision
AT_ONCE = 2_000  # files
STARTING = 10  # characters of a stored value that tell under which key it is


@dataclass(frozen=True)
class Place:
    """A field with the tracker that has it, and the columns that hold, or held, its sealed values."""

    tracker: Tracker
    field: BoundField
    columns: tuple[str, ...]

    @classmethod
    def of(cls, tracker: Tracker, field: BoundField) -> Place:
        """Return where the sealed values of a field lie: its column, and those that it left."""
        every = (field, *(was for was in tracker.former if was.id == field.id))
        return cls(tracker, field, tuple(each.main.name for each in every if each.sealed and each.columns))


def side_of(dialect: str, name: str, side: int) -> ColumnElement[str]:
    """Return the sealed text that a revision's diff names as the old (0) or the new (1) one of a column."""
    if dialect == "sqlite":
        return literal_column(f"json_extract(sys_revision.diff, '$.{name}[{side}]')", PlainText)
    return literal_column(f"(sys_revision.diff->'{name}'->>{side})", PlainText)


def older(dialect: str, place: Place, start: str) -> ColumnElement[bool]:
    """Return the clause for items that have, or had, a value under another key than the one that `start` tells."""
    items = place.tracker.table
    rows = [func.substr(items.c[name], 1, STARTING) != start for name in place.columns]
    behind = select(revision.c.version).where(
        revision.c.tracker_id == place.tracker.id,
        revision.c.item_id == items.c.id,
        older_diff(dialect, place, start),
        clauses.as_system(place.tracker),
    )
    return or_(*rows, exists(behind.correlate(items)))


def older_diff(dialect: str, place: Place, start: str) -> ColumnElement[bool]:
    """Return the same for revisions."""
    return or_(
        *(
            func.substr(side_of(dialect, name, side), 1, STARTING) != start
            for name in place.columns
            for side in (0, 1)
        )
    )


class InRow(NamedTuple):
    """A value of an item, and what takes its place."""

    item_id: int
    old: str
    new: str


class InDiff(NamedTuple):
    """The old and the new value of a column in a revision, and what takes their place."""

    item_id: int
    version: int
    old: Sequence[str | None]
    new: Sequence[str | None]


def replace_in_rows(change: ChangeSet, tracker: Tracker, name: str, values: Sequence[InRow]) -> None:
    """Put sealed values in the place of others in a column of items, where those still stand."""
    items = tracker.table_name
    mark = f"/*{MARK}:{items}*/"
    if change.dialect == "sqlite":
        statement = f"UPDATE {items} SET {name} = ? WHERE id = ? AND {name} = ? {mark}"
        _each(change, statement, [(each.new, each.item_id, each.old) for each in values])
        return
    _all(
        change,
        f"UPDATE {items} SET {name} = e.value ->> 2 FROM {_ARRIVED}"
        f" WHERE {items}.id = CAST(e.value ->> 0 AS bigint) AND {items}.{name} = e.value ->> 1 {mark}",
        values,
    )


def replace_in_diffs(change: ChangeSet, tracker: Tracker, name: str, values: Sequence[InDiff]) -> None:
    """Put pairs of sealed values in the place of others in revisions, where those still stand."""
    mark = f"/*{MARK}:{tracker.table_name}*/"
    if change.dialect == "sqlite":
        statement = (
            f"UPDATE sys_revision SET diff = json_set(diff, '$.{name}', json(?)) WHERE tracker_id = {tracker.id}"
            f" AND item_id = ? AND version = ? AND diff -> '$.{name}' = ? {mark}"
        )
        _each(
            change,
            statement,
            [(_pair(new), item_id, version, _pair(old)) for item_id, version, old, new in values],
        )
        return
    _all(
        change,
        f"UPDATE sys_revision SET diff = jsonb_set(diff, '{{{name}}}', e.value -> 3) FROM {_ARRIVED}"
        f" WHERE tracker_id = {tracker.id} AND item_id = CAST(e.value ->> 0 AS bigint)"
        f" AND version = CAST(e.value ->> 1 AS bigint) AND diff -> '{name}' = e.value -> 2 {mark}",
        values,
    )


def older_files(
    reading: Reading, place: Place, start: str, *, but: Collection[int], after: int = 0
) -> Sequence[Any]:
    """Return the rows of the next files of a field that are sealed under another key than `start` tells.

    :param but: files that do not open; the others are held until a `ChangeSet` ends.
    """
    file = tables.file.c
    asked = (
        select(file.id, file.uid, file.sealed)
        .where(
            file.id > after,
            file.field_uid == place.field.definition.uid,
            func.substr(file.sealed, 1, STARTING) != start,
        )
        .order_by(file.id)
        .limit(AT_ONCE + len(but))
    )
    if isinstance(reading, ChangeSet):
        asked = asked.with_for_update()
    return [row for row in reading.execute(asked).all() if row.id not in but][:AT_ONCE]


def replace_in_files(change: ChangeSet, pairs: Sequence[tuple[Any, str]]) -> None:
    """Put what opens files, sealed anew, in the place of what was read."""
    file = tables.file
    here = (file.c.id == bindparam("at"), file.c.sealed == bindparam("was"))
    if pairs:
        change.execute(
            update(file).where(*here).values(sealed=bindparam("becomes")),
            [{"at": row.id, "was": row.sealed, "becomes": again} for row, again in pairs],
        )


_ARRIVED = "jsonb_array_elements(CAST(%(given)s AS jsonb)) AS e(value)"


def _each(change: ChangeSet, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
    if values:  # not through SQLAlchemy's compiler, which would take longer than the cipher
        change.connection.exec_driver_sql(statement, list(values))


def _all(change: ChangeSet, statement: str, values: Sequence[InRow] | Sequence[InDiff]) -> None:
    if values:
        change.connection.exec_driver_sql(statement, {"given": json.dumps(values)})


def _pair(pair: Sequence[str | None]) -> str:
    old, new = pair
    if old and new and _PLAIN(old) and _PLAIN(new):
        return f'["{old}","{new}"]'
    return json.dumps(pair, separators=(",", ":"))


_PLAIN = re.compile(r"[A-Za-z0-9+/=:]+").fullmatch  # no character of which JSON writes another way
