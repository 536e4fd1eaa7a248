"""Sentences that can be translated later, and the person who reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal


class Message:
    """A translatable sentence: a template with named placeholders, and the facts for them."""

    __slots__ = ("template", "values")

    def __init__(self, template: str, /, **values: object) -> None:
        self.template = template
        self.values = values

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template.replace("%%", "%")

    def __repr__(self) -> str:
        return f"Message({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, (Message, str)) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


_ = Message


@dataclass(frozen=True)
class Reader:
    """Whom a value is shown to: language and customs, time zone, and whether secrets are masked."""

    locale: str = "en_GB"
    zone: tzinfo = UTC
    mask: bool = True
    _babel: Locale = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_babel", Locale.parse(self.locale))

    @classmethod
    def of(cls, locale: str, zone: str) -> Reader:
        """Return the reader for a locale name such as `de_AT` and a zone such as `Europe/Vienna`."""
        return cls(locale, ZoneInfo(zone))

    @property
    def babel(self) -> Locale:
        """Babel's own locale, for what this class does not offer."""
        return self._babel

    def date(self, value: date) -> str:
        """Show a day, such as `24 Nov 2026`."""
        return format_date(value, "medium", locale=self._babel)

    def moment(self, value: datetime) -> str:
        """Show a moment in the reader's zone, such as `24 Nov 2026, 09:12`."""
        return format_datetime(value, "d MMM y, HH:mm", tzinfo=self.zone, locale=self._babel)

    def number(self, value: int | Decimal, *, places: int = 0, grouped: bool = True) -> str:
        """Show a number with the reader's separators, between thousands if `grouped`, and exactly `places` decimals."""
        pattern = ("#,##0" if grouped else "0") + ("." + "0" * places if places else "")
        return format_decimal(value, format=pattern, locale=self._babel)

    def money(self, amount: Decimal, currency: str) -> str:
        """Show an amount with its currency, such as `€50.00`."""
        return format_currency(amount, currency, locale=self._babel)


PLAIN = Reader()
