"""Plugins' gates over a batch of items: before the write they may change values or reject, after it reject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import Tracker
from tracker.core.items.judge import Refusals
from tracker.errors import Invalid, Unknown
from tracker.hookspecs import GateContext, ItemChange

Action = Literal["create", "change", "trash", "restore", "delete"]
Passing = tuple[int | None, Mapping[str, Any], dict[str, Any]]  # id, old values, new values (may be changed)


def pass_gates(
    change: ChangeSet, tracker: Tracker, action: Action, items: Sequence[Passing], *, refusals: Refusals
) -> None:
    """Ask `item_before_save`; values that a plugin changed are judged again, and refusals are gathered.

    A batch that is rejected is asked again item by item, so that one bad row does not stop the others; what
    plugins wrote for an answer that does not count is gone.
    """
    if not change.workspace.hooks.asked("item_before_save"):
        return
    asked = {index: _as_change(tracker, action, passing) for index, passing in enumerate(items)}
    asked = {index: each for index, each in asked.items() if index not in refusals.by_index}
    for part, answer in _in_parts(change, "item_before_save", list(asked.items())):
        if isinstance(answer, Invalid):
            refusals.refuse(part[0], answer)
            continue
        for index, each in zip(part, answer, strict=True):
            _take_over(tracker, items[index][2], each.new, refusals=refusals, index=index)


def confirm(change: ChangeSet, tracker: Tracker, action: Action, items: Sequence[Passing]) -> None:
    """Ask `items_saving`, once the items are written and before the commit.

    :raises Rejected: nothing of the write may stay.
    """
    hooks = change.workspace.hooks
    if items and hooks.asked("items_saving"):
        changes = [_as_change(tracker, action, passing) for passing in items]
        hooks.gate("items_saving", GateContext(change=change), changes)


def rejected(
    change: ChangeSet, tracker: Tracker, action: Action, items: Sequence[Passing]
) -> dict[int, Invalid]:
    """Ask `items_saving` as `confirm` does; return which of the items may not stay, by place, and why."""
    if not change.workspace.hooks.asked("items_saving"):
        return {}
    asked = [(place, _as_change(tracker, action, passing)) for place, passing in enumerate(items)]
    answers = _in_parts(change, "items_saving", asked)
    return {part[0]: answer for part, answer in answers if isinstance(answer, Invalid)}


def _in_parts(
    change: ChangeSet, hook: str, asked: Sequence[tuple[int, ItemChange]]
) -> Iterator[tuple[list[int], Sequence[ItemChange] | Invalid]]:
    """Ask a gate for a batch, or where it is rejected for one by one; yield places, and the answer to them."""
    if not asked:
        return
    places = [place for place, _each in asked]
    try:
        with change.attempt():
            answer = change.workspace.hooks.gate(
                hook, GateContext(change=change), [each for _place, each in asked]
            )
    except Invalid as error:
        if len(asked) == 1:
            yield places, error
        else:
            for one in asked:
                yield from _in_parts(change, hook, [one])
    else:
        yield places, answer


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
        except (Invalid, Unknown) as error:
            refusals.add(index, key, error.message)
