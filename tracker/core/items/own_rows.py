"""What differs in the fields that one item has, and their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from tracker.core.access import clauses
from tracker.core.ask.rows import Held
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Gone, Tracker
from tracker.core.design.own import packed
from tracker.errors import Invalid, Unknown
from tracker.fields.storage import Stored
from tracker.i18n import _

Fields = Mapping[str, Held]  # by key
Bodies = Mapping[str, Mapping[str, Any]]  # definitions by key, as a diff holds them


@dataclass(frozen=True)
class OwnStep:
    """How one field of an item changes: its entries in the diff, and the columns of its row."""

    number: int
    diff: Mapping[str, list[Any]]
    row: Mapping[str, Stored]


def writable(held: Fields, keys: Sequence[str], bodies: Bodies) -> dict[str, BoundField]:
    """Return the fields of these keys.

    :param bodies: what fields become in the same step, such as one that is put back.
    :raises Unknown: the item has no such field.
    :raises Invalid: it was taken away, or its type is not here.
    """
    for key in keys:
        if key not in held:
            raise Unknown("field", key, held)
        field = held[key].field
        if bodies.get(key, field.body).get("retired"):
            said = _("The field “%(label)s” was taken away; put it back first.", label=field.label)
            raise Invalid.of({key: [said]})
        if isinstance(field.type, Gone):
            field.type.clean(None)  # says why
    return {key: held[key].field for key in keys}


def own_steps(held: Fields, values: Mapping[str, Any], bodies: Bodies) -> list[OwnStep]:
    """Return how an item's own fields differ from these values and definitions; what is alike is left out."""
    found = []
    for key in dict.fromkeys((*bodies, *values)):
        field, value = held[key]
        diff: dict[str, list[Any]] = {}
        row: dict[str, Stored] = {}
        if key in bodies and bodies[key] != field.body:
            diff[field.is_name] = [field.body, dict(bodies[key])]
            row["definition"] = packed(bodies[key])
        if key in values and values[key] != value:
            new = field.state(values[key])
            diff[field.definition.column] = [field.state(value), new]
            row[field.slot] = field.to_slot(new)
        if diff:
            found.append(OwnStep(field.id, diff, row))
    return found


def write_own(change: ChangeSet, tracker: Tracker, item_id: int, steps: Sequence[OwnStep]) -> None:
    """Write what differs, once the item's own row was written by right."""
    own = tracker.own_table
    for step in steps:
        here = (own.c.id == step.number, own.c.item_id == item_id, clauses.as_system(tracker))
        change.execute(update(own).where(*here).values(**step.row))
