"""The heads of a list's columns: each sorts by a press."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracker.web.lists.columns import Column
from tracker.web.lists.state import State


@dataclass(frozen=True)
class Head:
    """One head. `order` is ascending, descending or nothing; without an address it does not sort."""

    label: str
    look: str = ""
    order: str = ""
    address: str = ""
    adding: str = ""  # the address that sorts by it after what is sorted already
    computed: bool = False


def heads(state: State, columns: Sequence[Column], order: Sequence[str], *, label: str = "") -> list[Head]:
    """Return the heads of columns; `order` is what the list is sorted by now."""
    return [_head(state, column, order, label or column.field.label) for column in columns]


def _head(state: State, column: Column, order: Sequence[str], label: str) -> Head:
    bound, key = column.field, column.key
    if not column.open or not bound.sortable or bound.computed:
        return Head(label, column.look, computed=bound.computed)
    now = "ascending" if key in order else "descending" if f"-{key}" in order else ""
    turned = f"-{key}" if now == "ascending" else key
    others = tuple(each for each in state.sort if each.lstrip("-") != key)
    return Head(
        label,
        column.look,
        now,
        state.but(sort=(turned,)).address(),
        state.but(sort=(*others, turned)).address(),
    )
