"""How a reader writes dates and numbers in a form."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.numbers import get_decimal_symbol

from tracker.core.base.transaction import Reading
from tracker.fields.base import TextDialect
from tracker.i18n import Reader


def dialect_of(reading: Reading) -> TextDialect:
    """Return the dialect of whoever reads: order and mark of their locale, country of the house."""
    reader = reading.actor.reader
    zone = reader.zone.key if isinstance(reader.zone, ZoneInfo) else "UTC"
    return TextDialect(
        date_order=_date_order(reader.locale),
        decimal=_decimal_mark(reader.locale),
        country=reading.house.country,
        zone=zone,
    )


@lru_cache(maxsize=64)
def _date_order(locale: str) -> str:
    pattern = str(Reader(locale).babel.date_formats["short"].pattern)
    order = "".join(sign for sign in dict.fromkeys(pattern.lower()) if sign in "dmy")
    return order if order in ("dmy", "mdy", "ymd") else "iso"


@lru_cache(maxsize=64)
def _decimal_mark(locale: str) -> str:
    return get_decimal_symbol(Reader(locale).babel)
