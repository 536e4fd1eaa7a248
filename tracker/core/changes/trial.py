"""What a bulk action would do: it is done in a transaction that is taken back, so the answer is the action's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select

from tracker.core.access.clauses import LOCKED_OUT
from tracker.core.ask.names import names
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.changes.contents import Touched, contents_in
from tracker.core.design.bound import Tracker
from tracker.core.items.bulk import FROM_TRASH, Selection, change_items, chosen, count_chosen
from tracker.core.items.erase import erase_items
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Invalid, Refused

EXAMPLES = 5
MOST_REFUSED = 20
Deed = Literal["change", "trash", "restore", "delete", "lock", "unlock"]
RIGHTS: dict[Deed, str] = {"unlock": "lock"}  # what a deed asks for, where that has another name


@dataclass(frozen=True)
class RefusedItem:
    """An item that refuses, and why."""

    item_id: int
    name: str
    sentence: str


@dataclass
class Trial:
    """What a bulk action would do to the items of a selection, as far as the actor may view them."""

    of: int  # items that are selected
    n: int = 0  # of these would be changed, trashed, restored or deleted
    attached: int = 0  # items, such as notes, that would be deleted with them
    same: int = 0  # have the values already, or the lock
    locked: int = 0  # nobody may do this to, for they are locked
    closed: int = 0  # the actor may view, but not do this to
    refusal: str = ""  # why nothing at all would be done
    others: int = 0  # of a change that is refused: how many could be changed without those that refuse
    refusing: int = 0  # how many refuse
    refused: list[RefusedItem] = field(default_factory=list)  # the first of them
    examples: list[Touched] = field(default_factory=list)  # with their values before and after


def act(
    change: ChangeSet,
    tracker: Tracker,
    selection: Selection,
    *,
    deed: Deed,
    values: Mapping[str, Any],
    refused: dict[int, str] | None = None,
    expected: int | None = None,
) -> int:
    """Do something to all items of a selection on which the actor may do it; return how many.

    Those that are locked are neither changed nor trashed.

    :param values: of a change: judged values by field key.
    :param refused: of a change: takes the sentences of items that refuse; the others are changed.
    :param expected: of deleting: how many were asked about.
    :raises Invalid: an item refuses; nothing is done.
    :raises Shifted: it would delete another number than was expected; nothing is done.
    :raises Refused: others need one that would go to the trash; nothing is done.
    """
    deeds: Mapping[Deed, Callable[[], int]] = {
        "change": lambda: change_items(change, tracker, selection, values, refused=refused),
        "trash": lambda: trash_items(change, tracker, selection),
        "restore": lambda: restore_items(change, tracker, selection),
        "delete": lambda: erase_items(change, tracker, selection, expected=expected),
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

    :param selection: to restore or to delete, a query of what is in the trash.
    :raises Forbidden: the actor may do this to no item of the tracker at all.
    """
    with workspace.read(actor) as reading:
        trial = Trial(count_chosen(reading, tracker, selection, "restore" if deed in FROM_TRASH else "view"))
        open_ = count_chosen(reading, tracker, selection, RIGHTS.get(deed, deed))
        if deed in LOCKED_OUT and deed not in FROM_TRASH:  # no locked item goes to the trash
            trial.locked = count_chosen(reading, tracker, selection, "view", locked=True)
        if deed == "delete":  # their names are gone once they are
            trial.examples = _first_of(reading, tracker, selection, deed)
    trial.closed = trial.of - open_ - trial.locked
    with workspace.change(actor, door="engine", kind="bulk", quiet=True) as change:
        change.take_back()
        try:
            with change.attempt():
                trial.n = act(change, tracker, selection, deed=deed, values=values)
        except (Invalid, Refused) as error:
            trial.refusal = str(error)
            if deed == "change":
                _try_others(change, trial, tracker, selection, values=values)
        else:
            trial.same = open_ - trial.n if deed in ("change", "lock", "unlock") else 0
            trial.attached = (
                sum(each.erased for each in change.counts.values()) - trial.n if deed == "delete" else 0
            )
            if change.written and deed != "delete":
                trial.examples = contents_in(change, tracker, change.id, EXAMPLES)[:EXAMPLES]
    return trial


def _try_others(
    change: ChangeSet, trial: Trial, tracker: Tracker, selection: Selection, *, values: Mapping[str, Any]
) -> None:
    """Find out which items refuse, and how many would be changed without them."""
    refused: dict[int, str] = {}
    with suppress(Invalid), change.attempt():  # what no item at all can have
        trial.others = change_items(change, tracker, selection, values, refused=refused)
        trial.refusing = len(refused)
        first = dict(list(refused.items())[:MOST_REFUSED])
        known = names(change, tracker, list(first))
        trial.refused = [
            RefusedItem(each, known.get(each, f"#{each}"), sentence) for each, sentence in first.items()
        ]


def _first_of(reading: Reading, tracker: Tracker, selection: Selection, deed: Deed) -> list[Touched]:
    table = tracker.table
    clause = chosen(reading, tracker, selection, RIGHTS.get(deed, deed))
    first = (
        reading.execute(select(table.c.id).where(clause).order_by(table.c.id).limit(EXAMPLES)).scalars().all()
    )
    known = names(reading, tracker, first, trash=True)
    return [Touched(tracker, each, known.get(each, f"#{each}"), "erased") for each in first]
