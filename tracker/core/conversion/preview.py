"""What a change of type, a split or a join would do to the items that are there: counts, examples, texts that a choice could offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import true

from tracker.core.access.rights import require_admin
from tracker.core.ask.page import open_ids
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.conversion.batch import Outcome
from tracker.core.conversion.parts import converter_of
from tracker.core.conversion.place import Asked
from tracker.core.conversion.reshaping import Reshaped, reshaped
from tracker.core.conversion.retyping import Retyped, Retyping, retyped
from tracker.core.design.bound import BoundField
from tracker.core.design.store import tracker as tracker_of
from tracker.core.items.batches import batches
from tracker.fields.conversion import Fit
from tracker.fields.keys import key_for
from tracker.i18n import Message

EXAMPLES = 10  # of each kind
DISTINCT = 200  # texts that are offered as options


@dataclass(frozen=True)
class Case:
    """One item's value before and after, in the texts that people read."""

    item_id: int
    old: str
    new: str
    fit: Fit
    reason: Message | None


@dataclass
class Preview:
    """How many values fit, lose something or do not fit, with some of each.

    Counts are of all items; examples only of those that are open to who asks.
    """

    counts: Counter[Fit] = field(default_factory=Counter)
    examples: list[Case] = field(default_factory=list)
    doubles: int = 0  # values that a unique field would hold twice
    made: int = 0  # items that would be made for links to lead to

    @property
    def total(self) -> int:
        """How many items have a value at all."""
        return self.counts.total()


def preview(reading: Reading, asked: Asked) -> Preview:
    """Return what a change of type, a split or a join would do. Nothing is written.

    :raises TrackerError: as `retyped` and `reshaped` do.
    """
    change = retyped(reading, asked) if isinstance(asked, Retyping) else reshaped(reading, asked)
    converter = converter_of(change, asked)
    found, shown = Preview(), Counter[Fit]()
    held: dict[str, set[Any]] = {each.key: set() for each in change.targets if each.unique}
    for items in batches(reading, change.tracker, change.sources, true()):
        seen = open_ids(reading, change.tracker, [item.id for item in items])
        for item, done in zip(items, converter.convert(reading, items), strict=True):
            values = values_of(item, change.sources)
            if not any(each is not None for each in values):
                continue
            found.counts[done.fit] += 1
            if held and item.deleted_cs is None:
                found.doubles += _doubles(change.targets, done.values, held)
            if item.id in seen and shown[done.fit] < EXAMPLES:
                shown[done.fit] += 1
                found.examples.append(case_of(change, item.id, values, done))
    found.made = converter.unmade
    return found


def _doubles(fields: Sequence[BoundField], values: Sequence[Any], held: Mapping[str, set[Any]]) -> int:
    """Return how many values of unique fields others have already, and note them."""
    found = 0
    for each, value in zip(fields, values, strict=True):
        if each.unique and value is not None:
            compared = each.dump(value)[each.columns.index(each.compared)]
            found += compared in held[each.key]
            held[each.key].add(compared)
    return found


def values_of(item: Item, fields: Sequence[BoundField]) -> tuple[Any, ...]:
    """Return an item's values of some fields."""
    return tuple(item.values.get(each.key) for each in fields)


def case_of(change: Retyped | Reshaped, item_id: int, values: Sequence[Any], done: Outcome) -> Case:
    """Return what happens to an item, in the texts that people read; those of several fields stand apart by `|`."""
    old = [each.format(value) for each, value in zip(change.sources, values, strict=True)]
    made = zip(change.targets, done.values, done.called, strict=True)
    new = [each.format(value) if called is None else called for each, value, called in made]
    return Case(item_id, _beside(old), _beside(new), done.fit, done.reason)


def _beside(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else " | ".join(text or "–" for text in texts)


def distinct_texts(reading: Reading, tracker: str, key: str) -> list[tuple[str, int]] | None:
    """Return the texts of a field with how often each occurs, the most frequent first; None if there are too many.

    They are what a choice could offer instead; only of items that are open to the actor.

    :raises Forbidden: the actor may not configure the workspace.
    """
    require_admin(reading)
    owner = tracker_of(reading, tracker)
    held = owner.field(key)
    found: Counter[str] = Counter()
    for items in batches(reading, owner, [held], true()):
        seen = open_ids(reading, owner, [item.id for item in items])
        for item in items:
            value = item.values.get(key)
            if value is not None and item.id in seen:
                found.update([held.format((each,)) for each in value] if held.many else [held.format(value)])
        if len(found) > DISTINCT:
            return None
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def choices_of(texts: Sequence[str]) -> dict[str, str]:
    """Return options of a choice for some texts: keys and labels, in their order."""
    found: dict[str, str] = {}
    for text in texts:
        found[key_for(text, taken=found, prefix="option", reserved=())] = text
    return found
