"""Whose the imported items are: the person and the group that a mapping names by a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracker.core.ask.lookup import find_groups, find_people
from tracker.core.base.transaction import Reading
from tracker.core.items.write import Placing
from tracker.core.transfer.binding import Bound
from tracker.core.transfer.drafts import Draft
from tracker.core.transfer.groups import WAYS
from tracker.core.transfer.mapping import Placed
from tracker.errors import Unknown
from tracker.i18n import _


def placings_for(reading: Reading, bound: Bound, drafts: Sequence[Draft]) -> dict[int, Placing | None]:
    """Return the placing of each new draft, by its `id()`; None leaves it to the engine."""
    new = [one for one in drafts if one.item is None]
    if bound.map.group is None and bound.map.owner is None:
        return dict.fromkeys(map(id, new))
    groups = _numbers(bound, bound.map.group, new, lambda texts, by: _groups(reading, texts, by))
    owners = _numbers(bound, bound.map.owner, new, lambda texts, _by: dict(find_people(reading, texts)))
    mine = reading.actor.user_id
    return {
        id(one): Placing(owner if bound.map.owner is not None else mine, group)
        for one, owner, group in zip(new, owners, groups, strict=True)
    }


def _numbers(
    bound: Bound,
    placed: Placed | None,
    drafts: Sequence[Draft],
    find: Callable[[set[str], str], dict[str, int | None]],
) -> list[int | None]:
    """Return the id for each draft; one that names nobody, where nobody else is said, is refused."""
    if placed is None:
        return [None] * len(drafts)
    texts = [""] * len(drafts)
    if placed.column:
        place = bound.source.columns.index(placed.column)
        texts = [one.record.cells[place].strip() for one in drafts]
    found = find({text for text in texts if text}, placed.by)
    otherwise = find({placed.otherwise}, "").get(placed.otherwise) if placed.otherwise else None
    numbers: list[int | None] = []
    for one, text in zip(drafts, texts, strict=True):
        number = found.get(text)
        if number is None:
            number = otherwise
        if number is None:
            one.refuse(_("“%(text)s” names nobody to whom the item could belong.", text=text[:80]))
        numbers.append(number)
    return numbers


def _groups(reading: Reading, texts: set[str], by: str) -> dict[str, int | None]:
    if by not in WAYS:
        raise Unknown("way to find a group", by, WAYS)
    return find_groups(reading, texts, by)
