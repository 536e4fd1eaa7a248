"""Finding items, people and groups by what texts call them: a key, a uid, `#12`, the shown name, an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, select

from tracker.core.access import clauses
from tracker.core.ask.names import name_fields
from tracker.core.ask.query import open_to
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.fields.countries import country_code
from tracker.fields.folding import fold

UID = "uid"  # finds by the uid that exports write
AT_ONCE = 2_000  # parameters of one query
SEVERAL = -1  # stands for the id where several items have the key
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER = re.compile(r"#([0-9]{1,18})")


def find_called(reading: Reading, tracker: Tracker, texts: Iterable[str]) -> dict[str, int]:
    """Return the ids of the items that texts call by uid, by `#12` or by their shown name."""
    called = set(texts)
    uids = {text for text in called if _UID.fullmatch(text)}
    numbers = {text for text in called if _NUMBER.fullmatch(text)}
    return (
        find_items(reading, tracker, UID, uids)
        | find_items(reading, tracker, "id", numbers)
        | _find_named(reading, tracker, called - uids - numbers)
    )


def find_groups(reading: Reading, texts: Iterable[str], by: str) -> dict[str, int | None]:
    """Return the ids of the groups that texts mean; None where none or several fit.

    :param by: `key`, `code`, `title` or `country`; empty tries key, code and title.
    """
    names: dict[str, set[int]] = {}
    for group in trackers(reading).design.groups:
        told = {
            "key": [group.key],
            "code": [group.external],
            "title": [group.title],
            "country": list(group.countries),
            "": [group.key, group.external, group.title],
        }[by]
        for name in filter(None, told):
            names.setdefault(name if by == "country" else fold(name), set()).add(group.id)
    found: dict[str, int | None] = {}
    for text in set(texts):
        meant = country_code(text) if by == "country" else fold(text)
        fitting = names.get(meant or "", set())
        found[text] = next(iter(fitting)) if len(fitting) == 1 else None
    return found


def find_people(reading: Reading, texts: Iterable[str]) -> dict[str, int]:
    """Return the ids of people by e-mail address, however it is spelled."""
    wanted = {text: text.strip().lower() for text in texts}
    asked = list(set(wanted.values()))
    table = tables.user
    found: dict[str, int] = {}
    for start in range(0, len(asked), AT_ONCE):
        here = table.c.email_folded.in_(asked[start : start + AT_ONCE])
        for row in reading.execute(select(table.c.email_folded, table.c.id).where(here)):
            found[row.email_folded] = int(row.id)
    return {text: found[address] for text, address in wanted.items() if address in found}


def find_items(
    reading: Reading, tracker: Tracker, by: str, texts: Iterable[str], *, trash: bool = False
) -> dict[str, int]:
    """Return the ids of the items that the actor may view, by uid, id or a field's value.

    :param trash: of those in the trash that the actor may restore instead; by uid.
    """
    texts = list(texts)
    if not texts:
        return {}
    if by == UID:
        wanted: dict[str, Any] = {text: text for text in texts}
        held = _ids(reading, tracker, tracker.table.c.uid, wanted.values(), trash=trash)
    elif by == "id":
        wanted = {text: int(text.lstrip("#")) for text in texts if re.fullmatch("#?[0-9]{1,18}", text)}
        held = _ids(reading, tracker, tracker.table.c.id, wanted.values())
    else:
        field = tracker.fields[by]
        values, _refused = field.type.judge_many(texts)
        wanted = {
            text: compared(field, value)
            for text, value in zip(texts, values, strict=True)
            if value is not None
        }
        held = ids_by(reading, tracker, field, wanted.values())
    return {text: _one(held[value]) for text, value in wanted.items() if value in held}


def compared(field: BoundField, value: Any) -> Any:
    """Return the stored form in which a value (the first of several) is compared."""
    element = value[0] if field.many else value
    return field.dump(element)[field.columns.index(field.compared)]


def ids_by(
    reading: Reading, tracker: Tracker, field: BoundField, wanted: Iterable[Any]
) -> dict[Any, list[int]]:
    """Return the ids of the items that the actor may view, by stored value of a field."""
    if not field.many:
        return _ids(reading, tracker, tracker.table.c[field.compared.name], wanted)
    side = field.side
    return _ids(reading, tracker, side.c[field.compared.name], wanted, joined=side)


def _ids(
    reading: Reading,
    tracker: Tracker,
    column: ColumnElement[Any],
    wanted: Iterable[Any],
    *,
    joined: Any = None,
    trash: bool = False,
) -> dict[Any, list[int]]:
    table = tracker.table
    seen = open_to(reading, "restore" if trash else "view", tracker, form="set")
    seen = and_(seen, clauses.in_trash(table) if trash else table.c.deleted_cs.is_(None))
    found: dict[Any, list[int]] = {}
    asked = list(set(wanted))
    for start in range(0, len(asked), AT_ONCE):
        query = select(column.label("held"), table.c.id)
        if joined is not None:
            query = query.select_from(joined.join(table, table.c.id == joined.c.item_id))
        for row in reading.execute(query.where(column.in_(asked[start : start + AT_ONCE]), seen)):
            found.setdefault(row.held, []).append(row.id)
    return found


def _find_named(reading: Reading, tracker: Tracker, texts: set[str]) -> dict[str, int]:
    """Find items by their shown name, folded."""
    fields = [each for each in name_fields(reading, tracker) if each.compared.part.folded]
    if not fields or not texts:
        return {}
    columns = [tracker.table.c[each.compared.name] for each in fields]
    name: ColumnElement[Any] = columns[0]
    if len(columns) > 1:  # as `ask.names` joins them
        space: ColumnElement[Any] = literal_column("' '")
        name = func.coalesce(columns[0] + space, "")
        for column in columns[1:]:
            name = name + func.coalesce(column + space, "")
        name = func.trim(name)
    wanted: Mapping[str, str] = {text: fold(text) for text in texts}
    held = _ids(reading, tracker, name, wanted.values())
    return {text: _one(held[folded]) for text, folded in wanted.items() if folded in held}


def _one(ids: list[int]) -> int:
    return ids[0] if len(set(ids)) == 1 else SEVERAL
