"""What a change of type would do to the items that are there: counts, examples, and a report of what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tracker.core.base.transaction import Reading
from tracker.core.conversion.batch import Converter
from tracker.core.conversion.retyping import Retyped, Retyping, retyped
from tracker.core.conversion.rows import batches
from tracker.core.design.store import tracker as tracker_of
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
    """How many values fit, lose something or do not fit, with some of each."""

    counts: Counter[Fit] = field(default_factory=Counter)
    examples: list[Case] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many items have a value at all."""
        return self.counts.total()


def preview(reading: Reading, asked: Retyping) -> Preview:
    """Return what a change of type would do. Nothing is written.

    :raises TrackerError: as `retyped` does.
    """
    found = Preview()
    shown: Counter[Fit] = Counter()
    for case in cases(reading, asked, retyped(reading, asked)):
        found.counts[case.fit] += 1
        if shown[case.fit] < EXAMPLES:
            shown[case.fit] += 1
            found.examples.append(case)
    return found


def cases(reading: Reading, asked: Retyping, change: Retyped) -> Iterator[Case]:
    """Yield what happens to each item that has a value, in the order of their numbers."""
    converter = Converter(change, asked)
    old, new = change.old, change.new
    for items in batches(reading, change.tracker, [old]):
        for item, done in zip(items, converter.convert(reading, items), strict=True):
            value = item.values.get(old.key)
            if value is not None:
                yield Case(item.id, old.format(value), new.format(done.value), done.fit, done.reason)


def distinct_texts(reading: Reading, tracker: str, key: str) -> list[tuple[str, int]] | None:
    """Return the texts of a field with how often each occurs, the most frequent first; None if there are too many.

    They are what a choice could offer instead.
    """
    owner = tracker_of(reading, tracker)
    held = owner.field(key)
    found: Counter[str] = Counter()
    for items in batches(reading, owner, [held]):
        for item in items:
            value = item.values.get(key)
            if value is not None:
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
