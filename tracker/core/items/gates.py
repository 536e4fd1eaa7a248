"""Plugins' gates over a batch of items: before the write they may change values or reject, after it reject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import Tracker
from tracker.core.items.judge import Refusals
from tracker.errors import Invalid, Rejected
from tracker.hookspecs import GateContext, ItemChange

Action = Literal["create", "change", "trash", "restore"]
Passing = tuple[int | None, Mapping[str, Any], dict[str, Any]]  # id, old values, new values (may be changed)


def pass_gates(
    change: ChangeSet, tracker: Tracker, action: Action, items: Sequence[Passing], *, refusals: Refusals
) -> None:
    """Ask `item_before_save`; values that a plugin changed are judged again, and refusals are gathered.

    A batch that is rejected is asked again item by item, so that one bad row does not stop the others.
    """
    if not change.workspace.hooks.asked("item_before_save"):
        return
    asked = {index: _as_change(tracker, action, passing) for index, passing in enumerate(items)}
    asked = {index: each for index, each in asked.items() if index not in refusals.by_index}
    try:
        answers = _ask(change, list(asked.values()))
    except (Rejected, Invalid) as error:
        if len(items) == 1:
            _refuse(refusals, 0, error)
            return
        for index in asked:
            one = Refusals()
            pass_gates(change, tracker, action, [items[index]], refusals=one)
            for fields in one.by_index.values():
                refusals.by_index[index] = fields
        return
    for index, answer in zip(asked, answers, strict=True):
        _take_over(tracker, items[index][2], answer.new, refusals=refusals, index=index)


def confirm(change: ChangeSet, tracker: Tracker, action: Action, items: Sequence[Passing]) -> None:
    """Ask `items_saving`, once the items are written and before the commit.

    :raises Rejected: nothing of the write may stay.
    """
    hooks = change.workspace.hooks
    if items and hooks.asked("items_saving"):
        changes = [_as_change(tracker, action, passing) for passing in items]
        hooks.gate("items_saving", GateContext(change=change), changes)


def _ask(change: ChangeSet, changes: Sequence[ItemChange]) -> Sequence[ItemChange]:
    return (
        change.workspace.hooks.gate("item_before_save", GateContext(change=change), changes)
        if changes
        else ()
    )


def _as_change(tracker: Tracker, action: Action, passing: Passing) -> ItemChange:
    item_id, old, new = passing
    return ItemChange(tracker.key, item_id, action, old, dict(new))


def _take_over(
    tracker: Tracker, values: dict[str, Any], answer: Mapping[str, Any], *, refusals: Refusals, index: int
) -> None:
    for key, value in answer.items():
        if key in values and values[key] == value:
            continue
        try:
            values[key] = tracker.field(key).judge(value)
        except Invalid as error:
            refusals.add(index, key, error.message)


def _refuse(refusals: Refusals, index: int, error: Rejected | Invalid) -> None:
    for field, messages in (error.fields or {"": [error.message]}).items():
        for message in messages:
            refusals.add(index, field, message)
