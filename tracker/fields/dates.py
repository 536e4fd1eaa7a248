"""Days and moments. A date has no zone and no time; a moment is UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow
from marshmallow import validates_schema

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.options import Day, OptionsSchema
from tracker.fields.storage import Storage, Stored, moment_text
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Reader, _

_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ](.+))?")
_ORDERED = {
    "dmy": re.compile(r"([0-9]{1,2})([./-]) ?([0-9]{1,2})\2 ?([0-9]{4})(?:,? (.+))?"),
    "mdy": re.compile(r"([0-9]{1,2})([./-]) ?([0-9]{1,2})\2 ?([0-9]{4})(?:,? (.+))?"),
    "ymd": re.compile(r"([0-9]{4})([./-]) ?([0-9]{1,2})\2 ?([0-9]{1,2})(?:,? (.+))?"),
}
_MIDNIGHT = re.compile(r"00?:00(:00(\.0+)?)?(Z|\+00:?00)?")
_TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6})[0-9]{0,3})?)?"
    r" ?([AaPp][Mm])? ?(?:(Z|z|UTC)|([+-])([0-9]{2}):?([0-9]{2}))?"
)
_LONGEST = 60


def day_and_rest(text: str, order: str) -> tuple[date, str]:
    """Return the day at the start of a text, written in `order` or ISO's way, and what follows it.

    :raises Invalid: `type`, there is none; `date`, there is no such day.
    """
    text = text.strip() if len(text) <= _LONGEST else ""
    if found := _ISO.fullmatch(text):
        year, month, day, rest = found.groups()
    elif order in _ORDERED and (found := _ORDERED[order].fullmatch(text)):
        first, _mark, second, third, rest = found.groups()
        year, month, day = {
            "dmy": (third, second, first),
            "mdy": (third, first, second),
            "ymd": (first, second, third),
        }[order]
    else:
        raise refuse_type(_("“%(text)s” is no date; write %(form)s.", text=shown(text), form=_form(order)))
    try:
        return date(int(year), int(month), int(day)), rest or ""
    except ValueError:
        raise Invalid("date", _("There is no day %(text)s.", text=shown(text))) from None


def _form(order: str) -> str:
    forms = {"dmy": "24.11.2026", "mdy": "11/24/2026", "ymd": "2026/11/24"}
    return forms.get(order, "2026-11-24")


class Date(FieldType):
    """A day, without time and zone."""

    name = "date"
    label = _("Date")
    about = _("A day, such as a birthday or a due date.")
    icon = "calendar"
    group = "Dates"
    kind = Kind.DATE
    groupable = True
    good = ("2026-11-24", date(1900, 2, 28), "0001-01-01", None)
    bad = {"2026-02-30": "date", "soon": "type", 20261124: "type", "24.11.26": "type"}

    class Options(OptionsSchema):
        """The first and the last day allowed."""

        min = Day(load_default=None)
        max = Day(load_default=None)

        @validates_schema
        def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
            """Refuse bounds between which no day is."""
            if data.get("min") and data.get("max") and data["min"] > data["max"]:
                raise marshmallow.ValidationError("The first day is after the last.", "min")

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.DATE),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> date:
        if len(text) == 10 and text[4] == text[7] == "-" and text.isascii():
            try:
                return date.fromisoformat(text)
            except ValueError:
                pass  # say it below, in our words
        day, rest = day_and_rest(text, dialect.date_order)
        if rest and not _MIDNIGHT.fullmatch(rest):  # spreadsheets write a day as its midnight
            raise refuse_type(_("“%(text)s” has a time; give only the day.", text=shown(text)))
        return day

    def clean(self, value: Any) -> date:
        if isinstance(value, str):
            day = self.parse(value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            day = value
        else:
            raise refuse_type(_("Give a day as 2026-11-24."))
        low, high = self.options.min, self.options.max
        if (low and day < low) or (high and day > high):
            raise Invalid(
                "range",
                _("Give a day from %(low)s to %(high)s.", low=low or date.min, high=high or date.max),
            )
        return day

    def text(self, value: date) -> str:
        return value.isoformat()

    def format(self, value: date, reader: Reader = PLAIN) -> str:
        return reader.date(value)

    def control(self) -> Control:
        bounds = {"min": self.options.min, "max": self.options.max}
        return Control("date", {name: day.isoformat() for name, day in bounds.items() if day})


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


class Moment(FieldType):
    """A moment: day and time, kept in UTC and shown in the reader's zone."""

    name = "moment"
    label = _("Date and time")
    about = _("A moment, such as a call or a meeting.")
    icon = "calendar-time"
    group = "Dates"
    kind = Kind.DATETIME
    aliases = ("datetime",)
    good = ("2026-11-24T09:12:00+01:00", "2026-11-24 09:12", datetime(2026, 11, 24, 9, 12, tzinfo=UTC), None)
    bad = {
        "2026-02-30 10:00": "date",
        "2026-11-24 25:00": "date",
        "now": "type",
        datetime(2026, 11, 24, 9, 12): "type",  # noqa: DTZ001 - what is refused
        "0001-01-01T00:00:00+14:00": "range",
    }

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.MOMENT),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> datetime:
        day, rest = day_and_rest(text, dialect.date_order)
        found = _TIME.fullmatch(rest or "00:00")
        if not found:
            raise refuse_type(_("“%(text)s” has no time such as 14:30.", text=shown(text)))
        hour, minute, second, fraction, half, utc, sign, hours, minutes = found.groups()
        try:
            moment = datetime(
                day.year,
                day.month,
                day.day,
                _hour(int(hour), half),
                int(minute),
                int(second or 0),
                int((fraction or "0").ljust(6, "0")),
                tzinfo=UTC if utc or sign else _zone(dialect.zone),
            )
        except ValueError:
            raise Invalid("date", _("There is no time %(text)s.", text=shown(rest))) from None
        if not (utc or sign) and _is_skipped(moment):
            raise Invalid(
                "date",
                _("There is no %(text)s on that day: the clocks go forward then.", text=shown(rest)),
            )
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        try:
            return (moment + offset if sign == "-" else moment - offset).astimezone(UTC)
        except OverflowError:
            raise _too_far() from None

    def clean(self, value: Any) -> datetime:
        if isinstance(value, str):
            return self.parse(value)
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise refuse_type(_("Give a moment with its offset, as 2026-11-24T09:12:00+01:00."))
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise _too_far() from None

    def load(self, stored: Sequence[Stored]) -> Any:
        return stored[0]

    def dump(self, element: datetime) -> tuple[Stored, ...]:
        return (element,)

    def text(self, value: datetime) -> str:
        return moment_text(value)

    def format(self, value: datetime, reader: Reader = PLAIN) -> str:
        try:
            return reader.moment(value)
        except OverflowError:  # the first and last hours of time, in another zone
            return self.text(value)

    def form_text(self, value: datetime, dialect: TextDialect = CANONICAL) -> Any:
        try:
            local = value.astimezone(_zone(dialect.zone))
        except OverflowError:
            return self.text(value)
        exact = "auto" if local.second or local.microsecond else "minutes"
        # An hour that comes twice needs its offset, or saving would move the moment.
        return (
            local.isoformat(timespec=exact)
            if local.fold
            else local.replace(tzinfo=None).isoformat(timespec=exact)
        )

    def control(self) -> Control:
        return Control("moment")


def _hour(hour: int, half: str | None) -> int:
    """Return the hour of the day; `half` is am or pm, with which hours run 1 to 12."""
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + 12 * (half.lower() == "pm")


def _is_skipped(local: datetime) -> bool:
    """Say whether a local time is within the hour that is left out when the clocks go forward."""
    if local.tzinfo is UTC:
        return False
    try:
        return local.astimezone(UTC).astimezone(local.tzinfo).replace(fold=0) != local.replace(fold=0)
    except OverflowError:
        return False


def _too_far() -> Invalid:
    return Invalid("range", _("That moment is outside the years 1 to 9999."))
