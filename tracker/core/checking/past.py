"""Items against their history: a row is what its revisions lead to, and no version is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import select

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.own import own_of
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.core.design.bound import BoundField, Gone, Tracker
from tracker.core.design.own import names_own

AT_ONCE = 2_000
LATER = "Somebody wrote to the database past Tracker: compare with a backup, and save the right values anew."


def check_past(look: Look, reading: Reading, tracker: Tracker, rows: Sequence[Any]) -> None:
    """Hold some rows of a tracker to their revisions, and to the change sets that they name."""
    revision = tables.revision.c
    asked = (
        select(revision.item_id, revision.version, revision.change_set_id, revision.diff)
        .where(
            revision.tracker_id == tracker.id,
            among(revision.item_id, reading.dialect),
            clauses.as_system(tracker),
        )
        .order_by(revision.item_id, revision.version)
    )
    met = {row.created_cs for row in rows} | {row.changed_cs for row in rows}
    met |= {getattr(row, name) for row in rows for name in ("deleted_cs", "locked_cs", "erased_cs")} - {None}
    walk = _Walk(look, tracker, {row.id: row for row in rows})
    found = reading.execute(
        asked.execution_options(yield_per=AT_ONCE), given(reading, [row.id for row in rows])
    )
    for item_id, revisions in groupby(found, attrgetter("item_id")):
        met |= walk.follow(item_id, revisions)
    walk.end()
    for field, lists in walk.lists.items():
        _check_lists(walk, reading, field, lists)
    _check_own(walk, reading)
    _check_change_sets(look, reading, tracker, met)


class _Walk:
    """Follows the revisions of each item from its creation to the row as it stands."""

    def __init__(self, look: Look, tracker: Tracker, rows: Mapping[int, Any]) -> None:
        self.look = look
        self.tracker = tracker
        self.rows = rows
        self.unmet = set(rows)  # items without a revision
        self.lists: defaultdict[BoundField, dict[int, Any]] = defaultdict(dict)
        self.own: dict[int, dict[str, Any]] = {}  # of fields that items alone have, what history leads to
        self._storages = {
            name: next(each.storage for each in field.columns if each.name == name)
            for name, field in tracker.by_column.items()
            if not field.many
        }

    def follow(self, item_id: int, revisions: Iterable[Any]) -> set[int]:
        """Hold one item to its revisions, oldest first; return the change sets that they belong to."""
        version, last = 1, dict[str, Any]()
        met = set[int]()
        for row in revisions:
            met.add(row.change_set_id)
            # Trashing takes a version and leaves no revision; the restoring after it says so.
            version += 2 if "deleted_cs" in row.diff else 1
            if row.version != version:
                self._wrong_version(item_id)
                version = row.version
            for name, (old, new) in row.diff.items():
                if name != "deleted_cs" and name in last and last[name] != old:
                    self._broken(item_id, name)
                last[name] = new
        self.unmet.discard(item_id)
        self._compare(item_id, version, last)
        return met

    def end(self) -> None:
        """Hold the items without a revision to that."""
        for item_id in sorted(self.unmet):
            self._compare(item_id, 1, {})

    def _compare(self, item_id: int, version: int, last: Mapping[str, Any]) -> None:
        row = self.rows[item_id]
        # Neither trashing nor deleting for good leaves a revision.
        if row.version != version + (row.deleted_cs is not None) + (row.erased_cs is not None):
            self._wrong_version(item_id)
        if own := {name: value for name, value in last.items() if names_own(name)}:
            self.own[item_id] = own
        for name, value in last.items():
            if name in self._storages:
                held = self._storages[name].to_json(row._mapping[name])
            elif name in ("locked_cs", "owner_id", "group_id"):
                held = row._mapping[name]
            else:
                field = self.tracker.by_column.get(name)
                if field is not None:
                    self.lists[field][item_id] = value or []
                continue  # a column that the field left: kept as it was, or emptied
            if held != value:
                what = f"{self._place(name)}: items hold something else than their history leads to."
                self.look.found.add(Finding("history", self._place(name), what, LATER), item_id)

    def _wrong_version(self, item_id: int) -> None:
        what = f"{self.tracker.key}: versions of items have gaps, or are not those of their history."
        self.look.found.add(Finding("versions", self.tracker.key, what, LATER), item_id)

    def _broken(self, item_id: int, name: str) -> None:
        what = f"{self._place(name)}: a revision does not begin with what the one before it ended with."
        todo = f"{LATER} Moments before that revision may be shown wrong."
        self.look.found.add(Finding("history_chain", self._place(name), what, todo), item_id)

    def _place(self, name: str) -> str:
        field = self.tracker.by_column.get(name)
        return f"{self.tracker.key}.{field.key if field else name}"


def _check_own(walk: _Walk, reading: Reading) -> None:
    """Hold the fields that items alone have, and their values, to the history of the items."""
    look, tracker = walk.look, walk.tracker
    found = own_of(reading, tracker, walk.own)
    for item_id, wanted in walk.own.items() if tracker.own_fields else ():
        held = dict[str, Any]()
        for field, value in found.get(item_id, ()):
            told = {field.is_name: field.body, field.definition.column: field.state(value)}
            held |= {name: wanted.get(name) for name in told} if isinstance(field.type, Gone) else told
        if any(name not in held or held[name] != value for name, value in wanted.items()):
            what = f"{tracker.key}: fields of single items hold something else than their history leads to."
            look.found.add(Finding("history", f"{tracker.key} own", what, LATER), item_id)


def _check_lists(walk: _Walk, reading: Reading, field: BoundField, lists: Mapping[int, Any]) -> None:
    look, tracker = walk.look, walk.tracker
    side = field.side
    asked = (
        select(side.c.item_id, *(side.c[each.name] for each in field.columns))
        .where(among(side.c.item_id, reading.dialect), clauses.as_system(tracker))
        .order_by(side.c.item_id, side.c.position)
    )
    held: defaultdict[int, list[list[Any]]] = defaultdict(list)
    for row in reading.execute(asked, given(reading, lists)):
        stored: Sequence[Any] = row[1:]
        held[row.item_id].append(
            [each.storage.to_json(value) for each, value in zip(field.columns, stored, strict=True)]
        )
    place = f"{tracker.key}.{field.key}"
    for item_id, value in lists.items():
        if held[item_id] != value:
            what = f"{place}: items hold another list than their history leads to."
            look.found.add(Finding("history", place, what, LATER), item_id)


def _check_change_sets(look: Look, reading: Reading, tracker: Tracker, met: set[int]) -> None:
    known = tables.change_set.c.id
    there = set(
        reading.execute(select(known).where(among(known, reading.dialect)), given(reading, met)).scalars()
    )
    for number in sorted(met - there):
        what = f"{tracker.key}: items or revisions name the change set {number}, which is not there."
        look.found.add(Finding("change_set", f"{tracker.key} {number}", what, LATER))
