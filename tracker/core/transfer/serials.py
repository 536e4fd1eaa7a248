"""Numbers of a spreadsheet as they are meant: its number formats tell days, times and shares from numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from tracker.core.transfer.cells import Share, Typed
from tracker.errors import Invalid
from tracker.i18n import _

DAY_S = 86_400
FIRST_DAY = date(1900, 3, 1)  # before it the 1900 system counts a 29 February that there was not
_LAST = 2_958_465  # 31 December 9999 in the 1900 system
_SHIFT = 1_462  # days between the two systems
_DIGITS = 15  # that spreadsheets keep and show
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]*[1-9])?")
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]")
_UTC = re.compile(r'(?:"Z"|\\Z)$')


@dataclass(frozen=True)
class Shape:
    """What a number format makes of a number."""

    day: bool = False
    time: bool = False
    elapsed: bool = False
    share: bool = False
    utc: bool = False  # it writes a Z behind the time

    @property
    def temporal(self) -> bool:
        """Whether the number counts days."""
        return self.day or self.time or self.elapsed


NUMBER = Shape()
_DAY, _TIME, _MOMENT = Shape(day=True), Shape(time=True), Shape(day=True, time=True)
_BUILTIN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), _DAY),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), _TIME),
    22: _MOMENT,
    46: Shape(elapsed=True),
    9: Shape(share=True),
    10: Shape(share=True),
}


def builtin_shape(number: int) -> Shape:
    """Return the shape of a number format that files do not spell out."""
    return _BUILTIN.get(number, NUMBER)


def shape_of(code: str) -> Shape:
    """Return the shape of a number format such as `yyyy-mm-dd`, `[h]:mm` or `0.00%`."""
    bare = _LITERAL.sub("", code[:1_000]).partition(";")[0].lower()
    if "general" in bare:
        return NUMBER
    if "%" in bare:
        return Shape(share=True)
    if _ELAPSED.search(bare):
        return Shape(elapsed=True)
    time = "h" in bare or "s" in bare
    day = "d" in bare or "y" in bare or ("m" in bare and not time)
    return Shape(day=day, time=time, utc=bool(time and _UTC.search(code)))


def number_cell(text: str, shape: Shape, *, since_1904: bool) -> Typed:
    """Return the cell that a number is with its format.

    :raises Invalid: it is no number, or no day that there is.
    """
    if shape.temporal:
        return _temporal(text, shape, since_1904=since_1904)
    number = _number(text)
    if shape.share:
        return Share(f"{Decimal(number).scaleb(2).normalize():f}%", number)
    return Typed(number)


def _number(text: str) -> str:
    """Return a number as a plain text of the 15 digits that spreadsheets show; files hold 1.1 as 1.1000000000000001."""
    if len(text) <= _DIGITS and _PLAIN.fullmatch(text):
        return text
    value = _finite(text)
    return f"{Decimal(f'{value:.{_DIGITS}g}').normalize():f}" if value else "0"


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise Invalid("type", _("“%(text)s” is no number.", text=text[:40]))
    return value


@lru_cache(maxsize=20_000)
def _temporal(text: str, shape: Shape, *, since_1904: bool) -> Typed:
    serial = _finite(text)
    if abs(serial) > _LAST + 1:  # before it is multiplied: a float has an end
        raise _no_day(text)
    if shape.elapsed:
        seconds = round(abs(serial) * DAY_S)
        return Typed(
            f"{'-' if serial < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        )
    days, milliseconds = divmod(round(serial * DAY_S * 1000), DAY_S * 1000)
    clock = _clock(milliseconds)
    if days == 0 and not shape.day:
        return Typed(clock)
    day = _day(days, text, since_1904=since_1904)
    if not milliseconds and not shape.utc:
        return Typed(day.isoformat())
    return Typed(f"{day.isoformat()}T{clock}{'Z' if shape.utc else ''}")


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    fraction = f".{rest:03}" if rest else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def _day(days: int, text: str, *, since_1904: bool) -> date:
    """Return the day of a number of days; the 1900 system has a day 60 that there was not, and nothing below 1."""
    if since_1904:
        if 0 <= days <= _LAST - _SHIFT:
            return date(1904, 1, 1) + timedelta(days)
    elif 60 < days <= _LAST:
        return date(1899, 12, 30) + timedelta(days)
    elif 0 < days < 60:
        return date(1899, 12, 31) + timedelta(days)
    raise _no_day(text)


def _no_day(text: str) -> Invalid:
    return Invalid(
        "date", _("%(text)s is formatted as a day, and spreadsheets have no such day.", text=text[:40])
    )


def serial_of(day: date, seconds: float = 0) -> float:
    """Return a day, and seconds since its midnight, as a number of the 1900 system; not before `FIRST_DAY`."""
    return (day - date(1899, 12, 30)).days + seconds / DAY_S
