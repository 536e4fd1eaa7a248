"""From judged values to stored rows: dumping, sealing, blind indexes, numbers that the engine gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal_column, text
from sqlalchemy.dialects import postgresql, sqlite

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.vault.index import blind_many
from tracker.core.vault.seal import vault
from tracker.fields.storage import Stored

Row = dict[str, Any]


def fill_row(row: Row, field: BoundField, value: Any) -> None:
    """Put the stored form of a plain value into a row."""
    for physical, stored in zip(field.columns, field.dump(value), strict=True):
        row[physical.name] = stored


def fill_rows(
    change: ChangeSet, tracker: Tracker, rows: Sequence[Row], items: Sequence[Mapping[str, Any]]
) -> None:
    """Put the stored forms of the items' values into their rows, column by column.

    Fields that no item names are left out; sealed ones need the rows' `uid`.
    """
    for each in tracker.stored:
        if not any(each.key in values for values in items):
            continue
        if each.sealed:
            _fill_sealed(change, tracker, each, rows, values=[values.get(each.key) for values in items])
            continue
        names = [physical.name for physical in each.columns]
        if len(names) == 1:
            name, dump = names[0], each.type.dump
            for row, values in zip(rows, items, strict=True):
                value = values.get(each.key)
                row[name] = None if value is None else dump(value)[0]
            continue
        for row, values in zip(rows, items, strict=True):
            row.update(zip(names, each.dump(values.get(each.key)), strict=True))


def _fill_sealed(
    change: ChangeSet, tracker: Tracker, field: BoundField, rows: Sequence[Row], *, values: Sequence[Any]
) -> None:
    name = field.main.name
    filled = [
        (row, field.type.text(value)) for row, value in zip(rows, values, strict=True) if value is not None
    ]
    for row in rows:
        row.update(dict.fromkeys([physical.name for physical in field.columns]))
    if not filled:
        return
    texts = [plain for _row, plain in filled]
    sealed = vault(change).seal_many(change, tracker, field, [(row["uid"], plain) for row, plain in filled])
    for (row, _plain), ciphertext in zip(filled, sealed, strict=True):
        row[name] = ciphertext
    if field.blind:
        for (row, _plain), index in zip(filled, blind_many(change, field, texts), strict=True):
            row[field.columns[-1].name] = index


def side_rows(field: BoundField, item_id: int, value: Sequence[Any] | None) -> list[Row]:
    """Return the rows of the side table for one item."""
    names = [physical.name for physical in field.columns]
    return [
        {"item_id": item_id, "position": position, **dict(zip(names, field.type.dump(element), strict=True))}
        for position, element in enumerate(value or ())
    ]


def side_json(field: BoundField, value: Sequence[Any] | None) -> list[list[Any]]:
    """Return the JSON form in which history keeps a whole list."""
    return [
        [
            physical.storage.to_json(stored)
            for physical, stored in zip(field.columns, field.type.dump(element), strict=True)
        ]
        for element in value or ()
    ]


def side_from_json(field: BoundField, held: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    """Return the elements that `side_json` wrote."""
    return tuple(
        field.type.load(
            [physical.storage.from_json(part) for physical, part in zip(field.columns, element, strict=True)]
        )
        for element in held
    )


def stored_json(tracker: Tracker, row: Mapping[str, Stored]) -> dict[str, Any]:
    """Return the JSON forms of some stored columns of an item."""
    found: dict[str, Any] = {}
    for name, stored in row.items():
        field = tracker.by_column.get(name)
        found[name] = stored if field is None else _physical(field, name).storage.to_json(stored)
    return found


def names_column(dialect: str, name: str) -> ColumnElement[bool]:
    """Return the clause for revisions whose diff names a column."""
    if dialect == "sqlite":
        return literal_column(f"json_type(sys_revision.diff, '$.{name}')").is_not(None)
    return literal_column(f"jsonb_exists(sys_revision.diff, '{name}')", Boolean())


def values_before(
    fields: Sequence[BoundField], values: Mapping[str, Any], back: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an item's values with some of them as they were before.

    :param back: what columns stored, by their names, as revisions keep it.
    """
    found = dict(values)
    for field in fields:
        if field.many and field.definition.column in back:
            found[field.key] = side_from_json(field, back[field.definition.column] or []) or None
        elif not field.many and any(each.name in back for each in field.columns):
            now = (
                (None,) * len(field.columns)
                if values.get(field.key) is None
                else _stored(field, values[field.key])
            )
            stored = [
                each.storage.from_json(back[each.name]) if each.name in back else held
                for each, held in zip(field.columns, now, strict=True)
            ]
            found[field.key] = field.load(stored)
    return found


def _stored(field: BoundField, value: Any) -> tuple[Any, ...]:
    if field.sealed:
        return (value.stored, *(None for _each in field.columns[1:]))
    return field.dump(value)


def _physical(field: BoundField, name: str) -> Any:
    return next(each for each in field.columns if each.name == name)


def new_ids(change: ChangeSet, tracker: Tracker, number: int) -> list[int]:
    """Return ids that were never given out, in order; ours because the transaction holds the sequence."""
    name = tracker.table_name
    if change.dialect == "sqlite":
        last = change.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": name}
        ).scalar()
        start = int(last or 0) + 1
        return list(range(start, start + number))
    drawn = text(f"SELECT nextval('{name}_id_seq') FROM generate_series(1, :number)")
    return [int(each) for each in change.execute(drawn, {"number": number}).scalars()]


def _counting_on(made: Any) -> Any:
    # One statement: of two that take the first number at once, the second would insert the row once more.
    statement = made(tables.counter)
    further = {"last": tables.counter.c.last + statement.excluded.last}
    statement = statement.on_conflict_do_update(index_elements=["field_id", "period"], set_=further)
    return statement.returning(tables.counter.c.last)


_COUNT_ON = {"sqlite": _counting_on(sqlite.insert), "postgresql": _counting_on(postgresql.insert)}


def next_numbers(change: ChangeSet, field: BoundField, number: int) -> list[Any]:
    """Return the next values of an autonumber field; others that want some wait until we commit."""
    year = change.today.year
    period = str(year) if field.type.options.per_year else ""
    taken = {"field_id": field.id, "period": period, "last": number}
    last = int(change.execute(_COUNT_ON[change.dialect], taken).scalar_one())
    render = field.type.render  # type: ignore[attr-defined]
    return [render(each, year) for each in range(last - number + 1, last + 1)]
