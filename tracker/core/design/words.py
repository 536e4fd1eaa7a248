"""Where an item's words go in the search index: keys of documents, and visibility classes.

A visibility class holds the fields that the same people may read. Class 0 follows the tracker; a field
with readers of its own falls into a class of its signature, so a word never finds what its reader may not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import LEVELS
from tracker.core.design.marks import own_work

ITEM_BITS, CLASS_BITS = 36, 4
MOST_CLASSES = 1 << CLASS_BITS


def key_of(tracker_id: int, item_id: int, visibility: int = 0) -> int:
    """Return the number under which a document is kept."""
    return (tracker_id << (ITEM_BITS + CLASS_BITS)) | (item_id << CLASS_BITS) | visibility


def classes(tracker: Tracker) -> Mapping[str, int]:
    """Return the visibility class of each searchable field; fields beyond the last class are not searched."""
    kept: Mapping[str, int] | None = vars(tracker).get("_classes")
    if kept is None:
        signatures: dict[tuple[Any, ...], int] = {(): 0}
        numbers = {
            each.key: signatures.setdefault(_signature(each), len(signatures))
            for each in tracker.fields.values()
            if each.searchable
        }
        kept = {key: number for key, number in numbers.items() if number < MOST_CLASSES}
        vars(tracker)["_classes"] = kept
    return kept


def _signature(field: BoundField) -> tuple[Any, ...]:
    grants = field.definition.grants
    named = tuple(sorted((name, tuple(sorted(grants[name]))) for name in grants if name in LEVELS))
    return (*named, field.definition.default_level) if named else ()


def follow_design(change: ChangeSet, old: Tracker, new: Tracker) -> None:
    """Drop the words of a tracker whose fields changed their readers, and have them written anew.

    Dropped at once and in the same transaction: a search may miss for a while, and never leaks. Where fields
    only came (back) with the values they had, nothing is dropped.
    """
    before, after = _places(old), _places(new)
    came = [new.fields[key] for key in after if key not in before]
    stays = all(after.get(key) == place for key, place in before.items())
    stays = stays and old.own_fields == new.own_fields
    if stays and not any(each.key in old.all_fields for each in came) and not _were_there(change, came):
        return
    if not all(_same_readers(old, new, key) for key in before):
        table = tables.search
        low, high = key_of(new.id, 0), key_of(new.id + 1, 0) - 1
        change.execute(delete(table).where(table.c.key.between(low, high), own_work()))
    change.queue("search_rebuild", {"tracker": new.id})


def _same_readers(old: Tracker, new: Tracker, key: str) -> bool:
    """Say whether words of a field may stay until they are written anew: its type changed, not who reads it."""
    field, number = new.fields.get(key), classes(new).get(key)
    if field is None or field.sealed or _signature(field) != _signature(old.fields[key]):
        return False
    return number is None or number == classes(old)[key]


def _places(tracker: Tracker) -> dict[str, tuple[int, str]]:
    """Return in which class, and from which column, the words of each field come."""
    return {key: (number, tracker.fields[key].definition.column) for key, number in classes(tracker).items()}


def _were_there(change: ChangeSet, fields: Sequence[BoundField]) -> bool:
    """Say whether one of these fields has a column from before this change set, which may hold values."""
    known = tables.field_column
    columns = [each.definition.column for each in fields]
    if not columns:
        return False
    older = select(known.c.column).where(known.c.column.in_(columns), known.c.from_cs != change.id)
    return change.execute(older.limit(1)).first() is not None
