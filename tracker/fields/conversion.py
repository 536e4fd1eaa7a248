"""From a value of one type to a value of another: what a change of a field's type does to each item.

A value goes through its canonical text, or through the text that people read where that is all the new type
understands. Nothing is ever emptied in silence: each conversion says whether the value fits, loses something
or does not fit, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, FieldType, Kind, TextDialect, split_texts
from tracker.fields.folding import fold
from tracker.fields.numbers import Number
from tracker.i18n import PLAIN, Message, _

PRECISION = 80  # digits in which numbers are multiplied


class Fit(Enum):
    """How a value came through; the worse, the later."""

    FINE = "fine"
    MANY = "many"  # of a split: more parts than fields, so that the last one takes the rest
    FEW = "few"  # of a split: fewer parts than fields, so that the last ones stay empty
    LOSSY = "lossy"  # something of it is lost
    EMPTIED = "emptied"  # it does not fit, and the item has none afterwards


@dataclass(frozen=True)
class Converted:
    """A value of the new type, how it fits, and why it does not."""

    value: Any
    fit: Fit = Fit.FINE
    reason: Message | None = None
    called: str | None = None  # the text by which what a link leads to was found


@dataclass(frozen=True)
class Ways:
    """What a person says about a conversion beyond the two types."""

    dialect: TextDialect = CANONICAL  # how texts write days and numbers
    instead: Mapping[str, str] = field(default_factory=dict)  # text as people read it -> what is read for it
    factor: Decimal | None = None  # numbers are multiplied by it: another unit or currency
    rounding: bool = False  # numbers with too many decimals are rounded, not refused
    cutting: bool = False  # texts that are too long are cut, not refused

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, as a change set keeps it."""
        return {**asdict(self), "factor": None if self.factor is None else str(self.factor)}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Ways:
        """Return what `to_json` wrote."""
        factor = None if held["factor"] is None else Decimal(held["factor"])
        return cls(**{**held, "dialect": TextDialect(**held["dialect"]), "factor": factor})


@dataclass(frozen=True)
class Names:
    """What stands for links, people and groups in texts, both ways; core looks them up."""

    shown: Callable[[int], str | None] = lambda number: f"#{number}"
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


def convertible(old: FieldType, cls: type[FieldType]) -> bool:
    """Say whether values can go from a field's type to another, whatever its options."""
    return possible(old, cls(cls.sample_options)) is None


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
        if self.old.refers and not self._leads_there(value):
            seen = [each for each in self._elements(value) if self.names.shown(_number_of(each)) is not None]
            if len(seen) < len(self._elements(value)):
                return self._unseen(seen)
        if self.new.refers:
            return self._references(value)
        elements = self._elements(value)
        if self.new.many:
            return self._many(elements)
        return self._joined(value, elements) if len(elements) > 1 else self._one(elements[0])

    def called(self, value: Any) -> list[tuple[str, ...]]:
        """Return the texts that a value of several elements gives to a link, for each the one to be tried first."""
        if self._leads_there(value):
            return []
        if self.old.many:
            return [self.texts((element,)) for element in value]
        texts = self.texts(value)
        if self.new.many and self.old.kind is Kind.TEXT:
            return [(text,) for text in split_texts(texts[0])]
        return [texts]

    def _many(self, elements: Iterable[Any]) -> Converted:
        done = [self._one(each) for each in elements]
        kept = [each for one in done if one.value is not None for each in one.value]
        return self._gathered(kept, done)

    def _gathered(self, kept: list[Any], done: list[Converted]) -> Converted:
        """Return the value of all elements that came through, and the worst of how they did."""
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

    def _elements(self, value: Any) -> tuple[Any, ...]:
        return value if self.old.many else (value,)

    def _shown(self, value: Any) -> str:
        numbers = map(_number_of, self._elements(value))
        return ", ".join(self.names.shown(number) or f"#{number}" for number in numbers)

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

    # -- numbers ------------------------------------------------------------------------------

    def _number(self, number: Decimal) -> Converted:
        scale = getattr(self.new, "scale", 0)
        with localcontext(prec=PRECISION):
            exact = number * self.ways.factor if self.ways.factor is not None else number
            if exact.adjusted() > PRECISION // 2:
                return Converted(None, Fit.EMPTIED, _("It is too large a number."))
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

    # -- links, people, groups ----------------------------------------------------------------

    def _leads_there(self, value: Any) -> bool:
        """Say whether both fields lead to the same: numbers go over as they are."""
        same = getattr(self.old.options, "to", None) == getattr(self.new.options, "to", None)
        return bool(self.old.refers) and self.old.refers == self.new.refers and same and value is not None

    def _unseen(self, seen: Sequence[Any]) -> Converted:
        """Convert what of a value leads somewhere that can be named."""
        reason = _("What it leads to is not there, or not open to you.")
        if not seen:
            return Converted(None, Fit.EMPTIED, reason)
        done = self.convert(tuple(seen))
        return done if done.value is None else replace(done, fit=Fit.LOSSY, reason=reason)

    def _references(self, value: Any) -> Converted:
        if self._leads_there(value):
            return self._moved(self._elements(value))
        done = [self._reference(texts) for texts in self.called(value)]
        if not self.new.many:
            return self._first(done)
        return replace(
            self._gathered([each for one in done for each in one.value or ()], done),
            called="; ".join(one.called for one in done if one.called is not None),
        )

    def _moved(self, elements: Sequence[Any]) -> Converted:
        plain = [_number_of(each) for each in elements]
        if self.new.many:
            return Converted(self._kept(elements, plain))
        if len(elements) > 1 or any(getattr(each, part, None) for each in elements for part in _OF_LINKS):
            return Converted(
                self.new.judge(plain[0]), Fit.LOSSY, _("Roles, dates and all but the first are lost.")
            )
        return Converted(self.new.judge(plain[0]))

    def _kept(self, elements: Sequence[Any], plain: list[int]) -> Any:
        """Return links with their roles and dates where the new field has them."""
        try:
            return self.new.judge(tuple(elements))
        except Invalid:
            return self.new.judge(plain)

    def _reference(self, texts: Sequence[str]) -> Converted:
        for text in texts:
            number = self.names.found(text)
            if number is not None:
                return Converted(self.new.judge([number] if self.new.many else number), called=text)
        reason = _("Nothing is called “%(text)s”, or several things are.", text=texts[0][:60])
        return Converted(None, Fit.EMPTIED, reason)

    def _first(self, done: Sequence[Converted]) -> Converted:
        if len(done) == 1 or done[0].value is None:
            return done[0]
        return replace(
            done[0], fit=Fit.LOSSY, reason=_("%(number)d more values are left out.", number=len(done) - 1)
        )


def _number_of(element: Any) -> int:
    number: int = getattr(element, "target", element)
    return number


_OF_LINKS = ("role", "since", "until")


def _led_by_zero(text: str) -> bool:
    digits = fold(text).lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
