"""Undo of what was done to the fields that one item has: their values, and the fields themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, literal_column

from tracker.core.ask.own import own_of
from tracker.core.base.transaction import ChangeSet
from tracker.core.changes.obstacles import CHANGED_SINCE, Conflict
from tracker.core.design.bound import Gone, Tracker
from tracker.core.design.own import OwnField, names_own
from tracker.core.items.own_rows import OwnStep, own_steps

GONE = "the plugin that knows this field is not here"
FILLED = "it holds a value by now; take the field away instead"
SWITCHED_OFF = "its tracker allows no fields for one item only now"


def touches_own(dialect: str) -> ColumnElement[bool]:
    """Return the clause for revisions that did something to such a field: those are undone one by one."""
    if dialect == "sqlite":
        keys = "json_each(sys_revision.diff) AS named WHERE named.key GLOB 'o_*'"
    else:
        keys = "jsonb_object_keys(sys_revision.diff) AS named(key) WHERE starts_with(named.key, 'o_')"
    return literal_column(f"EXISTS (SELECT 1 FROM {keys})")


def undo_own(
    change: ChangeSet, tracker: Tracker, item_id: int, diff: Mapping[str, Any]
) -> tuple[list[OwnStep], list[Conflict]]:
    """Return how the fields that an item alone has go back, as far as they stand as a revision left them."""
    if not any(names_own(name) for name in diff):
        return [], []
    if not tracker.own_fields:
        return [], [Conflict(tracker.key, item_id, "", SWITCHED_OFF)]
    held = {each.field.key: each for each in own_of(change, tracker, [item_id]).get(item_id, ())}
    values: dict[str, Any] = {}
    bodies: dict[str, Mapping[str, Any]] = {}
    conflicts: list[Conflict] = []
    for key, (field, value) in held.items():
        states = {field.definition.column: field.state(value), field.is_name: field.body}
        for name, now in states.items():
            old, new = diff.get(name, (now, now))
            if now == old:
                continue
            if isinstance(field.type, Gone):
                conflicts.append(Conflict(tracker.key, item_id, field.label, GONE))
            elif now != new:
                conflicts.append(Conflict(tracker.key, item_id, field.label, CHANGED_SINCE))
            elif name == field.is_name and old.get("retired") and _is_filled_since(field, value, diff):
                conflicts.append(Conflict(tracker.key, item_id, field.label, FILLED))
            elif name == field.is_name:
                bodies[key] = old
            else:
                values[key] = field.value_of(old)
    return own_steps(held, values, bodies), conflicts


def _is_filled_since(field: OwnField, value: Any, diff: Mapping[str, Any]) -> bool:
    """Say whether a field holds a value that others gave it after the revision that would take it away."""
    return value is not None and field.state(value) != diff.get(field.definition.column, (None, None))[1]
