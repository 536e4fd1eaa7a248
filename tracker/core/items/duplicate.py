"""A new item with the values of another, without what may not be there twice."""

from __future__ import annotations

from typing import Any

from tracker.core.access.rights import editable, readable
from tracker.core.ask.page import get_item, open_ids
from tracker.core.ask.rows import Held
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.own import copy_fields, item_fields
from tracker.core.items.reveal import is_masked
from tracker.core.items.write import create_item
from tracker.fields.choices import Status


def duplicated(reading: Reading, tracker: Tracker, item_id: int) -> dict[str, Any]:
    """Return the values that a duplicate of an item starts with: those that the actor may both read and write.

    Left out are unique values, numbers that Tracker gives, what is sealed or masked, files, and the state of a
    process, which begins at its start; and links of which one leads to what the actor may not view.

    :raises NotFound: no such item among those the actor may view.
    """
    seen = readable(reading, tracker)
    copied = [
        each
        for each in editable(reading, tracker)
        if each.key in seen
        and each.refers != "file"
        and not (each.unique or each.generated or is_masked(reading, each) or isinstance(each.type, Status))
    ]
    values = get_item(reading, tracker, item_id, fields=copied).values
    filled = [each for each in copied if values.get(each.key) is not None]
    return {each.key: values[each.key] for each in filled if _is_open(reading, each, values[each.key])}


def duplicated_fields(reading: Reading, tracker: Tracker, item_id: int) -> list[Held]:
    """Return the fields that an item alone has and that its duplicate will have too, with their values.

    :raises NotFound: no such item among those the actor may view.
    """
    held = item_fields(reading, tracker, item_id)
    return [each for each in held if each.field.writable]


def _is_open(reading: Reading, field: BoundField, value: Any) -> bool:
    """Say whether the actor may view all items that a link's value leads to; true of what is no link."""
    if field.refers != "item":
        return True
    target = trackers(reading).by_key.get(field.type.options.to)
    ids = {getattr(each, "target", each) for each in value} if field.many else {value}
    return target is not None and ids <= set(open_ids(reading, target, sorted(ids)))


def duplicate_item(change: ChangeSet, tracker: Tracker, item_id: int) -> int:
    """Create a duplicate of an item and return its id; the caller's reason says of which.

    :raises NotFound: no such item among those the actor may view.
    :raises Invalid: what is left out is required.
    :raises Forbidden: the actor may not create such an item.
    """
    made = create_item(change, tracker, duplicated(change, tracker, item_id))
    held = duplicated_fields(change, tracker, item_id)
    copy_fields(change, tracker, made, held=held, values={each.field.key: each.value for each in held})
    return made
