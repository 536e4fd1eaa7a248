"""How many values are sealed under each data key, in rows and in history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.store import trackers
from tracker.core.sealing.stored import STARTING, Place, side_of
from tracker.core.vault.form import key_id


@dataclass(frozen=True)
class Held:
    """What is sealed under one key: values of items, and old and new values in revisions."""

    rows: int = 0
    history: int = 0


def held(reading: Reading) -> Mapping[int, Held]:
    """Return what is sealed under each data key, by its number; every row is looked at.

    :raises Forbidden: the actor may not configure the workspace.
    """
    require_admin(reading)
    rows, history = Counter[int](), Counter[int]()
    for tracker in trackers(reading).by_id.values():
        for each in tracker.all_fields.values():
            place = Place.of(tracker, each)
            for name in place.columns:
                rows += _in_rows(reading, place, name)
                for side in (0, 1):
                    history += _in_history(reading, place, side_of(reading.dialect, name, side))
    rows += _in_files(reading)
    return {number: Held(rows[number], history[number]) for number in rows.keys() | history.keys()}


def field_names(reading: Reading) -> Mapping[str, str]:
    """Return TRACKER.FIELD of each field by its uid."""
    return {
        each.definition.uid: f"{tracker.key}.{each.key}"
        for tracker in trackers(reading).by_id.values()
        for each in tracker.all_fields.values()
    }


def _in_rows(reading: Reading, place: Place, name: str) -> Counter[int]:
    items = place.tracker.table
    start = func.substr(items.c[name], 1, STARTING).label("start")
    return _counted(reading, place, select(start, func.count()).where(items.c[name].is_not(None)))


def _in_files(reading: Reading) -> Counter[int]:
    """Count files by the key under which is sealed what opens them."""
    start = func.substr(tables.file.c.sealed, 1, STARTING).label("start")
    asked = select(start, func.count()).where(tables.file.c.sealed.is_not(None)).group_by("start")
    return _by_key(reading.execute(asked).all())


def _in_history(reading: Reading, place: Place, value: ColumnElement[str]) -> Counter[int]:
    start = func.substr(value, 1, STARTING).label("start")
    mine = (tables.revision.c.tracker_id == place.tracker.id, value.is_not(None))
    return _counted(reading, place, select(start, func.count()).select_from(tables.revision).where(*mine))


def _counted(reading: Reading, place: Place, asked: Select[Any]) -> Counter[int]:
    return _by_key(reading.execute(asked.where(clauses.as_system(place.tracker)).group_by("start")).all())


def _by_key(rows: Sequence[Any]) -> Counter[int]:
    found = Counter[int]()
    for row in rows:
        under = key_id(row[0])
        if under is not None:
            found[under] += row[1]
    return found
