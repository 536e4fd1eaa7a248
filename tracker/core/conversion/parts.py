"""Splitting and joining, a batch of items at a time: the parts of a text, and what each becomes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.conversion.batch import Converter, ItemConverter, Outcome
from tracker.core.conversion.reshaping import Reshaped, Reshaping
from tracker.core.conversion.retyping import Retyped, Retyping
from tracker.core.design.bound import BoundField
from tracker.fields.conversion import Converted, Fit
from tracker.i18n import Message, _

_SEVERITY = {fit: place for place, fit in enumerate(Fit)}
_BLANKS = re.compile(r"[^\S\n]+")


def converter_of(field: Retyped | Reshaped, asked: Retyping | Reshaping) -> ItemConverter:
    """Return what fills the fields that are asked for, or, with the fields exchanged, leads back."""
    if isinstance(field, Reshaped):
        assert isinstance(asked, Reshaping)
        return Reshaper(field, asked)
    return Converter(field, asked)


class Reshaper:
    """Joins the texts of fields, splits them at a separator, and converts each part to the type of its field."""

    shares = False

    def __init__(self, field: Reshaped, asked: Reshaping) -> None:
        self._sources, self._targets, self._separator = field.sources, field.targets, asked.separator
        text, tracker = field.text, field.tracker
        self._read = [Converter(Retyped(tracker, each, text), asked) for each in field.sources]
        self._made = [Converter(Retyped(tracker, text, each), asked) for each in field.targets]

    @property
    def unmade(self) -> int:
        """How many items a preview would make for links to lead to."""
        return sum(each.unmade for each in self._made)

    def convert(self, reading: Reading, items: Sequence[Item]) -> list[Outcome]:
        """Return what items get, in their order."""
        read = [
            each.convert_values(reading, [item.values.get(field.key) for item in items])
            for each, field in zip(self._read, self._sources, strict=True)
        ]
        texts = list(zip(*read, strict=True))
        parts = [self._parts(each) for each in texts]
        made = [
            each.convert_values(reading, [held.texts[place] for held in parts])
            for place, each in enumerate(self._made)
        ]
        return [self._outcome(*each) for each in zip(texts, parts, zip(*made, strict=True), strict=True)]

    def _parts(self, texts: Sequence[Converted]) -> Parts:
        whole = self._separator.join(each.value for each in texts if each.value is not None)
        return split(whole, self._separator, len(self._targets))

    def _outcome(self, texts: Sequence[Converted], parts: Parts, made: Sequence[Converted]) -> Outcome:
        """Return the values of all fields, and the worst of how they came to be."""
        told = [(each.fit, each.reason) for each in texts]
        told += [
            (each.fit, self._named(field, each)) for field, each in zip(self._targets, made, strict=True)
        ]
        told.append(_number_of_parts(parts, len(self._targets)))
        fit, reason = max(told, key=lambda each: _SEVERITY[each[0]])
        return Outcome(tuple(each.value for each in made), fit, reason, tuple(each.called for each in made))

    def _named(self, field: BoundField, done: Converted) -> Message | None:
        if done.reason is None or len(self._targets) == 1:
            return done.reason
        return _("%(label)s: %(reason)s", label=field.label, reason=done.reason)


@dataclass(frozen=True)
class Parts:
    """The parts of a text, None where there is none, and how many it has if the last does not take the rest."""

    texts: tuple[str | None, ...]
    number: int


def split(text: str, separator: str, most: int) -> Parts:
    """Split a text into parts, of which the last takes the rest; a separator of spaces stands for any number.

    :param most: how many parts are wanted: so many are returned.
    """
    if not text.strip():
        return Parts((None,) * most, 0)
    if most == 1:
        return Parts((text,), 1)
    if separator.strip(" "):
        found, number = text.split(separator, most - 1), text.count(separator) + 1
    elif separator:
        found = _BLANKS.split(text.strip(), maxsplit=most - 1)
        number = len(_BLANKS.split(text.strip()))
    else:
        found, number = [text], 1
    texts = [each.strip() or None for each in found]
    return Parts((*texts, *(None for _missing in range(most - len(texts)))), number)


def _number_of_parts(parts: Parts, wanted: int) -> tuple[Fit, Message | None]:
    if parts.number in (0, wanted):
        return Fit.FINE, None
    if parts.number < wanted:
        return Fit.FEW, _("It has %(number)d of %(wanted)d parts.", number=parts.number, wanted=wanted)
    return Fit.MANY, _("It has %(number)d parts; the last field takes the rest.", number=parts.number)
