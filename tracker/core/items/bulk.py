"""Changing many items with a few statements: the same rights, revisions and words as one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from tracker.core.access.clauses import in_trash
from tracker.core.access.rights import require, require_fields
from tracker.core.ask import search
from tracker.core.ask.query import Query, ask, needed, open_to
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import Physical, Tracker
from tracker.core.items import judge
from tracker.core.items.batches import batches
from tracker.core.items.judge import Refusals
from tracker.core.items.unique import already_used
from tracker.core.items.write import change_item
from tracker.errors import Invalid, Refused
from tracker.fields.base import FieldType
from tracker.fields.storage import Stored

CHUNK = 5000
FROM_TRASH = ("restore", "delete")  # what is done to items in the trash
Selection = Query | Sequence[int]


def chosen(reading: Reading, tracker: Tracker, selection: Selection, action: str) -> ColumnElement[bool]:
    """Return the clause for the items of a selection on which the actor may do `action`.

    To restore or to delete them, they must be in the trash; else outside.
    """
    if isinstance(selection, Query):
        return ask(reading, selection, form="set", action=action).clause
    table = tracker.table
    trash = action in FROM_TRASH
    return and_(
        table.c.id.in_(list(selection)),
        in_trash(table) if trash else table.c.deleted_cs.is_(None),
        *(open_to(reading, each, tracker, form="set") for each in needed(action, trash=trash)),
    )


def count_chosen(
    reading: Reading, tracker: Tracker, selection: Selection, action: str, *, locked: bool = False
) -> int:
    """Return how many items a bulk action would touch: the preview of it.

    :param locked: count only those that are locked.
    """
    clause = chosen(reading, tracker, selection, action)
    if locked:
        clause = and_(clause, tracker.table.c.locked_cs.is_not(None))
    return int(reading.execute(select(func.count()).select_from(tracker.table).where(clause)).scalar_one())


def change_items(
    change: ChangeSet,
    tracker: Tracker,
    selection: Selection,
    values: Mapping[str, Any],
    *,
    refused: dict[int, str] | None = None,
) -> int:
    """Give all items of a selection the same values; return how many changed.

    Those that have them already are left alone. One statement a chunk where rules, gates and the field's
    type ask nothing of single items; else one by one.

    :param refused: takes the sentences of items that refuse, by their numbers, and the others are changed.
    :raises Invalid: an item refuses, and there is no `refused`, or all would; nothing is changed.
    """
    tracker = judge.current(change, tracker)
    require(change, "bulk", tracker)
    require_fields(change, tracker, set(values))
    refusals = Refusals()
    alone = {key for key, value in values.items() if not judge.leans_on_others(tracker.fields[key], value)}
    judge.require_filled(change, tracker, [values], refusals, only=alone)
    judge.check_references(change, tracker.fields, [values], refusals)
    refusals.raise_first()
    clause = chosen(change, tracker, selection, "change")
    if not _set_based(change, tracker, values):
        return _one_by_one(change, tracker, clause, values, refused=refused)
    row = {
        physical: stored
        for key, value in values.items()
        for physical, stored in zip(tracker.fields[key].columns, tracker.fields[key].dump(value), strict=True)
    }
    changed = 0
    for low, high in id_ranges(change, tracker, clause):
        part = and_(tracker.table.c.id.between(low, high), clause)
        changed += write_columns(change, tracker, part, row, between=(low, high))
    return changed


def _set_based(change: ChangeSet, tracker: Tracker, values: Mapping[str, Any]) -> bool:
    hooks = change.workspace.hooks
    if tracker.definition.rules or hooks.asked("item_before_save") or hooks.asked("items_saving"):
        return False
    fields = [tracker.fields[key] for key in values]
    return not any(
        each.many
        or each.sealed
        or each.unique
        or type(each.type).allow is not FieldType.allow
        or judge.leans_on_others(each, values[each.key])
        for each in fields
    )


def _one_by_one(
    change: ChangeSet,
    tracker: Tracker,
    clause: ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    refused: dict[int, str] | None,
) -> int:
    before = change.counts[tracker.id].changed
    for low, high in id_ranges(change, tracker, clause):
        table = tracker.table
        ids = change.execute(select(table.c.id).where(table.c.id.between(low, high), clause)).scalars().all()
        for item_id in ids:
            if refused is None:
                change_item(change, tracker, item_id, values=values, version=None)
                continue
            try:
                with change.attempt():
                    change_item(change, tracker, item_id, values=values, version=None)
            except (Invalid, Refused) as error:
                refused[item_id] = str(error)
    return change.counts[tracker.id].changed - before


def id_ranges(
    change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], *, size: int = CHUNK
) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids with at most `size` items of the clause each; the rows are locked as they come."""
    table, last = tracker.table, 0
    while True:
        part = select(table.c.id).where(table.c.id > last, clause).order_by(table.c.id).limit(size)
        if change.dialect == "postgresql":
            part = part.with_for_update()
        part_ids = part.subquery()
        ends = select(func.min(part_ids.c.id).label("low"), func.max(part_ids.c.id).label("high"))
        row = change.execute(ends).one()
        if row.high is None:
            return
        last = int(row.high)
        yield int(row.low), last


def write_columns(
    change: ChangeSet,
    tracker: Tracker,
    clause: ColumnElement[bool],
    row: Mapping[Physical, Stored],
    *,
    between: tuple[int, int] | None = None,
) -> int:
    """Set columns of all items of a clause that differ, with their revisions; return how many.

    The engine's set-based twin of `save_difference`: values are judged and allowed.

    :param between: the range of ids in which the items of the clause are, where the caller walks ranges.
    """
    table = tracker.table
    differs = or_(
        *(table.c[each.name].is_distinct_from(_literal(each, stored)) for each, stored in row.items())
    )
    written = and_(clause, differs)
    _note_revisions(change, tracker, written, row)
    here = (
        select(tables.revision.c.item_id)
        .where(
            tables.revision.c.tracker_id == tracker.id,
            tables.revision.c.change_set_id == change.id,
            tables.revision.c.version == table.c.version + 1,
            tables.revision.c.item_id == table.c.id,
        )
        .correlate(table)
    )
    try:
        saved = change.execute(
            update(table)
            .where(written, here.exists())
            .values({each.name: stored for each, stored in row.items()})
            .values(version=table.c.version + 1, changed_cs=change.id)
        )
    except IntegrityError as error:
        raise already_used(tracker, error) from error
    change.counts[tracker.id].changed += saved.rowcount
    if saved.rowcount:
        reindex(change, tracker, {each.name for each in row}, between=between)
    return saved.rowcount


def _literal(physical: Physical, stored: Stored) -> ColumnElement[Any]:
    from sqlalchemy import literal, null

    return null() if stored is None else literal(stored, physical.storage.sql_type)


def _note_revisions(
    change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], row: Mapping[Physical, Stored]
) -> None:
    """INSERT INTO sys_revision .. SELECT: the diff is built by the database from the old values."""
    pairs = []
    parameters: dict[str, Any] = {}
    lite = change.dialect == "sqlite"
    for number, (each, stored) in enumerate(row.items()):
        old = each.storage.json_sql(each.name, change.dialect)
        parameters[f"new_{number}"] = _json(each.storage.to_json(stored))
        new = f"json(:new_{number})" if lite else f"CAST(:new_{number} AS jsonb)"
        pair = f"json_array({old}, {new})" if lite else f"jsonb_build_array({old}, {new})"
        pairs.append(f"'{each.name}', {pair}")
    build = "json_object" if lite else "jsonb_build_object"
    diff = text(f"{build}({', '.join(pairs)})").bindparams(
        *(bindparam(name, value) for name, value in parameters.items())
    )
    table = tracker.table
    chosen_rows = select(
        literal_column(str(tracker.id)), table.c.id, table.c.version + 1, literal_column(str(change.id)), diff
    ).where(clause)
    names = ["tracker_id", "item_id", "version", "change_set_id", "diff"]
    change.execute(tables.revision.insert().from_select(names, chosen_rows, include_defaults=False))


def _json(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()


def reindex(
    change: ChangeSet, tracker: Tracker, columns: set[str], *, between: tuple[int, int] | None = None
) -> None:
    """Write the words anew of the items that this change set revised, if one of `columns` is searched.

    :param between: only of those in a range of ids; None means all.
    """
    fields = search.searched_fields(tracker)
    names = {physical.name for each in fields if not each.many for physical in each.columns}
    names |= {each.definition.column for each in fields if each.many}
    if not names & columns:
        return
    revision, table = tables.revision, tracker.table
    touched = select(revision.c.item_id).where(
        revision.c.tracker_id == tracker.id, revision.c.change_set_id == change.id
    )
    clause: ColumnElement[bool] = table.c.id.in_(touched)
    if between is not None:
        clause = and_(
            table.c.id.between(*between), table.c.id.in_(touched.where(revision.c.item_id.between(*between)))
        )
    reindex_items(change, tracker, clause)


def reindex_items(
    change: ChangeSet, tracker: Tracker, clause: ColumnElement[bool], *, batch: int = 2000
) -> int:
    """Write the words of all items of a clause anew, in batches; return how many.

    Each batch is held before it is read: words of what someone saves meanwhile are never overwritten by older ones.
    """
    done = 0
    for items in batches(change, tracker, search.searched_fields(tracker), clause, size=batch):
        search.write_documents(change, tracker, {item.id: item.values for item in items})
        done += len(items)
    return done
