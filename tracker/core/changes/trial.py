"""What a bulk action would do: it is done in a transaction that is taken back, so the answer is the action's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from tracker.core.access.clauses import LOCKED_OUT
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet
from tracker.core.base.workspace import Workspace
from tracker.core.changes.contents import Touched, contents_in
from tracker.core.design.bound import Tracker
from tracker.core.items.bulk import Selection, change_items, count_chosen
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Invalid, Refused

EXAMPLES = 5
Deed = Literal["change", "trash", "restore", "lock", "unlock"]
RIGHTS: dict[Deed, str] = {"unlock": "lock"}  # what a deed asks for, where that has another name


@dataclass
class Trial:
    """What a bulk action would do to the items of a selection, as far as the actor may view them."""

    of: int  # items that are selected
    n: int = 0  # of these would be changed, trashed or restored
    same: int = 0  # have the values already, or the lock
    locked: int = 0  # nobody may do this to, for they are locked
    closed: int = 0  # the actor may view, but not do this to
    refusal: str = ""  # why nothing at all would be done
    examples: list[Touched] = field(default_factory=list)  # with the values before and after


def act(
    change: ChangeSet, tracker: Tracker, selection: Selection, *, deed: Deed, values: Mapping[str, Any]
) -> int:
    """Do something to all items of a selection on which the actor may do it; return how many.

    Those that are locked are neither changed nor trashed.

    :param values: of a change: judged values by field key.
    :raises Invalid: an item refuses; nothing is done.
    :raises Refused: others need one that would go to the trash; nothing is done.
    """
    deeds: Mapping[Deed, Callable[[], int]] = {
        "change": lambda: change_items(change, tracker, selection, values),
        "trash": lambda: trash_items(change, tracker, selection),
        "restore": lambda: restore_items(change, tracker, selection),
        "lock": lambda: lock_items(change, tracker, selection),
        "unlock": lambda: unlock_items(change, tracker, selection),
    }
    return deeds[deed]()


def preview(
    workspace: Workspace,
    actor: Actor,
    tracker: Tracker,
    selection: Selection,
    *,
    deed: Deed,
    values: Mapping[str, Any],
) -> Trial:
    """Return what `act` would do, with up to five examples; nothing of it stays.

    :param selection: to restore, a query of what is in the trash.
    :raises Forbidden: the actor may do this to no item of the tracker at all.
    """
    with workspace.read(actor) as reading:
        trial = Trial(count_chosen(reading, tracker, selection, "view"))
        open_ = count_chosen(reading, tracker, selection, RIGHTS.get(deed, deed))
        if deed in LOCKED_OUT:
            trial.locked = count_chosen(reading, tracker, selection, "view", locked=True)
    trial.closed = trial.of - open_ - trial.locked
    with suppress(_TakenBack), workspace.change(actor, door="engine", kind="bulk", quiet=True) as change:
        try:
            trial.n = act(change, tracker, selection, deed=deed, values=values)
        except (Invalid, Refused) as error:
            trial.refusal = str(error)
        else:
            trial.same = open_ - trial.n if deed in ("change", "lock", "unlock") else 0
            if change.written:
                trial.examples = contents_in(change, tracker, change.id, EXAMPLES)[:EXAMPLES]
        raise _TakenBack
    return trial


class _TakenBack(Exception):
    """Ends a preview."""
