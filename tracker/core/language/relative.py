"""Spans of days told from today: this week, the last 30 days, `next:3:months`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from tracker.core.base.sqlite_functions import add_to_date
from tracker.errors import Unknown
from tracker.i18n import Message, _

Span = tuple[date, date]
"""First and last day, both within."""

SPANS: Mapping[str, Message] = {
    "today": _("today"),
    "yesterday": _("yesterday"),
    "tomorrow": _("tomorrow"),
    "this_week": _("this week"),
    "last_week": _("last week"),
    "next_week": _("next week"),
    "this_month": _("this month"),
    "last_month": _("last month"),
    "next_month": _("next month"),
    "this_quarter": _("this quarter"),
    "this_year": _("this year"),
    "last_year": _("last year"),
    "next_year": _("next year"),
    "last_7_days": _("the last 7 days"),
    "last_30_days": _("the last 30 days"),
    "last_90_days": _("the last 90 days"),
    "next_7_days": _("the next 7 days"),
    "next_30_days": _("the next 30 days"),
    "next_90_days": _("the next 90 days"),
    "past": _("the past"),
    "future": _("the future"),
}
"""What a form offers. Also understood: `last_N_days`, `next_N_months`, `last:N:weeks`, `next:N:years`, ..."""

_COUNTED = re.compile(r"(last|next)[_:]([0-9]{1,4})[_:](days?|weeks?|months?|years?)")
_NEAR = {"last": -1, "this": 0, "next": 1, "yesterday": -1, "today": 0, "tomorrow": 1}


def span(name: str, today: date) -> Span:
    """Return the days of a span.

    The last 7 days are today and the 7 days before it, the next 7 today and the 7 after. Weeks begin on
    Monday. The past ends yesterday, the future begins tomorrow.

    :raises Unknown: there is no such span.
    """
    name = name.strip().lower().replace(" ", "_")
    if name in ("today", "yesterday", "tomorrow"):
        day = _moved(today, _NEAR[name], "days")
        return day, day
    if name == "past":
        return date.min, _moved(today, -1, "days")
    if name == "future":
        return _moved(today, 1, "days"), date.max
    if found := _COUNTED.fullmatch(name):
        way, count, unit = found.groups()
        other = _moved(today, int(count) * _NEAR[way], unit.rstrip("s") + "s")
        return (other, today) if way == "last" else (today, other)
    way, _line, unit = name.partition("_")
    if way in ("last", "this", "next") and unit in ("week", "month", "quarter", "year"):
        return _whole(today, unit, _NEAR[way])
    raise Unknown("time span", name[:60], SPANS)


def _whole(today: date, unit: str, shift: int) -> Span:
    if unit == "week":
        first = today - timedelta(days=today.weekday())
        return _moved(first, 7 * shift, "days"), _moved(first, 7 * shift + 6, "days")
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    first = date(today.year, (today.month - 1) // months * months + 1, 1)
    first = _moved(first, shift * months, "months")
    return first, _moved(_moved(first, months, "months"), -1, "days")


def _moved(day: date, count: int, unit: str) -> date:
    """Return a day moved; at the ends of time, the last there is."""
    if unit == "weeks":
        count, unit = 7 * count, "days"
    return add_to_date(day, count, unit) or (date.max if count > 0 else date.min)
