"""From a value of one type to a value of another: what a change of a field's type does to each item.

A value goes through its canonical text, or through the text that people read where that is all the new type
understands. Nothing is ever emptied in silence: each conversion says whether the value fits, loses something
or does not fit, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, FieldType, Kind, TextDialect
from tracker.fields.folding import fold
from tracker.fields.numbers import Number
from tracker.i18n import PLAIN, Message, _


class Fit(Enum):
    """How a value came through."""

    FINE = "fine"
    LOSSY = "lossy"  # something of it is lost
    EMPTIED = "emptied"  # it does not fit, and the item has none afterwards


@dataclass(frozen=True)
class Converted:
    """A value of the new type, how it fits, and why it does not."""

    value: Any
    fit: Fit = Fit.FINE
    reason: Message | None = None


@dataclass(frozen=True)
class Ways:
    """What a person says about a conversion beyond the two types."""

    dialect: TextDialect = CANONICAL  # how texts write days and numbers
    instead: Mapping[str, str] = field(default_factory=dict)  # text as people read it -> what is read for it
    factor: Decimal | None = None  # numbers are multiplied by it: another unit or currency
    rounding: bool = False  # numbers with too many decimals are rounded, not refused
    cutting: bool = False  # texts that are too long are cut, not refused


@dataclass(frozen=True)
class Names:
    """What stands for links, people and groups in texts, both ways; core looks them up."""

    shown: Callable[[int], str] = lambda number: f"#{number}"
    found: Callable[[str], int | None] = lambda _text: None


NOTHING = Converted(None)


def possible(old: FieldType, new: FieldType) -> Message | None:
    """Return why values cannot go from one type to the other; None when they can."""
    for each, place in ((old, "from"), (new, "to")):
        if each.computed:
            return _("%(label)s is computed: it holds no values.", label=each.label)
        if each.kind is Kind.NONE or not each.columns():
            return _("%(label)s holds no values.", label=each.label)
        if getattr(each, "always_encrypted", False):
            return _("%(label)s is always encrypted, and can only stay what it is.", label=each.label)
        if each.refers == "file" or each.to_any:
            return _("%(label)s can only stay what it is.", label=each.label)
        if place == "to" and each.generated:
            return _("%(label)s is given by Tracker, from the next item on.", label=each.label)
    if old.kind is Kind.BOOLEAN and new.kind is Kind.CHOICE and not hasattr(new, "selection"):
        return _("%(label)s cannot be told from yes and no.", label=new.label)  # “no” is Norway's code
    return None


class Conversion:
    """From the values of one field's type to those of another's."""

    def __init__(
        self, old: FieldType, new: FieldType, ways: Ways | None = None, names: Names | None = None
    ) -> None:
        self.old, self.new = old, new
        self.ways, self.names = ways or Ways(), names or Names()

    def convert(self, value: Any) -> Converted:
        """Return the value of the new type for one of the old; None stays None."""
        if value is None:
            return NOTHING
        elements = value if self.old.many else (value,)
        if self.new.many:
            return self._many(elements)
        if len(elements) > 1:
            return self._joined(value, elements)
        return self._one(elements[0])

    def _many(self, elements: Iterable[Any]) -> Converted:
        done = [self._one(each) for each in elements]
        kept = [each for one in done if one.value is not None for each in one.value]
        worst = next((one for one in done if one.fit is not Fit.FINE), None)
        value = self.new.judge(kept)
        if worst is None:
            return Converted(value)
        return Converted(value, Fit.LOSSY if value is not None else Fit.EMPTIED, worst.reason)

    def _joined(self, value: Any, elements: tuple[Any, ...]) -> Converted:
        """Make one value of several: a text can hold them all, anything else the first."""
        if self.new.kind is Kind.TEXT:
            try:
                return Converted(self.new.judge(self._shortened(self.texts(value)[-1])))
            except Invalid:
                pass  # the first, then
        first = self._one(elements[0])
        if first.value is None:
            return first
        reason = _("%(number)d more values are left out.", number=len(elements) - 1)
        return Converted(first.value, Fit.LOSSY, reason)

    def _one(self, element: Any) -> Converted:
        if self.new.refers:
            return self._reference(element)
        if isinstance(self.old, Number) and isinstance(self.new, Number):
            return self._number(Decimal(element))
        value = (element,) if self.old.many else element
        refusal: Invalid | None = None
        for text in self.texts(value):
            try:
                found = self.new.judge_text(self._shortened(text), self.ways.dialect)
            except Invalid as error:
                refusal = error if refusal is None else refusal
                continue
            if found is not None:
                return self._weighed(text, found)
        return Converted(None, Fit.EMPTIED, refusal.message if refusal else _("Nothing is left of it."))

    def texts(self, value: Any) -> tuple[str, ...]:
        """Return the texts that stand for a value (an element, when there are many), the first to be tried first."""
        if self.old.refers:
            return (self._instead(self._shown(value)),)
        if self.old.kind is Kind.DATETIME and self.new.kind in (Kind.DATE, Kind.NUMBER):
            local = value.astimezone(ZoneInfo(self.ways.dialect.zone))
            return (local.date().isoformat() if self.new.kind is Kind.DATE else local.time().isoformat(),)
        if self.old.kind is Kind.BOOLEAN and self.new.kind is Kind.NUMBER:
            return ("1" if value else "0",)
        read = self._instead(self.old.format(value, PLAIN))
        canonical = self.old.text(value)
        by_label = self.old.kind is Kind.CHOICE and self.new.kind is not Kind.CHOICE
        return (read, canonical) if by_label or read in self.ways.instead.values() else (canonical, read)

    def _shown(self, value: Any) -> str:
        numbers = value if self.old.many else (value,)
        return ", ".join(self.names.shown(getattr(each, "target", each)) for each in numbers)

    def _instead(self, text: str) -> str:
        return self.ways.instead.get(text, text)

    def _shortened(self, text: str) -> str:
        longest = getattr(self.new.options, "longest", None) or getattr(self.new, "limit", None)
        if self.ways.cutting and self.new.kind is Kind.TEXT and longest:
            return text[:longest]
        return text

    def _weighed(self, text: str, found: Any) -> Converted:
        """Return a value that was read from a text, and whether all of the text is in it."""
        if self.new.kind is Kind.TEXT and len(self.new.text(found)) < len(text.strip()) and self.ways.cutting:
            return Converted(
                found,
                Fit.LOSSY,
                _("It is cut after %(number)d characters.", number=len(self.new.text(found))),
            )
        if self.new.kind is Kind.NUMBER and _led_by_zero(text):
            return Converted(found, Fit.LOSSY, _("The zeros in front are lost."))
        if self.old.kind is Kind.DATETIME and self.new.kind in (Kind.DATE, Kind.NUMBER):
            lost = _("The time of day is lost.") if self.new.kind is Kind.DATE else _("The day is lost.")
            return Converted(found, Fit.LOSSY, lost)
        return Converted(found)

    # -- numbers and references ---------------------------------------------------------------

    def _number(self, number: Decimal) -> Converted:
        exact = number * self.ways.factor if self.ways.factor is not None else number
        scale = getattr(self.new, "scale", 0)
        rounded = exact.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_EVEN)
        lost = rounded != exact
        if lost and not self.ways.rounding and self.ways.factor is None:
            return Converted(None, Fit.EMPTIED, _("It has more than %(places)d decimals.", places=scale))
        try:
            value = self.new.judge(format(rounded, "f"))
        except Invalid as error:
            return Converted(None, Fit.EMPTIED, error.message)
        if lost and self.ways.factor is None:
            return Converted(value, Fit.LOSSY, _("It is rounded."))
        return Converted(value)

    def _reference(self, element: Any) -> Converted:
        if self.old.refers == self.new.refers and self._same_target():
            number: int | None = getattr(element, "target", element)
        else:
            text = self.texts((element,) if self.old.many else element)
            number = next((found for each in text if (found := self.names.found(each)) is not None), None)
            if number is None:
                return Converted(None, Fit.EMPTIED, _("Nothing is called “%(text)s”.", text=text[0][:60]))
        value = self.new.judge([number] if self.new.many else number)
        lost = self.old.many and not self.new.many and self.old.text((element,)) != f"#{number}"
        if lost and self.old.text((element,)) != str(number):
            return Converted(value, Fit.LOSSY, _("Its role and dates are lost."))
        return Converted(value)

    def _same_target(self) -> bool:
        return getattr(self.old.options, "to", None) == getattr(self.new.options, "to", None)


def _led_by_zero(text: str) -> bool:
    digits = fold(text).lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
