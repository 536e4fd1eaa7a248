"""Numbers: integer, decimal, money, yes_no. Fractions are exact: `Decimal` here, scaled integers stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal as Exact
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import marshmallow
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol, list_currencies
from marshmallow import fields, validates_schema

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.options import OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Message, Reader, _

ROUGH = 2  # decimals of an average of whole numbers
INT64 = 2**63 - 1
DIGITS = 18  # of a scaled number, so that it and sums of nine of it fit 64 bits

# ISO 4217's digits, where they are not 2. Ours, not Babel's: CLDR rounds some currencies to what is
# customary, changes that from year to year, and stored minor units must keep their meaning.
_MINOR = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_PLAIN = re.compile(r"([+-]?)([0-9]{1,40})(?:\.([0-9]{0,40}))?")
_GROUPS = {
    mark: re.compile(
        rf"([+-]?)([0-9]{{1,3}}(?:([{other} \u00a0\u202f'’])[0-9]{{3}})(?:\3[0-9]{{3}})*|[0-9]*)"
        rf"(?:{re.escape(mark)}([0-9]*))?"
    )
    for mark, other in ((".", ","), (",", "."))
}


def number_text(text: str, decimal: str) -> str:
    """Return a number that a person wrote as `-1234.50`; separators of thousands must be in their places.

    :raises Invalid: `type`, it is no number.
    """
    tidy = text.strip().replace("\N{MINUS SIGN}", "-") if len(text) <= 60 else ""
    if decimal == "." and _PLAIN.fullmatch(tidy):
        return tidy
    found = _GROUPS["," if decimal == "," else "."].fullmatch(tidy)
    if not found or not (found[2] or found[4]):
        raise refuse_type(_("“%(text)s” is no number.", text=shown(text)))
    whole = "".join(sign for sign in found[2] if "0" <= sign <= "9") or "0"
    return f"{found[1]}{whole}" + (f".{found[4]}" if found[4] else "")


def decimals_of(value: Exact, most: int) -> int:
    """Return how many decimals a number needs, rounded to `most` of them."""
    exponent = value.quantize(Exact(1).scaleb(-most)).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def ungrouped(text: str) -> str:
    """Refuse commas in JSON's form: `1,500` means one and a half to half of its readers."""
    if "," in text[:60]:
        raise refuse_type(_("Write a point before the decimals, and nothing between thousands."))
    return text


class Bounds(OptionsSchema):
    """The smallest and the largest value allowed."""

    @validates_schema
    def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse bounds between which nothing is."""
        low, high = data.get("min"), data.get("max")
        if low is not None and high is not None and low > high:
            raise marshmallow.ValidationError("The smallest value is above the largest.", "min")


def _out_of_range(low: object, high: object) -> Invalid:
    if low is not None and high is not None:
        sentence = _("Give a number from %(low)s to %(high)s.", low=low, high=high)
    elif low is not None:
        sentence = _("Give a number of at least %(low)s.", low=low)
    else:
        sentence = _("Give a number of at most %(high)s.", high=high)
    return Invalid("range", sentence)


class Number(FieldType):
    """What all numbers share."""

    kind = Kind.NUMBER
    group = "Numbers"
    adds: ClassVar[bool] = True  # whether a sum of its values is of the same kind: one of ratings is none

    def figure(self, value: int | Exact, reader: Reader = PLAIN, *, places: int | None = None) -> str:
        """Show what was computed from values, such as their average, as people read them; it may have more decimals.

        :param places: how many decimals are shown; None: those that tell something.
        """
        if places is None and self.is_value(value):
            return self.format(self.clean(value), reader)
        return self.rough(Exact(value), reader, places=places)

    def is_value(self, value: int | Exact) -> bool:
        """Say whether what was computed is one of the values that the field may hold."""
        try:
            return bool(self.clean(value) == value)
        except Invalid:
            return False

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        """Show a number with more decimals than values have: rounded, without zeros at its end."""
        return reader.number(value, places=decimals_of(value, ROUGH) if places is None else places)

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.INTEGER),)

    def control(self) -> Control:
        return Control("number", {"inputmode": "decimal"})

    def form_text(self, value: Any, dialect: TextDialect = CANONICAL) -> Any:
        return self.text(value).replace(".", dialect.decimal)


class Integer(Number):
    """A whole number."""

    name = "integer"
    label = _("Whole number")
    about = _("A count, a year, a number of people.")
    icon = "number-123"
    aliases = ("int", "number")
    uniqueable = True
    groupable = True
    good = (0, -7, 2026, 2**63 - 1, None)
    bad = {2.5: "type", "many": "type", True: "type", 2**63: "range"}

    class Options(Bounds):
        """The range, and whether thousands are set apart."""

        min = WholeNumber(load_default=None, validate=Range(-INT64, INT64))
        max = WholeNumber(load_default=None, validate=Range(-INT64, INT64))
        separators = fields.Boolean(load_default=True)  # off for years and numbers that are names

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._low = -INT64 if self.options.min is None else self.options.min
        self._high = INT64 if self.options.max is None else self.options.max

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> int:
        if len(text) < 20 and text.isascii() and text.isdigit():
            return int(text)
        whole, _point, rest = number_text(text, dialect.decimal).partition(".")
        if rest not in ("", "0", "00"):
            raise refuse_type(_("“%(text)s” is no whole number.", text=shown(text)))
        return int(whole)

    def clean(self, value: Any) -> int:
        if type(value) is not int:
            if not isinstance(value, str):
                raise refuse_type(_("Give a whole number."))
            value = self.parse(ungrouped(value))
        if self._low <= value <= self._high:
            return int(value)
        raise _out_of_range(self._low, self._high)

    def to_json(self, value: int) -> int:
        return value

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        shown_places = decimals_of(value, ROUGH) if places is None else places
        return reader.number(value, places=shown_places, grouped=self.options.separators)

    def format(self, value: int, reader: Reader = PLAIN) -> str:
        return reader.number(value) if self.options.separators else str(value)

    def control(self) -> Control:
        return Control("number", {"inputmode": "numeric"})


class Fraction(Number):
    """An exact number with a fixed count of decimals, stored as an integer of its smallest units."""

    @cached_property
    def scale(self) -> int:
        """How many decimals the stored integer holds."""
        raise NotImplementedError(type(self).__name__)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._step = Exact(1).scaleb(-self.scale)
        most = Exact(10**DIGITS - 1).scaleb(-self.scale)
        self._low = -most if self.options.min is None else max(self.options.min, -most)
        self._high = most if self.options.max is None else min(self.options.max, most)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Exact:
        return Exact(number_text(text, dialect.decimal))

    def clean(self, value: Any) -> Exact:
        number = self._exact(value)
        if not self._low <= number <= self._high:
            raise _out_of_range(self.text(self._low), self.text(self._high))
        kept = number.quantize(self._step)
        if kept != number:
            raise Invalid("places", self._too_fine())
        return kept if kept else abs(kept)

    def _exact(self, value: Any) -> Exact:
        if isinstance(value, str):
            value = self.parse(ungrouped(value))
        elif isinstance(value, float):
            value = Exact(repr(float(value)))
        elif type(value) is int:
            if abs(value) > INT64:
                raise _out_of_range(self.text(self._low), self.text(self._high))
            value = Exact(value)
        if not isinstance(value, Exact) or not value.is_finite():
            raise refuse_type(_("Give a number."))
        return value

    def _too_fine(self) -> Message:
        return _("Give at most %(places)d decimals.", places=self.scale)

    def dump(self, element: Exact) -> tuple[Stored, ...]:
        return (int(element.scaleb(self.scale)),)

    def load(self, stored: Sequence[Stored]) -> Exact:
        return Exact(int(stored[0])).scaleb(-self.scale)  # type: ignore[arg-type]

    def text(self, value: Exact) -> str:
        return format(value.quantize(self._step), "f")


class Decimal(Fraction):
    """A number with decimals, kept exactly."""

    name = "decimal"
    label = _("Decimal number")
    about = _("A weight, a share, a score: exact to the decimals you choose.")
    icon = "decimal"
    good = ("0.10", "-1234.5", 3, None)
    bad = {"1.234": "places", "many": "type", True: "type", float("nan"): "type", 10**17: "range"}

    class Options(Bounds):
        """How many decimals, and the range."""

        places = WholeNumber(load_default=2, validate=Range(0, 9))
        min = fields.Decimal(load_default=None, allow_nan=False)
        max = fields.Decimal(load_default=None, allow_nan=False)

    @cached_property
    def scale(self) -> int:
        """How many decimals the stored integer holds."""
        return int(self.options.places)

    def format(self, value: Exact, reader: Reader = PLAIN) -> str:
        return reader.number(value, places=self.scale)

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        return reader.number(value, places=self.scale if places is None else places)


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def _is_currency(code: str) -> None:
    if code not in _currencies():
        raise marshmallow.ValidationError(f"“{shown(code)}” is no ISO 4217 currency, such as EUR.")


def minor_digits(currency: str) -> int:
    """Return how many decimals an amount of `currency` has, by ISO 4217."""
    return _MINOR.get(currency, 2)


_AMOUNT = re.compile(
    r"(?P<before>[^\d.,'’\s+-]*)\s*(?P<amount>[+-]?[\d.,'’\s]*\d[\d.,'’\s]*?)\s*(?P<after>[^\d.,'’\s]*)"
)


class Money(Fraction):
    """An amount in the field's currency."""

    name = "money"
    label = _("Money")
    about = _("An amount in one currency, exact to the cent.")
    icon = "coin"
    good = ("50.00", 12, "EUR 50.00", "€50", "-0.05", None)
    bad = {"$50": "currency", "USD 50": "currency", "0.005": "places", "much": "type", 10**17: "range"}

    class Options(Bounds):
        """The currency, and the range."""

        currency = fields.String(load_default="EUR", validate=_is_currency)
        min = fields.Decimal(load_default=None, allow_nan=False)
        max = fields.Decimal(load_default=None, allow_nan=False)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        sign = get_currency_symbol(self.currency, "en")
        self._signs = {"", self.currency, self.currency.lower(), sign, sign.lstrip("ABCDEHJKMNPRSTUXZ")}

    @property
    def currency(self) -> str:
        """The ISO 4217 code of the field's currency."""
        return str(self.options.currency)

    @property
    def unit(self) -> str:  # type: ignore[override]
        """The currency: amounts of two do not mix."""
        return self.currency

    @cached_property
    def scale(self) -> int:
        """How many decimals the stored integer holds."""
        return minor_digits(self.currency)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Exact:
        try:
            return super().parse(text, dialect)
        except Invalid:
            sign, amount = self._apart(text)
            number = super().parse(amount, dialect)
            if sign not in self._signs:
                raise Invalid(
                    "currency",
                    _(
                        "This field holds %(currency)s, not “%(sign)s”.",
                        currency=self.currency,
                        sign=shown(sign),
                    ),
                ) from None
            return number

    def _apart(self, text: str) -> tuple[str, str]:
        """Return the sign of the currency and the amount; the minus may stand before both, as in `-€5`."""
        tidy = text.strip().replace("\N{MINUS SIGN}", "-") if len(text) <= 60 else ""
        minus = tidy.startswith("-")
        found = _AMOUNT.fullmatch(tidy[minus:].strip())
        if not found or (found["before"] and found["after"]):
            raise refuse_type(_("“%(text)s” is no amount.", text=shown(text)))
        return found["before"] or found["after"], "-" * minus + found["amount"]

    def _too_fine(self) -> Message:
        return _("%(currency)s has %(places)d decimals.", currency=self.currency, places=self.scale)

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        return self.format(value, reader)

    def format(self, value: Exact, reader: Reader = PLAIN) -> str:
        if get_currency_precision(self.currency) == self.scale:
            return reader.money(value, self.currency)
        # CLDR would round what this currency has.
        return format_currency(value, self.currency, locale=reader.babel, currency_digits=False)


_YES = frozenset(
    "yes y true t 1 on x ja j wahr oui o vrai si sí sì s v verdadero vero waar tak prawda ✓ ✔".split()
)
_NO = frozenset("no n false f 0 off nein falsch non faux falso nee onwaar nie fałsz".split())


class YesNo(FieldType):
    """Yes, no, or not said."""

    name = "yes_no"
    label = _("Yes or no")
    about = _("A box to tick.")
    icon = "checkbox"
    group = "Choices"
    kind = Kind.BOOLEAN
    aliases = ("boolean", "bool")
    groupable = True
    good = (True, False, "ja", "no", None)
    bad = {2: "type", "perhaps": "type"}

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.BOOLEAN),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> bool:
        word = text.strip().lower() if len(text) <= 20 else ""
        if word in _YES:
            return True
        if word in _NO:
            return False
        raise refuse_type(_("“%(text)s” is neither yes nor no.", text=shown(text)))

    def clean(self, value: Any) -> bool:
        if value is True or value is False:
            return bool(value)
        if isinstance(value, str):
            return self.parse(value)
        raise refuse_type(_("Give yes or no."))

    def load(self, stored: Sequence[Stored]) -> bool:
        return bool(stored[0])

    def text(self, value: bool) -> str:  # noqa: FBT001 - the value itself
        return "yes" if value else "no"

    def to_json(self, value: bool) -> bool:  # noqa: FBT001 - the value itself
        return value

    def format(self, value: bool, reader: Reader = PLAIN) -> str:  # noqa: FBT001 - the value itself
        return str(_("Yes") if value else _("No"))

    def control(self) -> Control:
        return Control("box")
