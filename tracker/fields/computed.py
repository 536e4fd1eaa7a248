"""What is computed when it is read: back_links, lookup, count, rollup, formula. Nothing is stored.

Core compiles them to SQL. What a lookup, rollup or formula gives depends on other fields, so core sets
`kind`, and where it knows them `scale`, `unit` and `like`, on the instance.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import marshmallow
from markupsafe import Markup
from marshmallow import fields, validates_schema

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, joined
from tracker.fields.numbers import Number
from tracker.fields.options import Length, Name, OneOf, OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Stored, moment_text
from tracker.fields.times import DURATION, TimeOfDay, duration_text, format_duration
from tracker.i18n import PLAIN, Reader, _

_CONDITION = Length(max=5000)
_TIMES = TimeOfDay()


class Computed(FieldType):
    """A field whose value follows from others."""

    group = "Computed"
    computed = True
    importable = False
    encryptable = False
    good = (None,)
    bad = {7: "computed", "seven": "computed"}

    scale: int | None = None  # decimals, where core knows them
    like: Number | None = None  # the type as whose values a number is shown, where it was made of such
    places: int | None = None  # decimals that are shown, where somebody said it

    @property
    def currency(self) -> str:
        """The ISO 4217 code, where the value is an amount."""
        return "" if self.unit == DURATION else self.unit

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        raise _refusal()

    def clean(self, value: Any) -> Any:
        raise _refusal()

    def judge_text(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        if text.strip():
            raise _refusal()
        return None

    def collect(self, raw: Any, dialect: TextDialect = CANONICAL) -> Any:
        return self.judge(raw)

    def columns(self) -> tuple[Part, ...]:
        return ()

    def dump(self, element: Any) -> tuple[Stored, ...]:
        return ()

    def text(self, value: Any) -> str:
        if isinstance(value, (tuple, list)):
            return joined(map(self.text, value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return moment_text(value)
        if isinstance(value, timedelta):
            return duration_text(value)
        if isinstance(value, time):
            return _TIMES.text(value)
        if isinstance(value, Decimal):
            return format(value, "f")
        return value.isoformat() if isinstance(value, date) else str(value)

    def to_json(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [self.to_json(each) for each in value]
        return value if isinstance(value, int) else self.text(value)

    def format(self, value: Any, reader: Reader = PLAIN) -> str:
        if isinstance(value, (tuple, list)):
            return ", ".join(self.format(each, reader) for each in value)
        if isinstance(value, bool):
            return str(_("Yes") if value else _("No"))
        if isinstance(value, (int, Decimal)):
            return self._number(value, reader)
        if isinstance(value, datetime):
            return reader.moment(value)
        if isinstance(value, timedelta):
            return format_duration(value, reader)
        if isinstance(value, time):
            return _TIMES.format(value, reader)
        return reader.date(value) if isinstance(value, date) else str(value)

    def html(self, value: Any, reader: Reader = PLAIN) -> Markup:
        if isinstance(value, int) and self.like is not None and self.like.is_value(value):
            return self.like.html(value, reader)
        return super().html(value, reader)

    def _number(self, value: int | Decimal, reader: Reader) -> str:
        if self.like is not None:
            return self.like.figure(value, reader, places=self.places)
        value = Decimal(value)
        if self.currency:
            return reader.money(value, self.currency)
        places = self.scale if self.scale is not None else max(0, -int(value.as_tuple().exponent))
        return reader.number(value, places=places)

    def control(self) -> Control:
        return Control("none")


def _refusal() -> Invalid:
    return Invalid("computed", _("This value is computed and cannot be set."))


class BackLinks(Computed):
    """The items of another tracker that link here."""

    name = "back_links"
    label = _("Linked from")
    about = _("The items of another tracker that link to this one.")
    icon = "arrow-back-up"
    group = "Links"
    kind = Kind.NONE
    many = True
    sortable = False
    long = True
    sample_options = {"from": "membership.person"}

    class Options(OptionsSchema):
        """`from`: the link of the other tracker, as tracker.field."""

        source = Name(required=True, path=True, data_key="from")


class Lookup(Computed):
    """A field of the item that a link leads to."""

    name = "lookup"
    label = _("Lookup")
    about = _("Shows a field of the item that a link leads to.")
    icon = "eye-search"
    kind = Kind.NONE  # core sets that of the field it shows
    sample_options = {"link": "person", "field": "born_on"}

    class Options(OptionsSchema):
        """The link of this tracker, and the field of its target."""

        link = Name(required=True)
        field = Name(required=True)


class Count(Computed):
    """How many items are linked."""

    name = "count"
    label = _("Count")
    about = _("How many items are linked, if you like only those that meet a condition.")
    icon = "tallymarks"
    kind = Kind.NUMBER
    scale = 0
    sample_options = {"of": "memberships", "where": "status = 'active'"}

    class Options(OptionsSchema):
        """What is counted (a field with links, or tracker.field), and a condition."""

        of = Name(required=True, path=None)
        where = fields.String(load_default="", validate=_CONDITION)


class Rollup(Computed):
    """A sum, an extreme or an average over linked items."""

    name = "rollup"
    label = _("Rollup")
    about = _("Sum, smallest, largest, average or number over linked items.")
    icon = "sum"
    kind = Kind.NUMBER
    sample_options = {"of": "donations", "field": "amount", "how": "sum"}

    class Options(OptionsSchema):
        """Over which links (a field, or tracker.field), of which field, how, and a condition."""

        of = Name(required=True, path=None)
        field = Name(load_default=None)
        how = fields.String(load_default="sum", validate=OneOf(("sum", "min", "max", "average", "count")))
        where = fields.String(load_default="", validate=_CONDITION)

        @validates_schema
        def needs_field(self, data: dict[str, Any], **_kwargs: Any) -> None:
            """Refuse a sum of nothing."""
            if data.get("how") != "count" and data.get("field") is None:
                raise marshmallow.ValidationError("Say which field is summed up.", "field")


class Formula(Computed):
    """The result of an expression."""

    name = "formula"
    label = _("Formula")
    about = _("Computes a value from the item's other fields.")
    icon = "math-function"
    kind = Kind.NONE  # core sets that of the expression
    sample_options = {"expression": "price * count", "places": 2}

    class Options(OptionsSchema):
        """The expression, and how many decimals are shown."""

        expression = fields.String(required=True, validate=Length(1, 5000))
        places = WholeNumber(load_default=None, validate=Range(0, 9))

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.scale = self.places = self.options.places
