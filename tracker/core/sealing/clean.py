"""What a field leaves in the clear once it is encrypted: its former columns, and the values in history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.rows import names_column, side_from_json
from tracker.core.vault.index import blind_many
from tracker.core.vault.seal import vault

revision = tables.revision
NOBODYS = 0  # stands for the field of a column that was emptied for good


def plain_columns(tracker: Tracker, field: BoundField) -> list[BoundField]:
    """Return what the field was while it was not encrypted, under each of its types."""
    return [was for was in tracker.former if was.id == field.id and not was.sealed]


def clean(change: ChangeSet, tracker: Tracker, field: BoundField, items: Sequence[Item]) -> None:
    """Empty the plain columns of some items, and give their revisions the sealed forms under the field's column."""
    formers = plain_columns(tracker, field)
    if items and formers:
        ids = [each.id for each in items]
        _seal_history(change, tracker, field, {each.id: each.uid for each in items})
        _empty(change, tracker, formers, ids)


def forget_columns(change: ChangeSet, tracker: Tracker, field: BoundField) -> None:
    """Let the plain columns belong to no field any more, now that they and history are empty of it."""
    known = tables.field_column
    names = [each.definition.column for each in plain_columns(tracker, field)]
    left = update(known).where(known.c.column.in_(names))
    change.execute(left.values(field_id=NOBODYS, to_cs=change.id))
    change.raise_versions(["design"])


def _empty(change: ChangeSet, tracker: Tracker, formers: Sequence[BoundField], ids: Sequence[int]) -> None:
    items = tracker.table
    names = [physical.name for was in formers if not was.many for physical in was.columns]
    if names:
        here = (
            among(items.c.id, change.dialect),
            or_(*(items.c[name].is_not(None) for name in names)),
            clauses.as_system(tracker),
        )
        change.execute(update(items).where(*here).values(dict.fromkeys(names)), given(change, ids))
    for was in formers:
        if was.many:
            side = was.side
            gone = delete(side).where(among(side.c.item_id, change.dialect), clauses.as_system(tracker))
            change.execute(gone, given(change, ids))


def _seal_history(change: ChangeSet, tracker: Tracker, field: BoundField, uids: Mapping[int, str]) -> None:
    by_column = {name: was for was in plain_columns(tracker, field) for name in _names(was)}
    named = or_(*(names_column(change.dialect, name) for name in by_column))
    found = change.execute(
        select(revision.c.item_id, revision.c.version, revision.c.diff).where(
            revision.c.tracker_id == tracker.id,
            among(revision.c.item_id, change.dialect),
            named,
            clauses.as_system(tracker),
        ),
        given(change, uids),
    ).all()
    if not found:
        return
    texts = [_texts(by_column, row.diff) for row in found]
    flat = [
        (uids[row.item_id], plain)
        for row, pair in zip(found, texts, strict=True)
        for plain in pair
        if plain is not None
    ]
    sealed = iter(vault(change).seal_many(change, tracker, field, flat, settled=True))
    indexed = iter(blind_many(change, field, [plain for _uid, plain in flat]) if field.blind and flat else ())
    written = []
    for row, pair in zip(found, texts, strict=True):
        diff = {name: value for name, value in row.diff.items() if name not in by_column}
        diff[field.main.name] = [None if plain is None else next(sealed) for plain in pair]
        if field.blind:
            diff[field.columns[-1].name] = [None if plain is None else next(indexed) for plain in pair]
        written.append({"at": row.item_id, "of": row.version, "becomes": diff})
    here = (
        revision.c.tracker_id == tracker.id,
        revision.c.item_id == bindparam("at"),
        revision.c.version == bindparam("of"),
        clauses.as_system(tracker),
    )
    change.execute(
        update(revision).where(*here).values(diff=bindparam("becomes", type_=tables.Json)), written
    )


def _names(was: BoundField) -> list[str]:
    return [was.definition.column] if was.many else [physical.name for physical in was.columns]


def _texts(by_column: Mapping[str, BoundField], diff: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the canonical texts of the old and the new value that a diff names by a plain column."""
    was = next(by_column[name] for name in diff if name in by_column)
    return _text(was, diff, 0), _text(was, diff, 1)


def _text(was: BoundField, diff: Mapping[str, Any], place: int) -> str | None:
    if was.many:
        value: Any = side_from_json(was, diff[was.definition.column][place] or ()) or None
    else:
        stored = [
            each.storage.from_json(diff[each.name][place]) if each.name in diff else None
            for each in was.columns
        ]
        value = was.load(stored)
    return None if value is None else was.type.text(value)
