"""Values that no two items may share: asked before a batch is written, held by the database in any case."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tracker.core.access.clauses import as_system
from tracker.core.base.database import is_too_long
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.judge import Refusals
from tracker.core.vault.index import blind_many
from tracker.errors import Invalid
from tracker.i18n import Message, _

AT_ONCE = 2_000  # values of one query


def refuse_duplicates(
    change: ChangeSet, tracker: Tracker, items: Sequence[Mapping[str, Any]], refusals: Refusals
) -> None:
    """Refuse items of a batch whose unique value is taken, by an item or by an earlier one of the batch.

    The sentence never says by whom: it might be an item that the actor may not see.
    """
    for key, each in tracker.fields.items():
        if not each.unique:
            continue
        compared = _compared(change, each, [values.get(key) for values in items])
        taken = _taken(change, tracker, each, {value for value in compared if value is not None})
        for index, value in enumerate(compared):
            if value is None or index in refusals.by_index:
                continue
            if value in taken:
                refusals.add(index, key, used(each))
            taken.add(value)


def held_by_others(
    change: ChangeSet,
    tracker: Tracker,
    field: BoundField,
    wanted: Mapping[int, Any],
    *,
    moving: Collection[int],
) -> list[int]:
    """Return those of the items that want a value which a live item has, or an earlier one of them wants too.

    :param moving: items that give their own values up.
    """
    name = field.compared.name
    compared = dict(zip(wanted, _compared(change, field, list(wanted.values())), strict=True))
    table = tracker.table
    owners: dict[Any, int] = {}
    for start in range(0, len(compared), AT_ONCE):
        part = list(compared.values())[start : start + AT_ONCE]
        live = (table.c[name].in_(part), table.c.deleted_cs.is_(None), as_system(tracker))
        for row in change.execute(select(table.c.id, table.c[name].label("held")).where(*live)):
            if row.id not in moving:
                owners[row.held] = row.id
    return [item_id for item_id, value in compared.items() if owners.setdefault(value, item_id) != item_id]


def used(field: BoundField) -> Message:
    """Return the sentence for a value that is taken."""
    return _("%(label)s: this value is already used.", label=field.label)


def no_room(field: BoundField) -> Message:
    """Return the sentence for a text that does not fit into an index."""
    return _("%(label)s: so long a text cannot be sorted by; make it shorter.", label=field.label)


def already_used(tracker: Tracker, error: IntegrityError) -> Exception:
    """Turn the database's refusal of a value, double or too long, into ours; anything else stays as it is."""
    said = set(re.findall(r"[\w.]+", str(error.orig)))
    too_long = is_too_long(error)
    for each in tracker.all_fields.values():
        if too_long:
            if said & {f"ix_{each.definition.column}", f"uq_{each.definition.column}"}:
                return Invalid.of({each.key: [no_room(each)]})
            continue
        column = each.columns[-1].name if each.blind else each.compared.name if each.columns else ""
        if each.unique and said & {f"uq_{each.definition.column}", f"{tracker.table_name}.{column}"}:
            return Invalid.of({each.key: [used(each)]})
    return error


def _compared(change: ChangeSet, field: BoundField, values: Sequence[Any]) -> list[Any]:
    if field.sealed:
        filled = [field.type.text(value) for value in values if value is not None]
        found = iter(blind_many(change, field, filled) if filled else [])
        return [None if value is None else next(found) for value in values]
    place = field.columns.index(field.compared)
    return [field.dump(value)[place] for value in values]


def _taken(change: ChangeSet, tracker: Tracker, field: BoundField, wanted: set[Any]) -> set[Any]:
    table = tracker.table
    name = field.columns[-1].name if field.blind else field.compared.name
    found: set[Any] = set()
    asked = list(wanted)
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        held = select(table.c[name]).where(
            table.c[name].in_(part), table.c.deleted_cs.is_(None), as_system(tracker)
        )
        found |= set(change.execute(held).scalars())
    return found
