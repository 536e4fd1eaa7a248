"""One item, or some of its fields, put back as they were at a moment, whatever change sets came since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tracker.core.access import clauses
from tracker.core.access.rights import editable
from tracker.core.ask.page import get_item
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.changes.contents import Touched, contents_in
from tracker.core.changes.history import as_of, change_set_infos
from tracker.core.changes.obstacles import Conflict
from tracker.core.changes.revert import undo_fields
from tracker.core.design.bound import Tracker
from tracker.core.items.lock import LOCK
from tracker.errors import Forbidden, NotFound, Refused, Unknown
from tracker.i18n import _

_STATES = ("deleted_cs", LOCK.name)  # of the item, not values


def rewind_item(
    change: ChangeSet, tracker: Tracker, item_id: int, moment: datetime, *, keys: Collection[str] = ()
) -> list[Conflict]:
    """Give an item the values that it had at a moment; return what had to be left, and why.

    It is an undo of all that was done to it since: nothing is judged again, and what the actor may not write, what
    another item has by now, or what is in the trash stays as it is.

    :param keys: only these fields; none: all that the actor may write.
    :raises NotFound: no such item among those the actor may view.
    :raises Forbidden: the actor may not change it.
    :raises Locked: nobody may now.
    :raises Unknown: a key is no field that the actor may write.
    :raises Refused: it was not there at that moment.
    """
    item = get_item(change, tracker, item_id, fields=())
    try:
        get_item(change, tracker, item_id, fields=(), action="change")
    except NotFound as error:
        raise Forbidden("change", tracker.title_one) from error
    known = {each.key: each for each in editable(change, tracker)}
    for key in keys:
        if key not in known:
            raise Unknown("field", key, known)
    if as_of(change, tracker, item.id, moment) is None:
        raise Refused(_("%(title)s #%(id)s was not there then.", title=tracker.title_one, id=item.id))
    diff = _since(change, tracker, item.id, moment)
    if keys:
        names = {each.name for key in keys for each in known[key].columns}
        names |= {known[key].definition.column for key in keys}
        diff = {name: pair for name, pair in diff.items() if name in names}
    return undo_fields(change, tracker, item.id, diff, own=False) if diff else []


def preview_rewind(
    workspace: Workspace,
    actor: Actor,
    tracker: Tracker,
    item_id: int,
    *,
    moment: datetime,
    keys: Collection[str] = (),
) -> tuple[list[Touched], list[Conflict]]:
    """Return what `rewind_item` would do, by doing it in a transaction that is taken back."""
    touched: list[Touched] = []
    left: list[Conflict] = []
    with workspace.change(actor, door="engine", quiet=True) as change:
        change.take_back()
        left = rewind_item(change, tracker, item_id, moment, keys=keys)
        if change.written:
            touched = contents_in(change, tracker, change.id, 1)
    return touched, left


def _since(reading: Reading, tracker: Tracker, item_id: int, moment: datetime) -> Mapping[str, Any]:
    """Return what was done to an item since a moment as one diff, without what is back already."""
    table = tables.revision
    rows = reading.execute(
        select(table.c.diff, table.c.change_set_id)
        .where(table.c.tracker_id == tracker.id, table.c.item_id == item_id, clauses.as_system(tracker))
        .order_by(table.c.version)
    ).all()
    infos = change_set_infos(reading, {row.change_set_id for row in rows})
    found: dict[str, list[Any]] = {}
    for row in rows:
        if infos[row.change_set_id].at <= moment:
            continue
        for name, (old, new) in row.diff.items():
            found[name] = [found[name][0] if name in found else old, new]
    return {name: pair for name, pair in found.items() if name not in _STATES and pair[0] != pair[1]}
