"""Sealed values where they lie, in rows and in history: which are under an older key, and writing them anew.

What is written here changes nothing that people see, so it raises no version and leaves no revision. Each value
replaces the very text that was read, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.core.access import clauses
from tracker.core.base import tables
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.fields.storage import PlainText

revision = tables.revision
STARTING = 10  # characters of a stored value that tell under which key it is
_ROW: dict[str, Any] = {"at": Id, "was": PlainText, "becomes": PlainText}
_DIFF: dict[str, Any] = {"at": Id, "of": Id, "was": PlainText, "becomes": PlainText}


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


@dataclass(frozen=True)
class InRow:
    """A value of an item, and what takes its place."""

    item_id: int
    old: str
    new: str


@dataclass(frozen=True)
class InDiff:
    """The old and the new value of a column in a revision, and what takes their place."""

    item_id: int
    version: int
    old: Sequence[str | None]
    new: Sequence[str | None]


def replace_in_rows(change: ChangeSet, tracker: Tracker, name: str, values: Sequence[InRow]) -> None:
    """Put sealed values in the place of others in a column of items, where those still stand."""
    if not values:
        return
    items = table(tracker.table_name, column("id", Id), column(name, PlainText))
    if change.dialect == "sqlite":
        at, was, becomes = (bindparam(key, type_=kind) for key, kind in _ROW.items())
    else:
        arrived = _arrived(**_ROW)
        at, was, becomes = arrived.c.at, arrived.c.was, arrived.c.becomes
    change.execute(
        update(items)
        .where(items.c.id == at, items.c[name] == was, clauses.as_system(tracker))
        .values({name: becomes}),
        _given(change, [{"at": each.item_id, "was": each.old, "becomes": each.new} for each in values]),
    )


def replace_in_diffs(change: ChangeSet, tracker: Tracker, name: str, values: Sequence[InDiff]) -> None:
    """Put pairs of sealed values in the place of others in revisions, where those still stand."""
    if not values:
        return
    mine = and_(revision.c.tracker_id == tracker.id, clauses.as_system(tracker))
    diff: ColumnElement[Any] = literal_column("sys_revision.diff")
    if change.dialect == "sqlite":
        at, of, was, becomes = (bindparam(key, type_=kind) for key, kind in _DIFF.items())
        becoming: ColumnElement[Any] = func.json_set(diff, f"$.{name}", func.json(becomes))
        held = func.json_extract(diff, f"$.{name}") == was
    else:
        arrived = _arrived(**_DIFF)
        at, of = arrived.c.at, arrived.c.of
        becoming = literal_column(
            f"jsonb_set(sys_revision.diff, '{{{name}}}', CAST(arrived.becomes AS jsonb))"
        )
        held = literal_column(f"sys_revision.diff->'{name}' = CAST(arrived.was AS jsonb)", Boolean)
    given = [
        {"at": each.item_id, "of": each.version, "was": _pair(each.old), "becomes": _pair(each.new)}
        for each in values
    ]
    change.execute(
        update(revision)
        .where(mine, revision.c.item_id == at, revision.c.version == of, held)
        .values(diff=becoming),
        _given(change, given),
    )


def _arrived(**kinds: Any) -> Any:
    """Return lists that a statement is given, on PostgreSQL, as the table `arrived`."""
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()]
    columns = (column(name, kind) for name, kind in kinds.items())
    return func.unnest(*arrays).table_valued(*columns).render_derived(name="arrived")


def _given(change: ChangeSet, values: Sequence[dict[str, Any]]) -> Any:
    """Return the parameters of many at once: SQLite runs the statement for each, PostgreSQL takes lists."""
    if change.dialect == "sqlite":
        return list(values)
    return {name: [each[name] for each in values] for name in values[0]}


def _pair(pair: Sequence[str | None]) -> str:
    return json.dumps(list(pair), separators=(",", ":"))
