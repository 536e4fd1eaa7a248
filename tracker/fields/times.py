"""Time of day and duration. Both are whole seconds: since midnight, and in all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.dates import format_time
from babel.units import format_unit
from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.options import OneOf, OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Reader, _

DURATION = "duration"  # the unit of a number that counts seconds
MOST_S = 1_000_000 * 3600  # of a duration: a million hours, 114 years
_LONGEST = 60

_CLOCK = re.compile(
    r"([0-9]{1,2})(?:[:.hH]([0-9]{2})(?:[:.]([0-9]{2})(?:[.,]0{1,9})?)?|[hH]|(?= ?[AaPp]))"
    r" ?(?:([AaPp])\.?[Mm]\.?)?(?: ?(?:Uhr|h))?"
)


class TimeOfDay(FieldType):
    """A time of the day, without a day and a zone; kept in whole seconds since midnight."""

    name = "time"
    label = _("Time of day")
    about = _("A time without a day, such as when a place opens.")
    icon = "clock"
    group = "Dates"
    kind = Kind.TIME
    groupable = True
    good = ("9:30", "00:00", "23:59:59", "2:15 pm", time(18, 5), None)
    bad = {"24:00": "range", "9:75": "range", "13:00 pm": "range", "noon": "type", 930: "type", "9": "type"}

    class Options(OptionsSchema):
        """A time of day has no options."""

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.INTEGER),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> time:
        found = _CLOCK.fullmatch(text.strip()) if len(text) <= _LONGEST else None
        if not found:
            raise refuse_type(_("“%(text)s” is no time; write it as 14:30.", text=shown(text)))
        hour, minute, second, half = found.groups()
        hours = int(hour)
        if half and not 1 <= hours <= 12:
            raise _no_time(text)
        if half:
            hours = hours % 12 + 12 * (half in "pP")
        try:
            return time(hours, int(minute or 0), int(second or 0))
        except ValueError:
            raise _no_time(text) from None

    def clean(self, value: Any) -> time:
        if isinstance(value, str):
            return self.parse(value)
        if not isinstance(value, time) or value.tzinfo is not None or value.microsecond:
            raise refuse_type(_("Give a time of the day in whole seconds, as 14:30."))
        return value.replace(fold=0)

    def dump(self, element: time) -> tuple[Stored, ...]:
        return (element.hour * 3600 + element.minute * 60 + element.second,)

    def load(self, stored: Sequence[Stored]) -> time:
        minutes, second = divmod(int(stored[0]), 60)  # type: ignore[arg-type]
        return time(minutes // 60, minutes % 60, second)

    def text(self, value: time) -> str:
        return value.isoformat("seconds" if value.second else "minutes")

    def format(self, value: time, reader: Reader = PLAIN) -> str:
        return format_time(value, "medium" if value.second else "short", locale=reader.babel)

    def control(self) -> Control:
        return Control("time")


def _no_time(text: str) -> Invalid:
    return Invalid("range", _("There is no time %(text)s; a day runs from 00:00 to 23:59.", text=shown(text)))


# -- durations ------------------------------------------------------------------------------------

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}
_COLONS = re.compile(r"([+-]?)([0-9]{1,7}):([0-5][0-9])(?::([0-5][0-9]))?")
_ISO = re.compile(
    r"([+-]?)P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?:([0-9]{1,7})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,10})S)?)?",
    re.IGNORECASE,
)
_MARKED = re.compile(r"([0-9]{1,10}(?:[.,][0-9]{1,6})?) ?([^\W\d_]+)\.?,? ?")
_BARE = re.compile(r"[+-]?[0-9]{1,10}(?:[.,][0-9]{1,6})?")
_HOURS_AND_MINUTES = re.compile(r"([0-9]{1,7}) ?[hH] ?([0-5]?[0-9])")
_MARKS = {
    **dict.fromkeys("d day days tag tage jour jours día días j".split(), 86_400),
    **dict.fromkeys("h hr hrs hour hours std stunde stunden heure heures hora horas".split(), 3600),
    **dict.fromkeys("m min mins minute minutes minuten minuto minutos".split(), 60),
    **dict.fromkeys("s sec secs second seconds sek sekunde sekunden seconde secondes".split(), 1),
}


class Duration(FieldType):
    """How long something takes, in whole seconds."""

    name = "duration"
    label = _("Duration")
    about = _("How long something takes, such as a call or an hour of work.")
    icon = "hourglass"
    group = "Dates"
    kind = Kind.NUMBER
    unit = DURATION
    scale = 0
    good = ("1:30", "90 min", "1h30", "PT1H30M", "1 h 30 min 5 s", "0:00:07", timedelta(days=2), 45, None)
    bad = {"soon": "type", "1:75": "type", "-1:00": "range", True: "type", "0.001 min": "type"}

    class Options(OptionsSchema):
        """What a number means that stands without a unit."""

        plain = fields.String(load_default="minutes", validate=OneOf(tuple(_SECONDS)))

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.INTEGER),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> timedelta:
        tidy = text.strip().replace("\N{MINUS SIGN}", "-") if len(text) <= _LONGEST else ""
        seconds = self._seconds(" ".join(tidy.split()))
        if seconds is None or seconds != int(seconds):
            raise refuse_type(_("“%(text)s” is no duration; write it as 1:30 or 90 min.", text=shown(text)))
        return _delta(int(seconds))

    def _seconds(self, text: str) -> Decimal | None:
        if found := _COLONS.fullmatch(text):
            sign, hours, minutes, seconds = found.groups()
            return Decimal(f"{sign}{int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)}")
        if (found := _ISO.fullmatch(text)) and any(found.groups()[1:]):
            weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups()[1:])
            total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
            return Decimal(f"{found[1]}{total}")
        if found := _HOURS_AND_MINUTES.fullmatch(text):
            return Decimal(int(found[1]) * 3600 + int(found[2]) * 60)
        if _BARE.fullmatch(text):
            return Decimal(text.replace(",", ".")) * _SECONDS[self.options.plain]
        return _marked(text)

    def clean(self, value: Any) -> timedelta:
        if isinstance(value, str):
            value = self.parse(value)
        elif type(value) is int:
            value = _delta(value * _SECONDS[self.options.plain] if abs(value) <= MOST_S else value)
        if not isinstance(value, timedelta) or value.microseconds:
            raise refuse_type(_("Give a duration in whole seconds, as 1:30 for an hour and a half."))
        if not timedelta() <= value <= timedelta(seconds=MOST_S):
            raise _out_of_range()
        return value

    def dump(self, element: timedelta) -> tuple[Stored, ...]:
        return (seconds_of(element),)

    def load(self, stored: Sequence[Stored]) -> timedelta:
        return timedelta(seconds=int(stored[0]))  # type: ignore[arg-type]

    def text(self, value: timedelta) -> str:
        return duration_text(value)

    def format(self, value: timedelta, reader: Reader = PLAIN) -> str:
        return format_duration(value, reader)

    def form_text(self, value: timedelta, dialect: TextDialect = CANONICAL) -> Any:
        text = duration_text(value)
        return text.removesuffix(":00") if text.count(":") == 2 else text

    def control(self) -> Control:
        return Control("number", {"placeholder": "1:30"})


def _marked(text: str) -> Decimal | None:
    """Return the seconds of a text such as `1 h 30 min`, the larger unit first; None for another text."""
    total, place, last = Decimal(0), 0, 10**9
    while place < len(text):
        found = _MARKED.match(text, place)
        factor = _MARKS.get(found[2].lower()) if found else None
        if found is None or factor is None or factor >= last:
            return None
        total += Decimal(found[1].replace(",", ".")) * factor
        place, last = found.end(), factor
    return total if place else None


def _delta(seconds: int) -> timedelta:
    if abs(seconds) > MOST_S:
        raise _out_of_range()
    return timedelta(seconds=seconds)


def _out_of_range() -> Invalid:
    return Invalid("range", _("Give a duration from 0:00 to %(hours)d hours.", hours=MOST_S // 3600))


def seconds_of(value: timedelta) -> int:
    """Return a duration as whole seconds."""
    return value.days * 86_400 + value.seconds


def rounded(seconds: Decimal) -> timedelta | None:
    """Return a computed number of seconds, rounded to a whole one; None for what no duration can hold."""
    try:
        return timedelta(seconds=int(seconds.quantize(Decimal(1), ROUND_HALF_UP)))
    except (OverflowError, ArithmeticError):
        return None


def duration_text(value: timedelta) -> str:
    """Return the canonical text of a duration: hours, minutes and seconds, as `1:30:00`."""
    sign, seconds = ("-", -seconds_of(value)) if value < timedelta() else ("", seconds_of(value))
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def format_duration(value: timedelta, reader: Reader = PLAIN) -> str:
    """Show a duration in the reader's language, such as `1 hr 30 mins`; without parts that are 0."""
    sign, seconds = ("-", -seconds_of(value)) if value < timedelta() else ("", seconds_of(value))
    parts = {"hour": seconds // 3600, "minute": seconds // 60 % 60, "second": seconds % 60}
    shown_parts = {name: count for name, count in parts.items() if count} or {"minute": 0}
    texts = [
        format_unit(count, f"duration-{name}", "short", locale=reader.babel)
        for name, count in shown_parts.items()
    ]
    return sign + " ".join(texts)
