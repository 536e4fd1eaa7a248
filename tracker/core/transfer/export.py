"""Items as CSV, JSON Lines and JSON: streamed, by the reader's rights, canonical or for people."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import chain, islice
from typing import Any

import orjson
from sqlalchemy import select

from tracker.core.access import clauses
from tracker.core.access.rights import READ, readable_field, require, rights, shown, visible_tracker
from tracker.core.ask.names import names
from tracker.core.ask.own import add_own
from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.transfer.formulas import neutralise
from tracker.errors import Forbidden
from tracker.fields.base import FieldType, Kind

AT_ONCE = 2_000
Texts = Sequence[str]


def exported_fields(reading: Reading, query: Query) -> list[BoundField]:
    """Return the fields whose values an export holds: those that may be read.

    Sealed ones, those whose files are sealed, and masked ones never leave.

    :raises Unknown: a named field is not there for the actor.
    :raises Forbidden: a named field is one of those, or the tracker is not to be exported.
    """
    tracker = visible_tracker(reading, query.tracker)
    require(reading, "export", tracker)
    mine = rights(reading)
    seen = {each.key: each for each in shown(reading, tracker)}
    good = {key: each for key, each in seen.items() if not each.secret and mine.level(each) >= READ}
    if query.columns is None:
        return [each for each in good.values() if each.definition.type != "back_links"]
    for key in query.columns:
        if key in seen and key not in good:
            raise Forbidden("export", seen[key].label)
    return [good.get(key) or readable_field(reading, tracker, key) for key in query.columns]


def export_csv(
    reading: Reading, query: Query, *, for_people: bool = False, mark: bool = False
) -> Iterator[str]:
    """Yield the items of a query as CSV, a batch at a time.

    Canonical, it begins with `uid`, names columns by key and links by their targets' uids, people by e-mail and
    groups by key: `tracker import` reads it back. Cells that a spreadsheet would run are neutralised.

    :param for_people: labels, names and the reader's own way of writing, for those who read it.
    :param mark: begin with the mark by which spreadsheets know UTF-8.
    """
    fields = exported_fields(reading, query)
    asked = asked_for(query, fields)
    writers = [text_writer(reading, each, for_people=for_people) for each in fields]
    heads = (
        ["id", *(each.label for each in fields)] if for_people else ["uid", *(each.key for each in fields)]
    )
    batches = stream(reading, asked, batch=AT_ONCE)
    first_batch = list(islice(batches, 1))  # a question that is refused has no header either
    yield ("\ufeff" if mark else "") + _lines([neutralise(heads)])
    for items in chain(first_batch, batches):
        first = [str(item.id) for item in items] if for_people else [item.uid for item in items]
        columns = [first, *(neutralise(write(items)) for write in writers)]
        yield _lines(zip(*columns, strict=True))


def export_jsonl(reading: Reading, query: Query) -> Iterator[str]:
    """Yield the items of a query as JSON, one line each: uid, version, and the values in their JSON forms.

    Links, people and groups are told as in the canonical CSV. `tracker import` reads it back, but for what stands
    in `own`: the fields that an item alone has, unless columns were named.
    """
    for lines in _objects(reading, query):
        if lines:
            yield b"\n".join(lines).decode() + "\n"


def export_json(reading: Reading, query: Query) -> Iterator[str]:
    """Yield the items of a query as one JSON array of the objects that `export_jsonl` writes, one a line."""
    before = "[\n"
    for lines in _objects(reading, query):
        if lines:
            yield before + b",\n".join(lines).decode()
            before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _objects(reading: Reading, query: Query) -> Iterator[list[bytes]]:
    fields = exported_fields(reading, query)
    tracker = visible_tracker(reading, query.tracker)
    for items in stream(reading, asked_for(query, fields), batch=AT_ONCE):
        columns = {each.key: _json_column(reading, each, items) for each in fields}
        own = _own_objects(reading, tracker, items) if query.columns is None else {}
        yield [
            orjson.dumps(
                {
                    "uid": item.uid,
                    "version": item.version,
                    "values": {key: column[place] for key, column in columns.items()},
                    **({"own": own[item.id]} if item.id in own else {}),
                }
            )
            for place, item in enumerate(items)
        ]


def _own_objects(
    reading: Reading, tracker: Tracker, items: Sequence[Item]
) -> dict[int, list[dict[str, Any]]]:
    """Return the fields that some items alone have, each with its value in its JSON form."""
    add_own(reading, tracker, items)
    return {
        item.id: [
            {
                "label": field.label,
                "type": field.definition.type,
                "value": _json_column(reading, field, [replace(item, values={field.key: value})])[0],
            }
            for field, value in item.own
        ]
        for item in items
        if item.own
    }


def asked_for(query: Query, fields: Sequence[BoundField]) -> Query:
    """Return the query that asks for the values of some fields."""
    return replace(query, columns=tuple(each.key for each in fields))


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def text_writer(
    reading: Reading, field: BoundField, *, for_people: bool
) -> Callable[[Sequence[Item]], Texts]:
    """Return the function that writes one column of a batch as texts, empty ones for what is empty."""
    key = field.key
    if field.refers and not field.computed:
        return lambda items: _references(reading, field, items, for_people=for_people)
    if for_people:
        reader = reading.actor.reader
        return lambda items: [field.format(item.values.get(key), reader) for item in items]
    if field.kind in (Kind.CHOICE, Kind.BOOLEAN) and not field.many:
        known: dict[Any, str] = {None: ""}
        return lambda items: [_remembered(field, known, item.values.get(key)) for item in items]
    text = field.type.text
    if (
        field.kind is Kind.TEXT
        and not field.many
        and not field.computed
        and type(field.type).text is FieldType.text
    ):
        return lambda items: [item.values.get(key) or "" for item in items]
    return lambda items: ["" if (value := item.values.get(key)) is None else text(value) for item in items]


def _remembered(field: BoundField, known: dict[Any, str], value: Any) -> str:
    if value not in known:
        known[value] = field.type.text(value)
    return known[value]


# -- links ------------------------------------------------------------------------------------


def _references(reading: Reading, field: BoundField, items: Sequence[Item], *, for_people: bool) -> Texts:
    """Return the targets of a batch as text: uids, e-mails and keys, or names for people."""
    told = _told(reading, field, _targets(field, items), for_people=for_people)
    joiner = ", " if for_people else "; "
    return [
        joiner.join(_one(field, element, told) for element in _elements(field, item.values.get(field.key)))
        for item in items
    ]


def _elements(field: BoundField, value: Any) -> Sequence[Any]:
    return () if value is None else value if field.many else (value,)


def _targets(field: BoundField, items: Sequence[Item]) -> set[int]:
    return {
        getattr(element, "target", element)
        for item in items
        for element in _elements(field, item.values.get(field.key))
    }


def _one(field: BoundField, element: Any, told: Mapping[int, str]) -> str:
    target = getattr(element, "target", element)
    name = told.get(target, "")
    if target is element or not name:
        return name
    rest = field.type.element_text(element).removeprefix(str(target))  # type: ignore[attr-defined]
    return f"{name}{rest}"


def _told(reading: Reading, field: BoundField, ids: set[int], *, for_people: bool) -> Mapping[int, str]:
    """Return what each target is called; those that the actor may not view are left out."""
    if not ids:
        return {}
    if field.refers == "item":
        target = trackers(reading).by_key.get(field.type.options.to)
        if target is None:
            return {}
        return names(reading, target, ids) if for_people else _uids(reading, target, ids)
    if field.refers == "group":
        return {
            group.id: group.title if for_people else group.key for group in trackers(reading).design.groups
        }
    table, column = {
        "user": (tables.user, "name" if for_people else "email"),
        "file": (tables.file, "name" if for_people else "uid"),
    }[field.refers]
    rows = reading.execute(
        select(table.c.id, table.c[column].label("told")).where(table.c.id.in_(sorted(ids)))
    )
    return {int(row.id): str(row.told) for row in rows}


def _uids(reading: Reading, target: Tracker, ids: set[int]) -> dict[int, str]:
    table = target.table
    if not rights(reading).may("view", target):
        return {}
    found: dict[int, str] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), AT_ONCE):
        part = table.c.id.in_(wanted[start : start + AT_ONCE])
        seen = select(table.c.id, table.c.uid).where(
            part, clauses.where(reading, "view", target), table.c.deleted_cs.is_(None)
        )
        found |= {int(row.id): str(row.uid) for row in reading.execute(seen)}
    return found


def _json_column(reading: Reading, field: BoundField, items: Sequence[Item]) -> list[Any]:
    values = [item.values.get(field.key) for item in items]
    if not field.refers or field.computed:
        to_json = field.type.to_json
        return [None if value is None else to_json(value) for value in values]
    told = _told(reading, field, _targets(field, items), for_people=False)
    if not field.many:
        return [None if value is None else told.get(value) for value in values]
    return [[_one(field, element, told) for element in _elements(field, value)] or None for value in values]
