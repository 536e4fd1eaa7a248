"""Definitions as rows: the design of the moment, kept per version."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker, Trackers
from tracker.core.design.definitions import CHILD_KINDS, KINDS, Definition, Design, FieldDef


def trackers(reading: Reading) -> Trackers:
    """Return all trackers as they stand in this transaction."""

    def bind() -> Trackers:
        design = read_design(reading)
        bound = Trackers.bind(design, reading.workspace.types, _former(reading, design))
        reading.workspace.language.settle(bound)
        return bound

    return reading.workspace.kept("design", reading.versions[:2], bind)


def tracker(reading: Reading, key: str) -> Tracker:
    """Return the tracker of that key.

    :raises Unknown: there is none, or it is retired.
    """
    return trackers(reading).get(key)


def _former(reading: Reading, design: Design) -> dict[int, list[FieldDef]]:
    """Return, by field, what it was while other columns held its values: older history is read by that."""
    table = tables.field_column
    now = {each.id: each for tracker in design.trackers for each in tracker.fields}
    former: defaultdict[int, list[FieldDef]] = defaultdict(list)
    for row in reading.execute(select(table).order_by(table.c.column)):
        held = now.get(row.field_id)
        if held is not None and held.column != row.column:
            was = {"type": row.type, "options": row.options, "encrypted": row.encrypted, "column": row.column}
            former[row.field_id].append(replace(held, **was))
    return former


def read_design(reading: Reading) -> Design:
    """Read every definition that stands."""
    table = tables.definition
    rows = reading.execute(select(table).where(table.c.dropped_cs.is_(None)).order_by(table.c.id)).all()
    children: defaultdict[tuple[int, str], list[Definition]] = defaultdict(list)
    tops: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.parent_id is not None:
            made = KINDS[row.kind].from_body(row.body, id=row.id, uid=row.uid, key=row.key)
            children[row.parent_id, CHILD_KINDS[row.kind][1]].append(made)
    for row in rows:
        if row.parent_id is None:
            cls = KINDS[row.kind]
            parts = {name: tuple(children[row.id, name]) for name in cls.children}
            tops[row.kind].append(cls.from_body(row.body, id=row.id, uid=row.uid, key=row.key, **parts))
    return Design(reading.versions[:2], tuple(tops["tracker"]), tuple(tops["group"]))
