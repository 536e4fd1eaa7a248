"""Showing one sealed or masked value, or file: a right of its own, recorded before anyone sees it."""

from __future__ import annotations

from sqlalchemy import insert

from tracker.core.access.rights import MASKED, READ, readable, rights
from tracker.core.ask.page import get_item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Masked, Tracker
from tracker.core.items.files import StoredFile, file_row, opened_file
from tracker.core.vault.seal import vault
from tracker.errors import Forbidden, Unknown

__all__ = ["is_masked", "may_reveal", "reveal", "reveal_file"]


def is_masked(reading: Reading, field: BoundField) -> bool:
    """Say whether a field's value is shown as a mask: sealed, or the actor's level is `masked`."""
    return field.secret or rights(reading).level(field) == MASKED


def may_reveal(reading: Reading, field: BoundField) -> bool:
    """Say whether the actor may see the plain value behind the mask."""
    mine = rights(reading)
    return mine.level(field) >= MASKED and mine.reveals(field)


def reveal(change: ChangeSet, tracker: Tracker, item_id: int, key: str) -> str | None:
    """Return the canonical text of a sealed or masked value, or None when it is empty.

    The entry in `sys_audit` is written first, in the change's transaction: hand the text on only after the
    change is committed.

    :raises Unknown: there is no such field for the actor.
    :raises NotFound: no such item among those the actor may view.
    :raises Forbidden: the actor sees the mask, but may not lift it.
    :raises Sealed: the vault is shut, or the value does not open.
    """
    item = get_item(change, tracker, item_id, fields=())
    field = _field(change, tracker, key)
    _record(change, tracker, field, item.id)
    value = get_item(change, tracker, item_id, fields=[field], masking=False).values[key]
    if value is None:
        return None
    if isinstance(value, Masked):
        return vault(change).open(change, tracker, field, item.uid, str(value.stored))
    return field.type.text(value)


def reveal_file(
    change: ChangeSet, tracker: Tracker, item_id: int, key: str, *, number: int | None = None
) -> StoredFile:
    """Return a sealed or masked file that an item holds, ready to be opened; recorded as by `reveal`.

    :param number: which one, as for `stored_file`.
    :raises Unknown: there is no such field for the actor.
    :raises NotFound: no such item among those the actor may view, or no file there.
    :raises Forbidden: the actor sees that there is one, but may not have it.
    :raises Sealed: the vault is shut, or the row of the file was changed.
    """
    item = get_item(change, tracker, item_id, fields=())
    field = _field(change, tracker, key)
    row = file_row(change, tracker, field, item.id, number=number)
    _record(change, tracker, field, item.id, file=row.uid)
    return opened_file(change, tracker, field, row)


def _field(change: ChangeSet, tracker: Tracker, key: str) -> BoundField:
    field, mine = tracker.fields.get(key), rights(change)
    if field is None or mine.level(field) < MASKED:
        raise Unknown("field", key, readable(change, tracker))
    if not mine.reveals(field) and (field.secret or mine.level(field) < READ):
        raise Forbidden("show", field.label)
    return field


def _record(change: ChangeSet, tracker: Tracker, field: BoundField, item_id: int, **detail: str) -> None:
    change.execute(
        insert(tables.audit),
        {
            "at": change.now,
            "actor_id": change.actor.user_id,
            "actor_name": change.actor.name,
            "action": "reveal",
            "tracker_id": tracker.id,
            "item_id": item_id,
            "field_id": field.id,
            "detail": {"door": change.door, **detail},
        },
    )
