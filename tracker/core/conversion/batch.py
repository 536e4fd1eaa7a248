"""Converting the values of a field, a batch of items at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from tracker.core.ask.lookup import SEVERAL, find_called, find_groups, find_people
from tracker.core.ask.names import name_fields, names
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.judge import Refusals
from tracker.core.items.write import Batch, create_items
from tracker.errors import Refused
from tracker.fields.conversion import Conversion, Converted, Names
from tracker.i18n import _

REMEMBERED = 5_000  # distinct values


class Converter:
    """Converts values of a field; remembers those that many items share."""

    def __init__(self, field: Retyped, asked: Retyping) -> None:
        self._old, self._new, self._asked = field.old, field.new, asked
        self._refers = bool(field.old.refers or field.new.refers)
        self._plain = Conversion(field.old.type, field.new.type, asked.ways)
        self._known: dict[Any, Converted] = {}

    def convert(self, reading: Reading, items: Sequence[Item]) -> list[Converted]:
        """Return the new values of some items, in their order.

        In a `ChangeSet`, targets of links that nobody made yet are made where that is asked for.
        """
        values = [item.values.get(self._old.key) for item in items]
        if self._refers:
            conversion = self._with_names(reading, [each for each in values if each is not None])
            return [conversion.convert(value) for value in values]
        return [self._remembered(value) for value in values]

    def _remembered(self, value: Any) -> Converted:
        found = self._known.get(value)
        if found is None:
            found = self._plain.convert(value)
            if len(self._known) < REMEMBERED:
                self._known[value] = found
        return found

    def _with_names(self, reading: Reading, values: Sequence[Any]) -> Conversion:
        shown = _shown(reading, self._old, values) if self._old.refers else {}
        known = Names(shown=lambda number: shown.get(number, f"#{number}"))
        conversion = Conversion(self._old.type, self._new.type, self._asked.ways, known)
        if not self._new.refers:
            return conversion
        texts = {
            text for value in values for each in _apart(self._old, value) for text in conversion.texts(each)
        }
        found = _found(reading, self._new, texts)
        if self._asked.make and isinstance(reading, ChangeSet):
            wanted = {conversion.texts(each)[0] for value in values for each in _apart(self._old, value)}
            found |= _made(reading, self._new, sorted(wanted - found.keys()))
        clear = {text: number for text, number in found.items() if number != SEVERAL}
        return Conversion(
            self._old.type, self._new.type, self._asked.ways, Names(shown=known.shown, found=clear.get)
        )


def _apart(field: BoundField, value: Any) -> Iterable[Any]:
    """Return the elements of a value, each as a value of its own."""
    return [(each,) for each in value] if field.many else [value]


def _shown(reading: Reading, field: BoundField, values: Sequence[Any]) -> dict[int, str]:
    """Return what people read for the numbers that a field refers to."""
    elements = [each for value in values for each in (value if field.many else (value,))]
    numbers = {getattr(each, "target", each) for each in elements}
    if field.refers == "user":
        table = tables.user
        return {
            row.id: row.email
            for row in reading.execute(
                select(table.c.id, table.c.email).where(table.c.id.in_(sorted(numbers)))
            )
        }
    if field.refers == "group":
        return {group.id: group.title for group in trackers(reading).design.groups if group.id in numbers}
    target = trackers(reading).by_key.get(field.type.options.to)
    return names(reading, target, numbers) if target else {}


def _found(reading: Reading, field: BoundField, texts: set[str]) -> dict[str, int]:
    if field.refers == "user":
        return find_people(reading, texts)
    if field.refers == "group":
        return {text: number for text, number in find_groups(reading, texts, "").items() if number}
    return find_called(reading, _target(reading, field), texts)


def _target(reading: Reading, field: BoundField) -> Tracker:
    return trackers(reading).get(field.type.options.to)


def _made(change: ChangeSet, field: BoundField, texts: Sequence[str]) -> dict[str, int]:
    """Make an item for each name that none has; return their numbers by name."""
    if field.refers != "item" or not texts:
        return {}
    target = _target(change, field)
    naming = name_fields(change, target)
    if not naming:
        raise Refused(_("%(tracker)s have no name by which they could be made.", tracker=target.title))
    refusals = Refusals()
    judged = {text: naming[0].type.judge_text(text) for text in texts}
    made = create_items(
        change, target, Batch([{naming[0].key: value} for value in judged.values()]), refusals
    )
    return {text: made[place] for place, text in enumerate(judged) if place in made}
