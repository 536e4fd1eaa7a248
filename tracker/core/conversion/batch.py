"""Converting the values of a field, a batch of items at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import and_, or_, select

from tracker.core.access import clauses
from tracker.core.ask.among import among, given
from tracker.core.ask.lookup import SEVERAL, find_called, find_groups, find_people
from tracker.core.ask.names import name_fields, name_of
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.reshaping import Reshaping
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.judge import Refusals
from tracker.core.items.write import Batch, create_items
from tracker.errors import Invalid, Refused
from tracker.fields.conversion import Conversion, Converted, Fit, Names
from tracker.fields.folding import fold
from tracker.i18n import Message, _

REMEMBERED = 5_000  # distinct values
_UNMADE = 2**62  # stands, in a preview, for the number of what would be made


@dataclass(frozen=True)
class Outcome:
    """What an item gets in the fields that are filled, how it fits, and why it does not."""

    values: tuple[Any, ...]
    fit: Fit = Fit.FINE
    reason: Message | None = None
    called: tuple[str | None, ...] = (None,)  # the texts by which what links lead to was found


class ItemConverter(Protocol):
    """Says of items what they get in the fields that are filled."""

    shares: bool  # whether a stretch of items may be filled by what they share

    @property
    def unmade(self) -> int:
        """How many items a preview would make for links to lead to."""

    def convert(self, reading: Reading, items: Sequence[Item]) -> list[Outcome]:
        """Return what items get, in their order.

        In a `ChangeSet`, targets of links that nobody made yet are made where that is asked for.
        """


class Converter:
    """Converts values of a field; remembers those that many items share."""

    def __init__(self, field: Retyped, asked: Retyping | Reshaping) -> None:
        self._old, self._new, self._asked = field.old, field.new, asked
        self._refers = bool(field.old.refers or field.new.refers)
        self._plain = Conversion(field.old.type, field.new.type, asked.ways)
        self._known: dict[Any, Converted] = {}
        self.shares = True  # until a stretch of items holds too many different values to be filled by them
        self._unmade: dict[str, int] = {}  # folded names of what a preview would make

    @property
    def unmade(self) -> int:
        """How many items a preview would make for links to lead to."""
        return len(self._unmade)

    def convert(self, reading: Reading, items: Sequence[Item]) -> list[Outcome]:
        """Return what items get, in their order."""
        done = self.convert_values(reading, [item.values.get(self._old.key) for item in items])
        return [Outcome((each.value,), each.fit, each.reason, (each.called,)) for each in done]

    def convert_values(self, reading: Reading, values: Sequence[Any]) -> list[Converted]:
        """Return the new values for some, in their order."""
        if self._refers:
            conversion = self._with_names(reading, [each for each in values if each is not None])
            return [conversion.convert(value) for value in values]
        return [self._remembered(value) for value in values]

    def convert_one(self, value: Any) -> Any:
        """Return the new value for one that leads nowhere, None where it does not fit."""
        return self._remembered(value).value

    def _remembered(self, value: Any) -> Converted:
        found = self._known.get(value)
        if found is None:
            found = self._plain.convert(value)
            if len(self._known) < REMEMBERED:
                self._known[value] = found
        return found

    def _with_names(self, reading: Reading, values: Sequence[Any]) -> Conversion:
        shown = _shown(reading, self._old, values) if self._old.refers else {}
        known = Names(shown=shown.get)
        conversion = Conversion(self._old.type, self._new.type, self._asked.ways, known)
        if not self._new.refers:
            return conversion
        called = [text for value in values for text in conversion.called(value)]
        found = _found(reading, self._new, {text for texts in called for text in texts})
        if self._asked.make:
            missing = [texts[0] for texts in called if not any(text in found for text in texts)]
            found = found | self._missing(reading, missing)
        clear = {text: number for text, number in found.items() if number != SEVERAL}
        names = Names(shown=shown.get, found=clear.get)
        return Conversion(self._old.type, self._new.type, self._asked.ways, names)

    def _missing(self, reading: Reading, texts: Iterable[str]) -> dict[str, int]:
        """Return numbers for texts that call nothing: of items that are made, or that a preview would make."""
        if isinstance(reading, ChangeSet):
            return _made(reading, self._new, texts)
        for text in texts:
            self._unmade.setdefault(fold(text), _UNMADE + len(self._unmade))
        return {text: self._unmade[fold(text)] for text in texts}


def _shown(reading: Reading, field: BoundField, values: Sequence[Any]) -> Mapping[int, str]:
    """Return what people read for the numbers that a field refers to; those not open to the actor are left out."""
    elements = [each for value in values for each in (value if field.many else (value,))]
    numbers = {getattr(each, "target", each) for each in elements}
    if field.refers == "user":
        table = tables.user
        wanted = select(table.c.id, table.c.email).where(among(table.c.id, reading.dialect))
        return {row.id: row.email for row in reading.execute(wanted, given(reading, numbers))}
    if field.refers == "group":
        return {group.id: group.title for group in trackers(reading).design.groups if group.id in numbers}
    target = trackers(reading).by_key.get(field.type.options.to)
    return _names(reading, target, numbers) if target else {}


def _names(reading: Reading, target: Tracker, ids: Iterable[int]) -> dict[int, str]:
    """Return the names of items, in the trash too, that are open to the actor."""
    table, fields = target.table, name_fields(reading, target)
    rows = RowReader(reading, target, fields, table)
    live = and_(table.c.deleted_cs.is_(None), clauses.where(reading, "view", target))
    gone = and_(table.c.deleted_cs.is_not(None), clauses.where(reading, "restore", target))
    wanted = select(*rows.columns).where(among(table.c.id, reading.dialect), or_(live, gone))
    found = rows.items(reading, reading.execute(wanted, given(reading, sorted(set(ids)))).all())
    return {item.id: name_of(fields, item.id, item.values) for item in found}


def _found(reading: Reading, field: BoundField, texts: set[str]) -> dict[str, int]:
    if field.refers == "user":
        return find_people(reading, texts)
    if field.refers == "group":
        return {text: number for text, number in find_groups(reading, texts, "").items() if number}
    return find_called(reading, _target(reading, field), texts)


def _target(reading: Reading, field: BoundField) -> Tracker:
    return trackers(reading).get(field.type.options.to)


def _made(change: ChangeSet, field: BoundField, texts: Iterable[str]) -> dict[str, int]:
    """Make an item for each name that none has, once for all ways to write it; return numbers by text."""
    if field.refers != "item":
        return {}
    target = _target(change, field)
    naming = name_fields(change, target)
    if not naming:
        raise Refused(_("%(tracker)s have no name by which they could be made.", tracker=target.title))
    wanted: dict[str, Any] = {}
    for text in texts:
        try:
            wanted.setdefault(fold(text), naming[0].type.judge_text(text))
        except Invalid:
            continue  # no name at all: the item is told that nothing is called so
    values = [{naming[0].key: value} for value in wanted.values()]
    made = create_items(change, target, Batch(values), Refusals())
    numbers = {folded: made[place] for place, folded in enumerate(wanted) if place in made}
    return {text: numbers[fold(text)] for text in texts if fold(text) in numbers}
