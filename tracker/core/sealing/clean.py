"""What a field leaves in the clear once it is encrypted: its former columns, and the values in history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.place import filled_from
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.items.rows import names_column, side_from_json
from tracker.core.vault.index import blind_many
from tracker.core.vault.seal import vault

revision = tables.revision
NOBODYS = 0  # stands for the field of a column that is emptied for good
_Pair = tuple[str | None, str | None]  # the old and the new text of a value


def plain_columns(tracker: Tracker, field: BoundField) -> list[BoundField]:
    """Return what the field was while it was not encrypted, under each of its types."""
    return [was for was in tracker.former if was.id == field.id and not was.sealed]


def disown_copies(change: ChangeSet, field: BoundField) -> tuple[str, ...]:
    """Let the plain columns that were filled from a field be nobody's where their own fields are gone; return their names.

    A split that was stopped or undone leaves them. From now on no undo brings their fields back.
    """
    known, definition = tables.field_column, tables.definition
    gone = select(definition.c.id).where(
        definition.c.id.in_(filled_from(change, field)), definition.c.dropped_cs.is_not(None)
    )
    plain = select(known.c.column).where(known.c.field_id.in_(gone), known.c.encrypted.is_(False))
    names = tuple(change.execute(plain.order_by(known.c.column)).scalars())
    left = update(known).where(known.c.column.in_(names))
    change.execute(left.values(field_id=NOBODYS, to_cs=change.id))
    return names


def copies_in(reading: Reading, names: Sequence[str]) -> list[BoundField]:
    """Return what holds the copies of a field in columns that `disown_copies` named."""
    known, types = tables.field_column, reading.workspace.types
    rows = reading.execute(select(known).where(known.c.column.in_(names)).order_by(known.c.column))
    return [
        BoundField(
            FieldDef(key=row.column, type=row.type, label="", options=row.options, column=row.column), types
        )
        for row in rows
    ]


def clean(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    items: Sequence[Item],
    *,
    copies: Sequence[BoundField],
) -> None:
    """Empty the plain columns of some items, and give their revisions the sealed forms under the field's column.

    :param copies: what holds parts of the field's values. They are emptied too, and revisions lose them: a part is
        no value of the field, at no moment.
    """
    formers = plain_columns(tracker, field)
    if items and (formers or copies):
        ids = [each.id for each in items]
        _seal_history(change, tracker, field, {each.id: each.uid for each in items}, copies=copies)
        _empty(change, tracker.with_former(copies), [*formers, *copies], ids)


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


def _seal_history(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    uids: Mapping[int, str],
    *,
    copies: Sequence[BoundField],
) -> None:
    by_column = {name: was for was in plain_columns(tracker, field) for name in _names(was)}
    plain_names = by_column.keys() | {name for copy in copies for name in _names(copy)}
    named = or_(*(names_column(change.dialect, name) for name in sorted(plain_names)))
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
    sealed = iter(_sealed(change, tracker, field, uids=[uids[row.item_id] for row in found], texts=texts))
    written = []
    for row, pair in zip(found, texts, strict=True):
        diff = {name: value for name, value in row.diff.items() if name not in plain_names}
        if pair is not None:
            diff |= next(sealed)
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


def _sealed(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    *,
    uids: Sequence[str],
    texts: Sequence[_Pair | None],
) -> Iterator[dict[str, list[str | None]]]:
    """Yield, for each pair of texts that there is, what a diff says of the sealed field instead."""
    flat = [
        (uid, plain)
        for uid, pair in zip(uids, texts, strict=True)
        for plain in pair or ()
        if plain is not None
    ]
    sealed = iter(vault(change).seal_many(change, tracker, field, flat, settled=True))
    indexed = iter(blind_many(change, field, [plain for _uid, plain in flat]) if field.blind and flat else ())
    for pair in texts:
        if pair is None:
            continue
        said = {field.main.name: [None if plain is None else next(sealed) for plain in pair]}
        if field.blind:
            said[field.columns[-1].name] = [None if plain is None else next(indexed) for plain in pair]
        yield said


def _names(was: BoundField) -> list[str]:
    return [was.definition.column] if was.many else [physical.name for physical in was.columns]


def _texts(by_column: Mapping[str, BoundField], diff: Mapping[str, Any]) -> _Pair | None:
    """Return the canonical texts of the old and the new value that a diff names by a plain column; None: by none."""
    was = next((by_column[name] for name in diff if name in by_column), None)
    return None if was is None else (_text(was, diff, 0), _text(was, diff, 1))


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
