"""Percent and rating: numbers that are shown as more than digits."""

from __future__ import annotations

from decimal import Decimal as Exact
from functools import cached_property
from typing import Any

from babel.numbers import format_percent
from markupsafe import Markup
from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, TextDialect, refuse_type
from tracker.fields.numbers import ROUGH, Bounds, Fraction, Number, number_text, ungrouped
from tracker.fields.options import OptionsSchema, Range, WholeNumber
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Reader, _

_SIGNS = ("%", "\N{ARABIC PERCENT SIGN}", "\N{FULLWIDTH PERCENT SIGN}")


class Percent(Fraction):
    """A share in percent, kept as people write it: 12.5 is 12.5 %."""

    name = "percent"
    label = _("Percent")
    about = _("A share, such as a discount or a rate; 12.5 is 12.5 %.")
    icon = "percentage"
    good = ("12.5", "12.50 %", "-3%", 100, 0, None)
    bad = {"1.234": "places", "half": "type", "5 %%": "type", True: "type", 10**17: "range"}

    class Options(Bounds):
        """How many decimals, and the range."""

        places = WholeNumber(load_default=2, validate=Range(0, 9))
        min = fields.Decimal(load_default=None, allow_nan=False)
        max = fields.Decimal(load_default=None, allow_nan=False)

    @cached_property
    def scale(self) -> int:
        """How many decimals the stored integer holds."""
        return int(self.options.places)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Exact:
        tidy = text[:61].strip()
        for sign in _SIGNS:
            if tidy.endswith(sign) or tidy.startswith(sign):
                return super().parse(tidy.removesuffix(sign) if tidy.endswith(sign) else tidy[1:], dialect)
        return super().parse(text, dialect)

    def format(self, value: Exact, reader: Reader = PLAIN) -> str:
        return self._shown(value, reader, "#" * self.scale)

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        return self._shown(value, reader, "#" * max(self.scale, ROUGH) if places is None else "0" * places)

    def _shown(self, value: Exact, reader: Reader, after: str) -> str:
        pattern = str(reader.babel.percent_formats[None].pattern)
        decimals = f"0.{after}" if after else "0"
        return format_percent(value.scaleb(-2), format=pattern.replace("0", decimals, 1), locale=reader.babel)

    def control(self) -> Control:
        return Control("number", {"inputmode": "decimal"}, suffix="%")


class Rating(Number):
    """Stars: a whole number from 1 to the field's `max`. Empty means "not rated"."""

    name = "rating"
    label = _("Rating")
    about = _("Stars, such as how much somebody is interested.")
    icon = "star"
    groupable = True
    adds = False
    at_end = False
    good = (4, 1, "5", "3/5", "★★☆☆☆", None)
    bad = {0: "range", 6: "range", "many": "type", 2.5: "type", True: "type", "4/10": "type"}

    class Options(OptionsSchema):
        """How many stars there are."""

        max = WholeNumber(load_default=5, validate=Range(3, 10))

    @property
    def most(self) -> int:
        """The number of stars that the best has."""
        return int(self.options.max)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> int:
        tidy = text[:61].strip()
        if tidy and not tidy.strip("★☆"):
            stars = len(tidy.rstrip("☆"))
            if "☆" not in tidy[:stars] and len(tidy) <= self.most:
                return stars
        whole, _point, rest = number_text(tidy.removesuffix(f"/{self.most}"), dialect.decimal).partition(".")
        if rest.strip("0"):
            raise refuse_type(_("“%(text)s” is no whole number.", text=shown(text)))
        return int(whole)

    def clean(self, value: Any) -> int:
        if isinstance(value, str):
            value = self.parse(ungrouped(value))
        if type(value) is not int:
            raise refuse_type(_("Give a whole number of stars."))
        if not 1 <= value <= self.most:
            raise Invalid("range", _("Give 1 to %(most)d stars.", most=self.most))
        return value

    def to_json(self, value: int) -> int:
        return value

    def rough(self, value: Exact, reader: Reader, *, places: int | None) -> str:
        stars = reader.number(value, places=1 if places is None else places)
        return str(_("%(stars)s of %(most)d", stars=stars, most=self.most))

    def format(self, value: int, reader: Reader = PLAIN) -> str:
        return "★" * value + "☆" * (self.most - value)

    def html(self, value: int, reader: Reader = PLAIN) -> Markup:
        said = _("%(stars)d of %(most)d stars", stars=value, most=self.most)
        on, off = "★" * value, "☆" * max(0, self.most - value)
        return Markup('<span class="tk-rating" role="img" aria-label="{}">{}<span>{}</span></span>').format(
            str(said), on, off
        )

    def control(self) -> Control:
        return Control("stars", choices=tuple((str(n), str(n)) for n in range(1, self.most + 1)))
