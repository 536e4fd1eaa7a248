"""Stars: a whole number from 0 up to the field's `top`."""

from __future__ import annotations

from typing import Any

from tracker.api import (
    CANONICAL,
    PLAIN,
    Control,
    FieldType,
    Invalid,
    Kind,
    OptionsSchema,
    Part,
    Range,
    Reader,
    Storage,
    TextDialect,
    WholeNumber,
    _,
    refuse_type,
)


class Stars(FieldType):
    """Stars out of `top`. Empty means "not rated", which is not 0."""

    name = "stars"
    label = _("Stars")
    about = _("A rating that people see as stars.")
    icon = "star"
    group = "Numbers"
    kind = Kind.NUMBER
    groupable = True
    good = (0, 3, None)
    bad = {-1: "range", 6: "range", "many": "type", 2.5: "type", True: "type"}

    class Options(OptionsSchema):
        """What an admin sets when adding a rating."""

        top = WholeNumber(load_default=5, validate=Range(1, 10))

    def columns(self) -> tuple[Part, ...]:
        return (Part(storage=Storage.INTEGER),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> int:
        if text.isdecimal() and len(text) < 3:
            return int(text)
        raise refuse_type(_("Give a number of stars."))

    def clean(self, value: Any) -> int:
        if isinstance(value, str):
            value = self.parse(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse_type(_("Give a number of stars."))
        if not 0 <= value <= self.options.top:
            raise Invalid("range", _("Give 0 to %(top)d stars.", top=self.options.top))
        return value

    def to_json(self, value: int) -> int:
        return value

    def format(self, value: int, reader: Reader = PLAIN) -> str:
        return "★" * value + "☆" * (self.options.top - value)

    def control(self) -> Control:
        return Control("number", {"min": 0, "max": self.options.top, "inputmode": "numeric"})
