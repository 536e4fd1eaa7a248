"""What a change of type would do to the items that are there: counts, examples, texts that a choice could offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import true

from tracker.core.access.rights import require_admin
from tracker.core.ask.page import open_ids
from tracker.core.base.transaction import Reading
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.retyping import Retyped, Retyping, retyped
from tracker.core.design.bound import BoundField
from tracker.core.design.store import tracker as tracker_of
from tracker.core.items.batches import batches
from tracker.fields.conversion import Converted, Fit
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


def preview(reading: Reading, asked: Retyping) -> Preview:
    """Return what a change of type would do. Nothing is written.

    :raises TrackerError: as `retyped` does.
    """
    change = retyped(reading, asked)
    converter = Converter(change, asked)
    found, shown = Preview(), Counter[Fit]()
    held: set[Any] = set()
    for items in batches(reading, change.tracker, [change.old], true()):
        seen = open_ids(reading, change.tracker, [item.id for item in items])
        for item, done in zip(items, converter.convert(reading, items), strict=True):
            value = item.values.get(change.old.key)
            if value is None:
                continue
            found.counts[done.fit] += 1
            if change.new.unique and item.deleted_cs is None and done.value is not None:
                compared = _compared(change.new, done.value)
                found.doubles += compared in held
                held.add(compared)
            if item.id in seen and shown[done.fit] < EXAMPLES:
                shown[done.fit] += 1
                found.examples.append(_case(change, item.id, value, done))
    found.made = len(converter.unmade)
    return found


def cases(reading: Reading, asked: Retyping, change: Retyped) -> Iterator[Case]:
    """Yield what happens to each item that has a value and is open to the actor, in the order of their numbers."""
    converter = Converter(change, asked)
    for items in batches(reading, change.tracker, [change.old], true()):
        seen = open_ids(reading, change.tracker, [item.id for item in items])
        for item, done in zip(items, converter.convert(reading, items), strict=True):
            value = item.values.get(change.old.key)
            if value is not None and item.id in seen:
                yield _case(change, item.id, value, done)


def _case(change: Retyped, item_id: int, value: Any, done: Converted) -> Case:
    new = done.called if done.called is not None else change.new.format(done.value)
    return Case(item_id, change.old.format(value), new, done.fit, done.reason)


def _compared(new: BoundField, value: Any) -> Any:
    return new.dump(value)[new.columns.index(new.compared)]


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
