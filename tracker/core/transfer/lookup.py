"""Finding what the cells of a file mean: targets of links, people and groups; one query a column and chunk."""

from __future__ import annotations

from collections.abc import Iterable

from tracker.core.ask.lookup import find_called, find_groups, find_items, find_people
from tracker.core.base.transaction import Reading
from tracker.core.transfer.binding import LinkTo

MOST_KEPT = 50_000  # texts of one column that are remembered


class Finder:
    """Finds targets of links; remembers those that it found."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, str], dict[str, int]] = {}

    def find(self, reading: Reading, to: LinkTo, texts: Iterable[str]) -> dict[str, int]:
        """Return the ids that texts mean, `SEVERAL` where it is not clear; those that mean none are left out."""
        place = (to.target.id if to.target else to.field.refers, to.by)
        kept = self._kept.setdefault(place, {})
        asked = set(texts)
        new = {text for text in asked if text not in kept}
        if new:
            if len(kept) + len(new) > MOST_KEPT:
                kept.clear()
                new = asked
            kept |= _find(reading, to, new)
        return {text: kept[text] for text in asked if text in kept}

    def forget(self) -> None:
        """Forget everything: what was found may be gone, or was never committed."""
        self._kept.clear()


def _find(reading: Reading, to: LinkTo, texts: set[str]) -> dict[str, int]:
    if to.field.refers == "group":
        found = find_groups(reading, texts, to.by)
        return {text: number for text, number in found.items() if number is not None}
    if to.target is None:
        return find_people(reading, texts)
    if to.by:
        return find_items(reading, to.target, to.by, texts)
    return find_called(reading, to.target, texts)
