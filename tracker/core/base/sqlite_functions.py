"""SQL functions that SQLite lacks, in Python, so that an expression gives the same on both databases.

Each is pure, gives NULL for NULL, and never raises: a value that cannot be is NULL. What PostgreSQL writes
instead stands in `tracker.core.language.elements`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from sqlite3 import Connection
from typing import Any
from zoneinfo import ZoneInfo

from tracker.fields.folding import fold

LARGEST = 9 * 10**18  # results from here on are NULL, on both databases


def install(driver: Connection) -> None:
    """Add the functions to one connection; called for every new one."""
    for name, (count, function) in _FUNCTIONS.items():
        driver.create_function(f"tracker_{name}", count, function, deterministic=True)
    driver.create_aggregate("tracker_sum", 1, _Sum)  # type: ignore[arg-type]
    driver.create_aggregate("tracker_average", 2, _Average)  # type: ignore[arg-type]


def _kept(number: int) -> int | None:
    return number if -LARGEST < number < LARGEST else None


def _whole(*values: Any) -> bool:
    return all(type(value) is int for value in values)


def divide(number: int, factor: int, by: int) -> int | None:
    """Return number * factor / by as a whole number, half away from zero; NULL when divided by zero."""
    if not _whole(number, factor, by) or by == 0:
        return None
    number *= factor
    quotient, rest = divmod(abs(number), abs(by))
    quotient += 2 * rest >= abs(by)
    return _kept(quotient if (number < 0) == (by < 0) else -quotient)


def _floor(number: int, unit: int) -> int | None:
    return number // unit if _whole(number, unit) else None


def _ceil(number: int, unit: int) -> int | None:
    return -(-number // unit) if _whole(number, unit) else None


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def add_to_date(day: date, count: int, unit: str) -> date | None:
    """Return `day` plus `count` of `unit` (days, months, years); month ends clamp; None outside years 1-9999."""
    try:
        if unit == "days":
            return day + timedelta(days=count)
        months = day.year * 12 + day.month - 1 + count * (12 if unit == "years" else 1)
        year, month = divmod(months, 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    except (ValueError, OverflowError):
        return None


def _date_add(day: str | None, count: int | None, unit: str) -> str | None:
    if day is None or count is None:
        return None
    moved = add_to_date(date.fromisoformat(day), count, unit)
    return None if moved is None else moved.isoformat()


def years_between(since: date, until: date) -> int:
    """Return how many full years lie between two days; negative when `until` comes first."""
    if until < since:
        return -years_between(until, since)
    return until.year - since.year - ((until.month, until.day) < (since.month, since.day))


def _years_between(since: str | None, until: str | None) -> int | None:
    if since is None or until is None:
        return None
    return years_between(date.fromisoformat(since), date.fromisoformat(until))


def _day(moment: str | None, zone: str) -> str | None:
    """Return the day of a moment in a zone."""
    if moment is None:
        return None
    try:
        found = datetime.fromisoformat(moment)
        return (found if zone == "UTC" else found.astimezone(ZoneInfo(zone))).date().isoformat()
    except (ValueError, OverflowError):
        return None


def _folded(text: str | None) -> str | None:
    return None if text is None else fold(text) or None


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()


def _join(separator: str, *texts: str | None) -> str | None:
    return separator.join(each for each in texts if each) or None


def _text_part(text: str | None, separator: str, number: int) -> str | None:
    if text is None:
        return None
    parts = text.split(separator, number)
    return parts[number - 1].strip(" ") or None if number <= len(parts) else None


class _Sum:
    """An exact sum; NULL when it is too large. SQLite's own raises then, and adds fractions as floats."""

    def __init__(self) -> None:
        self.total, self.count = 0, 0

    def step(self, number: int) -> None:
        if _whole(number):
            self.total += number
            self.count += 1

    def finalize(self) -> int | None:
        return _kept(self.total) if self.count else None


class _Average(_Sum):
    """An exact average, times a factor, half away from zero."""

    factor = 1

    def step(self, number: int, factor: int = 1) -> None:
        super().step(number)
        self.factor = factor

    def finalize(self) -> int | None:
        return divide(self.total, self.factor, self.count)


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "divide": (3, divide),
    "floor": (2, _floor),
    "ceil": (2, _ceil),
    "greatest": (-1, _greatest),
    "least": (-1, _least),
    "date_add": (3, _date_add),
    "years_between": (2, _years_between),
    "day": (2, _day),
    "fold": (1, _folded),
    "lower": (1, _lower),
    "upper": (1, _upper),
    "join": (-1, _join),
    "text_part": (3, _text_part),
}
